//! The record of a run: its messages, line by line, as they are said.

use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use crate::events::messages::{Envelope, ndjson};
use crate::events::stream::{Event, Speaker};

use super::super::output::{WhileRead, tell};
use super::super::{Exit, Outcome, Stop};
use super::kept::{cannot_write, created};

const FLAG: &str = "--messages";

/// A record that was opened before anything is run, empty.
pub(super) struct Record {
    name: String,
    out: Box<dyn Write + Send>,
    broken: Broken,
}

/// Whether a record could not be written, and why.
#[derive(Clone, Default)]
pub(super) struct Broken(Arc<OnceLock<Stop>>);

impl Record {
    pub(super) fn open(path: &Path) -> Result<Self, Stop> {
        let out: Box<dyn Write + Send> = if path.as_os_str() == "-" {
            Box::new(WhileRead::new(io::stdout()))
        } else {
            Box::new(created(FLAG, path)?)
        };
        Ok(Self { name: path.display().to_string(), out, broken: Broken::default() })
    }

    /// Writes a message. After the first that can't be written no other is tried: a gap, or half a
    /// line among whole ones, would be worse than an early end. The run goes on and cleans up.
    fn take(&mut self, envelope: &Envelope) {
        if self.broken.0.get().is_some() {
            return;
        }
        if let Err(error) = ndjson::write(&mut *self.out, envelope) {
            let stop = cannot_write(FLAG, Path::new(&self.name), &error);
            tell(format_args!("whimbrel: {}; the run goes on without its record", stop.message));
            // It was empty a moment ago, and nobody else writes.
            drop(self.broken.0.set(stop));
        }
    }
}

/// A voice that is recorded before it is heard, and what will tell how that went.
pub(super) fn speaker(record: Option<Record>, channel: Sender<Event>) -> (Speaker, Broken) {
    let Some(mut record) = record else {
        return (Speaker::into_channel(channel), Broken::default());
    };
    let broken = record.broken.clone();
    (Speaker::recorded(move |envelope| record.take(envelope), channel), broken)
}

impl Broken {
    /// The exit code for it; the message was told when it happened.
    pub(super) fn outcome(&self) -> Outcome {
        Ok(self.0.get().map_or(Exit::Passed, |stop| stop.exit))
    }
}
