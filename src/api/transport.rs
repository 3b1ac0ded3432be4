//! One request over HTTP: its tries, their deadlines, the pauses between them, their record.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response};
use url::Url;

use super::error::{RequestError, RequestErrorKind};
use super::exchange::{self, Exchange, ExchangeLog};
use super::proxies::Ways;
use super::request::{Answer, Body, Method, Repeatable};
use super::retry::{self, Again};
use super::service::Service;
use crate::config::Retries;
use crate::config::secret::Secret;
use crate::events::stream;
use crate::wait::{self, Limiter, OnHold, Permit};

/// Headers that carry tokens; they go no further than this module's callers in `session`.
const SECRET_HEADERS: [&str; 4] =
    ["x-subject-token", "x-auth-token", "set-cookie", "openstack-auth-receipt"];

/// The largest body that is read, in bytes; a page of 1,000 servers in full has about 3 MiB. Bodies
/// are never unpacked, so none is larger than what came.
const LARGEST: usize = 64 << 20;

/// A request with everything but the token.
pub(super) struct Prepared {
    pub(super) service: Service,
    pub(super) method: Method,
    pub(super) url: Url,
    /// Path and query, without the endpoint.
    pub(super) shown: String,
    pub(super) headers: HeaderMap,
    pub(super) microversion: Option<String>,
    pub(super) body: Option<Body>,
    pub(super) repeatable: Repeatable,
}

impl Prepared {
    /// An error without an answer, after so many tries.
    fn error(&self, attempts: u32, kind: RequestErrorKind) -> RequestError {
        RequestError {
            method: self.method.as_str(),
            path: self.shown.clone(),
            request_id: "none".to_owned(),
            attempts,
            kind,
        }
    }
}

impl Prepared {
    /// Asks for the version document at `url`.
    pub(super) fn document(service: Service, url: Url) -> Self {
        Self {
            service,
            method: Method::Get,
            url,
            shown: "/".to_owned(),
            headers: HeaderMap::new(),
            microversion: None,
            body: None,
            repeatable: Repeatable::Safe,
        }
    }
}

/// An answer as it came.
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Raw {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn request_id(&self) -> String {
        let id =
            self.header("x-openstack-request-id").or_else(|| self.header("x-compute-request-id"));
        id.unwrap_or("none").to_owned()
    }
}

/// No whole answer.
pub(super) enum Failure {
    /// Nothing was sent.
    NotConnected(String),
    /// Nothing was sent, and nothing will be: the certificate is not accepted.
    Certificate(String),
    /// Sent, but no whole answer in time.
    TimedOut(Duration),
    /// Sent, at least in part, and then the connection ended.
    Lost(String),
    /// Answered with a body of more than [`LARGEST`].
    TooLarge,
    /// Can't be sent.
    Malformed(String),
}

impl Failure {
    fn kind(self) -> RequestErrorKind {
        match self {
            Self::NotConnected(why) => RequestErrorKind::Connect(why),
            Self::Certificate(why) => RequestErrorKind::Certificate(why),
            Self::TimedOut(limit) => RequestErrorKind::TimedOut(limit),
            Self::Lost(why) => RequestErrorKind::Lost(why),
            Self::TooLarge => RequestErrorKind::Body(too_large()),
            Self::Malformed(why) => RequestErrorKind::Malformed(why),
        }
    }

    fn short(&self) -> String {
        match self {
            Self::NotConnected(why) => format!("no connection to the {why}"),
            Self::TimedOut(limit) => format!("no answer within {limit:?}"),
            Self::TooLarge => too_large(),
            Self::Certificate(why) | Self::Lost(why) | Self::Malformed(why) => why.clone(),
        }
    }

    /// Sorts a client's error by what it says about the request: sent, not sent, not sendable.
    fn of(error: reqwest::Error, to: impl FnOnce() -> String) -> Self {
        let error = error.without_url();
        let (root, refused_certificate) = root_cause(&error);
        if refused_certificate {
            Self::Certificate(root)
        } else if error.is_connect() {
            Self::NotConnected(format!("{}: {root}", to()))
        } else if error.is_builder() {
            Self::Malformed(root)
        } else {
            Self::Lost(root)
        }
    }
}

/// The innermost words, and whether they are about a certificate.
fn root_cause(error: &reqwest::Error) -> (String, bool) {
    let mut words = error.to_string();
    let mut certificate = false;
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        words = cause.to_string();
        certificate |= matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
        // An `io::Error` skips what it wraps when it is asked for its source.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source());
    }
    (words, certificate)
}

/// What all requests of a session share.
pub(super) struct Transport {
    pub(super) client: Client,
    /// Those of the client, for its errors.
    pub(super) ways: Ways,
    pub(super) opened: Instant,
    /// How long a try may take in all.
    pub(super) limit: Duration,
    pub(super) retries: Retries,
}

/// An answer with what belongs to it, secrets included.
pub(super) struct Reply {
    pub(super) answer: Answer,
    /// `X-Subject-Token`: the token that Keystone made.
    pub(super) subject_token: Option<Secret>,
}

