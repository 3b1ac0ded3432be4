//! A request and its answer, as all services see them.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use serde_json::Value;

use crate::events::names::MigrationNumber;
use crate::sim::ids;

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: String,
    /// The first segment of the path.
    pub(super) service: String,
    /// The other segments, decoded.
    pub(super) segments: Vec<String>,
    /// Names and values in order, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) request_id: String,
    /// `http://127.0.0.1:PORT`
    pub(super) base: String,
    uri: Uri,
}

impl Ask {
    pub(super) fn new(head: Parts, body: Bytes, base: &str) -> Self {
        let mut segments = head
            .uri
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decode)
            .collect::<Vec<_>>();
        let service = if segments.is_empty() { String::new() } else { segments.remove(0) };
        let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
        Self {
            method: head.method.as_str().to_owned(),
            service,
            segments,
            query: query.into_owned().collect(),
            headers: head.headers,
            body,
            request_id: ids::request_id(),
            base: base.to_owned(),
            uri: head.uri,
        }
    }

    /// The segments as they are matched.
    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// Path and query as they came.
    pub(super) fn full_path(&self) -> String {
        self.uri.to_string()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The last value of a query parameter, which is the one that counts.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub(super) fn query_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `None` if it is none.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

fn decode(segment: &str) -> String {
    // A path has no `+` for spaces, unlike a query; the query's decoder is told so.
    let protected = segment.replace('+', "%2B");
    url::form_urlencoded::parse(protected.as_bytes())
        .map(|(name, _)| name.into_owned())
        .next()
        .unwrap_or_default()
}

/// What an answer carries.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Nothing,
    Json(Value),
    /// JSON that is written already.
    Written(String),
    Text(String),
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Content,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The answer is given when this migration's checks are over, and depends on them.
    pub(super) after_checks: Option<MigrationNumber>,
}

impl Reply {
    pub(super) const fn status(status: u16) -> Self {
        Self { status, body: Content::Nothing, headers: Vec::new(), after_checks: None }
    }

    pub(super) const fn json(status: u16, body: Value) -> Self {
        Self { status, body: Content::Json(body), headers: Vec::new(), after_checks: None }
    }

    /// JSON that is written already.
    pub(super) const fn written(status: u16, json: String) -> Self {
        Self { status, body: Content::Written(json), headers: Vec::new(), after_checks: None }
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        Self { body: Content::Text(text.to_owned()), ..Self::status(status) }
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
