//! What can go wrong with a request, and what is known about its outcome then.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::service::Service;
use super::version::Microversion;

/// A request that was not answered as the API reference says.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method} {path} went wrong (request {request_id}{})", tries(*attempts))]
pub struct RequestError {
    /// The HTTP method.
    pub method: &'static str,
    /// Path and query, without the endpoint, so that reports from two clouds compare.
    pub path: String,
    /// `x-openstack-request-id` of the answer; `none` if there was no answer.
    pub request_id: String,
    /// How often it was sent or tried to be sent; 0 if it didn't come to that.
    pub attempts: u32,
    /// What went wrong.
    #[source]
    pub kind: RequestErrorKind,
}

fn tries(attempts: u32) -> impl fmt::Display {
    fmt::from_fn(move |f| if attempts > 1 { write!(f, ", {attempts} tries") } else { Ok(()) })
}

/// What is known about a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The cloud has surely not done it.
    NotDone,
    /// The cloud may have done it, or may still do it: look before doing it again.
    Unknown,
}

impl RequestError {
    /// The status code of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            RequestErrorKind::Status { got, .. } => Some(got),
            _ => None,
        }
    }

    /// What the cloud said, if it answered with a code that wasn't expected.
    pub fn message(&self) -> Option<&str> {
        match &self.kind {
            RequestErrorKind::Status { message, .. } => Some(message),
            _ => None,
        }
    }

    /// What is known about whether it was done.
    ///
    /// A refusal (4xx), 501, and whatever failed before anything was sent mean not done. 408 and
    /// 5xx do not: a proxy answers 502, 503 and 504 although the service behind it went on, and
    /// Nova's 500 may come after a part of the work.
    pub fn outcome(&self) -> Outcome {
        match &self.kind {
            RequestErrorKind::Status { got: 408, .. } => Outcome::Unknown,
            RequestErrorKind::Status { got: 400..=499 | 501, .. }
            | RequestErrorKind::Connect(_)
            | RequestErrorKind::Certificate(_)
            | RequestErrorKind::OnHold { .. }
            | RequestErrorKind::Login(_)
            | RequestErrorKind::Catalog(_)
            | RequestErrorKind::Unsupported { .. }
            | RequestErrorKind::Malformed(_) => Outcome::NotDone,
            RequestErrorKind::Status { .. }
            | RequestErrorKind::TimedOut(_)
            | RequestErrorKind::Lost(_)
            | RequestErrorKind::Body(_) => Outcome::Unknown,
        }
    }

    /// The cloud answered that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }
}

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestErrorKind {
    /// The answer had a code that was not expected.
    #[error("the answer was {got}, not {}{}", codes(expected), said(message))]
    Status {
        /// The code.
        got: u16,
        /// The codes that would have been right.
        expected: &'static [u16],
        /// What the cloud said, from whichever shape its error had; may be empty.
        message: String,
    },
    /// No connection came about, so nothing was sent.
    #[error("no connection to the {0}")]
    Connect(String),
    /// A TLS certificate was not accepted, so nothing was sent. Not tried again.
    #[error("the TLS certificate was not accepted: {0}; see `cacert` and `verify` in clouds.yaml")]
    Certificate(String),
    /// It was not sent, because the cloud had refused others of the same project for their rate.
    #[error(
        "it was not sent: the cloud has refused others of its project because too many came, and \
         wants none for another {:.0} s; `retry.total` is {patience:?}", rest.as_secs_f64().ceil()
    )]
    OnHold {
        /// For how much longer the cloud wants none.
        rest: Duration,
        /// The longest that is waited for that.
        patience: Duration,
    },
    /// The answer was not complete in time.
    #[error("there was no complete answer within {0:?}")]
    TimedOut(Duration),
    /// The connection ended before the answer was complete.
    #[error("the connection ended before the answer was complete: {0}")]
    Lost(String),
    /// The answer's body is not what the API reference says.
    #[error("the answer was not understood: {0}")]
    Body(String),
    /// The request needs a token, and logging in failed.
    #[error("it needs a token, but logging in failed")]
    Login(#[source] Arc<RequestError>),
    /// The catalog has no endpoint for the service.
    #[error("{0}")]
    Catalog(String),
    /// What is asked for came with a later microversion than the one in use.
    #[error("{what} needs microversion {since} of {service}, but {have} is in use")]
    Unsupported {
        /// The thing that is not there yet.
        what: &'static str,
        /// The service.
        service: Service,
        /// The first microversion that has it (or, for what was taken away, the last).
        since: Microversion,
        /// The microversion in use.
        have: Microversion,
    },
    /// The request can't be put into HTTP.
    #[error("the request can't be sent: {0}")]
    Malformed(String),
}

