//! `whimbrel run`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::clouds::Environment;
use crate::control::{AtOnce, Target};
use crate::events::names::RunId;
use crate::events::stream::{Event, Listener, Speaker};
use crate::journal::{Journal, Unsettled};
use crate::report::console::{Console, Options};
use crate::report::{Run as Told, junit, shell_word};
use crate::runner::{self, Catalogue, Fit, Library, Outcome as Ran, Plan, Selection, cancel};
use crate::world::ComputeWorld;

use super::output::WhileRead;
use super::settings::{Resolved, Settings};
use super::signals::{self, Signals};
use super::surroundings::{OnTarget, needs_of};
use super::{Exit, Outcome, Stop, features};

/// Runs features on a cloud.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Feature files, folders, or lines of a file as FILE:LINE [default: features, or the built-in ones]
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Only scenarios whose tags agree, such as "@smoke and not @slow"
    #[arg(short, long, value_name = "EXPRESSION", help_heading = "Selection")]
    tags: Vec<String>,
    /// Only scenarios with a name in which this regular expression is found
    #[arg(short, long, value_name = "REGEX", help_heading = "Selection")]
    name: Vec<String>,
    /// Scenarios that run side by side
    #[arg(short, long, value_name = "COUNT", help_heading = "Execution")]
    concurrency: Option<usize>,
    /// Starts no more scenarios after one has failed
    #[arg(long, help_heading = "Execution")]
    fail_fast: bool,
    /// Writes a JUnit report
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    junit: Option<PathBuf>,
    /// Shows every step
    #[arg(short, long, help_heading = "Reports")]
    verbose: bool,
    /// Whether the console report is coloured
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Reports")]
    color: Colour,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

