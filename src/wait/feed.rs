//! One request for all who look at the same thing.
//!
//! Each waiter of a [`super::follow`] watches its own key in a [`Feed`] and says how long its look
//! may be put off. The first look that is due takes along all that are asked for by then, due or
//! not: a list shows them all for the same price. So the cost grows with time, not with the number
//! of those who wait, and a change is seen when the first of them looks.
//!
//! Feeds of the same cloud keep one [`Beat`]: requests of all of them are spaced, the more the more
//! watch.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// What a feed asks.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// What is looked at, such as an instance's id.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is seen of it.
    type Seen: Clone + Send + 'static;
    /// Why a request failed; everybody who waited for it gets a copy.
    type Error: Clone + Send + 'static;

    /// Looks at all `keys` with as few requests as it can; a key that is not in the answer does
    /// not exist. What went wrong with one key is that key's answer and nobody else's.
    async fn look(&self, keys: &[Self::Key]) -> Result<Look<Self>, Self::Error>;
}

/// What one look found, by key.
pub type Looks<S> = HashMap<<S as Source>::Key, Result<<S as Source>::Seen, <S as Source>::Error>>;

/// What one look found, and what it cost.
pub struct Look<S: Source + ?Sized> {
    /// By key.
    pub seen: Looks<S>,
    /// How many lists it asked for; each has its place in the [`Beat`].
    pub lists: u32,
}

type Answer<S> = Result<Option<<S as Source>::Seen>, <S as Source>::Error>;

/// What each key that is watched adds to the time between two lists.
const EACH: Duration = Duration::from_millis(5);
/// The most that it grows to, however many watch: five a second.
const LONGEST: Duration = Duration::from_millis(200);

/// What spaces the lists that feeds of one cloud ask for; a clone is the same.
///
/// From the start of one to the start of the next it takes 5 ms for each key that is watched, in
/// all feeds, and never more than 200 ms.
#[derive(Clone, Default)]
pub struct Beat(Arc<Rhythm>);

#[derive(Default)]
struct Rhythm {
    watched: Mutex<u32>,
    /// When the next list may begin. Who holds the lock is next; others queue up.
    next: tokio::sync::Mutex<Option<Instant>>,
}

impl Beat {
    fn watched(&self) -> MutexGuard<'_, u32> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spacing(&self) -> Duration {
        EACH.saturating_mul(*self.watched()).clamp(EACH, LONGEST)
    }

    /// Comes back when it is this caller's turn to look.
    async fn turn(&self) {
        let mut next = self.0.next.lock().await;
        if let Some(next) = *next {
            tokio::time::sleep_until(next).await;
        }
        *next = Some(Instant::now() + self.spacing());
    }

    /// Takes more places for a look that asked for several lists.
    async fn take(&self, more: u32) {
        if more > 0 {
            let mut next = self.0.next.lock().await;
            *next = next.map(|next| next + self.spacing().saturating_mul(more));
        }
    }
}

/// A request shared by all who look; a clone shares it too.
pub struct Feed<S: Source>(Arc<Shared<S>>);

impl<S: Source> Clone for Feed<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<S: Source> {
    source: S,
    beat: Beat,
    desk: Mutex<Desk<S>>,
    /// Tells who answers that somebody asked.
    asked: Notify,
}

/// Who asked, and whether somebody is on the way to answer.
struct Desk<S: Source> {
    asked: Vec<Asked<S>>,
    answering: bool,
}

struct Asked<S: Source> {
    key: S::Key,
    /// When at the latest it is to be looked at.
    due: Instant,
    tell: oneshot::Sender<Answer<S>>,
}

impl<S: Source> Feed<S> {
    /// A feed of what `source` sees, which keeps `beat`.
    pub fn new(source: S, beat: Beat) -> Self {
        let desk = Mutex::new(Desk { asked: Vec::new(), answering: false });
        Self(Arc::new(Shared { source, beat, desk, asked: Notify::new() }))
    }

    /// Watches `key` until the watcher is dropped.
    pub fn watch(&self, key: S::Key) -> Watcher<S> {
        *self.0.beat.watched() += 1;
        Watcher { feed: self.clone(), key }
    }
}

/// Somebody who watches one key.
pub struct Watcher<S: Source> {
    feed: Feed<S>,
    key: S::Key,
}

impl<S: Source> Drop for Watcher<S> {
    fn drop(&mut self) {
        *self.feed.0.beat.watched() -= 1;
    }
}

impl<S: Source> Watcher<S> {
    /// Looks with a request that begins after this call, and as soon as `within` has passed, or
    /// somebody else looks, and the beat allows; `None` if there is no such thing.
    ///
    /// # Errors
    ///
    /// What the source says of the request.
    ///
    /// # Panics
    ///
    /// If the source panicked while it looked.
    pub async fn look(&self, within: Duration) -> Answer<S> {
        let shared = &self.feed.0;
        let (tell, told) = oneshot::channel();
        let first = {
            let mut desk = shared.desk();
            let due = Instant::now() + within;
            desk.asked.push(Asked { key: self.key.clone(), due, tell });
            !std::mem::replace(&mut desk.answering, true)
        };
        if first {
            tokio::spawn(Arc::clone(shared).answer_all());
        } else {
            shared.asked.notify_one();
        }
        told.await.expect("the source answers unless it panics")
    }
}