fn codes(expected: &'static [u16]) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        for (place, code) in expected.iter().enumerate() {
            if place > 0 {
                f.write_str(" or ")?;
            }
            write!(f, "{code}")?;
        }
        Ok(())
    })
}

fn said(message: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| if message.is_empty() { Ok(()) } else { write!(f, ": {message}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str("\n  because ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }

    fn error(
        method: &'static str,
        path: &str,
        attempts: u32,
        kind: RequestErrorKind,
    ) -> RequestError {
        RequestError {
            method,
            path: path.to_owned(),
            request_id: "req-5f1c".to_owned(),
            attempts,
            kind,
        }
    }

    fn status(got: u16, expected: &'static [u16], message: &str) -> RequestErrorKind {
        RequestErrorKind::Status { got, expected, message: message.to_owned() }
    }

    #[test]
    fn a_refusal_says_code_and_reason() {
        let kind = status(409, &[202], "Instance 6f0c is in task_state migrating");
        insta::assert_snapshot!(chain(&error("POST", "/servers/6f0c/action", 1, kind)), @r"
        POST /servers/6f0c/action went wrong (request req-5f1c)
          because the answer was 409, not 202: Instance 6f0c is in task_state migrating
        ");
    }

    #[test]
    fn several_tries_and_several_right_codes_are_named() {
        let kind = status(503, &[204, 404], "");
        insta::assert_snapshot!(chain(&error("DELETE", "/servers/6f0c", 5, kind)), @r"
        DELETE /servers/6f0c went wrong (request req-5f1c, 5 tries)
          because the answer was 503, not 204 or 404
        ");
    }

    #[test]
    fn a_failed_login_shows_both_requests() {
        let login = error(
            "POST",
            "/auth/tokens",
            1,
            status(401, &[201], "The request requires authentication."),
        );
        let kind = RequestErrorKind::Login(Arc::new(login));
        insta::assert_snapshot!(chain(&error("GET", "/servers", 1, kind)), @r"
        GET /servers went wrong (request req-5f1c)
          because it needs a token, but logging in failed
          because POST /auth/tokens went wrong (request req-5f1c)
          because the answer was 401, not 201: The request requires authentication.
        ");
    }

    #[test]
    fn what_the_target_is_too_old_for_names_both_versions() {
        let kind = RequestErrorKind::Unsupported {
            what: "`networks: none`",
            service: Service::Compute,
            since: Microversion::new(2, 37),
            have: Microversion::new(2, 25),
        };
        insta::assert_snapshot!(
            kind.to_string(),
            @"`networks: none` needs microversion 2.37 of compute, but 2.25 is in use"
        );
    }

    #[test]
    fn a_refusal_was_not_done_but_a_bad_gateway_leaves_it_open() {
        let outcome = |kind| error("POST", "/servers", 1, kind).outcome();
        for code in [400, 403, 404, 409, 413, 429, 501] {
            assert_eq!(outcome(status(code, &[202], "")), Outcome::NotDone, "{code}");
        }
        for code in [200, 302, 408, 500, 502, 503, 504] {
            assert_eq!(outcome(status(code, &[202], "")), Outcome::Unknown, "{code}");
        }
        assert_eq!(outcome(RequestErrorKind::Connect("refused".into())), Outcome::NotDone);
        let (rest, patience) = (Duration::from_secs(3600), Duration::from_secs(90));
        assert_eq!(outcome(RequestErrorKind::OnHold { rest, patience }), Outcome::NotDone);
        assert_eq!(outcome(RequestErrorKind::Lost("reset".into())), Outcome::Unknown);
        assert_eq!(outcome(RequestErrorKind::TimedOut(Duration::from_secs(60))), Outcome::Unknown);
        assert_eq!(outcome(RequestErrorKind::Body("no id".into())), Outcome::Unknown);
    }
}
