//! Computes that may not be used.

use cucumber::{given, then};

use super::StepResult;
use crate::events::names::InstanceName;
use crate::operations::computes;
use crate::world::ComputeWorld;

/// Takes one compute, on which the instance is not, out of the scheduler's choice.
#[given(expr = "a compute without {instance} was disabled")]
async fn one_disabled(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let host = world.compute_of(&name)?;
    let other = computes::another_than(&world.cloud, &host).await?;
    computes::disable(&world.cloud, &other).await?;
    world.disabled = Some(other);
    Ok(())
}

/// Leaves the scheduler no choice but the instance's own compute.
#[given(expr = "every compute without {instance} was disabled")]
async fn every_other_disabled(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let host = world.compute_of(&name)?;
    for other in computes::all_other_than(&world.cloud, &host).await? {
        computes::disable(&world.cloud, &other).await?;
    }
    Ok(())
}

/// Makes the cloud take one compute, on which the instance is not, for dead.
#[given(expr = "a compute without {instance} went down")]
async fn one_down(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let host = world.compute_of(&name)?;
    let other = computes::another_than(&world.cloud, &host).await?;
    computes::force_down(&world.cloud, &other).await?;
    world.down = Some(other);
    Ok(())
}

/// Looks where the instance is.
#[then(expr = "{instance} is not on the disabled compute")]
async fn not_on_the_disabled_one(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let disabled = world.disabled()?.clone();
    let instance = world.instance(&name)?;
    Ok(computes::confirm_not_on(&world.cloud, instance, &disabled).await?)
}
