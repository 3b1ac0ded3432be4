//! Level-triggered waiting: look at what is, again and again, until it is so or can't be any more.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::backoff::{grown, jittered};
use crate::events::evidence::{SeenState, Timeline};
use crate::events::stream;

/// How often to look, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// The pause after the first look.
    pub first: Duration,
    /// What each pause is multiplied by to give the next.
    pub growth: f64,
    /// The longest pause.
    pub ceiling: Duration,
    /// How much of a pause is left to chance, 0 to 1, so that many waits spread.
    pub jitter: f64,
    /// When to give up.
    pub limit: Duration,
}

/// What one look found.
#[derive(Debug)]
pub enum Check<T> {
    /// It is so.
    Met(T),
    /// It is not so yet; what was seen, in a few words.
    NotYet(String),
    /// It can't become so any more, and why: waiting on would only cost time.
    Never(String),
}

/// A state, and since when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Since the wait began.
    pub at: Duration,
    /// In the words of the look.
    pub state: String,
}

/// A wait that did not end with what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum WaitError<E> {
    /// The limit was reached.
    #[error("gave up on {what} after {after:?}: {}", Path(seen))]
    TimedOut {
        /// What was waited for.
        what: String,
        /// The limit.
        after: Duration,
        /// Each different state that was seen.
        seen: Vec<Seen>,
    },
    /// What was waited for can't come any more.
    #[error("{what} can't come any more: {why}{}", Before(seen))]
    Never {
        /// What was waited for.
        what: String,
        /// Why not.
        why: String,
        /// Each different state that was seen.
        seen: Vec<Seen>,
    },
    /// A look failed.
    #[error("could not look for {what}{}", Before(seen))]
    Look {
        /// What was waited for.
        what: String,
        /// Each different state that was seen.
        seen: Vec<Seen>,
        /// Why the look failed.
        #[source]
        source: E,
    },
}

/// Looks until `look` is met, and returns what it met.
///
/// The first look is taken at once. Each state that `look` reports is noted when it first differs
/// from the one before, shown to a watching user, and kept for the error; inside a scenario it is
/// attached to the running step as a timeline, also when the future of this is dropped.
///
/// # Errors
///
/// - [`WaitError::TimedOut`] at `pace.limit`, also while a look has not come back.
/// - [`WaitError::Never`] as soon as a look says so.
/// - [`WaitError::Look`] if a look fails; a look that is worth repeating repeats itself.
pub async fn until<T, E, F>(
    what: &str,
    pace: Pace,
    mut look: impl FnMut() -> F,
) -> Result<T, WaitError<E>>
where
    F: Future<Output = Result<Check<T>, E>>,
{
    bounded(what, pace, Between::Pause, |_| look()).await
}

/// As [`until`], for looks that several share: it does not pause itself, but tells each look how
/// long it may be put off, so that it can be taken together with others that are due earlier. What
/// has changed is then seen when the first of them looks.
///
/// # Errors
///
/// As [`until`].
pub async fn follow<T, E, F>(
    what: &str,
    pace: Pace,
    look: impl FnMut(Duration) -> F,
) -> Result<T, WaitError<E>>
where
    F: Future<Output = Result<Check<T>, E>>,
{
    bounded(what, pace, Between::Nothing, look).await
}

/// What happens between two looks.
#[derive(Clone, Copy)]
enum Between {
    Pause,
    Nothing,
}

async fn bounded<T, E, F>(
    what: &str,
    pace: Pace,
    between: Between,
    look: impl FnMut(Duration) -> F,
) -> Result<T, WaitError<E>>
where
    F: Future<Output = Result<Check<T>, E>>,
{
    let mut history = History::begin(what);
    let outcome = tokio::time::timeout(pace.limit, history.watch(pace, between, look)).await;
    let (what, seen) = (what.to_owned(), history.end());
    match outcome {
        Ok(Ok(Ok(met))) => Ok(met),
        Ok(Ok(Err(why))) => Err(WaitError::Never { what, why, seen }),
        Ok(Err(source)) => Err(WaitError::Look { what, seen, source }),
        Err(_) => Err(WaitError::TimedOut { what, after: pace.limit, seen }),
    }
}

