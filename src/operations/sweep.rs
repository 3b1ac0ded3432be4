//! Removing what runs left behind that could not clean up any more.

use crate::control::Cloud;
use crate::journal::{JournalError, Left};

use super::clean_up::{self, LeftBehind};

/// What came of one journal.
#[derive(Debug)]
pub enum Swept {
    /// Everything that it speaks of is undone, and the journal is removed.
    Settled,
    /// Something is still there; the journal stays.
    Unsettled(LeftBehind),
}

/// Undoes what the journal `left` speaks of; `cloud` must be opened for the run that wrote it.
///
/// # Errors
///
/// If the journal can't be removed.
pub async fn sweep(cloud: &Cloud, left: Left) -> Result<Swept, JournalError> {
    match clean_up::undo(cloud, &left.unsettled).await {
        Ok(()) => left.settled().map(|()| Swept::Settled),
        Err(behind) => Ok(Swept::Unsettled(behind)),
    }
}