impl Colour {
    fn choice(self) -> anstream::ColorChoice {
        match self {
            Self::Auto => anstream::AutoStream::choice(&io::stdout()),
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
    }
}

/// Plans, runs, tells, and ends with the exit code for what happened.
pub(super) fn run(run: &Run) -> Outcome {
    let concurrency = run.concurrency.map(|count| count.to_string());
    let resolved = run.settings.resolve(&[("--concurrency", "concurrency", concurrency)])?;
    let mut plan = run.plan(&resolved)?;
    if !plan.problems().is_empty() {
        return Err(Stop::with_all(Exit::Usage, plan.problems()));
    }
    if plan.is_empty() {
        let message = "nothing ran: no scenario is selected".to_owned();
        return Err(Stop { exit: Exit::NothingRan, message });
    }
    let junit = run.junit.as_deref().map(JunitFile::open).transpose()?;
    let runtime = super::runtime()?;
    let mut signals = runtime.block_on(async { Signals::listen() });
    let opening = async {
        tokio::select! {
            opened = open(&resolved) => Some(opened),
            () = signals.next() => None,
        }
    };
    let Some(target) = runtime.block_on(opening) else {
        // The answer to a name that is being looked up is not waited for.
        runtime.shutdown_background();
        let message = "stopped before anything was run".to_owned();
        return Err(Stop { exit: Exit::Interrupted, message });
    };
    let target = target?;
    let limited = fit(&mut plan, &target);

    let journal = target.journal().clone();
    let heading = heading(&target, limited, &resolved);
    let (canceller, cancelled) = cancel::channel();
    runtime.spawn(signals::obey(signals, canceller, journal.clone()));
    let (say, hear) = channel();
    let concurrency = resolved.config.concurrency;
    let settings = runner::Settings {
        concurrency: limited.map_or(concurrency, |limited| limited.scenarios.min(concurrency)),
        step_limit: resolved.config.deadlines.step,
        scenario_limit: resolved.config.deadlines.scenario,
        grace: resolved.config.deadlines.clean_up,
        fail_fast: run.fail_fast,
        ..runner::Settings::default()
    };
    let handle = runtime.handle().clone();
    let running = std::thread::spawn(move || {
        let speaker = Speaker::into_channel(say);
        runner::run(plan, Arc::new(OnTarget(target)), settings, speaker, cancelled, &handle)
    });
    let told = run.tell(&hear, heading);
    let Ok(ran) = running.join() else {
        return Err(Stop {
            exit: Exit::Internal,
            message: "the runner panicked; that is a bug".to_owned(),
        });
    };
    // First, because a report that can't be written says nothing of what is left.
    let settled = settle(journal);
    let reported = told
        .map_err(|error| Stop::new(Exit::Internal, &error))
        .and_then(|told| junit.map_or(Ok(Exit::Passed), |file| file.write(&told)));
    let ends = [settled, reported].map(|end| end.unwrap_or_else(Stop::tell));
    Ok(ends.into_iter().fold(exit_of(&ran), Exit::or))
}

async fn open(resolved: &Resolved) -> Result<Target, Stop> {
    let Resolved { config, environment, folder, .. } = resolved;
    Target::open(config.clone(), RunId::random(), environment, folder).await.map_err(|error| {
        let exit = if error.is_configuration() { Exit::Usage } else { Exit::Target };
        Stop::new(exit, &error)
    })
}

/// Makes it a plan for the target, and tells how many scenarios its quotas let run at once.
fn fit(plan: &mut Plan<ComputeWorld>, target: &Target) -> Option<AtOnce> {
    let facts = target.facts();
    plan.fit(|scenario| {
        let needs = needs_of(scenario);
        Fit { skip: facts.lack(&needs), alone: facts.alone(&needs) }
    });
    let side_by_side = plan.scenarios().filter(|it| it.skip.is_none() && !it.is_serial());
    facts.at_once(&side_by_side.map(needs_of).collect::<Vec<_>>())
}

/// Ends the journal and says what is left.
fn settle(journal: Journal) -> Outcome {
    let path = journal.path();
    let unsettled = journal.close().map_err(|error| Stop::new(Exit::LeftBehind, &error))?;
    if !unsettled.is_empty() {
        anstream::eprintln!("{}", left_behind(&unsettled, path.as_deref()));
    }
    // That a scenario left something is among the run's own results.
    Ok(Exit::Passed)
}

/// What is left, and what to do about it; nothing, where the cloud ends with the process.
fn left_behind(unsettled: &Unsettled, journal: Option<&Path>) -> String {
    let sweep = if journal.is_some() { "; `whimbrel sweep` removes it" } else { "" };
    format!("left behind{sweep}:\n  {}", unsettled.lines().join("\n  "))
}

/// What the run itself comes to.
fn exit_of(ran: &Ran) -> Exit {
    for problem in &ran.internal_errors {
        anstream::eprintln!("whimbrel: a bug: {problem}");
    }
    let ends = [
        (ran.interrupted, Exit::Interrupted),
        (!ran.internal_errors.is_empty(), Exit::Internal),
        (!ran.problems.is_empty(), Exit::Usage),
        (ran.failed() > 0, Exit::Failed),
        (ran.left_behind() > 0, Exit::LeftBehind),
        (ran.nothing_ran(), Exit::NothingRan),
    ];
    ends.into_iter().filter(|(applies, _)| *applies).fold(Exit::Passed, |exit, (_, it)| exit.or(it))
}

/// What the report says before anything happens.
fn heading(target: &Target, limited: Option<AtOnce>, resolved: &Resolved) -> Vec<String> {
    let mut heading = vec![format!("whimbrel {}", env!("CARGO_PKG_VERSION"))];
    heading.extend_from_slice(target.heading());
    let felt = limited.filter(|limited| limited.scenarios < resolved.config.concurrency);
    heading.extend(felt.map(|limited| limited.to_string()));
    if resolved.config.cloud.is_none() {
        heading.extend(ignored_cloud(&resolved.environment));
    }
    heading
}

/// The environment may name a cloud; alone it never chooses one.
fn ignored_cloud(environment: &Environment) -> Option<String> {
    let cloud = environment.get("OS_CLOUD")?;
    Some(format!(
        "OS_CLOUD={cloud} is set and not used: a run leaves the embedded cloud only with --cloud {cloud}"
    ))
}

impl Run {
    fn plan(&self, resolved: &Resolved) -> Result<Plan<ComputeWorld>, Stop> {
        let sources = features::sources(&resolved.folder, &self.paths)
            .map_err(|errors| Stop::with_all(Exit::Usage, &errors))?;
        let selection = Selection::new(&self.tags, &self.name)
            .map_err(|errors| Stop::with_all(Exit::Usage, &errors))?;
        let library = Library::read(sources);
        let plan = Plan::new(library, &selection, &Catalogue::new(), runner::Order::Written);
        plan.map_err(|errors| Stop::with_all(Exit::Usage, &errors))
    }

