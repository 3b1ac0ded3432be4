//! What is known of a scenario while it runs: what ended how, and what may still take how long.

use std::time::Duration;

use super::executor::Failure;
use super::outcome::Verdict;
use super::panics::Unwound;

/// What is known of the scenario while it runs.
#[derive(Default)]
pub(super) struct SoFar {
    pub(super) failed: Option<(String, String)>,
    pub(super) left_behind: Option<String>,
    pub(super) skipped: Option<String>,
    pub(super) interrupted: bool,
    /// A step was dropped unfinished, so the books may be out of balance through our fault.
    pub(super) dropped: bool,
    pub(super) evident: bool,
}

impl SoFar {
    /// Whether the remaining steps are to run.
    pub(super) const fn goes_on(&self) -> bool {
        self.failed.is_none() && self.skipped.is_none() && !self.interrupted
    }

    pub(super) fn verdict(self) -> Verdict {
        if let Some((at, message)) = self.failed {
            Verdict::Failed { at, message }
        } else if self.interrupted {
            Verdict::Interrupted
        } else if let Some(reason) = self.skipped {
            Verdict::Skipped(reason)
        } else {
            Verdict::Passed
        }
    }
}

/// How something bounded ended.
pub(super) enum End<T> {
    Done(T),
    Unwound(Unwound),
    TimedOut(Limit),
    Cancelled,
}

/// How long something may take.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// This long, by itself.
    Own(Duration),
    /// This long, which is what is left of the scenario's limit.
    Left(Duration),
    /// This long, which is what is left of the run's.
    Run(Duration),
    /// This long, and it is not stopped when the run is.
    Grace(Duration),
}

impl Limit {
    pub(super) const fn span(self) -> Duration {
        let (Self::Own(span) | Self::Left(span) | Self::Run(span) | Self::Grace(span)) = self;
        span
    }
}

/// How a step or hook ended, as the stream tells it.
pub(super) enum Judged {
    Passed,
    Skipped(String),
    Failed(Failure),
    Cancelled,
}
