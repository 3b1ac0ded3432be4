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
    for finding in &report.findings {
        line(&mut text, &told(finding));
    }
    line(&mut text, "");
    if let Some(scenarios) = &report.scenarios {
        scenarios.skipped.iter().for_each(|group| line(&mut text, &skipped(group)));
        line(&mut text, &selected(scenarios));
    }
    line(&mut text, &report.summary());
    text
}

fn told(finding: &Finding) -> String {
    let (mark, colour) = match finding.state {
        State::Good => ("✔", AnsiColor::Green),
        State::NotChecked => ("-", AnsiColor::White),
        State::Warning => ("!", AnsiColor::Yellow),
        State::Problem => ("✘", AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let head = format!("{style}{mark}{style:#} {:<11} {}", finding.check, clean(&finding.found));
    match &finding.remedy {
        Some(remedy) => format!("{head}\n{INDENT}→ {}", clean(remedy)),
        None => head,
    }
}

/// The reason, the features that it is about, and what to do.
fn skipped(group: &Group) -> String {
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
    let remedy = group.remedy.as_ref();
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
