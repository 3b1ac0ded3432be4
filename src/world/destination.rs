//! Where a sentence sends an instance.

use std::str::FromStr;

use cucumber::codegen::inventory;

use crate::events::parameter::ParameterType;

/// A compute, named by its part in the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, cucumber::Parameter)]
#[param(
    name = "destination",
    regex = "another compute|its own compute|the compute it came from|an unknown compute|the disabled compute|the compute that is down"
)]
pub enum Destination {
    /// One that is enabled and up, and not the instance's own.
    Another,
    /// The one that the instance is on.
    Own,
    /// The source of the instance's last migration.
    CameFrom,
    /// One that does not exist.
    Unknown,
    /// The one that a step disabled.
    Disabled,
    /// The one that a step took down.
    Down,
}

inventory::submit! {
    ParameterType::listed::<Destination>("destination")
}

/// Words that name no destination.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} names no destination")]
pub struct NoDestination(String);

impl FromStr for Destination {
    type Err = NoDestination;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        match words {
            "another compute" => Ok(Self::Another),
            "its own compute" => Ok(Self::Own),
            "the compute it came from" => Ok(Self::CameFrom),
            "an unknown compute" => Ok(Self::Unknown),
            "the disabled compute" => Ok(Self::Disabled),
            "the compute that is down" => Ok(Self::Down),
            words => Err(NoDestination(words.to_owned())),
        }
    }
}
