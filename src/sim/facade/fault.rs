//! Faults: why a request was not answered as hoped, in each service's shape.

use serde_json::{Value, json};

use super::request::Reply;
use crate::sim::state::Refused;

/// A status code with a message; the service gives it a shape.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) code: u16,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub(super) fn forbidden(rule: &str) -> Self {
        Self::new(403, format!("Policy doesn't allow {rule} to be performed."))
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// What Nova answers for a path that it does not have, or not at that microversion.
    pub(super) fn no_resource() -> Self {
        Self::new(404, "The resource could not be found.")
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// What the real cloud has and this one does not; it says so rather than pretend.
    pub(super) fn not_simulated(method: &str, path: &str) -> Self {
        Self::new(501, format!("The embedded cloud does not simulate {method} {path}."))
    }

    /// Nova's shape: one key by the code.
    pub(super) fn nova(&self) -> Reply {
        let key = match self.code {
            400 => "badRequest",
            401 => "unauthorized",
            403 => "forbidden",
            404 => "itemNotFound",
            405 => "badMethod",
            409 => "conflictingRequest",
            413 | 429 => "overLimit",
            415 => "badMediaType",
            501 => "notImplemented",
            503 => "serviceUnavailable",
            _ => "computeFault",
        };
        let mut body = serde_json::Map::new();
        body.insert(key.to_owned(), json!({"code": self.code, "message": self.message}));
        Reply::json(self.code, Value::Object(body))
    }

    /// Keystone's shape, which authentication uses in front of every service.
    pub(super) fn keystone(&self) -> Reply {
        let title = self.title();
        Reply::json(
            self.code,
            json!({"error": {"code": self.code, "title": title, "message": self.message}}),
        )
    }

    /// Neutron's shape.
    pub(super) fn neutron(&self, kind: &str) -> Reply {
        let body = json!({"NeutronError": {"type": kind, "message": self.message, "detail": ""}});
        Reply::json(self.code, body)
    }

    /// Placement's shape.
    pub(super) fn placement(&self, request_id: &str) -> Reply {
        let error = json!({
            "status": self.code,
            "title": self.title(),
            "detail": self.message,
            "request_id": request_id,
        });
        Reply::json(self.code, json!({"errors": [error]}))
    }

    pub(super) const fn title(&self) -> &'static str {
        match self.code {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            409 => "Conflict",
            501 => "Not Implemented",
            _ => "Error",
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::new(refused.code(), refused.to_string())
    }
}
