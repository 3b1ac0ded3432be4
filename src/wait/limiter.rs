//! Pacing for all who share something that can take only so much: how many at once, how many a
//! second, in the order of asking; and less of both for a while after the other side refused.
//!
//! After a refusal nobody starts before the pause that came with it is over. Then half of what was
//! refused is allowed, at once and a second; that grows evenly, to all of it after 10 s and to
//! twice that after 30 s, when the limit is lifted. A refusal on the way halves again. So a limit
//! that nobody told us is found from below, a little too fast now and then and slow never for long
//! (additive increase, multiplicative decrease, as TCP does it: RFC 5681, section 3.1).
//!
//! Where nothing is limited a permit costs two uncontended locks and no time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

/// From half of what was refused to all of it.
const RECOVERY: Duration = Duration::from_secs(10);

/// The part of what was refused at which the limit is lifted.
const LIFTED: f64 = 2.0;

/// The least rate that a first refusal is taken for: after a single unlucky request it goes on
/// with five a second.
const FIRST_RATE: f64 = 10.0;

/// The least number at once that a first refusal is taken for.
const FIRST_AT_ONCE: f64 = 8.0;

/// Slower than this a second it never gets by itself: Keystone behind a provider's proxy takes 60
/// a minute.
const SLOWEST: f64 = 1.0;

/// No pause is longer, whatever the other side asks for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What holds before anybody has refused anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How many may be on their way at the same time; at least 1.
    pub at_once: usize,
    /// How many may start a second, evenly spread; `None`: as many as come.
    pub per_second: Option<f64>,
}

impl Default for Limits {
    /// 16 at once, any number a second.
    fn default() -> Self {
        Self { at_once: 16, per_second: None }
    }
}

/// One limit; clones share it.
#[derive(Clone, Debug)]
pub struct Limiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    /// Whoever is next holds it; the others stand in line for it, the first first.
    turn: tokio::sync::Mutex<()>,
    /// Told whenever one has ended.
    freed: Notify,
    state: Mutex<State>,
}

/// The other side wants to be left alone for longer than the asker would wait; this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing may start for another {0:?}")]
pub struct OnHold(pub Duration);

/// Leave to start one; ends when it is dropped.
#[derive(Debug)]
pub struct Permit {
    limiter: Limiter,
    number: u64,
    held: Duration,
}

impl Limiter {
    /// A limit of its own.
    pub fn new(limits: Limits) -> Self {
        let state = Mutex::new(State::new(Instant::now()));
        let (turn, freed) = (tokio::sync::Mutex::default(), Notify::new());
        Self(Arc::new(Shared { limits, turn, freed, state }))
    }

