//! Ctrl-C and SIGTERM: once to stop and clean up, twice to leave at once.

use tokio::signal::unix::{SignalKind, signal};

use crate::journal::Journal;
use crate::runner::Canceller;

use super::Exit;

/// Comes back at the next Ctrl-C or SIGTERM.
pub(super) async fn first() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process, and `sweep` finds the journal.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Cancels the run at the first signal; at the second prints what is left and ends the process.
pub(super) async fn obey(canceller: Canceller, journal: Journal) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return; // without handlers the signals end the process, and `sweep` finds the journal
    };
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    anstream::eprintln!("stopping: running scenarios are cleaned up; once more leaves at once");
    canceller.cancel();
    first().await;
    leave(&journal);
}

/// Prints what is left and ends the process, without clean-up.
#[allow(clippy::disallowed_methods, reason = "the user asked twice; nothing may be waited for")]
fn leave(journal: &Journal) {
    let unsettled = journal.unsettled_in_all();
    for line in unsettled.lines() {
        anstream::eprintln!("left: {line}");
    }
    if let Some(path) = journal.path().filter(|_| !unsettled.is_empty()) {
        anstream::eprintln!("journal: {}; `whimbrel sweep` removes what is left", path.display());
    }
    std::process::exit(Exit::Interrupted as i32);
}
