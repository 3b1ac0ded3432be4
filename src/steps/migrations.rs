//! Live migrations: asking for them, and judging what came of them.

use cucumber::{given, then, when};

use super::StepResult;
use super::count::Count;
use crate::events::names::InstanceName;
use crate::operations::confirm::{self, Ending};
use crate::operations::refusal::Refusal;
use crate::world::{ComputeWorld, Destination};

/// Asks for a live migration and notes its record. Does not wait for the end.
#[when(expr = "the operator live-migrates {instance}")]
async fn live_migrate(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(world.live_migrate(&name, None).await?)
}

/// Asks for a live migration to that compute and notes its record. Does not wait for the end.
#[when(expr = "the operator live-migrates {instance} to {destination}")]
async fn live_migrate_to(
    world: &mut ComputeWorld,
    name: InstanceName,
    destination: Destination,
) -> StepResult {
    Ok(world.live_migrate(&name, Some(destination)).await?)
}

/// Live-migrates the instance and waits until it is there.
#[given(expr = "{instance} was live-migrated to {destination}")]
async fn was_live_migrated_to(
    world: &mut ComputeWorld,
    name: InstanceName,
    destination: Destination,
) -> StepResult {
    world.live_migrate(&name, Some(destination)).await?;
    confirm::completed(&world.cloud, world.instance(&name)?).await?;
    confirm::settled(&world.cloud, world.instance(&name)?).await?;
    Ok(world.note(&name).await?)
}

/// Asks for the live migration of every instance, each one after the one before has ended.
#[when(expr = "the operator live-migrates all instances in turn")]
async fn live_migrate_in_turn(world: &mut ComputeWorld) -> StepResult {
    for name in world.names() {
        world.live_migrate(&name, None).await?;
        confirm::settled(&world.cloud, world.instance(&name)?).await?;
    }
    Ok(())
}

/// Asks for the live migration of every instance, all sent before the first is answered.
#[when(expr = "the operator live-migrates all instances at the same time")]
async fn live_migrate_at_once(world: &mut ComputeWorld) -> StepResult {
    Ok(world.live_migrate_all().await?)
}

/// Asks for the live migration of the first so many instances, all sent before the first is
/// answered.
#[when(expr = "the operator live-migrates {count} of the instances at the same time")]
async fn live_migrate_some(world: &mut ComputeWorld, count: Count) -> StepResult {
    Ok(world.live_migrate_first(count.into()).await?)
}

/// Waits for the end of the migration that was asked for last, and judges its record.
#[then(expr = "the migration of {instance} is completed")]
async fn is_completed(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(confirm::completed(&world.cloud, world.instance(&name)?).await?)
}

/// Waits for the end of every migration, and judges their records.
#[then(expr = "the migration of every instance is completed")]
async fn are_completed(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::all_completed(&world.cloud, &world.all()?).await?)
}

/// Waits for the end of every migration that was asked for at the same time, and judges their
/// records.
#[then(expr = "the migration of each of them is completed")]
async fn each_is_completed(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::all_completed(&world.cloud, &world.acted_on()?).await?)
}

/// Waits for the end of the migration, and looks why it failed.
#[then(expr = "the migration of {instance} fails for want of a valid destination")]
async fn fails_for_want_of_a_destination(
    world: &mut ComputeWorld,
    name: InstanceName,
) -> StepResult {
    Ok(confirm::failed_without_destination(&world.cloud, world.instance(&name)?).await?)
}

/// Looks whether the instance runs on the compute that the migration was to lead to.
#[then(expr = "{instance} is running on that compute")]
async fn is_on_that_compute(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let ending = Ending::RunningOn(world.destination()?);
    Ok(confirm::is(&world.cloud, world.instance(&name)?, ending).await?)
}

/// Looks whether the instance is paused on the compute that the migration was to lead to.
#[then(expr = "{instance} is paused on that compute")]
async fn is_paused_on_that_compute(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    let ending = Ending::PausedOn(world.destination()?);
    Ok(confirm::is(&world.cloud, world.instance(&name)?, ending).await?)
}

/// Looks whether the instance runs, and elsewhere than before the migration.
#[then(expr = "{instance} is running on another compute")]
async fn is_on_another_compute(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(confirm::is(&world.cloud, world.instance(&name)?, Ending::RunningElsewhere).await?)
}

/// Looks whether every instance runs, and elsewhere than before its migration.
#[then(expr = "every instance is running on another compute")]
async fn are_on_another_compute(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::all_are(&world.cloud, &world.all()?, Ending::RunningElsewhere).await?)
}

/// Looks whether every instance that was to move runs, and elsewhere than before.
#[then(expr = "each of them is running on another compute")]
async fn each_is_on_another_compute(world: &mut ComputeWorld) -> StepResult {
    Ok(confirm::all_are(&world.cloud, &world.acted_on()?, Ending::RunningElsewhere).await?)
}

/// Judges the answer to the last request: its code, and the reason that it gives.
#[then(expr = "the request is refused because {refusal}")]
async fn is_refused(world: &mut ComputeWorld, refusal: Refusal) -> StepResult {
    Ok(refusal.confirm(world.answer()?)?)
}
