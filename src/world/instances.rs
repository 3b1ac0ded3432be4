//! The instances of a scenario, by name.

use crate::api::compute::Server;
use crate::events::names::{InstanceName, MigrationNumber};
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

    /// Notes how each instance is now, in the order of [`Self::iter`], as what later looks are
    /// compared with; what was done to it before counts no more.
    pub fn note(&mut self, seen: Vec<Server>) {
        for (instance, seen) in self.0.iter_mut().zip(seen) {
            instance.note(seen);
        }
    }

    /// Notes that the instance was acted on, and the record of its migration if there is one.
    pub fn note_asked(&mut self, name: &InstanceName, record: Option<MigrationNumber>) {
        if let Some(instance) = self.0.iter_mut().find(|instance| instance.name == *name) {
            instance.acted_on = true;
            instance.migration = record;
        }
    }
}
