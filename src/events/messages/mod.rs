//! Cucumber Messages: the stream that a run writes and every report is a fold over.
//!
//! One [`Envelope`] a line. The types follow the official schema (version [`PROTOCOL`]) by name,
//! camel case on the wire; what its documents say of each field holds here and is not said again.
//! [`gherkin`] is the document as it was read, [`pickle`] what runs, [`run`] what happened;
//! [`ndjson`] writes and reads the lines.

#![allow(
    missing_docs,
    reason = "the fields are those of the official schema, which says what each means"
)]

pub mod gherkin;
pub mod ndjson;
pub mod pickle;
pub mod run;

use serde::{Deserialize, Serialize};

pub use gherkin::{GherkinDocument, Location};
pub use pickle::Pickle;
pub use run::{Status, TestStepResult};

/// The version of the schema that these types follow.
pub const PROTOCOL: &str = "34.2.1";

/// Declares a message: required fields, then optional ones, which are absent when `None`.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $ty:ty,)* } $(optional { $($opt:ident: $opt_ty:ty,)* })?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$attr])* pub $field: $ty,)*
            $($(#[serde(default, skip_serializing_if = "Option::is_none")] pub $opt: Option<$opt_ty>,)*)?
        }
    };
}
pub(crate) use message;

/// Declares the envelope and the list of its keys.
macro_rules! envelope {
    ($($kind:ident($message:ty) = $key:literal,)*) => {
        /// One line of the stream: exactly one message.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Envelope {
            $(#[serde(rename = $key)] $kind($message),)*
        }

        impl Envelope {
            /// The keys of all kinds of message.
            pub const KEYS: &[&str] = &[$($key),*];
        }
    };
}

envelope! {
    Meta(run::Meta) = "meta",
    Source(run::Source) = "source",
    GherkinDocument(GherkinDocument) = "gherkinDocument",
    Pickle(Pickle) = "pickle",
    ParseError(run::ParseError) = "parseError",
    ParameterType(run::ParameterType) = "parameterType",
    UndefinedParameterType(run::UndefinedParameterType) = "undefinedParameterType",
    StepDefinition(run::StepDefinition) = "stepDefinition",
    Hook(run::Hook) = "hook",
    TestRunStarted(run::TestRunStarted) = "testRunStarted",
    TestRunHookStarted(run::TestRunHookStarted) = "testRunHookStarted",
    TestRunHookFinished(run::TestRunHookFinished) = "testRunHookFinished",
    TestCase(run::TestCase) = "testCase",
    TestCaseStarted(run::TestCaseStarted) = "testCaseStarted",
    TestStepStarted(run::TestStepStarted) = "testStepStarted",
    TestStepFinished(run::TestStepFinished) = "testStepFinished",
    Attachment(run::Attachment) = "attachment",
    ExternalAttachment(run::ExternalAttachment) = "externalAttachment",
    Suggestion(run::Suggestion) = "suggestion",
    TestCaseFinished(run::TestCaseFinished) = "testCaseFinished",
    TestRunFinished(run::TestRunFinished) = "testRunFinished",
}

impl Envelope {
    /// When it was said, where its kind tells.
    pub const fn timestamp(&self) -> Option<run::Timestamp> {
        match self {
            Self::TestRunStarted(said) => Some(said.timestamp),
            Self::TestRunHookStarted(said) => Some(said.timestamp),
            Self::TestRunHookFinished(said) => Some(said.timestamp),
            Self::TestCaseStarted(said) => Some(said.timestamp),
            Self::TestStepStarted(said) => Some(said.timestamp),
            Self::TestStepFinished(said) => Some(said.timestamp),
            Self::TestCaseFinished(said) => Some(said.timestamp),
            Self::TestRunFinished(said) => Some(said.timestamp),
            Self::Attachment(said) => said.timestamp,
            Self::ExternalAttachment(said) => said.timestamp,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_one_key_in_camel_case_without_empty_options() {
        let line = serde_json::to_string(&Envelope::TestRunStarted(run::TestRunStarted {
            timestamp: run::Timestamp { seconds: 1, nanos: 2 },
            id: Some("run".into()),
        }))
        .expect("messages are always JSON");
        assert_eq!(line, r#"{"testRunStarted":{"timestamp":{"seconds":1,"nanos":2},"id":"run"}}"#);
        let back: Envelope = serde_json::from_str(
            r#"{"testRunFinished":{"success":true,"timestamp":{"seconds":1,"nanos":0}}}"#,
        )
        .expect("a stream of others is read too");
        assert!(matches!(
            back,
            Envelope::TestRunFinished(run::TestRunFinished { success: true, message: None, .. })
        ));
    }
}
