//! Random legal and illegal actions; what must be true after each step, and what at the end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::Bench;
use crate::events::names::{ComputeName, MigrationNumber, ServerId};
use crate::sim::settings::Settings;
use crate::sim::state::migration::{End, FailStep, MigrationPhase, MigrationStatus};
use crate::sim::state::placement::Resources;
use crate::sim::state::power::Task;
use crate::sim::state::server::{TaskState, VmState};
use crate::sim::state::{BuildPhase, Server, State};

/// Something that somebody does; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Act {
    Create(usize, bool),
    Migrate(usize, Option<usize>),
    Abort(usize),
    ForceComplete(usize),
    Delete(usize),
    Task(usize, Task),
    Disable(usize, bool),
    ForceDown(usize, bool),
    Down(usize),
    Up(usize),
    FailMove(FailStep),
    FailBuild(usize),
    HoldMoves(MigrationPhase),
    ReleaseMoves,
    HoldBoots(BuildPhase),
    ReleaseBoots,
    Steps(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let some = || 0..12usize;
    let tasks = [
        Task::Pause,
        Task::Unpause,
        Task::Suspend,
        Task::Resume,
        Task::Stop,
        Task::Start,
        Task::HardReboot,
    ];
    let steps = [
        FailStep::Schedule,
        FailStep::CheckDestination,
        FailStep::CheckSource,
        FailStep::Prepare,
        FailStep::Copy,
        FailStep::CopyWithoutRollback,
        FailStep::Finish,
    ];
    let phases = [
        MigrationPhase::Requested,
        MigrationPhase::Accepted,
        MigrationPhase::SourceHeld,
        MigrationPhase::Chosen,
        MigrationPhase::Checked,
        MigrationPhase::Queued,
        MigrationPhase::Preparing,
        MigrationPhase::Running,
        MigrationPhase::Landed,
        MigrationPhase::Completed,
        MigrationPhase::Restored(End::Cancelled),
    ];
    let boots = [BuildPhase::Scheduling, BuildPhase::Placed, BuildPhase::Spawning];
    let act = prop_oneof![
        3 => (1..5usize, any::<bool>()).prop_map(|(count, nics)| Act::Create(count, nics)),
        6 => (some(), proptest::option::of(0..4usize)).prop_map(|(who, to)| Act::Migrate(who, to)),
        2 => some().prop_map(Act::Abort),
        1 => some().prop_map(Act::ForceComplete),
        2 => some().prop_map(Act::Delete),
        2 => (some(), proptest::sample::select(tasks.to_vec())).prop_map(|(who, task)| Act::Task(who, task)),
        1 => (0..3usize, any::<bool>()).prop_map(|(host, on)| Act::Disable(host, on)),
        1 => (0..3usize, any::<bool>()).prop_map(|(host, on)| Act::ForceDown(host, on)),
        1 => (0..3usize).prop_map(Act::Down),
        2 => (0..3usize).prop_map(Act::Up),
        1 => proptest::sample::select(steps.to_vec()).prop_map(Act::FailMove),
        1 => (1..4usize).prop_map(Act::FailBuild),
        1 => proptest::sample::select(phases.to_vec()).prop_map(Act::HoldMoves),
        1 => Just(Act::ReleaseMoves),
        1 => proptest::sample::select(boots.to_vec()).prop_map(Act::HoldBoots),
        1 => Just(Act::ReleaseBoots),
        10 => (1..8usize).prop_map(Act::Steps),
    ];
    proptest::collection::vec(act, 1..60)
}

impl Bench {
    fn someone(&self, n: usize) -> Option<ServerId> {
        let all: Vec<&Server> = self.state.servers.iter().collect();
        (!all.is_empty()).then(|| all[n % all.len()].id.clone())
    }

    fn compute(&self, n: usize) -> ComputeName {
        ComputeName::new(format!("compute-{}", n + 1))
    }

