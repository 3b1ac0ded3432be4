//! What will run: every selected case, every step of it matched, before anything is booted.

use std::collections::HashMap;
use std::sync::Arc;

use gherkin::StepType;

use super::Ids;
use super::catalogue::{Catalogue, Caught, Found};
use super::document::{Case, Library};
use super::hook::Hook;
use super::problem::{Problem, Problems};
use super::queue::{Take, group_resource};
use super::selection::{Selection, SelectionError, selected};
use crate::config::is_group_name;
use crate::events::messages::pickle::Pickle;
use crate::events::messages::run::{HookType, StepMatchArgumentsList, TestCase, TestStep};

/// In which order scenarios are started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they stand in the files, files by path.
    #[default]
    Written,
    /// Shuffled; the same seed shuffles the same scenarios alike.
    Random(u64),
}

/// How a scenario fits the target that it is to run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Why it can't run there.
    pub skip: Option<String>,
    /// Whether others would feel what it does, so that it has to run alone.
    pub alone: bool,
    /// What it takes of what the target has not enough of for all.
    pub takes: Vec<Take>,
}

/// A scenario, or a row of an outline, that will run.
#[derive(Clone, Debug)]
pub struct PlannedScenario {
    /// What Messages say of it.
    pub pickle: Pickle,
    /// Its feature's name.
    pub feature: Arc<str>,
    /// Its rule's name, if it stands in one.
    pub rule: Option<Arc<str>>,
    /// Its steps, those of backgrounds first.
    pub steps: Vec<PlannedStep>,
    /// Why it is not run on this target; `None`: it is.
    pub skip: Option<String>,
    /// Whether it runs alone because of what it does to the target.
    pub alone: bool,
    /// What it takes while it runs: 1 of each of its groups, and what the target has too little of.
    pub takes: Vec<Take>,
    pub(super) test_case: TestCase,
    /// The id of its one attempt.
    pub(super) started_id: String,
    /// Its place in the plan.
    pub(super) index: usize,
}

/// A step that will run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The keyword as written, without blanks.
    pub keyword: String,
    /// The sentence.
    pub text: String,
    /// Its line in the scenario's file.
    pub line: u32,
    /// Its id in the test case.
    pub(super) id: String,
}

impl PlannedScenario {
    /// The name, with a row's values in.
    pub fn name(&self) -> &str {
        &self.pickle.name
    }

    /// The line of the scenario, or of the outline's row.
    pub fn line(&self) -> u32 {
        self.pickle.location.map_or(0, |location| location.line)
    }

    /// `uri:line`, which also selects it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.pickle.uri, self.line())
    }

    /// Its tags and those that it inherits, with `@`.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.pickle.tags.iter().map(|tag| tag.name.as_str())
    }

    /// Its number in the plan, from 1.
    pub fn number(&self) -> usize {
        self.index + 1
    }

    /// Whether it must run alone: tagged `@serial`, or because of what it does to the target.
    pub fn is_serial(&self) -> bool {
        self.alone || self.tags().any(|tag| tag == "@serial")
    }

    /// The id of the hook `at`'s test step; hooks stand around the steps in the order of [`Hook`].
    pub(super) fn hook_step(&self, at: Hook) -> &str {
        let index = match at {
            Hook::Needs => 0,
            Hook::Target => 1,
            Hook::Books => 2 + self.steps.len(),
            Hook::CleanUp => 3 + self.steps.len(),
            Hook::Leftovers => 4 + self.steps.len(),
        };
        &self.test_case.test_steps[index].id
    }
}

/// A planned scenario with what its steps call.
pub(super) struct Planned<W> {
    pub(super) scenario: PlannedScenario,
    pub(super) meanings: Vec<Meaning<W>>,
}

/// What a step calls.
pub(super) enum Meaning<W> {
    Defined(Box<Call<W>>),
    Undefined,
    Ambiguous,
}

/// What a defined step calls.
pub(super) struct Call<W> {
    pub(super) function: cucumber::Step<W>,
    pub(super) context: cucumber::step::Context,
    /// `path:line` of the definition.
    pub(super) place: String,
}

