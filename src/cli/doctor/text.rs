//! A diagnosis for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::operations::diagnosis::{Finding, State};
use crate::report::clean;

use super::{Group, Report, Scenarios};

/// Where what was found begins.
const INDENT: &str = "              ";

/// A line a finding, and one on what to do about it; what would be skipped; the verdict.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    let alike = |one: &Finding, other: &Finding| {
        one.state == State::NotChecked && other.state == one.state && one.found == other.found
    };
    for same in report.findings.chunk_by(alike) {
        line(&mut text, &told(same));
    }
    line(&mut text, "");
    if let Some(scenarios) = &report.scenarios {
        let remedies = report.findings.iter().filter_map(|finding| finding.remedy.as_deref());
        let mut said: Vec<&str> = remedies.collect();
        for group in &scenarios.skipped {
            let remedy = group.remedy.as_deref().filter(|remedy| !said.contains(remedy));
            line(&mut text, &skipped(group, remedy));
            said.extend(remedy);
        }
        line(&mut text, &selected(scenarios));
    }
    line(&mut text, &report.summary());
    text
}

/// One finding, or several that are the same but for what was to be checked.
fn told(same: &[Finding]) -> String {
    let [finding, ..] = same else { return String::new() };
    let (mark, colour) = match finding.state {
        State::Good => ("✔", AnsiColor::Green),
        State::NotChecked => ("-", AnsiColor::White),
        State::Warning => ("!", AnsiColor::Yellow),
        State::Problem => ("✘", AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let checks: Vec<&str> = same.iter().map(|finding| finding.check.name()).collect();
    let found = clean(&finding.found);
    let (checks, found) = match checks.as_slice() {
        [one] => (*one, found),
        [one, others @ ..] => (*one, format!("{found}; nor are {}", others.join(", "))),
        [] => ("", found),
    };
    let head = format!("{style}{mark}{style:#} {checks:<11} {found}");
    match &finding.remedy {
        Some(remedy) => format!("{head}\n{INDENT}→ {}", clean(remedy)),
        None => head,
    }
}

/// The reason, the features that it is about, and what to do if that was not said before.
fn skipped(group: &Group, remedy: Option<&str>) -> String {
    let mut features: Vec<(&str, usize)> = Vec::new();
    for scenario in &group.scenarios {
        match features.iter_mut().find(|(name, _)| *name == scenario.feature) {
            Some((_, count)) => *count += 1,
            None => features.push((&scenario.feature, 1)),
        }
    }
    let mut text = format!("skipped {}: {}", group.scenarios.len(), group.reason);
    for (name, count) in features {
        text = format!("{text}\n  {count} of \"{name}\"");
    }
    let text = remedy.map_or(text.clone(), |remedy| format!("{text}\n  → {remedy}"));
    clean(&format!("{text}\n"))
}

fn selected(scenarios: &Scenarios) -> String {
    let skipped = scenarios.selected - scenarios.would_run();
    match scenarios.selected {
        0 => String::new(),
        1 => format!("1 scenario is selected, {skipped} would be skipped"),
        several => format!("{several} scenarios are selected, {skipped} would be skipped"),
    }
}

fn line(text: &mut String, words: &str) {
    writeln!(text, "{words}").expect("text takes all that is written");
}
