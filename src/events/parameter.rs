//! What the parameters of sentences are called and what they take, in words: for who writes a value
//! that a sentence does not take.

use cucumber::Parameter;
use cucumber::codegen::inventory;

/// A type of parameter. Each is declared next to its Rust type, with `inventory::submit!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterType {
    /// Its regular expression, which has no capturing groups: cucumber then puts it into patterns as
    /// it is, in brackets.
    pub regex: &'static str,
    /// What a value is, without an article.
    pub noun: &'static str,
    rule: Option<&'static str>,
}

inventory::collect!(ParameterType);

impl ParameterType {
    /// Says what the values of `P` are, and what they look like.
    pub const fn new<P: Parameter>(noun: &'static str, rule: &'static str) -> Self {
        Self { regex: P::REGEX, noun, rule: Some(rule) }
    }

    /// The same for a `P` whose regular expression is a list of its values, `a|b|c`.
    pub const fn listed<P: Parameter>(noun: &'static str) -> Self {
        Self { regex: P::REGEX, noun, rule: None }
    }

    /// All types of this program.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>.into_iter()
    }

    /// What its values look like.
    pub fn rule(&self) -> String {
        match self.rule {
            Some(rule) => rule.to_owned(),
            None => format!("there are: {}", self.regex.replace('|', ", ")),
        }
    }
}
