//! Reports that are written when all is over.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::report;

use super::super::{Exit, Outcome, Stop};

/// Makes the text of a report.
pub(super) type Draw = fn(&report::Run) -> Result<String, Stop>;

/// The run as JUnit XML.
pub(super) fn junit(told: &report::Run) -> Result<String, Stop> {
    report::junit(told).map_err(|error| Stop::new(Exit::Internal, &error))
}

/// The file of a report, opened before anything is run: a run of hours is not to end without the
/// report that was asked for, and no report of an earlier run is to pass for this one's.
pub(in super::super) struct Kept<'a> {
    flag: &'static str,
    path: &'a Path,
    file: File,
    draw: Draw,
}

impl<'a> Kept<'a> {
    pub(super) fn open(flag: &'static str, path: &'a Path, draw: Draw) -> Result<Self, Stop> {
        Ok(Self { flag, path, file: created(flag, path)?, draw })
    }

    /// Writes the report of what was told.
    pub(in super::super) fn write(mut self, told: &report::Run) -> Outcome {
        let text = (self.draw)(told)?;
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| cannot_write(self.flag, self.path, &error))?;
        Ok(Exit::Passed)
    }
}

/// An empty file, with the folders that it is in.
pub(super) fn created(flag: &str, path: &Path) -> Result<File, Stop> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let file = folder.and_then(|()| File::create(path));
    file.map_err(|error| cannot_write(flag, path, &error))
}

pub(super) fn cannot_write(flag: &str, path: &Path, error: &io::Error) -> Stop {
    Stop { exit: Exit::Usage, message: format!("{flag} {}: {error}", path.display()) }
}
