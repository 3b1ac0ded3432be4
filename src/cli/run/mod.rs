//! `whimbrel run`.

mod ending;
mod fitting;
mod kept;
mod memory;
mod planned;
mod record;
mod reports;
mod selecting;
mod telling;

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;

use clap::Args;

use crate::control::{Site, Target};
use crate::events::evidence::About;
use crate::events::names::RunId;
use crate::events::outcome::Ending;
use crate::report::shell_word;
use crate::runner::{self, cancel};

use super::output::tell;
use super::settings::{Resolved, Settings};
use super::signals::{self, Questions, Signals};
use super::surroundings::OnTarget;
use super::{Exit, Outcome, Stop};
use ending::{exit_of, settle};
use fitting::{fit, heading};
use memory::Memory;
use planned::print_plan;
use reports::Recording;
pub(super) use reports::{Reports, Shown};
use selecting::Selected;
pub(super) use selecting::Selecting;
use telling::Telling;

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
    /// Prints what would be created and changed, and does none of it
    #[arg(long, help_heading = "Execution")]
    plan: bool,
    #[command(flatten)]
    recording: Recording,
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
    let Selected { mut plan, files, cases } = run.selecting.select(&resolved)?;
    if run.plan {
        return match plan.problems() {
            [] => print_plan(&resolved, plan),
            problems => Err(run.reports.refusal(problems)),
        };
    }
    let telling = Telling::open(run, &resolved, &files)?;
    if !plan.problems().is_empty() {
        let stop = run.reports.refusal(plan.problems());
        return Err(telling.refused(plan, None, stop));
    }
    if plan.is_empty() {
        let message = "nothing ran: no scenario is selected".to_owned();
        return Err(telling.refused(plan, None, Stop { exit: Exit::NothingRan, message }));
    }
    let runtime = super::runtime()?;
    let (mut signals, mut questions) =
        runtime.block_on(async { (Signals::listen(), Questions::listen()) });
    let opening = async {
        let mut opening = pin!(open(&resolved));
        loop {
            tokio::select! {
                opened = &mut opening => return Some(opened),
                () = signals.next() => return None,
                () = questions.next() => tell("the target is being opened"),
            }
        }
    };
    let target = match runtime.block_on(opening) {
        Some(Ok(target)) => target,
        Some(Err(stop)) => return Err(telling.refused(plan, Some(Ending::Unusable), stop)),
        None => {
            // The answer to a name that is being looked up is not waited for.
            runtime.shutdown_background();
            let message = "stopped before anything was run".to_owned();
            let stop = Stop { exit: Exit::Interrupted, message };
            return Err(telling.refused(plan, Some(Ending::Interrupted), stop));
        }
    };
    let limits = fit(&mut plan, target.facts(), &resolved);

    let journal = target.journal().clone();
    let seed = plan.seed();
    let about = About {
        heading: heading(target.heading(), &limits, seed, &resolved),
        rerun: run.rerun(seed),
        side_by_side: resolved.config.concurrency > 1 || seed.is_some(),
    };
    let (canceller, cancelled) = cancel::channel();
    runtime.spawn(signals::obey(signals, canceller, journal.clone()));
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
        introduction: telling.introduction(about),
        ..runner::Settings::default()
    };
    let handle = runtime.handle().clone();
    let stopped = cancelled.clone();
    let (ran, told) = telling.during(&asked, &stopped, move |speaker| {
        runner::run(plan, Arc::new(OnTarget(target)), settings, speaker, cancelled, &handle)
    })?;
    Memory::of(&resolved.config).learn(&ran, &cases);
    // First, because a report that can't be written says nothing of what is left.
    let ends = std::iter::once(settle(journal)).chain(told.write());
    Ok(ends.map(|end| end.unwrap_or_else(Stop::tell)).fold(exit_of(&ran), Exit::or))
}

async fn open(resolved: &Resolved) -> Result<Target, Stop> {
    let Resolved { config, environment, folder, .. } = resolved;
    let site =
        Site::open(config.clone(), RunId::random(), environment, folder).map_err(Stop::target)?;
    let survey = site.survey().await;
    site.begin(&survey).await.map_err(Stop::target)
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
