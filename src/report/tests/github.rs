//! What GitHub Actions is told.

use std::path::PathBuf;

use insta::assert_snapshot;

use super::samples;
use super::script::{Script, failed, passed};
use crate::report::Run;
use crate::report::github::{Checkout, LIMIT, SHOWN, annotations, summary};

fn run(script: &Script) -> Run {
    Run::fold(&script.envelopes())
}

/// The repository's root is one folder up.
fn below() -> Checkout {
    Checkout { folder: PathBuf::from("/ci/repo/suite"), root: Some(PathBuf::from("/ci/repo")) }
}

fn annotated(script: &Script) -> String {
    annotations(&run(script), &below()).join("\n")
}

#[test]
fn a_green_run_annotates_nothing() {
    assert_eq!(annotated(&samples::green()), "");
}

#[test]
fn each_failure_is_annotated_at_its_line_from_the_root_of_the_repository() {
    assert_snapshot!(annotated(&samples::red()));
}

#[test]
fn no_name_breaks_out_of_its_command() {
    let commands = annotations(&run(&samples::hostile()), &below());
    assert!(!commands.is_empty());
    for command in &commands {
        assert!(command.starts_with("::error "), "{command}");
        assert!(!command.contains(['\n', '\r']), "{command}");
    }
    assert_snapshot!(commands.join("\n"));
}

#[test]
fn trouble_outside_the_scenarios_is_annotated_too() {
    assert_snapshot!(annotated(&samples::trouble_outside()));
}

#[test]
fn a_run_that_was_killed_is_annotated_with_what_it_was_doing() {
    assert_snapshot!(annotated(&samples::killed()));
}

/// So many scenarios that fail, with a message as long as this.
fn failing(count: usize, message: &str) -> Script {
    let mut script = Script::begun();
    let names: Vec<String> = (1..=count).map(|number| format!("Number {number}")).collect();
    let (uri, feature) = samples::BOOT;
    let mut cases: Vec<_> =
        names.iter().map(|name| script.plan(uri, feature, name, &samples::BOOTED)).collect();
    for case in &mut cases {
        script.begin(case);
        script.steps(&case.clone(), [passed(1), failed(1, message)]);
        script.end(case);
    }
    script.over(false);
    script
}

#[test]
fn no_more_is_annotated_than_github_shows_and_the_rest_is_counted() {
    let exactly = annotations(&run(&failing(SHOWN, "no")), &below());
    assert_eq!(exactly.len(), SHOWN);
    assert!(exactly[SHOWN - 1].contains("Number 10"), "{exactly:#?}");
    let more = annotations(&run(&failing(SHOWN + 3, "no")), &below());
    assert_eq!(more.len(), SHOWN);
    assert!(more[SHOWN - 1].starts_with("::error title=and 4 more::"), "{more:#?}");
    assert!(more[SHOWN - 1].contains("Number 13"), "{more:#?}");
}

#[test]
fn places_that_are_not_in_the_repository_stay_as_they_are() {
    let script = failing(1, "no");
    let place = |checkout: &Checkout| {
        let command = annotations(&run(&script), checkout).remove(0);
        command.split(',').next().unwrap().to_owned()
    };
    let without_root = Checkout { root: None, ..below() };
    assert_eq!(place(&without_root), "::error file=features/boot/together.feature");
    let elsewhere = Checkout { folder: PathBuf::from("/tmp/x"), ..below() };
    assert_eq!(place(&elsewhere), "::error file=features/boot/together.feature");
    let beside = Checkout { folder: PathBuf::from("/ci/repo/a/../suite/."), ..below() };
    assert_eq!(place(&beside), "::error file=suite/features/boot/together.feature");
}

#[test]
fn the_summary_tells_what_failed_was_skipped_and_left_behind() {
    assert_snapshot!(summary(&run(&samples::red()), LIMIT));
}

#[test]
fn the_summary_of_a_green_run_is_short() {
    assert_snapshot!(summary(&run(&samples::green()), LIMIT));
}

#[test]
fn in_the_summary_no_name_is_more_than_text() {
    assert_snapshot!(summary(&run(&samples::hostile()), LIMIT));
}

#[test]
fn the_summary_of_a_killed_run_says_so() {
    assert_snapshot!(summary(&run(&samples::killed()), LIMIT));
}

#[test]
fn a_summary_is_never_longer_than_it_may_be_and_says_what_is_left_out() {
    let run = run(&failing(40, &"long ".repeat(2000)));
    for limit in [0, 300, 1000, 100_000] {
        assert!(summary(&run, limit).len() <= limit, "{limit}");
    }
    assert_eq!(summary(&run, 300), "");
    let some = summary(&run, 100_000);
    assert!(some.contains("Number 3") && !some.contains("Number 40"), "{some}");
    assert!(some.contains("more that did not fit here"), "{some}");
    assert!(!summary(&run, LIMIT).contains("did not fit"));
}
