//! The exit codes, once.

use std::process::ExitCode;

/// How the command ends. Where more than one applies, the first of this order counts:
/// [`Interrupted`](Self::Interrupted), [`Internal`](Self::Internal), [`Usage`](Self::Usage),
/// [`Target`](Self::Target), [`Failed`](Self::Failed), [`LeftBehind`](Self::LeftBehind),
/// [`NothingRan`](Self::NothingRan).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything passed.
    Passed = 0,
    /// A scenario failed.
    Failed = 1,
    /// The command line, the configuration or the features can't be used.
    Usage = 2,
    /// The target can't be used.
    Target = 3,
    /// Nothing was selected, or everything was skipped.
    NothingRan = 4,
    /// All passed, but something was left behind.
    LeftBehind = 5,
    /// A bug of ours.
    Internal = 70,
    /// The user stopped it.
    Interrupted = 130,
}

impl Exit {
    /// The one that counts where both apply.
    #[must_use]
    pub(super) fn or(self, other: Self) -> Self {
        const ORDER: [Exit; 8] = [
            Exit::Interrupted,
            Exit::Internal,
            Exit::Usage,
            Exit::Target,
            Exit::Failed,
            Exit::LeftBehind,
            Exit::NothingRan,
            Exit::Passed,
        ];
        if ORDER.into_iter().find(|exit| [self, other].contains(exit)) == Some(other) {
            other
        } else {
            self
        }
    }
}

/// The list as `--help` shows it.
pub(super) const HELP: &str = "\
Exit codes:
  0    all passed
  1    a scenario failed
  2    usage or configuration; undefined or ambiguous steps (found before anything is booted); a
       report that can't be written
  3    the target can't be used
  4    nothing ran: nothing was selected, or everything was skipped
  5    all passed, but something was left behind; `whimbrel sweep` removes it
  70   a bug of whimbrel
  130  interrupted (once: cleaned up; twice: what is left is printed)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
