//! How events reach those who listen, and what a running scenario may say from anywhere.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use super::messages::Envelope;
use super::messages::run::{Attachment, ContentEncoding};

/// Media type of a plain log line in an attachment, as Cucumber's own reports know it.
pub const LOG: &str = "text/x.cucumber.log+plain";
/// Media type of the states that a wait saw, with times: JSON. Like the others it is a kind of
/// `text`, because Cucumber's own report shows that in its place and offers the rest as a download.
pub const TIMELINE: &str = "text/vnd.whimbrel.timeline+json";
/// Media type of the requests of a scenario: JSON, without tokens or bodies.
pub const EXCHANGES: &str = "text/vnd.whimbrel.exchanges+json";
/// Media type of what a run says of itself before it begins ([`super::evidence::About`]): JSON.
pub const ABOUT: &str = "text/vnd.whimbrel.about+json";

/// What a run says.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message of the stream that reports are folds over.
    Said(Box<Envelope>),
    /// What a running scenario waits for just now; seen on a terminal, in no report.
    Waiting {
        /// The `testCaseStarted` id of the scenario.
        test_case_started_id: String,
        /// What is waited for and what was seen last, in one line.
        what: String,
    },
    /// What somebody who watches should know now, such as a step that keeps its thread; a few
    /// lines, in no report.
    Noted(String),
}

/// Somebody who hears everything that a run says, in order.
pub trait Listener {
    /// Takes one event.
    ///
    /// # Errors
    ///
    /// If it can't be written where this listener writes.
    fn hear(&mut self, event: &Event) -> io::Result<()>;
}

/// Where events are said; a clone says into the same run.
#[derive(Clone)]
pub struct Speaker(Arc<dyn Fn(Event) + Send + Sync>);

impl Speaker {
    /// Says into a channel. What is said after the other end is gone is lost, because nobody listens.
    pub fn into_channel(channel: Sender<Event>) -> Self {
        Self(Arc::new(move |event| drop(channel.send(event))))
    }

    /// Says into a channel what `record` has taken first, in the order in which it took it: what a
    /// reporter hears is on record, and what was said is on record before whoever said it goes on.
    /// What is in no report waits for no record.
    pub fn recorded(
        record: impl FnMut(&Envelope) + Send + 'static,
        channel: Sender<Event>,
    ) -> Self {
        let record = Mutex::new(record);
        Self(Arc::new(move |event| {
            let mut turn = None;
            if let Event::Said(envelope) = &event {
                let record = turn.insert(record.lock().unwrap_or_else(PoisonError::into_inner));
                (**record)(envelope);
            }
            drop(channel.send(event));
        }))
    }

    /// Says one message.
    pub fn say(&self, envelope: Envelope) {
        (self.0)(Event::Said(Box::new(envelope)));
    }

    /// Tells those who watch.
    pub fn note(&self, text: String) {
        (self.0)(Event::Noted(text));
    }

    fn waiting(&self, test_case_started_id: &str, what: String) {
        let test_case_started_id = test_case_started_id.to_owned();
        (self.0)(Event::Waiting { test_case_started_id, what });
    }
}

/// The scenario that the current task works for: what it attaches lands in its running step.
#[derive(Clone)]
pub struct Stage {
    speaker: Speaker,
    test_case_started_id: Arc<str>,
    test_step_id: Arc<Mutex<Option<String>>>,
}

tokio::task_local! {
    static STAGE: Stage;
}

impl Stage {
    /// A stage for one attempt at one scenario.
    pub fn new(speaker: Speaker, test_case_started_id: impl Into<Arc<str>>) -> Self {
        Self {
            speaker,
            test_case_started_id: test_case_started_id.into(),
            test_step_id: Arc::default(),
        }
    }

    /// Names the step or hook that runs from now on (`None`: none does).
    pub fn enter(&self, test_step_id: Option<String>) {
        *self.test_step_id.lock().expect("nothing panics while it holds this") = test_step_id;
    }

    /// Runs `scenario` with this stage as its own: [`attach`], [`log`] and [`waiting`] reach it.
    pub async fn during<F: Future>(self, scenario: F) -> F::Output {
        STAGE.scope(self, scenario).await
    }

    fn attach(&self, media_type: &str, body: String) {
        let step = self.test_step_id.lock().expect("nothing panics while it holds this").clone();
        self.speaker.say(Envelope::Attachment(Attachment {
            body,
            content_encoding: ContentEncoding::Identity,
            media_type: media_type.to_owned(),
            file_name: file_name(media_type),
            test_case_started_id: Some(self.test_case_started_id.to_string()),
            test_step_id: step,
            ..Attachment::default()
        }));
    }
}

/// What reports call an attachment of ours, such as `timeline.json`.
fn file_name(media_type: &str) -> Option<String> {
    let own = media_type.strip_prefix("text/vnd.whimbrel.")?;
    Some(own.replace('+', "."))
}

/// The stage of the current task, to hand to a task that it starts; `None` outside a scenario.
pub fn stage() -> Option<Stage> {
    STAGE.try_with(Stage::clone).ok()
}

/// Attaches text to the running step; outside a scenario nobody listens and `body` is not asked.
pub fn attach(media_type: &str, body: impl FnOnce() -> String) {
    if let Some(stage) = stage() {
        stage.attach(media_type, body());
    }
}

/// Attaches one line of log to the running step.
pub fn log(line: impl Into<String>) {
    attach(LOG, || line.into());
}

/// Says what the current scenario waits for and what it saw last.
pub fn waiting(what: impl FnOnce() -> String) {
    if let Some(stage) = stage() {
        stage.speaker.waiting(&stage.test_case_started_id, what());
    }
}
