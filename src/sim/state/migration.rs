//! The live migration as a table, and the record that the API shows of it.
//!
//! The order of phases is the one measured on real Nova (26.2.2 and 34.0.0): an empty window
//! before there is a record, the server ACTIVE on its destination before the record is
//! `completed`, the source's allocation freed just after.

use std::collections::BTreeMap;
use std::time::Duration;

use super::policy::Caller;
use super::queue::Ticket;
use super::refused::Refused;
use super::server::{VmState, spelled};
use crate::events::names::{ComputeName, MigrationNumber, MigrationUuid, ServerId};

spelled! {
    /// What a migration record says (`status`).
    MigrationStatus {
        Accepted "accepted",
        Queued "queued",
        Preparing "preparing",
        Running "running",
        Completed "completed",
        Failed "failed",
        Error "error",
        Cancelled "cancelled",
    }
}

impl MigrationStatus {
    /// Whether the API counts it as in progress (`/servers/{id}/migrations`).
    pub const fn in_progress(self) -> bool {
        matches!(self, Self::Queued | Self::Preparing | Self::Running)
    }
}

/// How a migration that does not arrive ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The instance was brought back to its source.
    Failed,
    /// Somebody asked for it.
    Cancelled,
    /// It could not be started, or went wrong beyond repair.
    Error,
    /// It arrived.
    Completed,
    /// The instance was deleted meanwhile.
    Gone,
}

/// How far a live migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MigrationPhase {
    /// Answered with 202; there is no record yet.
    Requested,
    /// The record is there, without a destination.
    Accepted,
    /// The source's allocation belongs to the migration, the instance has none.
    SourceHeld,
    /// The scheduler chose and claimed a destination; the checks run.
    Chosen,
    /// The checks passed; the record names the destination.
    Checked,
    /// The source has it, and works on another one first.
    Queued,
    /// The destination prepares.
    Preparing,
    /// The destination prepares, and it will be cancelled afterwards.
    PreparingAborted,
    /// Memory is being copied.
    Running,
    /// It will be cancelled.
    Aborting,
    /// The preparation failed: the record says `error`, the instance is still migrating.
    Unprepared,
    /// The copy failed beyond repair: the record says `error`, the instance is still migrating.
    Crashed,
    /// The instance is back as it was; the record is not closed yet.
    Restored(End),
    /// The instance runs on the destination; the source cleans up.
    Landed,
    /// The last step on the destination failed; the source cleans up.
    Botched,
    /// The record is `completed`; the source's allocation is not freed yet.
    Completed,
    /// Over.
    Ended(End),
}

/// What happens to a live migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MoveEvent {
    /// The conductor wrote the record.
    Recorded,
    /// The migration took over the source's allocation.
    SourceHeld,
    /// The scheduler looks for a destination.
    Scheduled,
    /// It found none, or another check of the conductor failed.
    Refused,
    /// A check failed on the chosen destination; another one is looked for.
    CheckFailed,
    /// The checks passed.
    ChecksPassed,
    /// The source got the call.
    Received,
    /// The source has time for it.
    SlotFree,
    /// The destination is ready.
    Prepared,
    /// The destination cannot be made ready.
    PrepareFailed,
    /// What had been prepared is taken down again.
    Undone,
    /// All memory is on the destination.
    Copied,
    /// The copy failed; the source goes on.
    CopyFailed,
    /// The copy failed, and so did going back.
    CopyCrashed,
    /// The record says `error`; the instance follows.
    GivenUp,
    /// All memory is on the destination, where the last step failed.
    FinishFailed,
    /// Somebody wants it to stop.
    AbortAsked,
    /// It stopped.
    Aborted,
    /// The record is closed.
    Closed,
    /// The source is clean.
    SourceCleaned,
    /// The source's allocation is free.
    SourceFreed,
    /// The source's process came back and found it.
    SourceRestarted,
    /// The instance is gone.
    ServerDeleted,
}

/// An event that cannot happen in that phase; the table refused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen in {phase:?}")]
pub struct Impossible {
    /// Where it was.
    pub phase: MigrationPhase,
    /// What was to happen.
    pub event: MoveEvent,
}

