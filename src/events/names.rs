//! The names that features, client and embedded cloud share: one type each, so that a compute is
//! never passed where an instance is meant.

use std::fmt;
use std::str::FromStr;

use cucumber::codegen::inventory;
use serde::{Deserialize, Serialize};

use super::parameter::ParameterType;

/// Declares a name: a string with a type of its own that prints as the string.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the name as it is.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// An instance's id in the cloud (a UUID; kept as text, because the cloud decides).
    ServerId
}
name! {
    /// A compute as the API names it in `OS-EXT-SRV-ATTR:host` and in `os-services`.
    ComputeName
}
name! {
    /// The id that all instances of one create request share, `r-` and eight characters.
    ReservationId
}
name! {
    /// A migration record's `uuid` (since microversion 2.59), placement's consumer of the source.
    MigrationUuid
}

name! {
    /// A run, eight letters and digits; part of the name and the metadata of all that it makes.
    RunId
}

/// What the names of the instances of all runs begin with.
pub const NAMES: &str = "wb-";

impl RunId {
    /// How many letters and digits it has.
    const LENGTH: usize = 8;

    /// A run id that no other run has.
    pub fn random() -> Self {
        const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
        let letter = || char::from(LETTERS[fastrand::usize(..LETTERS.len())]);
        Self(std::iter::repeat_with(letter).take(Self::LENGTH).collect())
    }

    /// Reads one; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let is_one = text.len() == Self::LENGTH
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        is_one.then(|| Self::new(text))
    }

    /// The run by which an instance is named: [`NAMES`], the run, the scenario's number and its own
    /// name. `None` for every name that we would not give.
    pub fn named_in(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(NAMES)?.splitn(3, '-');
        let run = Self::read(parts.next()?)?;
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        let is_name = |part: &str| {
            let fits = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
            part.starts_with(|first: char| first.is_ascii_lowercase()) && part.bytes().all(fits)
        };
        (is_number(parts.next()?) && is_name(parts.next()?)).then_some(run)
    }
}

/// A migration record's number, the id that `/servers/{id}/migrations/{number}` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MigrationNumber(pub u64);

impl fmt::Display for MigrationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name that a scenario gives an instance, as in `"web"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, cucumber::Parameter)]
#[param(name = "instance", regex = "\"[a-z][a-z0-9-]*\"")]
pub struct InstanceName(String);

inventory::submit! {
    ParameterType::new::<InstanceName>(
        "instance name",
        "write lower-case letters, digits and dashes in quotes, beginning with a letter",
    )
}

impl InstanceName {
    /// The name as text, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `prefix-1` to `prefix-COUNT`, as the cloud names the instances of one request.
    pub fn numbered(prefix: &Self, count: u32) -> impl Iterator<Item = Self> {
        (1..=count).map(move |n| Self(format!("{prefix}-{n}")))
    }
}

impl FromStr for InstanceName {
    type Err = std::convert::Infallible;

    /// Takes the name with or without its quotes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim_matches('"').to_owned()))
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_named_by_its_run_only_if_all_of_its_name_is_as_we_name() {
        let run = RunId::random();
        for rest in ["1-web", "12-web-again1-3"] {
            let name = format!("{NAMES}{run}-{rest}");
            assert_eq!(RunId::named_in(&name), Some(run.clone()), "{name}");
        }
        for other in [
            "",
            "wb-abcdefgh",
            "wb-abcdefgh-web",
            "wb-abc-1-web",
            "wb-abcdefgh-1-.*",
            "a-wb-abcdefgh-1-web",
        ] {
            assert_eq!(RunId::named_in(other), None, "{other}");
        }
    }
}
