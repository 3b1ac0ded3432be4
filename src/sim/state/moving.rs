//! Live migration: what each phase of the table does to instance, record, allocations and ports.

use std::time::Duration;

use super::State;
use super::actions::Actions;
use super::migration::{
    End, FailStep, Impossible, Migration, MigrationPhase as Phase, MigrationStatus, MoveEvent as E,
    MoveRequest,
};
use super::policy::Caller;
use super::queue::Event;
use super::refused::Refused;
use super::server::{Fault, TaskState, VmState};
use crate::events::names::{MigrationNumber, MigrationUuid, ServerId};
use crate::sim::ids;
use crate::sim::settings::Release;

/// The instance action, and the events of it that this module writes.
pub(super) const ACTION: &str = "live-migration";
const CONDUCTOR: &str = "conductor";
pub(super) const CHECK_DESTINATION: &str = "compute_check_can_live_migrate_destination";
pub(super) const CHECK_SOURCE: &str = "compute_check_can_live_migrate_source";
const START: &str = "compute_live_migration";
const PREPARE: &str = "compute_pre_live_migration";
const FINISH: &str = "compute_post_live_migration_at_destination";

impl State {
    /// Starts a live migration; the record is written a moment later.
    ///
    /// # Errors
    ///
    /// What the API answers at once: wrong state, locked, unknown compute.
    pub fn live_migrate(
        &mut self,
        by: &Caller,
        id: &ServerId,
        request: MoveRequest,
    ) -> Result<MigrationNumber, Refused> {
        self.check_unlocked(by, id)?;
        self.check_state(id, "os-migrateLive", &[VmState::Active, VmState::Paused])?;
        if let Some(host) = &request.destination
            && self.computes.host(host).is_none()
        {
            return Err(Refused::NoComputeHost(host.to_string()));
        }
        let (now, pace, fails) = (self.now, self.spread(), self.control.next_migration_failure(id));
        let number = self.migrations.next_number();
        let Some(server) = self.servers.get_mut(id) else {
            return Err(Refused::NoInstance(id.to_string()));
        };
        let Some(source) = server.host.clone() else {
            return Err(Refused::NoInstance(id.to_string()));
        };
        server.task_state = Some(TaskState::Migrating);
        server.updated = now;
        server.actions.open(ACTION, by, now);
        server.actions.begin(ACTION, conductor_event(request.waits), CONDUCTOR, now);
        let migration = Migration {
            number,
            uuid: MigrationUuid::new(ids::uuid()),
            server: id.clone(),
            by: by.clone(),
            destination: request.destination.clone().filter(|_| request.forced),
            source,
            chosen: None,
            attempted: Vec::new(),
            phase: Phase::Requested,
            status: MigrationStatus::Accepted,
            created: now,
            updated: None,
            copying: None,
            flavor: (server.flavor.number, server.flavor.ram),
            came_from: server.vm_state,
            fails,
            refusal: None,
            pace,
            ticket: None,
            request,
        };
        self.migrations.add(migration);
        self.note_server(id);
        self.plan_move(number, E::Recorded);
        Ok(number)
    }

    /// The migration of an instance that is not over; the newest if there are two.
    pub fn migration_in_flight(&self, id: &ServerId) -> Option<&Migration> {
        let newest = self.moving.iter().rev().find(|(_, server)| *server == id);
        newest.and_then(|(number, _)| self.migration(*number))
    }

    /// The migration with this number, recorded or not.
    pub fn migration(&self, number: MigrationNumber) -> Option<&Migration> {
        self.migrations.get(number)
    }

    pub(super) fn migration_mut(&mut self, number: MigrationNumber) -> Option<&mut Migration> {
        self.migrations.get_mut(number)
    }

    /// Lets a live migration take a step, does what that means, and plans the next.
    ///
    /// # Errors
    ///
    /// [`Impossible`] if the table has no such step; then nothing has changed.
    pub(super) fn move_step(
        &mut self,
        number: MigrationNumber,
        event: E,
    ) -> Result<(), Impossible> {
        let event = self.what_really_happens(number, event);
        let now = self.now;
        let Some(migration) = self.migration_mut(number) else {
            return Ok(());
        };
        let phase = migration.phase.after(event)?;
        migration.phase = phase;
        migration.ticket = None;
        if let Some(status) = phase.status() {
            migration.status = status;
            migration.updated = (phase != Phase::Accepted).then_some(now);
        }
        if phase == Phase::Accepted {
            migration.created = now;
        }
        let id = migration.server.clone();
        self.enter(number, &id, phase, event);
        self.note_migration(number);
        if phase.is_over() {
            self.moving.remove(&number);
        }
        if let Some(next) = Self::after_that(phase) {
            self.plan_move(number, next);
        }
        self.start_queued();
        Ok(())
    }

