//! Where a run's events go: the console, and files.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::events::stream::{Event, Listener};
use crate::report::console::{Console, Options};
use crate::report::{Run as Told, junit};

use super::super::output::WhileRead;
use super::super::{Exit, Outcome, Stop};

/// Which reports are made.
#[derive(Debug, Args)]
pub(super) struct Reports {
    /// Writes a JUnit report
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    junit: Option<PathBuf>,
    /// Shows every step
    #[arg(short, long, help_heading = "Reports")]
    verbose: bool,
    /// Whether the console report is coloured
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Reports")]
    color: Colour,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

impl Colour {
    fn choice(self) -> anstream::ColorChoice {
        match self {
            Self::Auto => anstream::AutoStream::choice(&io::stdout()),
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
    }
}

impl Reports {
    /// Opens the files, before anything is run.
    pub(super) fn open(&self) -> Result<Files<'_>, Stop> {
        Ok(Files { junit: self.junit.as_deref().map(JunitFile::open).transpose()? })
    }

    /// Shows events until the run has said its last.
    pub(super) fn tell(
        &self,
        hear: &Receiver<Event>,
        heading: Vec<String>,
        rerun_prefix: String,
    ) -> io::Result<Told> {
        let colour = self.color.choice();
        let stdout = io::stdout();
        let options = Options {
            colour,
            live: stdout.is_terminal(),
            verbose: self.verbose,
            heading,
            rerun_prefix,
            ..Options::default()
        };
        let mut console = Console::new(WhileRead::new(stdout.lock()), options);
        loop {
            match hear.recv_timeout(Duration::from_millis(100)) {
                Ok(event) => console.hear(&event)?,
                Err(RecvTimeoutError::Timeout) => console.tick()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        console.finish()?;
        Ok(console.run().clone())
    }
}

/// The files that reports go to.
pub(super) struct Files<'a> {
    junit: Option<JunitFile<'a>>,
}

impl Files<'_> {
    /// Writes what is written when all is over.
    pub(super) fn write(self, told: &Told) -> Outcome {
        self.junit.map_or(Ok(Exit::Passed), |file| file.write(told))
    }
}

/// The file of a JUnit report, opened before anything is run: a run of hours is not to end without
/// the report that was asked for, and no report of an earlier run is to pass for this one's.
struct JunitFile<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> JunitFile<'a> {
    fn open(path: &'a Path) -> Result<Self, Stop> {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let file = folder.and_then(|()| File::create(path));
        file.map(|file| Self { path, file }).map_err(|error| cannot_write(path, &error))
    }

    fn write(mut self, told: &Told) -> Outcome {
        let xml = junit(told).map_err(|error| Stop::new(Exit::Internal, &error))?;
        self.file.write_all(xml.as_bytes()).map_err(|error| cannot_write(self.path, &error))?;
        Ok(Exit::Passed)
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Stop {
    Stop { exit: Exit::Usage, message: format!("--junit {}: {error}", path.display()) }
}
