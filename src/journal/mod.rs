//! What a run makes and changes, written down before it does so.
//!
//! One file a run, one JSON object a line, each flushed to disk before the request that it speaks
//! of is sent. So whatever a run leaves behind, however it ended, `sweep` can find. The file is
//! locked while its run lives, and removed when nothing is left to undo.

mod disk;
mod entry;
mod ledger;
mod left;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::events::names::RunId;
use disk::Disk;
pub use entry::{
    Access, Account, Entry, Hold, ServiceBefore, ServiceSet, disabled_reason, run_that_disabled,
};
pub use ledger::{Ledger, ServiceChanged, Unsettled};
pub use left::{Blank, Heading, Left, Listed, Taken, listed};

/// A journal that can't be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the journal {}{} can't be {doing}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct JournalError {
    /// The file, or the folder of the journals.
    pub path: PathBuf,
    /// Counted from 1, where one line is at fault.
    pub line: Option<usize>,
    /// "written", "read" and the like.
    pub doing: &'static str,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl JournalError {
    /// Makes it of the system's error.
    fn at(path: &Path, line: Option<usize>, doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), line, doing, source }
    }
}

/// A cloud of `clouds.yaml` as a run uses it.
#[derive(Clone, Copy, Debug)]
pub struct Used<'a> {
    /// Its name.
    pub cloud: &'a str,
    /// What the name means.
    pub access: &'a Access,
}

/// The journal of the run that is going on; a clone writes the same one.
///
/// [`Self::scope`] gives a scenario its own: it writes the run's file, and [`Self::unsettled`]
/// knows only what the scenario wrote.
#[derive(Clone, Debug)]
pub struct Journal {
    run: RunId,
    file: Arc<Mutex<Inner>>,
    scope: Arc<Mutex<Ledger>>,
}

#[derive(Debug)]
struct Inner {
    /// `None`: the cloud ends with this process, so a later one could find nothing.
    disk: Option<Disk>,
    /// What all scopes wrote.
    ledger: Ledger,
}

impl Journal {
    fn new(run: RunId, disk: Option<Disk>, ledger: Ledger) -> Self {
        Self { run, file: Arc::new(Mutex::new(Inner { disk, ledger })), scope: Arc::default() }
    }

    /// The journal of a run that has ended, in which it is noted what is undone since.
    fn continued(run: RunId, disk: Disk, ledger: Ledger) -> Self {
        Self::new(run, Some(disk), ledger)
    }

    /// The same journal for one scenario.
    pub fn scope(&self) -> Self {
        Self { scope: Arc::default(), ..self.clone() }
    }

    /// A journal that ends with the process, for a cloud that does so too.
    pub fn in_memory(run: RunId) -> Self {
        Self::new(run, None, Ledger::default())
    }

    /// Begins the journal `RUN.jsonl` of `run` in `folder`, which is made if need be.
    ///
    /// # Errors
    ///
    /// If the file can't be made or written.
    pub fn create(
        folder: &Path,
        run: RunId,
        operator: Used<'_>,
        member: Option<Used<'_>>,
    ) -> Result<Self, JournalError> {
        let disk = Disk::create(folder, &format!("{run}.jsonl"))?;
        let journal = Self::new(run.clone(), Some(disk), Ledger::default());
        journal.write(Entry::Run {
            run,
            cloud: operator.cloud.to_owned(),
            access: Some(operator.access.clone()),
            member: member.map(|member| member.cloud.to_owned()),
            member_access: member.map(|member| member.access.clone()),
            started: jiff::Timestamp::now(),
        })?;
        Ok(journal)
    }

    /// The run that this journal is of.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Writes `entry` and returns when it is on the disk.
    ///
    /// # Errors
    ///
    /// If it can't be written; then what it speaks of must not be done. Where somebody has removed
    /// the file, that something is undone need not be written.
    pub fn write(&self, entry: Entry) -> Result<(), JournalError> {
        let mut inner = self.lock();
        if let Some(disk) = &mut inner.disk {
            let mut line = serde_json::to_vec(&entry).expect("entries are always JSON");
            line.push(b'\n');
            match disk.append(&line) {
                Err(_) if entry.is_undone() && disk.is_gone() => {}
                appended => appended?,
            }
        }
        inner.ledger.take(entry.clone());
        self.scope.lock().unwrap_or_else(PoisonError::into_inner).take(entry);
        Ok(())
    }

    /// What this scope made or changed and did not undo yet.
    pub fn unsettled(&self) -> Unsettled {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner).unsettled()
    }

    /// What all scopes made or changed and did not undo yet.
    pub fn unsettled_in_all(&self) -> Unsettled {
        self.lock().ledger.unsettled()
    }

    /// Where the journal is, if it outlives the process and nobody has removed it.
    pub fn path(&self) -> Option<PathBuf> {
        self.lock().disk.as_ref().filter(|disk| !disk.is_gone()).map(|disk| disk.path.clone())
    }

    /// Ends the journal: the file is removed if nothing is left to undo, and kept otherwise.
    ///
    /// # Errors
    ///
    /// If the file can't be removed.
    pub fn close(self) -> Result<Unsettled, JournalError> {
        let unsettled = self.unsettled_in_all();
        if unsettled.is_empty() {
            self.remove()?;
        }
        Ok(unsettled)
    }

    fn remove(&self) -> Result<(), JournalError> {
        self.lock().disk.as_ref().map_or(Ok(()), Disk::remove)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
