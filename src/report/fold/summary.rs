//! A run in numbers, and what a reader wants to know first.

use std::time::Duration;

use super::model::{Scenario, Verdict};
use super::{At, Conclusion, Run};
use crate::events::messages::run::Status;

/// A run in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How the scenarios stand.
    pub scenarios: Counts,
    /// How the sentences of all scenarios stand; hooks are not counted.
    pub steps: Counts,
    /// Skipped scenarios by reason, the most frequent first.
    pub skips: Vec<Skips>,
    /// The five slowest attempts, the slowest first.
    pub slowest: Vec<(Duration, At)>,
    /// Scenarios that left something in the cloud, also those that failed before; indexes into
    /// [`Run::scenarios`].
    pub left_behind: Vec<usize>,
    /// Scenarios that failed; indexes into [`Run::scenarios`].
    pub failed: Vec<usize>,
    /// Scenarios that passed, but not at the first attempt; indexes into [`Run::scenarios`].
    pub flaky: Vec<usize>,
    /// Feature files that could not be read and hooks of the run that failed.
    pub run_problems: usize,
    /// From begin to end; `None` if the run was interrupted.
    pub took: Option<Duration>,
    /// Whether the stream ends before the run did.
    pub interrupted: bool,
    /// What all of that comes to.
    pub conclusion: Conclusion,
}

/// How many stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Passed, but left something in the cloud.
    pub left_behind: usize,
    /// Skipped.
    pub skipped: usize,
    /// Began and did not end.
    pub unfinished: usize,
    /// Did not begin.
    pub not_started: usize,
}

/// Scenarios that were skipped for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skips {
    /// Why.
    pub reason: String,
    /// Indexes into [`Run::scenarios`].
    pub scenarios: Vec<usize>,
}

impl Counts {
    /// All of them.
    pub fn all(&self) -> usize {
        self.passed + self.ended_badly() + self.skipped + self.unfinished + self.not_started
    }

    fn ended_badly(&self) -> usize {
        self.failed + self.left_behind
    }
}

impl Summary {
    pub(super) fn of(run: &Run) -> Self {
        let mut summary = Self {
            run_problems: run.parse_errors.len()
                + run.hooks.iter().filter(|hook| hook.failed()).count(),
            took: run.took(),
            interrupted: run.finished.is_none(),
            ..Self::default()
        };
        for (index, scenario) in run.scenarios.iter().enumerate() {
            summary.add(index, scenario);
        }
        let skips = &mut summary.skips;
        skips.sort_by_key(|own| std::cmp::Reverse(own.scenarios.len()));
        let slowest = &mut summary.slowest;
        slowest.sort_by_key(|&(took, at)| (std::cmp::Reverse(took), at));
        slowest.truncate(5);
        summary.conclusion = Conclusion::of(run, &summary);
        summary
    }

    fn add(&mut self, index: usize, scenario: &Scenario) {
        match scenario.verdict() {
            Verdict::Passed => {
                self.scenarios.passed += 1;
                if scenario.attempts.len() > 1 {
                    self.flaky.push(index);
                }
            }
            Verdict::Failed => {
                self.scenarios.failed += 1;
                self.failed.push(index);
            }
            Verdict::LeftBehind => self.scenarios.left_behind += 1,
            Verdict::Skipped(reason) => {
                self.scenarios.skipped += 1;
                self.skip(index, reason);
            }
            Verdict::Unfinished => self.scenarios.unfinished += 1,
            Verdict::NotStarted => self.scenarios.not_started += 1,
        }
        if scenario.attempts.iter().any(|own| own.leftovers().count() > 0) {
            self.left_behind.push(index);
        }
        if !matches!(scenario.verdict(), Verdict::Skipped(_)) {
            for (attempt, own) in scenario.attempts.iter().enumerate() {
                let scenario = index;
                self.slowest.push((own.took(), At { scenario, attempt }));
            }
        }
        self.count_steps(scenario);
    }

    fn skip(&mut self, index: usize, reason: String) {
        match self.skips.iter_mut().find(|own| own.reason == reason) {
            Some(own) => own.scenarios.push(index),
            None => self.skips.push(Skips { reason, scenarios: vec![index] }),
        }
    }

    /// Of the last attempt, because only it decides.
    fn count_steps(&mut self, scenario: &Scenario) {
        let last = scenario.attempts.last();
        let steps = last.map_or(&scenario.plan, |attempt| &attempt.steps);
        for step in steps.iter().filter(|step| step.is_sentence()) {
            let count = match step.result.as_ref().map(|own| own.status) {
                Some(Status::Passed) => &mut self.steps.passed,
                Some(Status::Skipped) => &mut self.steps.skipped,
                Some(_) => &mut self.steps.failed,
                None if step.started.is_some() => &mut self.steps.unfinished,
                None => &mut self.steps.not_started,
            };
            *count += 1;
        }
    }
}
