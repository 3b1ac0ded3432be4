//! Where a run's events go: the console, and files.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::{Args, ValueEnum};
use terminal_size::terminal_size_of;

use crate::events::stream::{Event, Listener};
use crate::report::console::{Console, Options};
use crate::report::{Run as Told, junit};
use crate::runner::{Problem, drawn};

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
    fn choice(self, out: &impl anstream::stream::RawStream) -> anstream::ColorChoice {
        match self {
            Self::Auto => anstream::AutoStream::choice(out),
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

    /// What stops a run before it begins: drawn where a terminal shows it, and plain elsewhere.
    pub(super) fn refuse(&self, problems: &[Problem]) -> Stop {
        let stderr = io::stderr();
        if !stderr.is_terminal() {
            return Stop::with_all(Exit::Usage, problems);
        }
        let colour = self.color.choice(&stderr) != anstream::ColorChoice::Never;
        let width = terminal_size_of(&stderr).map_or(80, |(width, _)| width.0.into());
        let message = format!("nothing is run\n\n{}", drawn(problems, colour, width));
        Stop { exit: Exit::Usage, message }
    }

    /// Shows events until the run has said its last; whenever it is asked, who waits for what.
    pub(super) fn tell(
        &self,
        hear: &Receiver<Event>,
        asked: &Receiver<()>,
        shape: Shape,
    ) -> io::Result<Told> {
        let stdout = io::stdout();
        let colour = self.color.choice(&stdout);
        let size = || terminal_size_of(io::stdout()).map(|(width, height)| (width.0, height.0));
        let options = Options {
            colour,
            live: stdout.is_terminal(),
            verbose: self.verbose,
            heading: shape.heading,
            rerun_prefix: shape.rerun_prefix,
            side_by_side: shape.side_by_side,
            ..Options::default()
        };
        let mut console = Console::new(WhileRead::new(stdout.lock()), options);
        loop {
            if let Some((width, height)) = size() {
                console.fit(width.into(), height.into());
            }
            match hear.recv_timeout(Duration::from_millis(100)) {
                Ok(event) => console.hear(&event)?,
                Err(RecvTimeoutError::Timeout) => console.tick()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if asked.try_recv().is_ok() {
                console.tell_who_waits()?;
            }
        }
        console.finish()?;
        Ok(console.run().clone())
    }
}

/// What a console report is told of its run.
pub(super) struct Shape {
    /// The first lines.
    pub(super) heading: Vec<String>,
    /// The command that runs a scenario again.
    pub(super) rerun_prefix: String,
    /// Whether scenarios of several features may end in turn.
    pub(super) side_by_side: bool,
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