    /// Turns what was planned into what happens: failures that were asked for, and lost computes.
    fn what_really_happens(&mut self, number: MigrationNumber, event: E) -> E {
        let Some(migration) = self.migration(number) else {
            return event;
        };
        let lost = migration.chosen.as_ref().is_some_and(|host| !self.computes.is_alive(host));
        match (event, migration.fails) {
            (E::Scheduled, _) => self.find_destination(number),
            (E::ChecksPassed, _) => self.check_hosts(number),
            (E::Prepared, Some(FailStep::Prepare)) => E::PrepareFailed,
            (E::Prepared, _) if lost => E::PrepareFailed,
            (E::Copied, Some(FailStep::Copy)) => E::CopyFailed,
            (E::Copied, _) if lost => E::CopyFailed,
            (E::Copied, Some(FailStep::CopyWithoutRollback)) => E::CopyCrashed,
            (E::Copied, Some(FailStep::Finish)) => E::FinishFailed,
            (event, _) => event,
        }
    }

    /// What each phase does when it is entered.
    fn enter(&mut self, number: MigrationNumber, id: &ServerId, phase: Phase, event: E) {
        let Some(migration) = self.migration(number).cloned() else {
            return;
        };
        match phase {
            Phase::SourceHeld if event == E::SourceHeld => {
                self.placement.hand_over(id.as_str(), migration.uuid.as_str());
            }
            Phase::SourceHeld => self.placement.free(id.as_str()),
            Phase::Checked => self.pass_checks(number, &migration),
            Phase::Queued => self.with_actions(id, |actions, now| {
                actions.once(ACTION, START, migration.source.as_str(), now)
            }),
            Phase::Preparing => {
                let host = destination_of(&migration);
                self.with_actions(id, |actions, now| actions.begin(ACTION, PREPARE, &host, now));
            }
            Phase::Running => {
                self.with_actions(id, |actions, now| actions.end(ACTION, PREPARE, None, now));
                let lasts = self.move_share(Phase::Running, migration.pace);
                let now = self.now;
                if let Some(migration) = self.migration_mut(number) {
                    migration.copying = Some((now, lasts));
                }
            }
            Phase::Unprepared => {
                let why =
                    Refused::Migration("the preparation on the destination failed".to_owned())
                        .to_string();
                self.with_actions(id, |actions, now| actions.end(ACTION, PREPARE, Some(&why), now));
            }
            Phase::Restored(_) => {
                if event == E::Prepared {
                    self.with_actions(id, |actions, now| actions.end(ACTION, PREPARE, None, now));
                }
                self.go_back(&migration, migration.came_from);
            }
            Phase::Landed => self.land(&migration),
            Phase::Botched => self.botch(&migration),
            Phase::Ended(End::Completed) => self.placement.free(migration.uuid.as_str()),
            Phase::Ended(end) => self.end_badly(number, &migration, end, event),
            Phase::Requested
            | Phase::Accepted
            | Phase::Chosen
            | Phase::PreparingAborted
            | Phase::Aborting
            | Phase::Crashed
            | Phase::Completed => {}
        }
    }

    fn pass_checks(&mut self, number: MigrationNumber, migration: &Migration) {
        let host = destination_of(migration);
        let event = conductor_event(migration.request.waits);
        self.with_actions(&migration.server, |actions, now| {
            actions.once(ACTION, CHECK_SOURCE, migration.source.as_str(), now);
            actions.once(ACTION, CHECK_DESTINATION, &host, now);
            actions.end(ACTION, event, None, now);
        });
        if let Some(chosen) = &migration.chosen {
            self.bind_destination(&migration.server, &migration.source, chosen);
        }
        let now = self.now;
        if let Some(migration) = self.migration_mut(number) {
            migration.destination.clone_from(&migration.chosen);
            migration.updated = Some(now);
        }
    }

    /// The instance runs on its destination; nothing else of it has changed.
    fn land(&mut self, migration: &Migration) {
        self.arrive(migration, migration.came_from, None);
        let host = destination_of(migration);
        self.with_actions(&migration.server, |actions, now| {
            actions.once(ACTION, FINISH, &host, now)
        });
    }

    /// The instance is on its destination, but in ERROR.
    fn botch(&mut self, migration: &Migration) {
        let message =
            Refused::Migration("the last step on the destination failed".to_owned()).to_string();
        let fault = Fault { code: 500, message: message.clone(), created: self.now };
        self.arrive(migration, VmState::Error, Some(fault));
        let host = destination_of(migration);
        self.with_actions(&migration.server, |actions, now| {
            actions.begin(ACTION, FINISH, &host, now);
            actions.end(ACTION, FINISH, Some(&message), now);
        });
    }

