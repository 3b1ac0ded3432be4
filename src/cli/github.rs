//! Reporting in GitHub Actions: annotations, and the summary of the step.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::config::ci::GitHub;
use crate::config::clouds::Environment;
use crate::events::names::RunId;
use crate::report::Run;
use crate::report::github::{Checkout, LIMIT, annotations, summary};

use super::output::tell;
use super::run::Shown;

/// A job of GitHub Actions that this process is part of.
pub(super) struct OnGitHub {
    summary: Option<PathBuf>,
    checkout: Checkout,
    /// What ends the time in which no line is a workflow command.
    token: RunId,
}

impl OnGitHub {
    /// `None` outside of GitHub Actions.
    pub(super) fn of(environment: &Environment, folder: PathBuf) -> Option<Self> {
        let job = GitHub::of(environment)?;
        Some(Self {
            summary: job.summary,
            checkout: Checkout { folder, root: job.workspace },
            token: RunId::random(),
        })
    }

    /// Keeps what a cloud says, and reports repeat, from being taken for a workflow command.
    pub(super) fn begin(&self, shown: Shown) -> io::Result<()> {
        let mut out = shown.writer();
        writeln!(out, "::stop-commands::{}", self.token)?;
        out.flush()
    }

    /// Annotates what failed and appends to the summary of the step, after [`begin`](Self::begin).
    pub(super) fn end(&self, told: &Run, shown: Shown) {
        let commands = annotations(told, &self.checkout);
        let all = std::iter::once(format!("::{}::", self.token)).chain(commands);
        let text = all.fold(String::new(), |text, line| text + &line + "\n");
        let mut out = shown.writer();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        // They only add to a run whose exit code is settled without them.
        for problem in [written.err(), self.summarize(told).err()].into_iter().flatten() {
            tell(format_args!("whimbrel: the report for GitHub can't be written: {problem}"));
        }
    }

    fn summarize(&self, told: &Run) -> io::Result<()> {
        let Some(path) = &self.summary else { return Ok(()) };
        let taken = fs::metadata(path).map_or(0, |file| file.len());
        let room = LIMIT.saturating_sub(usize::try_from(taken).unwrap_or(usize::MAX));
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(summary(told, room).as_bytes())
    }
}
