//! Cucumber Messages: the stream that a run writes and every report is a fold over.
//!
//! One [`Envelope`] a line. The types follow the official schema (version [`PROTOCOL`]) by name,
//! camel case on the wire; what its documents say of each field holds here and is not said again.
//! [`gherkin`] is the document as it was read, [`pickle`] what runs, [`run`] what happened.

#![allow(
    missing_docs,
    reason = "the fields are those of the official schema, which says what each means"
)]

pub mod gherkin;
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

/// One line of the stream: exactly one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Envelope {
    Meta(run::Meta),
    Source(run::Source),
    GherkinDocument(GherkinDocument),
    Pickle(Pickle),
    ParseError(run::ParseError),
    ParameterType(run::ParameterType),
    UndefinedParameterType(run::UndefinedParameterType),
    StepDefinition(run::StepDefinition),
    Hook(run::Hook),
    TestRunStarted(run::TestRunStarted),
    TestRunHookStarted(run::TestRunHookStarted),
    TestRunHookFinished(run::TestRunHookFinished),
    TestCase(run::TestCase),
    TestCaseStarted(run::TestCaseStarted),
    TestStepStarted(run::TestStepStarted),
    TestStepFinished(run::TestStepFinished),
    Attachment(run::Attachment),
    ExternalAttachment(run::ExternalAttachment),
    Suggestion(run::Suggestion),
    TestCaseFinished(run::TestCaseFinished),
    TestRunFinished(run::TestRunFinished),
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
