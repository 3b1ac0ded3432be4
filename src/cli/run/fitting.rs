//! What the target makes of a plan: what is skipped, how much runs at once, and the heading.

use crate::config::clouds::Environment;
use crate::control::{AtOnce, Facts};
use crate::runner::{Fit, Plan};
use crate::world::ComputeWorld;

use super::super::settings::Resolved;
use super::super::surroundings::needs_of;

/// Makes it a plan for the target, and tells how many scenarios its quotas let run at once.
pub(super) fn fit(plan: &mut Plan<ComputeWorld>, facts: &Facts) -> Option<AtOnce> {
    plan.fit(|scenario| {
        let needs = needs_of(scenario);
        Fit { skip: facts.lack(&needs).map(|lack| lack.to_string()), alone: facts.alone(&needs) }
    });
    let side_by_side = plan.scenarios().filter(|it| it.skip.is_none() && !it.is_serial());
    facts.at_once(&side_by_side.map(needs_of).collect::<Vec<_>>())
}

/// The first line of every report.
pub(super) fn title() -> String {
    format!("whimbrel {}", env!("CARGO_PKG_VERSION"))
}

/// What the report says before anything happens.
pub(super) fn heading(
    target: &[String],
    limited: Option<AtOnce>,
    resolved: &Resolved,
) -> Vec<String> {
    let mut heading = vec![title()];
    heading.extend_from_slice(target);
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
