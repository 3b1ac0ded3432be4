//! What is asked and what comes back.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION};
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{RequestError, RequestErrorKind};
use super::fault::Fault;
use super::service::Service;
use super::version::Microversion;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers only.
    Head,
    /// Creates or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// As it goes over the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(super) fn wire(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Head => reqwest::Method::HEAD,
            Self::Post => reqwest::Method::POST,
            Self::Put => reqwest::Method::PUT,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

/// Whether doing it twice is as good as doing it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeatable {
    /// Sent again after a lost answer, 502, 503 or 504.
    Safe,
    /// Sent again only when it was surely not done: no connection, 429, 413 with `Retry-After`.
    Unsafe,
}

/// The microversion that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// None: the service takes its oldest.
    Unsaid,
    /// The newest that both sides know, found out once per service.
    Latest,
    /// This one, whatever the target offers.
    Exactly(Microversion),
    /// This text, legal or not.
    Verbatim(String),
}

/// Which status codes count as an answer; any other is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// All of them: the caller judges.
    Any,
    /// These.
    Codes(&'static [u16]),
}

impl Expect {
    pub(super) fn meets(self, status: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Codes(codes) => codes.contains(&status),
        }
    }
}

/// A body as it goes over the wire.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) content_type: String,
}

/// A request to a service, relative to its endpoint.
#[derive(Clone)]
pub struct Request {
    pub(super) service: Service,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) version: Version,
    pub(super) body: Option<Body>,
    pub(super) repeatable: Repeatable,
    pub(super) expect: Expect,
    pub(super) anonymous: bool,
}

impl Request {
    /// A request with the given path below the service's version (`/servers`), no body, the
    /// latest microversion, and any 2xx code expected that its method usually has. What isn't
    /// POST or PATCH may be repeated.
    pub fn new(service: Service, method: Method, path: impl Into<String>) -> Self {
        let repeatable = match method {
            Method::Post | Method::Patch => Repeatable::Unsafe,
            Method::Get | Method::Head | Method::Put | Method::Delete => Repeatable::Safe,
        };
        let version =
            if service.newest_known().is_some() { Version::Latest } else { Version::Unsaid };
        Self {
            service,
            method,
            path: path.into(),
            query: Vec::new(),
            version,
            body: None,
            repeatable,
            expect: Expect::Codes(&[200, 201, 202, 204]),
            anonymous: false,
        }
    }

    /// A GET that expects 200.
    pub fn get(service: Service, path: impl Into<String>) -> Self {
        Self::new(service, Method::Get, path).expect(Expect::Codes(&[200]))
    }

    /// Adds a query parameter; it is encoded here.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a query parameter if there is a value.
    #[must_use]
    pub fn query_if(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Names a microversion, or none.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Sends this JSON.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        let content_type = "application/json".to_owned();
        self.body = Some(Body { bytes: body.to_string().into_bytes(), content_type });
        self
    }

    /// Sends these bytes, legal or not.
    #[must_use]
    pub fn raw_body(mut self, bytes: impl Into<Vec<u8>>, content_type: impl Into<String>) -> Self {
        self.body = Some(Body { bytes: bytes.into(), content_type: content_type.into() });
        self
    }

    /// Says whether it may be sent again after a lost answer.
    #[must_use]
    pub fn repeatable(mut self, repeatable: Repeatable) -> Self {
        self.repeatable = repeatable;
        self
    }

    /// Says which codes are no error.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// Sends no token.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Path and query, without the endpoint.
    pub(super) fn shown(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}?{query}", self.path)
    }
}

/// Method, path and version; bodies may hold passwords.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {:?}", self.service, self.method.as_str(), self.shown(), self.version)
    }
}

/// A path made of its elements, each encoded: `path(&["servers", id])` is `/servers/ID`.
pub fn path(elements: &[&str]) -> String {
    let mut url = Url::parse("http://host/").expect("a constant address");
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(elements);
    }
    url.path().to_owned()
}

/// An answer that was expected, or any if [`Expect::Any`] was asked for.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as it came.
    pub body: Vec<u8>,
    /// `x-openstack-request-id`, or `none`.
    pub request_id: String,
    /// From sending the request, in its last try, until the whole answer was there.
    pub duration: Duration,
    /// The microversion that was sent, if any.
    pub microversion: Option<String>,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) attempts: u32,
    /// Without what carries tokens.
    pub(super) headers: HeaderMap,
}

impl Answer {
    /// A header's value, by its name in lower case. Headers that carry tokens are not there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// When it was sent by the cloud's clock, to the second; `None` if it does not say (RFC 9110,
    /// 6.6.1: `Date`).
    pub fn date(&self) -> Option<jiff::Timestamp> {
        Some(jiff::fmt::rfc2822::parse(self.header("date")?).ok()?.timestamp())
    }

    /// The body as JSON of the shape wanted.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::Body`] with the field that is wrong.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.error(RequestErrorKind::Body(error.to_string())))
    }

    /// What the cloud says went wrong, in whichever shape it said it.
    pub fn fault(&self) -> Fault {
        Fault::of(&self.body)
    }

    pub(super) fn error(&self, kind: RequestErrorKind) -> RequestError {
        RequestError {
            method: self.method,
            path: self.path.clone(),
            request_id: self.request_id.clone(),
            attempts: self.attempts,
            kind,
        }
    }

    /// The error for a code that wasn't expected.
    pub(super) fn unexpected(&self, expected: &'static [u16]) -> RequestError {
        let mut message = self.fault().message;
        if let Some(place) =
            self.headers.get(LOCATION).filter(|_| (300..400).contains(&self.status))
        {
            let place = String::from_utf8_lossy(place.as_bytes());
            let place = place.split('?').next().unwrap_or_default();
            message = format!(
                "it points to {place}, which is not followed, because our token would go there"
            );
        }
        if let Some(wait) =
            self.header("retry-after").filter(|_| matches!(self.status, 413 | 429 | 503))
        {
            // It is a number of seconds or a date.
            let unit = if wait.bytes().all(|c| c.is_ascii_digit()) { " s" } else { "" };
            message = match message.as_str() {
                "" => format!("it is to be tried again after {wait}{unit}"),
                said => format!("{said} (to be tried again after {wait}{unit})"),
            };
        }
        self.error(RequestErrorKind::Status { got: self.status, expected, message })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("request", &format_args!("{} {}", self.method, self.path))
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}
