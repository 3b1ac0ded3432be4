//! Sweeps beside runs and beside each other, and sweeps that are stopped: each journal is one
//! sweep's, and nothing of a living run is touched.

use std::path::PathBuf;

use whimbrel::sim::{BootPhase, MigrationPhase};

use crate::cli_sweep::BOOT;
use crate::support::{Bench, Folder, Running, feature, until};

const MOVE: &str = r#"
    Given a running instance "web"
    When the operator live-migrates "web"
    Then the migration of "web" is completed
"#;

/// Two runs that were killed, the first in a migration that can't be called off for now: a sweep of
/// it lasts until that is released.
fn two_left() -> (Bench, [PathBuf; 2]) {
    let bench = Bench::new();
    bench.control().hold_migrations(MigrationPhase::Accepted);
    let run = bench.start_scenario(MOVE, &[]);
    bench.until("a migration is under way", |cloud| cloud.migrations_in_flight == 1);
    run.kill();
    let slow = bench.folder.journals().remove(0);
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(BOOT, &[]);
    bench.until("two more are being booted", |cloud| cloud.instances == 3);
    run.kill();
    let quick = bench.folder.journals().into_iter().find(|journal| *journal != slow);
    (bench, [slow, quick.expect("the second journal")])
}

/// A sweep that has begun with the first of them.
fn sweeping(bench: &Bench) -> Running {
    let sweep = bench.folder.start(&["sweep"]);
    let refused = || {
        let requests = bench.requests();
        requests.iter().any(|it| it.contains("/migrations/1 4") && it.starts_with("DELETE"))
    };
    until("the sweep is refused", refused, || format!("{:?}", bench.requests()));
    sweep
}

fn let_go(bench: &Bench) {
    bench.control().release_migrations();
}

#[test]
fn a_journal_that_one_sweep_has_is_passed_over_by_another_which_does_the_rest() {
    let (bench, [slow, quick]) = two_left();
    let one = sweeping(&bench);
    let other = bench.sweep(&[]).exits(0);
    other.says(&["another sweep has it; passed over", "all of it is gone"]);
    assert!(slow.exists() && !quick.exists());
    assert_eq!(bench.snapshot().instances, 1);
    bench.sweep(&["--dry-run"]).exits(0).says(&["another sweep has it; passed over"]);
    let_go(&bench);
    let one = one.ended().exits(0);
    assert_eq!(one.out.matches("all of it is gone").count(), 1, "{}", one.out);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_sweep_that_is_stopped_finishes_the_run_that_it_is_at_and_tells_the_others() {
    let (bench, [slow, quick]) = two_left();
    let sweep = sweeping(&bench);
    sweep.signal("INT");
    sweep.until_it_says("stopping: the run that is being swept is finished");
    let_go(&bench);
    let name = quick.file_stem().unwrap().to_str().unwrap();
    let told = sweep.ended().exits(130);
    told.says(&["all of it is gone", &format!("not swept: run {name} on sim")]);
    assert!(!slow.exists() && quick.exists());
    assert_eq!(bench.snapshot().instances, 2);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_sweep_that_is_stopped_twice_tells_what_is_left_and_lets_go_of_the_journal() {
    let (bench, [slow, quick]) = two_left();
    let sweep = sweeping(&bench);
    sweep.signal("INT");
    sweep.until_it_says("once more leaves at once");
    sweep.signal("TERM");
    let told = sweep.ended().exits(130);
    told.says(&["left: instances named wb-", "-web: ", "journal: ", "not swept: run "]);
    assert!(slow.exists() && quick.exists());
    let_go(&bench);
    let told = bench.sweep(&[]).exits(0);
    assert_eq!(told.out.matches("all of it is gone").count(), 2, "{}", told.out);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn only_the_run_that_is_named_is_swept() {
    let (bench, [slow, quick]) = two_left();
    let name = quick.file_stem().unwrap().to_str().unwrap();
    bench.sweep(&["--run", name]).exits(0).says(&["all of it is gone"]);
    assert!(slow.exists() && !quick.exists());
    bench.sweep(&["--run", name]).exits(0).says(&["nothing to sweep"]);
    bench.sweep(&["--run", "x"]).exits(2).says(&["eight small letters and digits"]);
}

#[test]
fn a_journal_that_was_written_to_lately_can_be_passed_over() {
    let (bench, [slow, _]) = two_left();
    let day_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(24 * 60 * 60);
    std::fs::File::options().append(true).open(&slow).unwrap().set_modified(day_ago).unwrap();
    let told = bench.sweep(&["--older-than", "6h", "--dry-run"]).exits(0);
    told.says(&["last written to ", " ago, less than 6h; passed over", "-web"]);
    let_go(&bench);
    bench.sweep(&["--older-than", "6h"]).exits(0).says(&["all of it is gone"]);
    assert!(!slow.exists());
    assert_eq!(bench.folder.journals().len(), 1);
    assert_eq!(bench.snapshot().instances, 2);
}

/// A cloud that is a process of its own, and what its `clouds.yaml` holds.
fn cloud() -> (Folder, Running) {
    let folder = Folder::quick();
    let cloud = folder.start(&["cloud", "--clouds-yaml", "clouds.yaml"]);
    cloud.until_it_prints("ready", |out| out.contains("ready: ").then_some(()));
    (folder, cloud)
}

#[test]
fn two_runs_and_sweeps_of_both_kinds_beside_them_leave_each_other_alone() {
    let (folder, cloud) = cloud();
    folder.write("one.feature", &feature(MOVE));
    let run = ["run", "one.feature", "--cloud", "whimbrel-admin"];
    let metadata = ["sweep", "--cloud", "whimbrel-admin", "--by-metadata"];
    let runs = [folder.start(&run), folder.start(&run)];
    let sweeps = [folder.start(&["sweep"]), folder.start(&["sweep"]), folder.start(&metadata)];
    for sweep in sweeps {
        sweep.ended().exits(0).never_says("all of it is gone");
    }
    for run in runs {
        run.ended().exits(0).says(&["1 passed"]);
    }
    folder.run(&metadata).exits(0).says(&["nothing to sweep"]);
    cloud.signal("INT");
    cloud.ended().exits(0);
}

#[test]
fn a_run_that_was_killed_is_swept_once_while_others_go_on() {
    let (folder, cloud) = cloud();
    folder.write("one.feature", &feature(MOVE));
    let run = ["run", "one.feature", "--cloud", "whimbrel-admin"];
    let begun = || folder.journals().len();
    let killed = folder.start(&run);
    let has_asked = || {
        let journals = folder.journals();
        let texts = journals.iter().filter_map(|journal| std::fs::read_to_string(journal).ok());
        texts.into_iter().any(|text| text.contains("\"creating\""))
    };
    assert!(killed.kill_when(has_asked), "it was killed too late");
    let dead = folder.journals().remove(0);
    let alive = folder.start(&run);
    until("the second run has begun", || begun() == 2, || format!("{:?}", folder.journals()));
    let sweeps = [folder.start(&["sweep"]), folder.start(&["sweep"])];
    let said: String = sweeps.map(|sweep| sweep.ended().exits(0).out).concat();
    assert_eq!(said.matches("all of it is gone").count(), 1, "{said}");
    assert!(!dead.exists());
    alive.ended().exits(0).says(&["1 passed"]);
    let nothing = ["sweep", "--cloud", "whimbrel-admin", "--by-metadata", "--older-than", "1ms"];
    folder.run(&nothing).exits(0).says(&["nothing to sweep"]);
    cloud.signal("INT");
    cloud.ended().exits(0);
}
