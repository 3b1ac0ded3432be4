//! Which answers and failures mean "send it again".

use std::time::Duration;

use jiff::Timestamp;

use super::request::Repeatable;
use super::service::Service;
use super::transport::{Failure, Raw};
use crate::config::Retries;
use crate::wait::Backoff;

/// A request that may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    /// The least time to let pass first, if the cloud named one.
    pub(super) after: Option<Duration>,
    /// It was refused because too many came, so others had better wait, too.
    pub(super) limited: bool,
}

/// Tries and pauses of a service's requests.
pub(super) const fn backoff(retries: &Retries, service: Service) -> Backoff {
    match service {
        Service::Identity => retries.identity,
        Service::Compute => retries.compute,
        Service::Image => retries.image,
        Service::Network => retries.network,
        Service::Placement => retries.placement,
    }
}

/// Whether it may be sent again; `None` if this result is the last word.
///
/// 429, and 413 with `Retry-After`, come from limiters that refuse before anything is done, so
/// every request may follow them. 502, 503 and 504 may come from a proxy after the service did the
/// work, as a broken connection may: only what is safe to repeat is sent again.
pub(super) fn again(
    repeatable: Repeatable,
    result: &Result<Raw, Failure>,
    now: Timestamp,
) -> Option<Again> {
    let safe = repeatable == Repeatable::Safe;
    let soon = Some(Again { after: None, limited: false });
    match result {
        Ok(raw) => {
            let after = raw.header("retry-after").and_then(|text| retry_after(text, now));
            match raw.status {
                429 => Some(Again { after, limited: true }),
                413 if after.is_some() => Some(Again { after, limited: true }),
                502..=504 if safe => Some(Again { after, limited: false }),
                _ => None,
            }
        }
        Err(Failure::NotConnected(_)) => soon,
        Err(Failure::TimedOut(_) | Failure::Lost(_)) if safe => soon,
        Err(_) => None,
    }
}

/// `Retry-After`: seconds, or a date as HTTP writes it. A date that is over means now.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;

    fn answer(status: u16, after: Option<&'static str>) -> Result<Raw, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
        }
        Ok(Raw { status, headers, body: Vec::new() })
    }

    fn judged(repeatable: Repeatable, result: Result<Raw, Failure>) -> Option<u64> {
        let now = "2026-11-23T12:00:00Z".parse().expect("a constant time");
        again(repeatable, &result, now).map(|again| again.after.unwrap_or_default().as_secs())
    }

    #[test]
    fn only_a_refusal_for_the_rate_is_one_that_others_should_know_of() {
        let limited = |result| {
            let again = again(Repeatable::Safe, &result, Timestamp::UNIX_EPOCH);
            again.expect("all of these may be sent again").limited
        };
        assert!(limited(answer(429, None)) && limited(answer(413, Some("7"))));
        assert!(!limited(answer(503, Some("7"))));
        assert!(!limited(Err(Failure::NotConnected("refused".into()))));
    }

    #[test]
    fn a_create_follows_a_refusal_but_never_a_lost_answer() {
        use Repeatable::Unsafe;
        assert_eq!(judged(Unsafe, answer(429, None)), Some(0));
        assert_eq!(judged(Unsafe, answer(429, Some("7"))), Some(7));
        assert_eq!(judged(Unsafe, answer(413, Some("7"))), Some(7));
        assert_eq!(judged(Unsafe, Err(Failure::NotConnected("refused".into()))), Some(0));
        for status in [413, 500, 502, 503, 504] {
            assert_eq!(judged(Unsafe, answer(status, None)), None, "{status}");
        }
        assert_eq!(judged(Unsafe, answer(503, Some("7"))), None);
        assert_eq!(judged(Unsafe, Err(Failure::Lost("reset".into()))), None);
        assert_eq!(judged(Unsafe, Err(Failure::TimedOut(Duration::from_secs(60)))), None);
    }

    #[test]
    fn a_read_follows_whatever_may_pass() {
        use Repeatable::Safe;
        for status in [429, 502, 503, 504] {
            assert_eq!(judged(Safe, answer(status, None)), Some(0), "{status}");
        }
        for status in [200, 400, 401, 403, 404, 409, 413, 500, 501] {
            assert_eq!(judged(Safe, answer(status, None)), None, "{status}");
        }
        assert_eq!(judged(Safe, Err(Failure::Lost("reset".into()))), Some(0));
        assert_eq!(judged(Safe, Err(Failure::TimedOut(Duration::from_secs(60)))), Some(0));
        assert_eq!(judged(Safe, Err(Failure::Certificate("unknown issuer".into()))), None);
    }

    #[test]
    fn retry_after_may_be_a_date() {
        use Repeatable::Safe;
        assert_eq!(judged(Safe, answer(503, Some("Mon, 23 Nov 2026 12:00:30 GMT"))), Some(30));
        assert_eq!(judged(Safe, answer(503, Some("Mon, 23 Nov 2026 11:00:00 GMT"))), Some(0));
        assert_eq!(judged(Safe, answer(413, Some("soon"))), None);
    }
}
