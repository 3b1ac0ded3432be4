//! How many of something a sentence says.

use std::num::ParseIntError;
use std::str::FromStr;

use cucumber::codegen::inventory;

use crate::events::parameter::ParameterType;

/// How many: at least one, and no more than any cloud has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, cucumber::Parameter)]
#[param(name = "count", regex = "[1-9][0-9]{0,4}")]
pub(super) struct Count(u32);

inventory::submit! {
    ParameterType::new::<Count>("count", "write a whole number from 1 to 99999, in digits")
}

impl FromStr for Count {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl From<Count> for u32 {
    fn from(count: Count) -> Self {
        count.0
    }
}

impl From<Count> for usize {
    fn from(count: Count) -> Self {
        count.0 as Self
    }
}
