//! The journals of runs that have ended.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::disk::Disk;
use super::{Access, Entry, Journal, JournalError, Ledger, Unsettled};
use crate::events::names::RunId;

/// What a folder of journals holds, but for those of living runs.
#[derive(Debug, Default)]
pub struct Found {
    /// Journals that can be swept, the oldest first.
    pub left: Vec<Left>,
    /// Journals of runs that died before they wrote anything.
    pub blank: Vec<Blank>,
    /// Journals that can't be read.
    pub broken: Vec<JournalError>,
}

/// The journal of a run that has ended, held so that nobody else sweeps it at the same time.
#[derive(Debug)]
pub struct Left {
    /// The run.
    pub run: RunId,
    /// The cloud's name in `clouds.yaml`.
    pub cloud: String,
    /// What that name meant to the run; `None` in an old journal.
    pub access: Option<Access>,
    /// The name of the plain member's view of it, if the run had one.
    pub member: Option<String>,
    /// What the member's name meant to the run; `None` in an old journal.
    pub member_access: Option<Access>,
    /// When the run began.
    pub started: jiff::Timestamp,
    /// What it made or changed and did not undo.
    pub unsettled: Unsettled,
    journal: Journal,
}

impl Left {
    /// The journal itself, to note what is undone.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Removes the journal, because what it speaks of is undone.
    ///
    /// # Errors
    ///
    /// If the file can't be removed.
    pub fn settled(self) -> Result<(), JournalError> {
        self.journal.remove()
    }

    fn read(disk: Disk, text: &[u8]) -> Result<Self, JournalError> {
        let failed = |index| JournalError::at(&disk.path, Some(index + 1), "read");
        let mut entries =
            text.trim_ascii_end().split(|byte| *byte == b'\n').enumerate().map(|(index, line)| {
                serde_json::from_slice(line).map_err(io::Error::from).map_err(failed(index))
            });
        let first = entries.next().transpose()?;
        let Some(Entry::Run { run, cloud, access, member, member_access, started }) = first else {
            let why = "the first line does not tell which run it is of";
            return Err(failed(0)(io::Error::new(ErrorKind::InvalidData, why)));
        };
        let mut ledger = Ledger::default();
        for entry in entries {
            ledger.take(entry?);
        }
        let unsettled = ledger.unsettled();
        let journal = Journal::continued(run.clone(), disk, ledger);
        Ok(Self { run, cloud, access, member, member_access, started, unsettled, journal })
    }
}

/// The journal of a run that died before it wrote its first line, and so before it did anything.
#[derive(Debug)]
pub struct Blank(Disk);

impl Blank {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Removes it.
    ///
    /// # Errors
    ///
    /// If the file can't be removed.
    pub fn remove(self) -> Result<(), JournalError> {
        self.0.remove()
    }
}

/// The journals in `folder` whose runs have ended. Those of living runs are passed over.
///
/// # Errors
///
/// If the folder can't be listed; no folder at all is an empty one. A journal that can't be read
/// does not hide the others.
pub fn left_in(folder: &Path) -> Result<Found, JournalError> {
    let failed = JournalError::at(folder, None, "listed");
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::default()),
        entries => entries.map_err(&failed)?,
    };
    let mut found = Found::default();
    for entry in entries {
        let path = entry.map_err(&failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.take(&path);
        }
    }
    found.left.sort_by_key(|left| left.started);
    found.broken.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

impl Found {
    /// Takes one journal. One that is gone by now was settled by somebody else.
    pub(super) fn take(&mut self, path: &Path) {
        match Disk::take_over(path) {
            Ok(None) => {}
            Ok(Some((disk, text))) if text.is_empty() => self.blank.push(Blank(disk)),
            Ok(Some((disk, text))) => match Left::read(disk, &text) {
                Ok(left) => self.left.push(left),
                Err(error) => self.broken.push(error),
            },
            Err(error) => self.broken.push(error),
        }
    }
}
