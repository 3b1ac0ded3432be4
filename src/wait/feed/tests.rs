//! Feeds on a paused clock.

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
    let given_up =
        tokio::time::timeout(Duration::from_millis(100), watcher.look(Duration::from_millis(300)));
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
    let panicked = tokio::spawn(async move { bad.watch(2002).look(Duration::ZERO).await }).await;
    assert!(panicked.is_err());
    assert_eq!(feed.watch(4).look(Duration::ZERO).await, Ok(Some(2)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_for_the_turn_of_another_feed() {
    let beat = Beat::default();
    let (two_lists, _) = feed(&beat, 2);
    let (other, _) = feed(&beat, 1);
    let watchers: Vec<_> = (0..50).map(|key| two_lists.watch(key * 4 + 2)).collect();
    let others = eager(&other, 50, Duration::from_secs(1));
    let began = Instant::now();
    let mine = async {
        let turn = watchers[0].look(Duration::ZERO).await;
        (turn, began.elapsed())
    };
    let (seen, ()) = join(mine, others).await;
    assert_eq!(seen, (Ok(Some(1)), Duration::ZERO), "a look itself takes no time here");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_asks_for_many_lists_does_not_blind_the_others_for_long() {
    let beat = Beat::default();
    let (many_lists, _) = feed(&beat, 100);
    let (other, asked_of_other) = feed(&beat, 1);
    let span = Duration::from_secs(4);
    join(eager(&many_lists, 50, span), eager(&other, 50, span)).await;
    let asked = asked_of_other.load(Ordering::Relaxed);
    assert!(asked >= 5, "one look of each every 800 ms, not {asked}");
}
