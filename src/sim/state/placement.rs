//! What placement knows: one provider a compute, its inventory, and who is charged for what.

use std::collections::BTreeMap;

use super::refused::Refused;
use crate::events::names::ComputeName;
use crate::sim::ids;
use crate::sim::settings::ComputeSize;

/// An amount of each of the three classes that instances use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// `VCPU`.
    pub vcpus: u64,
    /// `MEMORY_MB`.
    pub memory_mb: u64,
    /// `DISK_GB`.
    pub disk_gb: u64,
}

impl Resources {
    /// The classes with their amounts, in placement's spelling.
    pub fn by_class(self) -> [(&'static str, u64); 3] {
        [("VCPU", self.vcpus), ("MEMORY_MB", self.memory_mb), ("DISK_GB", self.disk_gb)]
    }

    fn plus(self, other: Self) -> Self {
        Self {
            vcpus: self.vcpus + other.vcpus,
            memory_mb: self.memory_mb + other.memory_mb,
            disk_gb: self.disk_gb + other.disk_gb,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            vcpus: self.vcpus.saturating_sub(other.vcpus),
            memory_mb: self.memory_mb.saturating_sub(other.memory_mb),
            disk_gb: self.disk_gb.saturating_sub(other.disk_gb),
        }
    }

    fn fits_in(self, room: Self) -> bool {
        self.vcpus <= room.vcpus && self.memory_mb <= room.memory_mb && self.disk_gb <= room.disk_gb
    }
}

/// A class of a provider's inventory, as placement shows it.
#[derive(Clone, Copy, Debug)]
pub struct Inventory {
    /// `VCPU`, `MEMORY_MB` or `DISK_GB`.
    pub class: &'static str,
    /// What the compute has.
    pub total: u64,
    /// What it keeps for itself.
    pub reserved: u64,
    /// By how much it may be overcommitted.
    pub ratio: f64,
}

/// A resource provider: one compute.
#[derive(Debug)]
pub struct Provider {
    /// Its id, also the hypervisor's.
    pub uuid: String,
    /// The compute.
    pub name: ComputeName,
    /// Grows with each change of inventory or allocations.
    pub generation: u64,
    /// What it has.
    pub size: ComputeSize,
    /// What is charged to it.
    pub used: Resources,
}

/// Nova's defaults (`initial_cpu_allocation_ratio`, `reserved_host_memory_mb`).
const CPU_RATIO: u64 = 4;
const RESERVED_MEMORY_MB: u64 = 512;

impl Provider {
    /// What may be charged in all.
    pub fn capacity(&self) -> Resources {
        Resources {
            vcpus: self.size.vcpus * CPU_RATIO,
            memory_mb: self.size.memory_mb.saturating_sub(RESERVED_MEMORY_MB),
            disk_gb: self.size.disk_gb,
        }
    }

    /// What is still free.
    pub fn free(&self) -> Resources {
        self.capacity().minus(self.used)
    }

    /// The inventory by class.
    pub fn inventories(&self) -> [Inventory; 3] {
        let reserved = RESERVED_MEMORY_MB.min(self.size.memory_mb);
        [
            Inventory {
                class: "VCPU",
                total: self.size.vcpus,
                reserved: 0,
                ratio: CPU_RATIO as f64,
            },
            Inventory { class: "MEMORY_MB", total: self.size.memory_mb, reserved, ratio: 1.0 },
            Inventory { class: "DISK_GB", total: self.size.disk_gb, reserved: 0, ratio: 1.0 },
        ]
    }
}

/// What a consumer, an instance or a migration, is charged for.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// By compute.
    pub charges: BTreeMap<ComputeName, Resources>,
    /// Whose it is.
    pub project: String,
    /// Whose it is.
    pub user: String,
    /// Grows with each change.
    pub generation: u64,
}

/// Providers and consumers.
#[derive(Debug, Default)]
pub struct Placement {
    providers: BTreeMap<ComputeName, Provider>,
    consumers: BTreeMap<String, Consumer>,
}

/// Who is to be charged.
#[derive(Clone, Copy, Debug)]
pub struct Payer<'a> {
    /// The consumer's UUID.
    pub consumer: &'a str,
    /// Whose it is.
    pub project: &'a str,
    /// Whose it is.
    pub user: &'a str,
}

impl Placement {
    /// Adds the provider of a compute.
    pub fn add(&mut self, name: ComputeName, size: ComputeSize) {
        let uuid = ids::uuid();
        let provider =
            Provider { uuid, name: name.clone(), generation: 1, size, used: Resources::default() };
        self.providers.insert(name, provider);
    }

    /// All providers by the computes' names.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.values()
    }

    /// The provider of a compute.
    pub fn provider(&self, name: &ComputeName) -> Option<&Provider> {
        self.providers.get(name)
    }

    /// The provider with this id.
    pub fn provider_by_uuid(&self, uuid: &str) -> Option<&Provider> {
        self.providers.values().find(|provider| provider.uuid == uuid)
    }

    /// What a consumer is charged for; `None` if nothing.
    pub fn consumer(&self, consumer: &str) -> Option<&Consumer> {
        self.consumers.get(consumer)
    }

    /// All consumers that are charged for something.
    pub fn consumers(&self) -> impl Iterator<Item = (&String, &Consumer)> {
        self.consumers.iter()
    }

    /// Whether `needs` fit on a compute now.
    pub fn fits(&self, host: &ComputeName, needs: Resources) -> bool {
        self.providers.get(host).is_some_and(|provider| needs.fits_in(provider.free()))
    }

    /// Charges `payer` for `needs` on `host`, all or nothing.
    ///
    /// # Errors
    ///
    /// [`Refused::NoValidHost`] if there is no such provider or no room on it.
    pub fn claim(
        &mut self,
        payer: Payer<'_>,
        host: &ComputeName,
        needs: Resources,
    ) -> Result<(), Refused> {
        if !self.fits(host, needs) {
            return Err(Refused::NoValidHost(String::new()));
        }
        self.charge(payer, host, needs);
        Ok(())
    }

    fn charge(&mut self, payer: Payer<'_>, host: &ComputeName, needs: Resources) {
        if let Some(provider) = self.providers.get_mut(host) {
            provider.used = provider.used.plus(needs);
            provider.generation += 1;
        }
        let consumer =
            self.consumers.entry(payer.consumer.to_owned()).or_insert_with(|| Consumer {
                charges: BTreeMap::new(),
                project: payer.project.to_owned(),
                user: payer.user.to_owned(),
                generation: 0,
            });
        consumer.generation += 1;
        let charged = consumer.charges.entry(host.clone()).or_default();
        *charged = charged.plus(needs);
    }

    /// Frees all that `consumer` is charged for.
    pub fn free(&mut self, consumer: &str) {
        let Some(freed) = self.consumers.remove(consumer) else {
            return;
        };
        for (host, resources) in freed.charges {
            if let Some(provider) = self.providers.get_mut(&host) {
                provider.used = provider.used.minus(resources);
                provider.generation += 1;
            }
        }
    }

    /// Charges `to` for all that `from` was charged for, which then has nothing.
    pub fn hand_over(&mut self, from: &str, to: &str) {
        let Some(mut consumer) = self.consumers.remove(from) else {
            return;
        };
        for host in consumer.charges.keys() {
            if let Some(provider) = self.providers.get_mut(host) {
                provider.generation += 1;
            }
        }
        consumer.generation = 1;
        self.consumers.insert(to.to_owned(), consumer);
    }
}
