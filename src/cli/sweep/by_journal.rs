//! Sweeping by the journals of ended runs.

use jiff::Timestamp;

use crate::config::clouds::Clouds;
use crate::config::{Config, ConfigError};
use crate::control::{Cloud, Target};
use crate::journal::{self, Blank, Journal, Left, Listed, Taken};
use crate::operations::clean_up::Undone;
use crate::operations::sweep;

use super::super::settings::Resolved;
use super::super::{Exit, Outcome, Stop, output};
use super::stopping::Stopping;
use super::{Sweep, age, say, span, tell};

/// Sweeps one journal after the other, each held only while it is swept, so that two sweeps share
/// the work.
pub(super) async fn sweep(sweep: &Sweep, resolved: &Resolved, mut stopping: Stopping) -> Outcome {
    let folder = &resolved.config.journal;
    let mut listed = journal::listed(folder).map_err(|error| Stop::new(Exit::Usage, &error))?;
    listed.retain(|journal| is_meant(sweep, resolved, journal));
    let mut exit = Exit::Passed;
    for journal in &listed {
        if stopping.asked() {
            output::tell(format_args!("not swept: {}", named(journal)));
            continue;
        }
        let quiet = age(journal.written, Timestamp::now());
        if let Some(least) = sweep.older_than.filter(|least| quiet < *least) {
            let (name, quiet, least) = (named(journal), span(quiet), span(least));
            say(format_args!(
                "{name}: last written to {quiet} ago, less than {least}; passed over"
            ));
            continue;
        }
        let came = match journal.take().map_err(|error| Stop::new(Exit::Usage, &error)) {
            Ok(Taken::Gone) => continue,
            Ok(Taken::InUse) => {
                let name = named(journal);
                say(format_args!("{name}: its run lives, or another sweep has it; passed over"));
                continue;
            }
            Ok(Taken::Blank(blank)) => settle_blank(journal, blank, sweep.dry_run),
            Ok(Taken::Left(left)) => {
                show(&left);
                if sweep.dry_run {
                    Ok(Exit::Passed)
                } else {
                    finish(resolved, *left, &mut stopping).await
                }
            }
            Err(broken) => Err(broken),
        };
        exit = exit.or(came.unwrap_or_else(Stop::tell));
    }
    if listed.is_empty() {
        let filtered = sweep.run.is_some() || resolved.config.cloud.is_some();
        let which = if filtered { " of that cloud and run" } else { "" };
        say(format_args!("nothing to sweep: no journal{which} in {}", folder.display()));
    }
    Ok(stopping.end(exit))
}

/// Whether the user's flags let a journal be swept, whatever its age. What does not say of which
/// cloud it is, is told whichever is meant.
fn is_meant(sweep: &Sweep, resolved: &Resolved, journal: &Listed) -> bool {
    let cloud = resolved.config.cloud.as_ref();
    let of_cloud = cloud.zip(journal.heading.as_ref()).is_none_or(|(name, of)| *name == of.cloud);
    let of_run = sweep.run.as_ref().is_none_or(|run| journal.run() == Some(run.as_str()));
    of_cloud && of_run
}

/// A journal for people.
fn named(journal: &Listed) -> String {
    let path = journal.path.display();
    match &journal.heading {
        Some(heading) => format!("run {} on {} ({path})", heading.run, heading.cloud),
        None => path.to_string(),
    }
}

fn settle_blank(journal: &Listed, blank: Blank, dry_run: bool) -> Outcome {
    say(format_args!("{}: its run ended before it did anything", journal.path.display()));
    if !dry_run {
        blank.remove().map_err(|error| Stop::new(Exit::LeftBehind, &error))?;
    }
    Ok(Exit::Passed)
}

fn show(left: &Left) {
    say(format_args!("run {} on {}, begun {}:", left.run, left.cloud, left.started));
    for line in left.unsettled.lines() {
        say(format_args!("  {line}"));
    }
}

async fn finish(resolved: &Resolved, left: Left, stopping: &mut Stopping) -> Outcome {
    let journal = left.journal().clone();
    let swept = stopping.finish(sweep_one(resolved, left)).await;
    swept.unwrap_or_else(|| Ok(leave(&journal)))
}

/// Says what was not undone when the user would not wait for it.
fn leave(journal: &Journal) -> Exit {
    for line in journal.unsettled_in_all().lines() {
        output::tell(format_args!("left: {line}"));
    }
    if let Some(path) = journal.path() {
        output::tell(format_args!(
            "journal: {}; `whimbrel sweep` removes what is left",
            path.display()
        ));
    }
    Exit::Interrupted
}

async fn sweep_one(resolved: &Resolved, left: Left) -> Outcome {
    let swept = if left.unsettled.is_empty() {
        left.settled().map(|()| Undone::default())
    } else {
        sweep::by_journal(&open(resolved, &left).await?, left).await
    };
    swept.map(tell).map_err(|error| Stop::new(Exit::LeftBehind, &error))
}

/// Opens the cloud that a journal names, as the run did.
async fn open(resolved: &Resolved, left: &Left) -> Result<Cloud, Stop> {
    let usage = |error: ConfigError| Stop::new(Exit::Usage, &error);
    let clouds = Clouds::find(&resolved.environment, &resolved.folder)
        .map_err(|error| Stop::new(Exit::Usage, &error))?;
    let mut layers = resolved.layers.clone();
    layers.flag("the journal", "cloud", left.cloud.clone()).map_err(usage)?;
    let member = left.member.clone().unwrap_or_default();
    layers.flag("the journal", "member", member).map_err(usage)?;
    let config = Config::resolve(&layers).map_err(usage)?;
    Target::for_sweep(&config, left, &clouds).await.map_err(Stop::target)
}
