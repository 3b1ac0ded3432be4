//! How a run ended.

use std::time::Duration;

use super::problem::Problem;
use crate::events::outcome::Ending;
use crate::events::words::many;

/// How a run ended: what the exit code and a rerun are made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every planned scenario, in the plan's order.
    pub scenarios: Vec<Ended>,
    /// Why nothing was run, if so.
    pub problems: Vec<Problem>,
    /// Whether the run was cancelled.
    pub interrupted: bool,
    /// The run's deadline, if it kept a scenario from starting or ended one.
    pub out_of_time: Option<Duration>,
    /// Panics outside steps, one line each: bugs of ours.
    pub internal_errors: Vec<String>,
}

/// How one scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `uri:line`, which also selects it.
    pub place: String,
    /// Its name.
    pub name: String,
    /// How its steps and hooks ended.
    pub verdict: Verdict,
    /// What clean-up or the audit after it found left behind.
    pub left_behind: Option<String>,
    /// From its first hook to its last; zero if it was not started.
    pub took: Duration,
}

/// How a scenario ended, clean-up and what is left aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All steps passed, and so did the cloud's books.
    Passed,
    /// A step or a hook failed.
    Failed {
        /// The step with its keyword, or the hook's name.
        at: String,
        /// Why.
        message: String,
    },
    /// Not run on this target, or skipped by a step; the reason.
    Skipped(String),
    /// Stopped in the middle.
    Interrupted,
    /// Not begun: the run ended before.
    NotStarted,
}

impl Outcome {
    fn count(&self, of: impl Fn(&Verdict) -> bool) -> usize {
        self.scenarios.iter().filter(|it| of(&it.verdict)).count()
    }

    /// Scenarios that passed, whether or not something was left behind.
    pub fn passed(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::Passed)
    }

    /// Scenarios that failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed { .. }))
    }

    /// Scenarios that were not begun.
    pub fn not_started(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::NotStarted)
    }

    /// Skipped scenarios with their reasons.
    pub fn skipped(&self) -> impl Iterator<Item = (&Ended, &str)> {
        self.scenarios.iter().filter_map(|it| match &it.verdict {
            Verdict::Skipped(reason) => Some((it, reason.as_str())),
            _ => None,
        })
    }

    /// Scenarios of which something was left behind, failed or not.
    pub fn left_behind(&self) -> usize {
        let left = self.scenarios.iter().filter(|it| it.left_behind.is_some());
        left.count()
    }

    /// Whether nothing was judged: nothing selected, or everything skipped.
    pub fn nothing_ran(&self) -> bool {
        let judged =
            |verdict: &Verdict| matches!(verdict, Verdict::Passed | Verdict::Failed { .. });
        self.count(judged) == 0
    }

    /// Whether everything that was to be judged was, and was found right.
    pub fn is_success(&self) -> bool {
        self.problems.is_empty()
            && self.internal_errors.is_empty()
            && !self.interrupted
            && self.out_of_time.is_none()
            && self.failed() == 0
            && self.not_started() == 0
            && self.left_behind() == 0
            && !self.nothing_ran()
    }

    /// What the scenarios do not tell themselves, in one line, for the stream's end; and which of it
    /// counts.
    pub(super) fn ending(&self) -> Option<(Ending, String)> {
        let (bugs, problems) = (self.internal_errors.len(), self.problems.len());
        let late = self.out_of_time.unwrap_or_default();
        let told = [
            (self.interrupted, Ending::Interrupted, "interrupted".to_owned()),
            (bugs > 0, Ending::Internal, many(bugs, "internal error")),
            (
                problems > 0,
                Ending::Unplanned,
                format!("{} before the start", many(problems, "problem")),
            ),
            (
                self.out_of_time.is_some(),
                Ending::OutOfTime,
                format!("the run's deadline of {late:?} has passed"),
            ),
        ];
        let told: Vec<_> = told.into_iter().filter(|(applies, ..)| *applies).collect();
        let words: Vec<&str> = told.iter().map(|(.., words)| words.as_str()).collect();
        Some((told.first()?.1, words.join(", ")))
    }
}
