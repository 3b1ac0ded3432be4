//! What a scenario may ask of a cloud beyond its API: in every way there is, and judged.

use std::sync::{Arc, Mutex};

use serde_json::json;
use whimbrel::sim::{MigrationPhase, Release, Settings};

use crate::support::{Bench, Folder, Running, Way};

/// The features that turn knobs.
const FEATURES: [&str; 2] =
    ["features/live_migration/in_flight.feature", "features/live_migration/failing.feature"];

/// `whimbrel cloud --control` in a process of its own, with the URL of its control.
fn cloud(folder: &Folder) -> (Running, String) {
    let cloud = folder.start(&["cloud", "--control", "--clouds-yaml", "clouds.yaml"]);
    let url = cloud.until_it_prints("the control's URL", |out| {
        let line = out.lines().find_map(|line| line.strip_prefix("control: "))?;
        out.ends_with('\n').then(|| line.to_owned())
    });
    (cloud, url)
}

/// A run of these files on the cloud of another process.
fn run<'a>(more: &[&'a str], files: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--cloud", "whimbrel-admin", "--allow", "hosts"], more, files].concat()
}

fn bench() -> Bench {
    Bench::controlled(Settings::default())
}

/// Makes this the limit of all waits for migrations.
const SOON: [&str; 2] = ["--set", "pace.migrate.limit=1s"];

#[test]
fn scenarios_that_turn_knobs_run_on_a_cloud_of_another_process_and_leave_nothing() {
    let folder = Folder::quick();
    let (cloud, url) = cloud(&folder);
    let control = format!("control={url}");
    let told = folder.run(&run(&["--set", &control], &FEATURES)).exits(0);
    told.says(&["passed\n"]).never_says("skipped");
    let doctor = ["doctor", "--cloud", "whimbrel-admin", "--set", &control];
    folder.run(&doctor).exits(0).says(&["it holds live migrations, makes live migrations fail, "]);
    cloud.signal("INT");
    cloud.ended().exits(0);
}

#[test]
fn without_a_control_they_are_skipped_and_say_what_they_lack() {
    let bench = Bench::new();
    let told = bench.run(&[FEATURES[0], FEATURES[1]]).exits(0);
    told.says(&[
        ": 1 passed, ",
        "it holds live migrations, which takes more control of the cloud than this target gives",
        "it makes live migrations fail, which takes more control",
        "it holds boots, which takes more control",
    ]);
}

#[test]
fn a_control_that_does_not_answer_makes_the_target_unusable() {
    let bench = Bench::new();
    let told = bench.run(&["--set", "control=http://127.0.0.1:1/control", FEATURES[1]]).exits(3);
    told.says(&["the control at http://127.0.0.1:1/control", "GET", "refused"]);
    assert_eq!(bench.ever_booted(), 0);
    let doctor = ["doctor", "--cloud", "sim", "--set", "control=http://127.0.0.1:1/control"];
    let told = bench.folder.run(&doctor).exits(3);
    told.says(&["✘ control ", "see whether the setting `control` is right", "used (control)"]);
}

#[test]
fn a_control_elsewhere_than_on_this_machine_is_refused() {
    let bench = Bench::new();
    let told = bench.run(&["--set", "control=http://192.0.2.1/control", FEATURES[1]]).exits(2);
    told.says(&["--set", "control", "only on loopback"]);
}

const HELD: &str = r#"
    Given 2 instances "web" booted together
    And the live migration of "web-1" stands still while it is copied
    When the operator live-migrates "web-2"
    Then the migration of "web-1" is completed
"#;

