//! What went wrong in an attempt, in the lines that the console and JUnit both print: the steps,
//! the sentence that failed with its place, why, the states that were seen, the last requests.

use std::fmt::Write as _;
use std::time::Duration;

use super::fold::{Attempt, Place, Run, Scenario, Step, What};
use super::text::{Paint, clean, clean_line, shell_word, span};
use crate::events::evidence::{ExchangeLine, Timeline};
use crate::events::messages::run::Status;
use crate::events::outcome::PANIC;
use unicode_width::UnicodeWidthStr;

/// How many requests are shown.
const REQUESTS: usize = 8;
/// How many states of a wait are shown.
const STATES: usize = 10;
/// How many lines of log are shown.
const LOGS: usize = 8;

/// The mark of a step or hook.
pub(super) fn mark(step: &Step, paint: Paint) -> String {
    match step.result.as_ref().map(|own| own.status) {
        Some(Status::Passed) => paint.good("✔"),
        Some(Status::Skipped) | None => paint.quiet("–"),
        Some(_) if step.left_something() => paint.odd("!"),
        Some(_) => paint.bad("✘"),
    }
}

/// The attempt's steps, and its hooks where they went wrong or skipped it; what failed with all
/// that explains it. `from` is the first step to tell of.
pub(super) fn steps(attempt: &Attempt, from: usize, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, step) in attempt.steps.iter().enumerate().skip(from) {
        if step.failed() {
            lines.push(failed_sentence(step, paint));
            lines.extend(indented(4, explanation(attempt, index, paint)));
        } else if step.is_sentence() {
            lines.push(passed_sentence(step, paint));
        }
    }
    lines
}

/// Only what failed from step `from` on, each with all that explains it.
pub(super) fn failures(attempt: &Attempt, from: usize, paint: Paint) -> Vec<String> {
    let steps = attempt.steps.iter().enumerate().skip(from);
    let failed = steps.filter(|(_, step)| step.failed());
    failed
        .flat_map(|(index, step)| {
            let explanation = indented(4, explanation(attempt, index, paint));
            std::iter::once(failed_sentence(step, paint)).chain(explanation)
        })
        .collect()
}

/// `lines`, each that is not empty moved to the right.
pub(super) fn indented(by: usize, lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(
        move |line| {
            if line.is_empty() { line } else { format!("{:by$}{line}", "") }
        },
    )
}

/// Why a step failed, in its own words.
pub(super) fn message(step: &Step) -> Vec<String> {
    let message = clean(step.message().unwrap_or_else(|| without_message(step)));
    message.lines().map(str::to_owned).collect()
}

/// Why a step failed, in one line: the first of its message, with its causes.
pub(super) fn reason(step: &Step) -> String {
    let message = clean(step.message().unwrap_or_else(|| without_message(step)));
    let mut lines = message.lines().map(str::trim);
    let first = lines.next().unwrap_or_default().to_owned();
    let causes = lines.filter(|line| line.starts_with("because "));
    causes.fold(first, |told, cause| format!("{told} {cause}"))
}

/// The sentence (or the hook's name) and the reason, in one line.
pub(super) fn headline(step: &Step) -> String {
    let (sentence, reason) = (clean_line(&step.sentence()), reason(step));
    if reason.starts_with(&format!("{sentence}: ")) {
        reason
    } else {
        format!("{sentence}: {reason}")
    }
}

/// Where the code of a sentence is. A hook's is ours, and no news to who reads a failure.
pub(super) fn code(step: &Step) -> &[Place] {
    match &step.what {
        What::Step { definitions, .. } => definitions,
        What::Hook { .. } => &[],
    }
}

/// The command that runs scenarios again.
pub(super) fn rerun(run: &Run, scenarios: &[&Scenario]) -> String {
    let mut command = clean_line(&run.about.rerun);
    for scenario in scenarios {
        let place = clean_line(&scenario.place.to_string());
        command.push(' ');
        command.push_str(&shell_word(&place));
    }
    command
}

fn passed_sentence(step: &Step, paint: Paint) -> String {
    let sentence = clean_line(&step.sentence());
    let sentence = match step.result {
        Some(_) if !step.is(Status::Skipped) => sentence,
        _ => paint.quiet(&sentence),
    };
    format!("{} {sentence}", mark(step, paint))
}

