//! What a killed run leaves behind, and what `whimbrel sweep` makes of it; counted in the cloud's
//! own state.

use serde_json::json;
use whimbrel::sim::{BootPhase, Disturbance, MigrationPhase, Service, Settings};

use crate::support::{Bench, Folder, Running, until};

pub const BOOT: &str = r#"Given 2 instances "web" booted together"#;

/// A run that hangs in the middle of its boot.
pub fn booting(bench: &Bench, arguments: &[&str]) -> Running {
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
    bench.sweep(&[]).exits(0).says(&["its run lives, or another sweep has it; passed over"]);
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
    // Whoever asks for anything logs in first; the last request of the run may still be under way.
    let before = bench.count("POST /identity/");
    bench.sweep(&["--dry-run"]).exits(0).says(&["on sim, begun", "-web"]);
    assert_eq!(bench.count("POST /identity/"), before);
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
    let [there, here] = [&gone, &bench].map(|it| it.sim.cloud.address().to_string());
    let text = std::fs::read_to_string(&journal).unwrap().replace("\"sim\"", "\"sim-wrong\"");
    let text = text.replace(&there, &here);
    let name = journal.file_name().unwrap().to_str().unwrap();
    bench.folder.write(&format!(".whimbrel/{name}"), &text);
    booting(&bench, &[]).kill();

    bench.sweep(&[]).exits(3).says(&["sim-wrong", "all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert_eq!(bench.folder.journals().len(), 1, "the journal of the other cloud stays");
}

/// A run that hangs with one compute disabled and `web` on another.
pub fn with_a_compute_disabled(bench: &Bench) -> Running {
    bench.control().hold_migrations(MigrationPhase::Running);
    let run = bench.start_scenario(
        r#"
        Given a running instance "web"
        And a compute without "web" was disabled
        When the operator live-migrates "web"
        Then the migration of "web" is completed
        "#,
        &[],
    );
    bench.until("a migration is under way", |cloud| cloud.migrations_in_flight == 1);
    run
}

/// Changes the service of the one compute that is disabled, as another operator does.
pub fn change_the_disabled_one(bench: &Bench, change: serde_json::Value) -> serde_json::Value {
    bench.block_on(async {
        let operator = bench.sim.admin().await;
        let services = operator.get("/os-services?binary=nova-compute").await;
        let services = services.body["services"].as_array().expect("a list");
        let service = services.iter().find(|it| it["status"] == "disabled");
        let service = service.expect("a compute that is disabled");
        let path = format!("/os-services/{}", service["id"].as_str().expect("an id"));
        let changed = operator.nova("PUT", &path, change).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        service.clone()
    })
}

#[test]
fn a_disabled_compute_tells_which_run_has_disabled_it() {
    let bench = Bench::new();
    with_a_compute_disabled(&bench).kill();
    let service = change_the_disabled_one(&bench, json!({"forced_down": false}));
    let reason = service["disabled_reason"].as_str().unwrap();
    let journal = bench.folder.journals().remove(0);
    let run = journal.file_stem().unwrap().to_str().unwrap();
    assert_eq!(reason, format!("whimbrel run {run}"));
}

#[test]
fn a_compute_that_somebody_else_has_disabled_since_is_left_to_them() {
    let bench = Bench::new();
    with_a_compute_disabled(&bench).kill();
    let theirs = json!({"status": "disabled", "disabled_reason": "broken fan"});
    change_the_disabled_one(&bench, theirs);

    let words = ["somebody else has disabled it since (broken fan)", "it is left disabled"];
    bench.sweep(&[]).exits(5).says(&words);
    assert_eq!(bench.snapshot().touched_computes.len(), 1);
    assert_eq!(bench.folder.journals().len(), 1, "the journal stays");

    change_the_disabled_one(&bench, json!({"status": "enabled"}));
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_compute_that_somebody_else_has_forced_down_since_stays_so() {
    let bench = Bench::new();
    with_a_compute_disabled(&bench).kill();
    change_the_disabled_one(&bench, json!({"forced_down": true}));
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    let services = bench.block_on(async {
        let operator = bench.sim.admin().await;
        operator.get("/os-services?binary=nova-compute").await.body["services"].clone()
    });
    let services = services.as_array().unwrap();
    let down: Vec<_> = services.iter().filter(|it| it["forced_down"] == true).collect();
    assert_eq!(down.len(), 1, "{services:?}");
    assert_eq!(down[0]["status"], "enabled", "but what the run did is undone");
}

#[test]
fn a_journal_of_another_cloud_of_the_same_name_is_not_swept() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    let own = bench.folder.read("clouds.yaml");
    let mut clouds: serde_json::Value = serde_json::from_str(&own).unwrap();
    clouds["clouds"]["sim"] = clouds["clouds"]["sim-member"].clone();
    bench.folder.write("clouds.yaml", &clouds.to_string());
    let words = ["its cloud sim was project", "and now that name means project"];
    bench.sweep(&[]).exits(2).says(&words);

    let elsewhere = own.replace("127.0.0.1", "127.0.0.2");
    bench.folder.write("clouds.yaml", &elsewhere);
    let before = bench.requests().len();
    bench.sweep(&[]).exits(2).says(&["its cloud sim was http://127.0.0.1", "http://127.0.0.2"]);
    assert_eq!(bench.requests().len(), before);
    assert_eq!(bench.snapshot().instances, 2);

    bench.folder.write("clouds.yaml", &own);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn what_a_sweep_has_removed_is_not_looked_for_by_the_next() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let steps = r#"Given 2 instances "web" booted by separate requests at the same time"#;
    let run = bench.start_scenario(steps, &[]);
    let journal = || std::fs::read_to_string(&bench.folder.journals()[0]).unwrap();
    let both = || bench.snapshot().instances == 2 && journal().matches("\"created\"").count() == 2;
    until("two instances are being booted", both, || format!("{:?}", bench.snapshot()));
    run.kill();
    let broken = Disturbance::Answer { status: 500, retry_after: None };
    bench.control().disturb(Service::Compute, Some("DELETE"), 1, broken);

    bench.sweep(&[]).exits(5).says(&["left behind"]);
    assert_eq!(bench.snapshot().instances, 1);
    let shown = bench.sweep(&["--dry-run"]).exits(0);
    assert_eq!(shown.out.matches("instances named").count(), 1, "{}", shown.out);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_broken_journal_is_told_and_does_not_keep_others_from_being_swept() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    bench.folder.write(".whimbrel/broken.jsonl", "nonsense\n");
    bench.folder.write(".whimbrel/blank.jsonl", "{\"entry\":");
    let words = ["broken.jsonl:1 can't be read", "blank.jsonl: its run ended before it did"];
    bench.sweep(&["--dry-run"]).exits(2).says(&words);
    assert_eq!(bench.folder.journals().len(), 3);
    bench.sweep(&[]).exits(2).says(&words).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    let [broken] = bench.folder.journals().try_into().unwrap();
    assert!(broken.ends_with("broken.jsonl"));
}

#[test]
fn a_journal_of_a_newer_version_is_kept_and_nothing_of_it_is_undone() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    let [journal] = bench.folder.journals().try_into().unwrap();
    let text = std::fs::read_to_string(&journal).unwrap();
    let lines = text.lines().count();
    std::fs::write(&journal, format!("{text}{{\"entry\":\"quota\"}}\n")).unwrap();
    let place = format!(".jsonl:{} can't be read", lines + 1);
    let told = bench.sweep(&[]).exits(2);
    told.says(&[&place, "an entry \"quota\"", "sweep it with the version that wrote it"]);
    assert_eq!(bench.snapshot().instances, 2);

    std::fs::write(&journal, text).unwrap();
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_journal_that_leaves_nothing_to_undo_is_removed_without_asking_its_cloud() {
    let folder = Folder::empty();
    let line = json!({
        "entry": "run", "run": "abcdefgh", "cloud": "gone", "started": "2026-11-23T12:00:00Z",
    });
    folder.write(".whimbrel/abcdefgh.jsonl", &format!("{line}\n"));
    folder.run(&["sweep"]).exits(0).says(&["on gone, begun", "all of it is gone"]);
    assert!(folder.journals().is_empty());
}

#[test]
fn a_full_disk_leaves_no_half_line_in_the_journal() {
    let bench = Bench::new();
    let boot = "Given 20 instances \"web\" booted together";
    bench.folder.write("one.feature", &crate::support::feature(boot));
    // A file may have one block; the signal that would end the process is ignored.
    let line = format!(
        "trap '' XFSZ; ulimit -f 1; exec {} run one.feature --cloud sim",
        env!("CARGO_BIN_EXE_whimbrel")
    );
    let shell = std::process::Command::new("/bin/sh")
        .args(["-c", &line])
        .env_clear()
        .env("HOME", bench.folder.path())
        .current_dir(bench.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shell.stdout);
    assert_eq!(shell.status.code(), Some(1), "{said}");
    assert!(said.contains("can't be written"), "{said}");
    for journal in bench.folder.journals() {
        let text = std::fs::read_to_string(journal).unwrap();
        assert!(text.ends_with('\n'), "{text}");
    }
    bench.sweep(&[]).exits(0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}
