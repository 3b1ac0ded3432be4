//! What failed, remembered from one run to the next for `--rerun`.
//!
//! One JSON object a line, beside the journals. Each run takes out what passed in it, on the cloud
//! on which it had failed, and adds what failed; everything else stays.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::runner::{Outcome as Ran, Remembered, Verdict, paired};

use super::super::output::tell;
use super::super::{Exit, Stop};

/// No `.jsonl`, which would make it a journal.
const FILE: &str = "failed.ndjson";
/// Held by whoever reads it to write it anew.
const LOCK: &str = "failed.lock";

/// A scenario that failed, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Failed {
    #[serde(flatten)]
    scenario: Remembered,
    /// The cloud's name in `clouds.yaml`; `None` is the embedded cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloud: Option<String>,
}

/// The scenarios that failed, in a file, as a run on one cloud sees them.
pub(in super::super) struct Memory {
    folder: PathBuf,
    file: PathBuf,
    cloud: Option<String>,
}

impl Memory {
    /// The memory in the folder of the journals.
    pub(in super::super) fn of(config: &Config) -> Self {
        Self::within(&config.journal, config.cloud.clone())
    }

    fn within(folder: &Path, cloud: Option<String>) -> Self {
        Self { folder: folder.to_owned(), file: folder.join(FILE), cloud }
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// What failed, wherever: at least one scenario, each once. What failed only on other clouds than
    /// the run's is told.
    pub(in super::super) fn recall(&self) -> Result<Vec<Remembered>, Stop> {
        let failed = self.read().map_err(|error| Stop {
            exit: Exit::Usage,
            message: format!("--rerun: {} can't be read: {error}", self.file.display()),
        })?;
        if failed.is_empty() {
            let message = format!(
                "nothing ran: no scenario that failed is remembered (in {})",
                self.file.display()
            );
            return Err(Stop { exit: Exit::NothingRan, message });
        }
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|it| it.cloud == self.cloud);
        let mut remembered: Vec<Remembered> = here.into_iter().map(|it| it.scenario).collect();
        for Failed { scenario, cloud } in elsewhere {
            if !remembered.contains(&scenario) {
                tell(format_args!(
                    "whimbrel: {}:{} failed on {} and is run on {}: passing there does not forget it",
                    scenario.path,
                    scenario.line,
                    named(cloud.as_deref()),
                    named(self.cloud.as_deref())
                ));
                remembered.push(scenario);
            }
        }
        Ok(remembered)
    }

    /// Remembers what is to be run again after `ran`, of `cases`. What can't be written is told, and
    /// does not change how the run ends.
    pub(super) fn learn(&self, ran: &Ran, cases: &[Remembered]) {
        if ran.failed() == 0 && !self.file.exists() {
            return;
        }
        if let Err(error) = self.relearn(ran, cases) {
            tell(format_args!(
                "whimbrel: what failed can't be remembered in {}: {error}",
                self.file.display()
            ));
        }
    }

    /// Reads and writes while no other run does.
    fn relearn(&self, ran: &Ran, cases: &[Remembered]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let lock = File::create(self.folder.join(LOCK))?;
        lock.lock()?;
        let before = self.read_or_empty()?;
        let after = after(&before, ran, cases, self.cloud.as_deref());
        if after == before { Ok(()) } else { self.write(&after) }
    }

