//! A diagnosis for programs; the fields are described in `whimbrel doctor --help`.

use serde_json::{Value, json};

use crate::operations::diagnosis::Finding;

use super::{Group, Report, Scenarios};

/// The version of the fields' names and meanings.
const FORMAT: u32 = 1;

/// One object, over several lines.
pub(super) fn of(report: &Report) -> String {
    let document = json!({
        "format": FORMAT,
        "cloud": report.cloud,
        "verdict": report.verdict(),
        "exit_code": report.exit() as u8,
        "summary": report.summary(),
        "checks": report.findings.iter().map(check).collect::<Vec<Value>>(),
        "scenarios": report.scenarios.as_ref().map(scenarios),
    });
    format!("{document:#}\n")
}

fn check(finding: &Finding) -> Value {
    json!({
        "check": finding.check.name(),
        "state": finding.state.name(),
        "found": finding.found,
        "remedy": finding.remedy,
    })
}

fn scenarios(scenarios: &Scenarios) -> Value {
    json!({
        "selected": scenarios.selected,
        "would_run": scenarios.would_run(),
        "skipped": scenarios.skipped.iter().map(group).collect::<Vec<Value>>(),
    })
}

fn group(group: &Group) -> Value {
    let scenarios = group.scenarios.iter().map(|scenario| {
        json!({ "feature": scenario.feature, "name": scenario.name, "place": scenario.place })
    });
    json!({
        "reason": group.reason,
        "remedy": group.remedy,
        "scenarios": scenarios.collect::<Vec<Value>>(),
    })
}
