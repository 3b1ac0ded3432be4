//! Ctrl-C and SIGTERM: once to stop and clean up, twice to leave at once. SIGUSR1: who waits for
//! what.

use std::future::pending;
use std::sync::mpsc::Sender;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::journal::Journal;
use crate::runner::Canceller;

use super::Exit;
use super::output::tell;

/// Takes both signals from the moment it is made, also while nobody waits for the next.
pub(super) struct Signals {
    /// `None` if there can be no handlers: then the signals end the process, and `sweep` finds the
    /// journal.
    listeners: Option<(Signal, Signal)>,
}

impl Signals {
    /// Installs the handlers; to be called within the runtime.
    pub(super) fn listen() -> Self {
        let interrupt = signal(SignalKind::interrupt());
        Self { listeners: interrupt.and_then(|it| Ok((it, signal(SignalKind::terminate())?))).ok() }
    }

    /// Comes back at the next signal.
    pub(super) async fn next(&mut self) {
        let Some((interrupt, terminate)) = &mut self.listeners else { return pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
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
    tell("stopping: running scenarios are cleaned up; once more leaves at once");
    canceller.cancel();
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