/// What will run. With [`problems`](Self::problems), nothing is.
pub struct Plan<W> {
    pub(super) planned: Vec<Planned<W>>,
    pub(super) library: Library,
    pub(super) definitions: Vec<(String, super::Definition)>,
    pub(super) hook_ids: Vec<(Hook, String)>,
    pub(super) run_id: String,
    pub(super) problems: Vec<Problem>,
    order: Order,
}

impl<W> Plan<W> {
    /// Plans what `selection` takes of `library`; [`fit`](Self::fit) then makes it a plan for a
    /// target. A scenario without steps is skipped, because it would pass for nothing.
    ///
    /// # Errors
    ///
    /// Lines that the user named and that hold nothing. What is wrong with the files themselves is
    /// no error here but among the plan's problems, so that the run's stream tells it.
    pub fn new(
        library: Library,
        selection: &Selection,
        catalogue: &Catalogue<W>,
        order: Order,
    ) -> Result<Self, Vec<SelectionError>> {
        let mut library = library;
        let mut cases = selected(&mut library, selection)?;
        if let Order::Random(seed) = order {
            fastrand::Rng::with_seed(seed).shuffle(&mut cases);
        }
        let mut planner = Planner::new(catalogue, std::mem::take(&mut library.ids));
        let planned = cases
            .into_iter()
            .enumerate()
            .map(|(index, case)| planner.scenario(index, case))
            .collect();
        let mut problems: Vec<Problem> =
            library.broken.iter().cloned().map(Problem::Broken).collect();
        problems.extend(planner.problems.placed_in(&library));
        Ok(Self {
            planned,
            problems,
            definitions: planner
                .definition_ids
                .into_iter()
                .zip(catalogue.definitions().cloned())
                .collect(),
            hook_ids: planner.hook_ids,
            run_id: planner.run_id,
            library,
            order,
        })
    }

    /// What will run or be skipped, in order.
    pub fn scenarios(&self) -> impl Iterator<Item = &PlannedScenario> {
        self.planned.iter().map(|planned| &planned.scenario)
    }

    /// Asks of each scenario that is not skipped already how it fits the target.
    pub fn fit(&mut self, fit: impl Fn(&PlannedScenario) -> Fit) {
        let scenarios = self.planned.iter_mut().map(|planned| &mut planned.scenario);
        for scenario in scenarios.filter(|it| it.skip.is_none()) {
            let Fit { skip, alone, takes } = fit(scenario);
            (scenario.skip, scenario.alone) = (skip, alone);
            scenario.takes.extend(takes);
        }
    }

    /// The seed that shuffled it, if it is not in the order in which it was written.
    pub fn seed(&self) -> Option<u64> {
        match self.order {
            Order::Written => None,
            Order::Random(seed) => Some(seed),
        }
    }

    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.planned.is_empty()
    }

    /// What keeps the run from starting.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

struct Planner<'a, W> {
    catalogue: &'a Catalogue<W>,
    ids: Ids,
    run_id: String,
    definition_ids: Vec<String>,
    hook_ids: Vec<(Hook, String)>,
    /// Each distinct sentence is looked up once.
    found: HashMap<(StepType, String), Found>,
    problems: Problems,
}

impl<'a, W> Planner<'a, W> {
    fn new(catalogue: &'a Catalogue<W>, mut ids: Ids) -> Self {
        Self {
            catalogue,
            run_id: ids.next(),
            definition_ids: catalogue.definitions().map(|_| ids.next()).collect(),
            hook_ids: Hook::ALL.map(|hook| (hook, ids.next())).into(),
            ids,
            found: HashMap::new(),
            problems: Problems::default(),
        }
    }