    /// Refusals are as good as anything else here; only what they leave is judged.
    fn act(&mut self, act: &Act) {
        let admin = self.admin.clone();
        let refused = match *act {
            Act::Create(count, nics) => {
                let mut new = self.request(count, count);
                if nics {
                    new.request.nics = crate::sim::state::creating::Nics::Auto;
                }
                self.create(new).err()
            }
            Act::Migrate(who, to) => self.someone(who).and_then(|id| {
                let to = to.map(|to| self.compute(to).to_string());
                self.migrate(&id, to.as_deref()).err()
            }),
            Act::Abort(who) => self.someone(who).and_then(|id| {
                let number = self.state.migration_in_flight(&id).map_or(0, |known| known.number.0);
                self.state.abort_migration(&admin, &id, &number.to_string(), true).err()
            }),
            Act::ForceComplete(who) => self.someone(who).and_then(|id| {
                let number = self.state.migration_in_flight(&id).map_or(0, |known| known.number.0);
                self.state.force_complete(&admin, &id, &number.to_string()).err()
            }),
            Act::Delete(who) => {
                self.someone(who).and_then(|id| self.state.delete_server(&admin, &id).err())
            }
            Act::Task(who, task) => {
                self.someone(who).and_then(|id| self.state.start_task(&admin, &id, task).err())
            }
            Act::Disable(host, on) => {
                self.state.set_disabled(&self.compute(host), on, None);
                None
            }
            Act::ForceDown(host, on) => {
                self.state.set_forced_down(&self.compute(host), on);
                None
            }
            Act::Down(host) => {
                self.state.compute_down(&self.compute(host));
                None
            }
            Act::Up(host) => {
                self.state.compute_up(&self.compute(host));
                None
            }
            Act::FailMove(step) => {
                self.state.fail_next_move(step, None);
                None
            }
            Act::FailBuild(computes) => {
                self.state.fail_next_build(computes);
                None
            }
            Act::HoldMoves(phase) => {
                self.state.hold_moves(phase);
                None
            }
            Act::ReleaseMoves => {
                self.state.release_moves();
                None
            }
            Act::HoldBoots(phase) => {
                self.state.hold_boots(phase);
                None
            }
            Act::ReleaseBoots => {
                self.state.release_boots();
                None
            }
            Act::Steps(steps) => {
                (0..steps).take_while(|_| self.step()).count();
                None
            }
        };
        if let Some(refused) = refused {
            assert!((400..500).contains(&refused.code()), "{refused}");
        }
    }
}

/// What each compute is charged for is the sum of its consumers, and fits.
fn books_balance(state: &State) {
    let mut sums: BTreeMap<&ComputeName, Resources> = BTreeMap::new();
    for (_, consumer) in state.placement.consumers() {
        for (host, charged) in &consumer.charges {
            let sum = sums.entry(host).or_default();
            sum.vcpus += charged.vcpus;
            sum.memory_mb += charged.memory_mb;
            sum.disk_gb += charged.disk_gb;
        }
    }
    for provider in state.placement.providers() {
        let sum = sums.get(&provider.name).copied().unwrap_or_default();
        assert_eq!(provider.used, sum, "{}", provider.name);
        let capacity = provider.capacity();
        assert!(sum.memory_mb <= capacity.memory_mb && sum.vcpus <= capacity.vcpus);
    }
}

/// Where `consumer` is charged.
fn charged(state: &State, consumer: &str) -> Vec<ComputeName> {
    let consumer = state.placement.consumer(consumer);
    consumer.map(|consumer| consumer.charges.keys().cloned().collect()).unwrap_or_default()
}

/// An instance is charged where it runs, and each of its migrations for the source until the end.
fn charges_match(state: &State) {
    use MigrationPhase as P;
    let landed = |phase| matches!(phase, P::Landed | P::Botched | P::Completed);
    for server in state.servers.iter() {
        let own = charged(state, server.id.as_str());
        let here: Vec<ComputeName> = server.host.iter().chain(&server.chosen).cloned().collect();
        let moving = state.migration_in_flight(&server.id).filter(|newest| !landed(newest.phase));
        let expected = match moving.map(|migration| (migration.phase, &migration.chosen)) {
            None | Some((P::Requested | P::Accepted | P::Restored(_), _)) => here,
            Some((P::SourceHeld, _)) => vec![],
            Some((_, chosen)) => chosen.iter().cloned().collect(),
        };
        assert_eq!(own, expected, "{}", server.state_line());
    }
    for migration in state.moving.keys().filter_map(|number| state.migration(*number)) {
        let none = matches!(migration.phase, P::Requested | P::Accepted | P::Restored(_));
        let expected: Vec<ComputeName> =
            (!none).then(|| migration.source.clone()).into_iter().collect();
        assert_eq!(charged(state, migration.uuid.as_str()), expected, "{:?}", migration.phase);
    }
    for (id, _) in state.placement.consumers() {
        let server = state.servers.get(&ServerId::new(id.as_str())).is_some();
        let mut moving = state.moving.keys().filter_map(|number| state.migration(*number));
        let known = server || moving.any(|migration| migration.uuid.as_str() == id);
        assert!(known, "nobody owns consumer {id}");
    }
}

