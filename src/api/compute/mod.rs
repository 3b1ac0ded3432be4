//! Compute (Nova): typed calls, each with the body and the codes of the microversion in use.
//!
//! Wire structs take what the suite looks at and ignore the rest; a field that a member may not
//! see, or that an old microversion lacks, is an `Option`.

mod actions;
mod aggregates;
mod create;
mod events;
mod flavors;
mod groups;
mod migrations;
mod server;
mod servers;
mod services;
mod zones;

pub use actions::{Action, BlockMigration, LiveMigrate};
pub use aggregates::Aggregate;
pub use create::{CreateServers, Created, Networks};
pub use events::{ActionEvent, InstanceAction};
pub use flavors::{AbsoluteLimits, Flavor, Quota, QuotaSet};
pub use groups::{GroupPolicy, ServerGroup};
pub use migrations::{Migration, MigrationFilter, MigrationStatus, ServerMigration};
pub use server::{PowerState, Server, ServerFault, Status, TaskState};
pub use servers::ServerFilter;
pub use services::{Hypervisor, ServiceChange, ServiceRecord};
pub use zones::{Zone, ZoneState};

use super::error::{RequestError, RequestErrorKind};
use super::request::{Method, Request, Version, path};
use super::service::Service;
use super::session::{Session, unsent};
use super::version::Microversion;

/// Compute calls over a session.
#[derive(Clone, Debug)]
pub struct Compute {
    session: Session,
    fixed: Option<Microversion>,
}

/// Where calls without the header are: at the oldest.
const OLDEST: Microversion = Microversion::new(2, 1);

impl Compute {
    pub(super) fn new(session: Session) -> Self {
        Self { session, fixed: None }
    }

    /// The same calls at another microversion, whatever the target offers; bodies are those of
    /// that version.
    #[must_use]
    pub fn at(&self, version: Microversion) -> Self {
        Self { session: self.session.clone(), fixed: Some(version) }
    }

    /// The session that the calls go through.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The microversion in use: the fixed one, else the newest that both sides know.
    ///
    /// # Errors
    ///
    /// See [`Session::negotiate`].
    pub async fn version(&self) -> Result<Microversion, RequestError> {
        match self.fixed {
            Some(version) => Ok(version),
            None => Ok(self.session.negotiate(Service::Compute).await?.unwrap_or(OLDEST)),
        }
    }

    fn request(&self, method: Method, elements: &[&str]) -> Request {
        let request = Request::new(Service::Compute, method, path(elements));
        match self.fixed {
            Some(version) => request.version(Version::Exactly(version)),
            None => request,
        }
    }

    fn get(&self, elements: &[&str]) -> Request {
        self.request(Method::Get, elements).expect(super::Expect::Codes(&[200]))
    }
}

/// The error for what the microversion in use doesn't have.
fn unsupported(
    method: Method,
    elements: &[&str],
    what: &'static str,
    since: Microversion,
    have: Microversion,
) -> RequestError {
    let kind = RequestErrorKind::Unsupported { what, service: Service::Compute, since, have };
    unsent(method, &path(elements), kind)
}

/// A link in a list's `*_links`.
#[derive(serde::Deserialize)]
struct Link {
    rel: String,
}

/// Whether a list's links promise another page.
fn has_next(links: &[Link]) -> bool {
    links.iter().any(|link| link.rel == "next")
}

/// An enum of the API's words which keeps those that it doesn't know.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
        #[serde(from = "String")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A word that is not in the API reference.
            Unknown(String),
        }

        impl $name {
            /// The API's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Unknown(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)*
                    _ => Self::Unknown(word),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
use words;
