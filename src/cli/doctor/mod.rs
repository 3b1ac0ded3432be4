//! `whimbrel doctor`.

mod json;
mod text;

use clap::{Args, ValueEnum};

use crate::control::{Facts, OpenError, Site};
use crate::events::names::RunId;
use crate::operations::diagnosis::{self, Check, Finding, Intent, State};
use crate::runner::{Plan, PlannedScenario};
use crate::world::ComputeWorld;

use super::output::print;
use super::run::Selecting;
use super::settings::{Resolved, Settings};
use super::surroundings::needs_of;
use super::{Exit, Outcome, Stop};

/// The exit codes, as `--help` shows them.
pub(super) const EXITS: &str = "\
Exit codes:
  0   the target can be used, though scenarios may be skipped
  2   usage or configuration: an unknown cloud, a bad entry, an image that is not there
  3   the target can't be used
  4   nothing would run: nothing is selected, or everything would be skipped
  70  a bug of whimbrel";

/// The same, and the fields of `--format json`.
pub(super) const HELP: &str = "\
Exit codes:
  0   the target can be used, though scenarios may be skipped
  2   usage or configuration: an unknown cloud, a bad entry, an image that is not there
  3   the target can't be used
  4   nothing would run: nothing is selected, or everything would be skipped
  70  a bug of whimbrel

With --format json, one object; fields may be added, none is renamed:
  format     1
  cloud      the name in clouds.yaml, or null for the embedded cloud
  verdict    ready, nothing-would-run, unusable or misconfigured
  exit_code  as above
  summary    the last line of the text
  checks     in order, each with
    check    entry, identity, clock, login, services, compute-api, rights, computes, boot, quota,
             placement, control, allow or journals; one that looked at several things stands there several
             times
    state    good, warning, problem or not-checked
    found    what was found
    remedy   what to do about it, or null
  scenarios  null where it can't be told; else
    selected, would_run  how many
    skipped  groups, each with reason, remedy (or null) and scenarios: feature, name and place";

/// Looks whether a target is fit for a run, without changing anything there: one line a check, and
/// what to do where something is not as it should be.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    selecting: Selecting,
    /// Scenarios that are to run side by side
    #[arg(short, long, value_name = "COUNT", help_heading = "Execution")]
    concurrency: Option<usize>,
    /// How it is told
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Reports")]
    format: Format,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// A request is tried twice at most: somebody is waiting for the answer, and may ask again.
const ATTEMPTS: u32 = 2;

/// Looks, and tells what it saw.
pub(super) fn doctor(doctor: &Doctor) -> Outcome {
    let concurrency = doctor.concurrency.map(|count| count.to_string());
    let more = [("--concurrency", "concurrency", concurrency)];
    let mut resolved = doctor.settings.resolve(&more)?;
    let retry = &mut resolved.config.requests.retry;
    for service in [
        &mut retry.identity,
        &mut retry.compute,
        &mut retry.image,
        &mut retry.network,
        &mut retry.placement,
    ] {
        service.attempts = service.attempts.min(ATTEMPTS);
    }
    let plan = doctor.selecting.plan(&resolved)?;
    if !plan.problems().is_empty() {
        return Err(Stop::with_all(Exit::Usage, plan.problems()));
    }
    let report = super::runtime()?.block_on(look(&resolved, &plan));
    print(&match doctor.format {
        Format::Text => text::of(&report),
        Format::Json => json::of(&report),
    })?;
    Ok(report.exit())
}

/// Everything that is told.
struct Report {
    cloud: Option<String>,
    findings: Vec<Finding>,
    /// Why a run would stop before its first scenario, as its exit code.
    stops: Option<Exit>,
    /// What the run would be; `None` where nobody knows what the target has.
    scenarios: Option<Scenarios>,
}

/// What becomes of the selected scenarios.
struct Scenarios {
    selected: usize,
    skipped: Vec<Group>,
}

/// Scenarios that are skipped for one reason.
struct Group {
    reason: String,
    remedy: Option<String>,
    scenarios: Vec<Skipped>,
}

/// One of them.
struct Skipped {
    feature: String,
    name: String,
    place: String,
}

async fn look(resolved: &Resolved, plan: &Plan<ComputeWorld>) -> Report {
    let Resolved { config, environment, folder, .. } = resolved;
    let cloud = config.cloud.clone();
    let needs = plan.scenarios().filter(|scenario| scenario.skip.is_none()).map(needs_of);
    let intent = Intent { needs: needs.collect(), concurrency: config.concurrency };
    let opened = Site::open_to_look(config.clone(), RunId::random(), environment, folder).await;
    let (mut findings, known) = match opened {
        Ok(site) => at_site(&site, &intent).await,
        Err(error) => (no_entry(&error), Err(Stop::target(error).exit)),
    };
    findings.extend(diagnosis::at_home(config, &intent));
    let scenarios = known.as_ref().ok().map(|facts| Scenarios::of(plan, facts, cloud.as_deref()));
    let wrong = findings.iter().find(|finding| finding.state == State::Problem);
    let stops = known.err().or_else(|| {
        wrong.map(|finding| match finding.check {
            Check::Journals => Exit::Usage,
            _ => Exit::Target,
        })
    });
    Report { cloud, findings, stops, scenarios }
}

