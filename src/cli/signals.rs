//! Ctrl-C, SIGTERM and SIGHUP: once to stop and clean up, twice to leave at once. SIGUSR1: who waits
//! for what.

use std::future::{pending, poll_fn};
use std::sync::mpsc::Sender;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::journal::Journal;
use crate::runner::Canceller;

use super::Exit;
use super::output::tell;

/// Takes these signals from the moment it is made, also while nobody waits for the next.
pub(super) struct Signals {
    /// One a signal. What there can be no handler for ends the process, and `sweep` finds the
    /// journal.
    listeners: Vec<Signal>,
}

impl Signals {
    /// Installs the handlers; to be called within the runtime.
    pub(super) fn listen() -> Self {
        let hangup = (!ignores_hangup()).then(SignalKind::hangup);
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
        Self { listeners: kinds.filter_map(|kind| signal(kind).ok()).collect() }
    }

    /// Comes back at the next signal.
    pub(super) async fn next(&mut self) {
        poll_fn(|context| {
            // Those that have not come are polled too, so that each wakes whoever waits.
            let polled = self.listeners.iter_mut().map(|it| it.poll_recv(context).is_ready());
            if polled.fold(false, |any, came| any | came) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Whether the process was started to outlive its terminal, as by `nohup`: a handler of ours would
/// take that back. Known where `/proc` is (`SigIgn` of proc_pid_status(5), the lowest bit being
/// signal 1); elsewhere no.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|it| it & 1 == 1)
}

/// Takes SIGUSR1, which would end a process that does not.
pub(super) struct Questions(Option<Signal>);

impl Questions {
    /// Installs the handler; to be called within the runtime.
    pub(super) fn listen() -> Self {
        Self(signal(SignalKind::user_defined1()).ok())
    }

    /// Comes back at the next signal.
    pub(super) async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => pending().await,
        }
    }

    /// Passes each signal on, until nobody takes it any more.
    pub(super) async fn pass_on(mut self, to: Sender<()>) {
        loop {
            self.next().await;
            if to.send(()).is_err() {
                return;
            }
        }
    }
}

/// Cancels the run at the first signal; at the second prints what is left and ends the process.
pub(super) async fn obey(mut signals: Signals, canceller: Canceller, journal: Journal) {
    signals.next().await;
    // First, because where it is told may take nothing, or take it late.
    canceller.cancel();
    tell(format_args!("stopping: running scenarios are cleaned up; once more leaves at once"));
    signals.next().await;
    leave(&journal);
}

/// Prints what is left and ends the process, without clean-up.
#[allow(clippy::disallowed_methods, reason = "the user asked twice; nothing may be waited for")]
fn leave(journal: &Journal) {
    let unsettled = journal.unsettled_in_all();
    for line in unsettled.lines() {
        tell(format_args!("left: {line}"));
    }
    if let Some(path) = journal.path().filter(|_| !unsettled.is_empty()) {
        tell(format_args!("journal: {}; `whimbrel sweep` removes what is left", path.display()));
    }
    std::process::exit(Exit::Interrupted as i32);
}
