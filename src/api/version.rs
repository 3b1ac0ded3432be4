//! Microversions.

use std::fmt;
use std::str::FromStr;

/// A version of a service's API, such as 2.96. Ordered by its numbers: 2.9 < 2.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Microversion {
    /// The number before the dot.
    pub major: u16,
    /// The number after the dot.
    pub minor: u16,
}

impl Microversion {
    /// The version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Microversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A text that is no microversion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no microversion; one looks like 2.96")]
pub struct NotAMicroversion(String);

impl FromStr for Microversion {
    type Err = NotAMicroversion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('.');
        let parsed = numbers
            .and_then(|(major, minor)| Some(Self::new(major.parse().ok()?, minor.parse().ok()?)));
        parsed.ok_or_else(|| NotAMicroversion(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_versions_are_numbers_not_decimals() {
        assert!(Microversion::new(2, 9) < Microversion::new(2, 10));
        assert_eq!("2.104".parse(), Ok(Microversion::new(2, 104)));
    }

    #[test]
    fn what_is_no_version_is_named() {
        let error = "latest".parse::<Microversion>().unwrap_err();
        assert_eq!(error.to_string(), "`latest` is no microversion; one looks like 2.96");
    }
}
