//! A cloud that runs for days stays of one size.

use std::time::Duration;

use serde_json::json;

use super::support::Bench;
use crate::events::names::{MigrationNumber, ServerId};
use crate::sim::ids;
use crate::sim::settings::Quotas;
use crate::sim::state::actions::{Actions, KEPT as ACTIONS};
use crate::sim::state::controls::FEW_PARKED;
use crate::sim::state::creating::Nics;
use crate::sim::state::groups::Policy;
use crate::sim::state::identity::{Identity, TOKENS, Token};
use crate::sim::state::migration::{KEPT as MIGRATIONS, Migrations};
use crate::sim::state::server::TOMBS;
use crate::sim::state::{BuildPhase, Caller};

impl Bench {
    fn deleted(&mut self, id: &ServerId) {
        self.state.delete_server(&self.admin.clone(), id).unwrap();
        self.settle();
    }

    /// Boots an instance of a group with a port, moves it, and deletes it.
    fn come_and_go(&mut self, group: &str) {
        let mut new = self.request(1, 1);
        new.request.hints = json!({"group": group});
        new.request.nics = Nics::Auto;
        let id = self.create(new).unwrap().remove(0);
        self.settle();
        self.migrate(&id, None).unwrap();
        self.settle();
        self.deleted(&id);
        self.state.take_notes();
    }

    /// How much there is in each table, as long as it is when it is printed.
    fn sizes(&self) -> Vec<(&'static str, usize)> {
        let state = &self.state;
        vec![
            ("servers", format!("{:?}", state.servers).len()),
            ("migrations", format!("{:?}", state.migrations).len()),
            ("moving", format!("{:?}", state.moving).len()),
            ("catalog", format!("{:?}", state.catalog).len()),
            ("computes", format!("{:?}", state.computes).len()),
            ("placement", format!("{:?}", state.placement).len()),
            ("groups", format!("{:?}", state.groups).len()),
            ("quotas", format!("{:?}", state.quotas).len()),
            ("queue", format!("{:?}", state.queue).len()),
            ("control", format!("{:?}", state.control).len()),
            ("notes", format!("{:?}", state.notes).len()),
        ]
    }
}

#[test]
fn instances_that_come_and_go_leave_nothing_that_grows() {
    let mut bench = Bench::new();
    let admin = bench.admin.clone();
    let group = bench.state.create_group(&admin, "g", Policy::SoftAffinity, None).unwrap().id;
    for _ in 0..TOMBS + 10 {
        bench.come_and_go(&group);
    }
    let before = bench.sizes();
    for _ in 0..100 {
        bench.come_and_go(&group);
    }
    for ((table, before), (_, after)) in before.into_iter().zip(bench.sizes()) {
        // Numbers and times have a digit more now and then; 100 of anything would be more than that.
        assert!(after <= before + before / 50 + 100, "{table} grew from {before} to {after}");
    }
}

#[test]
fn of_the_deleted_instances_the_last_ones_are_remembered() {
    let mut bench = Bench::new();
    let ids: Vec<ServerId> = (0..=TOMBS)
        .map(|_| {
            let id = bench.create(bench.request(1, 1)).unwrap().remove(0);
            bench.deleted(&id);
            id
        })
        .collect();
    assert!(bench.state.servers.any(&ids[0]).is_none());
    assert!(ids[1..].iter().all(|id| bench.state.servers.any(id).is_some()));
}

#[test]
fn the_oldest_finished_migration_is_forgotten_first() {
    let mut bench = Bench::new();
    let ids = bench.booted(2);
    let finished = bench.migrate(&ids[0], None).unwrap();
    bench.settle();
    let finished = bench.state.migration(finished).unwrap().clone();
    let moving = bench.migrate(&ids[1], None).unwrap();
    let mut moving = bench.state.migration(moving).unwrap().clone();
    let mut migrations = Migrations::default();
    moving.number = migrations.next_number();
    migrations.add(moving);
    for _ in 0..MIGRATIONS {
        let number = migrations.next_number();
        migrations.add(crate::sim::state::Migration { number, ..finished.clone() });
    }
    assert!(migrations.get(MigrationNumber(1)).is_some(), "it is not over");
    assert!(migrations.get(MigrationNumber(2)).is_none());
    assert!(migrations.get(MigrationNumber(3)).is_some());
}

