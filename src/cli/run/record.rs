//! The record of a run: its messages, line by line, as they are said.
//!
//! A thread of its own writes it, and whoever says something waits until that is written. Where the
//! reader of a pipe takes nothing, the run stands still, says so, and lets the record go once it is
//! stopped: clean-up waits for no reader.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::events::messages::{Envelope, ndjson};
use crate::events::stream::{Event, Speaker};
use crate::runner::Cancelled;

use super::super::output::tell;
use super::super::{Exit, Outcome, Stop};
use super::kept::{cannot_write, created};

pub(super) const FLAG: &str = "--messages";

/// A record that was opened before anything is run, empty.
pub(super) struct Record {
    path: PathBuf,
    out: Box<dyn Write + Send>,
    patience: Duration,
}

/// Whether a record could not be written, and why.
#[derive(Clone, Default)]
pub(super) struct Broken(Arc<OnceLock<Stop>>);

impl Record {
    /// Opens it. A line that takes `patience` is told; once the run is stopped, the record is let go
    /// after as long.
    pub(super) fn open(path: &Path, patience: Duration) -> Result<Self, Stop> {
        let out: Box<dyn Write + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdout())
        } else {
            Box::new(created(FLAG, path)?)
        };
        Ok(Self { path: path.to_owned(), out, patience })
    }

    /// Starts the thread that writes.
    fn begin(self, notes: Sender<Event>, cancelled: Cancelled) -> Result<Writing, Stop> {
        let Self { path, mut out, patience } = self;
        let (lines, to_write) = channel::<Envelope>();
        let (tell, written) = channel();
        let write = move || {
            for envelope in to_write {
                if tell.send(ndjson::write(&mut *out, &envelope)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("record".to_owned()).spawn(write);
        thread.map_err(|error| cannot_write(FLAG, &path, &error))?;
        Ok(Writing { path, patience, lines, written, notes, cancelled, broken: Broken::default() })
    }
}

/// A record that is being written.
struct Writing {
    path: PathBuf,
    patience: Duration,
    lines: Sender<Envelope>,
    written: Receiver<io::Result<()>>,
    /// Where those who watch are told that it stands still.
    notes: Sender<Event>,
    cancelled: Cancelled,
    broken: Broken,
}

impl Writing {
    /// Writes a message. After the first that can't be written no other is tried: a gap, or half a
    /// line among whole ones, would be worse than an early end. The run goes on and cleans up.
    fn take(&self, envelope: &Envelope) {
        if self.broken.0.get().is_some() {
            return;
        }
        // Without a thread to take it, none will answer either.
        drop(self.lines.send(envelope.clone()));
        if let Err(error) = self.wait() {
            let stop = cannot_write(FLAG, &self.path, &error);
            tell(format_args!("whimbrel: {}; the run goes on without its record", stop.message));
            // It was empty a moment ago, and nobody else writes.
            drop(self.broken.0.set(stop));
        }
    }

    /// Waits until the line is written, or need not be any more.
    fn wait(&self) -> io::Result<()> {
        let began = Instant::now();
        let mut told = false;
        let mut stopped = None;
        loop {
            match self.written.recv_timeout(Duration::from_millis(100)) {
                Ok(written) => return written,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the thread that writes it has ended"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.cancelled.is_cancelled() {
                let since: &mut Instant = stopped.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.patience {
                    let why =
                        format!("no line was taken for {:.1} s", began.elapsed().as_secs_f64());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            }
            if !told && began.elapsed() >= self.patience {
                told = true;
                // Whoever has ended hears no more.
                drop(self.notes.send(Event::Noted(self.standstill())));
            }
        }
    }

    fn standstill(&self) -> String {
        format!(
            "the record ({FLAG} {}) has not taken a line for {:?}\n  the run stands still until its \
             reader reads on; Ctrl-C lets the record go, and cleans up",
            self.path.display(),
            self.patience
        )
    }
}

/// A voice that is recorded before it is heard, and what will tell how that went.
pub(super) fn speaker(
    record: Option<Record>,
    channel: Sender<Event>,
    cancelled: Cancelled,
) -> Result<(Speaker, Broken), Stop> {
    let Some(record) = record else {
        return Ok((Speaker::into_channel(channel), Broken::default()));
    };
    let writing = record.begin(channel.clone(), cancelled)?;
    let broken = writing.broken.clone();
    Ok((Speaker::recorded(move |envelope| writing.take(envelope), channel), broken))
}

impl Broken {
    /// The exit code for it; the message was told when it happened.
    pub(super) fn outcome(&self) -> Outcome {
        Ok(self.0.get().map_or(Exit::Passed, |stop| stop.exit))
    }
}
