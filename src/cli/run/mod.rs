//! `whimbrel run`.

mod ending;
mod fitting;
mod memory;
mod reports;
mod selecting;

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;

use clap::Args;

use crate::control::Target;
use crate::events::names::RunId;
use crate::events::stream::Speaker;
use crate::report::shell_word;
use crate::runner::{self, cancel};

use super::settings::{Resolved, Settings};
use super::signals::{self, Questions, Signals};
use super::surroundings::OnTarget;
use super::{Exit, Outcome, Stop};
use ending::{exit_of, settle};
use fitting::{fit, heading};
use memory::Memory;
use reports::{Reports, Shape};
pub(super) use selecting::Selecting;

/// Runs features on a cloud.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    selecting: Selecting,
    /// Scenarios that run side by side
    #[arg(short, long, value_name = "COUNT", help_heading = "Execution")]
    concurrency: Option<usize>,
    /// Order in which scenarios start: written, random or random:SEED [default: written]
    #[arg(long, value_name = "ORDER", help_heading = "Execution")]
    order: Option<String>,
    /// Starts no more scenarios after one has failed
    #[arg(long, help_heading = "Execution")]
    fail_fast: bool,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    settings: Settings,
}

/// Plans, runs, tells, and ends with the exit code for what happened.
pub(super) fn run(run: &Run) -> Outcome {
    let concurrency = run.concurrency.map(|count| count.to_string());
    let resolved = run.settings.resolve(&[
        ("--concurrency", "concurrency", concurrency),
        ("--order", "order", run.order.clone()),
    ])?;
    let mut plan = run.selecting.plan(&resolved)?;
    if !plan.problems().is_empty() {
        return Err(run.reports.refuse(plan.problems()));
    }
    if plan.is_empty() {
        let message = "nothing ran: no scenario is selected".to_owned();
        return Err(Stop { exit: Exit::NothingRan, message });
    }
    let files = run.reports.open()?;
    let runtime = super::runtime()?;
    let (mut signals, mut questions) =
        runtime.block_on(async { (Signals::listen(), Questions::listen()) });
    let opening = async {
        let mut opening = pin!(open(&resolved));
        loop {
            tokio::select! {
                opened = &mut opening => return Some(opened),
                () = signals.next() => return None,
                () = questions.next() => anstream::eprintln!("the target is being opened"),
            }
        }
    };
    let Some(target) = runtime.block_on(opening) else {
        // The answer to a name that is being looked up is not waited for.
        runtime.shutdown_background();
        let message = "stopped before anything was run".to_owned();
        return Err(Stop { exit: Exit::Interrupted, message });
    };
    let target = target?;
    let limits = fit(&mut plan, &target, &resolved);

    let journal = target.journal().clone();
    let seed = plan.seed();
    let shape = Shape {
        heading: heading(&target, &limits, seed, &resolved),
        rerun_prefix: run.rerun(seed),
        side_by_side: resolved.config.concurrency > 1 || seed.is_some(),
    };
    let (canceller, cancelled) = cancel::channel();
    runtime.spawn(signals::obey(signals, canceller, journal.clone()));
    let (say, hear) = channel();
    let (ask, asked) = channel();
    runtime.spawn(questions.pass_on(ask));
    let settings = runner::Settings {
        concurrency: resolved.config.concurrency,
        capacities: limits.capacities,
        step_limit: resolved.config.deadlines.step,
        scenario_limit: resolved.config.deadlines.scenario,
        grace: resolved.config.deadlines.clean_up,
        run_limit: resolved.config.deadlines.run,
        stall_limit: resolved.config.deadlines.stall,
        fail_fast: run.fail_fast,
        ..runner::Settings::default()
    };
    let handle = runtime.handle().clone();
    let running = std::thread::spawn(move || {
        let speaker = Speaker::into_channel(say);
        runner::run(plan, Arc::new(OnTarget(target)), settings, speaker, cancelled, &handle)
    });
    let told = run.reports.tell(&hear, &asked, shape);
    let Ok(ran) = running.join() else {
        return Err(Stop {
            exit: Exit::Internal,
            message: "the runner panicked; that is a bug".to_owned(),
        });
    };
    Memory::of(&resolved.config.journal).learn(&ran, run.selecting.extent());
    // First, because a report that can't be written says nothing of what is left.
    let settled = settle(journal);
    let reported =
        told.map_err(|error| Stop::new(Exit::Internal, &error)).and_then(|told| files.write(&told));
    let ends = [settled, reported].map(|end| end.unwrap_or_else(Stop::tell));
    Ok(ends.into_iter().fold(exit_of(&ran), Exit::or))
}

async fn open(resolved: &Resolved) -> Result<Target, Stop> {
    let Resolved { config, environment, folder, .. } = resolved;
    Target::open(config.clone(), RunId::random(), environment, folder).await.map_err(Stop::target)
}

impl Run {
    /// The command that runs scenarios again as this one did, but for their places.
    fn rerun(&self, seed: Option<u64>) -> String {
        let mut words = self.settings.words();
        if let Some(seed) = seed {
            words.extend(["--order".to_owned(), format!("random:{seed}")]);
        }
        let words = words.iter().map(|word| shell_word(word));
        std::iter::once("whimbrel run".into()).chain(words).collect::<Vec<_>>().join(" ")
    }
}