/// What the cloud shows, and what it has; or how a run would end before its first scenario.
async fn at_site(site: &Site, intent: &Intent) -> (Vec<Finding>, Result<Facts, Exit>) {
    let (mut findings, reached) = diagnosis::reach(site).await;
    if !reached {
        return (findings, Err(Exit::Target));
    }
    let survey = site.survey().await;
    findings.extend(diagnosis::examine(site, &survey, intent).await);
    let known = site.known(&survey).map(|known| known.facts);
    (findings, known.map_err(|error| Stop::target(error).exit))
}

/// The entry can't be used, so the cloud could not be looked at.
fn no_entry(error: &OpenError) -> Vec<Finding> {
    let found = Stop::new(Exit::Usage, error).message.replace("\n  because ", ": ");
    let remedy = "write in clouds.yaml what it asks for, choose another cloud with --cloud (and \
                  --member), or point OS_CLIENT_CONFIG_FILE at the file that is meant";
    let why = "the cloud's entry can't be used";
    let rest = diagnosis::not_checked(Check::Identity..=Check::Placement, why);
    std::iter::once(Finding::problem(Check::Entry, found, remedy)).chain(rest).collect()
}

impl Report {
    fn would_run(&self) -> usize {
        self.scenarios.as_ref().map_or(0, Scenarios::would_run)
    }

    fn exit(&self) -> Exit {
        match self.stops {
            Some(exit) => exit,
            None if self.would_run() == 0 => Exit::NothingRan,
            None => Exit::Passed,
        }
    }

    /// A word for the whole.
    fn verdict(&self) -> &'static str {
        match self.exit() {
            Exit::Passed => "ready",
            Exit::NothingRan => "nothing-would-run",
            Exit::Usage => "misconfigured",
            _ => "unusable",
        }
    }

    /// The whole in one line.
    fn summary(&self) -> String {
        let selected = self.scenarios.as_ref().map_or(0, |scenarios| scenarios.selected);
        match self.exit() {
            Exit::Passed => {
                format!("ready: {} of {selected} scenarios would run", self.would_run())
            }
            Exit::NothingRan if selected == 0 => {
                "nothing would run: no scenario is selected".to_owned()
            }
            Exit::NothingRan => {
                format!("nothing would run: {selected} of {selected} scenarios would be skipped")
            }
            Exit::Usage => format!("not ready: the configuration is wrong ({})", self.wrong()),
            _ => format!("not ready: the target can't be used ({})", self.wrong()),
        }
    }

    /// The checks in which there is a problem.
    fn wrong(&self) -> String {
        let problems = self.findings.iter().filter(|finding| finding.state == State::Problem);
        let mut checks: Vec<&str> = problems.map(|finding| finding.check.name()).collect();
        checks.dedup();
        checks.join(", ")
    }
}

impl Scenarios {
    fn of(plan: &Plan<ComputeWorld>, facts: &Facts, cloud: Option<&str>) -> Self {
        let mut skipped: Vec<Group> = Vec::new();
        for scenario in plan.scenarios() {
            let Some((reason, remedy)) = lack(scenario, facts, cloud) else { continue };
            let one = Skipped {
                feature: scenario.feature.to_string(),
                name: scenario.name().to_owned(),
                place: scenario.place(),
            };
            match skipped.iter_mut().find(|group| group.reason == reason) {
                Some(group) => group.scenarios.push(one),
                None => skipped.push(Group { reason, remedy, scenarios: vec![one] }),
            }
        }
        Self { selected: plan.scenarios().count(), skipped }
    }

    fn would_run(&self) -> usize {
        let skipped: usize = self.skipped.iter().map(|group| group.scenarios.len()).sum();
        self.selected - skipped
    }
}

/// Why a scenario would be skipped, and what to do about it.
fn lack(
    scenario: &PlannedScenario,
    facts: &Facts,
    cloud: Option<&str>,
) -> Option<(String, Option<String>)> {
    if let Some(reason) = &scenario.skip {
        return Some((reason.clone(), None));
    }
    let lack = facts.lack(&needs_of(scenario))?;
    Some((lack.to_string(), Some(lack.remedy(cloud.unwrap_or("NAME")))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_check_and_every_state() {
        for check in Check::ALL {
            assert!(HELP.contains(check.name()), "{check}");
        }
        for state in [State::Good, State::NotChecked, State::Warning, State::Problem] {
            assert!(HELP.contains(state.name()), "{state:?}");
        }
        assert!(HELP.starts_with(EXITS));
    }
}