#[test]
fn the_oldest_action_that_is_over_is_forgotten_first() {
    let by = Bench::new().admin;
    let now = Duration::ZERO;
    let mut actions = Actions::default();
    actions.open("create", &by, now);
    actions.begin("create", "compute__do_build_and_run_instance", "compute-1", now);
    for request in 1..=ACTIONS {
        let mut by = by.clone();
        by.request_id = format!("req-{request}");
        actions.open("lock", &by, now);
        actions.once("lock", "api_lock", "api", now);
    }
    assert_eq!(actions.iter().count(), ACTIONS);
    let names: Vec<_> =
        actions.iter().map(|action| (action.name, action.request_id.as_str())).collect();
    assert_eq!(names[..2], [("create", "req-1"), ("lock", "req-2")]);
}

#[test]
fn a_deleted_project_and_its_user_take_with_them_what_nobody_can_reach_any_more() {
    let mut bench = Bench::new();
    let before = bench.sizes();
    let networks = bench.state.catalog.networks.len();
    bench.state.identity.add_user("come", "go", "member");
    let user = bench.state.identity.user("come").unwrap().id.clone();
    let project = bench.state.identity.project("go").unwrap().id.clone();
    let by = Caller { user, project, ..bench.admin.clone() };
    let mut new = bench.request(1, 1);
    new.request.nics = Nics::Auto;
    let id = bench.state.create_servers(&by, new).unwrap().remove(0);
    bench.state.create_group(&by, "g", Policy::SoftAffinity, None).unwrap();
    bench.state.quotas.insert(by.project.clone(), Quotas::default());
    bench.settle();
    assert_eq!(bench.state.catalog.networks.len(), networks + 1);
    bench.deleted(&id);
    assert!(bench.state.delete_project(&by.project));
    assert!(bench.state.delete_user(&by.user));
    let tables = ["catalog", "groups", "quotas"];
    for ((table, before), (_, after)) in before.into_iter().zip(bench.sizes()) {
        assert!(!tables.contains(&table) || after <= before + 10, "{table}: {before}, {after}");
    }
}

fn token(number: usize, issued: u64) -> Token {
    Token {
        id: format!("token-{number}"),
        user: ids::plain_uuid(),
        project: None,
        methods: vec!["password"],
        issued: Duration::from_secs(issued),
        expires: Duration::from_secs(issued + 60),
        audit: String::new(),
        credential: None,
    }
}

#[test]
fn the_oldest_token_is_the_first_that_is_no_longer_good() {
    let mut identity = Identity::stocked();
    for number in 0..=TOKENS {
        identity.issue(token(number, 0));
    }
    let now = Duration::from_secs(1);
    assert!(identity.token("token-0", now).is_none());
    assert!(identity.token("token-1", now).is_some());
    identity.issue(token(TOKENS + 1, 61));
    assert!(identity.token("token-2", now).is_none(), "all that expired are gone");
}

#[test]
fn what_is_deleted_while_it_is_held_does_not_pile_up() {
    let mut bench = Bench::new();
    bench.state.hold_boots(BuildPhase::Spawning);
    let held = bench.create(bench.request(1, 1)).unwrap().remove(0);
    for _ in 0..3 * FEW_PARKED {
        let id = bench.create(bench.request(1, 1)).unwrap().remove(0);
        bench.settle();
        assert!(bench.line(&id).starts_with("BUILD/spawning"));
        bench.deleted(&id);
    }
    assert!(bench.state.parked() <= FEW_PARKED, "{}", bench.state.parked());
    bench.state.release_boots();
    bench.settle();
    assert!(bench.line(&held).starts_with("ACTIVE"));
}