#[test]
fn what_a_failed_scenario_held_goes_on_at_its_end() {
    let bench = bench();
    bench.start_scenario(HELD, &SOON).ended().exits(1).says(&["gave up on", "running"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
    let again = r#"
        Given a running instance "web"
        When the operator live-migrates "web"
        Then the migration of "web" is completed
    "#;
    bench.scenario(again).exits(0);
}

#[test]
fn what_a_killed_run_held_is_released_by_a_sweep() {
    let bench = bench();
    let run = bench.start_scenario(
        r#"
        Given 2 instances "web" booted together
        And the boot of "db" stands still while its compute makes it
        And the live migration of "web-1" stands still while it is copied
        And that compute went down
        Then the migration of "web-1" is completed
        "#,
        &[],
    );
    let away =
        |held: &str| {
            bench.folder.journals().iter().any(|journal| {
                std::fs::read_to_string(journal).is_ok_and(|text| text.contains(held))
            })
        };
    assert!(run.kill_when(|| away(r#"{"compute":"#)), "it went on");

    let told = bench.sweep(&[]).exits(0);
    told.says(&["live migrations of ", "all boots, which are held", "which was taken away"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    let after = r#"
        Given 3 instances "web" booted together
        When the operator live-migrates all instances in turn
        Then the migration of every instance is completed
    "#;
    bench.scenario(after).exits(0);
}

#[test]
fn what_is_held_without_a_control_stays_in_the_journal_until_there_is_one() {
    let bench = bench();
    let run = bench.start_scenario(HELD, &[]);
    bench.until("it stands still", |cloud| cloud.migrations_in_flight > 0);
    run.kill();
    let settings = bench.folder.read("whimbrel.toml");
    let (before, _) = settings.split_once("[clouds.sim]").unwrap();
    bench.folder.write("whimbrel.toml", before);
    let told = bench.sweep(&[]).exits(5);
    told.says(&["which are held: nothing controls this cloud", "setting `control`"]);
    assert_eq!(bench.folder.journals().len(), 1);
    bench.folder.write("whimbrel.toml", &settings);
    bench.sweep(&[]).exits(0);
    assert!(bench.folder.journals().is_empty());
}

/// Runs one scenario that must fail with these words.
fn red(bench: &Bench, steps: &str, words: &[&str]) {
    bench.start_scenario(steps, &SOON).ended().exits(1).says(words);
}

#[test]
fn a_migration_that_ended_otherwise_is_told() {
    let bench = bench();
    let steps = |outcome: &str| {
        format!(
            "Given a running instance \"web\"\n\
             And the next live migration of \"web\" will fail while it is copied\n\
             When the operator live-migrates \"web\" to another compute\n\
             Then the migration of \"web\" is {outcome}"
        )
    };
    red(
        &bench,
        &steps("given up"),
        &["was to be given up (error), but migration record", "is failed"],
    );
    red(&bench, &steps("aborted"), &["was to be aborted (cancelled), but", "is failed"]);
    let arrived = r#"
        Given a running instance "web"
        When the operator live-migrates "web"
        Then the migration of "web" is rolled back
    "#;
    red(&bench, arrived, &["was to be rolled back (failed), but", "is completed", "ACTIVE"]);
}

#[test]
fn a_migration_that_completes_though_it_was_to_fail_is_told() {
    // What fails at the last step is called completed there.
    let release = Release::Zed26;
    let bench = Bench::controlled(Settings { release, ..Settings::default() });
    let steps = r#"
        Given a running instance "web"
        And a live migration of "web" failed at its last step
    "#;
    red(&bench, steps, &["the migration of web was to fail, but migration record", "is completed"]);
}

#[test]
fn an_instance_that_is_elsewhere_or_not_migrating_is_told() {
    let bench = bench();
    let moved = r#"
        Given a running instance "web"
        When the operator live-migrates "web"
        Then the migration of "web" is over
        And "web" is running where it was
    "#;
    red(&bench, moved, &["web was to be running on compute-", "but is ACTIVE on compute-"]);
    let over = r#"
        Given a running instance "web"
        When the operator live-migrates "web"
        Then the migration of "web" is over
        And "web" is migrating and still where it was
    "#;
    red(&bench, over, &["web was to be migrating, but is ACTIVE on compute-"]);
    let landed = r#"
        Given a running instance "web"
        And the live migration of "web" stands still while its source cleans up
        Then "web" is migrating and still where it was
    "#;
    red(&bench, landed, &["web was to be migrating, but is ACTIVE on compute-"]);
    let sound = r#"
        Given a running instance "web"
        When the operator live-migrates "web" to another compute
        Then the migration of "web" is over
        And "web" is broken on that compute
    "#;
    red(&bench, sound, &["web was to be broken on compute-", "but is ACTIVE on compute-"]);
    red(
        &bench,
        "Given a running instance \"web\"\nThen \"web\" is being built",
        &["web was to be in the middle of its boot, but is ACTIVE"],
    );
}

#[test]
fn what_is_accepted_though_it_was_to_be_refused_is_told() {
    let bench = bench();
    let paused = r#"
        Given a running instance "web"
        When the operator tries to pause "web"
        Then the request is refused because it is being migrated
    "#;
    red(&bench, paused, &["the request was accepted, and was to be refused because it is being"]);
    let aborted = r#"
        Given a running instance "web"
        And the live migration of "web" stands still while it is copied
        When the operator aborts the migration of "web"
        Then the request is refused because no migration of it is under way
    "#;
    red(&bench, aborted, &["accepted, and was to be refused because no migration of it"]);
    let early = r#"
        Given a running instance "web"
        And the live migration of "web" stands still while its destination prepares
        When the operator forces the migration of "web" to its end
        Then the request is refused because no migration of it is under way
    "#;
    red(&bench, early, &["for another reason", "Cannot force complete"]);
}

#[test]
fn a_migration_that_does_not_wait_for_its_turn_is_told() {
    let bench =
        Bench::controlled(Settings { live_migrations_per_source: 2, ..Settings::default() });
    let steps = r#"
        Given 2 instances "web" booted together
        And "web-2" is on the compute of "web-1"
        And the live migration of "web-1" stands still while it is copied
        When the operator live-migrates "web-2" to another compute
        Then the migration of "web-2" is completed
        And the migration of "web-2" waits for its turn
    "#;
    red(&bench, steps, &["the migration of web-2 to be queued can't come any more", "completed"]);
}

#[test]
fn a_source_that_stays_charged_after_a_migration_that_was_held_is_found_by_the_audit() {
    let bench = bench();
    bench.control().hold_migrations(MigrationPhase::Completed);
    let steps = r#"
        Given a running instance "web"
        And the live migration of "web" stands still while it is copied
        When the migration of "web" goes on
        Then the migration of "web" is completed
    "#;
    let flags = ["--set", "pace.settle.limit=1s"];
    let told = bench.start_scenario(steps, &flags).ended().exits(1);
    told.says(&["audit: ", "is still charged for migration record 1 of web"]);
}

#[test]
fn only_what_the_scenario_deleted_may_be_gone() {
    let bench = bench();
    let steps = r#"
        Given a running instance "web"
        When the operator deletes "web"
        Then "web" is gone
    "#;
    bench.scenario(steps).exits(0);
    let nobody = r#"
        Given a running instance "web"
        Then "web" is gone
    "#;
    red(&bench, nobody, &["no step before this one says that the instance was deleted"]);
}

#[test]
fn what_an_instance_deleted_on_its_way_leaves_charged_is_told() {
    let bench = bench();
    // As Nova does it: what the migration had of the source stays its own.
    let migration = Arc::new(Mutex::new(None));
    let leak = bench.behind(
        |_, _, _| Way::Through,
        move |path, body| {
            let mut migration = migration.lock().unwrap();
            if let Some(uuid) = body["migrations"][0]["uuid"].as_str() {
                *migration = Some(uuid.to_owned());
            }
            if let (true, Some(uuid)) = (path.ends_with("/allocations"), migration.as_ref()) {
                body["allocations"][uuid] = json!({"resources": {"VCPU": 1}});
            }
        },
    );
    bench.folder.set("pace.settle.limit", "500ms");
    let told = bench.run(&[FEATURES[0], "--name", "deleted while it is copied"]).exits(5);
    told.says(&["is still charged for migration record 1 of web-1, which is deleted"]);
    assert!(leak.requests() > 0);
}
