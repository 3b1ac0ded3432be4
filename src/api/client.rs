//! The HTTP client: no redirects, no repeats, no look at the environment behind our back.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, redirect};

use super::proxies::Ways;
use super::trust;
use crate::config::clouds::{Proxies, Tls};

/// Idle connections are dropped before the other side does it: Apache's `KeepAliveTimeout` is 5 s
/// by default, and a create that meets a closing connection has an unknown outcome.
const IDLE: Duration = Duration::from_secs(4);

/// Why no session could be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A certificate or key file can't be read.
    #[error("{key} {} can't be read", path.display())]
    File {
        /// The key in `clouds.yaml`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A certificate or key file holds something else.
    #[error("{key} {} holds no {key} in PEM form", path.display())]
    Pem {
        /// The key in `clouds.yaml`.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The client's certificate and key can't be used together.
    #[error("cert {} can't be used with key {}: {why}", cert.display(), key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        why: String,
    },
    /// The client could not be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Client(String),
}

/// A client for what is no cloud's API, on this machine: no credentials, no proxy.
///
/// # Errors
///
/// [`OpenError::Client`].
pub fn plain(connect: Duration) -> Result<Client, OpenError> {
    build(&Tls::default(), &Ways::of(&Proxies::default()), connect)
}

/// Builds the client. `connect` bounds the time until there is a connection.
pub(super) fn build(tls: &Tls, ways: &Ways, connect: Duration) -> Result<Client, OpenError> {
    Client::builder()
        .tls_backend_preconfigured(trust::config(tls)?)
        // A redirect would carry the token to whatever host it names.
        .redirect(redirect::Policy::none())
        // What is sent again is decided in `retry`, where it is seen and counted.
        .retry(reqwest::retry::never())
        .no_proxy()
        .proxy(ways.for_client())
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| OpenError::Client(error.to_string()))
}
