//! Plain members: what they may do and what they see.

use cucumber::{given, then, when};

use super::StepResult;
use crate::events::names::InstanceName;
use crate::journal::Account;
use crate::operations::members;
use crate::world::ComputeWorld;

/// Boots an instance with a plain member's credentials and waits until it runs.
#[given(expr = "a running instance {instance} of a plain member")]
async fn running_for_a_member(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    world.boot_together(Account::Member, &name, 1).await?;
    Ok(world.until_new_ones_run().await?)
}

/// Asks for a live migration with the member's credentials.
#[when(expr = "the member live-migrates {instance}")]
async fn member_live_migrates(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(world.live_migrate_as_member(&name).await?)
}

/// Looks at the instance with the member's credentials.
#[when(expr = "the member looks at {instance}")]
async fn member_looks(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    world.seen_by_member = Some(members::look(&world.cloud, world.instance(&name)?).await?);
    Ok(())
}

/// Judges what the member was shown: the instance, and nothing that names its compute.
#[then(expr = "the member sees {instance} but no compute")]
async fn member_sees_no_compute(world: &mut ComputeWorld, name: InstanceName) -> StepResult {
    Ok(members::confirm_no_compute(world.instance(&name)?, world.seen_by_member()?)?)
}

/// Asks for the list of computes with the member's credentials.
#[when(expr = "the member asks for the computes")]
async fn member_asks_for_computes(world: &mut ComputeWorld) -> StepResult {
    let answer = members::list_computes(&world.cloud).await?;
    world.note_answer(answer);
    Ok(())
}

/// Asks for the migration records with the member's credentials.
#[when(expr = "the member asks for the migration records")]
async fn member_asks_for_migrations(world: &mut ComputeWorld) -> StepResult {
    let answer = members::list_migrations(&world.cloud).await?;
    world.note_answer(answer);
    Ok(())
}
