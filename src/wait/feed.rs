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

/// The most places that one look takes in the beat: what it asked for beyond that must not blind
/// the others.
const MOST_PLACES: u32 = 3;

/// What spaces the lists that feeds of one cloud ask for; a clone is the same.
///
/// From the start of one to the start of the next it takes 5 ms for each key that is watched, in
/// all feeds, and never more than 200 ms.
#[derive(Clone, Default)]
pub struct Beat(Arc<Rhythm>);

#[derive(Default)]
struct Rhythm {
    watched: Mutex<u32>,
    /// When the next list may begin.
    next: Mutex<Option<Instant>>,
    /// Who holds it has the next turn; others queue up.
    queue: tokio::sync::Mutex<()>,
}

impl Beat {
    fn watched(&self) -> MutexGuard<'_, u32> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spacing(&self) -> Duration {
        EACH.saturating_mul(*self.watched()).clamp(EACH, LONGEST)
    }

    /// Comes back when it is this caller's turn to look.
    async fn turn(&self) {
        let _mine = self.0.queue.lock().await;
        loop {
            // It may be put off while this sleeps.
            let next = *self.next();
            match next.filter(|next| *next > Instant::now()) {
                Some(next) => tokio::time::sleep_until(next).await,
                None => break,
            }
        }
        *self.next() = Some(Instant::now() + self.spacing());
    }

    /// Takes the places of a look that asked for so many lists, beyond the one of its turn.
    fn take(&self, lists: u32) {
        let more = lists.clamp(1, MOST_PLACES) - 1;
        let spacing = self.spacing();
        let mut next = self.next();
        *next = next.map(|next| next + spacing.saturating_mul(more));
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
            self.beat.take(look.lists);
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
mod tests;
