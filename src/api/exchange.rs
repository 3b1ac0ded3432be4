//! The record of every request and its answer, for failures and reports.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::service::Service;

/// One try of one request. Holds no headers and no bodies, hence no secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// When it was sent, since the session was opened.
    pub started: Duration,
    /// Whom it was for.
    pub service: Service,
    /// The HTTP method.
    pub method: &'static str,
    /// Path and query, without the endpoint.
    pub path: String,
    /// What came of it.
    pub result: Result,
    /// Until the whole answer was there, or the failure.
    pub duration: Duration,
    /// `x-openstack-request-id`, or `none`.
    pub request_id: String,
    /// The microversion that was sent, if any.
    pub microversion: Option<String>,
    /// Which try of the same request it is, from 1.
    pub attempt: u32,
    /// How long our limiter held it back before it was sent; `duration` begins after that.
    pub held: Duration,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Result {
    /// A status code.
    Status(u16),
    /// No answer, and why.
    Failed(String),
}

impl fmt::Display for Exchange {
    /// `12.304 s POST /servers/6f0c/action 202 in 0.051 s (2.96, req-5f1c)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (started, took) = (self.started.as_secs_f64(), self.duration.as_secs_f64());
        write!(f, "{started:.3} s {} {} ", self.method, self.path)?;
        match &self.result {
            Result::Status(code) => write!(f, "{code}")?,
            Result::Failed(why) => write!(f, "failed ({why})")?,
        }
        let version = self.microversion.as_deref().unwrap_or("no microversion");
        write!(f, " in {took:.3} s ({version}, {})", self.request_id)?;
        if self.attempt > 1 {
            write!(f, ", try {}", self.attempt)?;
        }
        if self.held >= Duration::from_millis(1) {
            write!(f, ", held back for {:.3} s before", self.held.as_secs_f64())?;
        }
        Ok(())
    }
}

/// A shared record of exchanges: the newest are kept, all are counted. Clones write into the same.
#[derive(Clone)]
pub struct ExchangeLog {
    inner: Arc<Mutex<Inner>>,
    kept: usize,
}

struct Inner {
    ring: VecDeque<Exchange>,
    count: u64,
}

impl ExchangeLog {
    /// How many exchanges a log keeps if nothing else is said.
    pub const KEPT: usize = 2_000;

    /// An empty log that keeps the newest `kept`.
    pub fn keeping(kept: usize) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { ring: VecDeque::new(), count: 0 })), kept }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held leaves at worst one exchange unrecorded.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, exchange: Exchange) {
        let mut inner = self.lock();
        inner.count += 1;
        if inner.ring.len() >= self.kept {
            inner.ring.pop_front();
        }
        if self.kept > 0 {
            inner.ring.push_back(exchange);
        }
    }

    /// How many exchanges there were, kept or not.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// The exchanges kept, the oldest first.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().ring.iter().cloned().collect()
    }
}

impl Default for ExchangeLog {
    fn default() -> Self {
        Self::keeping(Self::KEPT)
    }
}

impl fmt::Debug for ExchangeLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExchangeLog({} exchanges)", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(path: &str) -> Exchange {
        Exchange {
            started: Duration::from_millis(12_304),
            service: Service::Compute,
            method: "POST",
            path: path.to_owned(),
            result: Result::Status(202),
            duration: Duration::from_millis(51),
            request_id: "req-5f1c".to_owned(),
            microversion: Some("2.96".to_owned()),
            attempt: 1,
            held: Duration::ZERO,
        }
    }

    #[test]
    fn a_full_log_drops_the_oldest_and_counts_on() {
        let log = ExchangeLog::keeping(2);
        for path in ["/1", "/2", "/3"] {
            log.clone().note(exchange(path));
        }
        let paths: Vec<_> = log.exchanges().into_iter().map(|exchange| exchange.path).collect();
        assert_eq!((log.count(), paths), (3, vec!["/2".to_owned(), "/3".to_owned()]));
    }

    #[test]
    fn an_exchange_reads_as_one_line() {
        let mut exchange = exchange("/servers/6f0c/action");
        insta::assert_snapshot!(exchange, @"12.304 s POST /servers/6f0c/action 202 in 0.051 s (2.96, req-5f1c)");
        exchange.result = Result::Failed("connection reset".to_owned());
        exchange.microversion = None;
        exchange.attempt = 2;
        exchange.held = Duration::from_millis(1500);
        insta::assert_snapshot!(
            exchange,
            @"12.304 s POST /servers/6f0c/action failed (connection reset) in 0.051 s (no microversion, req-5f1c), try 2, held back for 1.500 s before"
        );
    }
}
