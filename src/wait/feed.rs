//! One request for all who look at the same thing.
//!
//! Each waiter of a [`super::until`] watches its own key in a [`Feed`]. Looks that are asked for
//! while a request is on its way, or within the feed's spacing, are gathered and answered by the
//! next request together; the spacing widens with the number of those who watch. So the cost grows
//! with time, not with the number of those who wait.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
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

    /// The least time from the start of one request to the start of the next while `watched` keys
    /// are watched.
    fn spacing(&self, watched: usize) -> Duration;

    /// Looks at all `keys` with as few requests as it can; a key that is not in the answer does
    /// not exist. What went wrong with one key is that key's answer and nobody else's.
    async fn look(&self, keys: &[Self::Key]) -> Result<Looks<Self>, Self::Error>;
}

/// What one look found, by key.
pub type Looks<S> = HashMap<<S as Source>::Key, Result<<S as Source>::Seen, <S as Source>::Error>>;

type Answer<S> = Result<Option<<S as Source>::Seen>, <S as Source>::Error>;

/// A request shared by all who look; a clone shares it too.
pub struct Feed<S: Source>(Arc<Shared<S>>);

impl<S: Source> Clone for Feed<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<S: Source> {
    source: S,
    desk: Mutex<Desk<S>>,
}

/// Who watches, who asked, and whether somebody is on the way to answer.
struct Desk<S: Source> {
    watched: usize,
    asked: Vec<(S::Key, oneshot::Sender<Answer<S>>)>,
    answering: bool,
    last: Option<Instant>,
}

impl<S: Source> Feed<S> {
    /// A feed of what `source` sees.
    pub fn new(source: S) -> Self {
        let desk = Desk { watched: 0, asked: Vec::new(), answering: false, last: None };
        Self(Arc::new(Shared { source, desk: Mutex::new(desk) }))
    }

    /// Watches `key` until the watcher is dropped.
    pub fn watch(&self, key: S::Key) -> Watcher<S> {
        self.0.desk().watched += 1;
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
        self.feed.0.desk().watched -= 1;
    }
}

impl<S: Source> Watcher<S> {
    /// Looks with a request that begins after this call; `None` if there is no such thing.
    ///
    /// # Errors
    ///
    /// What the source says of the request.
    ///
    /// # Panics
    ///
    /// If the source panicked while it looked.
    pub async fn look(&self) -> Answer<S> {
        let shared = &self.feed.0;
        let (tell, told) = oneshot::channel();
        let first = {
            let mut desk = shared.desk();
            desk.asked.push((self.key.clone(), tell));
            !std::mem::replace(&mut desk.answering, true)
        };
        if first {
            tokio::spawn(Arc::clone(shared).answer_all());
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
        loop {
            let (last, watched) = {
                let desk = self.desk();
                (desk.last, desk.watched)
            };
            if let Some(next) = last.map(|last| last + self.source.spacing(watched)) {
                tokio::time::sleep_until(next).await;
            }
            let batch = {
                let mut desk = self.desk();
                // Those who gave up meanwhile cost no request.
                desk.asked.retain(|(_, tell)| !tell.is_closed());
                if desk.asked.is_empty() {
                    desk.answering = false;
                    return;
                }
                desk.last = Some(Instant::now());
                std::mem::take(&mut desk.asked)
            };
            self.answer(batch).await;
        }
    }

    async fn answer(&self, batch: Vec<(S::Key, oneshot::Sender<Answer<S>>)>) {
        let mut keys: Vec<S::Key> = Vec::with_capacity(batch.len());
        let mut known = std::collections::HashSet::with_capacity(batch.len());
        keys.extend(
            batch.iter().map(|(key, _)| key.clone()).filter(|key| known.insert(key.clone())),
        );
        let answer = self.source.look(&keys).await;
        for (key, tell) in batch {
            let own = match &answer {
                Ok(seen) => seen.get(&key).cloned().transpose(),
                Err(error) => Err(error.clone()),
            };
            // Who gave up since then needs no answer.
            drop(tell.send(own));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    /// Sees every even number, as its half; counts the requests.
    #[derive(Default)]
    struct Halves(Arc<AtomicUsize>);

    #[async_trait]
    impl Source for Halves {
        type Key = u32;
        type Seen = u32;
        type Error = String;

        fn spacing(&self, watched: usize) -> Duration {
            Duration::from_millis(if watched > 1 { 200 } else { 20 })
        }

        async fn look(&self, keys: &[u32]) -> Result<Looks<Self>, String> {
            self.0.fetch_add(1, Ordering::Relaxed);
            assert!(!keys.contains(&2002), "a source that panics");
            if keys.contains(&1001) {
                return Err("unlucky".into());
            }
            let half = |key: u32| if key == 8 { Err("eight".to_owned()) } else { Ok(key / 2) };
            Ok(keys.iter().filter(|key| *key % 2 == 0).map(|key| (*key, half(*key))).collect())
        }
    }

    fn halves() -> (Feed<Halves>, Arc<AtomicUsize>) {
        let requests = Arc::default();
        (Feed::new(Halves(Arc::clone(&requests))), requests)
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_looks_at_once_cost_one_request_and_each_gets_its_own_answer() {
        let (feed, requests) = halves();
        let watchers: Vec<_> = (0..100).map(|key| feed.watch(key)).collect();
        let seen = join_all(watchers.iter().map(Watcher::look)).await;
        assert_eq!(seen[10], Ok(Some(5)));
        assert_eq!(seen[11], Ok(None));
        assert_eq!(requests.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_keep_their_spacing_however_many_ask() {
        let (feed, requests) = halves();
        let began = Instant::now();
        let asker = |key: u32| {
            let watcher = feed.watch(key);
            async move {
                while began.elapsed() < Duration::from_secs(1) {
                    watcher.look().await.expect("even numbers only");
                }
            }
        };
        join_all((0..50).map(|key| asker(key * 4 + 2))).await;
        assert_eq!(requests.load(Ordering::Relaxed), 6, "at 0, 200, … 1000 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_request_reaches_everybody_who_waited_for_it() {
        let (feed, _) = halves();
        let watchers = [feed.watch(2), feed.watch(1001)];
        let seen = join_all(watchers.iter().map(Watcher::look)).await;
        assert_eq!(seen, [Err("unlucky".to_owned()), Err("unlucky".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_alone_looks_more_often_than_many_would() {
        let (feed, requests) = halves();
        let watcher = feed.watch(2);
        drop(feed.watch(4));
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(200) {
            watcher.look().await.expect("even");
        }
        assert_eq!(requests.load(Ordering::Relaxed), 11, "at 0, 20, … 200 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_wrong_with_one_key_is_no_concern_of_the_others() {
        let (feed, _) = halves();
        let watchers = [feed.watch(2), feed.watch(8)];
        let seen = join_all(watchers.iter().map(Watcher::look)).await;
        assert_eq!(seen, [Ok(Some(1)), Err("eight".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_panics_does_not_keep_later_looks_from_an_answer() {
        let (feed, _) = halves();
        let bad = feed.clone();
        let panicked = tokio::spawn(async move { bad.watch(2002).look().await }).await;
        assert!(panicked.is_err());
        assert_eq!(feed.watch(4).look().await, Ok(Some(2)));
    }
}
