//! The end of the report: what was slow, skipped, left behind and wrong, and the counts last,
//! where a reader of a log looks first.

use super::lines::path;
use crate::events::messages::run::Timestamp;
use crate::events::words::many;
use crate::report::failure::{code, headline, indented, message, rerun};
use crate::report::fold::{
    Attempt, Conclusion, Counts, Run, Scenario, Step, Summary, Verdict, What,
};
use crate::report::text::{Paint, clean_line, moment, span};

/// A list of the slowest is news only if there are more than it holds.
const SLOWEST: usize = 5;
/// How many scenarios are named that were skipped for one reason, or not started.
const NAMED: usize = 5;

pub(super) fn lines(run: &Run, paint: Paint) -> Vec<String> {
    let summary = run.summary();
    let sections = [
        slowest(run, &summary, paint),
        skipped(run, &summary, paint),
        flaky(run, &summary, paint),
        unfinished(run, paint),
        not_started(run, paint),
        left_behind(run, &summary, paint),
        failures(run, &summary, paint),
        counts(run, &summary, paint),
    ];
    let told = sections.into_iter().filter(|section| !section.is_empty());
    told.flat_map(|section| std::iter::once(String::new()).chain(section)).collect()
}

fn slowest(run: &Run, summary: &Summary, paint: Paint) -> Vec<String> {
    let counts = summary.scenarios;
    if counts.all() - counts.skipped - counts.not_started <= SLOWEST {
        return Vec::new();
    }
    let times: Vec<String> = summary.slowest.iter().map(|&(took, _)| span(took)).collect();
    let width = times.iter().map(String::len).max().unwrap_or(0);
    let mut lines = vec![paint.strong("Slowest")];
    for (time, &(_, at)) in times.iter().zip(&summary.slowest) {
        let scenario = &run.scenarios[at.scenario];
        lines.push(format!("  {time:>width$}  {}", path(scenario)));
    }
    lines
}

fn skipped(run: &Run, summary: &Summary, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for skips in &summary.skips {
        if lines.is_empty() {
            lines.push(paint.strong("Skipped"));
        }
        let count = skips.scenarios.len();
        let reason = clean_line(&skips.reason);
        lines.push(format!("  {reason} ({})", many(count, "scenario")));
        let named = skips.scenarios.iter().take(NAMED);
        lines.extend(named.map(|&index| format!("    {}", path(&run.scenarios[index]))));
        if count > NAMED {
            lines.push(format!("    and {} more", count - NAMED));
        }
    }
    lines
}

fn flaky(run: &Run, summary: &Summary, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for &index in &summary.flaky {
        if lines.is_empty() {
            lines.push(paint.strong("Passed, but not at first"));
        }
        let scenario = &run.scenarios[index];
        let tries = scenario.attempts.len();
        lines.push(format!("  at attempt {tries}: {}", path(scenario)));
    }
    lines
}

fn unfinished(run: &Run, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for scenario in &run.scenarios {
        let Some(last) = scenario.attempts.last() else {
            continue;
        };
        if last.verdict() != Verdict::Unfinished {
            continue;
        }
        if lines.is_empty() {
            lines.push(paint.strong("Interrupted in"));
        }
        lines.push(format!("  {}", path(scenario)));
        lines.extend(indented(4, interrupted(last)));
    }
    lines
}

/// What an attempt was doing when it was stopped, and since when; what it logged.
fn interrupted(attempt: &Attempt) -> Vec<String> {
    let Some(step) = attempt.running() else {
        return Vec::new();
    };
    let place = match &step.what {
        What::Step { place, .. } => format!("  {}", clean_line(&place.to_string())),
        What::Hook { .. } => String::new(),
    };
    let begun = step.started.map(|begun| Timestamp { nanos: 0, ..begun });
    let since = begun.map(|begun| format!(", begun at {}", moment(begun)));
    let sentence = clean_line(&step.sentence());
    let mut lines = vec![format!("{sentence}{}{place}", since.unwrap_or_default())];
    lines.extend(step.logs().map(|line| format!("log: {}", clean_line(line))));
    lines
}

/// What the run did not come to, because it was stopped or something had failed.
fn not_started(run: &Run, paint: Paint) -> Vec<String> {
    let left = run.scenarios.iter().filter(|it| it.verdict() == Verdict::NotStarted);
    let paths: Vec<String> = left.map(path).collect();
    if paths.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![paint.strong("Not started")];
    lines.extend(paths.iter().take(NAMED).map(|path| format!("  {path}")));
    if paths.len() > NAMED {
        lines.push(format!("  and {} more", paths.len() - NAMED));
    }
    lines
}

