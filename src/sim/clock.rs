//! Lets time pass in a cloud: the only place of it that knows how late it is.
//!
//! Virtual time is real time × speed. A task sleeps until the next event is due; every request
//! first lets happen what is due by then, so nobody ever sees the past.

#![expect(clippy::disallowed_methods, reason = "the simulated cloud has a clock of its own, here")]

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::control::Disturbances;
use super::log::LogLine;
use super::settings::{LogSink, Release};
use super::state::State;

/// A cloud's state with what surrounds it; shared by its tasks and its handles.
pub(super) struct Shared {
    state: Mutex<State>,
    started: Instant,
    speed: f64,
    poke: Notify,
    changed: watch::Sender<()>,
    closed: watch::Sender<bool>,
    first_request: OnceLock<Instant>,
    log: Option<LogSink>,
    /// Which Nova it is; it stays the same.
    pub(super) release: Release,
    /// What is done to requests before they are handled.
    pub(super) disturbances: Mutex<Disturbances>,
    /// Whether control is served over HTTP.
    pub(super) controllable: bool,
    /// `http://127.0.0.1:PORT`
    pub(super) base_url: String,
}

impl Shared {
    pub(super) fn new(state: State, base_url: String) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            speed: state.settings.speed.max(0.001),
            log: state.settings.log.clone(),
            release: state.settings.release,
            controllable: state.settings.control,
            state: Mutex::new(state),
            poke: Notify::new(),
            changed: watch::Sender::new(()),
            closed: watch::Sender::new(false),
            first_request: OnceLock::new(),
            disturbances: Mutex::default(),
            base_url,
        })
    }

    /// Virtual time since the start.
    fn now(&self) -> Duration {
        self.started.elapsed().mul_f64(self.speed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state as it is now, or changes it.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let was_due = state.next_due();
        state.advance(self.now());
        let out = act(&mut state);
        let notes = state.take_notes();
        let poke = state.next_due() != was_due;
        drop(state);
        if poke {
            self.poke.notify_one();
        }
        if !notes.is_empty() {
            self.changed.send_replace(());
            for note in notes {
                let at = self.since_first_request();
                self.say(|| LogLine::Transition { at, subject: note.subject, state: note.state });
            }
        }
        out
    }

    /// Looks again at each change until `look` finds what it looks for; `None` if the cloud stops.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> Option<T> {
        // The watch starts before the first look; otherwise a change in between is never seen.
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(found) = self.with(|state| look(state)) {
                return Some(found);
            }
            tokio::select! {
                changed = changes.changed() => changed.ok()?,
                () = self.closed() => return None,
            }
        }
    }

    /// Waits in real time, or until the cloud stops.
    pub(super) async fn pause(&self, lasts: Duration) {
        tokio::select! {
            () = tokio::time::sleep(lasts) => {}
            () = self.closed() => {}
        }
    }

    /// Notes a request; the log's times count from the first.
    pub(super) fn begin_request(&self) -> Instant {
        let now = Instant::now();
        self.first_request.get_or_init(|| now);
        now
    }

    /// Real time from the first request to `moment`; nothing before there was one.
    pub(super) fn since_first(&self, moment: Instant) -> Duration {
        self.first_request
            .get()
            .map_or(Duration::ZERO, |first| moment.saturating_duration_since(*first))
    }

    fn since_first_request(&self) -> Duration {
        self.since_first(Instant::now())
    }

    /// Writes a line of the log, if anybody reads it.
    pub(super) fn say(&self, line: impl FnOnce() -> LogLine) {
        if let Some(log) = &self.log {
            log(&line());
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Ends everything that waits.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        self.poke.notify_one();
    }

    /// Waits until the cloud stops.
    pub(super) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // It cannot fail: the sender lives as long as `self`.
        drop(closed.wait_for(|closed| *closed).await);
    }

    /// Lets events happen when they are due, until the cloud stops.
    pub(super) async fn drive(self: Arc<Self>) {
        while !self.is_closed() {
            match self.with(|state| state.next_due()) {
                Some(due) => {
                    let at = self.started + due.div_f64(self.speed);
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        () = self.poke.notified() => {}
                    }
                }
                None => self.poke.notified().await,
            }
        }
    }
}
