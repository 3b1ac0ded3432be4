//! Why a request is refused: the words of features, and the code and message that each stands for.

use std::str::FromStr;

use cucumber::codegen::inventory;

use super::{Answered, Problem};
use crate::events::parameter::ParameterType;

/// A reason to refuse a request, in the words of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, cucumber::Parameter)]
#[param(
    name = "refusal",
    regex = "there is no such compute|it takes an operator|it is being migrated|no migration of it is under way|it is not being copied yet"
)]
pub enum Refusal {
    /// The named compute does not exist.
    NoSuchCompute,
    /// Only an operator may do that.
    TakesOperator,
    /// The instance has the task of being migrated.
    BeingMigrated,
    /// There is nothing to be aborted or forced to its end.
    NothingUnderWay,
    /// Only a copy can be forced to its end.
    NotCopiedYet,
}

inventory::submit! {
    ParameterType::listed::<Refusal>("reason to refuse a request")
}

/// What the cloud answers for a reason: the code, and a part of the message.
///
/// Source: API reference of each request, and Nova 26.2.2 and 34.0.0 as observed.
const TABLE: &[(Refusal, &str, u16, &str)] = &[
    (Refusal::NoSuchCompute, "there is no such compute", 400, "could not be found"),
    (Refusal::TakesOperator, "it takes an operator", 403, "Policy doesn't allow"),
    (Refusal::BeingMigrated, "it is being migrated", 409, "while it is in task_state migrating"),
    (
        Refusal::NothingUnderWay,
        "no migration of it is under way",
        409,
        "is in an invalid state for",
    ),
    (
        Refusal::NotCopiedYet,
        "it is not being copied yet",
        400,
        "Cannot force complete while the migration is in this state",
    ),
];

/// Words that name no reason.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no reason that is known")]
pub struct NoReason(String);

impl FromStr for Refusal {
    type Err = NoReason;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        let row = TABLE.iter().find(|(_, reason, ..)| *reason == words);
        row.map(|(refusal, ..)| *refusal).ok_or_else(|| NoReason(words.to_owned()))
    }
}

impl Refusal {
    /// Demands that `answer` is a refusal for this reason: its code, and its message.
    ///
    /// # Errors
    ///
    /// [`Problem::Seen`] with what was answered instead.
    pub fn confirm(self, answer: &Answered) -> Result<(), Problem> {
        let (_, reason, code, part) =
            TABLE.iter().find(|(refusal, ..)| *refusal == self).expect("each reason has a row");
        let Some(error) = answer.refusal() else {
            return Err(Problem::seen(format!(
                "the request was accepted, and was to be refused because {reason}"
            )));
        };
        let message = error.message().unwrap_or("no message");
        if error.status() == Some(*code) && message.contains(part) {
            return Ok(());
        }
        let status = error.status().map_or("nothing".to_owned(), |status| status.to_string());
        Err(Problem::seen(format!(
            "the request was refused for another reason than that {reason}: {status} {message:?} instead of {code} \"…{part}…\" (request {})",
            error.request_id
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_can_be_written_in_a_feature() {
        let regex = <Refusal as cucumber::codegen::Parameter>::REGEX;
        let written: Vec<&str> = regex.split('|').collect();
        let known: Vec<&str> = TABLE.iter().map(|(_, reason, ..)| *reason).collect();
        assert_eq!(written, known);
    }
}
