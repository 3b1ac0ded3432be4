//! Writes event streams: a plan of features first, then what happens, on a clock of its own.

mod plan;

use std::collections::HashMap;

use crate::events::evidence::{About, ExchangeLine, SeenState, Timeline};
use crate::events::messages::run::{
    Attachment, Exception, Hook, HookType, Meta, ParseError, Product, SourceReference,
    TestCaseFinished, TestCaseStarted, TestRunFinished, TestRunHookFinished, TestRunHookStarted,
    TestRunStarted, TestStepFinished, TestStepResult, TestStepStarted, Timestamp,
};
use crate::events::messages::{Envelope, Location, Status};
use crate::events::stream::{self, Event};
use crate::events::{hooks, messages::run::Suggestion};

/// 2026-03-01T12:00:00Z.
const NOON: i64 = 1_772_366_400;

/// The hooks around each scenario, in the order in which they run.
const BEFORE: [&str; 2] = [hooks::NEEDS, hooks::TARGET];
const AFTER: [&str; 3] = [hooks::BOOKS, hooks::CLEAN_UP, hooks::LEFTOVERS];

/// A stream in the making.
#[derive(Default)]
pub struct Script {
    pub events: Vec<Event>,
    millis: u64,
    lines: HashMap<String, u32>,
    cases: usize,
    /// How many definitions each sentence has that is planned from now on.
    pub definitions: u32,
}

/// A planned scenario: its name and the ids of its steps.
#[derive(Clone, Debug)]
pub struct Case {
    id: String,
    /// Hooks before, sentences, hooks after.
    steps: Vec<String>,
    sentences: usize,
    attempts: u32,
}

/// A step that ends.
pub struct End<'a> {
    status: Status,
    millis: u64,
    message: Option<&'a str>,
    exception: Option<Exception>,
}

pub fn passed(millis: u64) -> End<'static> {
    end(Status::Passed, millis, None)
}

pub fn failed(millis: u64, message: &str) -> End<'_> {
    end(Status::Failed, millis, Some(message))
}

pub fn skipped(reason: &str) -> End<'_> {
    end(Status::Skipped, 0, Some(reason))
}

pub fn end(status: Status, millis: u64, message: Option<&str>) -> End<'_> {
    End { status, millis, message, exception: None }
}

pub fn panicked<'a>(millis: u64, message: &'a str, place: &str) -> End<'a> {
    let exception = Exception {
        r#type: "panic".to_owned(),
        message: Some(message.to_owned()),
        stack_trace: Some(format!("panicked at {place}")),
    };
    End { exception: Some(exception), ..failed(millis, message) }
}

impl Script {
    /// A run that has begun, with the hooks known.
    pub fn begun() -> Self {
        let mut script = Self { definitions: 1, ..Self::default() };
        script.say(Envelope::Meta(Meta {
            implementation: Product {
                name: "whimbrel".to_owned(),
                version: Some("0.1.0".to_owned()),
            },
            ..Meta::default()
        }));
        for (line, name) in (10..).zip(BEFORE.iter().chain(&AFTER)) {
            script.hook(name, None, line);
        }
        script.hook("open the target", Some(HookType::BeforeTestRun), 30);
        script.say(Envelope::TestRunStarted(TestRunStarted { timestamp: script.now(), id: None }));
        script.say(about(false));
        script
    }

    /// The same, told by a run whose scenarios end in turn.
    pub fn side_by_side(mut self) -> Self {
        let told = |event: &&mut Event| match event {
            Event::Said(said) => **said == about(false),
            _ => false,
        };
        let event = self.events.iter_mut().find(told).expect("every script has one");
        *event = Event::Said(Box::new(about(true)));
        self
    }

    pub fn say(&mut self, envelope: Envelope) {
        self.events.push(Event::Said(Box::new(envelope)));
    }

    /// What was said, without what is only for terminals.
    pub fn envelopes(&self) -> Vec<Envelope> {
        let said = self.events.iter().filter_map(|event| match event {
            Event::Said(envelope) => Some(envelope.as_ref().clone()),
            Event::Waiting { .. } | Event::Noted(_) => None,
        });
        said.collect()
    }

