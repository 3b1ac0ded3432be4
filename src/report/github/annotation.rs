//! Workflow commands that annotate the lines of features.

use super::Checkout;
use crate::events::words::many;
use crate::report::failure::{evidence, headline};
use crate::report::fold::{Attempt, Place, Run, Scenario, Verdict, What};
use crate::report::text::{Paint, clean, clean_line};

/// How many errors of one step GitHub shows.
pub const SHOWN: usize = 10;
/// How many lines of evidence one annotation has.
const LINES: usize = 30;

/// What is annotated.
struct Error {
    place: Option<Place>,
    title: String,
    message: String,
}

/// One `::error` for each thing that makes the run red, at most [`SHOWN`]; if there are more, the
/// last one says how many.
pub fn annotations(run: &Run, checkout: &Checkout) -> Vec<String> {
    let mut all: Vec<Error> = outside(run);
    let judged = |verdict| run.scenarios.iter().filter(move |own| own.verdict() == verdict);
    all.extend(judged(Verdict::Failed).filter_map(failed));
    all.extend(judged(Verdict::LeftBehind).filter_map(failed));
    all.extend(interrupted(run));
    if all.len() > SHOWN {
        let told = SHOWN - 1;
        let rest: Vec<String> = all.drain(told..).map(|error| error.title).collect();
        all.push(Error {
            place: None,
            title: format!("and {} more", rest.len()),
            message: rest.join("\n"),
        });
    }
    all.iter().map(|error| error.command(checkout)).collect()
}

fn failed(scenario: &Scenario) -> Option<Error> {
    let attempt = scenario.attempts.last()?;
    let index = attempt.steps.iter().position(|step| step.failed())?;
    let step = &attempt.steps[index];
    let place = match &step.what {
        What::Step { place, .. } if place.line.is_some() => place,
        _ => &scenario.place,
    };
    let mut lines = vec![headline(step)];
    lines.extend(evidence(attempt, index, Paint(false)));
    lines.truncate(LINES);
    lines.extend(attempt.failures().skip(1).map(|step| format!("and then: {}", headline(step))));
    Some(Error { place: Some(place.clone()), title: name(scenario), message: lines.join("\n") })
}

fn outside(run: &Run) -> Vec<Error> {
    let unreadable = run.parse_errors.iter().map(|problem| Error {
        place: problem.place.clone(),
        title: "A feature file can't be read".to_owned(),
        message: clean(&problem.message),
    });
    let hooks = run.hooks.iter().filter(|hook| hook.failed()).map(|hook| {
        let result = hook.result.as_ref();
        let message = result.and_then(|own| own.message.as_deref());
        Error {
            place: None,
            title: clean_line(&hook.name),
            message: clean(message.unwrap_or("it failed without a message")),
        }
    });
    let last_words = run.finished.iter().filter_map(|finished| {
        let exception = finished.exception.as_ref()?;
        Some(Error {
            place: None,
            title: format!("The run: {}", clean_line(&exception.r#type)),
            message: clean(exception.message.as_deref().or(finished.message.as_deref())?),
        })
    });
    unreadable.chain(hooks).chain(last_words).collect()
}

/// A run that was stopped, with what it was doing.
fn interrupted(run: &Run) -> Option<Error> {
    let unfinished = run.scenarios.iter().filter(|own| own.verdict() == Verdict::Unfinished);
    let doing = |own: &Scenario| {
        let step = own.attempts.last().and_then(Attempt::running);
        let step = step.map(|step| clean_line(&step.sentence())).unwrap_or_default();
        format!("{}: {step}", name(own))
    };
    let lines: Vec<String> = unfinished.map(doing).collect();
    if run.finished.is_some() && lines.is_empty() {
        return None;
    }
    let began = many(lines.len(), "scenario");
    let message =
        format!("The run did not come to its end; {began} had begun\n{}", lines.join("\n"));
    Some(Error { place: None, title: "Interrupted".to_owned(), message: message.trim().to_owned() })
}

fn name(scenario: &Scenario) -> String {
    format!("{} › {}", clean_line(&scenario.feature), clean_line(&scenario.title))
}

impl Error {
    fn command(&self, checkout: &Checkout) -> String {
        let mut properties = Vec::new();
        if let Some(place) = &self.place {
            properties.push(format!("file={}", property(&checkout.path(&place.uri))));
            properties.extend(place.line.map(|line| format!("line={line}")));
        }
        properties.push(format!("title={}", property(&self.title)));
        format!("::error {}::{}", properties.join(","), data(&self.message))
    }
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
