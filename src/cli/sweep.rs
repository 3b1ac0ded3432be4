//! `whimbrel sweep`.

use clap::Args;

use crate::config::clouds::Clouds;
use crate::config::{Config, ConfigError};
use crate::control::Target;
use crate::journal::{self, Left};
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

/// Sweeps every journal of ended runs; with `--cloud`, those of that cloud.
pub(super) fn sweep(sweep: &Sweep) -> Outcome {
    let resolved = sweep.settings.resolve(&[])?;
    let mut left = journal::left_in(&resolved.config.journal)
        .map_err(|error| Stop::new(Exit::Usage, &error))?;
    if let Some(cloud) = &resolved.config.cloud {
        left.retain(|left| left.cloud == *cloud);
    }
    if left.is_empty() {
        anstream::println!(
            "nothing to sweep: no journal of an ended run in {}",
            resolved.config.journal.display()
        );
        return Ok(Exit::Passed);
    }
    if sweep.dry_run {
        left.iter().for_each(show);
        return Ok(Exit::Passed);
    }
    super::runtime()?.block_on(sweep_all(&resolved, left))
}

fn show(left: &Left) {
    anstream::println!("run {} on {}, begun {}:", left.run, left.cloud, left.started);
    for line in left.unsettled.lines() {
        anstream::println!("  {line}");
    }
}

/// Sweeps one journal after the other; one that can't be swept does not keep the others from it.
/// The first that could not be decides the exit code.
async fn sweep_all(resolved: &Resolved, all: Vec<Left>) -> Outcome {
    let clouds = Clouds::find(&resolved.environment, &resolved.folder)
        .map_err(|error| Stop::new(Exit::Usage, &error))?;
    let mut exit = Exit::Passed;
    for left in all {
        show(&left);
        let swept = sweep_one(resolved, &clouds, left).await.unwrap_or_else(Stop::tell);
        if exit == Exit::Passed {
            exit = swept;
        }
    }
    Ok(exit)
}

async fn sweep_one(resolved: &Resolved, clouds: &Clouds, left: Left) -> Outcome {
    let usage = |error: ConfigError| Stop::new(Exit::Usage, &error);
    let mut layers = resolved.layers.clone();
    layers.flag("the journal", "cloud", left.cloud.clone()).map_err(usage)?;
    if let Some(member) = &left.member {
        layers.flag("the journal", "member", member.clone()).map_err(usage)?;
    }
    let config = Config::resolve(&layers).map_err(usage)?;
    let cloud = Target::for_sweep(&config, &left, clouds).await.map_err(|error| {
        let exit = if error.is_configuration() { Exit::Usage } else { Exit::Target };
        Stop::new(exit, &error)
    })?;
    let swept = sweep::sweep(&cloud, left).await;
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
