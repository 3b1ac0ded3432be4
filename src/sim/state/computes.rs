//! The computes and the other services, and the aggregates that give computes a zone.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::events::names::ComputeName;
use crate::sim::ids;

/// The service that each compute runs.
const COMPUTE: &str = "nova-compute";

/// The zone of computes that no aggregate gives another.
pub const DEFAULT_ZONE: &str = "nova";

/// A service: `nova-compute` on its host, or one of the control services.
#[derive(Debug)]
pub struct Service {
    /// Its id before microversion 2.53.
    pub number: u64,
    /// Its id since.
    pub uuid: String,
    /// `nova-compute`, `nova-scheduler`, `nova-conductor`.
    pub binary: &'static str,
    /// Where it runs.
    pub host: ComputeName,
    /// An operator took it out of scheduling.
    pub disabled: bool,
    /// What the operator said about it.
    pub disabled_reason: Option<String>,
    /// An operator declared it dead.
    pub forced_down: bool,
    /// Whether its process runs.
    pub alive: bool,
    /// When it stopped, if it did.
    pub stopped: Option<Duration>,
}

impl Service {
    /// Whether the cloud believes that it works.
    pub const fn is_up(&self) -> bool {
        self.alive && !self.forced_down
    }
}

/// A host aggregate.
#[derive(Debug)]
pub struct Aggregate {
    /// Its number.
    pub id: u64,
    /// Its id in placement.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// The computes in it.
    pub hosts: Vec<ComputeName>,
    /// `availability_zone` among others.
    pub metadata: BTreeMap<String, String>,
    /// Virtual time.
    pub created: Duration,
    /// Virtual time of the last change, if any.
    pub updated: Option<Duration>,
}

/// Services and aggregates.
#[derive(Debug, Default)]
pub struct Computes {
    services: Vec<Service>,
    /// Where each `nova-compute` stands in the list.
    places: HashMap<ComputeName, usize>,
    /// The aggregates by number.
    pub aggregates: BTreeMap<u64, Aggregate>,
    last_aggregate: u64,
}

impl Computes {
    /// Adds a service that runs.
    pub fn add(&mut self, binary: &'static str, host: ComputeName) {
        if binary == COMPUTE {
            self.places.insert(host.clone(), self.services.len());
        }
        self.services.push(Service {
            number: self.services.len() as u64 + 1,
            uuid: ids::uuid(),
            binary,
            host,
            disabled: false,
            disabled_reason: None,
            forced_down: false,
            alive: true,
            stopped: None,
        });
    }

    /// All services in the order of their numbers.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter()
    }

    /// The computes in the order of their numbers.
    pub fn hosts(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.binary == COMPUTE)
    }

    /// The `nova-compute` of a host.
    pub fn host(&self, name: &ComputeName) -> Option<&Service> {
        self.services.get(*self.places.get(name)?)
    }

    /// The `nova-compute` of a host, to change it.
    pub fn host_mut(&mut self, name: &ComputeName) -> Option<&mut Service> {
        self.services.get_mut(*self.places.get(name)?)
    }

    /// Whether the host exists and is believed to work.
    pub fn is_up(&self, name: &ComputeName) -> bool {
        self.host(name).is_some_and(Service::is_up)
    }

    /// Whether the host's process runs, whatever the cloud believes.
    pub fn is_alive(&self, name: &ComputeName) -> bool {
        self.host(name).is_some_and(|service| service.alive)
    }

    /// The zone that a compute is in.
    pub fn zone(&self, host: &ComputeName) -> &str {
        self.aggregates
            .values()
            .filter(|aggregate| aggregate.hosts.contains(host))
            .find_map(|aggregate| aggregate.metadata.get("availability_zone"))
            .map_or(DEFAULT_ZONE, String::as_str)
    }

    /// Puts the computes into zones in turn, by an aggregate each.
    pub fn deal_out_to(&mut self, zones: &[String]) {
        let hosts: Vec<ComputeName> = self.hosts().map(|service| service.host.clone()).collect();
        for (turn, zone) in zones.iter().enumerate() {
            let number = self.add_aggregate(zone.clone(), Some(zone.clone()), Duration::ZERO);
            let own = hosts.iter().skip(turn).step_by(zones.len()).cloned().collect();
            if let Some(aggregate) = self.aggregates.get_mut(&number) {
                aggregate.hosts = own;
            }
        }
    }

    /// Makes an aggregate and returns its number.
    pub fn add_aggregate(&mut self, name: String, zone: Option<String>, now: Duration) -> u64 {
        self.last_aggregate += 1;
        let metadata =
            zone.map(|zone| ("availability_zone".to_owned(), zone)).into_iter().collect();
        let id = self.last_aggregate;
        let uuid = ids::uuid();
        let aggregate =
            Aggregate { id, uuid, name, hosts: Vec::new(), metadata, created: now, updated: None };
        self.aggregates.insert(id, aggregate);
        id
    }
}
