//! What a run says, in Messages: who it is, what is planned, and what happens when.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::document::Library;
use super::hook::Hook;
use super::phrase::snippet;
use super::plan::{Meaning, Plan, Planned, PlannedScenario};
use super::{Definition, Introduction};
use crate::events::messages::pickle::PickleStepType;
use crate::events::messages::run::{
    Attachment, Ci, Exception, Meta, ParseError, PatternType, Product, Snippet, Source,
    SourceReference, Status, StepDefinition, StepDefinitionPattern, Suggestion, TestCaseFinished,
    TestCaseStarted, TestRunFinished, TestRunStarted, TestStepFinished, TestStepResult,
    TestStepStarted, Timestamp,
};
use crate::events::messages::{Envelope, Location, PROTOCOL, run};
use crate::events::outcome::Ending;
use crate::events::stream::{ABOUT, Speaker};

/// Why a run ended otherwise than by what its scenarios say, and that in words.
pub(super) type Why = (Ending, String);

/// Says what happens, with times.
pub(super) struct Teller {
    speaker: Speaker,
    /// The wall clock is read once: times in a stream only grow, whatever it does later.
    anchor: Duration,
    since: Instant,
}

impl Teller {
    pub(super) fn new(speaker: Speaker) -> Self {
        let anchor = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { speaker, anchor: anchor.unwrap_or_default(), since: Instant::now() }
    }

    pub(super) const fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    fn now(&self) -> Timestamp {
        let now = self.anchor + self.since.elapsed();
        Timestamp { seconds: now.as_secs().cast_signed(), nanos: now.subsec_nanos() }
    }

    /// Everything that is known before the first scenario starts.
    pub(super) fn head<W>(&self, plan: &Plan<W>, introduction: &Introduction) {
        self.speaker.say(Envelope::Meta(meta(introduction.ci.clone())));
        self.documents(&plan.library, &plan.planned);
        for (id, definition) in &plan.definitions {
            let said = step_definition(id.clone(), definition);
            self.speaker.say(Envelope::StepDefinition(said));
        }
        for (hook, id) in &plan.hook_ids {
            self.speaker.say(Envelope::Hook(run::Hook {
                id: id.clone(),
                source_reference: SourceReference { uri: Some(file!().to_owned()), location: None },
                name: Some(hook.name().to_owned()),
                tag_expression: None,
                r#type: Some(hook.ty()),
            }));
        }
        self.speaker.say(Envelope::TestRunStarted(TestRunStarted {
            timestamp: self.now(),
            id: Some(plan.run_id.clone()),
        }));
        if let Some(about) = &introduction.about {
            self.speaker.say(Envelope::Attachment(Attachment {
                body: about.to_json(),
                media_type: ABOUT.to_owned(),
                test_run_started_id: Some(plan.run_id.clone()),
                timestamp: Some(self.now()),
                ..Attachment::default()
            }));
        }
        for planned in &plan.planned {
            let test_case = planned.scenario.test_case.clone();
            self.speaker.say(Envelope::TestCase(test_case));
        }
    }

    /// Files of which something is selected, with what is selected of them; and the broken ones.
    fn documents<W>(&self, library: &Library, planned: &[Planned<W>]) {
        let source = |source: &super::Source| {
            self.speaker.say(Envelope::Source(Source {
                uri: source.uri.clone(),
                data: source.text.clone(),
                media_type: "text/x.cucumber.gherkin+plain".to_owned(),
            }));
        };
        let mut pickles: HashMap<&str, Vec<&PlannedScenario>> = HashMap::new();
        for Planned { scenario, .. } in planned {
            pickles.entry(&scenario.pickle.uri).or_default().push(scenario);
        }
        for document in &library.documents {
            source(&document.source);
            let message = document.message.clone();
            self.speaker.say(Envelope::GherkinDocument(message));
            let of_file = pickles.remove(document.source.uri.as_str());
            for scenario in of_file.unwrap_or_default() {
                let pickle = scenario.pickle.clone();
                self.speaker.say(Envelope::Pickle(pickle));
            }
        }
        library.broken_sources.iter().for_each(source);
        for broken in &library.broken {
            self.speaker.say(Envelope::ParseError(ParseError {
                source: SourceReference {
                    uri: Some(broken.uri.clone()),
                    location: Some(broken.location),
                },
                message: broken.to_string(),
            }));
        }
    }

    pub(super) fn case_started(&self, scenario: &PlannedScenario, worker: Option<usize>) {
        let said = TestCaseStarted {
            attempt: 0,
            id: scenario.started_id.clone(),
            test_case_id: scenario.test_case.id.clone(),
            timestamp: self.now(),
            worker_id: worker.map(|worker| worker.to_string()),
        };
        self.speaker.say(Envelope::TestCaseStarted(said));
    }

