//! Where a run's events go: the console, and files.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::{Args, ValueEnum};
use terminal_size::terminal_size_of;

use crate::events::stream::{Event, Listener};
use crate::report::Run as Told;
use crate::report::console::{Console, Options};
use crate::runner::{Problem, drawn};

use super::super::github::OnGitHub;
use super::super::output::{WhileRead, cannot_write};
use super::super::{Exit, Stop};
use super::kept::{self, Draw, Kept};
use super::record::{self, Record};

/// Which reports are made of a run, while it runs or later.
#[derive(Debug, Args)]
pub(in super::super) struct Reports {
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

/// Where a run is recorded.
#[derive(Debug, Args)]
pub(super) struct Recording {
    /// Records the run as Cucumber Messages, line by line; `-`: to standard output, and the console
    /// report to standard error
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    messages: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

impl Colour {
    fn choice(self, stream: &impl anstream::stream::RawStream) -> anstream::ColorChoice {
        match self {
            Self::Auto => anstream::AutoStream::choice(stream),
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
    }
}

/// The standard stream that the console report goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Shown {
    /// Standard output.
    Out,
    /// Standard error, because standard output holds something else.
    Err,
}

impl Shown {
    /// What is written there; closed by its reader, it takes everything and shows nothing.
    pub(in super::super) fn writer(self) -> Box<dyn Write> {
        match self {
            Self::Out => Box::new(WhileRead::new(io::stdout())),
            Self::Err => Box::new(WhileRead::new(io::stderr())),
        }
    }

    /// The console report can't be written there.
    pub(in super::super) fn cannot_take(self, error: &io::Error) -> Stop {
        let stream = match self {
            Self::Out => "standard output",
            Self::Err => "standard error",
        };
        cannot_write(stream, error)
    }

    /// Columns and rows, if it is a terminal.
    fn size(self) -> Option<(usize, usize)> {
        let size = match self {
            Self::Out => terminal_size_of(io::stdout()),
            Self::Err => terminal_size_of(io::stderr()),
        };
        size.map(|(columns, rows)| (columns.0.into(), rows.0.into()))
    }
}

impl Recording {
    /// Opens the record, before anything is run; `patience` as [`Record::open`] has it.
    pub(super) fn open(&self, patience: Duration) -> Result<Option<Record>, Stop> {
        self.messages.as_deref().map(|path| Record::open(path, patience)).transpose()
    }

    /// The record's file with its flag, unless it is standard output.
    pub(super) fn file(&self) -> Option<(&'static str, &Path)> {
        let path = self.messages.as_deref().filter(|path| path.as_os_str() != "-");
        path.map(|path| (record::FLAG, path))
    }

    /// Where that leaves the console report.
    pub(super) fn shown(&self) -> Shown {
        match &self.messages {
            Some(path) if path.as_os_str() == "-" => Shown::Err,
            _ => Shown::Out,
        }
    }
}

impl Reports {
    /// The files of reports that are written when all is over, with their flags.
    pub(in super::super) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.asked().map(|(flag, path, _)| (flag, path))
    }

    fn asked(&self) -> impl Iterator<Item = (&'static str, &Path, Draw)> {
        let all = [("--junit", &self.junit, kept::junit as Draw)];
        all.into_iter().filter_map(|(flag, path, draw)| Some((flag, path.as_deref()?, draw)))
    }

    /// Opens these files.
    pub(in super::super) fn open(&self) -> Result<Vec<Kept<'_>>, Stop> {
        self.asked().map(|(flag, path, draw)| Kept::open(flag, path, draw)).collect()
    }

    /// The console report, as the user wants it.
    pub(in super::super) fn console(&self, shown: Shown, live: bool) -> Console<Box<dyn Write>> {
        let (colour, terminal) = match shown {
            Shown::Out => (self.color.choice(&io::stdout()), io::stdout().is_terminal()),
            Shown::Err => (self.color.choice(&io::stderr()), io::stderr().is_terminal()),
        };
        let options =
            Options { colour, live: live && terminal, verbose: self.verbose, ..Options::default() };
        Console::new(shown.writer(), options)
    }

    /// What stops a run before it begins: drawn where a terminal shows it, and plain elsewhere.
    pub(super) fn refusal(&self, problems: &[Problem]) -> Stop {
        let stderr = io::stderr();
        if !stderr.is_terminal() {
            return Stop::with_all(Exit::Usage, problems);
        }
        let colour = self.color.choice(&stderr) != anstream::ColorChoice::Never;
        let width = terminal_size_of(&stderr).map_or(80, |(width, _)| width.0.into());
        let message = format!("nothing is run\n\n{}", drawn(problems, colour, width));
        Stop { exit: Exit::Usage, message }
    }

    /// Shows events until the run has said its last; whenever it is asked, who waits for what. What
    /// can't be shown is folded all the same.
    pub(super) fn tell(
        &self,
        hear: &Receiver<Event>,
        asked: &Receiver<()>,
        shown: Shown,
        github: Option<&OnGitHub>,
    ) -> (Told, io::Result<()>) {
        let mut console = self.console(shown, true);
        let mut written = github.map_or(Ok(()), |github| github.begin(shown));
        loop {
            if let Some((columns, rows)) = shown.size() {
                console.fit(columns, rows);
            }
            let told = match hear.recv_timeout(Duration::from_millis(100)) {
                Ok(event) => console.hear(&event),
                Err(RecvTimeoutError::Timeout) => console.tick(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            written = written.and(told);
            if asked.try_recv().is_ok() {
                written = written.and(console.tell_who_waits());
            }
        }
        written = written.and(console.finish());
        (console.run().clone(), written)
    }
}
