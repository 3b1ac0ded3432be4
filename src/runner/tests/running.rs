//! What happens within a scenario: its steps, its hooks, their limits.

use std::time::Duration;

use super::toy::{FAILING_LINE, PANICKING_LINE};
use super::{feature, status};
use crate::events::messages::Envelope;
use crate::events::messages::run::Status;
use crate::events::stream::LOG;
use crate::runner::Verdict;

#[test]
fn a_run_is_told_in_the_order_of_messages() {
    let played = feature(&["Scenario: one\n  Given a calm start\n  Then it says \"ah\""]).go();
    assert!(played.outcome.is_success());
    assert_eq!(
        played.kinds(),
        [
            "meta",
            "source",
            "gherkinDocument",
            "pickle",
            "stepDefinition",
            "hook",
            "testRunStarted",
            "testCase",
            "testCaseStarted",
            "testStepStarted",
            "testStepFinished",
            "testStepStarted",
            "testStepFinished",
            "testStepStarted",
            "testStepFinished",
            "testStepStarted",
            "attachment",
            "testStepFinished",
            "testStepStarted",
            "testStepFinished",
            "testStepStarted",
            "testStepFinished",
            "testStepStarted",
            "testStepFinished",
            "testCaseFinished",
            "testRunFinished",
        ]
    );
    assert_eq!(
        played.told(),
        [
            "needs: PASSED",
            "target: PASSED",
            "a calm start: PASSED",
            "it says \"ah\": PASSED",
            "audit: books: PASSED",
            "clean-up: PASSED",
            "audit: leftovers: PASSED",
        ]
    );
    let attached = played.said.iter().find_map(|envelope| match envelope {
        Envelope::Attachment(it) => Some(it),
        _ => None,
    });
    let attached = attached.expect("the log line is attached");
    let step = attached.test_step_id.as_deref().expect("to its step");
    assert_eq!(played.title(step), "it says \"ah\"");
    assert_eq!((attached.media_type.as_str(), &*attached.body), (LOG, "ah"));
}

#[test]
fn every_id_is_announced_once_before_it_is_used() {
    let scenario = "Scenario: n\n Given a calm start\n When it fails\n Then it says \"x\"";
    let played = feature(&[scenario, scenario, "@moon\nScenario: m\n Given a calm start"]).go();
    let mut known = std::collections::HashSet::new();
    for envelope in &played.said {
        match envelope {
            Envelope::Pickle(it) => assert!(known.insert(it.id.clone())),
            Envelope::Hook(it) => assert!(known.insert(it.id.clone())),
            Envelope::StepDefinition(it) => assert!(known.insert(it.id.clone())),
            Envelope::TestCase(it) => {
                assert!(known.contains(&it.pickle_id) && known.insert(it.id.clone()));
                for step in &it.test_steps {
                    assert!(known.insert(step.id.clone()));
                    assert!(step.hook_id.iter().all(|id| known.contains(id)));
                    let definitions = step.step_definition_ids.iter().flatten();
                    assert!(definitions.into_iter().all(|id| known.contains(id)));
                }
            }
            Envelope::TestCaseStarted(it) => {
                assert!(known.contains(&it.test_case_id) && known.insert(it.id.clone()));
            }
            Envelope::TestStepFinished(it) => {
                assert!(known.contains(&it.test_case_started_id));
                assert!(known.contains(&it.test_step_id));
            }
            _ => {}
        }
    }
}

