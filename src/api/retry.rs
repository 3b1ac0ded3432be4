//! Which answers and failures mean "send it again".

use std::time::Duration;

use jiff::Timestamp;

use super::request::Repeatable;
use super::transport::{Failure, Raw};

/// If it is to be sent again: the least time to let pass first (zero if the cloud named none).
/// `None` if this result is the last word.
///
/// 429, and 413 with `Retry-After`, come from limiters that refuse before anything is done, so
/// every request may follow them. 502, 503 and 504 may come from a proxy after the service did the
/// work, as a broken connection may: only what is safe to repeat is sent again.
pub(super) fn again(
    repeatable: Repeatable,
    result: &Result<Raw, Failure>,
    now: Timestamp,
) -> Option<Duration> {
    let safe = repeatable == Repeatable::Safe;
    match result {
        Ok(raw) => {
            let wait = raw.header("retry-after").and_then(|text| retry_after(text, now));
            match raw.status {
                429 => Some(wait.unwrap_or_default()),
                413 => wait,
                502..=504 if safe => Some(wait.unwrap_or_default()),
                _ => None,
            }
        }
        Err(Failure::NotConnected(_)) => Some(Duration::ZERO),
        Err(Failure::TimedOut(_) | Failure::Lost(_)) if safe => Some(Duration::ZERO),
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
        again(repeatable, &result, now).map(|wait| wait.as_secs())
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
