//! A scenario in the report, when it has ended or failed.

use unicode_width::UnicodeWidthStr;

use crate::report::failure::{self, indented};
use crate::report::fold::{At, Attempt, Scenario, Verdict};
use crate::report::text::{Paint, clean_line, ends_at, fitted, span};

/// How the line of a scenario is laid out.
pub(super) struct Shape {
    /// What stands before the scenario's name: its feature file.
    pub(super) label: Option<String>,
    pub(super) paint: Paint,
    /// Where times end.
    pub(super) column: usize,
    /// Whether a name gives way where its line would not fit: on a terminal, which breaks it.
    pub(super) cuts: bool,
}

impl Shape {
    /// Mark, label and name; and the same as it is measured.
    fn begun(&self, mark: &str, name: &str) -> (String, String) {
        let label = |text: &str| if text.is_empty() { String::new() } else { format!("{text}  ") };
        let plain = self.label.as_deref().unwrap_or_default();
        let painted = self.paint.quiet(plain);
        (format!("  {mark} {}{name}", label(&painted)), format!("  ✔ {}{name}", label(plain)))
    }

    fn timed(&self, mark: &str, name: &str, attempt: &Attempt) -> String {
        let took = span(attempt.took());
        let around = self.begun(mark, "").1.width() + took.width() + 2;
        let room = if self.cuts { self.column.saturating_sub(around) } else { usize::MAX };
        let (left, plain) = self.begun(mark, &fitted(name, room));
        ends_at(self.column, &left, &plain, &took, |took| self.paint.quiet(took))
    }
}

/// One line for a scenario that went well or was not judged.
pub(super) fn finished(
    scenario: &Scenario,
    attempt: &Attempt,
    at: At,
    verdict: &Verdict,
    shape: &Shape,
) -> String {
    let name = named(scenario, at);
    let paint = shape.paint;
    match verdict {
        Verdict::Skipped(reason) => {
            let reason = paint.quiet(&format!("skipped: {}", clean_line(reason)));
            format!("{}  {reason}", shape.begun(&paint.quiet("–"), &name).0)
        }
        Verdict::Unfinished => {
            format!("{}  {}", shape.begun(&paint.odd("–"), &name).0, paint.odd("interrupted"))
        }
        _ => shape.timed(&paint.good("✔"), &name, attempt),
    }
}

/// A scenario that failed, with its steps.
pub(super) fn failed(scenario: &Scenario, attempt: &Attempt, at: At, shape: &Shape) -> Vec<String> {
    let paint = shape.paint;
    let only_left = attempt.failures().all(|step| step.left_something());
    let mark = if only_left { paint.odd("!") } else { paint.bad("✘") };
    let mut lines = vec![shape.timed(&mark, &named(scenario, at), attempt)];
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
