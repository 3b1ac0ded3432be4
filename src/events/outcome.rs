//! How a step says, from within, that there is nothing more to judge; and how a panic of ours is told from an
//! error that a step returned.

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
