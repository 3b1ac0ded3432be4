//! The pause before a request is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often and how long a request is tried again: each part is configuration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// Tries in all, the first included; at least 1.
    pub attempts: u32,
    /// No further try begins once this much time has gone by since the first.
    pub total: Duration,
    /// The pause before the second try.
    pub first: Duration,
    /// What each pause is multiplied by to give the next.
    pub growth: f64,
    /// The longest pause.
    pub ceiling: Duration,
    /// How much of a pause is left to chance, 0 to 1: 0.5 makes 1 s anything from 0.5 s to 1 s.
    pub jitter: f64,
}

impl Default for Backoff {
    /// Five tries within 90 s: 0.5 s, doubling to at most 30 s, half of it chance.
    fn default() -> Self {
        Self {
            attempts: 5,
            total: Duration::from_secs(90),
            first: Duration::from_millis(500),
            growth: 2.0,
            ceiling: Duration::from_secs(30),
            jitter: 0.5,
        }
    }
}

impl Backoff {
    /// The pauses between the tries, `attempts - 1` of them. `total` is for the caller to watch.
    pub fn delays(&self) -> impl Iterator<Item = Duration> + use<> {
        let Self { attempts, first, growth, ceiling, jitter, .. } = *self;
        (0..attempts.saturating_sub(1)).scan(first, move |next, _| {
            let pause = (*next).min(ceiling);
            *next = grown(pause, growth, ceiling);
            Some(jittered(pause, jitter))
        })
    }
}

/// `span` times `growth`, at most `ceiling`.
pub(super) fn grown(span: Duration, growth: f64, ceiling: Duration) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() * growth.max(1.0))
        .unwrap_or(ceiling)
        .min(ceiling)
}

/// `span`, less a random part of at most `jitter` of it.
pub(super) fn jittered(span: Duration, jitter: f64) -> Duration {
    span.mul_f64(1.0 - jitter.clamp(0.0, 1.0) * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_ceiling_and_are_one_fewer_than_the_tries() {
        let backoff = Backoff {
            attempts: 5,
            first: Duration::from_secs(1),
            growth: 3.0,
            ceiling: Duration::from_secs(5),
            jitter: 0.0,
            ..Backoff::default()
        };
        let pauses: Vec<u64> = backoff.delays().map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [1, 3, 5, 5]);
    }

    #[test]
    fn jitter_shortens_a_pause_and_never_lengthens_it() {
        let backoff = Backoff { attempts: 200, growth: 1.0, ..Backoff::default() };
        let (low, high) = (backoff.first.mul_f64(0.5), backoff.first);
        let pauses: Vec<Duration> = backoff.delays().collect();
        assert!(pauses.iter().all(|pause| (low..=high).contains(pause)), "{pauses:?}");
        assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "no two pauses differ");
    }
}
