//! Where a live migration goes: the conductor's search, its claim, and the checks on both ends.

use super::State;
use super::migration::{FailStep, Migration, MoveEvent as E};
use super::moving::{ACTION, CHECK_DESTINATION, CHECK_SOURCE, destination_of};
use super::placement::Payer;
use super::refused::Refused;
use super::scheduler::Ask;
use crate::events::names::{ComputeName, MigrationNumber};

impl State {
    /// Looks for a destination and claims it; says what came of it.
    pub(super) fn find_destination(&mut self, number: MigrationNumber) -> E {
        match self.choose(number) {
            Ok(host) => {
                if let Some(migration) = self.migration_mut(number) {
                    migration.chosen = Some(host);
                }
                E::Scheduled
            }
            Err(refusal) => {
                if let Some(migration) = self.migration_mut(number) {
                    migration.refusal = Some(refusal);
                }
                E::Refused
            }
        }
    }

    fn choose(&mut self, number: MigrationNumber) -> Result<ComputeName, Refused> {
        let Some(migration) = self.migration(number).cloned() else {
            return Err(Refused::not_enough_hosts());
        };
        let id = &migration.server;
        let Some(server) = self.servers.get(id) else {
            return Err(Refused::NoInstance(id.to_string()));
        };
        if !self.computes.is_up(&migration.source) {
            return Err(Refused::ServiceDown(migration.source.to_string()));
        }
        if migration.fails == Some(FailStep::Schedule) {
            return Err(Refused::not_enough_hosts());
        }
        let (needs, project, user) = (server.needs(), server.project.clone(), server.user.clone());
        let named = migration.request.destination.as_ref();
        let host = match named.filter(|_| migration.request.forced) {
            Some(host) => self.check_forced(&migration, host, needs.memory_mb)?,
            None => {
                let mut ignore = migration.attempted.clone();
                ignore.push(migration.source.clone());
                let found =
                    self.find_hosts(Ask { only: named, ignore: &ignore, ..Ask::of(server) })?;
                found.into_iter().next().ok_or_else(Refused::not_enough_hosts)?
            }
        };
        let payer = Payer { consumer: id.as_str(), project: &project, user: &user };
        self.placement.claim(payer, &host, needs).map_err(|_| {
            Refused::NoValidHost(format!(
                "Unable to move instance {id} to host {host}. There is not enough capacity on the host for the instance."
            ))
        })?;
        Ok(host)
    }

    /// The few checks of a destination that the scheduler is not asked about.
    fn check_forced(
        &self,
        migration: &Migration,
        host: &ComputeName,
        memory_mb: u64,
    ) -> Result<ComputeName, Refused> {
        let id = migration.server.to_string();
        if *host == migration.source {
            return Err(Refused::ToSelf { id, host: host.to_string() });
        }
        if !self.computes.is_up(host) {
            return Err(Refused::ServiceDown(host.to_string()));
        }
        let free = self.placement.provider(host).map_or(0, |provider| provider.free().memory_mb);
        if free < memory_mb {
            return Err(Refused::PreCheck(format!(
                "Unable to migrate {id} to {host}: Lack of memory(host:{free} <= instance:{memory_mb})"
            )));
        }
        Ok(host.clone())
    }

    /// The checks on destination and source; says what came of them.
    pub(super) fn check_hosts(&mut self, number: MigrationNumber) -> E {
        let Some(migration) = self.migration(number).cloned() else {
            return E::ChecksPassed;
        };
        let host = destination_of(&migration);
        let (check, reason) = match migration.fails {
            Some(FailStep::CheckDestination) => {
                (CHECK_DESTINATION, "the check on the destination failed")
            }
            Some(FailStep::CheckSource) => (CHECK_SOURCE, "the check on the source failed"),
            _ if !migration.chosen.as_ref().is_some_and(|host| self.computes.is_alive(host)) => {
                (CHECK_DESTINATION, "the destination did not answer")
            }
            _ => return E::ChecksPassed,
        };
        let refusal = Refused::PreCheck(reason.to_owned());
        let why = refusal.to_string();
        self.with_actions(&migration.server, |actions, now| {
            if check == CHECK_SOURCE {
                actions.begin(ACTION, CHECK_SOURCE, migration.source.as_str(), now);
                actions.end(ACTION, CHECK_SOURCE, Some(&why), now);
            }
            actions.begin(ACTION, CHECK_DESTINATION, &host, now);
            actions.end(ACTION, CHECK_DESTINATION, Some(&why), now);
        });
        let Some(migration) = self.migration_mut(number) else {
            return E::ChecksPassed;
        };
        migration.attempted.extend(migration.chosen.take());
        if migration.request.forced {
            migration.refusal = Some(refusal);
            return E::Refused;
        }
        E::CheckFailed
    }
}
