//! The instances of a scenario, by name.

use crate::api::compute::Server;
use crate::events::names::InstanceName;
use crate::operations::live_migration::Asked;
use crate::operations::{Instance, UnknownInstance};

/// The instances in the order in which they were asked for.
#[derive(Debug, Default)]
pub struct Instances(Vec<Instance>);

impl Instances {
    /// Adds instances.
    pub fn extend(&mut self, instances: impl IntoIterator<Item = Instance>) {
        self.0.extend(instances);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.0.iter()
    }

    /// The one of that name.
    ///
    /// # Errors
    ///
    /// [`UnknownInstance`], which names those that there are.
    pub fn get(&self, name: &InstanceName) -> Result<&Instance, UnknownInstance> {
        self.0.iter().find(|instance| instance.name == *name).ok_or_else(|| UnknownInstance {
            name: name.clone(),
            known: match self.0.as_slice() {
                [] => "none".to_owned(),
                instances => instances
                    .iter()
                    .map(|instance| instance.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            },
        })
    }

    /// Notes how instances are now, as what later looks are compared with; what was done to them
    /// before counts no more.
    pub fn note(&mut self, seen: Vec<Server>) {
        for seen in seen {
            if let Some(instance) = self.0.iter_mut().find(|instance| instance.id == seen.id) {
                instance.note(seen);
            }
        }
    }

    /// Notes that the scenario has deleted an instance.
    pub fn note_deleted(&mut self, name: &InstanceName) {
        if let Some(instance) = self.0.iter_mut().find(|instance| instance.name == *name) {
            instance.deleted = true;
        }
    }

    /// Notes what asking for a live migration came to. A refusal must not have done anything, so
    /// it does not count as an action.
    pub fn note_asked(&mut self, name: &InstanceName, asked: Asked) {
        if let Some(instance) = self.0.iter_mut().find(|instance| instance.name == *name) {
            instance.acted_on |= asked.record.is_some();
            instance.migration = asked.record.or(instance.migration);
            instance.asked = Some(asked.answer);
        }
    }
}
