//! What can be done to a live migration on its way: abort, force-complete, deletion, a restart of
//! its source; and the queue of each source.

use std::collections::HashMap;
use std::time::Duration;

use super::State;
use super::migration::{Migration, MigrationPhase as Phase, MigrationStatus, MoveEvent as E};
use super::policy::Caller;
use super::refused::Refused;
use super::server::{TaskState, VmState};
use crate::events::names::{ComputeName, MigrationNumber, ServerId};

impl State {
    /// Asks for a live migration to be stopped. `early` allows it before the copy (since 2.65).
    ///
    /// # Errors
    ///
    /// Nothing moves, no such migration of this instance, or not in this state.
    pub fn abort_migration(
        &mut self,
        by: &Caller,
        id: &ServerId,
        number: &str,
        early: bool,
    ) -> Result<(), Refused> {
        self.check_migrating(id, "abort live migration")?;
        let migration = self.migration_of(id, number)?;
        let (number, status, source) =
            (migration.number, migration.status, migration.source.to_string());
        if matches!(migration.phase, Phase::Aborting | Phase::PreparingAborted) {
            return Ok(());
        }
        let allowed = match status {
            MigrationStatus::Running => true,
            MigrationStatus::Queued | MigrationStatus::Preparing => early,
            _ => false,
        };
        let refusal = wrong_status(migration, "abort live migration");
        if !allowed || migration.phase.after(E::AbortAsked).is_err() {
            return Err(refusal);
        }
        self.with_actions(id, |actions, now| {
            actions.open("live_migration_cancel", by, now);
            actions.once("live_migration_cancel", "compute_live_migration_abort", &source, now);
        });
        let ticket = self.migration(number).and_then(|migration| migration.ticket);
        self.move_step(number, E::AbortAsked).map_err(|_| refusal)?;
        // Cancelling while it prepares waits for the preparation that is under way.
        if let Some(migration) = self
            .migration_mut(number)
            .filter(|migration| migration.phase == Phase::PreparingAborted)
        {
            migration.ticket = ticket;
        }
        Ok(())
    }

    /// Lets a running live migration end soon.
    ///
    /// # Errors
    ///
    /// Nothing moves, no such migration of this instance, or it is not running.
    pub fn force_complete(
        &mut self,
        by: &Caller,
        id: &ServerId,
        number: &str,
    ) -> Result<(), Refused> {
        self.check_unlocked(by, id)?;
        self.check_vm_state(id, "force_complete", &[VmState::Active])?;
        self.check_migrating(id, "force_complete")?;
        let migration = self.migration_of(id, number)?;
        let (number, phase, source) =
            (migration.number, migration.phase, migration.source.to_string());
        if migration.status != MigrationStatus::Running {
            return Err(wrong_status(migration, "force complete"));
        }
        self.with_actions(id, |actions, now| {
            actions.open("live_migration_force_complete", by, now);
            actions.once(
                "live_migration_force_complete",
                "compute_live_migration_force_complete",
                &source,
                now,
            );
        });
        if phase == Phase::Running {
            self.plan_move_in(number, E::Copied, self.settings.durations.migrate / 100);
        }
        Ok(())
    }

    fn migration_of(&self, id: &ServerId, number: &str) -> Result<&Migration, Refused> {
        let known = number.parse().ok().and_then(|n| self.migration(MigrationNumber(n)));
        known
            .filter(|migration| migration.server == *id && migration.is_recorded())
            .ok_or_else(|| Refused::NoMigration { number: number.to_owned(), id: id.to_string() })
    }

    fn check_migrating(&self, id: &ServerId, action: &'static str) -> Result<(), Refused> {
        let server = self.servers.get(id).ok_or_else(|| Refused::NoInstance(id.to_string()))?;
        match server.task_state {
            Some(TaskState::Migrating) => Ok(()),
            Some(task) => Err(Refused::WrongState {
                action,
                id: id.to_string(),
                attribute: "task_state",
                state: task.as_str(),
            }),
            None => Err(Refused::InvalidState { id: id.to_string(), action }),
        }
    }

    fn moves_of(&self, id: &ServerId) -> Vec<MigrationNumber> {
        self.moving.iter().filter(|(_, server)| *server == id).map(|(number, _)| *number).collect()
    }

    /// Stops whatever its migrations were doing, because the instance is being deleted.
    pub(super) fn freeze_migration(&mut self, id: &ServerId) {
        for number in self.moves_of(id) {
            if let Some(migration) = self.migration_mut(number) {
                migration.ticket = None;
            }
        }
    }

    /// Ends the migration of an instance that is gone, and forgets its records with it.
    pub(super) fn drop_migrations(&mut self, id: &ServerId) {
        for number in self.moves_of(id) {
            let dropped = self.move_step(number, E::ServerDeleted);
            debug_assert!(dropped.is_ok(), "{dropped:?}");
        }
        self.migrations.forget(id);
    }

    /// A compute that comes back finds migrations off it that its old process had begun.
    pub(super) fn fail_migrations_of(&mut self, source: &ComputeName) {
        let begun: Vec<MigrationNumber> = self
            .moving
            .keys()
            .copied()
            .filter(|number| {
                self.migration(*number).is_some_and(|migration| migration.source == *source)
            })
            .collect();
        for number in begun {
            // What the table does not have (landed already, not yet here) goes on where it was.
            if self.move_step(number, E::SourceRestarted).is_err() {
                continue;
            }
        }
    }

    /// Gives free slots of each source to those that wait for one, in the order of their numbers.
    pub(super) fn start_queued(&mut self) {
        let mut taken: HashMap<ComputeName, usize> = HashMap::new();
        let mut waiting = Vec::new();
        for migration in self.moving.keys().filter_map(|number| self.migration(*number)) {
            let waits = migration.phase == Phase::Queued && migration.ticket.is_none();
            if waits {
                waiting.push((migration.number, migration.source.clone(), migration.pace));
            } else if migration.phase.occupies_source() || migration.phase == Phase::Queued {
                *taken.entry(migration.source.clone()).or_default() += 1;
            }
        }
        for (number, source, pace) in waiting {
            let taken = taken.entry(source).or_default();
            if *taken < self.settings.live_migrations_per_source {
                *taken += 1;
                let wait: Duration = self.move_share(Phase::Queued, pace);
                self.plan_move_in(number, E::SlotFree, wait);
            }
        }
    }
}

fn wrong_status(migration: &Migration, action: &'static str) -> Refused {
    Refused::MigrationState {
        number: migration.number.0,
        id: migration.server.to_string(),
        state: migration.status.as_str().to_owned(),
        action,
    }
}
