//! `whimbrel sweep`.

use clap::Args;

use crate::config::clouds::Clouds;
use crate::config::{Config, ConfigError};
use crate::control::{Cloud, Target};
use crate::journal::{self, Blank, Found, Left};
use crate::operations::sweep::{self, Swept};

use super::settings::{Resolved, Settings};
use super::{Exit, Outcome, Stop};

/// Removes what runs left behind that could not clean up any more, by their journals.
///
/// Runs that are still going on are not touched. An instance is removed only if its name is in the
/// journal and its metadata names the run.
#[derive(Debug, Args)]
pub(super) struct Sweep {
    /// Only shows what there is
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Sweeps every journal of ended runs; with `--cloud`, those of that cloud. One that can't be read
/// or swept does not keep the others from it.
pub(super) fn sweep(sweep: &Sweep) -> Outcome {
    let resolved = sweep.settings.resolve(&[])?;
    let Found { mut left, blank, broken } = journal::left_in(&resolved.config.journal)
        .map_err(|error| Stop::new(Exit::Usage, &error))?;
    if let Some(cloud) = &resolved.config.cloud {
        left.retain(|left| left.cloud == *cloud);
    }
    if left.is_empty() && blank.is_empty() && broken.is_empty() {
        anstream::println!(
            "nothing to sweep: no journal of an ended run in {}",
            resolved.config.journal.display()
        );
        return Ok(Exit::Passed);
    }
    let told = broken.iter().map(|error| Stop::new(Exit::Usage, error).tell());
    let mut exit = told.fold(Exit::Passed, Exit::or);
    for blank in blank {
        exit = exit.or(settle_blank(blank, sweep.dry_run).unwrap_or_else(Stop::tell));
    }
    if sweep.dry_run {
        left.iter().for_each(show);
    } else if !left.is_empty() {
        let swept = super::runtime()?.block_on(sweep_all(&resolved, left));
        exit = exit.or(swept.unwrap_or_else(Stop::tell));
    }
    Ok(exit)
}

fn settle_blank(blank: Blank, dry_run: bool) -> Outcome {
    anstream::println!("{}: its run ended before it did anything", blank.path().display());
    if !dry_run {
        blank.remove().map_err(|error| Stop::new(Exit::LeftBehind, &error))?;
    }
    Ok(Exit::Passed)
}

fn show(left: &Left) {
    anstream::println!("run {} on {}, begun {}:", left.run, left.cloud, left.started);
    for line in left.unsettled.lines() {
        anstream::println!("  {line}");
    }
}

/// Sweeps one journal after the other.
async fn sweep_all(resolved: &Resolved, all: Vec<Left>) -> Outcome {
    let clouds = Clouds::find(&resolved.environment, &resolved.folder)
        .map_err(|error| Stop::new(Exit::Usage, &error))?;
    let mut exit = Exit::Passed;
    for left in all {
        show(&left);
        exit = exit.or(sweep_one(resolved, &clouds, left).await.unwrap_or_else(Stop::tell));
    }
    Ok(exit)
}

async fn sweep_one(resolved: &Resolved, clouds: &Clouds, left: Left) -> Outcome {
    let swept = if left.unsettled.is_empty() {
        left.settled().map(|()| Swept::Settled)
    } else {
        sweep::sweep(&open(resolved, clouds, &left).await?, left).await
    };
    Ok(match swept.map_err(|error| Stop::new(Exit::LeftBehind, &error))? {
        Swept::Settled => {
            anstream::println!("  all of it is gone");
            Exit::Passed
        }
        Swept::Unsettled(behind) => {
            anstream::println!("  {behind}");
            Exit::LeftBehind
        }
    })
}

/// Opens the cloud that a journal names, as the run did.
async fn open(resolved: &Resolved, clouds: &Clouds, left: &Left) -> Result<Cloud, Stop> {
    let usage = |error: ConfigError| Stop::new(Exit::Usage, &error);
    let mut layers = resolved.layers.clone();
    layers.flag("the journal", "cloud", left.cloud.clone()).map_err(usage)?;
    let member = left.member.clone().unwrap_or_default();
    layers.flag("the journal", "member", member).map_err(usage)?;
    let config = Config::resolve(&layers).map_err(usage)?;
    Target::for_sweep(&config, left, clouds).await.map_err(|error| {
        let exit = if error.is_configuration() { Exit::Usage } else { Exit::Target };
        Stop::new(exit, &error)
    })
}
