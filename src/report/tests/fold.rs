//! The fold itself: verdicts, numbers, and streams that are cut or out of order.

use proptest::prelude::*;

use super::samples;
use super::script::{Script, end, failed, passed, skipped};
use crate::events::hooks;
use crate::events::messages::{Envelope, Status};
use crate::events::stream::{Event, Listener};
use crate::report::console::{Console, Options};
use crate::report::fold::Verdict;
use crate::report::{Conclusion, Run, junit};

fn all() -> Vec<Script> {
    vec![
        samples::green(),
        samples::red(),
        samples::judged_wrong(),
        samples::not_written_well(),
        samples::hostile(),
        samples::interleaved(),
        samples::retried(),
        samples::outlines(),
        samples::killed(),
        samples::trouble_outside(),
    ]
}

/// Tells `script` everywhere; any panic fails the test.
fn tell(script: &Script, live: bool) -> Run {
    let options = Options { live, verbose: true, width: 40, ..Options::default() };
    let mut console = Console::new(Vec::new(), options);
    for event in &script.events {
        console.hear(event).unwrap();
        console.tick().unwrap();
    }
    console.finish().unwrap();
    let run = Run::fold(&script.envelopes());
    let xml = junit(&run).unwrap();
    quick_junit::Report::deserialize_from_str(&xml).unwrap();
    run
}

proptest! {
    #[test]
    fn every_beginning_of_a_stream_is_an_interrupted_run(
        which in 0..10_usize,
        part in 0.0..1.0_f64,
        live: bool,
    ) {
        let mut script = all().swap_remove(which);
        let kept = (script.events.len() as f64 * part) as usize;
        script.events.truncate(kept);
        let summary = tell(&script, live).summary();
        prop_assert!(summary.interrupted);
        prop_assert_eq!(summary.conclusion, Conclusion::Interrupted);
    }

    #[test]
    fn no_stream_breaks_a_report(
        which in 0..10_usize,
        lost in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        swapped in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..12),
    ) {
        let mut script = all().swap_remove(which);
        for (one, other) in swapped {
            let len = script.events.len();
            script.events.swap(one.index(len), other.index(len));
        }
        for index in lost {
            script.events.remove(index.index(script.events.len()));
        }
        tell(&script, false);
    }
}

#[test]
fn a_summary_counts_each_scenario_once() {
    let summary = Run::fold(&samples::red().envelopes()).summary();
    let counts = summary.scenarios;
    assert_eq!((counts.passed, counts.failed, counts.left_behind, counts.skipped), (1, 2, 1, 2));
    assert_eq!(summary.left_behind, [3]);
    assert_eq!(summary.skips.len(), 1);
    assert_eq!(summary.skips[0].scenarios, [4, 5]);
    assert_eq!((summary.conclusion, summary.interrupted), (Conclusion::Failed, false));
}

#[test]
fn only_a_run_that_showed_something_is_green() {
    let conclusion = |stream: &[Envelope]| Run::fold(stream).summary().conclusion;
    assert_eq!(conclusion(&samples::green().envelopes()), Conclusion::Passed);
    assert_eq!(conclusion(&[]), Conclusion::Interrupted);
    let mut script = Script::begun();
    let mut case = script.plan(samples::BOOT.0, "Boot", "It works", &["When it runs"]);
    script.begin_bare(&mut case);
    script.run_hook_of(&case, hooks::NEEDS, skipped("no cloud"));
    script.end_bare(&case, false);
    script.over(true);
    assert_eq!(conclusion(&script.envelopes()), Conclusion::NothingRan);
}

#[test]
fn a_failure_outweighs_what_it_left_behind() {
    let mut script = Script::begun();
    let mut case = script.plan(samples::BOOT.0, "Boot", "It works", &["When it runs"]);
    script.begin(&mut case);
    script.steps(&case, [failed(1, "no")]);
    script.run_hook_of(&case, hooks::CLEAN_UP, failed(1, "still there"));
    script.end_bare(&case, false);
    script.over(false);
    let run = Run::fold(&script.envelopes());
    assert_eq!(run.scenarios[0].verdict(), Verdict::Failed);
    assert_eq!(run.summary().left_behind, [0]);
}

/// Whether a message is of the kind `kind`, as its line names it.
fn is(envelope: &Envelope, kind: &str) -> bool {
    serde_json::to_value(envelope).unwrap().get(kind).is_some()
}

#[test]
fn a_stream_that_holds_results_but_not_their_cases_is_broken_and_no_run_of_nothing() {
    for lost in ["testCase", "pickle", "testCaseStarted"] {
        let mut script = samples::green();
        script.events.retain(|event| match event {
            Event::Said(envelope) => !is(envelope, lost),
            _ => true,
        });
        let run = tell(&script, false);
        assert_eq!(run.summary().conclusion, Conclusion::Broken, "without {lost}");
        let text = super::console::plain(&script);
        assert!(text.contains("the record is broken: "), "{text}");
        assert!(!text.contains("no scenario was selected"), "{text}");
    }
}

#[test]
fn a_reversed_stream_is_broken() {
    let mut script = samples::green();
    script.events.reverse();
    let run = tell(&script, false);
    assert_eq!(run.summary().conclusion, Conclusion::Broken);
    let text = super::console::plain(&script);
    assert!(text.contains("the record is broken: "), "{text}");
    assert!(!text.contains("nothing ran"), "{text}");
}

#[test]
fn a_scenario_without_its_end_makes_an_ended_run_an_interrupted_one() {
    let mut script = samples::green();
    let end = |event: &Event| matches!(event, Event::Said(it) if is(it, "testCaseFinished"));
    let at = script.events.iter().rposition(end).unwrap();
    script.events.remove(at);
    assert_eq!(tell(&script, false).summary().conclusion, Conclusion::Interrupted);
    assert!(super::console::plain(&script).contains("1 interrupted"));
}

#[test]
fn a_skip_in_mid_scenario_keeps_its_reason() {
    let mut script = Script::begun();
    let mut case = script.plan(samples::BOOT.0, "Boot", "It works", &samples::BOOTED);
    script.begin(&mut case);
    script.steps(&case, [passed(1), end(Status::Skipped, 0, Some("too small"))]);
    script.end(&case);
    let run = Run::fold(&script.envelopes());
    assert_eq!(run.scenarios[0].verdict(), Verdict::Skipped("too small".to_owned()));
}

#[test]
fn a_stream_that_was_written_and_read_gives_the_same_report() {
    for script in all() {
        let stream = script.envelopes();
        let read = stream.iter().map(|envelope| {
            let line = serde_json::to_string(envelope).unwrap();
            serde_json::from_str::<Envelope>(&line).unwrap()
        });
        let read: Vec<Envelope> = read.collect();
        let xml = |stream: &[Envelope]| junit(&Run::fold(stream)).unwrap();
        assert_eq!(xml(&read), xml(&stream));
    }
}