fn failed_sentence(step: &Step, paint: Paint) -> String {
    let sentence = paint.strong(&clean_line(&step.sentence()));
    let place = match &step.what {
        What::Step { place, .. } => format!("  {}", paint.quiet(&clean_line(&place.to_string()))),
        What::Hook { .. } => String::new(),
    };
    format!("{} {sentence}{place}", mark(step, paint))
}

/// All that explains the failure of step `index`.
fn explanation(attempt: &Attempt, index: usize, paint: Paint) -> Vec<String> {
    let mut lines = message(&attempt.steps[index]);
    lines.extend(evidence(attempt, index, paint));
    lines
}

/// What explains the failure of step `index` beyond its message.
pub(super) fn evidence(attempt: &Attempt, index: usize, paint: Paint) -> Vec<String> {
    let step = &attempt.steps[index];
    let message = message(step).join("\n");
    let mut lines = panic_place(step);
    lines.extend(snippets(step));
    lines.extend(timelines(attempt, index, &message));
    lines.extend(logs(step));
    lines.extend(requests(attempt, index));
    for place in code(step) {
        let place = clean_line(&place.to_string());
        lines.push(paint.quiet(&format!("code: {place}")));
    }
    lines
}

fn without_message(step: &Step) -> &'static str {
    match step.result.as_ref().map(|own| own.status) {
        Some(Status::Undefined) => "no step is defined for this sentence",
        Some(Status::Ambiguous) => "several steps are defined for this sentence",
        Some(Status::Pending) => "this step is not written yet",
        _ => "it failed without a message",
    }
}

/// The stack trace of a panic, unless the message has it.
fn panic_place(step: &Step) -> Vec<String> {
    let exception = step.result.as_ref().and_then(|own| own.exception.as_ref());
    let panic = exception.filter(|own| own.r#type == PANIC);
    let Some(trace) = panic.and_then(|own| own.stack_trace.as_deref()) else {
        return Vec::new();
    };
    let known = clean(step.message().unwrap_or_default());
    let trace = clean(trace);
    let news = trace.lines().filter(|line| !known.contains(line.trim()));
    news.map(str::to_owned).collect()
}

fn snippets(step: &Step) -> Vec<String> {
    if step.snippets.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["It could begin like this:".to_owned()];
    for snippet in &step.snippets {
        let code = clean(snippet).lines().map(str::to_owned).collect();
        lines.extend(indented(2, code));
    }
    lines
}

/// The waits of the step, or else the last one before it; without what the message tells already.
fn timelines(attempt: &Attempt, index: usize, message: &str) -> Vec<String> {
    let own: Vec<Timeline> = attempt.steps[index].timelines().collect();
    let told = if own.is_empty() && attempt.steps[index].is_sentence() {
        let before = attempt.steps[..index].iter().rev();
        before.filter_map(|step| step.timelines().last()).take(1).collect()
    } else {
        own
    };
    let news = told.iter().filter(|timeline| !is_told(timeline, message));
    let lines: Vec<String> = news.map(states).collect();
    let skip = lines.len().saturating_sub(3);
    lines.into_iter().skip(skip).collect()
}

fn is_told(timeline: &Timeline, message: &str) -> bool {
    let mut seen = timeline.seen.iter();
    seen.all(|seen| message.contains(&format!("{} at {}", clean_line(&seen.state), at(seen.at_ms))))
}

/// `waited for WHAT: STATE at 0.0 s → STATE at 2.0 s`.
fn states(timeline: &Timeline) -> String {
    let states: Vec<String> = timeline
        .seen
        .iter()
        .map(|seen| format!("{} at {}", clean_line(&seen.state), at(seen.at_ms)))
        .collect();
    let path = if states.len() > STATES {
        let (first, last) = (&states[..2], &states[states.len() - (STATES - 2)..]);
        let between = states.len() - STATES;
        format!("{} → … {between} more … → {}", first.join(" → "), last.join(" → "))
    } else {
        states.join(" → ")
    };
    format!("waited for {}: {path}", clean_line(&timeline.what))
}

fn at(millis: u64) -> String {
    let seconds = Duration::from_millis(millis).as_secs_f64();
    format!("{seconds:.1} s")
}

fn logs(step: &Step) -> Vec<String> {
    let logs: Vec<&str> = step.logs().collect();
    let skip = logs.len().saturating_sub(LOGS);
    logs.into_iter().skip(skip).map(|line| format!("log: {}", clean_line(line))).collect()
}

/// Requests of the same kind, one after the other.
struct Repeated<'a> {
    last: &'a ExchangeLine,
    times: usize,
}

