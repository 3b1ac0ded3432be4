//! The stream, folded: what was planned, what ran, and how it ended.
//!
//! Every report is drawn from a [`Run`]. A message that refers to something unknown is passed over
//! and counted, so that a stream which lost something still gives a report, and is no success.

mod conclusion;
mod documents;
mod model;
mod summary;

use std::collections::HashMap;

use super::text::between;
use crate::events::evidence::About;
use crate::events::messages::run as said;
use crate::events::messages::{Envelope, Pickle, TestStepResult};
use crate::events::stream;
use documents::{Documents, place};

pub use conclusion::Conclusion;
pub use model::{Attempt, Evidence, Place, RunHook, RunProblem, Scenario, Step, Verdict, What};
pub use summary::{Counts, Skips, Summary};

/// A run, as far as its stream has told it. `Run::default()` is one of which nothing was heard.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// When the run began.
    pub started: Option<said::Timestamp>,
    /// When the last thing was said that has a time.
    pub last_heard: Option<said::Timestamp>,
    /// How the run ended; `None` while it runs, and for ever if it was killed.
    pub finished: Option<said::TestRunFinished>,
    /// What the run said of itself before it began.
    pub about: About,
    /// The program that ran, with its version.
    pub implementation: Option<said::Product>,
    /// The selected scenarios in the order of the plan; an outline's rows are scenarios each.
    pub scenarios: Vec<Scenario>,
    /// What ran before and after all scenarios.
    pub hooks: Vec<RunHook>,
    /// Feature files that could not be read.
    pub parse_errors: Vec<RunProblem>,
    /// What the run attached outside any scenario.
    pub evidence: Vec<Evidence>,
    /// How many messages tell of something that the stream did not announce before: lines were lost
    /// or changed places.
    pub dangling: usize,
    index: Index,
}

/// Where the ids of the stream point.
#[derive(Clone, Debug, Default)]
struct Index {
    documents: Documents,
    pickles: HashMap<String, Pickle>,
    definitions: HashMap<String, Place>,
    hooks: HashMap<String, said::Hook>,
    /// Test case id to scenario.
    cases: HashMap<String, usize>,
    /// `testCaseStarted` id to scenario and attempt.
    attempts: HashMap<String, (usize, usize)>,
    run_hooks: HashMap<String, usize>,
}

/// What one message changed; who tells the run while it happens looks at this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that needs telling at once.
    Nothing,
    /// The run said what it is: [`Run::about`].
    Introduced,
    /// An attempt at a scenario began.
    Began(At),
    /// A step or hook of a scenario began (its index).
    StepBegan(At, usize),
    /// A step or hook of a scenario ended (its index).
    StepEnded(At, usize),
    /// An attempt at a scenario ended.
    Ended(At),
    /// A feature file could not be read: the last of [`Run::parse_errors`].
    Unreadable,
    /// A hook of the run ended (index into [`Run::hooks`]).
    RunHookEnded(usize),
    /// The run attached something outside any scenario: the last of [`Run::evidence`].
    RunAttached,
    /// The run ended.
    RunEnded,
}

/// An attempt at a scenario: indexes into [`Run::scenarios`] and [`Scenario::attempts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At {
    /// Of the scenario.
    pub scenario: usize,
    /// Of the attempt.
    pub attempt: usize,
}

