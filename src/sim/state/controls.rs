//! What tests hold back, make fail, or take away.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::State;
use super::build::BuildPhase;
use super::migration::{FailStep, MigrationPhase};
use super::queue::{Due, Event};
use super::server::{Fault, TaskState, VmState};
use crate::events::names::{ComputeName, ServerId};

/// What was asked for beyond the API.
#[derive(Debug, Default)]
pub struct Controls {
    held_moves: BTreeSet<MigrationPhase>,
    /// Those of single instances.
    held_moves_of: BTreeMap<ServerId, BTreeSet<MigrationPhase>>,
    held_boots: BTreeSet<BuildPhase>,
    /// At what, and whose if not whichever comes next.
    failing_moves: VecDeque<(FailStep, Option<ServerId>)>,
    failing_builds: VecDeque<usize>,
    parked: Vec<Due>,
    /// At how many parked events the stale ones among them are thrown away.
    full_at: usize,
}

/// Fewer parked events than this are not worth looking through.
pub(super) const FEW_PARKED: usize = 256;

impl Controls {
    /// What the live migration of this instance that begins now is to fail at.
    pub fn next_migration_failure(&mut self, id: &ServerId) -> Option<FailStep> {
        let meets = |of: &Option<ServerId>| of.as_ref().is_none_or(|of| of == id);
        let place = self.failing_moves.iter().position(|(_, of)| meets(of))?;
        self.failing_moves.remove(place).map(|(step, _)| step)
    }

    /// Forgets what was asked for an instance that is gone.
    pub fn forget(&mut self, id: &ServerId) {
        self.held_moves_of.remove(id);
        self.failing_moves.retain(|(_, of)| of.as_ref() != Some(id));
    }

    fn holds_move(&self, id: &ServerId, phase: MigrationPhase) -> bool {
        let of = || self.held_moves_of.get(id).is_some_and(|phases| phases.contains(&phase));
        self.held_moves.contains(&phase) || of()
    }

    /// On how many computes the next build is to fail.
    pub fn next_build_failures(&mut self) -> usize {
        self.failing_builds.pop_front().unwrap_or(0)
    }
}

impl State {
    /// Keeps live migrations in `phase` until they are released.
    pub fn hold_moves(&mut self, phase: MigrationPhase) {
        self.control.held_moves.insert(phase);
    }

    /// Keeps the live migrations of one instance in `phase` until they are released.
    pub fn hold_moves_of(&mut self, id: &ServerId, phase: MigrationPhase) {
        self.control.held_moves_of.entry(id.clone()).or_default().insert(phase);
    }

    /// Lets all live migrations go on.
    pub fn release_moves(&mut self) {
        self.control.held_moves.clear();
        self.control.held_moves_of.clear();
        self.unpark();
    }

    /// Lets the live migrations of one instance go on, as far as nothing holds all of them.
    pub fn release_moves_of(&mut self, id: &ServerId) {
        self.control.held_moves_of.remove(id);
        self.unpark();
    }

    /// Keeps builds in `phase` until they are released.
    pub fn hold_boots(&mut self, phase: BuildPhase) {
        self.control.held_boots.insert(phase);
    }

    /// Lets all builds go on.
    pub fn release_boots(&mut self) {
        self.control.held_boots.clear();
        self.unpark();
    }

    /// Makes the next live migration, or the next of one instance, fail at `step`; several are kept
    /// in order.
    pub fn fail_next_move(&mut self, step: FailStep, of: Option<ServerId>) {
        self.control.failing_moves.push_back((step, of));
    }

    /// Makes the next build fail on its first `computes` computes.
    pub fn fail_next_build(&mut self, computes: usize) {
        self.control.failing_builds.push_back(computes);
    }

    /// Stops a compute's process; `false` if there is no such compute.
    pub fn compute_down(&mut self, name: &ComputeName) -> bool {
        let now = self.now;
        let Some(service) = self.computes.host_mut(name) else {
            return false;
        };
        service.alive = false;
        service.stopped.get_or_insert(now);
        self.note_compute(name, "down");
        true
    }

