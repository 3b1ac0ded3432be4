//! The control of an embedded cloud in this process.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::beyond::{BootPhase, Control, ControlError, FailStep, Knob, Phase};
use crate::events::names::{ComputeName, ServerId};
use crate::sim;

/// Does all of it.
#[derive(Debug)]
pub(super) struct InProcess(pub(super) sim::Control);

impl InProcess {
    fn known(done: bool, verb: &str, compute: &ComputeName) -> Result<(), ControlError> {
        let no_such = || ControlError {
            place: "the embedded cloud".to_owned(),
            verb: verb.to_owned(),
            why: format!("there is no compute {compute}"),
        };
        done.then_some(()).ok_or_else(no_such)
    }
}

#[async_trait]
impl Control for InProcess {
    async fn knobs(&self) -> Result<BTreeSet<Knob>, ControlError> {
        Ok(Knob::ALL.into())
    }

    async fn hold_migration(&self, of: &ServerId, phase: Phase) -> Result<(), ControlError> {
        let phase = match phase {
            Phase::Accepted => sim::MigrationPhase::Accepted,
            Phase::Queued => sim::MigrationPhase::Queued,
            Phase::Preparing => sim::MigrationPhase::Preparing,
            Phase::Running => sim::MigrationPhase::Running,
            Phase::Landed => sim::MigrationPhase::Landed,
        };
        self.0.hold_migrations_of(of, phase);
        Ok(())
    }

    async fn release_migration(&self, of: &ServerId) -> Result<(), ControlError> {
        self.0.release_migrations_of(of);
        Ok(())
    }

    async fn fail_next_migration(&self, of: &ServerId, step: FailStep) -> Result<(), ControlError> {
        let step = match step {
            FailStep::Schedule => sim::FailStep::Schedule,
            FailStep::CheckDestination => sim::FailStep::CheckDestination,
            FailStep::CheckSource => sim::FailStep::CheckSource,
            FailStep::Prepare => sim::FailStep::Prepare,
            FailStep::Copy => sim::FailStep::Copy,
            FailStep::Finish => sim::FailStep::Finish,
        };
        self.0.fail_next_migration_of(of, step);
        Ok(())
    }

    async fn hold_boots(&self, phase: BootPhase) -> Result<(), ControlError> {
        self.0.hold_boots(match phase {
            BootPhase::Scheduling => sim::BootPhase::Scheduling,
            BootPhase::Spawning => sim::BootPhase::Spawning,
        });
        Ok(())
    }

    async fn release_boots(&self) -> Result<(), ControlError> {
        self.0.release_boots();
        Ok(())
    }

    async fn take_away(&self, compute: &ComputeName) -> Result<(), ControlError> {
        Self::known(self.0.compute_down(compute), "compute-down", compute)
    }

    async fn bring_back(&self, compute: &ComputeName) -> Result<(), ControlError> {
        Self::known(self.0.compute_up(compute), "compute-up", compute)
    }
}
