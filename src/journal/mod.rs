//! What a run makes and changes, written down before it does so.
//!
//! One file a run, one JSON object a line, each flushed to disk before the request that it speaks
//! of is sent. So whatever a run leaves behind, however it ended, `sweep` can find. The file is
//! locked while its run lives, and removed when nothing is left to undo.

mod ledger;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::events::names::{ComputeName, RunId, ServerId};
pub use ledger::{Ledger, Unsettled};

/// Whose credentials a thing was made with; it is found and removed with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Account {
    /// The cloud that the run was pointed at.
    Operator,
    /// The plain member beside it (setting `member`).
    Member,
}

/// What a compute's service was before a run changed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceBefore {
    /// Whether the scheduler might choose it.
    pub enabled: bool,
    /// The reason that stood with a disabled service.
    pub disabled_reason: Option<String>,
    /// Whether it was forced down.
    pub forced_down: bool,
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum Entry {
    /// The first line: which run on which cloud.
    Run {
        /// The run.
        run: RunId,
        /// The cloud's name in `clouds.yaml`.
        cloud: String,
        /// The name in `clouds.yaml` of the plain member's view of it, if the run had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<String>,
        /// When the run began.
        started: jiff::Timestamp,
    },
    /// Instances of this name are about to be created; the cloud appends `-1`, `-2`, … where one
    /// request asks for several.
    Creating {
        /// With whose credentials.
        account: Account,
        /// The unique name that the request carries.
        name: String,
    },
    /// Such an instance was seen.
    Created {
        /// The name of the request.
        name: String,
        /// The instance.
        id: ServerId,
    },
    /// Nothing that was created under this name is left.
    Removed {
        /// The name of the request.
        name: String,
    },
    /// A compute's service is about to be changed.
    Changing {
        /// The compute.
        compute: ComputeName,
        /// What it was; only the first such line of a compute counts.
        before: ServiceBefore,
    },
    /// A compute's service is as it was.
    Restored {
        /// The compute.
        compute: ComputeName,
    },
}

/// A journal that can't be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the journal {} can't be {doing}", path.display())]
pub struct JournalError {
    /// The file, or the folder of the journals.
    pub path: PathBuf,
    /// "written", "read" and the like.
    pub doing: &'static str,
    /// Why.
    #[source]
    pub source: io::Error,
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
    file: Option<(PathBuf, File)>,
    /// What all scopes wrote.
    ledger: Ledger,
}

impl Journal {
    fn new(run: RunId, file: Option<(PathBuf, File)>) -> Self {
        let file = Arc::new(Mutex::new(Inner { file, ledger: Ledger::default() }));
        Self { run, file, scope: Arc::default() }
    }

    /// The same journal for one scenario.
    pub fn scope(&self) -> Self {
        Self { scope: Arc::default(), ..self.clone() }
    }

    /// A journal that ends with the process, for a cloud that does so too.
    pub fn in_memory(run: RunId) -> Self {
        Self::new(run, None)
    }

    /// Begins the journal `RUN.jsonl` of `run` in `folder`, which is made if need be; `cloud` and
    /// `member` are names in `clouds.yaml`.
    ///
    /// # Errors
    ///
    /// If the file can't be made or written.
    pub fn create(
        folder: &Path,
        run: RunId,
        cloud: &str,
        member: Option<&str>,
    ) -> Result<Self, JournalError> {
        let path = folder.join(format!("{run}.jsonl"));
        let failed = |doing| {
            let path = path.clone();
            move |source| JournalError { path, doing, source }
        };
        std::fs::create_dir_all(folder).map_err(failed("made"))?;
        let file =
            OpenOptions::new().create_new(true).append(true).open(&path).map_err(failed("made"))?;
        file.lock().map_err(failed("locked"))?;
        let journal = Self::new(run.clone(), Some((path, file)));
        journal.write(Entry::Run {
            run,
            cloud: cloud.to_owned(),
            member: member.map(str::to_owned),
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
    /// If it can't be written; then what it speaks of must not be done.
    pub fn write(&self, entry: Entry) -> Result<(), JournalError> {
        let mut inner = self.lock();
        if let Some((path, file)) = &mut inner.file {
            let mut line = serde_json::to_vec(&entry).expect("entries are always JSON");
            line.push(b'\n');
            let written = file.write_all(&line).and_then(|()| file.sync_data());
            written.map_err(|source| JournalError {
                path: path.clone(),
                doing: "written",
                source,
            })?;
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

    /// Where the journal is, if it outlives the process.
    pub fn path(&self) -> Option<PathBuf> {
        self.lock().file.as_ref().map(|(path, _)| path.clone())
    }

    /// Ends the journal: the file is removed if nothing is left to undo, and kept otherwise.
    ///
    /// # Errors
    ///
    /// If the file can't be removed.
    pub fn close(self) -> Result<Unsettled, JournalError> {
        let inner = self.lock();
        let unsettled = inner.ledger.unsettled();
        if let (true, Some((path, _))) = (unsettled.is_empty(), &inner.file) {
            remove(path)?;
        }
        Ok(unsettled)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(path: &Path) -> Result<(), JournalError> {
    std::fs::remove_file(path).map_err(|source| JournalError {
        path: path.to_owned(),
        doing: "removed",
        source,
    })
}

/// The journal of a run that has ended, held so that nobody else sweeps it at the same time.
#[derive(Debug)]
pub struct Left {
    /// The file.
    pub path: PathBuf,
    /// The run.
    pub run: RunId,
    /// The cloud's name in `clouds.yaml`.
    pub cloud: String,
    /// The name of the plain member's view of it, if the run had one.
    pub member: Option<String>,
    /// When the run began.
    pub started: jiff::Timestamp,
    /// What it made or changed and did not undo.
    pub unsettled: Unsettled,
    _lock: File,
}

impl Left {
    /// Removes the journal, because what it speaks of is undone.
    ///
    /// # Errors
    ///
    /// If the file can't be removed.
    pub fn settled(self) -> Result<(), JournalError> {
        remove(&self.path)
    }
}

/// The journals in `folder` whose runs have ended. Those of living runs are passed over.
///
/// # Errors
///
/// If a journal can't be read. A last line that was cut short by a kill is left out: what it
/// speaks of was never sent.
pub fn left_in(folder: &Path) -> Result<Vec<Left>, JournalError> {
    let failed = |source| JournalError { path: folder.to_owned(), doing: "listed", source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut left = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            left.extend(read(&path)?);
        }
    }
    left.sort_by_key(|left| left.started);
    Ok(left)
}

/// Reads one journal; `None` if its run still lives, or died before it wrote anything.
fn read(path: &Path) -> Result<Option<Left>, JournalError> {
    let failed = |doing| move |source| JournalError { path: path.to_owned(), doing, source };
    let file = File::open(path).map_err(failed("read"))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
        Ok(()) => {}
    }
    let text = std::fs::read_to_string(path).map_err(failed("read"))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut ledger = Ledger::default();
    let mut began = None;
    for line in whole.lines() {
        let entry = serde_json::from_str(line).map_err(io::Error::from).map_err(failed("read"))?;
        match entry {
            Entry::Run { run, cloud, member, started } => {
                began = Some((run, cloud, member, started));
            }
            entry => ledger.take(entry),
        }
    }
    Ok(began.map(|(run, cloud, member, started)| Left {
        path: path.to_owned(),
        run,
        cloud,
        member,
        started,
        unsettled: ledger.unsettled(),
        _lock: file,
    }))
}
