//! A journal's file: locked while it is held, written in whole lines.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::JournalError;

/// The file, locked.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    file: File,
    /// How long the file is up to its last whole line.
    whole: u64,
}

/// Whether a file could be taken over.
#[derive(Debug)]
pub(super) enum Held {
    /// Yes; with its whole lines.
    Free(Disk, Vec<u8>),
    /// Somebody else has locked it.
    InUse,
    /// It is no more.
    Gone,
}

impl Disk {
    /// Makes the file `name` in `folder`, and the folder if need be.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, JournalError> {
        let path = folder.join(name);
        let failed = |doing| JournalError::at(&path, None, doing);
        std::fs::create_dir_all(folder).map_err(failed("made"))?;
        let file = loop {
            let mut options = OpenOptions::new();
            let file = options.create_new(true).read(true).append(true).open(&path);
            let file = file.map_err(failed("made"))?;
            file.lock().map_err(failed("locked"))?;
            // A sweep that came between the two has removed it, as that of a run which died there.
            if is_linked(&file).map_err(failed("locked"))? {
                break file;
            }
        };
        sync_folder(folder).map_err(failed("written"))?;
        Ok(Self { path, file, whole: 0 })
    }

    /// Takes over the file of a run that has ended.
    pub(super) fn take_over(path: &Path) -> Result<Held, JournalError> {
        let failed = |doing| JournalError::at(path, None, doing);
        let mut file = match OpenOptions::new().read(true).append(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Held::Gone),
            opened => opened.map_err(failed("read"))?,
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(Held::InUse),
            Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
            Ok(()) => {}
        }
        if !is_linked(&file).map_err(failed("read"))? {
            return Ok(Held::Gone);
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed("read"))?;
        // What stands behind the last whole line was cut short by a kill; what it speaks of was
        // never sent.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.truncate(whole);
        Ok(Held::Free(Self { path: path.to_owned(), file, whole: whole as u64 }, text))
    }

    /// Writes one line and returns when it is on the disk; a line that can't be written whole
    /// leaves nothing.
    pub(super) fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        self.try_append(line).map_err(JournalError::at(&self.path, None, "written"))
    }

    fn try_append(&mut self, line: &[u8]) -> io::Result<()> {
        let seen = self.file.metadata()?;
        if seen.nlink() == 0 {
            let why = "it has been removed; nothing more is made";
            return Err(io::Error::new(ErrorKind::NotFound, why));
        }
        match seen.len().cmp(&self.whole) {
            Ordering::Equal => {}
            Ordering::Greater => self.file.set_len(self.whole)?,
            // To lengthen it would fill it with zeros, which nobody can read.
            Ordering::Less => {
                let why = "somebody else has shortened it; nothing more is made";
                return Err(io::Error::new(ErrorKind::InvalidData, why));
            }
        }
        if let Err(error) = self.file.write_all(line).and_then(|()| self.file.sync_data()) {
            // Where even this fails, the next line cuts it, or whoever reads the file.
            drop(self.file.set_len(self.whole));
            return Err(error);
        }
        self.whole += line.len() as u64;
        Ok(())
    }

    /// Whether somebody has removed the file, or put another in its place.
    pub(super) fn is_gone(&self) -> bool {
        // What can't be found out shows when it is written to.
        !is_linked(&self.file).unwrap_or(true)
    }

    /// Removes the file; one that is gone already is fine.
    pub(super) fn remove(&self) -> Result<(), JournalError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(JournalError::at(&self.path, None, "removed")),
        }
    }
}

/// Whether the file still has a name.
fn is_linked(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() > 0)
}

/// Makes sure that a new file is found after the power failed. Some file systems do that by
/// themselves and refuse to be told.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}