#[test]
fn a_step_that_returns_an_error_fails_with_its_place_and_skips_the_rest() {
    let scenario = "Scenario: one\n Given a calm start\n When it fails\n Then it says \"ah\"";
    let played = feature(&[scenario]).go();
    assert_eq!(
        played.told(),
        [
            "needs: PASSED",
            "target: PASSED",
            "a calm start: PASSED",
            "it fails: FAILED",
            "it says \"ah\": SKIPPED",
            "audit: books: PASSED",
            "clean-up: PASSED",
            "audit: leftovers: PASSED",
        ]
    );
    let result = &played.end_of("it fails").test_step_result;
    assert_eq!(result.message.as_deref(), Some("no such toy"));
    let exception = result.exception.as_ref().expect("a failure has one");
    assert_eq!(exception.r#type, "StepError");
    let trace = exception.stack_trace.as_deref().unwrap_or_default();
    let expected = format!(
        "StepError: no such toy\n    at src/runner/tests/toy.rs:{FAILING_LINE}\n    \
         at features/toys.feature:5"
    );
    assert!(trace.starts_with(&expected), "{trace}");
    assert_eq!(
        played.outcome.scenarios[0].verdict,
        Verdict::Failed { at: "When it fails".to_owned(), message: "no such toy".to_owned() }
    );
    assert!(!played.outcome.is_success());
    assert_eq!(played.outcome.internal_errors, [""; 0]);
}

#[test]
fn evidence_is_attached_to_the_step_that_failed_and_only_once() {
    let played = feature(&["@books-fails\nScenario: one\n When it fails"]).go();
    let attached: Vec<String> = played
        .said
        .iter()
        .filter_map(|envelope| match envelope {
            Envelope::Attachment(it) => it.test_step_id.as_deref().map(|id| played.title(id)),
            _ => None,
        })
        .collect();
    assert_eq!(attached, ["it fails"]);
    let journal = ["open", "fails", "failed", "books", "clean-up", "leftovers"];
    assert_eq!(played.journal, journal.map(|it| format!("one: {it}")));
}

#[test]
fn a_panic_shows_where_it_happened_and_is_cleaned_up() {
    let played = feature(&["Scenario: one\n When it panics"]).go();
    let result = &played.end_of("it panics").test_step_result;
    assert_eq!(result.message.as_deref(), Some("the toy broke"));
    let exception = result.exception.as_ref().expect("a failure has one");
    assert_eq!(exception.r#type, "panic");
    let place = format!("\n    at src/runner/tests/toy.rs:{PANICKING_LINE}\n");
    let trace = exception.stack_trace.as_deref().unwrap_or_default();
    assert!(trace.contains(&place), "{trace}");
    assert!(played.journal.contains(&"one: clean-up".to_owned()));
}

#[test]
fn a_step_that_does_not_come_back_is_dropped_and_cleaned_up_without_books() {
    let played = feature(&["Scenario: one\n When it hangs\n Then it says \"x\""]).hurried().go();
    assert_eq!(
        played.told(),
        [
            "needs: PASSED",
            "target: PASSED",
            "it hangs: FAILED",
            "it says \"x\": SKIPPED",
            "audit: books: SKIPPED",
            "clean-up: PASSED",
            "audit: leftovers: PASSED",
        ]
    );
    let result = &played.end_of("it hangs").test_step_result;
    assert_eq!(
        result.message.as_deref(),
        Some("timed out after 30ms: step `When it hangs` has not come back")
    );
}

#[test]
fn the_scenarios_limit_ends_a_step_too() {
    let mut play = feature(&["Scenario: one\n When it hangs"]);
    play.settings.scenario_limit = Duration::from_millis(30);
    let played = play.go();
    assert_eq!(
        played.end_of("it hangs").test_step_result.message.as_deref(),
        Some("timed out after 30ms, the whole scenario's limit, in step `When it hangs`")
    );
}

#[test]
fn a_clean_up_that_hangs_leaves_something_behind_and_leftovers_are_still_looked_for() {
    let played = feature(&["@clean-up-hangs\nScenario: one\n Given a calm start"]).hurried().go();
    let ended = &played.outcome.scenarios[0];
    assert_eq!(ended.verdict, Verdict::Passed);
    assert_eq!(
        ended.left_behind.as_deref(),
        Some("timed out after 30ms: hook `clean-up` has not come back")
    );
    assert_eq!(played.outcome.left_behind(), 1);
    assert!(!played.outcome.is_success());
    assert!(played.journal.contains(&"one: leftovers".to_owned()));
}

#[test]
fn findings_of_the_audit_fail_the_scenario_or_say_what_is_left() {
    let played = feature(&[
        "@books-fails\nScenario: books\n Given a calm start",
        "@leftovers-fails\nScenario: left\n Given a calm start",
    ])
    .go();
    let [books, left] = &played.outcome.scenarios[..] else {
        panic!("two scenarios ran");
    };
    assert_eq!(
        books.verdict,
        Verdict::Failed { at: "audit: books".to_owned(), message: "books went wrong".to_owned() }
    );
    assert_eq!(books.left_behind, None);
    assert_eq!(left.verdict, Verdict::Passed);
    assert_eq!(left.left_behind.as_deref(), Some("leftovers went wrong"));
}

#[test]
fn a_target_that_does_not_open_fails_without_steps() {
    let played = feature(&["@open-fails\nScenario: one\n Given a calm start"]).go();
    assert_eq!(
        played.told(),
        [
            "needs: PASSED",
            "target: FAILED",
            "a calm start: SKIPPED",
            "audit: books: SKIPPED",
            "clean-up: SKIPPED",
            "audit: leftovers: SKIPPED",
        ]
    );
    assert_eq!(played.outcome.failed(), 1);
}

#[test]
fn a_panic_in_a_hook_is_a_bug_of_ours() {
    let played = feature(&["@books-panics\nScenario: one\n Given a calm start"]).go();
    let errors = &played.outcome.internal_errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("hook audit: books: panic at src/runner/tests/toy.rs:"));
    assert!(played.journal.contains(&"one: clean-up".to_owned()));
}

#[test]
fn what_the_target_lacks_skips_a_scenario_with_the_reason() {
    let played = feature(&["@moon\nScenario: one\n Given a calm start"]).go();
    assert_eq!(played.told()[0], "needs: SKIPPED");
    let result = &played.end_of("needs").test_step_result;
    assert_eq!(result.message.as_deref(), Some("there is no moon here"));
    assert!(played.finished().all(|it| status(it) == "SKIPPED"));
    assert_eq!(played.journal, [""; 0]);
    assert!(played.outcome.nothing_ran() && !played.outcome.is_success());
    let reasons: Vec<&str> = played.outcome.skipped().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, ["there is no moon here"]);
}

#[test]
fn a_scenario_without_steps_is_not_passed() {
    let played = feature(&["Scenario: one"]).go();
    assert_eq!(played.outcome.scenarios[0].verdict, Verdict::Skipped("it has no steps".to_owned()));
}

#[test]
fn a_step_can_skip_the_rest() {
    let scenario = "Scenario: one\n When it finds the toy too old\n Then it says \"x\"";
    let played = feature(&[scenario]).go();
    let result = &played.end_of("it finds the toy too old").test_step_result;
    assert_eq!(result.status, Status::Skipped);
    assert_eq!(result.message.as_deref(), Some("the toy is too old"));
    assert_eq!(
        played.outcome.scenarios[0].verdict,
        Verdict::Skipped("the toy is too old".to_owned())
    );
    assert!(played.journal.contains(&"one: books".to_owned()));
}
