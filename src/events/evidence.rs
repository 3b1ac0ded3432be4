//! What a scenario attaches for those who read its failure, and a run for those who read it later:
//! JSON under the media types of [`super::stream`].

use serde::{Deserialize, Serialize};

/// What a run says of itself before it begins ([`super::stream::ABOUT`]), so that its stream tells
/// as much as the run did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The first lines of the console: what runs against which target.
    pub heading: Vec<String>,
    /// The command that runs scenarios again if their places (`path:line`) are appended.
    pub rerun: String,
    /// Whether scenarios of several features may end in turn.
    #[serde(default)]
    pub side_by_side: bool,
}

impl Default for About {
    /// For a stream that says nothing of the kind.
    fn default() -> Self {
        Self { heading: Vec::new(), rerun: "whimbrel run".to_owned(), side_by_side: false }
    }
}

/// The states that one wait saw ([`super::stream::TIMELINE`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// What was waited for.
    pub what: String,
    /// Each state that differed from the one before.
    pub seen: Vec<SeenState>,
}

/// A state and when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenState {
    /// Milliseconds since the wait began.
    pub at_ms: u64,
    /// In the words of the wait.
    pub state: String,
}

/// One request of a scenario ([`super::stream::EXCHANGES`] holds a list of them); never a token,
/// never a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeLine {
    /// Milliseconds since the scenario began.
    pub at_ms: u64,
    /// The catalog's service type, such as `compute`.
    pub service: String,
    /// HTTP method.
    pub method: String,
    /// Path and query, without the endpoint.
    pub path: String,
    /// The status code, or why none came.
    pub outcome: String,
    /// Milliseconds from sending to the whole answer.
    pub duration_ms: u64,
    /// Milliseconds that our limiter held it back before it was sent.
    #[serde(default)]
    pub held_ms: u64,
    /// `x-openstack-request-id` of the answer.
    pub request_id: Option<String>,
    /// The microversion that was asked for.
    pub microversion: Option<String>,
}

impl About {
    /// The attachment's body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text is always JSON")
    }
}

impl Timeline {
    /// The attachment's body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text and numbers are always JSON")
    }
}
