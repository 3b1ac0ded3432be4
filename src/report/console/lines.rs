//! A scenario in the report, when it has ended or failed.

use crate::report::failure::{self, indented};
use crate::report::fold::{At, Attempt, Scenario, Verdict};
use crate::report::text::{Paint, clean_line, ends_at, span};

/// One line for a scenario that went well or was not judged.
pub(super) fn finished(
    scenario: &Scenario,
    attempt: &Attempt,
    at: At,
    verdict: &Verdict,
    paint: Paint,
    column: usize,
) -> String {
    let name = named(scenario, at);
    match verdict {
        Verdict::Skipped(reason) => {
            let reason = paint.quiet(&format!("skipped: {}", clean_line(reason)));
            format!("  {} {name}  {reason}", paint.quiet("–"))
        }
        Verdict::Unfinished => {
            format!("  {} {name}  {}", paint.odd("–"), paint.odd("interrupted"))
        }
        _ => timed(&paint.good("✔"), &name, attempt, paint, column),
    }
}

/// A scenario that failed, with its steps.
pub(super) fn failed(
    scenario: &Scenario,
    attempt: &Attempt,
    at: At,
    paint: Paint,
    column: usize,
) -> Vec<String> {
    let only_left = attempt.failures().all(|step| step.left_something());
    let mark = if only_left { paint.odd("!") } else { paint.bad("✘") };
    let mut lines = vec![timed(&mark, &named(scenario, at), attempt, paint, column)];
    if let Some(rule) = scenario.rule.as_deref().filter(|rule| !rule.is_empty()) {
        let rule = format!("Rule: {}", clean_line(rule));
        lines.push(format!("      {}", paint.quiet(&rule)));
    }
    let steps = if only_left {
        failure::failures(attempt, 0, paint)
    } else {
        failure::steps(attempt, 0, paint)
    };
    lines.extend(indented(6, steps));
    lines
}

/// What failed after the failure that was told at once.
pub(super) fn also(
    scenario: &Scenario,
    attempt: &Attempt,
    told: usize,
    paint: Paint,
) -> Vec<String> {
    let more = failure::failures(attempt, told, paint);
    if more.is_empty() {
        return Vec::new();
    }
    let name = clean_line(&scenario.title);
    let mut later = attempt.steps[told..].iter().filter(|step| step.failed());
    let mark =
        if later.all(|step| step.left_something()) { paint.odd("!") } else { paint.bad("✘") };
    let title = format!("  {mark} {name} – and then:");
    std::iter::once(title).chain(indented(6, more)).collect()
}

fn timed(mark: &str, name: &str, attempt: &Attempt, paint: Paint, column: usize) -> String {
    let took = span(attempt.took());
    let left = format!("  {mark} {name}");
    let plain = format!("  ✔ {name}");
    ends_at(column, &left, &plain, &took, |took| paint.quiet(took))
}

fn named(scenario: &Scenario, at: At) -> String {
    let name = clean_line(&scenario.title);
    match at.attempt {
        0 => name,
        earlier => format!("{name} (attempt {})", earlier + 1),
    }
}

/// `feature › scenario`.
pub(super) fn path(scenario: &Scenario) -> String {
    format!("{} › {}", clean_line(&scenario.feature), clean_line(&scenario.title))
}