    /// Waits for leave to start, in the order of asking. Whoever gives up loses nobody's place.
    ///
    /// # Errors
    ///
    /// [`OnHold`], at once, if a pause that the other side asked for lasts longer than `patience`.
    pub async fn permit(&self, patience: Duration) -> Result<Permit, OnHold> {
        let asked = Instant::now();
        let at_once = self.0.turn.try_lock();
        let mut waited = at_once.is_err();
        let _turn = match at_once {
            Ok(turn) => turn,
            Err(_) => self.0.turn.lock().await,
        };
        loop {
            let admitted = self.state().admit(Instant::now(), &self.0.limits, patience);
            match admitted {
                Admit::Now(number) => {
                    let held = if waited { asked.elapsed() } else { Duration::ZERO };
                    return Ok(Permit { limiter: self.clone(), number, held });
                }
                Admit::At(when) => sleep_until(when).await,
                Admit::Full(None) => self.0.freed.notified().await,
                // Either way there is room now.
                Admit::Full(Some(when)) => drop(timeout_at(when, self.0.freed.notified()).await),
                Admit::Never(rest) => return Err(OnHold(rest)),
            }
            waited = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in there is left half-done where it could panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// How long it was waited for; zero if it was there at once.
    pub fn held(&self) -> Duration {
        self.held
    }

    /// The other side refused for the rate, and wants a pause.
    pub fn refused(self, pause: Duration) {
        let limits = self.limiter.0.limits;
        self.limiter.state().refused(Instant::now(), &limits, self.number, pause);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.state().in_flight -= 1;
        self.limiter.0.freed.notify_one();
    }
}

/// Whether the next one may start.
enum Admit {
    /// Yes, with this number.
    Now(u64),
    /// Not before.
    At(Instant),
    /// When another has ended, or at that time.
    Full(Option<Instant>),
    /// Not for so long that the asker would not wait.
    Never(Duration),
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    issued: u64,
    /// The end of the pause that was asked for.
    hold: Instant,
    /// The end of the distance to the last start.
    next: Instant,
    recent: Recent,
    slowed: Option<Slowed>,
}

impl State {
    fn new(now: Instant) -> Self {
        let recent = Recent { since: now, count: 0, before: 0 };
        Self { in_flight: 0, issued: 0, hold: now, next: now, recent, slowed: None }
    }

    fn admit(&mut self, now: Instant, limits: &Limits, patience: Duration) -> Admit {
        self.slowed.take_if(|slowed| slowed.part(now) >= LIFTED);
        let hold = self.hold.saturating_duration_since(now);
        if hold > patience {
            return Admit::Never(hold);
        }
        let from = self.hold.max(self.next);
        if from > now {
            return Admit::At(from);
        }
        let at_once = limits.at_once.max(1);
        let learned = self.slowed.as_ref().map_or(at_once, |slowed| slowed.at_once(now));
        if self.in_flight >= at_once.min(learned) {
            let slowed = self.slowed.as_ref().filter(|_| self.in_flight < at_once);
            return Admit::Full(slowed.map(|slowed| slowed.room_for(self.in_flight + 1)));
        }
        self.in_flight += 1;
        self.issued += 1;
        self.recent.note(now);
        if let Some(rate) = self.rate(now, limits) {
            let distance = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(LONGEST);
            self.next = now + distance.min(LONGEST);
        }
        Admit::Now(self.issued)
    }

    /// How many may start a second.
    fn rate(&self, now: Instant, limits: &Limits) -> Option<f64> {
        let learned = self.slowed.as_ref().map(|slowed| slowed.rate(now));
        [learned, limits.per_second].into_iter().flatten().reduce(f64::min)
    }

    fn refused(&mut self, now: Instant, limits: &Limits, number: u64, pause: Duration) {
        self.hold = self.hold.max(now + pause.min(LONGEST));
        if let Some(slowed) = self.slowed.as_mut().filter(|slowed| number <= slowed.issued) {
            // It was on its way when it got slower: that says nothing of the new rate.
            slowed.since = self.hold;
            return;
        }
        let (rate, at_once) = match &self.slowed {
            Some(slowed) => (slowed.rate(now), slowed.at_once * slowed.part(now)),
            None => (
                self.recent.per_second(now).max(FIRST_RATE),
                (self.in_flight as f64).max(FIRST_AT_ONCE),
            ),
        };
        let rate = limits.per_second.map_or(rate, |most| rate.min(most));
        self.slowed = Some(Slowed { issued: self.issued, since: self.hold, rate, at_once });
    }
}

/// What a refusal taught.
#[derive(Debug)]
struct Slowed {
    /// The last permit before it.
    issued: u64,
    /// When it goes on.
    since: Instant,
    /// How many a second were too many.
    rate: f64,
    /// How many at once were too many.
    at_once: f64,
}

impl Slowed {
    /// The part of what was refused that is allowed.
    fn part(&self, now: Instant) -> f64 {
        let gone = now.saturating_duration_since(self.since);
        0.5 + 0.5 * gone.as_secs_f64() / RECOVERY.as_secs_f64()
    }

    fn rate(&self, now: Instant) -> f64 {
        (self.rate * self.part(now)).max(SLOWEST)
    }

    fn at_once(&self, now: Instant) -> usize {
        ((self.at_once * self.part(now)) as usize).max(1)
    }

    /// When so many will be allowed at once.
    fn room_for(&self, wanted: usize) -> Instant {
        let part = (wanted as f64 / self.at_once).min(LIFTED);
        // A little later, so that rounding makes nobody come too early.
        self.since + RECOVERY.mul_f64((2.0 * part - 1.0).max(0.0)) + Duration::from_millis(1)
    }
}

/// How many started within the last second, near enough: the second before counts by its part.
#[derive(Debug)]
struct Recent {
    since: Instant,
    count: u32,
    before: u32,
}

impl Recent {
    const SPAN: Duration = Duration::from_secs(1);

    fn note(&mut self, now: Instant) {
        let gone = now.saturating_duration_since(self.since);
        if gone >= Self::SPAN {
            self.before = if gone < 2 * Self::SPAN { self.count } else { 0 };
            self.count = 0;
            self.since = if gone < 2 * Self::SPAN { self.since + Self::SPAN } else { now };
        }
        self.count += 1;
    }

    fn per_second(&self, now: Instant) -> f64 {
        let gone = now.saturating_duration_since(self.since).as_secs_f64();
        f64::from(self.count) + f64::from(self.before) * (1.0 - gone).max(0.0)
    }
}

#[cfg(test)]
mod tests;
