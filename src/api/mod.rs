//! The HTTP path to a cloud: log in, find services, agree on microversions, repeat what may be
//! repeated, go no faster than the cloud wants, keep every exchange; on top of it typed calls of compute, image, network, placement.
//!
//! [`Session::call`] sends anything, legal or not, and hands back the raw answer; the typed calls
//! ([`compute::Compute`] and its siblings) say what the API reference expects. Neither knows what
//! a scenario wants: waiting, look-ups after a lost answer and verdicts are `operations`' work.

mod catalog;
mod client;
pub mod compute;
pub mod discover;
mod discovery;
mod error;
mod exchange;
mod fault;
mod flight;
mod identity;
pub mod image;
mod limiters;
pub mod network;
pub mod placement;
mod proxies;
mod request;
mod retry;
mod service;
mod session;
mod transport;
mod trust;
mod version;

pub use client::{OpenError, plain as plain_client};
pub use error::{Outcome, RequestError, RequestErrorKind};
pub use exchange::{Exchange, ExchangeLog, Result as ExchangeResult};
pub use fault::Fault;
pub use identity::Login;
pub use limiters::Limiters;
pub use request::{Answer, Expect, Method, Repeatable, Request, Version, path};
pub use service::Service;
pub use session::{Session, SessionSettings};
pub use version::Microversion;