    pub fn wait(&mut self, millis: u64) {
        self.millis += millis;
    }

    fn now(&self) -> Timestamp {
        Timestamp {
            seconds: NOON + i64::try_from(self.millis / 1000).unwrap(),
            nanos: u32::try_from(self.millis % 1000).unwrap() * 1_000_000,
        }
    }

    fn hook(&mut self, name: &str, r#type: Option<HookType>, line: u32) {
        self.say(Envelope::Hook(Hook {
            id: format!("hook {name}"),
            name: Some(name.to_owned()),
            r#type,
            source_reference: source("src/runner/hooks.rs", line),
            tag_expression: None,
        }));
    }

    /// Begins an attempt and passes the hooks before its sentences.
    pub fn begin(&mut self, case: &mut Case) {
        self.begin_bare(case);
        for hook in BEFORE {
            self.run_hook_of(case, hook, passed(1));
        }
    }

    /// Begins an attempt.
    pub fn begin_bare(&mut self, case: &mut Case) {
        case.attempts += 1;
        self.say(Envelope::TestCaseStarted(TestCaseStarted {
            attempt: case.attempts - 1,
            id: case.started_id(),
            test_case_id: case.id.clone(),
            timestamp: self.now(),
            worker_id: None,
        }));
    }

    /// Begins sentence `index`.
    pub fn begin_step(&mut self, case: &Case, index: usize) {
        self.start(case, case.steps[BEFORE.len() + index].clone());
    }

    /// Ends sentence `index`, which has begun.
    pub fn end_step(&mut self, case: &Case, index: usize, end: End<'_>) {
        self.stop(case, case.steps[BEFORE.len() + index].clone(), end);
    }