fn left_behind(run: &Run, summary: &Summary, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for &index in &summary.left_behind {
        if lines.is_empty() {
            lines.push(paint.strong("Left behind"));
        }
        let scenario = &run.scenarios[index];
        lines.push(format!("  {}", path(scenario)));
        let attempts = scenario.attempts.iter();
        let leftovers = attempts.flat_map(Attempt::leftovers);
        lines.extend(leftovers.map(|step| format!("    {}", headline(step))));
    }
    lines
}

fn failures(run: &Run, summary: &Summary, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, &index) in (1..).zip(&summary.failed) {
        let scenario = &run.scenarios[index];
        lines.push(if number == 1 { paint.strong("Failed") } else { String::new() });
        lines.push(format!("  {number}. {}", paint.bad(&path(scenario))));
        let last = scenario.attempts.last();
        for step in last.into_iter().flat_map(Attempt::failures) {
            lines.extend(failure(step, paint));
        }
        lines.push(format!("     rerun: {}", rerun(run, &[scenario])));
    }
    if summary.failed.len() > 1 {
        let failed: Vec<&Scenario> = summary.failed.iter().map(|&at| &run.scenarios[at]).collect();
        lines.push(String::new());
        lines.push(format!("  rerun all: {}", rerun(run, &failed)));
    }
    lines
}

fn failure(step: &Step, paint: Paint) -> Vec<String> {
    let place = match &step.what {
        What::Step { place, .. } => format!("  {}", paint.quiet(&clean_line(&place.to_string()))),
        What::Hook { .. } => String::new(),
    };
    let mut lines = vec![format!("     {}{place}", clean_line(&step.sentence()))];
    lines.extend(indented(7, message(step)));
    for place in code(step) {
        let place = format!("code: {}", clean_line(&place.to_string()));
        lines.push(format!("       {}", paint.quiet(&place)));
    }
    lines
}

fn counts(run: &Run, summary: &Summary, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let scenarios = summary.scenarios;
    if scenarios.all() > 0 {
        lines.push(counted("scenario", scenarios, paint));
        lines.extend((summary.steps.all() > 0).then(|| counted("step", summary.steps, paint)));
    }
    if summary.run_problems > 0 {
        let problems = many(summary.run_problems, "problem");
        lines.push(paint.bad(&format!("{problems} outside the scenarios, told above")));
    }
    lines.extend(last_words(run, paint));
    lines.extend(run.broken().map(|what| paint.bad(&format!("the record is broken: {what}"))));
    lines.extend(nothing(summary, paint));
    lines.extend(unexplained(run, summary, paint));
    lines.push(match (summary.took, run.lasted()) {
        (Some(took), _) => format!("took {}", span(took)),
        (None, Some(heard)) => paint.bad(&format!(
            "interrupted, last heard of after {}: the run did not come to its end",
            span(heard)
        )),
        (None, None) => paint.bad("interrupted: the run did not come to its end"),
    });
    lines
}

/// What the run itself said of its end.
fn last_words(run: &Run, paint: Paint) -> Option<String> {
    let finished = run.finished.as_ref()?;
    let message = finished.message.as_deref().filter(|own| !own.is_empty())?;
    Some(paint.odd(&clean_line(message)))
}

fn nothing(summary: &Summary, paint: Paint) -> Option<String> {
    let counts = summary.scenarios;
    let text = match counts.all() {
        _ if summary.conclusion == Conclusion::Broken => return None,
        0 if summary.interrupted || summary.run_problems > 0 => "nothing ran",
        0 => "nothing ran: no scenario was selected",
        all if all == counts.skipped => "nothing ran: everything was skipped",
        _ => return None,
    };
    Some(paint.odd(text))
}

/// A run that says it failed, and whose scenarios do not show why.
fn unexplained(run: &Run, summary: &Summary, paint: Paint) -> Option<String> {
    let finished = run.finished.as_ref()?;
    let counts = summary.scenarios;
    let shown = counts.all() > counts.passed + counts.skipped
        || summary.run_problems > 0
        || finished.message.is_some();
    let text = "the run says that it failed, but no scenario did";
    (summary.conclusion == Conclusion::Failed && !shown).then(|| paint.bad(text))
}

/// `12 scenarios: 10 passed, 1 failed, 1 skipped`.
fn counted(noun: &str, counts: Counts, paint: Paint) -> String {
    let parts = [
        (counts.passed, paint.good(&format!("{} passed", counts.passed))),
        (counts.failed, paint.bad(&format!("{} failed", counts.failed))),
        (counts.left_behind, paint.odd(&format!("{} left something behind", counts.left_behind))),
        (counts.skipped, paint.odd(&format!("{} skipped", counts.skipped))),
        (counts.unfinished, paint.odd(&format!("{} interrupted", counts.unfinished))),
        (counts.not_started, paint.odd(&format!("{} not started", counts.not_started))),
    ];
    let told = parts.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(_, text)| text).collect();
    format!("{}: {}", many(counts.all(), noun), told.join(", "))
}
