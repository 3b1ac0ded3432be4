//! JUnit XML for CI systems, following the mapping of Cucumber's own reporter.
//!
//! A feature is a suite, a scenario a case with `classname` = feature and `name` =
//! `[rule - ]scenario`, unique in the file because GitLab counts only the first of a name. Only
//! the last attempt decides; earlier ones are `flakyFailure` or `rerunFailure`. What fails
//! outside the scenarios is a case of its own, so a red run is never green XML.

use std::collections::HashMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::failure;
use super::fold::{Attempt, Run, Scenario, Step, Verdict};
use super::text::{Paint, clean, clean_line, moment};
use crate::events::hooks;
use crate::events::messages::run::Status;

/// The column at which a step's status begins in `system-out`.
const STATUS_COLUMN: usize = 76;
/// Plain text: XML has no colours.
const PLAIN: Paint = Paint(false);

/// Why a report could not be written as XML.
#[derive(Debug, thiserror::Error)]
#[error("the run can't be written as JUnit XML")]
pub struct JunitError(#[from] quick_junit::SerializeError);

/// The run as JUnit XML, also if it was interrupted.
///
/// # Errors
///
/// If the XML can't be built, which no text of a run causes: what XML can't hold is left out.
pub fn junit(run: &Run) -> Result<String, JunitError> {
    let mut report = Report::new("whimbrel");
    if let Some(started) = run.started {
        report.timestamp = moment(started).parse().ok();
    }
    report.time = run.lasted();
    for scenarios in by_file(run).values() {
        report.add_test_suite(suite(run, scenarios));
    }
    let around = around(run);
    if !around.is_empty() {
        let mut suite = TestSuite::new("the run itself");
        suite.set_time(Duration::ZERO).add_test_cases(around);
        report.add_test_suite(suite);
    }
    make_unique(&mut report);
    Ok(report.to_string()?)
}

/// The scenarios of each feature file, in the order of the plan.
fn by_file(run: &Run) -> Files<'_> {
    let mut files = Files::default();
    for scenario in &run.scenarios {
        files.add(scenario);
    }
    files
}

/// Feature files in the order in which they were first seen.
#[derive(Default)]
struct Files<'a> {
    order: Vec<Vec<&'a Scenario>>,
    index: HashMap<&'a str, usize>,
}

impl<'a> Files<'a> {
    fn add(&mut self, scenario: &'a Scenario) {
        let next = self.order.len();
        let index = *self.index.entry(&scenario.place.uri).or_insert(next);
        if index == next {
            self.order.push(Vec::new());
        }
        self.order[index].push(scenario);
    }

    fn values(&self) -> impl Iterator<Item = &[&'a Scenario]> {
        self.order.iter().map(Vec::as_slice)
    }
}

fn suite(run: &Run, scenarios: &[&Scenario]) -> TestSuite {
    let first = scenarios[0];
    let mut suite = TestSuite::new(clean_line(&first.feature));
    let uri = clean_line(&first.place.uri);
    suite.extra.insert("file".into(), uri.as_str().into());
    if let Some(product) = &run.implementation {
        let version = product.version.as_deref().unwrap_or_default();
        let by = format!("{} {version}", product.name);
        suite.add_property(("implementation", by.trim()));
    }
    if run.finished.is_none() {
        suite.add_property(("interrupted", "true"));
    }
    let attempts = || scenarios.iter().flat_map(|own| &own.attempts);
    if let Some(started) = attempts().map(|attempt| attempt.started).min() {
        suite.timestamp = moment(started).parse().ok();
    }
    let time = attempts().map(Attempt::took).sum();
    suite.set_time(time);
    suite.add_test_cases(scenarios.iter().map(|scenario| case(run, scenario)));
    suite
}

