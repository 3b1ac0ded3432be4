//! The log of `whimbrel cloud`, written by a thread of its own: however slowly it is read, the
//! cloud does not wait for it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use crate::sim::{LogLine, LogSink};

/// How many lines may wait for the writer; those that come then are lost, and counted.
const WAITING: usize = 65_536;

/// How long the end of the cloud waits for the rest of its log.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A log that is being written.
pub(super) struct CloudLog {
    /// `None` is the end.
    lines: SyncSender<Option<LogLine>>,
    lost: Arc<AtomicUsize>,
    done: Receiver<()>,
}

impl CloudLog {
    /// Writes to a file, or to standard output if `path` is `-`.
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match path.to_str() {
            Some("-") => Box::new(io::stdout()),
            _ => Box::new(File::create(path)?),
        };
        let (lines, waiting) = sync_channel(WAITING);
        let (ended, done) = channel();
        let lost = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lost);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            // A full disk or a reader that left must not end the cloud; the log ends before it.
            drop(write(&waiting, &counted, BufWriter::new(out)));
            drop(ended);
        })?;
        Ok(Self { lines, lost, done })
    }

    /// What the cloud gives its lines to.
    pub(super) fn sink(&self) -> LogSink {
        let (lines, lost) = (self.lines.clone(), Arc::clone(&self.lost));
        Arc::new(move |line: &LogLine| {
            if lines.try_send(Some(line.clone())).is_err() {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// Waits until all is written, but not for a reader that does not read.
    pub(super) fn end(self) {
        // Where there is no room for the end, nobody reads.
        if self.lines.try_send(None).is_ok() {
            // The error that is waited for: the writer hung up.
            self.done.recv_timeout(LAST_LINES).ok();
        }
    }
}

/// Writes what waits, and flushes whenever nothing does.
fn write(
    waiting: &Receiver<Option<LogLine>>,
    lost: &AtomicUsize,
    mut out: impl Write,
) -> io::Result<()> {
    while let Ok(Some(line)) = waiting.recv() {
        let mut next = Ok(Some(line));
        while let Ok(Some(line)) = next {
            writeln!(out, "{line}")?;
            let missing = lost.swap(0, Ordering::Relaxed);
            if missing > 0 {
                writeln!(
                    out,
                    "# {missing} lines are missing hereabouts: they were not read in time"
                )?;
            }
            next = waiting.try_recv();
        }
        out.flush()?;
        if !matches!(next, Err(TryRecvError::Empty)) {
            break;
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::{WAITING, write};
    use crate::sim::LogLine;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    fn written(lines: usize, lost: usize) -> String {
        let (sender, waiting) = sync_channel(WAITING);
        for number in 0..lines {
            let (subject, state) = (format!("migration {number}"), "running".to_owned());
            let line = LogLine::Transition { at: Duration::from_secs(1), subject, state };
            sender.send(Some(line)).unwrap();
        }
        sender.send(None).unwrap();
        let mut out = Vec::new();
        write(&waiting, &AtomicUsize::new(lost), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_waits_at_the_end_is_written() {
        assert_eq!(written(2, 0), "1.000000 migration 0 running\n1.000000 migration 1 running\n");
    }

    #[test]
    fn lines_that_were_lost_are_counted_where_they_are_missing() {
        let text = written(2, 7);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("# 7 lines are missing"), "{text}");
        assert_eq!(lines.len(), 3);
    }
}