/// Makes room for the next who answers, also if the source panics.
struct Relieved<'a, S: Source>(&'a Shared<S>);

impl<S: Source> Drop for Relieved<'_, S> {
    fn drop(&mut self) {
        let mut desk = self.0.desk();
        if std::thread::panicking() {
            desk.answering = false;
            desk.asked.clear();
        }
    }
}

impl<S: Source> Shared<S> {
    fn desk(&self) -> MutexGuard<'_, Desk<S>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers batch after batch until nobody asks.
    async fn answer_all(self: Arc<Self>) {
        let _relieved = Relieved(&self);
        while self.until_due().await {
            self.beat.turn().await;
            let mut batch = std::mem::take(&mut self.desk().asked);
            batch.retain(|asked| !asked.tell.is_closed());
            if !batch.is_empty() {
                self.answer(batch).await;
            }
        }
    }

    /// Waits until a look is due; false if nobody asks any more, and then nobody answers.
    async fn until_due(&self) -> bool {
        loop {
            let due = {
                let mut desk = self.desk();
                // Those who gave up meanwhile cost no request.
                desk.asked.retain(|asked| !asked.tell.is_closed());
                let Some(due) = desk.asked.iter().map(|asked| asked.due).min() else {
                    desk.answering = false;
                    return false;
                };
                due
            };
            if due <= Instant::now() {
                return true;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.asked.notified() => {}
            }
        }
    }

