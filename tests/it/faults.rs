//! What a run does when the cloud or the network misbehaves in the middle of it.

use std::time::Duration;

use whimbrel::sim::{BootPhase, Disturbance, MigrationPhase, Service};

use crate::support::Bench;

const BOOT: &str = r#"
    Given 2 instances "web" booted together
    Then every instance is running
"#;
const MIGRATE: &str = r#"
    Given 2 instances "web" booted together
    When the operator live-migrates "web-1" to another compute
    Then the migration of "web-1" is completed
    And "web-1" is running on that compute
    And no other instance has moved or changed
"#;

/// The next create is disturbed so; the run passes with as many instances as it wanted.
#[track_caller]
fn a_create_survives(what: Disturbance, creates: usize) {
    let bench = Bench::new();
    bench.folder.set("pace.record.limit", "1s");
    bench.control().disturb(Service::Compute, Some("POST"), 1, what);
    bench.scenario(BOOT).exits(0).says(&["1 passed"]);
    assert_eq!(bench.count("POST /compute/v2.1/servers "), creates, "{:?}", bench.requests());
    assert_eq!(bench.ever_booted(), 2, "as many as were asked for, and not one more");
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_create_that_was_answered_504_after_it_was_done_is_found_and_not_repeated() {
    a_create_survives(Disturbance::AnswerAfter { status: 504 }, 1);
}

#[test]
fn a_create_whose_answer_was_cut_off_is_found_and_not_repeated() {
    a_create_survives(Disturbance::CutAfter, 1);
}

#[test]
fn a_create_that_never_arrived_is_sent_again() {
    a_create_survives(Disturbance::CutBefore, 2);
}

#[test]
fn a_create_that_something_in_front_refused_to_pass_on_is_sent_again() {
    a_create_survives(Disturbance::Answer { status: 502, retry_after: None }, 2);
}

#[test]
fn a_create_that_was_limited_is_sent_again() {
    a_create_survives(Disturbance::Answer { status: 429, retry_after: Some(0) }, 2);
}

#[test]
fn a_create_that_hangs_is_given_up_and_sent_again() {
    let bench = Bench::new();
    bench.folder.set("pace.record.limit", "500ms");
    bench.folder.set("request.connect", "300ms");
    bench.folder.set("request.read", "700ms");
    let hang = Disturbance::Delay(Duration::from_secs(600));
    bench.control().disturb(Service::Compute, Some("POST"), 1, hang);
    bench.scenario(BOOT).exits(0).says(&["1 passed"]);
    assert_eq!(bench.ever_booted(), 2);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_token_that_ends_in_mid_run_is_renewed() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(MIGRATE, &[]);
    bench.until("two instances are being booted", |cloud| cloud.instances == 2);
    bench.control().expire_tokens();
    bench.control().hold_migrations(MigrationPhase::Running);
    bench.control().release_boots();
    bench.until("a migration is under way", |cloud| cloud.migrations_in_flight == 1);
    bench.control().expire_tokens();
    bench.control().release_migrations();
    run.ended().exits(0).says(&["1 passed"]);
    assert_eq!(bench.count("POST /identity/v3/auth/tokens 201"), 3, "{:?}", bench.requests());
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn reads_that_are_refused_for_a_while_are_sent_again() {
    for service in [Service::Compute, Service::Placement] {
        let bench = Bench::new();
        let busy = Disturbance::Answer { status: 503, retry_after: Some(0) };
        bench.control().disturb(service, Some("GET"), 3, busy.clone());
        bench.control().hold_boots(BootPhase::Spawning);
        let run = bench.start_scenario(MIGRATE, &[]);
        bench.until("two instances are being booted", |cloud| cloud.instances == 2);
        bench.control().disturb(Service::Compute, Some("GET"), 4, busy);
        bench.control().release_boots();
        run.ended().exits(0).says(&["1 passed"]);
        assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    }
}

#[test]
fn a_service_that_says_when_to_come_back_is_asked_no_sooner() {
    let bench = Bench::new();
    let busy = Disturbance::Answer { status: 503, retry_after: Some(3) };
    bench.control().disturb(Service::Compute, Some("GET"), 1000, busy);
    bench.folder.set("retry.total", "1s");
    let told = bench.scenario(BOOT).exits(3);
    told.says(&["the cloud sim can't be used", "503", "to be tried again after 3"]);
    assert_eq!(bench.count("GET /compute/v2.1/ 503"), 1, "{:?}", bench.requests());
    assert_eq!(bench.count("GET /compute/ 503"), 1, "{:?}", bench.requests());
}

/// The answer to the live migration is disturbed so, while the instances are there already.
fn migrating_with(bench: &Bench, what: Disturbance) -> crate::support::Ended {
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(MIGRATE, &[]);
    bench.until("two instances are being booted", |cloud| cloud.instances == 2);
    bench.control().disturb(Service::Compute, Some("POST"), 1, what);
    bench.control().release_boots();
    run.ended()
}

#[test]
fn a_live_migration_whose_answer_was_lost_is_found_by_its_record_and_not_repeated() {
    for what in [Disturbance::CutAfter, Disturbance::AnswerAfter { status: 504 }] {
        let bench = Bench::new();
        migrating_with(&bench, what).exits(0).says(&["1 passed"]);
        assert_eq!(bench.ever_migrated(), 1);
        assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    }
}

#[test]
fn a_live_migration_that_never_arrived_fails_the_scenario_which_is_cleaned_up() {
    let bench = Bench::new();
    bench.folder.set("pace.record.limit", "500ms");
    let told = migrating_with(&bench, Disturbance::CutBefore).exits(1);
    told.says(&["POST /servers/", "/action went wrong", "the connection ended", "one.feature:4"]);
    assert_eq!(bench.ever_migrated(), 0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_request_that_hangs_is_given_up_and_the_scenario_is_cleaned_up() {
    let bench = Bench::new();
    bench.folder.set("pace.record.limit", "500ms");
    bench.folder.set("request.connect", "300ms");
    bench.folder.set("request.read", "700ms");
    let told = migrating_with(&bench, Disturbance::Delay(Duration::from_secs(600))).exits(1);
    told.says(&["/action went wrong", "no complete answer within 1s"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_cloud_that_hangs_for_good_costs_a_step_its_deadline_and_is_swept_later() {
    let bench = Bench::new();
    bench.folder.set("deadline.step", "1s");
    bench.folder.set("deadline.clean-up", "300ms");
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(BOOT, &[]);
    bench.until("two instances are being booted", |cloud| cloud.instances == 2);
    let hang = Disturbance::Delay(Duration::from_secs(600));
    bench.control().disturb(Service::Compute, None, 1000, hang);
    let told = run.ended().exits(1);
    told.says(&["timed out after 1s", "timed out after 300ms", "whimbrel sweep"]);
    assert_eq!(bench.folder.journals().len(), 1);

    bench.control().calm();
    bench.sweep(&[]).exits(0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_create_that_is_refused_is_not_repeated_and_its_reason_is_told() {
    let bench = Bench::new();
    let refuse = Disturbance::Answer { status: 403, retry_after: None };
    bench.control().disturb(Service::Compute, Some("POST"), 1, refuse);
    bench.scenario(BOOT).exits(1).says(&["POST /servers went wrong", "403, not 202"]);
    assert_eq!(bench.count("POST /compute/v2.1/servers "), 1);
    assert_eq!(bench.ever_booted(), 0);
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn books_that_can_not_be_read_fail_the_scenario_which_is_cleaned_up() {
    let bench = Bench::new();
    let broken = Disturbance::Answer { status: 500, retry_after: None };
    bench.control().disturb(Service::Placement, None, 1000, broken);
    let told = bench.scenario(BOOT).exits(1);
    told.says(&["audit: ", "GET / went wrong", "the answer was 500", "1 failed"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_time_to_come_back_that_no_run_can_wait_for_is_not_waited_for() {
    let bench = Bench::new();
    let never = Disturbance::Answer { status: 503, retry_after: Some(u64::MAX) };
    bench.control().disturb(Service::Compute, Some("GET"), 1000, never);
    bench.scenario(BOOT).exits(3).says(&["the cloud sim can't be used", "503"]);
}
