//! The journals of runs that have ended.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::disk::{Disk, Held};
use super::{Access, Entry, Journal, JournalError, Ledger, Unsettled};
use crate::events::names::{NAMES, RunId};

/// A journal in its folder, whoever may be writing it.
#[derive(Debug)]
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// When something was last written to it.
    pub written: jiff::Timestamp,
    /// Its first line, which never changes; `None` if that is not written yet or can't be read.
    pub heading: Option<Heading>,
}

/// What the first line of a journal says, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The run.
    pub run: RunId,
    /// The cloud's name in `clouds.yaml`.
    pub cloud: String,
    /// When the run began.
    pub started: jiff::Timestamp,
}

/// What a journal is when it is to be swept.
#[derive(Debug)]
pub enum Taken {
    /// Its run has ended; it is held now.
    Left(Box<Left>),
    /// Its run has ended before it did anything; it is held now.
    Blank(Blank),
    /// Somebody else holds it: its run, which still lives, or another sweep.
    InUse,
    /// It was removed meanwhile, so all of it is undone.
    Gone,
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
    /// The journal itself, to note what is undone. Whoever keeps it holds the file.
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
        let mut lines = text.trim_ascii_end().split(|byte| *byte == b'\n').enumerate();
        let first = lines.next().map(|(index, line)| entry(line).map_err(failed(index)));
        let Some(Entry::Run { run, cloud, access, member, member_access, started }) =
            first.transpose()?
        else {
            let why = "the first line does not tell which run it is of";
            return Err(failed(0)(io::Error::new(ErrorKind::InvalidData, why)));
        };
        let mut ledger = Ledger::default();
        for (index, line) in lines {
            let entry = entry(line).and_then(|entry| of_run(&run, entry));
            ledger.take(entry.map_err(failed(index))?);
        }
        let unsettled = ledger.unsettled();
        let journal = Journal::continued(run.clone(), disk, ledger);
        Ok(Self { run, cloud, access, member, member_access, started, unsettled, journal })
    }
}

/// Reads a whole line.
fn entry(line: &[u8]) -> io::Result<Entry> {
    /// What every entry has, also those that other versions write.
    #[derive(Deserialize)]
    struct Tagged {
        entry: String,
    }
    serde_json::from_slice(line).map_err(|error| {
        let why = match serde_json::from_slice(line) {
            Ok(Tagged { entry }) => format!(
                "it holds an entry {entry:?} as this version ({}) does not write it ({error}); \
                 sweep it with the version that wrote it",
                env!("CARGO_PKG_VERSION")
            ),
            Err(_) => format!("the line is no entry: {error}"),
        };
        io::Error::new(ErrorKind::InvalidData, why)
    })
}

/// Refuses an entry about instances whose name the run would never have given: nothing is looked for
/// by it.
fn of_run(run: &RunId, entry: Entry) -> io::Result<Entry> {
    match entry.request() {
        Some(name) if RunId::named_in(name).as_ref() != Some(run) => {
            let why = format!(
                "{name:?} is no name of ours; those of this run are {NAMES}{run}-NUMBER-NAME"
            );
            Err(io::Error::new(ErrorKind::InvalidData, why))
        }
        _ => Ok(entry),
    }
}

/// The journal of a run that died before it wrote its first line, and so before it did anything.
#[derive(Debug)]
pub struct Blank(Disk);

impl Blank {
    /// Removes it.
    ///
    /// # Errors
    ///
    /// If the file can't be removed.
    pub fn remove(self) -> Result<(), JournalError> {
        self.0.remove()
    }
}

/// The journals in `folder`, the oldest run first. None is held, so those of living runs are among
/// them.
///
/// # Errors
///
/// If the folder can't be listed; no folder at all is an empty one.
pub fn listed(folder: &Path) -> Result<Vec<Listed>, JournalError> {
    let failed = JournalError::at(folder, None, "listed");
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(&failed)?,
    };
    let mut listed = Vec::new();
    for entry in entries {
        let path = entry.map_err(&failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            listed.extend(Listed::look(path)?);
        }
    }
    listed.sort_by(|one, other| one.order().cmp(&other.order()));
    Ok(listed)
}

impl Listed {
    /// Looks at a journal; `None` if it was removed meanwhile.
    pub(super) fn look(path: PathBuf) -> Result<Option<Self>, JournalError> {
        let failed = |source| JournalError::at(&path, None, "read")(source);
        let written = match std::fs::metadata(&path).and_then(|seen| seen.modified()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            written => written.map_err(failed)?,
        };
        let written = jiff::Timestamp::try_from(written)
            .map_err(|error| failed(io::Error::new(ErrorKind::InvalidData, error)))?;
        // What can't be read is told when the journal is taken.
        let heading = std::fs::read(&path).ok().and_then(|text| Heading::of(&text));
        Ok(Some(Self { path, written, heading }))
    }

    /// The run that it is of, by its first line, else by the file's name.
    pub fn run(&self) -> Option<&str> {
        let named = || self.path.file_stem()?.to_str();
        self.heading.as_ref().map(|heading| heading.run.as_str()).or_else(named)
    }

    fn order(&self) -> (Option<jiff::Timestamp>, &Path) {
        (self.heading.as_ref().map(|heading| heading.started), &self.path)
    }

    /// Takes the journal to sweep it; it is held as long as what is returned lives.
    ///
    /// # Errors
    ///
    /// If it can't be read; with the line, where one is at fault. Nothing of it is to be undone
    /// then, because what can't be read may matter.
    pub fn take(&self) -> Result<Taken, JournalError> {
        Ok(match Disk::take_over(&self.path)? {
            Held::Gone => Taken::Gone,
            Held::InUse => Taken::InUse,
            Held::Free(disk, text) if text.is_empty() => Taken::Blank(Blank(disk)),
            Held::Free(disk, text) => Taken::Left(Box::new(Left::read(disk, &text)?)),
        })
    }
}

impl Heading {
    fn of(text: &[u8]) -> Option<Self> {
        let line = &text[..text.iter().position(|byte| *byte == b'\n')?];
        match entry(line).ok()? {
            Entry::Run { run, cloud, started, .. } => Some(Self { run, cloud, started }),
            _ => None,
        }
    }
}