fn case(run: &Run, scenario: &Scenario) -> TestCase {
    let mut status = status(run, scenario);
    let earlier = scenario.attempts.len().saturating_sub(1);
    status.add_reruns(scenario.attempts[..earlier].iter().map(rerun));
    let mut case = TestCase::new(clean_line(&scenario.full_name()), status);
    case.set_classname(clean_line(&scenario.feature));
    let uri = clean_line(&scenario.place.uri);
    case.extra.insert("file".into(), uri.as_str().into());
    if let Some(line) = scenario.place.line {
        case.extra.insert("line".into(), line.to_string().into());
    }
    let last = scenario.attempts.last();
    case.set_time(last.map_or(Duration::ZERO, Attempt::took));
    if let Some(attempt) = last {
        case.timestamp = moment(attempt.started).parse().ok();
        case.set_system_out(dotted(attempt));
    }
    if !scenario.tags.is_empty() {
        case.add_property(("tags", clean_line(&scenario.tags.join(" ")).as_str()));
    }
    case
}

fn status(run: &Run, scenario: &Scenario) -> TestCaseStatus {
    let verdict = scenario.verdict();
    match (verdict, scenario.attempts.last()) {
        (Verdict::Passed, _) => TestCaseStatus::success(),
        (Verdict::Skipped(reason), _) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean_line(&reason));
            status
        }
        (Verdict::Failed | Verdict::LeftBehind, Some(attempt)) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(message(attempt))
                .set_type(kind(attempt))
                .set_description(body(scenario, attempt));
            status
        }
        (Verdict::Unfinished, Some(attempt)) => unfinished(scenario, attempt),
        _ => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(if run.finished.is_none() {
                "not started: the run was interrupted"
            } else {
                "not started"
            });
            status
        }
    }
}

fn unfinished(scenario: &Scenario, attempt: &Attempt) -> TestCaseStatus {
    let place = match attempt.running() {
        Some(step) => format!("interrupted in: {}", clean_line(&step.sentence())),
        None => "interrupted".to_owned(),
    };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(place).set_type("INTERRUPTED").set_description(body(scenario, attempt));
    status
}

fn rerun(attempt: &Attempt) -> TestRerun {
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    rerun
        .set_time(attempt.took())
        .set_message(message(attempt))
        .set_type(kind(attempt))
        .set_stack_trace(failure::failures(attempt, 0, PLAIN).join("\n"))
        .set_system_out(dotted(attempt));
    rerun.timestamp = moment(attempt.started).parse().ok();
    rerun
}

/// The first failure in one line, and how many more there are.
fn message(attempt: &Attempt) -> String {
    let mut failures = attempt.failures();
    let first = failures.next().map(failure::headline);
    let first = first.unwrap_or_else(|| "it failed without a message".to_owned());
    let more: Vec<String> = failures.map(|step| clean_line(&step.sentence())).collect();
    if more.is_empty() { first } else { format!("{first} (and: {})", more.join("; ")) }
}

