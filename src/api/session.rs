//! A session: one login, one connection pool and one set of rules for a cloud, shared by all.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::catalog::{self, Rooted};
use super::client::{self, OpenError};
use super::compute::Compute;
use super::discovery::{self, Offered};
use super::error::{RequestError, RequestErrorKind};
use super::exchange::ExchangeLog;
use super::flight::Flight;
use super::identity::{self, Login, Token};
use super::limiters::Limiters;
use super::proxies::Ways;
use super::request::{Answer, Body, Expect, Method, Repeatable, Request, Version};
use super::service::Service;
use super::transport::{Prepared, Reply, Transport};
use super::version::Microversion;
use crate::config::Retries;
use crate::config::clouds::{CloudEntry, Credential};
use crate::config::secret::Secret;
use crate::wait::{Backoff, Limiter};

/// Deadlines, retries and limiters of a session.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Until there is a connection.
    pub connect: Duration,
    /// From there until the whole answer is there; `api_timeout` of the cloud's entry goes before.
    pub read: Duration,
    /// Tries and pauses of what may be sent again.
    pub retries: Retries,
    /// Shared by all sessions that have clones of it.
    pub limiters: Limiters,
}

impl Default for SessionSettings {
    /// 10 s, 60 s, [`Backoff::default`] for all services, limiters that no other session has.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(60),
            retries: Backoff::default().into(),
            limiters: Limiters::default(),
        }
    }
}

/// A way to a cloud, as one user. Clones share login, connections and what was found out.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    log: ExchangeLog,
}

struct Shared {
    entry: CloudEntry,
    transport: Transport,
    limiters: Limiters,
    /// Paces what is sent before the project is known.
    limiter: Limiter,
    /// Paces all the rest; there after the first login.
    project_limiter: OnceLock<Limiter>,
    token: Flight<Arc<Token>>,
    offered: [Flight<Option<Offered>>; Service::ALL.len()],
}

impl Session {
    /// Makes a session; nothing is sent before the first request.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if a certificate or key file can't be used.
    pub fn open(entry: CloudEntry, settings: SessionSettings) -> Result<Self, OpenError> {
        let read = entry.api_timeout.unwrap_or(settings.read);
        let ways = Ways::of(&entry.proxies);
        let transport = Transport {
            client: client::build(&entry.tls, &ways, settings.connect)?,
            ways,
            opened: Instant::now(),
            limit: settings.connect + read,
            retries: settings.retries,
        };
        let shared = Shared {
            limiter: settings.limiters.of(&identity::root(&entry.auth_url), None),
            entry,
            transport,
            limiters: settings.limiters,
            project_limiter: OnceLock::new(),
            token: Flight::default(),
            offered: Default::default(),
        };
        Ok(Self { shared: Arc::new(shared), log: ExchangeLog::default() })
    }

    /// The same session, with its exchanges going to another log, such as a scenario's.
    #[must_use]
    pub fn logged_to(&self, log: ExchangeLog) -> Self {
        Self { shared: self.shared.clone(), log }
    }

    /// How long ago the session was opened: the clock of its exchanges.
    pub fn age(&self) -> Duration {
        self.shared.transport.opened.elapsed()
    }

    /// Where this handle's exchanges go.
    pub fn log(&self) -> &ExchangeLog {
        &self.log
    }

    /// The cloud's entry.
    pub fn cloud(&self) -> &CloudEntry {
        &self.shared.entry
    }

    /// Typed compute calls at the newest microversion that both sides know.
    pub fn compute(&self) -> Compute {
        Compute::new(self.clone())
    }

    /// Who we are; logs in if that hasn't happened.
    ///
    /// # Errors
    ///
    /// The login's.
    pub async fn login(&self) -> Result<Login, RequestError> {
        Ok(self.token(None).await?.login.clone())
    }

    /// Whether the cloud has the service, by configuration or catalog.
    ///
    /// # Errors
    ///
    /// The login's.
    pub async fn has(&self, service: Service) -> Result<bool, RequestError> {
        let token = self.token(None).await?;
        Ok(catalog::endpoint(&token.catalog, &self.shared.entry, service).is_ok())
    }

    /// Where the service is, by configuration or catalog.
    ///
    /// # Errors
    ///
    /// The login's, or [`RequestErrorKind::Catalog`], which lists what the catalog has.
    pub async fn endpoint(&self, service: Service) -> Result<Url, RequestError> {
        let token = self.token(None).await?;
        catalog::endpoint(&token.catalog, &self.shared.entry, service)
            .map_err(|why| unsent(Method::Get, "/", RequestErrorKind::Catalog(why)))
    }

    /// The newest microversion that the service and we know; asked for once. A service without
    /// microversions gives `None`.
    ///
    /// # Errors
    ///
    /// The login's, [`RequestErrorKind::Catalog`], or what reading the version document met.
    pub async fn negotiate(&self, service: Service) -> Result<Option<Microversion>, RequestError> {
        let Some(known) = service.newest_known() else {
            return Ok(None);
        };
        Ok(self.offered(service).await?.map(|offered| offered.newest.min(known)))
    }

