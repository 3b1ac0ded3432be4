//! What the XML says, and that it is XML.

use insta::assert_snapshot;

use super::samples;
use super::script::Script;
use crate::report::{Run, junit};

/// The XML, after it was read back by the library's own reader.
fn xml(script: &Script) -> String {
    let xml = junit(&Run::fold(&script.envelopes())).unwrap();
    quick_junit::Report::deserialize_from_str(&xml).unwrap();
    xml
}

#[test]
fn a_green_run_has_no_failure() {
    let xml = xml(&samples::green());
    assert!(!xml.contains("<failure") && !xml.contains("<error"));
    assert_snapshot!(xml);
}

#[test]
fn failures_name_their_step_and_findings_their_audit() {
    assert_snapshot!(xml(&samples::red()));
}

#[test]
fn a_panic_an_undefined_and_a_pending_step_fail() {
    assert_snapshot!(xml(&samples::not_written_well()));
}

#[test]
fn no_name_breaks_the_xml() {
    assert_snapshot!(xml(&samples::hostile()));
}

#[test]
fn only_the_last_attempt_decides() {
    assert_snapshot!(xml(&samples::retried()));
}

#[test]
fn rows_have_names_of_their_own() {
    assert_snapshot!(xml(&samples::outlines()));
}

#[test]
fn an_interrupted_run_is_red() {
    assert_snapshot!(xml(&samples::killed()));
}

#[test]
fn trouble_outside_the_scenarios_is_red_too() {
    assert_snapshot!(xml(&samples::trouble_outside()));
}

#[test]
fn a_run_that_failed_for_reasons_of_its_own_is_red() {
    let mut script = Script::begun();
    script.over(false);
    assert!(xml(&script).contains("failures=\"0\" errors=\"1\""));
}

#[test]
fn two_scenarios_of_one_name_are_told_apart() {
    let mut script = Script::begun();
    for uri in ["features/a.feature", "features/b.feature", "features/b.feature"] {
        let mut case = script.plan(uri, "Boot", "It works", &["When it runs"]);
        script.pass(&mut case, 1);
    }
    script.over(true);
    let xml = xml(&script);
    let cases = xml.lines().filter(|line| line.contains("<testcase"));
    let names: Vec<&str> = cases.map(|line| line.split('"').nth(1).unwrap()).collect();
    assert_eq!(
        names,
        ["It works", "It works (features/b.feature:5)", "It works (features/b.feature:8)"]
    );
}