    /// The command that runs scenarios again as this one did, but for their places.
    fn rerun(&self) -> String {
        let words = self.settings.words();
        let words = words.iter().map(|word| shell_word(word));
        std::iter::once("whimbrel run".into()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Shows events until the run has said its last.
    fn tell(&self, hear: &Receiver<Event>, heading: Vec<String>) -> io::Result<Told> {
        use io::IsTerminal;
        let colour = self.color.choice();
        let stdout = io::stdout();
        let options = Options {
            colour,
            live: stdout.is_terminal(),
            verbose: self.verbose,
            heading,
            rerun_prefix: self.rerun(),
            ..Options::default()
        };
        let mut console = Console::new(WhileRead::new(stdout.lock()), options);
        loop {
            match hear.recv_timeout(Duration::from_millis(100)) {
                Ok(event) => console.hear(&event)?,
                Err(RecvTimeoutError::Timeout) => console.tick()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        console.finish()?;
        Ok(console.run().clone())
    }
}

/// The file of a JUnit report, opened before anything is run: a run of hours is not to end without
/// the report that was asked for, and no report of an earlier run is to pass for this one's.
struct JunitFile<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> JunitFile<'a> {
    fn open(path: &'a Path) -> Result<Self, Stop> {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let file = folder.and_then(|()| File::create(path));
        file.map(|file| Self { path, file }).map_err(|error| cannot_write(path, &error))
    }

    fn write(mut self, told: &Told) -> Outcome {
        let xml = junit(told).map_err(|error| Stop::new(Exit::Internal, &error))?;
        self.file.write_all(xml.as_bytes()).map_err(|error| cannot_write(self.path, &error))?;
        Ok(Exit::Passed)
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Stop {
    Stop { exit: Exit::Usage, message: format!("--junit {}: {error}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::{Ended, Problem, Verdict};

    fn scenario(verdict: Verdict, left_behind: Option<&str>) -> Ended {
        Ended {
            place: "a.feature:2".to_owned(),
            name: "It is so".to_owned(),
            verdict,
            left_behind: left_behind.map(str::to_owned),
            took: Duration::ZERO,
        }
    }

    /// Everything that can go wrong, in the order of [`Exit`].
    fn worst() -> Ran {
        let failed = Verdict::Failed { at: "Given x".to_owned(), message: "no".to_owned() };
        let problem = Problem::Ambiguous {
            step: "Given x".to_owned(),
            places: Vec::new(),
            matches: Vec::new(),
        };
        Ran {
            scenarios: vec![scenario(failed, None), scenario(Verdict::Passed, Some("web"))],
            problems: vec![problem],
            interrupted: true,
            internal_errors: vec!["panic".to_owned()],
        }
    }

    #[test]
    fn the_first_exit_code_that_applies_counts() {
        let mut ran = worst();
        assert_eq!(exit_of(&ran), Exit::Interrupted);
        ran.interrupted = false;
        assert_eq!(exit_of(&ran), Exit::Internal);
        ran.internal_errors.clear();
        assert_eq!(exit_of(&ran), Exit::Usage);
        ran.problems.clear();
        assert_eq!(exit_of(&ran), Exit::Failed);
        ran.scenarios.remove(0);
        assert_eq!(exit_of(&ran), Exit::LeftBehind);
        ran.scenarios = vec![scenario(Verdict::Skipped("too small".to_owned()), None)];
        assert_eq!(exit_of(&ran), Exit::NothingRan);
        ran.scenarios.push(scenario(Verdict::Passed, None));
        assert_eq!(exit_of(&ran), Exit::Passed);
    }

    #[test]
    fn a_sweep_is_recommended_only_where_there_is_a_journal_to_sweep_by() {
        let account = crate::journal::Account::Operator;
        let instances = vec![(account, "wb-1".to_owned(), Vec::new())];
        let unsettled = Unsettled { instances, computes: Vec::new() };
        let told = left_behind(&unsettled, Some(Path::new("a.jsonl")));
        assert_eq!(
            told,
            "left behind; `whimbrel sweep` removes it:\n  instances named wb-1, if any"
        );
        let told = left_behind(&unsettled, None);
        assert_eq!(told, "left behind:\n  instances named wb-1, if any");
    }
}
