//! Sweeping by what the cloud itself shows, where the journal is lost.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::clouds::Clouds;
use crate::control::{Cloud, Target};
use crate::journal::{self, Listed, Taken};
use crate::operations::sweep::{self, Remains, Survey};
use crate::report::shell_word;

use super::super::settings::Resolved;
use super::super::{Exit, Outcome, Stop, output};
use super::stopping::Stopping;
use super::{Sweep, age, say, span, tell};

/// How long a run must have been silent, at the least, before it is taken for dead.
const SILENT: Duration = Duration::from_secs(6 * 60 * 60);

/// Looks for what runs left on the cloud and sweeps one run after the other.
pub(super) async fn sweep(sweep: &Sweep, resolved: &Resolved, mut stopping: Stopping) -> Outcome {
    let nameless = || Stop {
        exit: Exit::Usage,
        message: "--by-metadata looks at one cloud; say at which, by --cloud NAME".to_owned(),
    };
    let name = resolved.config.cloud.as_deref().ok_or_else(nameless)?;
    let opened = async {
        let cloud = open(resolved, name).await?;
        let survey = sweep::survey(&cloud).await;
        Ok((cloud, survey.map_err(|problem| Stop::new(Exit::Target, &problem))?))
    };
    let Some(opened) = stopping.finish(opened).await else { return Ok(Exit::Interrupted) };
    let (cloud, Survey { mut remains, forced_down, now }) = opened?;
    if let Some(run) = &sweep.run {
        remains.retain(|remains| remains.run == *run);
    }
    let journals = journal::listed(&resolved.config.journal)
        .map_err(|error| Stop::new(Exit::Usage, &error))?;
    if remains.is_empty() {
        say(format_args!("nothing to sweep: no run has left anything on {name} that proves so"));
    }
    let now = now.unwrap_or_else(|| {
        output::tell(format_args!(
            "{name} does not tell its time; how old things are is told by the clock here"
        ));
        Timestamp::now()
    });
    let least = least(sweep, resolved);
    let mut exit = Exit::Passed;
    for remains in &remains {
        let run = &remains.run;
        if stopping.asked() {
            output::tell(format_args!("not swept: run {run} on {name}"));
        } else if let Some(why) = keep_off(sweep, least, now, &journals, remains) {
            say(format_args!("run {run} on {name}: {why}; passed over"));
        } else {
            show(name, remains);
            if !sweep.dry_run {
                exit = exit.or(finish(&cloud, remains, &mut stopping).await);
            }
        }
    }
    for compute in &forced_down {
        let (cloud, compute) = (shell_word(name), shell_word(compute.as_str()));
        output::tell(format_args!(
            "{compute} is forced down, and nothing says by whom, so it is left as it is; if it was \
             a run, this puts it back:\n  openstack --os-cloud {cloud} compute service set --up \
             {compute} nova-compute"
        ));
    }
    Ok(stopping.end(exit))
}

async fn open(resolved: &Resolved, name: &str) -> Result<Cloud, Stop> {
    let clouds = Clouds::find(&resolved.environment, &resolved.folder)
        .map_err(|error| Stop::new(Exit::Usage, &error))?;
    Target::for_survey(&resolved.config, name, &clouds).await.map_err(Stop::target)
}

/// Why nothing of a run is touched; `None`: it is swept.
fn keep_off(
    sweep: &Sweep,
    least: Option<Duration>,
    now: Timestamp,
    journals: &[Listed],
    remains: &Remains,
) -> Option<String> {
    let run = &remains.run;
    let own = journals.iter().find(|journal| journal.run() == Some(run.as_str()));
    if let Some(journal) = own {
        let path = journal.path.display();
        match journal.take() {
            Ok(Taken::InUse) => {
                return Some(format!("it lives, or another sweep has its journal {path}"));
            }
            Ok(Taken::Left(_)) => {
                return Some(format!("sweep it by its journal {path}, which knows more"));
            }
            Err(_) if sweep.run.is_none() => {
                let why = format!("its journal {path} can't be read; sweep it by --run {run}");
                return Some(why);
            }
            Ok(Taken::Blank(_) | Taken::Gone) | Err(_) => {}
        }
    }
    let least = least?;
    let Some(sign) = remains.last_sign_of_life() else {
        return Some(format!("nothing tells when it last lived; if it is dead, add --run {run}"));
    };
    let quiet = age(sign, now);
    (quiet < least).then(|| {
        let (quiet, least) = (span(quiet), span(least));
        format!("its last sign of life was {quiet} ago, less than {least}; if it is dead, add --run {run}")
    })
}

/// For how long a run must have been silent; `None`: somebody vouches for its death. A scenario may
/// look on as long as its deadlines allow without an instance changing, so no span below that counts.
fn least(sweep: &Sweep, resolved: &Resolved) -> Option<Duration> {
    let deadlines = &resolved.config.deadlines;
    let living = deadlines.scenario + deadlines.clean_up;
    match (sweep.older_than, &sweep.run) {
        (asked, Some(_)) => asked,
        (None, None) => Some(SILENT.max(living)),
        (Some(asked), None) => {
            if asked < living {
                let (asked, living) = (span(asked), span(living));
                output::tell(format_args!(
                    "--older-than {asked} is raised to {living}: so long may a run be silent and \
                     live (deadline.scenario and deadline.clean-up)"
                ));
            }
            Some(asked.max(living))
        }
    }
}

fn show(name: &str, remains: &Remains) {
    let sign = remains.last_sign_of_life();
    let sign = sign.map_or_else(|| "unknown".to_owned(), |sign| sign.to_string());
    say(format_args!("run {} on {name}, last sign of life {sign}:", remains.run));
    for line in remains.lines() {
        say(format_args!("  {line}"));
    }
}

async fn finish(cloud: &Cloud, remains: &Remains, stopping: &mut Stopping) -> Exit {
    let cloud = cloud.of_run(&remains.run);
    match stopping.finish(sweep::by_metadata(&cloud, remains)).await {
        Some(undone) => tell(undone),
        None => {
            for line in remains.lines() {
                output::tell(format_args!("perhaps left: {line}"));
            }
            Exit::Interrupted
        }
    }
}
