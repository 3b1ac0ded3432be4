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
mod tests {
    use futures_util::future::join_all;
    use tokio::task::JoinHandle;

    use super::*;

    const PATIENT: Duration = Duration::from_secs(3600);

    fn limiter(at_once: usize, per_second: Option<f64>) -> Limiter {
        Limiter::new(Limits { at_once, per_second })
    }

    async fn permit(limiter: &Limiter) -> Permit {
        limiter.permit(PATIENT).await.expect("nobody asked for a long pause")
    }

    /// When each of `count` that end at once could start.
    async fn starts(limiter: &Limiter, count: usize) -> Vec<Duration> {
        let began = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..count {
            drop(permit(limiter).await);
            starts.push(began.elapsed());
        }
        starts
    }

    /// So many start together, and all are refused.
    async fn storm(limiter: &Limiter, count: usize, pause: Duration) {
        let storm = join_all((0..count).map(|_| permit(limiter))).await;
        storm.into_iter().for_each(|permit| permit.refused(pause));
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_is_limited_nobody_waits() {
        let began = Instant::now();
        let wide = limiter(16, None);
        let permits = join_all((0..16).map(|_| permit(&wide))).await;
        assert!(permits.iter().all(|permit| permit.held().is_zero()));
        assert_eq!(starts(&limiter(1, None), 1000).await.last(), Some(&Duration::ZERO));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_on_their_way_at_once_and_the_others_start_in_the_order_of_asking() {
        let limiter = limiter(2, None);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks: Vec<JoinHandle<Duration>> = Vec::new();
        for number in 0..6 {
            let (limiter, order) = (limiter.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let permit = permit(&limiter).await;
                order.lock().unwrap().push((number, limiter.state().in_flight));
                tokio::time::sleep(ms(100)).await;
                permit.held()
            }));
        }
        let held: Vec<u128> =
            join_all(tasks).await.into_iter().map(|held| held.unwrap().as_millis()).collect();
        assert_eq!(held, [0, 0, 100, 100, 200, 200]);
        let order = order.lock().unwrap().clone();
        assert_eq!(order.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert!(order.iter().all(|(_, in_flight)| *in_flight <= 2), "{order:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_configured_rate_spreads_starts_evenly() {
        assert_eq!(starts(&limiter(9, Some(10.0)), 3).await, [ms(0), ms(100), ms(200)]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_nobody_starts_before_the_pause_is_over_and_then_at_half_the_rate() {
        let limiter = limiter(64, None);
        storm(&limiter, 40, ms(3000)).await;
        let starts = starts(&limiter, 4).await;
        assert_eq!(starts[0], ms(3000));
        let gaps: Vec<u128> =
            starts.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        // 40 in a second were too many: half of it is one every 50 ms, a little less later on.
        assert_eq!(gaps, [50, 50, 50]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_grows_evenly_back_to_what_was_refused_and_is_lifted_at_twice_that() {
        let limiter = limiter(64, None);
        storm(&limiter, 40, ms(1000)).await;
        let began = Instant::now() + ms(1000);
        let starts = starts(&limiter, 2_000).await;
        let within = |from: u64, to: u64| {
            let at = |start: &Duration| began + *start - ms(1000);
            let range = began + ms(from)..began + ms(to);
            starts.iter().filter(|start| range.contains(&at(start))).count()
        };
        let (first, middle, late) = (within(0, 1000), within(9500, 10_500), within(29_000, 30_000));
        assert!((18..=22).contains(&first), "20 a second: {first}");
        assert!((36..=42).contains(&middle), "40 a second: {middle}");
        assert!((70..=82).contains(&late), "nearly 80 a second: {late}");
        assert_eq!(starts.last().map(|start| (*start - ms(31_000)).as_millis() < 100), Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_refusals_slows_down_once_and_a_later_refusal_again() {
        let limiter = limiter(64, None);
        storm(&limiter, 40, ms(1000)).await;
        let rate = |limiter: &Limiter| {
            let state = limiter.state();
            state.rate(Instant::now(), &limiter.0.limits).map(f64::round)
        };
        assert_eq!(rate(&limiter), Some(20.0));
        permit(&limiter).await.refused(ms(1000));
        assert_eq!(rate(&limiter), Some(10.0));
        for _ in 0..9 {
            permit(&limiter).await.refused(ms(0));
        }
        assert_eq!(rate(&limiter), Some(SLOWEST));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_fewer_are_on_their_way_at_once_until_that_too_has_grown_back() {
        let limiter = limiter(64, None);
        starts(&limiter, 400).await;
        storm(&limiter, 40, ms(0)).await;
        let began = Instant::now();
        let mut permits = Vec::new();
        for _ in 0..23 {
            permits.push((permit(&limiter).await, began.elapsed()));
        }
        let by = |by: u64| permits.iter().filter(|(_, at)| *at <= ms(by)).count();
        // Half of 40, though 220 a second might start; one more every half a second.
        assert_eq!([by(490), by(990), by(1490), by(1510)], [20, 21, 22, 23]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_in_line_or_on_the_way_makes_room() {
        let limiter = limiter(1, None);
        let on_the_way = permit(&limiter).await;
        let first = tokio::spawn({
            let limiter = limiter.clone();
            async move { permit(&limiter).await }
        });
        let second = tokio::spawn({
            let limiter = limiter.clone();
            async move { permit(&limiter).await.held() }
        });
        tokio::task::yield_now().await;
        first.abort();
        tokio::time::sleep(ms(100)).await;
        drop(on_the_way);
        assert_eq!(second.await.unwrap(), ms(100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_longer_than_anybody_would_wait_is_told_at_once() {
        let limiter = limiter(4, None);
        permit(&limiter).await.refused(Duration::from_secs(100));
        let refused = limiter.permit(Duration::from_secs(99)).await.map(|permit| permit.held());
        assert_eq!(refused, Err(OnHold(Duration::from_secs(100))));
        assert_eq!(permit(&limiter).await.held(), Duration::from_secs(100));
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_is_longer_than_a_day() {
        let limiter = limiter(4, None);
        permit(&limiter).await.refused(Duration::MAX);
        let refused = limiter.permit(PATIENT).await.map(|permit| permit.held());
        assert_eq!(refused, Err(OnHold(LONGEST)));
    }
}
