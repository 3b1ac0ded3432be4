//! What happens between scenarios: which run side by side, what stops them all, what stalls them.

use std::time::Duration;

use super::feature;
use super::toy::BLOCKING_LINE;
use crate::events::messages::Envelope;
use crate::runner::{Order, Verdict};

#[test]
fn scenarios_run_at_the_same_time() {
    let scenario = |name| format!("Scenario: {name}\n When it meets another");
    let mut play = feature(&[&scenario("a"), &scenario("b"), &scenario("c"), &scenario("d")]);
    for workers in [1, 2] {
        play.settings.workers = workers;
        assert_eq!(play.go().outcome.passed(), 4, "with {workers} workers");
    }
}

#[test]
fn no_more_scenarios_run_at_once_than_allowed() {
    let mut play = feature(&["Scenario: a\n When it is alone", "Scenario: b\n When it is alone"]);
    play.settings.concurrency = 1;
    assert_eq!(play.go().outcome.passed(), 2);
}

#[test]
fn what_is_serial_or_too_big_for_the_target_runs_alone_after_the_others() {
    let mut play = feature(&[
        "@serial\nScenario: s\n When it is alone",
        "@big\nScenario: t\n When it is alone",
        "Scenario: a\n When it meets another",
        "Scenario: b\n When it meets another",
    ]);
    // One thread, so that two at once would surely see each other.
    play.settings.workers = 1;
    let played = play.go();
    assert_eq!(played.outcome.passed(), 4, "{:?}", played.outcome.scenarios);
    let last = played.journal.len() - 10..;
    assert!(played.journal[last].iter().all(|it| it.starts_with(['s', 't'])));
    let names: Vec<&str> = played.outcome.scenarios.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["s", "t", "a", "b"]);
}

#[test]
fn a_cancelled_run_cleans_up_and_starts_nothing_more() {
    let mut play = feature(&[
        "Scenario: stopper\n When it stops the run\n Then it says \"x\"",
        "Scenario: waiting\n Given a calm start",
    ]);
    play.settings.concurrency = 1;
    let played = play.go();
    let verdicts: Vec<&Verdict> = played.outcome.scenarios.iter().map(|it| &it.verdict).collect();
    assert_eq!(verdicts, [&Verdict::Interrupted, &Verdict::NotStarted]);
    assert!(played.outcome.interrupted);
    assert_eq!(
        played.journal,
        ["open", "stops", "clean-up", "leftovers"].map(|it| format!("stopper: {it}"))
    );
    let result = &played.end_of("it stops the run").test_step_result;
    assert_eq!(result.message.as_deref(), Some("interrupted"));
    let Some(Envelope::TestRunFinished(end)) = played.said.last() else {
        panic!("the stream is not closed");
    };
    assert!(!end.success);
}

#[test]
fn a_cancelled_run_also_stops_what_waits_elsewhere() {
    let mut play = feature(&[
        "Scenario: hanging\n When it hangs",
        "Scenario: stopper\n When it stops the run",
    ]);
    play.settings.workers = 1;
    let played = play.go();
    assert!(played.journal.contains(&"hanging: clean-up".to_owned()));
    assert_eq!(played.outcome.scenarios[0].verdict, Verdict::Interrupted);
    assert_eq!(played.outcome.failed(), 0);
}

#[test]
fn fail_fast_starts_nothing_after_a_failure() {
    let mut play = feature(&["Scenario: a\n When it fails", "Scenario: b\n Given a calm start"]);
    play.settings.concurrency = 1;
    play.settings.fail_fast = true;
    let played = play.go();
    assert_eq!((played.outcome.failed(), played.outcome.not_started()), (1, 1));
}

#[test]
fn scenarios_of_a_group_run_as_many_side_by_side_as_it_has_room_for() {
    let scenario = |name: &str, most: u32| {
        format!("@group(move)\nScenario: {name}\n When no more than {most} run")
    };
    let play = |most| {
        let names = ["a", "b", "c", "d", "e"];
        let scenarios = names.map(|name| scenario(name, most));
        feature(&scenarios.each_ref().map(String::as_str))
    };
    for workers in [1, 3] {
        let mut alone = play(1);
        alone.settings.workers = workers;
        let played = alone.go();
        assert_eq!(played.outcome.passed(), 5, "{:?}", played.outcome.scenarios);
        let mut two = play(2);
        two.settings.workers = workers;
        two.settings.capacities = [("group move".to_owned(), 2)].into();
        assert_eq!(two.go().outcome.passed(), 5);
        let meets = "@group(move)\nScenario: m\n When it meets another";
        let mut pair = feature(&[meets, meets]);
        pair.settings.workers = workers;
        pair.settings.capacities = [("group move".to_owned(), 2)].into();
        assert_eq!(pair.go().outcome.passed(), 2, "two do run at the same time");
    }
}