/// What a reader may sort failures by.
fn kind(attempt: &Attempt) -> String {
    let Some(step) = attempt.failures().next() else {
        return "FAILED".to_owned();
    };
    let result = step.result.as_ref();
    let exception = result.and_then(|own| own.exception.as_ref());
    let sentence = step.sentence();
    match (exception, result.map(|own| own.status)) {
        _ if step.left_something() => "LEFT BEHIND".to_owned(),
        _ if sentence == hooks::BOOKS => "AUDIT".to_owned(),
        (Some(exception), _) => clean_line(&exception.r#type),
        (None, Some(Status::Undefined)) => "UNDEFINED".to_owned(),
        (None, Some(Status::Ambiguous)) => "AMBIGUOUS".to_owned(),
        (None, Some(Status::Pending)) => "PENDING".to_owned(),
        _ => "FAILED".to_owned(),
    }
}

/// All that explains the failure, with the places of scenario, sentence and code.
fn body(scenario: &Scenario, attempt: &Attempt) -> String {
    let place = clean_line(&scenario.place.to_string());
    let mut lines = vec![format!("{} ({place})", clean_line(&scenario.name))];
    lines.extend(failure::steps(attempt, 0, PLAIN));
    format!("\n{}\n", lines.join("\n"))
}

/// Each step, dots, and how it ended.
fn dotted(attempt: &Attempt) -> String {
    let told = |step: &&Step| step.is_sentence() || step.failed() || step.is(Status::Skipped);
    let mut out = String::from("\n");
    for step in attempt.steps.iter().filter(told) {
        let sentence = clean_line(&step.sentence());
        let dots = STATUS_COLUMN.saturating_sub(sentence.chars().count()).max(3);
        let status = match step.result.as_ref().map(|own| own.status) {
            Some(Status::Passed) => "passed",
            Some(Status::Skipped) => "skipped",
            Some(Status::Pending) => "pending",
            Some(Status::Undefined) => "undefined",
            Some(Status::Ambiguous) => "ambiguous",
            Some(Status::Failed) => "failed",
            Some(Status::Unknown) => "unknown",
            None if step.started.is_some() => "interrupted",
            None => "not run",
        };
        out.push_str(&format!("{sentence}{}{status}\n", ".".repeat(dots)));
    }
    out
}

/// Cases for what failed outside the scenarios.
fn around(run: &Run) -> Vec<TestCase> {
    let mut cases = Vec::new();
    for error in &run.parse_errors {
        let place = error.place.as_ref().map(ToString::to_string);
        let place = clean_line(place.as_deref().unwrap_or("a feature file"));
        let mut case = synthetic("@parse", &format!("{place} can be read"), &error.message);
        if let Some(place) = &error.place {
            let uri = clean_line(&place.uri);
            case.extra.insert("file".into(), uri.as_str().into());
            let line = place.line.unwrap_or(1).to_string();
            case.extra.insert("line".into(), line.into());
        }
        cases.push(case);
    }
    for hook in run.hooks.iter().filter(|hook| hook.failed()) {
        let class = if hook.after { "@after-all" } else { "@before-all" };
        let result = hook.result.as_ref();
        let message = result.and_then(|own| own.message.as_deref());
        let message = message.unwrap_or("it failed without a message");
        cases.push(synthetic(class, &hook.name, message));
    }
    match &run.finished {
        None => cases.push(synthetic(
            "@run",
            "comes to its end",
            "interrupted: the run did not come to its end",
        )),
        Some(finished) if !finished.success && is_green(run, &cases) => {
            let message = finished.message.as_deref();
            let message = message.unwrap_or("the run says that it did not succeed");
            cases.push(synthetic("@run", "succeeds", message));
        }
        Some(_) => {}
    }
    cases
}

/// Whether nothing in the report would be red.
fn is_green(run: &Run, around: &[TestCase]) -> bool {
    let red = |own: &Scenario| {
        matches!(own.verdict(), Verdict::Failed | Verdict::LeftBehind | Verdict::Unfinished)
    };
    around.is_empty() && !run.scenarios.iter().any(red)
}

fn synthetic(class: &str, name: &str, message: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    let message = clean(message);
    let first = message.lines().next().unwrap_or_default();
    status.set_message(first).set_description(message.as_str());
    let mut case = TestCase::new(clean_line(name), status);
    case.set_classname(class).set_time(Duration::ZERO);
    case
}

/// Adds to each name that is there already the place it stands at, and a number if need be.
fn make_unique(report: &mut Report) {
    let mut taken: HashMap<(String, String), usize> = HashMap::new();
    for case in report.test_suites.iter_mut().flat_map(|own| &mut own.test_cases) {
        let class = case.classname.as_deref().unwrap_or_default().to_owned();
        let attribute = |name: &str| {
            let found = case.extra.iter().find(|(key, _)| key.as_str() == name);
            found.map_or("", |(_, value)| value.as_str()).to_owned()
        };
        let place = format!("{}:{}", attribute("file"), attribute("line"));
        let mut name = case.name.as_str().to_owned();
        if taken.contains_key(&(class.clone(), name.clone())) {
            name = format!("{name} ({place})");
        }
        let base = name.clone();
        while let Some(times) = taken.get_mut(&(class.clone(), name.clone())) {
            *times += 1;
            name = format!("{base} #{times}");
        }
        case.name = name.as_str().into();
        taken.insert((class, name), 1);
    }
}