impl Run {
    /// Folds a whole stream.
    pub fn fold<'a>(stream: impl IntoIterator<Item = &'a Envelope>) -> Self {
        let mut run = Self::default();
        for envelope in stream {
            run.hear(envelope);
        }
        run
    }

    /// Folds one more message in, and says what it changed.
    pub fn hear(&mut self, envelope: &Envelope) -> Change {
        self.last_heard = envelope.timestamp().or(self.last_heard);
        match envelope {
            Envelope::TestCase(case) => self.plan(case),
            Envelope::TestCaseStarted(started) => return self.begin(started),
            Envelope::TestStepStarted(started) => return self.begin_step(started),
            Envelope::TestStepFinished(finished) => return self.end_step(finished),
            Envelope::TestCaseFinished(finished) => return self.end(finished),
            Envelope::Attachment(attachment) => return self.attach(attachment),
            Envelope::Suggestion(suggestion) => self.suggest(suggestion),
            Envelope::ParseError(error) => {
                self.parse_errors.push(RunProblem {
                    place: place(&error.source),
                    message: error.message.clone(),
                });
                return Change::Unreadable;
            }
            Envelope::TestRunHookStarted(started) => self.begin_run_hook(started),
            Envelope::TestRunHookFinished(finished) => return self.end_run_hook(finished),
            Envelope::TestRunStarted(started) => self.started = Some(started.timestamp),
            Envelope::TestRunFinished(finished) => {
                self.finished = Some(finished.clone());
                return Change::RunEnded;
            }
            glossary => self.look_up_later(glossary),
        }
        Change::Nothing
    }

    /// How long the run took; `None` until it has ended.
    pub fn took(&self) -> Option<std::time::Duration> {
        Some(between(self.started?, self.finished.as_ref()?.timestamp))
    }

    /// How long the run was heard of: until its end, or the last thing that it said.
    pub fn lasted(&self) -> Option<std::time::Duration> {
        Some(between(self.started?, self.last_heard?))
    }

    /// The attempt of a `testCaseStarted` id.
    pub fn attempt_of(&self, test_case_started_id: &str) -> Option<At> {
        let &(scenario, attempt) = self.index.attempts.get(test_case_started_id)?;
        Some(At { scenario, attempt })
    }

    /// The scenario and the attempt at `at`.
    pub fn at(&self, at: At) -> Option<(&Scenario, &Attempt)> {
        let scenario = self.scenarios.get(at.scenario)?;
        Some((scenario, scenario.attempts.get(at.attempt)?))
    }

    /// The run in numbers.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }

    fn look_up_later(&mut self, glossary: &Envelope) {
        let index = &mut self.index;
        match glossary {
            Envelope::Meta(meta) => self.implementation = Some(meta.implementation.clone()),
            Envelope::GherkinDocument(document) => index.documents.add(document),
            Envelope::Pickle(pickle) => {
                index.pickles.insert(pickle.id.clone(), pickle.clone());
            }
            Envelope::StepDefinition(definition) => {
                if let Some(place) = place(&definition.source_reference) {
                    index.definitions.insert(definition.id.clone(), place);
                }
            }
            Envelope::Hook(hook) => {
                index.hooks.insert(hook.id.clone(), hook.clone());
            }
            _ => {}
        }
    }

    fn plan(&mut self, case: &said::TestCase) {
        let Some(pickle) = self.index.pickles.get(&case.pickle_id) else {
            self.dangling += 1;
            return;
        };
        let steps = case.test_steps.iter();
        let plan = steps.map(|step| self.index.planned(pickle, step)).collect();
        let scenario = self.index.documents.scenario(pickle, plan);
        self.index.cases.insert(case.id.clone(), self.scenarios.len());
        self.scenarios.push(scenario);
    }

    fn begin(&mut self, started: &said::TestCaseStarted) -> Change {
        let Some(&index) = self.index.cases.get(&started.test_case_id) else {
            self.dangling += 1;
            return Change::Nothing;
        };
        let scenario = &mut self.scenarios[index];
        let at = At { scenario: index, attempt: scenario.attempts.len() };
        scenario.attempts.push(Attempt {
            started: started.timestamp,
            finished: None,
            will_be_retried: false,
            steps: scenario.plan.clone(),
        });
        self.index.attempts.insert(started.id.clone(), (at.scenario, at.attempt));
        Change::Began(at)
    }

    fn begin_step(&mut self, started: &said::TestStepStarted) -> Change {
        let Some((at, index)) = self.find(&started.test_case_started_id, &started.test_step_id)
        else {
            self.dangling += 1;
            return Change::Nothing;
        };
        self.step_mut(at, index).started = Some(started.timestamp);
        Change::StepBegan(at, index)
    }

    fn end_step(&mut self, finished: &said::TestStepFinished) -> Change {
        let Some((at, index)) = self.find(&finished.test_case_started_id, &finished.test_step_id)
        else {
            self.dangling += 1;
            return Change::Nothing;
        };
        let step = self.step_mut(at, index);
        step.finished = Some(finished.timestamp);
        step.result = Some(finished.test_step_result.clone());
        Change::StepEnded(at, index)
    }

    fn end(&mut self, finished: &said::TestCaseFinished) -> Change {
        let Some(at) = self.attempt_of(&finished.test_case_started_id) else {
            self.dangling += 1;
            return Change::Nothing;
        };
        let attempt = &mut self.scenarios[at.scenario].attempts[at.attempt];
        attempt.finished = Some(finished.timestamp);
        attempt.will_be_retried = finished.will_be_retried;
        Change::Ended(at)
    }

    fn attach(&mut self, attachment: &said::Attachment) -> Change {
        let case = attachment.test_case_started_id.as_deref();
        let step = attachment.test_step_id.as_deref();
        let evidence = Evidence::from(attachment);
        let Some(at) = case.and_then(|case| self.attempt_of(case)) else {
            self.dangling += usize::from(case.is_some());
            if let Some(about) = evidence.json(stream::ABOUT) {
                self.about = about;
                return Change::Introduced;
            }
            self.evidence.push(evidence);
            return Change::RunAttached;
        };
        // What no step claims belongs to the step that began last.
        let steps = &mut self.scenarios[at.scenario].attempts[at.attempt].steps;
        let named = steps.iter().position(|own| Some(own.id.as_str()) == step);
        let running = || steps.iter().rposition(|own| own.started.is_some());
        let index = named.or_else(running).unwrap_or(0);
        if let Some(step) = steps.get_mut(index) {
            step.evidence.push(evidence);
        }
        Change::Nothing
    }

    fn suggest(&mut self, suggestion: &said::Suggestion) {
        let steps = self.scenarios.iter_mut().flat_map(|scenario| {
            let attempts = scenario.attempts.iter_mut();
            scenario.plan.iter_mut().chain(attempts.flat_map(|attempt| attempt.steps.iter_mut()))
        });
        for step in steps.filter(|step| step.is_for(&suggestion.pickle_step_id)) {
            let snippets = suggestion.snippets.iter();
            step.snippets = snippets.map(|snippet| snippet.code.clone()).collect();
        }
    }

    fn begin_run_hook(&mut self, started: &said::TestRunHookStarted) {
        let hook = self.index.hooks.get(&started.hook_id);
        self.index.run_hooks.insert(started.id.clone(), self.hooks.len());
        self.hooks.push(RunHook {
            name: hook
                .and_then(|hook| hook.name.clone())
                .unwrap_or_else(|| "unnamed hook".to_owned()),
            after: hook.and_then(|hook| hook.r#type) == Some(said::HookType::AfterTestRun),
            result: None,
        });
    }

    fn end_run_hook(&mut self, finished: &said::TestRunHookFinished) -> Change {
        let started = &finished.test_run_hook_started_id;
        let Some(&index) = self.index.run_hooks.get(started) else {
            self.dangling += 1;
            return Change::Nothing;
        };
        self.hooks[index].result = Some(finished.result.clone());
        Change::RunHookEnded(index)
    }

    fn find(&self, attempt: &str, step: &str) -> Option<(At, usize)> {
        let at = self.attempt_of(attempt)?;
        let (_, attempt) = self.at(at)?;
        let index = attempt.steps.iter().position(|own| own.id == step)?;
        Some((at, index))
    }

    /// Only for what [`Run::find`] has found.
    fn step_mut(&mut self, at: At, step: usize) -> &mut Step {
        &mut self.scenarios[at.scenario].attempts[at.attempt].steps[step]
    }
}

impl Index {
    fn planned(&self, pickle: &Pickle, planned: &said::TestStep) -> Step {
        let own = |id: &String| pickle.steps.iter().find(|step| step.id == *id);
        let what = match planned.pickle_step_id.as_ref().and_then(own) {
            Some(step) => {
                let ids = planned.step_definition_ids.iter().flatten();
                let places = ids.filter_map(|id| self.definitions.get(id).cloned());
                self.documents.step(pickle, step, places.collect())
            }
            None => self.hook(planned),
        };
        Step {
            id: planned.id.clone(),
            pickle_step_id: planned.pickle_step_id.clone(),
            what,
            started: None,
            finished: None,
            result: None::<TestStepResult>,
            evidence: Vec::new(),
            snippets: Vec::new(),
        }
    }

    fn hook(&self, planned: &said::TestStep) -> What {
        let hook = planned.hook_id.as_ref().and_then(|id| self.hooks.get(id));
        What::Hook {
            name: hook
                .and_then(|hook| hook.name.clone())
                .unwrap_or_else(|| "unnamed hook".to_owned()),
            place: hook.and_then(|hook| place(&hook.source_reference)),
        }
    }
}