/// A task is there because something is under way, and something under way shows its task.
fn tasks_have_reasons(state: &State) {
    for server in state.servers.iter() {
        let migration = state.migration_in_flight(&server.id);
        let moving = migration.is_some_and(|migration| {
            !matches!(
                migration.phase,
                MigrationPhase::Restored(_)
                    | MigrationPhase::Landed
                    | MigrationPhase::Botched
                    | MigrationPhase::Completed
            )
        });
        match server.task_state {
            Some(TaskState::Migrating) => assert!(moving, "{}", server.state_line()),
            Some(TaskState::Scheduling) => assert_eq!(server.vm_state, VmState::Building),
            Some(_) => assert!(server.ticket.is_some(), "{}", server.state_line()),
            None => assert!(!moving, "{}", server.state_line()),
        }
    }
}

/// A port is bound to where its instance is, and to nothing else when nothing moves.
fn ports_are_bound(state: &State) {
    for server in state.servers.iter().filter(|server| server.launched.is_some()) {
        for port in state.catalog.ports_of(&server.id) {
            let active: Vec<&ComputeName> = port
                .bindings
                .iter()
                .filter(|binding| binding.active)
                .map(|binding| &binding.host)
                .collect();
            assert_eq!(active, server.host.iter().collect::<Vec<_>>());
            assert!(port.bindings.len() == 1 || state.migration_in_flight(&server.id).is_some());
        }
    }
}

fn rank(status: MigrationStatus) -> u8 {
    match status {
        MigrationStatus::Accepted => 0,
        MigrationStatus::Queued => 1,
        MigrationStatus::Preparing => 2,
        MigrationStatus::Running => 3,
        _ => 4,
    }
}

/// A record goes forward only; once it is over it stays, but for `error` that turns `failed`.
fn records_go_forward(state: &State, before: &mut BTreeMap<MigrationNumber, MigrationStatus>) {
    for migration in state.migrations.recorded() {
        let (now, then) = (migration.status, before.insert(migration.number, migration.status));
        let Some(then) = then.filter(|then| *then != now) else { continue };
        let flips = (then, now) == (MigrationStatus::Error, MigrationStatus::Failed);
        assert!(rank(now) > rank(then) || flips, "{then:?} -> {now:?}");
    }
}

fn judge(state: &State, records: &mut BTreeMap<MigrationNumber, MigrationStatus>) {
    books_balance(state);
    charges_match(state);
    tasks_have_reasons(state);
    ports_are_bound(state);
    records_go_forward(state, records);
    let project = &state.identity.project("admin").unwrap().id;
    let exists = i64::try_from(state.servers.iter().count()).unwrap();
    assert_eq!(state.usage_of(project).instances, exists);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_the_books_balance_and_everything_comes_to_rest(acts in acts()) {
        let mut bench = Bench::with(Settings { quotas: crate::sim::Quotas { instances: 14, ..Default::default() }, ..Settings::default() });
        let mut records = BTreeMap::new();
        for act in &acts {
            bench.act(act);
            judge(&bench.state, &mut records);
        }
        for host in 0..3 {
            bench.act(&Act::Up(host));
        }
        bench.act(&Act::ReleaseMoves);
        bench.act(&Act::ReleaseBoots);
        while bench.step() {
            judge(&bench.state, &mut records);
        }
        prop_assert_eq!(bench.state.in_flight(), 0);
        prop_assert!(bench.state.servers.iter().all(|server| server.task_state.is_none()));
        let ids: Vec<ServerId> = bench.state.servers.iter().map(|server| server.id.clone()).collect();
        for id in ids {
            bench.state.delete_server(&bench.admin.clone(), &id).unwrap();
        }
        bench.settle();
        prop_assert_eq!(bench.state.placement.consumers().count(), 0);
        prop_assert!(bench.state.catalog.ports.is_empty());
    }
}
