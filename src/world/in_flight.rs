//! Live migrations under way, and boots: what a scenario holds, lets fail and lets go on.

use super::{ComputeWorld, Destination};
use crate::control::{BootPhase, FailStep, Phase};
use crate::events::names::InstanceName;
use crate::journal::{Account, Hold};
use crate::operations::in_flight::{self, Deed};
use crate::operations::{Problem, audit, confirm, held};

impl ComputeWorld {
    /// Live-migrates an instance to another compute, and waits until that stands still in `phase`.
    ///
    /// # Errors
    ///
    /// If nothing can hold it, or it does not come there.
    pub async fn stand_still(&mut self, name: &InstanceName, phase: Phase) -> Result<(), Problem> {
        held::hold_migration(&self.cloud, self.instance(name)?, phase).await?;
        self.live_migrate(name, Some(Destination::Another)).await?;
        in_flight::until_in(&self.cloud, self.instance(name)?, phase).await
    }

    /// Lets the migration of an instance go on.
    ///
    /// # Errors
    ///
    /// If what holds it can't be asked.
    pub async fn go_on(&mut self, name: &InstanceName) -> Result<(), Problem> {
        let id = self.instance(name)?.id.clone();
        held::release(&self.cloud, &Hold::Migration(id)).await
    }

    /// Live-migrates an instance to another compute so that it fails at `step`, waits until that is
    /// over, and notes how the instance is then.
    ///
    /// # Errors
    ///
    /// If nothing can make it fail, it did not fail, or the books do not agree with it afterwards.
    pub async fn fail(&mut self, name: &InstanceName, step: FailStep) -> Result<(), Problem> {
        held::fail_next_migration(&self.cloud, self.instance(name)?, step).await?;
        self.live_migrate(name, Some(Destination::Another)).await?;
        in_flight::confirm_failed(&self.cloud, self.instance(name)?).await?;
        audit::books(&self.cloud, std::iter::once(self.instance(name)?)).await?;
        self.note(name).await
    }

    /// Boots an instance that stands still in `stage`.
    ///
    /// # Errors
    ///
    /// If nothing can hold it, or the request is not accepted.
    pub async fn boot_held(
        &mut self,
        name: &InstanceName,
        stage: BootPhase,
    ) -> Result<(), Problem> {
        held::hold_boots(&self.cloud, stage).await?;
        self.boot_together(Account::Operator, name, 1).await
    }

    /// Lets boots go on, and waits until each instance runs.
    ///
    /// # Errors
    ///
    /// If what holds them can't be asked, or one never runs.
    pub async fn boots_go_on(&mut self) -> Result<(), Problem> {
        held::release(&self.cloud, &Hold::Boots).await
    }

    /// Brings an instance to the compute of another, unless both are there.
    ///
    /// # Errors
    ///
    /// If its migration does not complete.
    pub async fn bring_together(
        &mut self,
        name: &InstanceName,
        other: &InstanceName,
    ) -> Result<(), Problem> {
        if self.compute_of(name)? == self.compute_of(other)? {
            return Ok(());
        }
        let to = self.compute_of(other)?;
        self.live_migrate_to(name, Some(to)).await?;
        confirm::completed(&self.cloud, self.instance(name)?).await?;
        confirm::settled(&self.cloud, self.instance(name)?).await?;
        self.note(name).await
    }

    /// Asks for the migration of an instance to be aborted, and notes the answer.
    ///
    /// # Errors
    ///
    /// If the cloud can't be asked.
    pub async fn abort(&mut self, name: &InstanceName) -> Result<(), Problem> {
        let answer = in_flight::abort(&self.cloud, self.instance(name)?).await?;
        self.note_answer(answer);
        Ok(())
    }

    /// Asks for the migration of an instance to be forced to its end, and notes the answer.
    ///
    /// # Errors
    ///
    /// If the cloud can't be asked.
    pub async fn force(&mut self, name: &InstanceName) -> Result<(), Problem> {
        let answer = in_flight::force(&self.cloud, self.instance(name)?).await?;
        self.note_answer(answer);
        Ok(())
    }

    /// Asks an instance for something that is to be refused, and notes the answer.
    ///
    /// # Errors
    ///
    /// If the cloud can't be asked.
    pub async fn ask(&mut self, name: &InstanceName, deed: Deed) -> Result<(), Problem> {
        let answer = in_flight::ask(&self.cloud, self.instance(name)?, deed).await?;
        self.note_answer(answer);
        Ok(())
    }

    /// Asks for the deletion of an instance.
    ///
    /// # Errors
    ///
    /// If the cloud refuses or can't be asked.
    pub async fn delete(&mut self, name: &InstanceName) -> Result<(), Problem> {
        in_flight::delete(&self.cloud, self.instance(name)?).await?;
        self.instances.note_deleted(name);
        Ok(())
    }

    /// Takes away the compute that the last migration leads to.
    ///
    /// # Errors
    ///
    /// If no migration named one, or nothing can take it away.
    pub async fn lose_destination(&mut self) -> Result<(), Problem> {
        held::take_away(&self.cloud, &self.destination()?).await
    }
}
