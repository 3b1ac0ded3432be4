//! What features say, in Rust: one sentence, one call.
//!
//! A file a noun. A step names no URL, no code, no JSON and no span of time; those stand in
//! [`crate::operations`] and below. [`needs`] tells what a sentence asks of the target, before
//! anything is booted.

mod cloud;
mod computes;
mod count;
mod in_flight;
mod instances;
mod members;
mod migrations;
pub mod needs;

use std::error::Error;
use std::fmt;

/// How a step ends.
pub type StepResult = Result<(), StepError>;

/// Why a step failed: the failure and, a line each, what it came from.
#[derive(Debug)]
pub struct StepError(Box<dyn Error>);

impl<E: Error + 'static> From<E> for StepError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, "\n  because {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("web did not move")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn a_failure_is_told_with_what_it_came_from() {
        let cause = "x".parse::<u8>().unwrap_err();
        insta::assert_snapshot!(StepError::from(Outer(cause)), @r"
        web did not move
          because invalid digit found in string
        ");
    }
}
