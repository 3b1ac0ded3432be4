//! What the lines of a journal add up to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Entry, Hold, ServiceBefore, ServiceSet};
use crate::events::names::{ComputeName, ServerId};

/// What is made or changed so far.
#[derive(Debug, Default)]
pub struct Ledger {
    instances: BTreeMap<String, (Account, Vec<ServerId>)>,
    computes: BTreeMap<ComputeName, ServiceChanged>,
    holds: BTreeSet<Hold>,
}

/// What a run did to a compute's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChanged {
    /// What it was at first.
    pub before: ServiceBefore,
    /// Whether the run disabled it.
    pub disabled: bool,
    /// Whether the run forced it down.
    pub forced_down: bool,
}

/// What is left to undo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// The names under which instances were asked for, with whose credentials, and those seen.
    pub instances: Vec<(Account, String, Vec<ServerId>)>,
    /// The computes whose service was changed, with what it was and what was done.
    pub computes: Vec<(ComputeName, ServiceChanged)>,
    /// What is held beyond the cloud's API.
    pub holds: Vec<Hold>,
}

impl Unsettled {
    /// Whether nothing is left to undo.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty() && self.computes.is_empty() && self.holds.is_empty()
    }

    /// What is left, one line each.
    pub fn lines(&self) -> Vec<String> {
        let instances = self.instances.iter().map(|(_, name, ids)| match ids.as_slice() {
            [] => format!("instances named {name}, if any"),
            ids => {
                let ids: Vec<&str> = ids.iter().map(ServerId::as_str).collect();
                format!("instances named {name}: {}", ids.join(", "))
            }
        });
        let computes = self.computes.iter().map(|(compute, changed)| {
            let word = if changed.before.enabled { "enabled" } else { "disabled" };
            format!("the service of {compute}, which was {word}")
        });
        let holds = self.holds.iter().map(ToString::to_string);
        instances.chain(computes).chain(holds).collect()
    }
}

impl Ledger {
    /// Takes one more line.
    pub(super) fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Run { .. } => {}
            Entry::Creating { account, name } => {
                self.instances.entry(name).or_insert((account, Vec::new()));
            }
            Entry::Created { name, id } => {
                if let Some((_, ids)) = self.instances.get_mut(&name)
                    && !ids.contains(&id)
                {
                    ids.push(id);
                }
            }
            Entry::Removed { name } => {
                self.instances.remove(&name);
            }
            Entry::Changing { compute, before, set } => {
                let untouched = ServiceChanged { before, disabled: false, forced_down: false };
                let changed = self.computes.entry(compute).or_insert(untouched);
                changed.disabled |= set != Some(ServiceSet::ForcedDown);
                changed.forced_down |= set != Some(ServiceSet::Disabled);
            }
            Entry::Restored { compute } => {
                self.computes.remove(&compute);
            }
            Entry::Holding { hold } => {
                self.holds.insert(hold);
            }
            Entry::Released { hold } => {
                self.holds.remove(&hold);
            }
        }
    }

    /// What is left to undo.
    pub fn unsettled(&self) -> Unsettled {
        let instances = self.instances.iter();
        Unsettled {
            instances: instances
                .map(|(name, (account, ids))| (*account, name.clone(), ids.clone()))
                .collect(),
            computes: self
                .computes
                .iter()
                .map(|(compute, changed)| (compute.clone(), changed.clone()))
                .collect(),
            holds: self.holds.iter().cloned().collect(),
        }
    }
}
