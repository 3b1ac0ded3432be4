//! The runner on a World of its own.

mod planning;
mod reading;
mod running;
mod together;
mod toy;
mod values;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;

use self::toy::{Toy, Toys};
use super::source::embedded;
use super::{
    Catalogue, Fit, Input, Library, Order, Outcome, Plan, Selection, SelectionError, Settings,
    Take, cancel, run,
};
use crate::events::messages::Envelope;
use crate::events::messages::run::{Status, TestStep, TestStepFinished};
use crate::events::stream::{Event, Speaker};

/// A run of the toy World, to be told what is different from others.
struct Play<'a> {
    files: Vec<(&'a str, String)>,
    inputs: Vec<&'a str>,
    tags: Vec<String>,
    names: Vec<String>,
    order: Order,
    settings: Settings,
}

/// What came of it.
struct Played {
    outcome: Outcome,
    said: Vec<Envelope>,
    noted: Vec<String>,
    /// What steps and hooks wrote down, in the order in which they ran.
    journal: Vec<String>,
}

/// A feature of `scenarios`, each a text from its tags or keyword on.
fn feature(scenarios: &[&str]) -> Play<'static> {
    Play::new(format!("Feature: toys\n\n{}\n", scenarios.join("\n")))
}

impl<'a> Play<'a> {
    fn new(text: impl Into<String>) -> Self {
        Self {
            files: vec![("features/toys.feature", text.into())],
            inputs: Vec::new(),
            tags: Vec::new(),
            names: Vec::new(),
            order: Order::Written,
            settings: Settings::default(),
        }
    }

    fn plan(&self) -> Result<Plan<Toy>, Vec<SelectionError>> {
        let inputs: Vec<Input> =
            self.inputs.iter().map(|it| it.parse().expect("any text is an input")).collect();
        let tree = self.files.iter().map(|(uri, text)| (*uri, text.as_str()));
        let sources = embedded(tree, &inputs).expect("the inputs name files");
        let selection = Selection::new(&self.tags, &self.names)?;
        let library = Library::read(sources);
        let mut plan =
            Plan::new(library, &selection, &Catalogue::new().reading("it reads"), self.order)?;
        plan.fit(|scenario| {
            let is = |tag| scenario.tags().any(|it| it == tag);
            let amount = |tag: &str| tag.strip_prefix("@takes-").and_then(|it| it.parse().ok());
            let take = |amount| Take { resource: "room".to_owned(), amount };
            Fit {
                skip: is("@moon").then(|| "there is no moon here".to_owned()),
                alone: is("@big"),
                takes: scenario.tags().filter_map(amount).map(take).collect(),
            }
        });
        Ok(plan)
    }

    fn go(&self) -> Played {
        let plan = self.plan().expect("the selection makes sense");
        let runtime = Runtime::new().expect("a runtime starts");
        let (sender, receiver) = channel();
        let (canceller, cancelled) = cancel::channel();
        let journal = Arc::new(Mutex::new(Vec::new()));
        let mut outcome = run(
            plan,
            Arc::new(Toys::new(journal.clone(), canceller)),
            self.settings.clone(),
            Speaker::into_channel(sender),
            cancelled,
            runtime.handle(),
        );
        // Other tests of this process panic on purpose while this one runs.
        outcome.internal_errors.retain(|error| error.contains("src/runner/tests/"));
        let (mut said, mut noted) = (Vec::new(), Vec::new());
        for event in receiver.try_iter() {
            match event {
                Event::Said(envelope) => said.push(*envelope),
                Event::Noted(text) => noted.push(text),
                Event::Waiting { .. } => {}
            }
        }
        let journal = journal.lock().unwrap().clone();
        Played { outcome, said, noted, journal }
    }

    fn hurried(mut self) -> Self {
        self.settings.step_limit = Duration::from_millis(30);
        self.settings.grace = Duration::from_millis(30);
        self
    }
}

impl Played {
    /// How each step and hook ended, as `sentence or hook: STATUS`, in the order of the stream.
    fn told(&self) -> Vec<String> {
        self.finished()
            .map(|it| format!("{}: {}", self.title(&it.test_step_id), status(it)))
            .collect()
    }

    fn finished(&self) -> impl Iterator<Item = &TestStepFinished> {
        self.said.iter().filter_map(|envelope| match envelope {
            Envelope::TestStepFinished(it) => Some(it),
            _ => None,
        })
    }

    /// The end of the step or hook called `title`.
    fn end_of(&self, title: &str) -> &TestStepFinished {
        self.finished()
            .find(|it| self.title(&it.test_step_id) == title)
            .unwrap_or_else(|| panic!("nothing is called {title} in {:?}", self.told()))
    }

    /// The sentence of a pickle step, or the name of a hook, by the id of its test step.
    fn title(&self, test_step_id: &str) -> String {
        let step = self.test_step(test_step_id);
        self.said
            .iter()
            .find_map(|envelope| match envelope {
                Envelope::Hook(hook) if step.hook_id.as_ref() == Some(&hook.id) => {
                    hook.name.clone()
                }
                Envelope::Pickle(pickle) => pickle
                    .steps
                    .iter()
                    .find(|it| step.pickle_step_id.as_ref() == Some(&it.id))
                    .map(|it| it.text.clone()),
                _ => None,
            })
            .expect("every test step is of a hook or a pickle step")
    }

    fn test_step(&self, id: &str) -> &TestStep {
        self.said
            .iter()
            .find_map(|envelope| match envelope {
                Envelope::TestCase(case) => case.test_steps.iter().find(|step| step.id == id),
                _ => None,
            })
            .expect("every test step is announced")
    }

    /// The kinds of the messages, repetitions left out.
    fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self.said.iter().map(kind).collect();
        kinds.dedup();
        kinds
    }
}

fn status(finished: &TestStepFinished) -> String {
    let status: Status = finished.test_step_result.status;
    format!("{status:?}").to_uppercase()
}

fn kind(envelope: &Envelope) -> String {
    let value = serde_json::to_value(envelope).expect("messages are JSON");
    let object = value.as_object().expect("an envelope is an object");
    object.keys().next().expect("with one key").clone()
}
