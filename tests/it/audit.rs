//! What the audit finds that no step looked for.

use whimbrel::events::names::ComputeName;
use whimbrel::sim::{MigrationPhase, Settings};

use crate::support::Bench;

const UNWATCHED: &str = r#"
    Given a running instance "web"
    When the operator live-migrates "web"
"#;
const MIGRATE: &str = r#"
    Given a running instance "web"
    When the operator live-migrates "web" to another compute
    Then the migration of "web" is completed
    And "web" is running on that compute
"#;

#[test]
fn a_source_that_stays_charged_fails_a_scenario_whose_steps_all_passed() {
    let bench = Bench::new();
    bench.folder.set("pace.settle.limit", "200ms");
    bench.control().hold_migrations(MigrationPhase::Completed);
    let told = bench.scenario(MIGRATE).exits(1);
    let told = told.says(&["audit: ", "is still charged for migration record 1 of web"]);
    assert_eq!(told.out.matches("✘ ").count(), 2, "the scenario and its audit:\n{}", told.out);
}

#[test]
fn a_migration_that_is_left_in_flight_fails_the_scenario_and_is_called_off() {
    let bench = Bench::new();
    bench.folder.set("pace.settle.limit", "200ms");
    bench.control().hold_migrations(MigrationPhase::Running);
    let told = bench.scenario(UNWATCHED).exits(1);
    told.says(&["web still has the task migrating", "migration record 1 of web is still running"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn books_that_agree_a_little_later_fail_nothing() {
    let bench = Bench::new();
    bench.scenario(UNWATCHED).exits(0).says(&["1 passed"]);
    assert_eq!(bench.ever_migrated(), 1);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn an_instance_that_can_not_be_deleted_is_left_behind_and_swept_when_it_can() {
    let bench = Bench::with(Settings { computes: 2, ..Settings::default() });
    bench.folder.set("pace.delete.limit", "200ms");
    bench.folder.set("pace.settle.limit", "200ms");
    bench.control().hold_migrations(MigrationPhase::Completed);
    let run = bench.start_scenario(MIGRATE, &[]);
    bench.until("the migration is completed", |cloud| {
        let charged = |name| cloud.allocations.get(&ComputeName::new(name)).map_or(0, Vec::len);
        cloud.migrations_in_flight == 1 && charged("compute-1") == 1 && charged("compute-2") == 1
    });
    for compute in bench.sim.cloud.computes() {
        assert!(bench.control().compute_down(&compute));
    }
    drop(run.ended());
    for compute in bench.sim.cloud.computes() {
        assert!(bench.control().compute_up(&compute));
    }
    bench.control().release_migrations();
    bench.sweep(&[]).exits(0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}
