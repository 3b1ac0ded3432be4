//! The HTTP client: TLS as the cloud's entry says, no redirects.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, Identity, redirect};

use crate::config::clouds::Tls;

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
    /// The client could not be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Client(String),
}

/// Builds the client. `connect` bounds the time until there is a connection.
pub(super) fn build(tls: &Tls, connect: Duration) -> Result<Client, OpenError> {
    // A provider that the process has installed already is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut builder = Client::builder()
        .tls_backend_rustls()
        // A redirect would carry the token to whatever host it names.
        .redirect(redirect::Policy::none())
        // What is sent again is decided in `retry`, where it is seen and counted.
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
    if !tls.verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    } else if let Some(path) = &tls.cacert {
        let certificates = Certificate::from_pem_bundle(&read("cacert", path)?);
        let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
        builder = builder.tls_certs_only(certificates.ok_or_else(|| not_pem("cacert", path))?);
    }
    if let Some(path) = &tls.cert {
        let mut pem = read("cert", path)?;
        if let Some(key) = &tls.key {
            pem.push(b'\n');
            pem.extend(read("key", key)?);
        }
        builder = builder.identity(Identity::from_pem(&pem).map_err(|_| not_pem("cert", path))?);
    }
    builder.build().map_err(|error| OpenError::Client(error.to_string()))
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|source| OpenError::File { key, path: path.to_owned(), source })
}

fn not_pem(key: &'static str, path: &Path) -> OpenError {
    OpenError::Pem { key, path: path.to_owned() }
}
