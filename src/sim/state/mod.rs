//! The truth: one plain struct of tables, changed by requests and by events whose time has come.
//!
//! There is no I/O, no lock and no clock of its own in here; whoever owns a [`State`] tells it how
//! late it is ([`State::advance`]). Everything that the cloud refuses is a [`Refused`] in Nova's
//! words, and everything that has an order is a table: [`MigrationPhase::after`],
//! [`BuildPhase::after`], [`power::Task`], [`policy::Rule`].

pub mod actions;
pub mod build;
pub mod catalog;
mod choosing;
pub mod computes;
mod controls;
pub mod creating;
pub mod groups;
pub mod identity;
mod interfering;
pub mod migration;
mod moving;
mod network;
pub mod placement;
pub mod policy;
pub mod power;
pub mod queue;
pub mod quota;
pub mod refused;
mod scheduler;
pub mod server;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

pub use build::BuildPhase;
pub use migration::{FailStep, Migration, MigrationPhase};
pub use policy::{Caller, Rule};
pub use refused::Refused;
pub use server::Server;

use self::catalog::Catalog;
use self::computes::Computes;
use self::controls::Controls;
use self::groups::Groups;
use self::identity::Identity;
use self::migration::Migrations;
use self::placement::Placement;
use self::queue::{Due, Event, Queue, Ticket};
use self::server::Servers;
use super::settings::{Quotas, Settings};
use crate::events::names::{ComputeName, MigrationNumber, ServerId};

/// A change of state, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `server ID`, `migration NUMBER`, `compute NAME`.
    pub subject: String,
    /// What it is now.
    pub state: String,
}

/// The cloud.
#[derive(Debug)]
pub struct State {
    /// Virtual time since the start.
    pub now: Duration,
    /// The date at the start.
    pub epoch: jiff::Timestamp,
    /// What the cloud was started with.
    pub settings: Arc<Settings>,
    /// Projects, users, tokens.
    pub identity: Identity,
    /// Flavors, images, networks, ports.
    pub catalog: Catalog,
    /// Services and aggregates.
    pub computes: Computes,
    /// Providers and allocations.
    pub placement: Placement,
    /// Instances.
    pub servers: Servers,
    /// Live migrations.
    pub migrations: Migrations,
    /// Server groups.
    pub groups: Groups,
    /// Limits of projects that have their own.
    pub quotas: HashMap<String, Quotas>,
    /// Limits of all others, if they are not those of the settings any more.
    pub default_quotas: Option<Quotas>,
    /// Those that are not over. Of one instance there can be two: the next may be asked for as soon
    /// as the instance has arrived, while the source of the one before still cleans up.
    moving: BTreeMap<MigrationNumber, ServerId>,
    queue: Queue,
    control: Controls,
    notes: Vec<Note>,
}

impl State {
    /// A new cloud: computes, flavors, images, networks, users; no instances.
    pub fn new(settings: Settings) -> Self {
        let identity = Identity::stocked();
        let admin =
            identity.project("admin").map_or_else(String::new, |project| project.id.clone());
        let (mut computes, mut placement) = (Computes::default(), Placement::default());
        let control_host = ComputeName::new("control");
        for binary in ["nova-conductor", "nova-scheduler"] {
            computes.add(binary, control_host.clone());
        }
        for name in settings.compute_names() {
            let name = ComputeName::new(name);
            computes.add("nova-compute", name.clone());
            placement.add(name, settings.compute_size);
        }
        computes.deal_out_to(&settings.zones);
        Self {
            now: Duration::ZERO,
            epoch: jiff::Timestamp::now(),
            catalog: Catalog::stocked(&settings.stock, &admin),
            settings: Arc::new(settings),
            identity,
            computes,
            placement,
            servers: Servers::default(),
            migrations: Migrations::default(),
            groups: Groups::new(),
            quotas: HashMap::new(),
            default_quotas: None,
            moving: BTreeMap::new(),
            queue: Queue::default(),
            control: Controls::default(),
            notes: Vec::new(),
        }
    }

    /// Lets time pass until `now`: everything that is due by then happens, each at its own time.
    pub fn advance(&mut self, now: Duration) {
        while let Some(due) = self.queue.take_due(now) {
            // An event that was held back is late, but time does not go back for it.
            self.now = self.now.max(due.at);
            if let Some(due) = self.unless_held(due) {
                self.step(due);
            }
        }
        self.now = self.now.max(now);
    }

    /// When the next event is due, in virtual time.
    pub fn next_due(&self) -> Option<Duration> {
        self.queue.next_due()
    }

    /// What changed since it was asked last.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// How many live migrations are not over.
    pub fn in_flight(&self) -> usize {
        self.moving.len()
    }

    fn step(&mut self, due: Due) {
        if self.is_stale(&due) {
            return;
        }
        match due.event {
            Event::Schedule(ids) => self.schedule(&ids),
            Event::Build(id, event) => self.build_step(&id, event),
            Event::TaskDone(id, task) => self.finish_task(&id, task),
            Event::Deleted(id) => self.remove_server(&id),
            Event::Move(number, event) => {
                let stepped = self.move_step(number, event);
                debug_assert!(stepped.is_ok(), "{stepped:?}");
            }
        }
    }

    /// Whether nobody waits for the event any more: something else happened first.
    fn is_stale(&self, due: &Due) -> bool {
        match &due.event {
            Event::Schedule(ids) => ids.iter().all(|id| self.servers.get(id).is_none()),
            Event::Build(id, _) | Event::TaskDone(id, _) | Event::Deleted(id) => {
                !self.awaits(id, due.ticket)
            }
            Event::Move(number, _) => {
                self.migration(*number).is_none_or(|migration| migration.ticket != Some(due.ticket))
            }
        }
    }

    fn awaits(&self, id: &ServerId, ticket: Ticket) -> bool {
        self.servers.get(id).is_some_and(|server| server.ticket == Some(ticket))
    }

    fn plan(&mut self, wait: Duration, event: Event) -> Ticket {
        self.queue.plan(self.now + wait, event)
    }

    /// How fast the next thing is to be, in thousandths.
    fn spread(&self) -> u32 {
        let spread = u32::from(self.settings.durations.spread.min(90)) * 10;
        fastrand::u32(1000 - spread..=1000 + spread)
    }

    fn note_server(&mut self, id: &ServerId) {
        if let Some(server) = self.servers.any(id) {
            let (subject, state) = (format!("server {id}"), server.state_line());
            self.notes.push(Note { subject, state });
        }
    }

    fn note_migration(&mut self, number: MigrationNumber) {
        let Some(migration) = self.migration(number) else {
            return;
        };
        let destination = migration.destination.as_ref().map_or("-", ComputeName::as_str);
        let state = format!("{} {}>{destination}", migration.status.as_str(), migration.source);
        self.notes.push(Note { subject: format!("migration {number}"), state });
    }

    fn note_compute(&mut self, name: &ComputeName, state: &str) {
        self.notes.push(Note { subject: format!("compute {name}"), state: state.to_owned() });
    }
}
