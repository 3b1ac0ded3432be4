//! What a run consists of: scenarios, their attempts, steps and hooks, and how they ended.

use std::fmt;
use std::time::Duration;

use crate::events::evidence::{ExchangeLine, Timeline};
use crate::events::hooks::means_left_behind;
use crate::events::messages::run::{
    Attachment, ContentEncoding, Status, TestStepResult, Timestamp,
};
use crate::events::{outcome, stream};
use crate::report::text::between;

/// A file and a line in it, printed as `file:line`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As the stream has it; relative, with `/`.
    pub uri: String,
    /// Counts from 1; `None` if only the file is known.
    pub line: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.uri),
            None => f.write_str(&self.uri),
        }
    }
}

/// A feature file that could not be read.
#[derive(Clone, Debug)]
pub struct RunProblem {
    /// Where; `None` if the stream does not say.
    pub place: Option<Place>,
    /// Why.
    pub message: String,
}

/// A hook that ran before or after all scenarios.
#[derive(Clone, Debug)]
pub struct RunHook {
    /// Its name.
    pub name: String,
    /// Whether it ran after the scenarios.
    pub after: bool,
    /// How it ended; `None` if it did not.
    pub result: Option<TestStepResult>,
}

impl RunHook {
    /// Whether it ended badly.
    pub fn failed(&self) -> bool {
        self.result.as_ref().is_some_and(|own| is_bad(own.status))
    }
}

/// A selected scenario, or one row of an outline.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The feature's name.
    pub feature: String,
    /// The rule's name, if it stands in one.
    pub rule: Option<String>,
    /// The scenario's name; for a row `Outline - Examples name - #1.2: the row's own name`.
    pub name: String,
    /// The same for people: a row's own name, with its number only where the name has no values.
    pub title: String,
    /// The line of the scenario, or of the row.
    pub place: Place,
    /// With their `@`.
    pub tags: Vec<String>,
    /// Its steps and hooks in order, as planned: none has run.
    pub plan: Vec<Step>,
    /// Each try, oldest first; empty if it has not started.
    pub attempts: Vec<Attempt>,
}

/// How a scenario stands after its last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything passed.
    Passed,
    /// A step, a hook or the audit found something wrong.
    Failed,
    /// All steps passed, but clean-up left something in the cloud.
    LeftBehind,
    /// It was not judged, and this is why.
    Skipped(String),
    /// It began and was stopped before its end, and nothing had failed so far.
    Unfinished,
    /// It never began.
    NotStarted,
}

impl Scenario {
    /// How the scenario stands.
    pub fn verdict(&self) -> Verdict {
        self.attempts.last().map_or(Verdict::NotStarted, Attempt::verdict)
    }

    /// `[rule - ]scenario`, as JUnit's readers want it.
    pub fn full_name(&self) -> String {
        match &self.rule {
            Some(rule) if !rule.is_empty() => format!("{rule} - {}", self.name),
            _ => self.name.clone(),
        }
    }
}

/// One try at a scenario.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it began.
    pub started: Timestamp,
    /// When it ended; `None` if it has not.
    pub finished: Option<Timestamp>,
    /// Whether another attempt follows.
    pub will_be_retried: bool,
    /// Its hooks and steps in order.
    pub steps: Vec<Step>,
}

impl Attempt {
    /// How long it took; if it has not ended, until the last thing that was heard of it.
    pub fn took(&self) -> Duration {
        let steps = self.steps.iter();
        let heard = steps.flat_map(|step| [step.started, step.finished]);
        let last = self.finished.or(heard.flatten().max());
        between(self.started, last.unwrap_or(self.started))
    }

    /// The steps and hooks that ended badly, in order.
    pub fn failures(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.failed())
    }

    /// The clean-up hooks that ended badly: something of the scenario is left in the cloud.
    pub fn leftovers(&self) -> impl Iterator<Item = &Step> {
        self.failures().filter(|step| step.left_something())
    }

    /// What it waits for or does just now, or did when it was stopped: the last step that began and
    /// has not come to its own end.
    pub fn running(&self) -> Option<&Step> {
        let mut begun = self.steps.iter().rev();
        begun.find(|step| {
            step.started.is_some() && (step.result.is_none() || step.was_interrupted())
        })
    }

    /// How the attempt stands.
    pub fn verdict(&self) -> Verdict {
        let left = self.leftovers().count();
        match self.failures().count() {
            0 if self.finished.is_none() || self.was_interrupted() => Verdict::Unfinished,
            0 => self.skipped_or_passed(),
            all if all > left => Verdict::Failed,
            _ if self.finished.is_none() => Verdict::Unfinished,
            // Also if it was skipped: what it left is the news.
            _ => Verdict::LeftBehind,
        }
    }

    /// Whether a step or hook was dropped because the run was stopped.
    fn was_interrupted(&self) -> bool {
        self.steps.iter().any(Step::was_interrupted)
    }

    fn skipped_or_passed(&self) -> Verdict {
        let skipped = || self.steps.iter().filter(|step| step.is(Status::Skipped));
        if skipped().next().is_none() {
            return Verdict::Passed;
        }
        let reason = skipped().find_map(|step| step.message());
        Verdict::Skipped(reason.unwrap_or("no reason was given").to_owned())
    }
}

