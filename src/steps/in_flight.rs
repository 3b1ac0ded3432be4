//! Live migrations under way and failing, and boots that stand still.

use cucumber::{given, then, when};

use super::StepResult;
use crate::control::Phase;
use crate::events::names::InstanceName;
use crate::operations::confirm::{self, Ending};
use crate::operations::{held, in_flight};
use crate::world::{Asks, BootsAt, ComputeWorld, Ends, FailsAt, Where};

/// Live-migrates the instance to another compute, and waits until that stands still there. It does
/// so until a step lets it go on, or the scenario ends.
#[given(expr = "the live migration of {instance} stands still {phase}")]
async fn stands_still(world: &mut ComputeWorld, name: InstanceName, phase: Where) -> StepResult {
    Ok(world.stand_still(&name, phase.0).await?)
}

/// Plans a failure; the instance is not migrated yet.
#[given(expr = "the next live migration of {instance} will fail {failure}")]
async fn will_fail(world: &mut ComputeWorld, name: InstanceName, at: FailsAt) -> StepResult {
    Ok(held::fail_next_migration(&world.cloud, world.instance(&name)?, at.0).await?)
}

/// Live-migrates the instance to another compute so that it fails, and waits until that is over.
#[given(expr = "a live migration of {instance} failed {failure}")]
async fn has_failed(world: &mut ComputeWorld, name: InstanceName, at: FailsAt) -> StepResult {
    Ok(world.fail(&name, at.0).await?)
}

/// Boots an instance that is not finished until a step lets boots go on, or the scenario ends.
#[given(expr = "the boot of {instance} stands still {stage}")]
async fn boot_stands_still(
    world: &mut ComputeWorld,
    name: InstanceName,
    stage: BootsAt,
) -> StepResult {
    Ok(world.boot_held(&name, stage.0).await?)
}

/// Live-migrates the one to the compute of the other, unless it is there.
#[given(expr = "{instance} is on the compute of {instance}")]
async fn is_together(
    world: &mut ComputeWorld,
    name: InstanceName,
    other: InstanceName,
) -> StepResult {
    Ok(world.bring_together(&name, &other).await?)
}

/// Takes away the compute that the last migration leads to.
#[given(expr = "that compute went down")]
async fn destination_went_down(world: &mut ComputeWorld) -> StepResult {
    Ok(world.lose_destination().await?)
}

/// Lets the migration go on from where it stands still.
#[when(expr = "the migration of {instance} goes on")]
async fn goes_on(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(world.go_on(&name).await?)
}

/// Lets boots go on from where they stand still.
#[when(expr = "boots go on")]
async fn boots_go_on(world: &mut ComputeWorld) -> StepResult {
    Ok(world.boots_go_on().await?)
}

/// Asks for the migration to be aborted. Does not wait for its end.
#[when(expr = "the operator aborts the migration of {instance}")]
async fn abort(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(world.abort(&name).await?)
}

/// Asks for the copy to be brought to its end. Does not wait for that.
#[when(expr = "the operator forces the migration of {instance} to its end")]
async fn force(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(world.force(&name).await?)
}

/// Asks for something that is to be refused.
#[when(expr = "the operator tries to {deed} {instance}")]
async fn try_to(world: &mut ComputeWorld, deed: Asks, name: InstanceName) -> StepResult {
    Ok(world.ask(&name, deed.0).await?)
}

/// Asks for the deletion of the instance. Does not wait until it is gone.
#[when(expr = "the operator deletes {instance}")]
async fn delete(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(world.delete(&name).await?)
}

/// Looks whether the instance is shown as migrating, and on its source.
#[then(expr = "{instance} is migrating and still where it was")]
async fn is_migrating(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(in_flight::confirm_migrating(&world.cloud, world.instance(&name)?).await?)
}

/// Looks whether the instance is being built.
#[then(expr = "{instance} is being built")]
async fn is_being_built(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(in_flight::confirm_building(&world.cloud, world.instance(&name)?).await?)
}

/// Waits until the migration stands in the queue of its source.
#[then(expr = "the migration of {instance} waits for its turn")]
async fn waits_for_its_turn(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(in_flight::until_in(&world.cloud, world.instance(&name)?, Phase::Queued).await?)
}

/// Waits for the end of the migration that was asked for last, and judges how it ended.
#[then(expr = "the migration of {instance} is {outcome}")]
async fn has_ended(world: &mut ComputeWorld, name: InstanceName, outcome: Ends) -> StepResult {
    Ok(in_flight::confirm_ended(&world.cloud, world.instance(&name)?, outcome.0).await?)
}

/// Waits for the end of the migration, whatever its record says then.
#[then(expr = "the migration of {instance} is over")]
async fn is_over(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(in_flight::confirm_over(&world.cloud, world.instance(&name)?).await?)
}

/// Compares the instance with what it was before: compute, state, task and power.
#[then(expr = "{instance} is running where it was")]
async fn is_where_it_was(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let instance = world.instance(&name)?;
    let ending = Ending::RunningOn(instance.compute()?);
    Ok(confirm::is(&world.cloud, instance, ending).await?)
}

/// Looks whether the instance is in error, on the compute that the migration was to lead to.
#[then(expr = "{instance} is broken on that compute")]
async fn is_broken(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let ending = Ending::BrokenOn(world.destination()?);
    Ok(confirm::is(&world.cloud, world.instance(&name)?, ending).await?)
}

/// Waits until the deleted instance is gone.
#[then(expr = "{instance} is gone")]
async fn is_gone(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(in_flight::confirm_gone(&world.cloud, world.instance(&name)?).await?)
}