    fn read(&self) -> io::Result<Vec<Failed>> {
        let text = match fs::read_to_string(&self.file) {
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
    fn read_or_empty(&self) -> io::Result<Vec<Failed>> {
        self.read().or_else(|error| match error.kind() {
            ErrorKind::Other | ErrorKind::InvalidData => Ok(Vec::new()),
            _ => Err(error),
        })
    }

    fn write(&self, failed: &[Failed]) -> io::Result<()> {
        if failed.is_empty() {
            return fs::remove_file(&self.file);
        }
        let mut text = String::new();
        for one in failed {
            text.push_str(&serde_json::to_string(one)?);
            text.push('\n');
        }
        // Whole or not at all: another run may read it at the same time.
        let new = self.folder.join(format!("{FILE}.{}", std::process::id()));
        fs::write(&new, text)?;
        fs::rename(&new, &self.file)
    }
}

/// A cloud in a sentence.
fn named(cloud: Option<&str>) -> String {
    cloud.map_or_else(|| "the embedded cloud".to_owned(), |name| format!("the cloud {name}"))
}

/// What is to be run again, after what was and what ran on `cloud`: what was, but for what ran and
/// passed, and what failed. `cases` is all that stands in the files of the run, by which a scenario
/// is known again where it has moved; nothing else makes one forgotten.
fn after(before: &[Failed], ran: &Ran, cases: &[Remembered], cloud: Option<&str>) -> Vec<Failed> {
    let ended: Vec<(Remembered, &Verdict)> =
        ran.scenarios.iter().map(|it| (it.into(), &it.verdict)).collect();
    let here = |it: &Failed| it.cloud.as_deref() == cloud;
    let known: Vec<Remembered> =
        before.iter().filter(|it| here(it)).map(|it| it.scenario.clone()).collect();
    let mut found = paired(&known, cases).into_iter();
    let mut after = Vec::new();
    for one in before {
        let now = if here(one) { found.next().flatten().map(|at| &cases[at]) } else { None };
        let verdict = now.and_then(|now| ended.iter().find(|(it, _)| it == now));
        if verdict.is_some_and(|(_, verdict)| **verdict == Verdict::Passed) {
            continue;
        }
        let scenario = now.unwrap_or(&one.scenario).clone();
        after.push(Failed { scenario, cloud: one.cloud.clone() });
    }
    let failed = ended.into_iter().filter(|(_, it)| matches!(it, Verdict::Failed { .. }));
    for (scenario, _) in failed {
        let failed = Failed { scenario, cloud: cloud.map(str::to_owned) };
        if !after.contains(&failed) {
            after.push(failed);
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runner::Ended;

    const FAILED: Verdict = Verdict::Failed { at: String::new(), message: String::new() };

    fn ran(scenarios: &[(&str, u32, Verdict)]) -> Ran {
        let ended = |(name, line, verdict): &(&str, u32, Verdict)| Ended {
            place: format!("a.feature:{line}"),
            name: (*name).to_owned(),
            verdict: verdict.clone(),
            left_behind: None,
            took: Duration::ZERO,
        };
        Ran { scenarios: scenarios.iter().map(ended).collect(), ..Ran::default() }
    }

    fn scenario(name: &str, line: u32) -> Remembered {
        Remembered { path: "a.feature".to_owned(), line, name: name.to_owned() }
    }

    /// What is remembered after `ran` on the embedded cloud, of a file with these `cases`.
    fn names(before: &[Failed], ran: &Ran, cases: &[(&str, u32)]) -> Vec<String> {
        let cases: Vec<_> = cases.iter().map(|(name, line)| scenario(name, *line)).collect();
        let after = after(before, ran, &cases, None);
        after.iter().map(|it| format!("{}:{}", it.scenario.name, it.scenario.line)).collect()
    }

    fn failed(scenarios: &[(&str, u32)]) -> Vec<Failed> {
        let one =
            |(name, line): &(&str, u32)| Failed { scenario: scenario(name, *line), cloud: None };
        scenarios.iter().map(one).collect()
    }

    #[test]
    fn what_failed_is_remembered_until_it_passes() {
        let file = [("a", 2), ("b", 5), ("c", 8)];
        let first = ran(&[("a", 2, FAILED), ("b", 5, Verdict::Passed), ("c", 8, FAILED)]);
        assert_eq!(names(&[], &first, &file), ["a:2", "c:8"]);
        let before = failed(&[("a", 2), ("c", 8)]);
        assert_eq!(names(&before, &ran(&[("c", 8, Verdict::Passed)]), &file), ["a:2"]);
        assert_eq!(names(&before, &ran(&[("a", 2, FAILED)]), &file), ["a:2", "c:8"]);
        assert_eq!(names(&before, &ran(&[("b", 5, FAILED)]), &file), ["a:2", "c:8", "b:5"]);
        let both = ran(&[("a", 2, Verdict::Passed), ("c", 8, Verdict::Passed)]);
        assert_eq!(names(&before, &both, &file), [""; 0]);
    }

    #[test]
    fn what_was_not_judged_again_stays_remembered() {
        let before = failed(&[("a", 2), ("gone", 5)]);
        let file = [("a", 2), ("x", 9)];
        for verdict in
            [Verdict::Interrupted, Verdict::NotStarted, Verdict::Skipped("too small".to_owned())]
        {
            let ran = ran(&[("a", 2, verdict), ("x", 9, Verdict::Passed)]);
            assert_eq!(names(&before, &ran, &file), ["a:2", "gone:5"]);
        }
        let stopped = ran(&[("a", 2, Verdict::NotStarted), ("x", 9, FAILED)]);
        assert_eq!(names(&before, &stopped, &file), ["a:2", "gone:5", "x:9"]);
        assert_eq!(names(&before, &ran(&[("x", 9, Verdict::Passed)]), &[]), ["a:2", "gone:5"]);
    }

    #[test]
    fn a_scenario_that_moved_is_remembered_where_it_stands_now_and_once() {
        let before = failed(&[("a", 2), ("c", 8)]);
        let file = [("a", 3), ("c", 9)];
        let moved = ran(&[("a", 3, Verdict::Passed), ("c", 9, FAILED)]);
        assert_eq!(names(&before, &moved, &file), ["c:9"]);
        // Rows of one name: only the one that ran is meant.
        let rows = failed(&[("row", 12)]);
        let other = ran(&[("row", 13, Verdict::Passed)]);
        assert_eq!(names(&rows, &other, &[("row", 12), ("row", 13)]), ["row:12"]);
    }

    #[test]
    fn passing_on_one_cloud_forgets_nothing_that_failed_on_another() {
        let folder = tempfile::tempdir().unwrap();
        let memory = |cloud: Option<&str>| Memory::within(folder.path(), cloud.map(str::to_owned));
        let (lab, embedded) = (memory(Some("lab")), memory(None));
        let cases = [scenario("a", 2)];
        lab.learn(&ran(&[("a", 2, FAILED)]), &cases);
        embedded.learn(&ran(&[("a", 2, FAILED)]), &cases);
        assert_eq!(embedded.recall().unwrap(), cases, "one scenario, though on two clouds");
        embedded.learn(&ran(&[("a", 2, Verdict::Passed)]), &cases);
        assert_eq!(lab.recall().unwrap(), cases);
        lab.learn(&ran(&[("a", 2, Verdict::Passed)]), &cases);
        assert_eq!(lab.recall().unwrap_err().exit, Exit::NothingRan);
    }

    #[test]
    fn runs_that_end_at_once_forget_nothing_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let learn = |name: String| {
            let memory = Memory::within(folder.path(), None);
            memory.learn(&ran(&[(&name, 2, FAILED)]), &[scenario(&name, 2)]);
        };
        std::thread::scope(|scope| {
            for at in 0..16 {
                scope.spawn(move || learn(format!("s{at}")));
            }
        });
        assert_eq!(Memory::within(folder.path(), None).recall().unwrap().len(), 16);
    }

    #[test]
    fn a_memory_that_somebody_else_wrote_to_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::within(folder.path(), None);
        let learn = |name: &str| memory.learn(&ran(&[(name, 2, FAILED)]), &[scenario(name, 2)]);
        learn("a");
        assert_eq!(memory.recall().unwrap()[0].name, "a");
        fs::write(memory.path(), "{\"path\":\"a\",\"line\":1,\"name\":\"n\"}\n?\n").unwrap();
        let stop = memory.recall().unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        assert!(stop.message.contains("failed.ndjson can't be read: line 2: "), "{}", stop.message);
        learn("b");
        assert_eq!(memory.recall().unwrap()[0].name, "b");
    }
}