/// A step or hook of a scenario.
#[derive(Clone, Debug)]
pub struct Step {
    /// The `testStep` id.
    pub id: String,
    pub(super) pickle_step_id: Option<String>,
    /// What it is.
    pub what: What,
    /// When it began; `None` if it has not.
    pub started: Option<Timestamp>,
    /// When it ended; `None` if it has not.
    pub finished: Option<Timestamp>,
    /// How it ended; `None` if it has not.
    pub result: Option<TestStepResult>,
    /// What it attached, in order.
    pub evidence: Vec<Evidence>,
    /// For an undefined step: code to start its definition with.
    pub snippets: Vec<String>,
}

/// A sentence of the scenario, or a hook around them.
#[derive(Clone, Debug)]
pub enum What {
    /// A sentence.
    Step {
        /// `Given`, without a space.
        keyword: String,
        /// The sentence after the keyword, with a row's values.
        text: String,
        /// Where it is written.
        place: Place,
        /// Where the code is: one place; none if undefined, several if ambiguous.
        definitions: Vec<Place>,
    },
    /// A hook, known by its name (see [`crate::events::hooks`]).
    Hook {
        /// Its name.
        name: String,
        /// Where the code is.
        place: Option<Place>,
    },
}

impl Step {
    /// Whether it ended badly.
    pub fn failed(&self) -> bool {
        self.result.as_ref().is_some_and(|own| is_bad(own.status))
    }

    /// Whether it ended with `status`.
    pub fn is(&self, status: Status) -> bool {
        self.result.as_ref().is_some_and(|own| own.status == status)
    }

    /// Whether it was dropped because the run was stopped.
    pub fn was_interrupted(&self) -> bool {
        self.is(Status::Skipped) && self.message() == Some(outcome::INTERRUPTED)
    }

    /// Whether it is a sentence of the scenario, not a hook.
    pub fn is_sentence(&self) -> bool {
        matches!(self.what, What::Step { .. })
    }

    /// The sentence with its keyword, or the hook's name.
    pub fn sentence(&self) -> String {
        match &self.what {
            What::Step { keyword, text, .. } => format!("{keyword} {text}"),
            What::Hook { name, .. } => name.clone(),
        }
    }

    /// What it said at its end: why it failed or was skipped.
    pub fn message(&self) -> Option<&str> {
        let result = self.result.as_ref()?;
        let exception = result.exception.as_ref().and_then(|own| own.message.as_deref());
        let message = result.message.as_deref().or(exception)?;
        Some(message.trim_end()).filter(|message| !message.is_empty())
    }

    /// How long it took, by its own clock.
    pub fn took(&self) -> Option<Duration> {
        Some(self.result.as_ref()?.duration.into())
    }

    /// Whether it is a clean-up hook that ended badly.
    pub fn left_something(&self) -> bool {
        matches!(&self.what, What::Hook { name, .. } if means_left_behind(name)) && self.failed()
    }

    /// The waits that it attached.
    pub fn timelines(&self) -> impl Iterator<Item = Timeline> {
        self.evidence.iter().filter_map(|own| own.json(stream::TIMELINE))
    }

    /// The requests that it attached.
    pub fn exchanges(&self) -> impl Iterator<Item = ExchangeLine> {
        let lists = self.evidence.iter().filter_map(|own| own.json(stream::EXCHANGES));
        lists.flat_map(|list: Vec<ExchangeLine>| list)
    }

    /// The lines that it logged.
    pub fn logs(&self) -> impl Iterator<Item = &str> {
        let logged = self.evidence.iter();
        logged
            .filter(|own| own.media_type == stream::LOG && !own.is_base64)
            .map(|own| own.body.as_str())
    }

    pub(super) fn is_for(&self, pickle_step_id: &str) -> bool {
        self.pickle_step_id.as_deref() == Some(pickle_step_id)
    }
}

/// Something attached.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What the body is.
    pub media_type: String,
    /// The name to keep it under, if it has one.
    pub file_name: Option<String>,
    /// Text, or Base64 if `is_base64`.
    pub body: String,
    /// Whether the body is Base64.
    pub is_base64: bool,
}

impl Evidence {
    /// The body, if it is of this type. What can't be read is passed over: a report never fails
    /// over its evidence.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, media_type: &str) -> Option<T> {
        let readable = self.media_type == media_type && !self.is_base64;
        readable.then(|| serde_json::from_str(&self.body).ok()).flatten()
    }
}

impl From<&Attachment> for Evidence {
    fn from(said: &Attachment) -> Self {
        Self {
            media_type: said.media_type.clone(),
            file_name: said.file_name.clone(),
            body: said.body.clone(),
            is_base64: said.content_encoding == ContentEncoding::Base64,
        }
    }
}

/// Whether a status fails its scenario. As in Cucumber, everything but passed and skipped does.
fn is_bad(status: Status) -> bool {
    !matches!(status, Status::Passed | Status::Skipped)
}
