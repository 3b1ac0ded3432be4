//! What the console prints, without colour unless colour is the point.

use anstream::ColorChoice;
use insta::assert_snapshot;

use super::samples;
use super::script::Script;
use crate::events::messages::{Envelope, Status};
use crate::events::stream::{Event, Listener};
use crate::report::console::{Console, Options};

fn told(script: &Script, options: Options) -> String {
    let mut out = Vec::new();
    let mut console = Console::new(&mut out, options);
    for event in &script.events {
        console.hear(event).unwrap();
    }
    console.finish().unwrap();
    String::from_utf8(out).unwrap()
}

pub(super) fn plain(script: &Script) -> String {
    told(script, Options::default())
}

#[test]
fn a_green_run_is_a_list_and_a_count() {
    assert_snapshot!(plain(&samples::green()));
}

#[test]
fn a_red_run_explains_itself_twice() {
    assert_snapshot!(plain(&samples::red()));
}

#[test]
fn a_judgement_comes_with_the_wait_before_it_and_later_findings_follow() {
    assert_snapshot!(plain(&samples::judged_wrong()));
}

#[test]
fn sentences_without_code_and_code_that_breaks_say_so() {
    assert_snapshot!(plain(&samples::not_written_well()));
}

#[test]
fn a_name_can_not_move_the_cursor() {
    let text = plain(&samples::hostile());
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
    assert_snapshot!(text);
}

#[test]
fn whoever_finishes_first_is_told_first() {
    assert_snapshot!(plain(&samples::interleaved()));
}

#[test]
fn side_by_side_each_line_tells_its_file() {
    assert_snapshot!(plain(&samples::interleaved().side_by_side()));
}

#[test]
fn one_file_has_one_heading_also_side_by_side() {
    let mut script = Script::begun();
    for name in ["One", "Two"] {
        let mut case = script.plan(samples::BOOT.0, "Boot", name, &["When it runs"]);
        script.pass(&mut case, 10);
    }
    script.over(true);
    let headed = plain(&script);
    assert_eq!(plain(&script.side_by_side()), headed);
}

#[test]
fn what_is_noted_stands_between_what_is_told() {
    let script = samples::interleaved();
    let mut out = Vec::new();
    let mut console = Console::new(&mut out, Options::default());
    console.hear(&script.events[0]).unwrap();
    console.hear(&Event::Noted("stalled: One\n  When it \u{1b}[2Jmoves".to_owned())).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "  stalled: One\n    When it moves\n");
}

#[test]
fn every_attempt_is_told_and_the_last_one_counts() {
    assert_snapshot!(plain(&samples::retried()));
}

#[test]
fn a_row_is_known_by_its_number_and_rerun_by_its_line() {
    assert_snapshot!(plain(&samples::outlines()));
}

#[test]
fn a_killed_run_says_what_ran_and_what_did_not() {
    assert_snapshot!(plain(&samples::killed()));
}

#[test]
fn trouble_outside_the_scenarios_is_told() {
    assert_snapshot!(plain(&samples::trouble_outside()));
}

#[test]
fn a_run_of_nothing_does_not_look_green() {
    let mut script = Script::begun();
    script.over(true);
    assert_snapshot!(plain(&script), @r"
    whimbrel 0.1.0 on the embedded cloud, Nova 34.0.0

    nothing ran: no scenario was selected
    took 0 ms
    ");
}

#[test]
fn verbose_prints_the_steps_of_what_passed() {
    let options = Options { verbose: true, ..Options::default() };
    assert_snapshot!(told(&samples::green(), options));
}

#[test]
fn a_long_run_ends_with_its_five_slowest() {
    let mut script = Script::begun();
    for millis in [10, 900, 20, 65_000, 5, 4_000, 1_500] {
        let name = format!("Takes {millis} ms");
        let mut case = script.plan(samples::BOOT.0, "Boot", &name, &["When it runs"]);
        script.pass(&mut case, millis);
    }
    script.over(true);
    let text = plain(&script);
    let slowest = text.split("\n\n").find(|section| section.starts_with("Slowest"));
    assert_snapshot!(slowest.unwrap(), @r"
    Slowest
      1 min 05 s  Boot › Takes 65000 ms
           4.0 s  Boot › Takes 4000 ms
           1.5 s  Boot › Takes 1500 ms
          908 ms  Boot › Takes 900 ms
           28 ms  Boot › Takes 20 ms
    ");
}

#[test]
fn a_failure_is_told_before_clean_up_has_ended() {
    let script = samples::red();
    let failing = |event: &Event| match event {
        Event::Said(said) => matches!(said.as_ref(), Envelope::TestStepFinished(finished)
            if finished.test_step_result.status == Status::Failed),
        Event::Waiting { .. } | Event::Noted(_) => false,
    };
    let failed = script.events.iter().position(failing).unwrap();
    let mut out = Vec::new();
    let mut console = Console::new(&mut out, Options::default());
    for event in &script.events[..=failed] {
        console.hear(event).unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("because the answer was 409"), "{text}");
}

#[test]
fn colour_adds_nothing_but_colour() {
    for script in [samples::red(), samples::outlines(), samples::killed()] {
        let coloured = Options { colour: ColorChoice::Always, ..Options::default() };
        let coloured = told(&script, coloured);
        assert!(coloured.contains("\u{1b}["));
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(stripped, plain(&script));
    }
}