impl Transport {
    /// Sends it, each time with leave of the limiter, until the result is the last word, or tries
    /// or time are used up. The time begins with the first try: waiting for that costs none.
    pub(super) async fn exchange(
        &self,
        prepared: &Prepared,
        token: Option<&Secret>,
        limiter: &Limiter,
        log: &ExchangeLog,
    ) -> Result<Reply, RequestError> {
        let backoff = retry::backoff(&self.retries, prepared.service);
        let mut pauses = backoff.delays();
        let mut permit = limiter.permit(backoff.total).await.map_err(|OnHold(rest)| {
            prepared.error(0, RequestErrorKind::OnHold { rest, patience: backoff.total })
        })?;
        let first = Instant::now();
        let mut attempt = 1;
        loop {
            let sent = Sent { started: Instant::now(), held: permit.held(), attempt };
            let result = self.one_try(prepared, token).await;
            let duration = sent.started.elapsed();
            log.note(self.record(prepared, &result, &sent, duration));
            let again = retry::again(prepared.repeatable, &result, Timestamp::now());
            let pause =
                again.and_then(|again| Some(pauses.next()?.max(again.after.unwrap_or_default())));
            match again {
                Some(Again { limited: true, after }) => {
                    refused(permit, prepared, after.or(pause).unwrap_or(backoff.first));
                }
                _ => drop(permit),
            }
            let left = backoff.total.saturating_sub(first.elapsed());
            let Some(next) = leave_again(limiter, pause, left).await else {
                return reply(prepared, result, duration, attempt);
            };
            permit = next;
            attempt += 1;
        }
    }

    async fn one_try(&self, prepared: &Prepared, token: Option<&Secret>) -> Result<Raw, Failure> {
        let mut request = self
            .client
            .request(prepared.method.wire(), prepared.url.clone())
            .headers(prepared.headers.clone())
            .header(ACCEPT, "application/json");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
                Failure::Malformed("the token has characters that no header may have".into())
            })?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static("x-auth-token"), value);
        }
        if let Some(body) = &prepared.body {
            request = request.header(CONTENT_TYPE, &body.content_type).body(body.bytes.clone());
        }
        let failure = |error| Failure::of(error, || self.ways.told(&prepared.url));
        let whole = async {
            let response = request.send().await.map_err(failure)?;
            whole_answer(response, failure).await
        };
        wait::deadline(self.limit, whole).await.unwrap_or(Err(Failure::TimedOut(self.limit)))
    }

    fn record(
        &self,
        prepared: &Prepared,
        result: &Result<Raw, Failure>,
        sent: &Sent,
        duration: Duration,
    ) -> Exchange {
        let (outcome, request_id) = match result {
            Ok(raw) => (exchange::Result::Status(raw.status), raw.request_id()),
            Err(failure) => (exchange::Result::Failed(failure.short()), "none".to_owned()),
        };
        Exchange {
            started: sent.started.duration_since(self.opened),
            service: prepared.service,
            method: prepared.method.as_str(),
            path: prepared.shown.clone(),
            result: outcome,
            duration,
            request_id,
            microversion: prepared.microversion.clone(),
            attempt: sent.attempt,
            held: sent.held,
        }
    }
}

/// How one try began.
struct Sent {
    started: Instant,
    /// How long the limiter held it back.
    held: Duration,
    attempt: u32,
}

/// Tells the limiter, and whoever reads the scenario, that too many requests came.
fn refused(permit: Permit, prepared: &Prepared, pause: Duration) {
    permit.refused(pause);
    stream::log(format!(
        "{} {} was refused because too many requests came; all requests of its project wait {:.3} s, \
         and fewer go out for a while",
        prepared.method.as_str(),
        prepared.shown,
        pause.as_secs_f64()
    ));
}

/// Leave for another try after the pause, if there is one and both end in the time `left`.
async fn leave_again(limiter: &Limiter, pause: Option<Duration>, left: Duration) -> Option<Permit> {
    let pause = pause.filter(|pause| *pause <= left)?;
    wait::pause(pause).await;
    let left = left.saturating_sub(pause);
    wait::deadline(left, limiter.permit(left)).await.ok()?.ok()
}

async fn whole_answer(
    mut response: Response,
    failure: impl Fn(reqwest::Error) -> Failure,
) -> Result<Raw, Failure> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(&failure)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Raw { status, headers, body })
}

fn too_large() -> String {
    format!("its body is larger than {} MiB", LARGEST >> 20)
}

fn reply(
    prepared: &Prepared,
    result: Result<Raw, Failure>,
    duration: Duration,
    attempts: u32,
) -> Result<Reply, RequestError> {
    let (method, path) = (prepared.method.as_str(), prepared.shown.clone());
    let mut raw = result.map_err(|failure| prepared.error(attempts, failure.kind()))?;
    let request_id = raw.request_id();
    let subject_token = raw.header("x-subject-token").map(Secret::new);
    for name in SECRET_HEADERS {
        raw.headers.remove(name);
    }
    let answer = Answer {
        status: raw.status,
        body: raw.body,
        request_id,
        duration,
        microversion: prepared.microversion.clone(),
        method,
        path,
        attempts,
        headers: raw.headers,
    };
    Ok(Reply { answer, subject_token })
}
