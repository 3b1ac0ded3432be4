//! What many instances cost, and that many are judged as strictly as few.

use crate::support::Bench;

const MOVE_TEN: &str = r#"
    Given 40 instances "web" booted together
    When the operator live-migrates 10 of the instances at the same time
    Then the migration of each of them is completed
    And each of them is running on another compute
    And no other instance has moved or changed
"#;

#[test]
fn many_instances_cost_no_requests_of_their_own_but_for_what_is_asked_of_them() {
    let bench = Bench::new();
    bench.scenario(MOVE_TEN).exits(0);
    let requests = bench.requests();
    let matching = |part: &str| requests.iter().filter(|request| request.contains(part)).count();
    assert_eq!(matching("DELETE /compute/v2.1/servers/"), 40);
    assert_eq!(matching("/action "), 10);
    let shown =
        matching("GET /compute/v2.1/servers/") - matching("GET /compute/v2.1/servers/detail");
    // Where the last few are waited for, one that is left alone is asked for by itself.
    assert!(shown < 10, "{requests:#?}");
    assert!(matching("os-migrations?instance_uuid=") < 10, "{requests:#?}");
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn one_of_many_that_has_moved_is_found() {
    let bench = Bench::new();
    let told = bench.scenario(
        r#"
    Given 12 instances "web" booted together
    And "web-7" was live-migrated to another compute
    And a running instance "other"
    When the operator live-migrates 2 of the instances at the same time
    Then the migration of each of them is completed
    And every instance is running on another compute
"#,
    );
    let told = told.exits(1).says(&["web-3 was to be running on another compute than compute-"]);
    assert!(!told.out.contains("web-1 was to be"), "{}", told.out);
}

#[test]
fn one_of_many_that_has_changed_is_found() {
    let bench = Bench::new();
    let told = bench.scenario(
        r#"
    Given 12 instances "web" booted together
    When the operator live-migrates 2 of the instances at the same time
    Then the migration of each of them is completed
    And no instance has moved or changed
"#,
    );
    told.exits(1).says(&["web-1 moved from compute-", "web-2 moved from compute-"]);
}

#[test]
fn every_migration_that_did_not_complete_is_told() {
    let bench = Bench::new();
    let told = bench.scenario(
        r#"
    Given 6 instances "web" booted together
    And every compute without "web-1" was disabled
    When the operator live-migrates all instances at the same time
    Then the migration of every instance is completed
"#,
    );
    told.exits(1).says(&[
        "the migration of web-1 did not complete",
        "the migration of web-4 did not complete",
    ]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn more_instances_than_there_are_can_not_be_moved() {
    let bench = Bench::new();
    let told = bench.scenario(
        r#"
    Given 2 instances "web" booted together
    When the operator live-migrates 3 of the instances at the same time
"#,
    );
    told.exits(1).says(&["the scenario has 2 instances, not 3"]);
    assert_eq!(bench.ever_migrated(), 0);
}
