//! Instances: how they come to be, and what they are.

use cucumber::{given, then, when};

use super::StepResult;
use super::count::Count;
use crate::events::names::InstanceName;
use crate::journal::Account;
use crate::operations::{boot, confirm};
use crate::world::ComputeWorld;

/// Boots one instance and waits until it runs.
#[given(expr = "a running instance {instance}")]
async fn running(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    world.boot_together(Account::Operator, &name, 1).await?;
    Ok(world.until_new_ones_run().await?)
}

/// Boots instances `NAME-1`, `NAME-2`, … by one request and waits until each runs.
#[given(expr = "{count} instances {instance} booted together")]
async fn booted_together(world: &mut ComputeWorld, count: Count, name: InstanceName) -> StepResult {
    world.boot_together(Account::Operator, &name, count.into()).await?;
    Ok(world.until_new_ones_run().await?)
}

/// Boots instances `NAME-1`, `NAME-2`, … by as many requests, all sent before the first is
/// answered, and waits until each runs.
#[given(expr = "{count} instances {instance} booted by separate requests at the same time")]
async fn booted_separately(
    world: &mut ComputeWorld,
    count: Count,
    name: InstanceName,
) -> StepResult {
    world.boot_separately(&name, count.into()).await?;
    Ok(world.until_new_ones_run().await?)
}

/// Pauses the instance and waits until it is.
#[given(expr = "{instance} was paused")]
async fn paused(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    boot::pause(&world.cloud, world.instance(&name)?).await?;
    Ok(world.note(&name).await?)
}

/// Asks for instances `NAME-1`, `NAME-2`, … by one request. Does not wait until they run.
#[when(expr = "the operator boots {count} instances {instance} together")]
async fn boot_together(world: &mut ComputeWorld, count: Count, name: InstanceName) -> StepResult {
    Ok(world.boot_together(Account::Operator, &name, count.into()).await?)
}

/// Asks for instances `NAME-1`, `NAME-2`, … by as many requests, all sent before the first is
/// answered. Does not wait until they run.
#[when(
    expr = "the operator boots {count} instances {instance} by separate requests at the same time"
)]
async fn boot_separately(world: &mut ComputeWorld, count: Count, name: InstanceName) -> StepResult {
    Ok(world.boot_separately(&name, count.into()).await?)
}

/// Waits until every instance of the scenario runs.
#[then(expr = "every instance is running")]
async fn all_run(world: &mut ComputeWorld) -> StepResult {
    Ok(world.until_all_run().await?)
}

/// Compares what the cloud says each instance was reserved by.
#[then(expr = "all instances share one reservation")]
async fn one_reservation(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::one_reservation(&world.all()?)?)
}

/// Compares what the cloud says each instance was reserved by.
#[then(expr = "no two instances share a reservation")]
async fn no_shared_reservation(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::no_shared_reservation(&world.all()?)?)
}

/// Looks at the names that the cloud gave, and at each instance's number within its request.
#[then(expr = "each instance has a name and a number of its own")]
async fn own_names_and_numbers(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::own_names_and_numbers(&world.all()?)?)
}

/// Compares every instance that nobody acted on with what it was before the action: compute,
/// state, task, power, the time of its last change, and its migration records.
#[then(expr = "no other instance has moved or changed")]
async fn the_others_unchanged(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::unchanged(&world.cloud, &world.others()?).await?)
}

/// Compares every instance with what it was before the action: compute, state, task and power; one
/// of which nothing was accepted also by the time of its last change and its migration records.
#[then(expr = "no instance has moved or changed")]
async fn all_unchanged(world: &mut ComputeWorld) -> StepResult {
    let (acted_on, others): (Vec<_>, Vec<_>) =
        world.all()?.into_iter().partition(|instance| instance.acted_on);
    confirm::unchanged(&world.cloud, &others).await?;
    Ok(confirm::still_there(&world.cloud, &acted_on).await?)
}
