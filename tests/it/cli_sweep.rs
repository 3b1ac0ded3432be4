//! What a killed run leaves behind, and what `whimbrel sweep` makes of it; counted in the cloud's
//! own state.

use serde_json::json;
use whimbrel::sim::{BootPhase, MigrationPhase, Settings};

use crate::support::{Bench, Folder, Running, until};

const BOOT: &str = r#"Given 2 instances "web" booted together"#;

/// A run that hangs in the middle of its boot.
fn booting(bench: &Bench, arguments: &[&str]) -> Running {
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(BOOT, arguments);
    bench.until("two instances are being booted", |cloud| cloud.instances == 2);
    run
}

#[test]
fn a_killed_run_is_swept() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    bench.control().release_boots();
    bench.until("they run", |cloud| cloud.allocations.values().flatten().count() == 2);

    bench.sweep(&[]).exits(0).says(&["on sim, begun", "-web", "all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
    bench.sweep(&[]).exits(0).says(&["nothing to sweep"]);
}

#[test]
fn what_a_killed_run_was_still_booting_is_swept_too() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    bench.sweep(&[]).exits(0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_run_killed_in_a_migration_is_swept_and_its_computes_are_put_back() {
    let bench = Bench::with(Settings { computes: 4, ..Settings::default() });
    bench.control().hold_migrations(MigrationPhase::Running);
    let run = bench.start_scenario(
        r#"
        Given 2 instances "web" booted together
        And a compute without "web-1" was disabled
        And a compute without "web-1" went down
        When the operator live-migrates "web-1"
        Then the migration of "web-1" is completed
        "#,
        &[],
    );
    bench.until("a migration is under way", |cloud| cloud.migrations_in_flight == 1);
    run.kill();
    assert_eq!(bench.snapshot().touched_computes.len(), 2);

    bench.sweep(&[]).exits(0).says(&["the service of compute-", "which was enabled"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_migration_that_was_too_young_to_be_called_off_is_called_off_later() {
    let bench = Bench::new();
    bench.control().hold_migrations(MigrationPhase::Accepted);
    let steps = r#"
        Given a running instance "web"
        When the operator live-migrates "web"
        Then the migration of "web" is completed
    "#;
    let run = bench.start_scenario(steps, &[]);
    bench.until("a migration is under way", |cloud| cloud.migrations_in_flight == 1);
    run.kill();
    let sweep = bench.folder.start(&["sweep"]);
    let refused = || {
        let requests = bench.requests();
        requests.iter().any(|it| it.contains("/migrations/1 4") && it.starts_with("DELETE"))
    };
    until("the sweep is refused", refused, || format!("{:?}", bench.requests()));
    bench.control().release_migrations();
    bench.control().hold_migrations(MigrationPhase::Running);
    sweep.ended().exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_compute_that_was_disabled_before_the_run_stays_so() {
    let bench = Bench::with(Settings { computes: 4, ..Settings::default() });
    let operator = bench.block_on(bench.sim.admin());
    let services = bench.block_on(operator.get("/os-services?binary=nova-compute"));
    let service = &services.body["services"][3];
    let path = format!("/os-services/{}", service["id"].as_str().unwrap());
    let disable = json!({"status": "disabled", "disabled_reason": "broken fan"});
    assert_eq!(bench.block_on(operator.nova("PUT", &path, disable)).status, 200);

    bench
        .scenario(
            r#"
            Given a running instance "web"
            And every compute without "web" was disabled
            "#,
        )
        .exits(0);
    let services = bench.block_on(operator.get("/os-services?binary=nova-compute"));
    let disabled: Vec<&serde_json::Value> = services.body["services"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|service| service["status"] != "enabled")
        .collect();
    assert_eq!(disabled.len(), 1, "{disabled:?}");
    assert_eq!(disabled[0]["disabled_reason"], "broken fan");
}

#[test]
fn an_instance_of_somebody_else_is_not_swept_whatever_its_name() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    bench.control().release_boots();
    let journal = std::fs::read_to_string(&bench.folder.journals()[0]).unwrap();
    let name = journal.split("\"name\":\"").nth(1).unwrap().split('"').next().unwrap();
    let foreign = bench.block_on(async {
        let operator = bench.sim.admin().await;
        let exact = operator.boot(name, 1).await.remove(0);
        let numbered = operator.boot(&format!("{name}-3"), 1).await.remove(0);
        let mut other_run = operator.tiny(name).await;
        other_run["metadata"] = json!({"whimbrel-run": "another"});
        let created = operator.nova("POST", "/servers", json!({"server": other_run})).await;
        let other_run = created.body["server"]["id"].as_str().unwrap().to_owned();
        [exact, numbered, other_run]
    });
    bench.sweep(&[]).exits(0);
    assert_eq!(bench.snapshot().instances, 3);
    for id in foreign {
        let server = bench.block_on(async { bench.sim.admin().await.server(&id).await });
        assert_ne!(server["OS-EXT-STS:task_state"], "deleting", "{server}");
    }
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_sweep_does_not_touch_what_a_living_run_has() {
    let bench = Bench::new();
    let run = booting(&bench, &[]);
    bench.sweep(&[]).exits(0).says(&["nothing to sweep"]);
    assert_eq!(bench.snapshot().instances, 2);
    bench.control().release_boots();
    run.ended().exits(0).says(&["1 passed"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_sweep_beside_a_living_run_removes_only_what_the_dead_one_left() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    let alive = bench.start_scenario(BOOT, &[]);
    bench.until("both have booted two", |cloud| cloud.instances == 4);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert_eq!(bench.snapshot().instances, 2);
    bench.control().release_boots();
    alive.ended().exits(0).says(&["1 passed"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_dry_sweep_shows_what_there_is_and_asks_nothing_of_the_cloud() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    let before = bench.requests().len();
    bench.sweep(&["--dry-run"]).exits(0).says(&["on sim, begun", "-web"]);
    assert_eq!(bench.requests().len(), before);
    assert_eq!(bench.snapshot().instances, 2);
    bench.sweep(&["--cloud", "sim-member"]).exits(0).says(&["nothing to sweep"]);
    bench.sweep(&["--cloud", "sim"]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn there_may_be_nothing_to_sweep() {
    Folder::empty().run(&["sweep"]).exits(0).says(&["nothing to sweep", ".whimbrel"]);
}

#[test]
fn what_a_member_was_given_is_swept_without_naming_the_member_again() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let steps = r#"Given a running instance "web" of a plain member"#;
    let run = bench.start_scenario(steps, &["--member", "sim-member"]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.kill();
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_cloud_that_is_gone_does_not_keep_others_from_being_swept() {
    let bench = Bench::new();
    let gone = Bench::new();
    booting(&gone, &[]).kill();
    let [journal] = gone.folder.journals().try_into().unwrap();
    let text = std::fs::read_to_string(&journal).unwrap().replace("\"sim\"", "\"sim-wrong\"");
    let name = journal.file_name().unwrap().to_str().unwrap();
    bench.folder.write(&format!(".whimbrel/{name}"), &text);
    booting(&bench, &[]).kill();

    bench.sweep(&[]).exits(3).says(&["sim-wrong", "all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert_eq!(bench.folder.journals().len(), 1, "the journal of the other cloud stays");
}
