//! What the lines of a journal add up to.

use std::collections::BTreeMap;

use super::{Account, Entry, ServiceBefore};
use crate::events::names::{ComputeName, ServerId};

/// What is made or changed so far.
#[derive(Debug, Default)]
pub struct Ledger {
    instances: BTreeMap<String, (Account, Vec<ServerId>)>,
    computes: BTreeMap<ComputeName, ServiceBefore>,
}

/// What is left to undo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// The names under which instances were asked for, with whose credentials, and those seen.
    pub instances: Vec<(Account, String, Vec<ServerId>)>,
    /// The computes whose service was changed, with what it was.
    pub computes: Vec<(ComputeName, ServiceBefore)>,
}

impl Unsettled {
    /// Whether nothing is left to undo.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty() && self.computes.is_empty()
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
        let computes = self.computes.iter().map(|(compute, before)| {
            let word = if before.enabled { "enabled" } else { "disabled" };
            format!("the service of {compute}, which was {word}")
        });
        instances.chain(computes).collect()
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
            Entry::Changing { compute, before } => {
                self.computes.entry(compute).or_insert(before);
            }
            Entry::Restored { compute } => {
                self.computes.remove(&compute);
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
                .map(|(compute, before)| (compute.clone(), before.clone()))
                .collect(),
        }
    }
}