    /// Runs the sentences one after the other, the first `ends.len()` of them.
    pub fn steps<'a>(&mut self, case: &Case, ends: impl IntoIterator<Item = End<'a>>) {
        for (index, end) in ends.into_iter().enumerate() {
            self.begin_step(case, index);
            self.end_step(case, index, end);
        }
    }

    /// Runs one of the hooks by name.
    pub fn run_hook_of(&mut self, case: &Case, name: &str, end: End<'_>) {
        let id = format!("{} {name}", case.id);
        self.start(case, id.clone());
        self.stop(case, id, end);
    }

    fn start(&mut self, case: &Case, test_step_id: String) {
        self.say(Envelope::TestStepStarted(TestStepStarted {
            test_case_started_id: case.started_id(),
            test_step_id,
            timestamp: self.now(),
        }));
    }

    fn stop(&mut self, case: &Case, test_step_id: String, end: End<'_>) {
        self.wait(end.millis);
        self.say(Envelope::TestStepFinished(TestStepFinished {
            test_case_started_id: case.started_id(),
            test_step_id,
            test_step_result: result(end),
            timestamp: self.now(),
        }));
    }

    /// Passes the hooks after the sentences and ends the attempt.
    pub fn end(&mut self, case: &Case) {
        for hook in AFTER {
            self.run_hook_of(case, hook, passed(2));
        }
        self.end_bare(case, false);
    }

    /// Ends the attempt.
    pub fn end_bare(&mut self, case: &Case, will_be_retried: bool) {
        self.say(Envelope::TestCaseFinished(TestCaseFinished {
            test_case_started_id: case.started_id(),
            timestamp: self.now(),
            will_be_retried,
        }));
    }

    /// A scenario that passes, each sentence in `millis`.
    pub fn pass(&mut self, case: &mut Case, millis: u64) {
        self.begin(case);
        let ends = (0..case.sentences).map(|_| passed(millis));
        self.steps(&case.clone(), ends);
        self.end(case);
    }

    /// Attaches to sentence `index`.
    pub fn attach(&mut self, case: &Case, index: usize, media_type: &str, body: String) {
        self.say(Envelope::Attachment(Attachment {
            body,
            media_type: media_type.to_owned(),
            test_case_started_id: Some(case.started_id()),
            test_step_id: Some(case.steps[BEFORE.len() + index].clone()),
            ..Attachment::default()
        }));
    }

    pub fn timeline(&mut self, case: &Case, index: usize, what: &str, seen: &[(u64, &str)]) {
        let seen = seen.iter().map(|&(at_ms, state)| SeenState { at_ms, state: state.to_owned() });
        let timeline = Timeline { what: what.to_owned(), seen: seen.collect() };
        self.attach(case, index, stream::TIMELINE, timeline.to_json());
    }

    /// Attaches requests: `at_ms`, method and path, outcome, request id.
    pub fn exchanges(&mut self, case: &Case, index: usize, lines: &[(u64, &str, &str, &str)]) {
        let lines = lines.iter().map(|&(at_ms, request, outcome, id)| {
            let (method, path) = request.split_once(' ').unwrap();
            let compute = !path.starts_with("/allocations");
            ExchangeLine {
                at_ms,
                service: if compute { "compute" } else { "placement" }.to_owned(),
                method: method.to_owned(),
                path: path.to_owned(),
                outcome: outcome.to_owned(),
                duration_ms: 9 + at_ms % 7,
                held_ms: 0,
                request_id: (!id.is_empty()).then(|| id.to_owned()),
                microversion: compute.then(|| "2.96".to_owned()),
            }
        });
        let lines: Vec<ExchangeLine> = lines.collect();
        let body = serde_json::to_string(&lines).unwrap();
        self.attach(case, index, stream::EXCHANGES, body);
    }

    pub fn waiting(&mut self, case: &Case, what: &str) {
        self.events.push(Event::Waiting {
            test_case_started_id: case.started_id(),
            what: what.to_owned(),
        });
    }

    pub fn suggest(&mut self, case: &Case, index: usize, code: &str) {
        self.say(Envelope::Suggestion(Suggestion {
            pickle_step_id: case.steps[BEFORE.len() + index].clone(),
            snippets: vec![crate::events::messages::run::Snippet {
                language: "rust".to_owned(),
                code: code.to_owned(),
            }],
            ..Suggestion::default()
        }));
    }

    pub fn parse_error(&mut self, uri: &str, line: u32, message: &str) {
        self.say(Envelope::ParseError(ParseError {
            source: source(uri, line),
            message: message.to_owned(),
        }));
    }

    pub fn run_hook(&mut self, end: End<'_>) {
        self.say(Envelope::TestRunHookStarted(TestRunHookStarted {
            id: "run hook".to_owned(),
            hook_id: "hook open the target".to_owned(),
            timestamp: self.now(),
            ..TestRunHookStarted::default()
        }));
        self.say(Envelope::TestRunHookFinished(TestRunHookFinished {
            test_run_hook_started_id: "run hook".to_owned(),
            result: result(end),
            timestamp: self.now(),
        }));
    }

    pub fn over(&mut self, success: bool) {
        self.say(Envelope::TestRunFinished(TestRunFinished {
            success,
            timestamp: self.now(),
            ..TestRunFinished::default()
        }));
    }
}

impl Case {
    fn started_id(&self) -> String {
        format!("{} attempt {}", self.id, self.attempts)
    }
}

fn result(end: End<'_>) -> TestStepResult {
    TestStepResult {
        duration: std::time::Duration::from_millis(end.millis).into(),
        status: end.status,
        message: end.message.map(str::to_owned),
        exception: end.exception,
    }
}

fn source(uri: &str, line: u32) -> SourceReference {
    SourceReference { uri: Some(uri.to_owned()), location: Some(at(line)) }
}

fn at(line: u32) -> Location {
    Location { line, column: None }
}

/// What the run says of itself.
fn about(side_by_side: bool) -> Envelope {
    let about = About {
        heading: vec!["whimbrel 0.1.0 on the embedded cloud, Nova 34.0.0".to_owned()],
        side_by_side,
        ..About::default()
    };
    Envelope::Attachment(Attachment {
        body: about.to_json(),
        media_type: stream::ABOUT.to_owned(),
        ..Attachment::default()
    })
}
