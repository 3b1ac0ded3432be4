//! `whimbrel report`: the reports of a run that was recorded.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;

use crate::config::process_environment;
use crate::events::messages::ndjson::{ReadError, Reader};
use crate::events::stream::{Event, Listener};
use crate::report::{Conclusion, Run};

use super::github::OnGitHub;
use super::output::tell;
use super::run::{Reports, Shown};
use super::spared::spare;
use super::{Exit, Outcome, Stop};

/// Makes the reports of a run from its record.
///
/// The record is what `whimbrel run --messages FILE` wrote, or any other stream of Cucumber
/// Messages. Without an option it prints the console report. One that breaks off is told as
/// interrupted.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// The record; `-`: standard input
    #[arg(value_name = "FILE")]
    record: PathBuf,
    /// Prints the console report also where another report is asked for
    #[arg(long, help_heading = "Reports")]
    console: bool,
    /// In GitHub Actions: annotates what failed and adds to the summary of the step
    #[arg(long, help_heading = "Reports")]
    github: bool,
    #[command(flatten)]
    reports: Reports,
}

pub(super) const HELP: &str = "\
Exit codes are those of the run, as far as its record tells: 130 if it was interrupted or breaks
off, 70 for a bug of whimbrel, 2 for undefined or ambiguous steps, 3 for a target that can't be
used, 1, 5, 4 or 0 as after `run`. A record that has lost lines, and a file that can't be read or written,
exit 2.";

/// Reads, tells, and ends as the run did.
pub(super) fn report(report: &Report) -> Outcome {
    let run = report.fold()?;
    for kept in report.reports.open()? {
        kept.write(&run)?;
    }
    match run.broken() {
        Some(what) => {
            let message = format!("{}: the record is broken: {what}", report.record.display());
            Err(Stop { exit: exit_of(&run), message })
        }
        None => Ok(exit_of(&run)),
    }
}

impl Report {
    /// Folds the record, and shows it where the console is asked for.
    fn fold(&self) -> Result<Run, Stop> {
        self.spare_the_record()?;
        let github = self.github()?;
        let shows = self.console || !(self.github || self.reports.files().next().is_some());
        let mut console = shows.then(|| self.reports.console(Shown::Out, false));
        let mut run = Run::default();
        let mut reader = Reader::new(self.open()?);
        if let Some(github) = &github {
            github.begin(Shown::Out).map_err(|error| Shown::Out.cannot_take(&error))?;
        }
        for envelope in reader.by_ref() {
            let envelope = envelope.map_err(|error| self.unreadable(&error))?;
            run.hear(&envelope);
            if let Some(console) = &mut console {
                let told = console.hear(&Event::Said(Box::new(envelope)));
                told.map_err(|error| Shown::Out.cannot_take(&error))?;
            }
        }
        if let Some(console) = &mut console {
            console.finish().map_err(|error| Shown::Out.cannot_take(&error))?;
        }
        self.note(&reader);
        if let Some(github) = github {
            github.end(&run, Shown::Out);
        }
        Ok(run)
    }

    fn open(&self) -> Result<Box<dyn BufRead>, Stop> {
        if self.record.as_os_str() == "-" {
            return Ok(Box::new(io::stdin().lock()));
        }
        let file = File::open(&self.record).map_err(|error| self.unreadable(&error.into()))?;
        Ok(Box::new(BufReader::new(file)))
    }

    fn github(&self) -> Result<Option<OnGitHub>, Stop> {
        if !self.github {
            return Ok(None);
        }
        let folder = std::env::current_dir().map_err(|error| Stop::new(Exit::Usage, &error))?;
        let outside = || Stop {
            exit: Exit::Usage,
            message: "--github: this is no job of GitHub Actions; there GITHUB_ACTIONS is true"
                .to_owned(),
        };
        OnGitHub::of(&process_environment(), folder).map(Some).ok_or_else(outside)
    }

    /// A report is not to be written over the record that it is made from.
    fn spare_the_record(&self) -> Result<(), Stop> {
        let record = (self.record.clone(), "the record itself".to_owned());
        let inputs = if record.0.as_os_str() == "-" { Vec::new() } else { vec![record] };
        spare(&self.reports.files().collect::<Vec<_>>(), &inputs)
    }

    fn unreadable(&self, error: &ReadError) -> Stop {
        let record = self.record.display();
        let message = match error {
            ReadError::Io(error) => format!("{record}: {error}"),
            ReadError::Line { line, what } => format!("{record}:{line}: {what}"),
        };
        Stop { exit: Exit::Usage, message }
    }

    /// What was passed over.
    fn note<R: BufRead>(&self, reader: &Reader<R>) {
        let record = self.record.display();
        if let Some(line) = reader.torn() {
            tell(format_args!(
                "whimbrel: {record}:{line}: the last line is torn, as when a run is killed, or its disk is full; it is passed over"
            ));
        }
        for kind in reader.unknown() {
            tell(format_args!(
                "whimbrel: {record}: messages `{kind}` are not known to this version; they are passed over"
            ));
        }
    }
}

/// The exit code of a run that ended so.
fn exit_of(run: &Run) -> Exit {
    match run.summary().conclusion {
        Conclusion::Broken | Conclusion::Unplanned => Exit::Usage,
        Conclusion::Interrupted => Exit::Interrupted,
        Conclusion::Internal => Exit::Internal,
        Conclusion::Unusable => Exit::Target,
        Conclusion::Failed => Exit::Failed,
        Conclusion::LeftBehind => Exit::LeftBehind,
        Conclusion::NothingRan => Exit::NothingRan,
        Conclusion::Passed => Exit::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::messages::Envelope;
    use crate::events::messages::run::{Exception, TestRunFinished};
    use crate::events::outcome::Ending;

    #[test]
    fn why_a_run_ended_is_its_exit_code_whatever_else_it_says() {
        let exit = |ending: &str| {
            let exception = Exception { r#type: ending.to_owned(), ..Exception::default() };
            let finished =
                TestRunFinished { exception: Some(exception), ..TestRunFinished::default() };
            exit_of(&Run::fold(&[Envelope::TestRunFinished(finished)]))
        };
        assert_eq!(exit(Ending::Interrupted.as_str()), Exit::Interrupted);
        assert_eq!(exit(Ending::Internal.as_str()), Exit::Internal);
        assert_eq!(exit(Ending::Unplanned.as_str()), Exit::Usage);
        assert_eq!(exit(Ending::Unusable.as_str()), Exit::Target);
        assert_eq!(exit(Ending::OutOfTime.as_str()), Exit::Failed);
        assert_eq!(exit("of another program"), Exit::NothingRan);
    }
}
