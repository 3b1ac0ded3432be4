//! What is told on standard error, whether or not it can be written there.

use std::fmt::Arguments;
use std::io::Write;

/// Prints a line on standard error, with words as `format!` takes them. A stream that takes nothing,
/// such as a file on a full disk, changes nothing: there is nowhere left to say so.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::stderr::line(format_args!($($words)*)) };
}
pub(super) use say;

/// One line, in one piece; of colours only a terminal gets any.
pub(super) fn line(words: Arguments<'_>) {
    drop(anstream::stderr().lock().write_all(format!("{words}\n").as_bytes()));
}