    /// Starts a compute's process again, which cleans up what the old one had begun.
    pub fn compute_up(&mut self, name: &ComputeName) -> bool {
        let Some(service) = self.computes.host_mut(name) else {
            return false;
        };
        if std::mem::replace(&mut service.alive, true) {
            return true;
        }
        service.stopped = None;
        self.note_compute(name, "up");
        self.fail_migrations_of(name);
        self.settle_instances_of(name);
        self.unpark();
        true
    }

    /// Takes a compute out of scheduling, or puts it back.
    pub fn set_disabled(&mut self, name: &ComputeName, disabled: bool, reason: Option<&str>) {
        if let Some(service) = self.computes.host_mut(name) {
            service.disabled = disabled;
            service.disabled_reason = reason.map(str::to_owned);
            self.note_compute(name, if disabled { "disabled" } else { "enabled" });
        }
    }

    /// Declares a compute dead, or takes that back.
    pub fn set_forced_down(&mut self, name: &ComputeName, forced: bool) {
        if let Some(service) = self.computes.host_mut(name) {
            service.forced_down = forced;
            self.note_compute(name, if forced { "forced down" } else { "no longer forced down" });
        }
    }

    /// What a compute does with its instances when it starts: half-made ones are in ERROR,
    /// half-done tasks are forgotten, half-done deletions are finished.
    fn settle_instances_of(&mut self, name: &ComputeName) {
        let now = self.now;
        let here: Vec<ServerId> = self
            .servers
            .iter()
            .filter(|server| server.host.as_ref() == Some(name) && server.task_state.is_some())
            .filter(|server| server.task_state != Some(TaskState::Migrating))
            .map(|server| server.id.clone())
            .collect();
        for id in here {
            let Some(server) = self.servers.get_mut(&id) else {
                continue;
            };
            if server.task_state == Some(TaskState::Deleting) {
                self.remove_server(&id);
                continue;
            }
            server.task_state = None;
            server.ticket = None;
            server.updated = now;
            if server.vm_state == VmState::Building {
                server.vm_state = VmState::Error;
                server.build = BuildPhase::Failed;
                let message = "The compute was restarted while it built the instance.".to_owned();
                server.fault = Some(Fault { code: 500, message, created: now });
            }
            self.note_server(&id);
        }
    }

    /// Puts an event aside if it is held back; `None` if it was.
    pub(super) fn unless_held(&mut self, due: Due) -> Option<Due> {
        if !self.is_held(&due.event) {
            return Some(due);
        }
        // Else what is deleted while it is held would be kept for ever.
        if self.control.parked.len() >= self.control.full_at.max(FEW_PARKED) {
            let mut parked = std::mem::take(&mut self.control.parked);
            parked.retain(|due| !self.is_stale(due));
            self.control.full_at = parked.len() * 2;
            self.control.parked = parked;
        }
        self.control.parked.push(due);
        None
    }

    /// Whether nothing is held and nothing is to fail.
    #[cfg(test)]
    pub(super) fn asks_for_nothing(&self) -> bool {
        let Controls { held_moves, held_moves_of, held_boots, failing_moves, .. } = &self.control;
        held_moves.is_empty()
            && held_moves_of.is_empty()
            && held_boots.is_empty()
            && failing_moves.is_empty()
    }

    /// How many events are held back.
    #[cfg(test)]
    pub(super) fn parked(&self) -> usize {
        self.control.parked.len()
    }

    fn is_held(&self, event: &Event) -> bool {
        let dead = |host: &ComputeName| !self.computes.is_alive(host);
        match event {
            Event::Schedule(_) => self.control.held_boots.contains(&BuildPhase::Scheduling),
            Event::Build(id, _) => self.servers.get(id).is_some_and(|server| {
                self.control.held_boots.contains(&server.build)
                    || server.host.as_ref().or(server.chosen.as_ref()).is_some_and(dead)
            }),
            Event::Move(number, _) => self.migration(*number).is_some_and(|migration| {
                self.control.holds_move(&migration.server, migration.phase)
                    || (migration.phase >= MigrationPhase::Checked && dead(&migration.source))
            }),
            Event::TaskDone(id, _) | Event::Deleted(id) => {
                self.servers.get(id).and_then(|server| server.host.as_ref()).is_some_and(dead)
            }
        }
    }

    fn unpark(&mut self) {
        for due in std::mem::take(&mut self.control.parked) {
            self.queue.put_back(due);
        }
    }
}
