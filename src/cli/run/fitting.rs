//! What the target makes of a plan: what is skipped, what scenarios wait for, and the heading.

use std::collections::BTreeMap;

use crate::config::clouds::Environment;
use crate::control::Facts;
use crate::runner::{Fit, Plan, Take, group_resource};
use crate::world::ComputeWorld;

use super::super::settings::Resolved;
use super::super::surroundings::needs_of;

/// What keeps scenarios of a plan waiting for each other.
pub(super) struct Limits {
    /// How much there is of what they take.
    pub(super) capacities: BTreeMap<String, usize>,
    /// Where quotas make themselves felt, a line each.
    pub(super) told: Vec<String>,
}

/// Makes it a plan for the target, and tells what limits it there.
pub(super) fn fit(plan: &mut Plan<ComputeWorld>, facts: &Facts, resolved: &Resolved) -> Limits {
    plan.fit(|scenario| {
        let needs = needs_of(scenario);
        let taken = facts.rooms.iter().map(|room| (room.name(), room.taken_by(&needs)));
        let takes = taken.map(|(resource, amount)| Take { resource, amount });
        Fit {
            skip: facts.lack(&needs).map(|lack| lack.to_string()),
            alone: facts.alone(&needs),
            takes: takes.collect(),
        }
    });
    let side_by_side = plan.scenarios().filter(|it| it.skip.is_none() && !it.is_serial());
    let needs: Vec<_> = side_by_side.map(needs_of).collect();
    let groups = resolved.config.groups.iter();
    let groups = groups.map(|(name, limit)| (group_resource(name), *limit));
    let rooms = facts.rooms.iter().map(|room| (room.name(), room.instances));
    Limits {
        capacities: groups.chain(rooms).collect(),
        told: facts.limits(&needs, resolved.config.concurrency),
    }
}

/// The first line of every report.
pub(super) fn title() -> String {
    format!("whimbrel {}", env!("CARGO_PKG_VERSION"))
}

/// What the report says before anything happens.
pub(super) fn heading(
    target: &[String],
    limits: &Limits,
    seed: Option<u64>,
    resolved: &Resolved,
) -> Vec<String> {
    let mut heading = vec![title()];
    heading.extend_from_slice(target);
    heading.extend(limits.told.iter().cloned());
    heading.extend(seed.map(|seed| {
        format!("random order with seed {seed}; --order random:{seed} gives the same again")
    }));
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
