//! How a run ended: what its exit code and the last lines of its reports are made from.

use super::{Run, Summary};
use crate::events::messages::run::Status;
use crate::events::outcome::Ending;
use crate::events::words::many;

/// How a run ended, as far as its stream tells; what counts where several apply comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// The stream tells of things that it did not announce, so nothing is known.
    Broken,
    /// The run was stopped, or the stream ends before the run did.
    #[default]
    Interrupted,
    /// A bug of the program that ran.
    Internal,
    /// Feature files can't be read, or steps are undefined or ambiguous.
    Unplanned,
    /// The target can't be used.
    Unusable,
    /// Something failed, or the run's deadline has passed.
    Failed,
    /// Something was left in the cloud.
    LeftBehind,
    /// Nothing was judged.
    NothingRan,
    /// Something was judged, and found right.
    Passed,
}

impl Conclusion {
    /// What the scenarios, the hooks and the end of `run` come to.
    pub(super) fn of(run: &Run, summary: &Summary) -> Self {
        if run.dangling > 0 {
            return Self::Broken;
        }
        let Some(finished) = &run.finished else { return Self::Interrupted };
        let last = run.scenarios.iter().filter_map(|own| own.attempts.last());
        let mut steps = last.flat_map(|it| &it.steps);
        let unplanned = steps.any(|step| step.is(Status::Undefined) || step.is(Status::Ambiguous));
        let counts = summary.scenarios;
        let stopped = counts.passed > 0 && counts.not_started > 0;
        let ends = [
            (counts.unfinished > 0, Self::Interrupted),
            (unplanned || !run.parse_errors.is_empty(), Self::Unplanned),
            (counts.failed > 0 || stopped, Self::Failed),
            (run.hooks.iter().any(|hook| hook.failed()), Self::Failed),
            (!summary.left_behind.is_empty(), Self::LeftBehind),
            (counts.passed + counts.failed == 0, Self::NothingRan),
        ];
        let shown = ends.into_iter().filter(|(applies, _)| *applies).map(|(_, end)| end);
        let said = Ending::of(finished).map(Self::from);
        // That a run says it failed counts only where nothing else tells why.
        let unexplained = if finished.success { Self::Passed } else { Self::Failed };
        shown.chain(said).min().unwrap_or(unexplained)
    }
}

impl Run {
    /// What shows that the stream has lost something; `None` if nothing does.
    pub fn broken(&self) -> Option<String> {
        let messages = many(self.dangling, "message");
        let lost = "lines are missing or out of order";
        let what = format!("{messages} about what it did not announce before; {lost}");
        (self.dangling > 0).then_some(what)
    }
}

impl From<Ending> for Conclusion {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Interrupted => Self::Interrupted,
            Ending::Internal => Self::Internal,
            Ending::Unplanned => Self::Unplanned,
            Ending::Unusable => Self::Unusable,
            Ending::OutOfTime => Self::Failed,
        }
    }
}
