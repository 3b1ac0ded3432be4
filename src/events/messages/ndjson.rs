//! Messages as lines of JSON: what a run writes while it runs, and how that is read back.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead, Write};

use serde::de::IgnoredAny;

use super::Envelope;

/// Writes one line, all of it at once: a writer that is killed tears at most the last one.
///
/// # Errors
///
/// If `out` can't be written.
pub fn write(out: &mut dyn Write, envelope: &Envelope) -> io::Result<()> {
    let mut line = serde_json::to_vec(envelope)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// Why a stream can't be read any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It can't be read at all.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line holds no message.
    #[error("line {line}: {what}")]
    Line {
        /// Counts from 1.
        line: usize,
        /// What is wrong, with the column.
        what: String,
    },
}

/// Reads a stream line by line. Fields and kinds of messages that a newer version may have added
/// are passed over, and so is a last line that was torn when its writer was killed.
pub struct Reader<R> {
    from: R,
    line: usize,
    torn: Option<usize>,
    unknown: BTreeSet<String>,
}

impl<R: BufRead> Reader<R> {
    /// Reads from the beginning of `from`.
    pub const fn new(from: R) -> Self {
        Self { from, line: 0, torn: None, unknown: BTreeSet::new() }
    }

    /// The number of the last line, if it was torn.
    pub const fn torn(&self) -> Option<usize> {
        self.torn
    }

    /// The kinds of messages that were passed over because this version does not know them.
    pub const fn unknown(&self) -> &BTreeSet<String> {
        &self.unknown
    }

    /// What a line says: `None` if it is to be passed over.
    fn said(&mut self, text: &[u8]) -> Result<Option<Envelope>, ReadError> {
        let closed = text.ends_with(b"\n");
        let text = text.trim_ascii_end();
        if text.is_empty() {
            return Ok(None);
        }
        let error = match serde_json::from_slice(text) {
            Ok(envelope) => return Ok(Some(envelope)),
            Err(error) => error,
        };
        if let Some(kind) = unknown_kind(text) {
            self.unknown.insert(kind);
            return Ok(None);
        }
        if !closed {
            self.torn = Some(self.line);
            return Ok(None);
        }
        Err(ReadError::Line { line: self.line, what: wrong(text, &error) })
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Envelope, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut text = Vec::new();
            match self.from.read_until(b'\n', &mut text) {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(error) => return Some(Err(error.into())),
            }
            match self.said(&text).transpose() {
                None => {}
                said => return said,
            }
        }
    }
}

/// The key of a line that is an envelope of a kind that this version does not know.
fn unknown_kind(text: &[u8]) -> Option<String> {
    let envelope: HashMap<String, IgnoredAny> = serde_json::from_slice(text).ok()?;
    let mut keys = envelope.into_keys();
    let only = keys.next().filter(|key| !Envelope::KEYS.contains(&key.as_str()))?;
    keys.next().is_none().then_some(only)
}

fn wrong(text: &[u8], error: &serde_json::Error) -> String {
    let told = error.to_string();
    // serde_json counts lines in this one line.
    let told = told.split(" at line ").next().unwrap_or(&told);
    let column = error.column();
    let object: Option<HashMap<String, IgnoredAny>> = serde_json::from_slice(text).ok();
    match object {
        None => format!("column {column}: no JSON object: {told}"),
        Some(object) if object.len() == 1 => {
            let key = object.into_keys().next().unwrap_or_default();
            format!("column {column}: `{key}` is not as Cucumber Messages have it: {told}")
        }
        Some(object) => {
            format!(
                "a message has one key, such as `testCaseStarted`, and this has {}",
                object.len()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{"testRunStarted":{"timestamp":{"seconds":1,"nanos":0}}}"#;
    const FINISHED: &str =
        r#"{"testRunFinished":{"success":true,"timestamp":{"seconds":2,"nanos":0}}}"#;

    fn read(text: &str) -> (Vec<Envelope>, Reader<io::Cursor<Vec<u8>>>) {
        let mut reader = Reader::new(io::Cursor::new(text.as_bytes().to_vec()));
        let said = reader.by_ref().collect::<Result<_, _>>().unwrap();
        (said, reader)
    }

    fn refused(text: &str) -> String {
        let read: Result<Vec<Envelope>, ReadError> = Reader::new(text.as_bytes()).collect();
        read.unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (said, _) = read(&format!("{STARTED}\n{FINISHED}\n"));
        let mut written = Vec::new();
        said.iter().for_each(|envelope| write(&mut written, envelope).unwrap());
        assert_eq!(String::from_utf8(written).unwrap(), format!("{STARTED}\n{FINISHED}\n"));
    }

    #[test]
    fn what_newer_versions_add_is_passed_over() {
        let newer = r#"{"testRunStarted":{"timestamp":{"seconds":1,"nanos":0},"mood":"good"}}
            {"weather":{"clouds":9}}
            {"testStepFinished":{"testCaseStartedId":"1","testStepId":"2","timestamp":{"seconds":1,"nanos":0},"testStepResult":{"status":"DOUBTED","duration":{"seconds":0,"nanos":0}}}}
            "#;
        let (said, reader) = read(newer);
        assert_eq!(said.len(), 2);
        assert!(reader.unknown().iter().eq(["weather"]));
        let Envelope::TestStepFinished(finished) = &said[1] else { panic!("{said:?}") };
        assert_eq!(finished.test_step_result.status, super::super::Status::Unknown);
    }

    #[test]
    fn a_torn_last_line_is_told_and_passed_over() {
        for cut in [1, 17, FINISHED.len() - 1] {
            let (said, reader) = read(&format!("{STARTED}\n{}", &FINISHED[..cut]));
            assert_eq!((said.len(), reader.torn()), (1, Some(2)), "{cut}");
        }
        let mut within_a_letter = format!("{STARTED}\n{{\"source\":{{\"data\":\"é").into_bytes();
        within_a_letter.pop();
        let mut reader = Reader::new(within_a_letter.as_slice());
        assert_eq!(reader.by_ref().filter_map(Result::ok).count(), 1);
        assert_eq!(reader.torn(), Some(2));
    }

    #[test]
    fn a_last_line_that_only_lacks_its_end_is_whole() {
        let (said, reader) = read(&format!("{STARTED}\n\n{FINISHED}"));
        assert_eq!((said.len(), reader.torn()), (2, None));
    }

    #[test]
    fn a_broken_line_in_the_middle_is_refused_with_its_place_and_what_is_wrong() {
        let told = [
            "{\"testCaseStarted\":{\"id\":\"1\"",
            "<testsuites/>",
            "[]",
            r#"{"testCaseStarted":{"id":"1"}}"#,
            r#"{"meta":{},"source":{}}"#,
        ]
        .map(|line| refused(&format!("{STARTED}\n{line}\n{FINISHED}\n")));
        insta::assert_debug_snapshot!(told, @r#"
        [
            "line 2: column 28: no JSON object: EOF while parsing an object",
            "line 2: column 1: no JSON object: expected value",
            "line 2: column 1: no JSON object: expected value",
            "line 2: column 29: `testCaseStarted` is not as Cucumber Messages have it: missing field `attempt`",
            "line 2: a message has one key, such as `testCaseStarted`, and this has 2",
        ]
        "#);
    }
}