    /// The oldest and the newest microversion that the service offers, whether we know them or not.
    ///
    /// # Errors
    ///
    /// As [`Self::negotiate`].
    pub async fn range(
        &self,
        service: Service,
    ) -> Result<Option<(Microversion, Microversion)>, RequestError> {
        Ok(self.offered(service).await?.map(|offered| (offered.oldest, offered.newest)))
    }

    /// Sends a request and gives back its answer.
    ///
    /// Deadlines hold for every try, from its sending on; before that it may have to wait for the
    /// limiter of its project. What may be sent again is, by [`Repeatable`]. On 401 the
    /// login is renewed once for all who wait, and the request sent once more: a 401 comes before
    /// the request is looked at, so that is right for every request. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::Status`] if the code is not expected;
    /// the other kinds if there was no answer. [`RequestError::outcome`] tells whether it may
    /// have been done all the same.
    pub async fn call(&self, request: Request) -> Result<Answer, RequestError> {
        let shown = request.shown();
        let error = |kind| unsent(request.method, &shown, kind);
        let microversion = self.microversion(&request).await?;
        let headers = version_headers(request.service, microversion.as_deref()).map_err(error)?;
        let base = self.rooted(request.service, &error).await?.base;
        let url = catalog::join(&base, &request.path, &request.query)
            .map_err(|why| error(RequestErrorKind::Malformed(why)))?;
        let prepared = Prepared {
            service: request.service,
            method: request.method,
            url,
            shown: shown.clone(),
            headers,
            microversion,
            body: request.body,
            repeatable: request.repeatable,
        };
        let answer = if request.anonymous {
            self.exchange(&prepared, None).await?.answer
        } else {
            self.authorised(&prepared).await?
        };
        match request.expect {
            Expect::Codes(codes) if !request.expect.meets(answer.status) => {
                Err(answer.unexpected(codes))
            }
            _ => Ok(answer),
        }
    }

    /// The microversion's text for a request.
    async fn microversion(&self, request: &Request) -> Result<Option<String>, RequestError> {
        Ok(match &request.version {
            Version::Unsaid => None,
            Version::Exactly(version) => Some(version.to_string()),
            Version::Verbatim(text) => Some(text.clone()),
            Version::Latest => {
                self.negotiate(request.service).await?.map(|version| version.to_string())
            }
        })
    }

    /// Sends it with a token; with a new one if the first is refused.
    async fn authorised(&self, prepared: &Prepared) -> Result<Answer, RequestError> {
        let login_failed = |error| {
            unsent(prepared.method, &prepared.shown, RequestErrorKind::Login(Arc::new(error)))
        };
        let token = self.token(None).await.map_err(login_failed)?;
        let first = self.exchange(prepared, Some(&token.id)).await?.answer;
        if first.status != 401 {
            return Ok(first);
        }
        let token = self.token(Some(&token)).await.map_err(login_failed)?;
        Ok(self.exchange(prepared, Some(&token.id)).await?.answer)
    }

    /// Sends it at the pace of its project. Nothing else waits in there, no login above all: what
    /// holds a permit waits for the cloud alone.
    async fn exchange(
        &self,
        prepared: &Prepared,
        token: Option<&Secret>,
    ) -> Result<Reply, RequestError> {
        let Shared { transport, limiter, project_limiter, .. } = &*self.shared;
        let limiter = project_limiter.get().unwrap_or(limiter);
        transport.exchange(prepared, token, limiter, &self.log).await
    }

    /// The token in use; a new one if there is none, it is about to end, or it is the one that
    /// was rejected. One login serves all who wait for it, and so does one failure.
    async fn token(&self, rejected: Option<&Arc<Token>>) -> Result<Arc<Token>, RequestError> {
        let is_good = |current: &Arc<Token>| {
            !current.is_stale() && !rejected.is_some_and(|rejected| Arc::ptr_eq(rejected, current))
        };
        self.shared.token.get(is_good, async { Ok(Arc::new(self.log_in().await?)) }).await
    }

    /// What answers where the login would be sent, without one: a Keystone with the document of its
    /// version, somebody else with anything.
    ///
    /// # Errors
    ///
    /// Only where there is no answer at all.
    pub async fn before_login(&self) -> Result<Answer, RequestError> {
        let root = identity::root(&self.shared.entry.auth_url);
        let malformed = |why| unsent(Method::Get, "/", RequestErrorKind::Malformed(why));
        let url = catalog::join(&root, "/", &[]).map_err(malformed)?;
        let prepared = Prepared::document(Service::Identity, url);
        Ok(self.exchange(&prepared, None).await?.answer)
    }