/// What one wait has seen so far; attached to the running step when it is dropped, also because
/// whoever waited was: a deadline or the end of the run does not let the wait come back.
struct History<'a> {
    what: &'a str,
    began: Instant,
    seen: Vec<Seen>,
    told: Option<Instant>,
}

/// How often it is said that what is seen stays the same.
const STILL: Duration = Duration::from_secs(1);

impl<'a> History<'a> {
    fn begin(what: &'a str) -> Self {
        Self { what, began: Instant::now(), seen: Vec::new(), told: None }
    }

    /// Looks until the answer is final: met (`Ok(Ok)`), never (`Ok(Err)`) or a failed look (`Err`).
    async fn watch<T, E, F>(
        &mut self,
        pace: Pace,
        between: Between,
        mut look: impl FnMut(Duration) -> F,
    ) -> Result<Result<T, String>, E>
    where
        F: Future<Output = Result<Check<T>, E>>,
    {
        let mut next = pace.first.min(pace.ceiling);
        let mut pause = Duration::ZERO;
        loop {
            match look(pause).await? {
                Check::Met(met) => {
                    self.note("as awaited".to_owned());
                    return Ok(Ok(met));
                }
                Check::Never(why) => {
                    self.note(why.clone());
                    return Ok(Err(why));
                }
                Check::NotYet(state) => self.note(state),
            }
            pause = jittered(next, pace.jitter);
            if let Between::Pause = between {
                tokio::time::sleep(pause).await;
            }
            next = grown(next, pace.growth, pace.ceiling);
        }
    }

    fn note(&mut self, state: String) {
        let new = self.seen.last().is_none_or(|last| last.state != state);
        if new || self.told.is_none_or(|told| told.elapsed() >= STILL) {
            self.told = Some(Instant::now());
            stream::waiting(|| format!("{}: {state}", self.what));
        }
        if new {
            self.seen.push(Seen { at: self.began.elapsed(), state });
        }
    }

    /// What was seen, when no more will be.
    fn end(self) -> Vec<Seen> {
        self.seen.clone()
    }
}

impl Drop for History<'_> {
    fn drop(&mut self) {
        stream::attach(stream::TIMELINE, || {
            let seen = self.seen.iter().map(|seen| SeenState {
                at_ms: u64::try_from(seen.at.as_millis()).unwrap_or(u64::MAX),
                state: seen.state.clone(),
            });
            Timeline { what: self.what.to_owned(), seen: seen.collect() }.to_json()
        });
    }
}

/// The states on the way, with times: `BUILD at 0.0 s -> ACTIVE at 2.0 s`.
struct Path<'a>(&'a [Seen]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the first look did not come back");
        }
        for (index, seen) in self.0.iter().enumerate() {
            let arrow = if index == 0 { "" } else { " -> " };
            write!(f, "{arrow}{} at {:.1} s", seen.state, seen.at.as_secs_f64())?;
        }
        Ok(())
    }
}

/// The path, in brackets, unless the last state says it all.
struct Before<'a>(&'a [Seen]);

