//! Tells of a step that keeps its thread: what it runs can't be bounded, and every other scenario
//! of that thread stands still with it.
//!
//! A worker writes down in its slot what it polls and since when; one thread looks at all slots.
//! It can only tell: a thread that does not come back can't be stopped.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::events::stream::Speaker;

/// A deadline that has just passed is no news: the poll that notices it may be under way.
const LATE: Duration = Duration::from_secs(1);

/// What a worker does, in words for people.
#[derive(Debug)]
pub(super) struct Doing {
    /// The scenario's name.
    pub(super) scenario: String,
    /// The step with its place in the feature and that of its definition, or the hook.
    pub(super) what: String,
    /// How long it may take.
    pub(super) limit: Duration,
    /// When that is over.
    pub(super) deadline: Option<Instant>,
}

/// What one worker polls just now.
#[derive(Debug, Default)]
pub(super) struct Slot {
    polling: Mutex<Option<Polling>>,
    running: AtomicUsize,
}

#[derive(Debug)]
struct Polling {
    since: Instant,
    doing: Arc<Doing>,
    told: bool,
    told_late: bool,
}

impl Slot {
    /// How many scenarios its worker keeps going.
    pub(super) fn keeps(&self, running: usize) {
        self.running.store(running, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Polling>> {
        self.polling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is to tell of it at `now`.
    fn news(&self, limit: Duration, now: Instant) -> Option<String> {
        let others = self.running.load(Ordering::Relaxed).saturating_sub(1);
        let mut slot = self.lock();
        let polling = slot.as_mut()?;
        let kept = now.saturating_duration_since(polling.since);
        let deadline = polling.doing.deadline.and_then(|at| at.checked_add(LATE.min(limit)));
        let late = deadline.is_some_and(|deadline| now >= deadline);
        let news = (kept >= limit && !polling.told) || (late && !polling.told_late);
        if !news {
            return None;
        }
        (polling.told, polling.told_late) = (true, late);
        let Doing { scenario, what, limit: own, .. } = &*polling.doing;
        let mut told = format!(
            "stalled: {scenario}\n  {what}\n  has not let its thread go for {}",
            rounded(kept)
        );
        if late {
            told.push_str(&format!(
                "; its time of {own:?} is over, but it can't be dropped before it does"
            ));
        }
        match others {
            0 => {}
            1 => told.push_str("\n  1 other scenario of that thread stands still meanwhile"),
            _ => told.push_str(&format!(
                "\n  {others} other scenarios of that thread stand still meanwhile"
            )),
        }
        Some(told)
    }
}

fn rounded(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        return format!("{} ms", span.as_millis());
    }
    format!("{} s", span.as_secs())
}

/// The slots of all workers, and who is told of a stall.
pub(super) struct Watchdog {
    slots: Vec<Slot>,
    limit: Duration,
    speaker: Speaker,
    over: Mutex<bool>,
    ended: Condvar,
}

impl Watchdog {
    /// Tells `speaker` of what keeps one of `workers` for `limit` or more.
    pub(super) fn new(workers: usize, limit: Duration, speaker: Speaker) -> Self {
        Self {
            slots: (0..workers.max(1)).map(|_| Slot::default()).collect(),
            limit,
            speaker,
            over: Mutex::new(false),
            ended: Condvar::new(),
        }
    }

    /// The slot of a worker.
    pub(super) fn slot(&self, worker: usize) -> &Slot {
        &self.slots[worker % self.slots.len()]
    }

    /// Looks at the slots until [`Self::stop`]; for a thread of its own.
    pub(super) fn watch(&self) {
        let pause = (self.limit / 4).clamp(Duration::from_millis(1), Duration::from_secs(1));
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*over {
            let waited = self.ended.wait_timeout(over, pause);
            (over, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            for news in self.slots.iter().filter_map(|slot| slot.news(self.limit, now)) {
                self.speaker.note(news);
            }
        }
    }

    /// Ends [`Self::watch`].
    pub(super) fn stop(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.notify_all();
    }

    /// `future`, written down in the worker's slot while it is polled.
    pub(super) fn watched<F: Future + Unpin>(
        &self,
        worker: usize,
        doing: Doing,
        future: F,
    ) -> Watched<'_, F> {
        let slot = self.slot(worker);
        Watched { slot, speaker: &self.speaker, doing: Arc::new(doing), future }
    }
}

/// See [`Watchdog::watched`].
pub(super) struct Watched<'a, F> {
    slot: &'a Slot,
    speaker: &'a Speaker,
    doing: Arc<Doing>,
    future: F,
}

impl<F: Future + Unpin> Future for Watched<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (since, doing) = (Instant::now(), self.doing.clone());
        *self.slot.lock() = Some(Polling { since, doing, told: false, told_late: false });
        let polled = Pin::new(&mut self.future).poll(context);
        let ended = self.slot.lock().take();
        if ended.is_some_and(|ended| ended.told) {
            let Doing { scenario, what, .. } = &*self.doing;
            let kept = rounded(since.elapsed());
            self.speaker.note(format!("goes on after {kept}: {scenario}\n  {what}"));
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polling(since: Instant, deadline: Option<Instant>) -> Slot {
        let slot = Slot::default();
        let doing = Arc::new(Doing {
            scenario: "One moves".to_owned(),
            what: "When it moves  a.feature:3  src/steps/y.rs:34".to_owned(),
            limit: Duration::from_secs(30),
            deadline,
        });
        *slot.lock() = Some(Polling { since, doing, told: false, told_late: false });
        slot
    }

    #[test]
    fn a_stall_is_told_once_and_once_more_when_its_time_is_over() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let slot = polling(began, Some(after(30)));
        let limit = Duration::from_secs(10);
        slot.keeps(3);
        assert_eq!(slot.news(limit, after(9)), None);
        insta::assert_snapshot!(slot.news(limit, after(10)).unwrap(), @r"
        stalled: One moves
          When it moves  a.feature:3  src/steps/y.rs:34
          has not let its thread go for 10 s
          2 other scenarios of that thread stand still meanwhile
        ");
        assert_eq!(slot.news(limit, after(30)), None);
        insta::assert_snapshot!(slot.news(limit, after(31)).unwrap(), @r"
        stalled: One moves
          When it moves  a.feature:3  src/steps/y.rs:34
          has not let its thread go for 31 s; its time of 30s is over, but it can't be dropped before it does
          2 other scenarios of that thread stand still meanwhile
        ");
        assert_eq!(slot.news(limit, after(99)), None);
    }

    #[test]
    fn a_time_that_is_over_is_told_also_before_the_stall_is() {
        let began = Instant::now();
        let slot = polling(began, Some(began + Duration::from_secs(2)));
        let news =
            |seconds| slot.news(Duration::from_secs(10), began + Duration::from_secs(seconds));
        assert_eq!(news(2), None);
        assert!(news(3).is_some_and(|told| told.contains("can't be dropped")));
        assert_eq!(news(11), None);
    }
}
