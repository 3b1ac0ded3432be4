//! Standard output, which its reader may close or a disk may have no room for, and standard error.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use super::{Exit, Stop};

/// Writes until nobody reads any more, as when `head` has seen enough; then it writes nothing. That
/// is no reason for a run to end otherwise than it would have.
pub(super) struct WhileRead<W>(Option<W>);

impl<W> WhileRead<W> {
    pub(super) fn new(out: W) -> Self {
        Self(Some(out))
    }
}

/// Prints text, of which only a terminal gets the colours.
pub(super) fn print(text: &str) -> Result<(), Stop> {
    let mut out = WhileRead::new(anstream::stdout().lock());
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| cannot_write("standard output", &error))
}

/// Stops because a standard stream takes no more.
pub(super) fn cannot_write(stream: &str, error: &io::Error) -> Stop {
    Stop { exit: Exit::Usage, message: format!("{stream} can't be written: {error}") }
}

/// Tells something on standard error, if anybody can be told: the exit code does not depend on it.
pub(super) fn tell(words: impl fmt::Display) {
    // In one piece, so that what others tell at the same time stands before or behind it.
    drop(anstream::stderr().lock().write_all(format!("{words}\n").as_bytes()));
}

impl<W: Write> WhileRead<W> {
    fn or_closed<T>(
        &mut self,
        silent: T,
        write: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(out) = &mut self.0 else { return Ok(silent) };
        match write(out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.0 = None;
                Ok(silent)
            }
            written => written,
        }
    }
}

impl<W: Write> Write for WhileRead<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.or_closed(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.or_closed((), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full(ErrorKind);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_went_away_is_no_error_but_a_full_disk_is() {
        let mut closed = WhileRead::new(Full(ErrorKind::BrokenPipe));
        closed.write_all(b"report").unwrap();
        closed.write_all(b"more").unwrap();
        let error = WhileRead::new(Full(ErrorKind::StorageFull)).write_all(b"report").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
