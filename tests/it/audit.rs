//! What the audit finds that no step looked for.

use whimbrel::sim::MigrationPhase;

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
    bench.folder.set("pace.settle.limit", "1s");
    bench.control().hold_migrations(MigrationPhase::Completed);
    let told = bench.scenario(MIGRATE).exits(1);
    let told = told.says(&["audit: ", "is still charged for migration record 1 of web"]);
    assert_eq!(told.out.matches("✘ ").count(), 2, "the scenario and its audit:\n{}", told.out);
}

#[test]
fn a_migration_that_is_left_in_flight_fails_the_scenario_and_is_called_off() {
    let bench = Bench::new();
    bench.folder.set("pace.settle.limit", "1s");
    bench.control().hold_migrations(MigrationPhase::Running);
    let told = bench.scenario(UNWATCHED).exits(1);
    told.says(&["web still has the task migrating", "migration record 1 of web is still "]);
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