    async fn answer(&self, batch: Vec<Asked<S>>) {
        let mut keys: Vec<S::Key> = Vec::with_capacity(batch.len());
        let mut known = std::collections::HashSet::with_capacity(batch.len());
        keys.extend(
            batch.iter().map(|asked| asked.key.clone()).filter(|key| known.insert(key.clone())),
        );
        let look = self.source.look(&keys).await;
        if let Ok(look) = &look {
            self.beat.take(look.lists.saturating_sub(1)).await;
        }
        for Asked { key, tell, .. } in batch {
            let own = match &look {
                Ok(look) => look.seen.get(&key).cloned().transpose(),
                Err(error) => Err(error.clone()),
            };
            // Who gave up since then needs no answer.
            drop(tell.send(own));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::{join, join_all};

    use super::*;
    use crate::wait::{Check, Pace, follow};

    /// Sees every even number, as its half; counts the lists, of which each look asks for some.
    struct Halves {
        counted: Arc<AtomicU32>,
        lists: u32,
    }

    #[async_trait]
    impl Source for Halves {
        type Key = u32;
        type Seen = u32;
        type Error = String;

        async fn look(&self, keys: &[u32]) -> Result<Look<Self>, String> {
            self.counted.fetch_add(self.lists, Ordering::Relaxed);
            assert!(!keys.contains(&2002), "a source that panics");
            if keys.contains(&1001) {
                return Err("unlucky".into());
            }
            let half = |key: u32| if key == 8 { Err("eight".to_owned()) } else { Ok(key / 2) };
            let even = keys.iter().filter(|key| *key % 2 == 0);
            Ok(Look { seen: even.map(|key| (*key, half(*key))).collect(), lists: self.lists })
        }
    }

    fn feed(beat: &Beat, lists: u32) -> (Feed<Halves>, Arc<AtomicU32>) {
        let counted: Arc<AtomicU32> = Arc::default();
        let source = Halves { counted: Arc::clone(&counted), lists };
        (Feed::new(source, beat.clone()), counted)
    }

    fn halves() -> (Feed<Halves>, Arc<AtomicU32>) {
        feed(&Beat::default(), 1)
    }

    /// `count` watchers that look again and again for `span`, each at once after its answer.
    async fn eager(feed: &Feed<Halves>, count: u32, span: Duration) {
        let began = Instant::now();
        let asker = |key: u32| {
            let watcher = feed.watch(key);
            async move {
                while began.elapsed() < span {
                    watcher.look(Duration::ZERO).await.expect("even numbers only");
                }
            }
        };
        join_all((0..count).map(|key| asker(key * 4 + 2))).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_looks_at_once_cost_one_request_and_each_gets_its_own_answer() {
        let (feed, requests) = halves();
        let watchers: Vec<_> = (0..100).map(|key| feed.watch(key)).collect();
        let seen = join_all(watchers.iter().map(|watcher| watcher.look(Duration::ZERO))).await;
        assert_eq!(seen[10], Ok(Some(5)));
        assert_eq!(seen[11], Ok(None));
        assert_eq!(requests.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_keep_the_beat_however_many_ask() {
        let (feed, requests) = halves();
        eager(&feed, 100, Duration::from_secs(1)).await;
        assert_eq!(requests.load(Ordering::Relaxed), 6, "at 0, 200, … 1000 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn two_feeds_keep_one_beat_and_take_turns() {
        let beat = Beat::default();
        let ((one, asked_of_one), (other, asked_of_other)) = (feed(&beat, 1), feed(&beat, 1));
        let span = Duration::from_secs(2);
        join(eager(&one, 50, span), eager(&other, 50, span)).await;
        let asked = [asked_of_one, asked_of_other].map(|asked| asked.load(Ordering::Relaxed));
        assert_eq!(asked, [6, 6], "one of them every 200 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_asks_for_two_lists_takes_two_places_in_the_beat() {
        let (feed, lists) = feed(&Beat::default(), 2);
        eager(&feed, 100, Duration::from_secs(2)).await;
        assert_eq!(lists.load(Ordering::Relaxed), 12, "two of them every 400 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_due_takes_along_those_that_are_not() {
        let (feed, requests) = halves();
        let (patient, eager) = (feed.watch(2), feed.watch(4));
        let began = Instant::now();
        let patient = async {
            let seen = patient.look(Duration::from_secs(5)).await;
            (seen, began.elapsed())
        };
        let (seen, _) = join(patient, eager.look(Duration::from_millis(300))).await;
        assert_eq!(seen, (Ok(Some(1)), Duration::from_millis(300)));
        assert_eq!(requests.load(Ordering::Relaxed), 1);
    }

    /// Becomes true at a time; each look takes 10 ms.
    struct TrueAt(Instant);

    #[async_trait]
    impl Source for TrueAt {
        type Key = u32;
        type Seen = bool;
        type Error = String;

        async fn look(&self, keys: &[u32]) -> Result<Look<Self>, String> {
            let so = Instant::now() >= self.0;
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(Look { seen: keys.iter().map(|key| (*key, Ok(so))).collect(), lists: 1 })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_noticed_within_one_and_a_half_intervals_and_a_request() {
        let began = Instant::now();
        let pace = Pace {
            first: Duration::from_millis(40),
            growth: 1.015,
            ceiling: Duration::from_secs(2),
            jitter: 0.1,
            limit: Duration::from_secs(60),
        };
        for changed in [300, 1_234, 5_678, 20_001].map(Duration::from_millis) {
            let feed = Feed::new(TrueAt(began.max(Instant::now()) + changed), Beat::default());
            let began = Instant::now();
            let waits = (0..100).map(|key| {
                let watcher = feed.watch(key);
                async move {
                    let seen = follow("it", pace, |within| {
                        let look = watcher.look(within);
                        async move {
                            Ok::<_, String>(match look.await? {
                                Some(true) => Check::Met(began.elapsed()),
                                _ => Check::NotYet("not so".to_owned()),
                            })
                        }
                    });
                    seen.await.expect("it becomes so")
                }
            });
            let latest = join_all(waits).await.into_iter().max().expect("a hundred");
            // A pause is 1.5 % of the time waited, and no list comes sooner than the beat.
            let interval = changed.mul_f64(0.015).max(LONGEST) + Duration::from_millis(40);
            assert!(latest - changed <= interval.mul_f64(1.5) + Duration::from_millis(10));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_costs_no_request() {
        let (feed, requests) = halves();
        let watcher = feed.watch(2);
        let given_up = tokio::time::timeout(
            Duration::from_millis(100),
            watcher.look(Duration::from_millis(300)),
        );
        given_up.await.expect_err("it is not due yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(requests.load(Ordering::Relaxed), 0);
        assert_eq!(watcher.look(Duration::ZERO).await, Ok(Some(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_request_reaches_everybody_who_waited_for_it() {
        let (feed, _) = halves();
        let watchers = [feed.watch(2), feed.watch(1001)];
        let seen = join_all(watchers.iter().map(|watcher| watcher.look(Duration::ZERO))).await;
        assert_eq!(seen, [Err("unlucky".to_owned()), Err("unlucky".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_alone_looks_more_often_than_many_would() {
        let (feed, requests) = halves();
        drop(feed.watch(4));
        eager(&feed, 1, Duration::from_millis(50)).await;
        assert_eq!(requests.load(Ordering::Relaxed), 11, "at 0, 5, … 50 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_wrong_with_one_key_is_no_concern_of_the_others() {
        let (feed, _) = halves();
        let watchers = [feed.watch(2), feed.watch(8)];
        let seen = join_all(watchers.iter().map(|watcher| watcher.look(Duration::ZERO))).await;
        assert_eq!(seen, [Ok(Some(1)), Err("eight".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_panics_does_not_keep_later_looks_from_an_answer() {
        let (feed, _) = halves();
        let bad = feed.clone();
        let panicked =
            tokio::spawn(async move { bad.watch(2002).look(Duration::ZERO).await }).await;
        assert!(panicked.is_err());
        assert_eq!(feed.watch(4).look(Duration::ZERO).await, Ok(Some(2)));
    }
}
