//! Waiting: for a state of the cloud ([`until`]), for an answer ([`deadline`]), for the next try
//! ([`Backoff`]), for leave to send it ([`Limiter`]); and one request for all who look at the same
//! thing ([`Feed`]).
//!
//! Nothing above `wait` calls a timer. It knows no server and no API: what is looked at, and what
//! counts as met, comes from the caller.

#![allow(clippy::disallowed_methods, reason = "this is the module that calls timers")]

mod backoff;
mod feed;
mod limiter;
mod until;

use std::time::Duration;

pub use backoff::Backoff;
pub use feed::{Beat, Feed, Look, Looks, Source, Watcher};
pub use limiter::{Limiter, Limits, OnHold, Permit};
pub use until::{Check, Pace, Seen, WaitError, follow, until};

/// Lets `span` go by: the pace of retries, never a guess at how long a cloud takes.
pub async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

/// An answer that did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing came back within {0:?}")]
pub struct Elapsed(pub Duration);

/// Waits for `answer`, but no longer than `limit`; then `answer` is dropped, unfinished.
///
/// # Errors
///
/// [`Elapsed`] after `limit`.
pub async fn deadline<T>(limit: Duration, answer: impl Future<Output = T>) -> Result<T, Elapsed> {
    tokio::time::timeout(limit, answer).await.map_err(|_| Elapsed(limit))
}