    fn arrive(&mut self, migration: &Migration, vm_state: VmState, fault: Option<Fault>) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(&migration.server) else {
            return;
        };
        server.host.clone_from(&migration.chosen);
        server.vm_state = vm_state;
        server.task_state = None;
        server.fault = fault;
        server.updated = now;
        if let Some(host) = &migration.chosen {
            self.bind_only(&migration.server, host);
        }
        self.note_server(&migration.server);
    }

    /// Gives the instance back to its source: its allocation, its ports, no task.
    fn go_back(&mut self, migration: &Migration, vm_state: VmState) {
        let (now, id) = (self.now, &migration.server);
        self.placement.free(id.as_str());
        self.placement.hand_over(migration.uuid.as_str(), id.as_str());
        self.bind_only(id, &migration.source);
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        server.vm_state = vm_state;
        server.task_state = None;
        server.updated = now;
        self.note_server(id);
    }

    /// The ends other than arrival.
    fn end_badly(&mut self, number: MigrationNumber, migration: &Migration, end: End, event: E) {
        match (end, event) {
            (End::Gone, _) => self.placement.free(migration.uuid.as_str()),
            (End::Error, E::Refused) => self.refuse_move(migration),
            (End::Error, E::SourceCleaned) => {
                // Zed's source does not look at what the destination answered.
                if self.settings.release == Release::Zed26
                    && let Some(migration) = self.migration_mut(number)
                {
                    migration.status = MigrationStatus::Completed;
                }
                self.placement.free(migration.uuid.as_str());
            }
            (End::Error, E::GivenUp) => self.go_back(migration, VmState::Error),
            (End::Failed, E::Undone) | (End::Error, _) => {
                self.go_back(migration, migration.came_from)
            }
            (End::Failed | End::Cancelled | End::Completed, _) => {}
        }
    }

    fn refuse_move(&mut self, migration: &Migration) {
        let refusal =
            migration.refusal.clone().unwrap_or_else(Refused::not_enough_hosts).to_string();
        let event = conductor_event(migration.request.waits);
        self.with_actions(&migration.server, |actions, now| {
            actions.end(ACTION, event, Some(&refusal), now)
        });
        // Before the allocation was taken over there is nothing to give back.
        if self.placement.consumer(migration.uuid.as_str()).is_some() {
            self.go_back(migration, migration.came_from);
            return;
        }
        let now = self.now;
        if let Some(server) = self.servers.get_mut(&migration.server) {
            server.task_state = None;
            server.updated = now;
        }
        self.note_server(&migration.server);
    }

    /// What a phase waits for; `None` if for somebody else.
    fn after_that(phase: Phase) -> Option<E> {
        Some(match phase {
            Phase::Requested => E::Recorded,
            Phase::Accepted => E::SourceHeld,
            Phase::SourceHeld => E::Scheduled,
            Phase::Chosen => E::ChecksPassed,
            Phase::Checked => E::Received,
            Phase::Preparing | Phase::PreparingAborted => E::Prepared,
            Phase::Running => E::Copied,
            Phase::Aborting => E::Aborted,
            Phase::Unprepared => E::Undone,
            Phase::Crashed => E::GivenUp,
            Phase::Restored(_) => E::Closed,
            Phase::Landed | Phase::Botched => E::SourceCleaned,
            Phase::Completed => E::SourceFreed,
            Phase::Queued | Phase::Ended(_) => return None,
        })
    }

    fn plan_move(&mut self, number: MigrationNumber, event: E) {
        let Some(migration) = self.migration(number) else {
            return;
        };
        let wait = self.move_share(migration.phase, migration.pace);
        self.plan_move_in(number, event, wait);
    }

    pub(super) fn plan_move_in(&mut self, number: MigrationNumber, event: E, wait: Duration) {
        let ticket = self.plan(wait, Event::Move(number, event));
        if let Some(migration) = self.migration_mut(number) {
            migration.ticket = Some(ticket);
        }
        if let Some(migration) = self.migration(number) {
            let id = migration.server.clone();
            self.moving.insert(number, id);
        }
    }

    pub(super) fn move_share(&self, phase: Phase, pace: u32) -> Duration {
        self.settings.durations.migrate * phase.share() / 1000 * pace / 1000
    }

    pub(super) fn with_actions(
        &mut self,
        id: &ServerId,
        write: impl FnOnce(&mut Actions, Duration),
    ) {
        let now = self.now;
        if let Some(server) = self.servers.get_mut(id) {
            write(&mut server.actions, now);
        }
    }
}

/// How the conductor's part is called; before 2.34 it was called by the request itself.
const fn conductor_event(waits: bool) -> &'static str {
    if waits { "conductor_migrate_server" } else { "conductor_live_migrate_instance" }
}

pub(super) fn destination_of(migration: &Migration) -> String {
    migration.chosen.as_ref().map_or_else(String::new, ToString::to_string)
}