    pub(super) fn case_finished(&self, scenario: &PlannedScenario) {
        let said = TestCaseFinished {
            test_case_started_id: scenario.started_id.clone(),
            timestamp: self.now(),
            will_be_retried: false,
        };
        self.speaker.say(Envelope::TestCaseFinished(said));
    }

    pub(super) fn step_started(&self, scenario: &PlannedScenario, step: &str) {
        let said = TestStepStarted {
            test_case_started_id: scenario.started_id.clone(),
            test_step_id: step.to_owned(),
            timestamp: self.now(),
        };
        self.speaker.say(Envelope::TestStepStarted(said));
    }

    pub(super) fn step_finished(
        &self,
        scenario: &PlannedScenario,
        step: &str,
        test_step_result: TestStepResult,
    ) {
        let said = TestStepFinished {
            test_case_started_id: scenario.started_id.clone(),
            test_step_id: step.to_owned(),
            test_step_result,
            timestamp: self.now(),
        };
        self.speaker.say(Envelope::TestStepFinished(said));
    }

    /// A step or hook that did not run, and why, where that is not plain from what came before.
    pub(super) fn not_run(
        &self,
        scenario: &PlannedScenario,
        step: &str,
        status: Status,
        why: Option<&str>,
    ) {
        self.step_started(scenario, step);
        let result =
            TestStepResult { status, message: why.map(str::to_owned), ..TestStepResult::default() };
        self.step_finished(scenario, step, result);
    }

    /// A scenario with undefined or ambiguous steps, of which nothing is run.
    pub(super) fn unplannable<W>(&self, planned: &Planned<W>) {
        let Planned { scenario, meanings } = planned;
        self.case_started(scenario, None);
        let hook = |hook| self.not_run(scenario, scenario.hook_step(hook), Status::Skipped, None);
        [Hook::Needs, Hook::Target].into_iter().for_each(hook);
        let pickle_steps = scenario.pickle.steps.iter();
        for ((step, meaning), pickle_step) in scenario.steps.iter().zip(meanings).zip(pickle_steps)
        {
            let status = match meaning {
                Meaning::Defined(_) => Status::Skipped,
                Meaning::Undefined => Status::Undefined,
                Meaning::Ambiguous => Status::Ambiguous,
            };
            if status == Status::Undefined {
                let code = snippet(step_type(pickle_step.r#type), &step.text);
                self.speaker.say(Envelope::Suggestion(Suggestion {
                    id: format!("{}-suggestion", step.id),
                    pickle_step_id: pickle_step.id.clone(),
                    snippets: vec![Snippet { language: "rust".to_owned(), code }],
                }));
            }
            self.not_run(scenario, &step.id, status, None);
        }
        let behind = [Hook::Books, Hook::CleanUp, Hook::Leftovers];
        behind.into_iter().for_each(hook);
        self.case_finished(scenario);
    }

    pub(super) fn run_finished(&self, run_id: String, success: bool, why: Option<Why>) {
        let message = why.as_ref().map(|(_, message)| message.clone());
        let exception = why.map(|(ending, message)| Exception {
            r#type: ending.as_str().to_owned(),
            message: Some(message),
            stack_trace: None,
        });
        self.speaker.say(Envelope::TestRunFinished(TestRunFinished {
            success,
            timestamp: self.now(),
            message,
            exception,
            test_run_started_id: Some(run_id),
        }));
    }
}

fn step_type(ty: Option<PickleStepType>) -> &'static str {
    match ty {
        Some(PickleStepType::Action) => "when",
        Some(PickleStepType::Outcome) => "then",
        _ => "given",
    }
}

fn meta(ci: Option<Ci>) -> Meta {
    let product = |name: &str, version: Option<&str>| Product {
        name: name.to_owned(),
        version: version.map(str::to_owned),
    };
    Meta {
        protocol_version: PROTOCOL.to_owned(),
        implementation: product(env!("CARGO_PKG_NAME"), Some(env!("CARGO_PKG_VERSION"))),
        runtime: product("rust", None),
        os: product(std::env::consts::OS, None),
        cpu: product(std::env::consts::ARCH, None),
        ci,
    }
}

fn step_definition(id: String, definition: &Definition) -> StepDefinition {
    StepDefinition {
        id,
        pattern: StepDefinitionPattern {
            source: definition.pattern.clone(),
            r#type: PatternType::RegularExpression,
        },
        source_reference: SourceReference {
            uri: Some(definition.path.clone()),
            location: Some(Location { line: definition.line, column: Some(definition.column) }),
        },
    }
}
