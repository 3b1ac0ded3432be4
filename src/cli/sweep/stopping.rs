//! Ctrl-C during a sweep.

use std::pin::pin;

use super::super::signals::Signals;
use super::super::{Exit, output};

/// Whether the user wants the sweep to end.
pub(super) struct Stopping {
    signals: Signals,
    asked: bool,
}

impl Stopping {
    /// Listens from now on; to be called within the runtime.
    pub(super) fn listen() -> Self {
        Self { signals: Signals::listen(), asked: false }
    }

    /// Whether nothing new is to be begun.
    pub(super) fn asked(&self) -> bool {
        self.asked
    }

    /// Carries `work` to its end, also if a signal comes; at the second one drops it, which gives
    /// `None`.
    pub(super) async fn finish<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = self.signals.next() => {
                    if std::mem::replace(&mut self.asked, true) {
                        return None;
                    }
                    output::tell(format_args!(
                        "stopping: the run that is being swept is finished; once more leaves at once"
                    ));
                }
            }
        }
    }

    /// Adds to an exit code that the user stopped the sweep, if so.
    pub(super) fn end(&self, exit: Exit) -> Exit {
        if self.asked { exit.or(Exit::Interrupted) } else { exit }
    }
}