impl MigrationPhase {
    /// The phase that follows `event`, or why the cloud would refuse it.
    pub fn after(self, event: MoveEvent) -> Result<Self, Impossible> {
        use MigrationPhase as P;
        use MoveEvent as E;
        Ok(match (self, event) {
            (P::Requested, E::Recorded) => P::Accepted,
            (P::Accepted, E::SourceHeld) => P::SourceHeld,
            (P::SourceHeld, E::Scheduled) => P::Chosen,
            (P::Chosen, E::CheckFailed) => P::SourceHeld,
            (P::Chosen, E::ChecksPassed) => P::Checked,
            (P::Accepted | P::SourceHeld | P::Chosen, E::Refused) => P::Ended(End::Error),
            (P::Checked, E::Received) => P::Queued,
            (P::Queued, E::SlotFree) => P::Preparing,
            (P::Queued, E::AbortAsked) => P::Restored(End::Cancelled),
            (P::Preparing, E::Prepared) => P::Running,
            (P::Preparing, E::AbortAsked) => P::PreparingAborted,
            (P::PreparingAborted, E::Prepared) => P::Restored(End::Cancelled),
            (P::Preparing | P::PreparingAborted, E::PrepareFailed) => P::Unprepared,
            (P::Unprepared, E::Undone) => P::Ended(End::Failed),
            (P::Running, E::Copied) => P::Landed,
            (P::Running, E::CopyFailed) => P::Restored(End::Failed),
            (P::Running, E::CopyCrashed) => P::Crashed,
            (P::Crashed, E::GivenUp) => P::Ended(End::Error),
            (P::Running, E::FinishFailed) => P::Botched,
            (P::Running, E::AbortAsked) => P::Aborting,
            (P::Aborting, E::Aborted) => P::Restored(End::Cancelled),
            (P::Restored(end), E::Closed) => P::Ended(end),
            (P::Landed, E::SourceCleaned) => P::Completed,
            (P::Botched, E::SourceCleaned) => P::Ended(End::Error),
            (P::Completed, E::SourceFreed) => P::Ended(End::Completed),
            (
                P::Queued | P::Preparing | P::PreparingAborted | P::Running | P::Aborting,
                E::SourceRestarted,
            ) => P::Ended(End::Error),
            (phase, E::ServerDeleted) if !phase.is_over() => P::Ended(End::Gone),
            (phase, event) => return Err(Impossible { phase, event }),
        })
    }

    /// What the record says from this phase on; `None` if it stays as it was.
    pub const fn status(self) -> Option<MigrationStatus> {
        use MigrationStatus as S;
        match self {
            Self::Accepted => Some(S::Accepted),
            Self::Queued => Some(S::Queued),
            Self::Preparing => Some(S::Preparing),
            Self::Running => Some(S::Running),
            Self::Unprepared | Self::Crashed | Self::Ended(End::Error) => Some(S::Error),
            Self::Completed | Self::Ended(End::Completed) => Some(S::Completed),
            Self::Ended(End::Failed) => Some(S::Failed),
            Self::Ended(End::Cancelled) => Some(S::Cancelled),
            _ => None,
        }
    }

    /// Whether nothing more happens.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// Whether it occupies its source, which runs only so many at a time.
    pub const fn occupies_source(self) -> bool {
        matches!(
            self,
            Self::Preparing
                | Self::PreparingAborted
                | Self::Running
                | Self::Aborting
                | Self::Unprepared
                | Self::Crashed
                | Self::Landed
                | Self::Botched
        )
    }

    /// Whether the checks are behind it, so that a caller who waited for them gets the answer.
    pub fn is_checked(self) -> bool {
        self >= Self::Checked
    }

    /// Parts per thousand of a whole migration that this phase lasts; those on the way of a
    /// migration that completes sum up to 1000.
    pub const fn share(self) -> u32 {
        match self {
            Self::Requested | Self::Accepted | Self::SourceHeld => 50,
            Self::Chosen | Self::Checked | Self::Queued => 60,
            Self::Preparing | Self::PreparingAborted => 160,
            Self::Running => 400,
            Self::Landed | Self::Botched => 110,
            Self::Aborting | Self::Unprepared | Self::Crashed => 100,
            Self::Restored(_) => 40,
            Self::Completed => 20,
            Self::Ended(_) => 0,
        }
    }
}