impl fmt::Display for Before<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] | [_] => Ok(()),
            seen => write!(f, " ({})", Path(seen)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;
    use crate::events::messages::Envelope;
    use crate::events::messages::run::Attachment;
    use crate::events::stream::{Event, Speaker, Stage};

    const PACE: Pace = Pace {
        first: Duration::from_secs(1),
        growth: 2.0,
        ceiling: Duration::from_secs(2),
        jitter: 0.0,
        limit: Duration::from_secs(6),
    };

    /// A look that finds `states` one after the other; the last one stays.
    fn states<'a>(
        states: &'a [&'a str],
    ) -> impl FnMut() -> std::future::Ready<Result<Check<()>, Infallible>> + 'a {
        let look = Cell::new(0);
        move || {
            let index = look.replace(look.get() + 1).min(states.len() - 1);
            std::future::ready(Ok(match states[index] {
                "met" => Check::Met(()),
                gone @ "gone" => Check::Never(gone.to_owned()),
                state => Check::NotYet(state.to_owned()),
            }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_shows_the_path_taken() {
        let error = until(
            "instance web to become ACTIVE",
            PACE,
            states(&["BUILD/scheduling", "BUILD/scheduling", "BUILD/spawning"]),
        )
        .await
        .expect_err("it never becomes ACTIVE");
        insta::assert_snapshot!(error, @"gave up on instance web to become ACTIVE after 6s: BUILD/scheduling at 0.0 s -> BUILD/spawning at 3.0 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_can_never_be_met_ends_the_wait_at_once() {
        let began = Instant::now();
        let error = until("web to be ACTIVE", PACE, states(&["BUILD", "gone"]))
            .await
            .expect_err("it is gone");
        insta::assert_snapshot!(error, @"web to be ACTIVE can't come any more: gone (BUILD at 0.0 s -> gone at 1.0 s)");
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_the_ceiling() {
        let began = Instant::now();
        let times = Cell::new(Vec::new());
        let look = || {
            let mut so_far = times.take();
            so_far.push(began.elapsed().as_secs());
            times.set(so_far);
            std::future::ready(Ok::<_, Infallible>(Check::<()>::NotYet("no".into())))
        };
        until("it", PACE, look).await.expect_err("it never comes");
        assert_eq!(times.take(), [0, 1, 3, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shared_look_is_told_how_long_it_may_be_put_off() {
        let told = Cell::new(Vec::new());
        let look = |within: Duration| {
            let mut so_far = told.take();
            so_far.push(within.as_secs());
            told.set(so_far);
            async move {
                tokio::time::sleep(within).await;
                Ok::<_, Infallible>(Check::<()>::NotYet("no".into()))
            }
        };
        follow("it", PACE, look).await.expect_err("it never comes");
        assert_eq!(told.take(), [0, 1, 2, 2, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_never_comes_back_is_bounded_too() {
        let error = until("it", PACE, std::future::pending::<Result<Check<()>, Infallible>>)
            .await
            .expect_err("no answer");
        insta::assert_snapshot!(error, @"gave up on it after 6s: the first look did not come back");
    }

    /// The timelines that `scenario` attaches to the step `7`.
    async fn attached(scenario: impl Future) -> Vec<Timeline> {
        let (say, hear) = std::sync::mpsc::channel();
        let stage = Stage::new(Speaker::into_channel(say), "1");
        stage.enter(Some("7".to_owned()));
        stage.during(scenario).await;
        let attachments = hear.try_iter().filter_map(|event| match event {
            Event::Said(said) => match *said {
                Envelope::Attachment(it) if it.media_type == stream::TIMELINE => Some(it),
                _ => None,
            },
            _ => None,
        });
        let timeline = |it: Attachment| {
            assert_eq!(it.test_step_id.as_deref(), Some("7"));
            serde_json::from_str(&it.body).unwrap()
        };
        attachments.map(timeline).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_dropped_leaves_what_it_saw() {
        let wait = until("web to be ACTIVE", PACE, states(&["BUILD/scheduling", "BUILD/spawning"]));
        let timelines = attached(tokio::time::timeout(Duration::from_secs(5), wait)).await;
        let [timeline] = &timelines[..] else { panic!("{timelines:?}") };
        assert_eq!(timeline.what, "web to be ACTIVE");
        let seen: Vec<_> = timeline.seen.iter().map(|it| (it.at_ms, it.state.as_str())).collect();
        assert_eq!(seen, [(0, "BUILD/scheduling"), (1000, "BUILD/spawning")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_ends_leaves_what_it_saw_once() {
        let timelines = attached(until("it", PACE, states(&["no", "met"]))).await;
        assert_eq!(timelines.len(), 1, "{timelines:?}");
        assert_eq!(timelines[0].seen.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_so_already_is_met_without_a_pause() {
        let began = Instant::now();
        until("it", PACE, states(&["met"])).await.expect("it is so");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
