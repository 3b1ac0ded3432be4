//! What failed, remembered from one run to the next for `--rerun`.
//!
//! One JSON object a line, beside the journals. A run in which something failed leaves what failed;
//! one of everything that passed leaves nothing; any other takes out what passed.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::runner::{Ended, Outcome as Ran, Remembered, Verdict, paired};

use super::super::output::tell;
use super::super::{Exit, Stop};

/// No `.jsonl`, which would make it a journal.
const FILE: &str = "failed.ndjson";

/// How much of the features a run was of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Extent {
    /// Of all of them.
    Everything,
    /// Of what the user selected.
    Part,
    /// Of what had failed before.
    Rerun,
}

/// The scenarios that failed, in a file.
pub(in super::super) struct Memory(PathBuf);

impl Memory {
    /// The memory in the folder of the journals.
    pub(in super::super) fn of(journals: &Path) -> Self {
        Self(journals.join(FILE))
    }

    /// What failed; at least one scenario.
    pub(in super::super) fn recall(&self) -> Result<Vec<Remembered>, Stop> {
        let remembered = self.read().map_err(|error| Stop {
            exit: Exit::Usage,
            message: format!("--rerun: {} can't be read: {error}", self.0.display()),
        })?;
        if remembered.is_empty() {
            let message = format!(
                "nothing ran: no scenario that failed is remembered (in {})",
                self.0.display()
            );
            return Err(Stop { exit: Exit::NothingRan, message });
        }
        Ok(remembered)
    }

    /// Remembers what is to be run again after `ran`. What can't be written is told, and does not
    /// change how the run ends.
    pub(super) fn learn(&self, ran: &Ran, extent: Extent) {
        let written = self.read_or_empty().and_then(|before| {
            let after = after(&before, ran, extent);
            if after == before { Ok(()) } else { self.write(&after) }
        });
        if let Err(error) = written {
            tell(format_args!(
                "whimbrel: what failed can't be remembered in {}: {error}",
                self.0.display()
            ));
        }
    }

    fn read(&self) -> io::Result<Vec<Remembered>> {
        let text = match std::fs::read_to_string(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let line = |(number, line): (usize, &str)| {
            serde_json::from_str(line)
                .map_err(|error| io::Error::other(format!("line {}: {error}", number + 1)))
        };
        text.lines().enumerate().map(line).collect()
    }

    /// What can't be understood was not written by us: it is written anew.
    fn read_or_empty(&self) -> io::Result<Vec<Remembered>> {
        self.read().or_else(|error| match error.kind() {
            ErrorKind::Other | ErrorKind::InvalidData => Ok(Vec::new()),
            _ => Err(error),
        })
    }

    fn write(&self, remembered: &[Remembered]) -> io::Result<()> {
        if remembered.is_empty() {
            return std::fs::remove_file(&self.0);
        }
        let mut text = String::new();
        for one in remembered {
            text.push_str(&serde_json::to_string(one)?);
            text.push('\n');
        }
        self.0.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        // Whole or not at all: another run may read it at the same time.
        let new = self.0.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(&new, &self.0)
    }
}

/// What is to be run again, after what was and what ran.
fn after(before: &[Remembered], ran: &Ran, extent: Extent) -> Vec<Remembered> {
    let failed = |it: &&Ended| matches!(it.verdict, Verdict::Failed { .. });
    let failed: Vec<Remembered> =
        ran.scenarios.iter().filter(failed).map(Remembered::from).collect();
    if extent == Extent::Everything && ran.is_success() {
        return Vec::new();
    }
    if extent != Extent::Rerun && !failed.is_empty() {
        return failed;
    }
    let now: Vec<Remembered> = ran.scenarios.iter().map(Remembered::from).collect();
    let same = |one: &Remembered| now.iter().position(|other| other == one);
    let found = match extent {
        Extent::Rerun => paired(before, &now),
        Extent::Everything | Extent::Part => before.iter().map(same).collect(),
    };
    let of_both = before.iter().zip(found);
    let left = of_both.filter_map(|(one, found)| match found {
        Some(at) if ran.scenarios[at].verdict == Verdict::Passed => None,
        Some(at) => Some(now[at].clone()),
        None => Some(one.clone()),
    });
    left.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ran(scenarios: &[(&str, u32, bool)]) -> Ran {
        let ended = |(name, line, passed): &(&str, u32, bool)| Ended {
            place: format!("a.feature:{line}"),
            name: (*name).to_owned(),
            verdict: if *passed {
                Verdict::Passed
            } else {
                Verdict::Failed { at: "Given x".to_owned(), message: "no".to_owned() }
            },
            left_behind: None,
            took: Duration::ZERO,
        };
        Ran { scenarios: scenarios.iter().map(ended).collect(), ..Ran::default() }
    }

    fn names(before: &[Remembered], ran: &Ran, extent: Extent) -> Vec<String> {
        let after = after(before, ran, extent);
        after.iter().map(|it| format!("{}:{}", it.name, it.line)).collect()
    }

    #[test]
    fn what_failed_is_remembered_until_it_passes() {
        let before = after(
            &[],
            &ran(&[("a", 2, false), ("b", 5, true), ("c", 8, false)]),
            Extent::Everything,
        );
        assert_eq!(names(&before, &Ran::default(), Extent::Part), ["a:2", "c:8"]);
        let moved = ran(&[("a", 3, true), ("c", 9, false)]);
        assert_eq!(names(&before, &moved, Extent::Rerun), ["c:9"]);
        let one_passed = ran(&[("c", 8, true)]);
        assert_eq!(names(&before, &one_passed, Extent::Part), ["a:2"]);
        let one_failed = ran(&[("b", 5, false)]);
        assert_eq!(names(&before, &one_failed, Extent::Part), ["b:5"]);
        let green = ran(&[("x", 2, true)]);
        assert_eq!(names(&before, &green, Extent::Everything), [""; 0]);
    }

    #[test]
    fn what_was_not_judged_again_stays_remembered() {
        let before = after(&[], &ran(&[("a", 2, false), ("gone", 5, false)]), Extent::Part);
        let mut stopped = ran(&[("a", 2, true)]);
        stopped.scenarios[0].verdict = Verdict::Interrupted;
        stopped.interrupted = true;
        assert_eq!(names(&before, &stopped, Extent::Rerun), ["a:2", "gone:5"]);
        stopped.scenarios.clear();
        assert_eq!(names(&before, &stopped, Extent::Everything), ["a:2", "gone:5"]);
    }

    #[test]
    fn a_memory_that_somebody_else_wrote_to_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::of(folder.path());
        memory.learn(&ran(&[("a", 2, false)]), Extent::Part);
        assert_eq!(memory.recall().unwrap()[0].name, "a");
        std::fs::write(folder.path().join(FILE), "{\"path\":\"a\",\"line\":1,\"name\":\"n\"}\n?\n")
            .unwrap();
        let stop = memory.recall().unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        assert!(stop.message.contains("failed.ndjson can't be read: line 2: "), "{}", stop.message);
        memory.learn(&ran(&[("b", 2, false)]), Extent::Part);
        assert_eq!(memory.recall().unwrap()[0].name, "b");
    }
}