    fn scenario(&mut self, index: usize, case: Case) -> Planned<W> {
        let mut test_steps = self.hook_steps(HookType::BeforeTestCase);
        let mut steps = Vec::new();
        let mut meanings = Vec::new();
        for (pickle_step, case_step) in case.pickle.steps.iter().zip(case.steps) {
            let found = self.look_up(&case_step.step);
            self.problems.note(self.catalogue, &case_step, &found, &case.pickle.uri);
            let line = case_step.location.line;
            let step = case_step.step;
            let id = self.ids.next();
            steps.push(PlannedStep {
                keyword: step.keyword.trim().to_owned(),
                text: step.value.clone(),
                line,
                id: id.clone(),
            });
            let (ids, lists) = self.matches(&found);
            test_steps.push(TestStep {
                id,
                pickle_step_id: Some(pickle_step.id.clone()),
                step_definition_ids: Some(ids),
                step_match_arguments_lists: Some(lists),
                hook_id: None,
            });
            meanings.push(self.meaning(found, step));
        }
        test_steps.extend(self.hook_steps(HookType::AfterTestCase));
        let takes = self.groups(&case.pickle);
        let nothing = steps.is_empty().then(|| "it has no steps".to_owned());
        let scenario = PlannedScenario {
            test_case: TestCase {
                id: self.ids.next(),
                pickle_id: case.pickle.id.clone(),
                test_steps,
                test_run_started_id: Some(self.run_id.clone()),
            },
            pickle: case.pickle,
            feature: case.feature,
            rule: case.rule,
            steps,
            skip: nothing,
            alone: false,
            takes,
            started_id: self.ids.next(),
            index,
        };
        Planned { scenario, meanings }
    }

    /// 1 of each group that its tags name.
    fn groups(&mut self, pickle: &Pickle) -> Vec<Take> {
        let mut takes: Vec<Take> = Vec::new();
        for tag in &pickle.tags {
            let Some(rest) = tag.name.strip_prefix("@group") else { continue };
            let named = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            match named.filter(|name| is_group_name(name)) {
                Some(name) => {
                    let take = Take { resource: group_resource(name), amount: 1 };
                    if !takes.contains(&take) {
                        takes.push(take);
                    }
                }
                None if named.is_some() || rest.is_empty() || rest.starts_with('(') => {
                    self.problems.bad_group(&tag.name, &pickle.uri);
                }
                // Another tag, such as `@grouped`.
                None => {}
            }
        }
        takes
    }

    fn hook_steps(&mut self, ty: HookType) -> Vec<TestStep> {
        let hooks = self.hook_ids.iter().filter(|(hook, _)| hook.ty() == ty);
        hooks
            .map(|(_, hook_id)| TestStep {
                id: self.ids.next(),
                hook_id: Some(hook_id.clone()),
                ..TestStep::default()
            })
            .collect()
    }

    fn look_up(&mut self, step: &gherkin::Step) -> Found {
        let key = (step.ty, step.value.clone());
        let found = self.found.entry(key);
        found.or_insert_with(|| self.catalogue.find(step.ty, &step.value)).clone()
    }

    fn matches(&self, found: &Found) -> (Vec<String>, Vec<StepMatchArgumentsList>) {
        let id = |index: &usize| self.definition_ids[*index].clone();
        match found {
            Found::Nothing => (Vec::new(), Vec::new()),
            Found::One(index, Caught { arguments, .. }) => {
                let list = StepMatchArgumentsList { step_match_arguments: arguments.clone() };
                (vec![id(index)], vec![list])
            }
            Found::Several(indices) => {
                let lists = vec![StepMatchArgumentsList::default(); indices.len()];
                (indices.iter().map(id).collect(), lists)
            }
        }
    }

    fn meaning(&self, found: Found, step: gherkin::Step) -> Meaning<W> {
        match found {
            Found::Nothing => Meaning::Undefined,
            Found::Several(_) => Meaning::Ambiguous,
            Found::One(index, Caught { matches, .. }) => {
                let entry = self.catalogue.entry(index);
                Meaning::Defined(Box::new(Call {
                    function: entry.function,
                    context: cucumber::step::Context { step, matches },
                    place: entry.definition.place(),
                }))
            }
        }
    }
}