/// The last requests before step `index` ended; repeated ones as one.
fn requests(attempt: &Attempt, index: usize) -> Vec<String> {
    let until = |end: usize| -> Vec<ExchangeLine> {
        let steps = attempt.steps[..end].iter();
        steps.flat_map(Step::exchanges).collect()
    };
    let mut all = until(index + 1);
    if all.is_empty() {
        all = until(attempt.steps.len());
    }
    all.sort_by_key(|exchange| exchange.at_ms);
    let mut groups: Vec<Repeated> = Vec::new();
    for exchange in &all {
        match groups.last_mut() {
            Some(group) if is_same(group.last, exchange) => {
                group.last = exchange;
                group.times += 1;
            }
            _ => groups.push(Repeated { last: exchange, times: 1 }),
        }
    }
    let shown = &groups[groups.len().saturating_sub(REQUESTS)..];
    request_table(shown, all.len())
}

fn is_same(one: &ExchangeLine, other: &ExchangeLine) -> bool {
    let kind = |exchange: &ExchangeLine| {
        let path = exchange.path.split('?').next().map(str::to_owned);
        let held = exchange.held_ms > 0;
        (exchange.service.clone(), exchange.method.clone(), path, exchange.outcome.clone(), held)
    };
    kind(one) == kind(other)
}

fn request_table(shown: &[Repeated<'_>], all: usize) -> Vec<String> {
    let told: usize = shown.iter().map(|group| group.times).sum();
    let title = match (all, told) {
        (0, _) => return Vec::new(),
        _ if told == all => "requests:".to_owned(),
        _ => format!("requests, the last {told} of {all}:"),
    };
    let rows: Vec<[String; 6]> = shown.iter().map(request_row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut lines = vec![title];
    for row in &rows {
        let mut line = String::from(" ");
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let pad = " ".repeat(width - cell.width());
            // Times read better when their ends stand under each other.
            let (before, after) =
                if matches!(column, 0 | 4) { (pad.as_str(), "") } else { ("", pad.as_str()) };
            if width > 0 {
                write!(line, " {before}{cell}{after} ").expect("a String takes everything");
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

fn request_row(group: &Repeated<'_>) -> [String; 6] {
    let exchange = group.last;
    let version = exchange.microversion.as_deref();
    let times = match group.times {
        1 => String::new(),
        times => format!(" ×{times}"),
    };
    let id = exchange.request_id.as_deref().map(clean_line);
    let version = version.map(|version| format!(" ({})", clean_line(version)));
    let held = match exchange.held_ms {
        0 => String::new(),
        ms => format!(" (held back for {} by our limiter)", span(Duration::from_millis(ms))),
    };
    [
        format!("{:.2} s", Duration::from_millis(exchange.at_ms).as_secs_f64()),
        clean_line(&exchange.service) + &version.unwrap_or_default(),
        clean_line(&format!("{} {}{times}", exchange.method, exchange.path)),
        clean_line(&exchange.outcome) + &held,
        span(Duration::from_millis(exchange.duration_ms)),
        id.unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_the_limiter_held_back_says_so() {
        let line = |at_ms, outcome: &str, held_ms| ExchangeLine {
            at_ms,
            service: "compute".to_owned(),
            method: "GET".to_owned(),
            path: "/servers".to_owned(),
            outcome: outcome.to_owned(),
            duration_ms: 12,
            held_ms,
            request_id: None,
            microversion: None,
        };
        let lines = [line(10, "429", 0), line(1300, "200", 1250), line(1400, "200", 0)];
        assert!(!is_same(&lines[1], &lines[2]), "one of them had to wait");
        let shown = lines.each_ref().map(|last| Repeated { last, times: 1 });
        insta::assert_snapshot!(request_table(&shown, 3).join("\n"), @r"
        requests:
          0.01 s  compute  GET /servers  429                                       12 ms
          1.30 s  compute  GET /servers  200 (held back for 1.2 s by our limiter)  12 ms
          1.40 s  compute  GET /servers  200                                       12 ms
        ");
    }
}
