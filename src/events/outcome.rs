//! How a step says, from within, that there is nothing more to judge; and how a panic of ours is told from an
//! error that a step returned; and why a run ended otherwise than by its scenarios.

use super::messages::run::TestRunFinished;

/// What a step unwinds with to skip the rest of its scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(
    /// Why, in words that follow "skipped:".
    pub String,
);

/// Skips the rest of the scenario, with the reason; what was done so far is still cleaned up.
pub fn skip(reason: impl Into<String>) -> ! {
    // Unlike a panic this runs no panic hook, which would print it as a mishap.
    std::panic::resume_unwind(Box::new(Skip(reason.into())))
}

/// What a step says that was dropped because the run was stopped. Messages have no status for it.
pub const INTERRUPTED: &str = "interrupted";

/// The type of an exception that is a panic in our code, and not an error that a step returned.
pub const PANIC: &str = "panic";

/// Why a run ended otherwise than by what its scenarios say: the type of the exception in its
/// `testRunFinished`, from which a report read later knows what the run's exit code was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was stopped.
    Interrupted,
    /// A bug of ours.
    Internal,
    /// Steps are undefined or ambiguous, or feature files can't be read: nothing was run.
    Unplanned,
    /// The target can't be used: nothing was run.
    Unusable,
    /// Its deadline has passed.
    OutOfTime,
}

impl Ending {
    const ALL: [Self; 5] =
        [Self::Interrupted, Self::Internal, Self::Unplanned, Self::Unusable, Self::OutOfTime];

    /// As the stream names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interrupted => INTERRUPTED,
            Self::Internal => "internal error",
            Self::Unplanned => "problems before the start",
            Self::Unusable => "unusable target",
            Self::OutOfTime => "deadline of the run",
        }
    }

    /// What a run's end says; `None` if its scenarios say it all.
    pub fn of(finished: &TestRunFinished) -> Option<Self> {
        let said = &finished.exception.as_ref()?.r#type;
        Self::ALL.into_iter().find(|ending| ending.as_str() == said)
    }
}