    async fn log_in(&self) -> Result<Token, RequestError> {
        let entry = &self.shared.entry;
        let root = identity::root(&entry.auth_url);
        let path = "/auth/tokens".to_owned();
        let error = |kind| unsent(Method::Post, "/auth/tokens", kind);
        let url = catalog::join(&root, &path, &[])
            .map_err(|why| error(RequestErrorKind::Malformed(why)))?;
        let body = identity::login_body(entry).to_string().into_bytes();
        let prepared = Prepared {
            service: Service::Identity,
            method: Method::Post,
            url,
            shown: path,
            headers: HeaderMap::new(),
            microversion: None,
            body: Some(Body { bytes: body, content_type: "application/json".to_owned() }),
            // A token too many does no harm.
            repeatable: Repeatable::Safe,
        };
        let sent = Instant::now();
        let Reply { answer, subject_token } = self.exchange(&prepared, None).await?;
        if answer.status != 201 {
            return Err(without_secret(answer.unexpected(&[201]), entry));
        }
        let id = subject_token.ok_or_else(|| {
            answer.error(RequestErrorKind::Body("there is no X-Subject-Token".to_owned()))
        })?;
        // A token that was given to us can't be prolonged: its copies end when it ends.
        let renewable = !matches!(entry.credential, Credential::Token(_));
        let token = Token::new(id, answer.json()?, sent, renewable);
        let project = token.login.project_id.as_deref();
        let limiter = || self.shared.limiters.of(&root, project);
        self.shared.project_limiter.get_or_init(limiter);
        Ok(token)
    }

    async fn rooted(
        &self,
        service: Service,
        error: &impl Fn(RequestErrorKind) -> RequestError,
    ) -> Result<Rooted, RequestError> {
        let entry = &self.shared.entry;
        if let Some(url) = catalog::overridden(entry, service) {
            return Ok(catalog::rooted(service, url));
        }
        if service == Service::Identity {
            return Ok(catalog::rooted(service, &identity::root(&entry.auth_url)));
        }
        let login_failed = |failed| error(RequestErrorKind::Login(Arc::new(failed)));
        let token = self.token(None).await.map_err(login_failed)?;
        let endpoint = catalog::endpoint(&token.catalog, entry, service)
            .map_err(|why| error(RequestErrorKind::Catalog(why)))?;
        Ok(catalog::rooted(service, &endpoint))
    }

    async fn offered(&self, service: Service) -> Result<Option<Offered>, RequestError> {
        self.shared.offered[service.index()].get(|_| true, self.discover(service)).await
    }

    /// Asks the version's own document, then the list above it. The addresses inside are not
    /// used: behind proxies they are often wrong.
    async fn discover(&self, service: Service) -> Result<Option<Offered>, RequestError> {
        let rooted = self.rooted(service, &|kind| unsent(Method::Get, "/", kind)).await?;
        let mut last = None;
        for root in [rooted.versioned, rooted.unversioned] {
            let url = catalog::join(&root, "/", &[])
                .map_err(|why| unsent(Method::Get, "/", RequestErrorKind::Malformed(why)))?;
            let answer = self.authorised(&Prepared::document(service, url)).await?;
            if let Some(offered) =
                discovery::read(service, &answer.body).filter(|_| answer.status <= 300)
            {
                return Ok(offered);
            }
            last = Some(if answer.status <= 300 {
                answer.error(RequestErrorKind::Body(format!(
                    "it is no version document of {service}"
                )))
            } else {
                answer.unexpected(&[200, 300])
            });
        }
        Err(last.unwrap_or_else(|| {
            unsent(Method::Get, "/", RequestErrorKind::Malformed("no address".to_owned()))
        }))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({}, {:?})", self.shared.entry.name, self.log)
    }
}

/// An error from before anything was sent.
pub(super) fn unsent(method: Method, path: &str, kind: RequestErrorKind) -> RequestError {
    RequestError {
        method: method.as_str(),
        path: path.to_owned(),
        request_id: "none".to_owned(),
        attempts: 0,
        kind,
    }
}

/// Takes our secret out of what the identity service repeats of it, as schema errors do.
fn without_secret(mut error: RequestError, entry: &CloudEntry) -> RequestError {
    let secret = identity::secret_of(entry);
    if let RequestErrorKind::Status { message, .. } = &mut error.kind {
        *message = message.replace(secret.expose(), &secret.to_string());
    }
    error
}

/// The headers that name a microversion: the present one, and for compute also the one that was
/// needed before 2.27.
fn version_headers(service: Service, version: Option<&str>) -> Result<HeaderMap, RequestErrorKind> {
    let mut headers = HeaderMap::new();
    let Some(version) = version else {
        return Ok(headers);
    };
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| {
            RequestErrorKind::Malformed(format!("`{}` can't be in a header", text.escape_debug()))
        })
    };
    headers.insert(
        HeaderName::from_static("openstack-api-version"),
        value(&format!("{service} {version}"))?,
    );
    if service == Service::Compute {
        headers.insert(HeaderName::from_static("x-openstack-nova-api-version"), value(version)?);
    }
    Ok(headers)
}
