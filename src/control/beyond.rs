//! What a scenario may ask of a cloud beyond its API.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;

use crate::events::names::{ComputeName, ServerId};

/// A way to interfere with a cloud beyond its API: the embedded cloud offers all of it, a lab what
/// its driver can do, a real cloud nothing.
///
/// What is asked for one instance's live migrations nobody else notices. What is held stays so until
/// it is released, so whoever asks for it writes it into the journal first.
///
/// # Errors
///
/// Each call: [`ControlError`], if it can't be asked or does not do it.
#[async_trait]
pub trait Control: fmt::Debug + Send + Sync {
    /// What it can do.
    async fn knobs(&self) -> Result<BTreeSet<Knob>, ControlError>;

    /// Keeps a live migration of the instance in `phase` when it comes there, until it is released.
    async fn hold_migration(&self, of: &ServerId, phase: Phase) -> Result<(), ControlError>;

    /// Lets the live migrations of the instance go on, wherever they are held.
    async fn release_migration(&self, of: &ServerId) -> Result<(), ControlError>;

    /// Makes the next live migration of the instance fail at `step`, and only that one.
    async fn fail_next_migration(&self, of: &ServerId, step: FailStep) -> Result<(), ControlError>;

    /// Keeps every boot, whoever asked for it, in `phase` until boots are released.
    async fn hold_boots(&self, phase: BootPhase) -> Result<(), ControlError>;

    /// Lets all boots go on.
    async fn release_boots(&self) -> Result<(), ControlError>;

    /// Takes a compute away as if its power failed. The cloud knows of it when this returns.
    async fn take_away(&self, compute: &ComputeName) -> Result<(), ControlError>;

    /// Brings a compute back. It can be used again when this returns.
    async fn bring_back(&self, compute: &ComputeName) -> Result<(), ControlError>;
}

/// A thing that some controls can do and others can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Knob {
    /// [`Control::hold_migration`] and its release.
    HoldMigrations,
    /// [`Control::fail_next_migration`].
    FailMigrations,
    /// [`Control::hold_boots`] and its release.
    HoldBoots,
    /// [`Control::take_away`] and [`Control::bring_back`].
    Computes,
}

impl Knob {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::HoldMigrations, Self::FailMigrations, Self::HoldBoots, Self::Computes];

    /// Whether scenarios of others feel it on a cloud that they share: a migration that is held keeps
    /// those behind it in the queue of its source waiting.
    pub const fn is_felt_by_others(self) -> bool {
        match self {
            Self::HoldMigrations | Self::HoldBoots | Self::Computes => true,
            Self::FailMigrations => false,
        }
    }
}

impl fmt::Display for Knob {
    /// What a scenario does with it, behind "it".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HoldMigrations => "holds live migrations",
            Self::FailMigrations => "makes live migrations fail",
            Self::HoldBoots => "holds boots",
            Self::Computes => "takes computes away",
        })
    }
}

/// Where a live migration can be held; in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It has its record, and no destination yet.
    Accepted,
    /// It waits for its turn on its source.
    Queued,
    /// Its destination gets ready.
    Preparing,
    /// Memory is being copied.
    Running,
    /// The instance runs on its destination, and the source cleans up.
    Landed,
}

/// At what a live migration can be made to fail; in the order in which it comes to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailStep {
    /// The scheduler finds no compute.
    Schedule,
    /// Every destination says that it can't take the instance.
    CheckDestination,
    /// The source says that it can't give it away.
    CheckSource,
    /// The destination can't get ready.
    Prepare,
    /// The copy, which is rolled back.
    Copy,
    /// The last step on the destination, when the instance is there already.
    Finish,
}

/// Where a boot can be held; in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootPhase {
    /// It has no compute yet.
    Scheduling,
    /// Its compute makes it.
    Spawning,
}

/// A control that did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the control at {place} did not answer to {verb} as it should: {why}")]
pub struct ControlError {
    /// Its address, or which cloud it is of.
    pub place: String,
    /// What was asked for, in the control's words.
    pub verb: String,
    /// What it said, or why it said nothing.
    pub why: String,
}

/// Nothing controls this cloud beyond its API.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nothing controls this cloud beyond its API; name what does in the setting `control`")]
pub struct NoControl;
