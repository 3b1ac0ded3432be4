//! What a cloud holds, counted in its own state: for tests that look for leftovers.

use std::collections::BTreeMap;

use super::state::State;
use crate::events::names::ComputeName;

/// What a cloud holds, counted in its own state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Instances that exist.
    pub instances: usize,
    /// Ports.
    pub ports: usize,
    /// Live migrations that are not over.
    pub migrations_in_flight: usize,
    /// Server groups.
    pub server_groups: usize,
    /// Key pairs.
    pub key_pairs: usize,
    /// Consumers with an allocation on each compute, instances and migrations alike.
    pub allocations: BTreeMap<ComputeName, Vec<String>>,
    /// Computes that are disabled or forced down.
    pub touched_computes: Vec<ComputeName>,
}

impl Snapshot {
    /// Whether nothing of anybody is left: no instance, port, migration, group or allocation.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts.
    pub(super) fn of(state: &State) -> Self {
        let mut allocations: BTreeMap<ComputeName, Vec<String>> = BTreeMap::new();
        for (consumer, charged) in state.placement.consumers() {
            for host in charged.charges.keys() {
                allocations.entry(host.clone()).or_default().push(consumer.clone());
            }
        }
        let touched =
            state.computes.hosts().filter(|service| service.disabled || service.forced_down);
        Snapshot {
            instances: state.servers.iter().count(),
            ports: state.catalog.ports.len(),
            migrations_in_flight: state.in_flight(),
            server_groups: state.groups.len(),
            key_pairs: state.catalog.key_pairs.len(),
            allocations,
            touched_computes: touched.map(|service| service.host.clone()).collect(),
        }
    }
}