#[test]
fn what_takes_of_one_thing_waits_for_it_and_all_others_pass() {
    let mut play = feature(&[
        "@takes-3\nScenario: big\n When it meets another",
        "@takes-2\nScenario: waits\n Given a calm start",
        "Scenario: passes\n When it meets another",
        "@serial @takes-9\nScenario: serial\n When it is alone",
    ]);
    play.settings.capacities = [("room".to_owned(), 4)].into();
    play.settings.workers = 1;
    let played = play.go();
    assert_eq!(played.outcome.passed(), 4, "{:?}", played.outcome.scenarios);
    let opened: Vec<&str> =
        played.journal.iter().filter_map(|line| line.strip_suffix(": open")).collect();
    assert_eq!(opened, ["big", "passes", "waits", "serial"]);
}

#[test]
fn the_runs_deadline_fails_what_runs_cleans_it_up_and_starts_nothing_more() {
    let hanging = "Scenario: hanging\n When it hangs\n Then it says \"x\"";
    let mut play = feature(&[hanging, "Scenario: waiting\n Given a calm start"]);
    play.settings.concurrency = 1;
    play.settings.run_limit = Some(Duration::from_millis(40));
    let played = play.go();
    let why = "the run's deadline of 40ms has passed, in step `When it hangs`";
    let failed = Verdict::Failed { at: "When it hangs".to_owned(), message: why.to_owned() };
    let verdicts: Vec<&Verdict> = played.outcome.scenarios.iter().map(|it| &it.verdict).collect();
    assert_eq!(verdicts, [&failed, &Verdict::NotStarted]);
    assert_eq!(played.outcome.out_of_time, Some(Duration::from_millis(40)));
    assert!(!played.outcome.interrupted && !played.outcome.is_success());
    let journal = ["open", "hangs", "failed", "clean-up", "leftovers"];
    assert_eq!(played.journal, journal.map(|it| format!("hanging: {it}")));
    let Some(Envelope::TestRunFinished(end)) = played.said.last() else {
        panic!("the stream is not closed");
    };
    assert_eq!(end.message.as_deref(), Some("the run's deadline of 40ms has passed"));
}

#[test]
fn a_run_that_ends_before_its_deadline_does_not_speak_of_it() {
    let mut play = feature(&["Scenario: a\n Given a calm start"]);
    play.settings.run_limit = Some(Duration::from_secs(600));
    let outcome = play.go().outcome;
    assert!(outcome.is_success() && outcome.out_of_time.is_none());
}

#[test]
fn a_step_that_keeps_its_thread_is_told_with_its_places_and_again_when_it_lets_go() {
    let blocking = "Scenario: one\n When it keeps its thread for 150 ms";
    let mut play = feature(&[blocking, "Scenario: two\n Given a calm start"]);
    play.settings.stall_limit = Duration::from_millis(30);
    play.settings.workers = 1;
    let played = play.go();
    assert_eq!(played.outcome.passed(), 2);
    let [stalled, goes_on] = &played.noted[..] else {
        panic!("told once and once more: {:?}", played.noted);
    };
    let what = format!(
        "one  features/toys.feature:3\n  When it keeps its thread for 150 ms  \
         features/toys.feature:4  src/runner/tests/toy.rs:{BLOCKING_LINE}"
    );
    assert!(stalled.starts_with(&format!("stalled: {what}\n  has not let its thread go for ")));
    assert!(stalled.ends_with("1 other scenario of that thread stands still meanwhile"));
    assert!(goes_on.starts_with("goes on after ") && goes_on.ends_with(&what), "{goes_on}");
}

#[test]
fn a_step_that_keeps_its_thread_beyond_its_deadline_is_told_so() {
    let mut play = feature(&["Scenario: one\n When it keeps its thread for 150 ms"]);
    play.settings.stall_limit = Duration::from_millis(20);
    play.settings.step_limit = Duration::from_millis(60);
    let noted = play.go().noted;
    assert!(noted[1].contains("its time of 60ms is over"), "{noted:?}");
}

#[test]
fn a_seed_shuffles_alike_each_time() {
    let scenarios: Vec<String> =
        (0..20).map(|n| format!("Scenario: {n}\n Given a calm start")).collect();
    let scenarios: Vec<&str> = scenarios.iter().map(String::as_str).collect();
    let names = |order| {
        let mut play = feature(&scenarios);
        play.order = order;
        let plan = play.plan().expect("everything is selected");
        let names: Vec<String> = plan.scenarios().map(|it| it.name().to_owned()).collect();
        names
    };
    assert_eq!(names(Order::Random(7)), names(Order::Random(7)));
    assert_ne!(names(Order::Random(7)), names(Order::Random(8)));
    assert_ne!(names(Order::Random(7)), names(Order::Written));
}
