//! What a cloud's entry amounts to: where to log in, as whom, for what, and how to connect.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::node::Place;
use super::proxies::Proxies;
use crate::config::secret::Secret;

/// A cloud that can be logged in to. Prints no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEntry {
    /// The name it was asked for by.
    pub name: String,
    /// The files or variables that it was read from, for messages.
    pub origin: String,
    /// The identity service, with or without `/v3`.
    pub auth_url: Url,
    /// Who logs in.
    pub credential: Credential,
    /// What the token is for.
    pub scope: Scope,
    /// Only endpoints of this region are used; any region's if there is none.
    pub region: Option<String>,
    /// Which of a service's endpoints is used, the best first; default: public.
    pub interfaces: Vec<Interface>,
    /// Endpoints that take the place of the catalog's, by service (`compute`, …), from
    /// `SERVICE_endpoint_override`.
    pub endpoint_overrides: BTreeMap<String, Url>,
    /// Interfaces of single services (`SERVICE_interface`).
    pub service_interfaces: BTreeMap<String, Vec<Interface>>,
    /// Regions of single services (`SERVICE_region_name`).
    pub service_regions: BTreeMap<String, String>,
    /// How the other side is trusted, and how we show who we are.
    pub tls: Tls,
    /// How long an answer may take (`api_timeout`); the session has a default.
    pub api_timeout: Option<Duration>,
    /// Through whom it is asked; where this machine is asked, never through anybody.
    pub proxies: Proxies,
    /// What is odd but no error, each with its place; for the user's eyes, free of secrets.
    pub warnings: Vec<String>,
    /// Where each value was written, by its key in the present spelling, `auth.` before those of
    /// `auth`; proxies by their variable in lower case.
    pub places: BTreeMap<String, Place>,
}

/// Who logs in, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `auth_type: password` (the default) or `v3password`.
    Password {
        /// The user.
        user: Owned,
        /// The user's password.
        password: Secret,
    },
    /// `auth_type: v3applicationcredential`; it brings its own scope.
    ApplicationCredential {
        /// `id`, or the name with the user who made it.
        credential: ApplicationCredential,
        /// Its secret.
        secret: Secret,
    },
    /// `auth_type: token` or `v3token`: a token that somebody got before, good until it expires.
    Token(Secret),
}

/// How an application credential is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationCredential {
    /// By its id.
    Id(String),
    /// By its name, which is unique only for its user.
    Name {
        /// The credential's name.
        name: String,
        /// Whose it is.
        user: Owned,
    },
}

/// A user or a project: by id, or by a name that is unique only in its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owned {
    /// By id.
    Id(String),
    /// By name.
    Name {
        /// The name.
        name: String,
        /// The domain that knows the name.
        domain: Domain,
    },
}

/// A domain of the identity service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// By id, often `default`.
    Id(String),
    /// By name, often `Default`.
    Name(String),
}

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Whatever the credential brings or the user's default project is.
    Unasked,
    /// A project: the usual one for compute.
    Project(Owned),
    /// A domain.
    Domain(Domain),
    /// The whole deployment (`system_scope: all`).
    System,
    /// A trust, by its id.
    Trust(String),
}

/// Which of a service's endpoints is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// For everybody.
    Public,
    /// Inside the data centre.
    Internal,
    /// For administrators; a leftover of old identity services.
    Admin,
}

impl Interface {
    /// As the catalog writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

/// TLS settings. Relative paths are relative to the working folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// False: any certificate is accepted (`verify: false` or `insecure: true`).
    pub verify: bool,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Our certificate (PEM).
    pub cert: Option<PathBuf>,
    /// Our certificate's key (PEM), if it isn't in the same file.
    pub key: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, cacert: None, cert: None, key: None }
    }
}

impl CloudEntry {
    /// An entry for a user with a password and a project of the domain `Default`, all else as in
    /// an entry that says nothing more.
    pub fn with_password(
        name: &str,
        auth_url: Url,
        user: &str,
        password: Secret,
        project: &str,
    ) -> Self {
        let named = |name: &str| Owned::Name {
            name: name.to_owned(),
            domain: Domain::Name("Default".to_owned()),
        };
        Self {
            name: name.to_owned(),
            origin: "this program".to_owned(),
            auth_url,
            credential: Credential::Password { user: named(user), password },
            scope: Scope::Project(named(project)),
            region: None,
            interfaces: vec![Interface::Public],
            endpoint_overrides: BTreeMap::new(),
            service_interfaces: BTreeMap::new(),
            service_regions: BTreeMap::new(),
            tls: Tls::default(),
            api_timeout: None,
            proxies: Proxies::default(),
            warnings: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}