/// A step at which a migration can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailStep {
    /// The scheduler finds no host.
    Schedule,
    /// The check on every destination.
    CheckDestination,
    /// The check on the source.
    CheckSource,
    /// The preparation on the destination: record `error`, then `failed`.
    Prepare,
    /// The copy, which is rolled back: record `failed`.
    Copy,
    /// The copy, without a way back: record `error`, instance ERROR on its source.
    CopyWithoutRollback,
    /// The last step on the destination: instance ERROR there.
    Finish,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct MoveRequest {
    /// The named destination.
    pub destination: Option<ComputeName>,
    /// Whether the scheduler is not asked (named before 2.30, or `force`).
    pub forced: bool,
    /// Whether the caller waits for the checks (before 2.34).
    pub waits: bool,
}

/// A live migration with its record.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The record's number.
    pub number: MigrationNumber,
    /// The record's id, also the consumer of the source's allocation.
    pub uuid: MigrationUuid,
    /// The instance.
    pub server: ServerId,
    /// Who asked.
    pub by: Caller,
    /// What was asked for.
    pub request: MoveRequest,
    /// Where it starts.
    pub source: ComputeName,
    /// What the record says about the destination.
    pub destination: Option<ComputeName>,
    /// What the scheduler chose.
    pub chosen: Option<ComputeName>,
    /// Which destinations failed their check.
    pub attempted: Vec<ComputeName>,
    /// How far it is.
    pub phase: MigrationPhase,
    /// What the record says.
    pub status: MigrationStatus,
    /// Virtual time of the record.
    pub created: Duration,
    /// Virtual time of the record's last change.
    pub updated: Option<Duration>,
    /// When memory began to be copied, and how long that takes.
    pub copying: Option<(Duration, Duration)>,
    /// The flavor's number and memory in MiB.
    pub flavor: (u64, u64),
    /// What the instance was before.
    pub came_from: VmState,
    /// What it is to fail at.
    pub fails: Option<FailStep>,
    /// Why the checks failed.
    pub refusal: Option<Refused>,
    /// Whether it is faster or slower than others, in thousandths.
    pub pace: u32,
    /// Which planned event it waits for.
    pub ticket: Option<Ticket>,
}

impl Migration {
    /// Whether the API shows a record of it.
    pub fn is_recorded(&self) -> bool {
        self.phase != MigrationPhase::Requested
    }

    /// Bytes of memory in all and processed so far; nothing before the copy begins.
    pub fn memory(&self, now: Duration) -> Option<(u64, u64)> {
        let (began, lasts) = self.copying?;
        let total = self.flavor.1 << 20;
        let part =
            (now.saturating_sub(began).as_secs_f64() / lasts.as_secs_f64().max(1e-9)).min(1.0);
        Some((total, (total as f64 * part) as u64))
    }
}

/// How many live migrations are remembered.
pub(super) const KEPT: usize = 20_000;

/// All live migrations by number, from 1; those of deleted instances are forgotten.
#[derive(Debug, Default)]
pub struct Migrations {
    rows: BTreeMap<MigrationNumber, Migration>,
    last: u64,
}

impl Migrations {
    /// The number that the next one gets.
    pub const fn next_number(&self) -> MigrationNumber {
        MigrationNumber(self.last + 1)
    }

    /// Adds one; the oldest that is over goes if there are too many.
    pub fn add(&mut self, migration: Migration) {
        if self.rows.len() >= KEPT
            && let Some(oldest) = self.rows.values().find(|known| known.phase.is_over())
        {
            let oldest = oldest.number;
            self.rows.remove(&oldest);
        }
        self.last = migration.number.0;
        self.rows.insert(migration.number, migration);
    }

    /// The migration with this number, recorded or not.
    pub fn get(&self, number: MigrationNumber) -> Option<&Migration> {
        self.rows.get(&number)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, number: MigrationNumber) -> Option<&mut Migration> {
        self.rows.get_mut(&number)
    }

    /// Those that the API shows a record of, oldest first.
    pub fn recorded(&self) -> impl Iterator<Item = &Migration> {
        self.rows.values().filter(|migration| migration.is_recorded())
    }

    /// Forgets those of an instance.
    pub fn forget(&mut self, id: &ServerId) {
        self.rows.retain(|_, migration| migration.server != *id);
    }
}
