//! What a cloud says of itself while it runs: its requests and its transitions.

use std::fmt;
use std::time::Duration;

/// One line of a cloud's log. `at` is real time since the first request was accepted.
#[derive(Clone, Debug)]
pub enum LogLine {
    /// A request was answered.
    Request {
        /// When it was accepted.
        at: Duration,
        /// `GET`, `POST`, …
        method: String,
        /// Path and query.
        path: String,
        /// The status code, or 0 if the connection was dropped instead of an answer.
        status: u16,
        /// From accepted to answered.
        took: Duration,
        /// What `x-openstack-request-id` says.
        request_id: String,
    },
    /// Something changed its state.
    Transition {
        /// When it did.
        at: Duration,
        /// `server ID`, `migration NUMBER`, `compute NAME`.
        subject: String,
        /// What it is now, e.g. `ACTIVE/-@compute-2`.
        state: String,
    },
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { at, method, path, status, took, request_id } => {
                let (at, took) = (at.as_secs_f64(), took.as_secs_f64());
                write!(f, "{at:.6} {method} {path} {status} {took:.6} {request_id}")
            }
            Self::Transition { at, subject, state } => {
                write!(f, "{:.6} {subject} {state}", at.as_secs_f64())
            }
        }
    }
}
