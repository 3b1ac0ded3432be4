//! Signals to a run, whatever it does just then.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use whimbrel::sim::{BootPhase, Disturbance, Service};

use crate::support::{Bench, Running, feature};

const RIGHT: &str = r#"Given a running instance "web""#;

/// No request ends by waiting this out.
const HANG: Disturbance = Disturbance::Delay(Duration::from_secs(600));

/// Asks who waits for what until the answer has `text` in it.
fn until_it_answers(run: &Running, text: &str) {
    // A process that does not listen yet would end.
    run.until_it_prints("it has begun", |said| said.contains("target: sim").then_some(()));
    run.until_it_prints(text, |said| {
        run.signal("USR1");
        said.contains(text).then_some(())
    });
}

#[test]
fn whoever_asks_a_run_is_told_who_waits_for_what() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let second = format!("\n  Scenario: Another one\n    {RIGHT}\n");
    bench.folder.write("one.feature", &(feature(RIGHT) + &second));
    let run = bench.start(&["one.feature", "--concurrency", "1"]);
    until_it_answers(&run, "waits for instance web to be running: BUILD/spawning, unchanged for ");
    bench.control().release_boots();
    let told = run.ended().exits(0);
    told.says(&[
        "Who waits for what",
        "0 of 2 done · 1 running · 1 queued",
        "one.feature:2, for 0 s",
        "Given a running instance \"web\"  one.feature:3, for ",
    ]);
}

#[test]
fn whoever_asks_a_run_that_still_opens_its_target_is_told_so() {
    let bench = Bench::new();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let clouds = bench.folder.read("clouds.yaml");
    let clouds = clouds.replace(&bench.sim.cloud.address().to_string(), &address);
    bench.folder.write("clouds.yaml", &clouds);
    let run = bench.start_scenario(RIGHT, &[]);
    let _connection = silent.accept().unwrap();
    run.signal("USR1");
    run.until_it_says("the target is being opened");
    run.signal("TERM");
    run.ended().exits(130).says(&["stopped before anything was run"]);
}

#[test]
fn a_signal_during_clean_up_lets_it_end() {
    for signal in ["INT", "TERM"] {
        let bench = Bench::new();
        let slow = Disturbance::Delay(Duration::from_millis(700));
        bench.control().disturb(Service::Compute, Some("DELETE"), 1, slow);
        let run = bench.start_scenario(RIGHT, &[]);
        until_it_answers(&run, "clean-up, for ");
        run.signal(signal);
        run.ended().exits(130).says(&["stopping", "1 scenario: 1 passed", "interrupted"]);
        assert!(bench.snapshot().is_empty(), "{signal}: {:?}", bench.snapshot());
        assert!(bench.folder.journals().is_empty(), "{signal}");
    }
}

#[test]
fn a_signal_during_the_audit_ends_it_and_cleans_up() {
    let bench = Bench::new();
    bench.control().disturb(Service::Placement, None, 1000, HANG);
    let run = bench.start_scenario(RIGHT, &[]);
    until_it_answers(&run, "audit: books, for ");
    bench.control().calm();
    run.signal("INT");
    run.ended().exits(130).says(&["1 scenario: 1 interrupted", "audit: books"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_second_signal_need_not_be_the_same_and_ends_the_audit_of_what_is_left_too() {
    let bench = Bench::new();
    let run = {
        bench.control().hold_boots(BootPhase::Spawning);
        let run = bench.start_scenario(RIGHT, &[]);
        bench.until("an instance is being booted", |cloud| cloud.instances == 1);
        run
    };
    bench.control().disturb(Service::Placement, None, 1000, HANG);
    run.signal("INT");
    until_it_answers(&run, "audit: leftovers, for ");
    run.signal("TERM");
    // The instance is gone, and the journal knows; nobody has looked at the books.
    run.ended().exits(130).never_says("left: ");
    assert!(bench.snapshot().instances == 0, "{:?}", bench.snapshot());
}
