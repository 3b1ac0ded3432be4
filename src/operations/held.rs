//! Holding, failing and taking away, beyond the cloud's API; all of it in the journal first, so that
//! it goes on by itself whatever becomes of the scenario.

use std::sync::Arc;

use crate::config::Change;
use crate::control::{BootPhase, Cloud, Control, ControlError, FailStep, Phase};
use crate::events::names::ComputeName;
use crate::journal::{Entry, Hold};

use super::{Instance, Problem};

/// Keeps the next live migration of `instance` in `phase` until it is released, or clean-up.
///
/// # Errors
///
/// If nothing controls the cloud, or what does can't do that.
pub async fn hold_migration(
    cloud: &Cloud,
    instance: &Instance,
    phase: Phase,
) -> Result<(), Problem> {
    let id = instance.id.clone();
    let hold = Hold::Migration(id.clone());
    order(cloud, Some(hold), move |control| async move { control.hold_migration(&id, phase).await })
        .await
}

/// Makes the next live migration of `instance` fail at `step`. What did not come to that ends with
/// the instance: nobody else's is meant.
///
/// # Errors
///
/// If nothing controls the cloud, or what does can't do that.
pub async fn fail_next_migration(
    cloud: &Cloud,
    instance: &Instance,
    step: FailStep,
) -> Result<(), Problem> {
    let id = instance.id.clone();
    order(cloud, None, move |control| async move { control.fail_next_migration(&id, step).await })
        .await
}

/// Keeps all boots in `phase` until they are released, or clean-up.
///
/// # Errors
///
/// If nothing controls the cloud, or what does can't do that.
pub async fn hold_boots(cloud: &Cloud, phase: BootPhase) -> Result<(), Problem> {
    order(cloud, Some(Hold::Boots), move |control| async move { control.hold_boots(phase).await })
        .await
}

/// Takes a compute away until clean-up.
///
/// # Errors
///
/// If the target does not allow that, if nothing controls it, or what does can't do that.
pub async fn take_away(cloud: &Cloud, compute: &ComputeName) -> Result<(), Problem> {
    // The plan skips such a scenario where it is not allowed; this holds even if the plan is wrong.
    if !cloud.facts.allow.contains(&Change::Hosts) {
        return Err(Problem::seen(format!(
            "{compute} is not taken away, because this target does not allow it (setting `allow`)"
        )));
    }
    let name = compute.clone();
    let hold = Hold::Compute(name.clone());
    order(cloud, Some(hold), move |control| async move { control.take_away(&name).await }).await
}

/// Writes down what is about to be held, and gives the order; it is carried out even if the step is
/// dropped meanwhile.
async fn order<F>(
    cloud: &Cloud,
    hold: Option<Hold>,
    give: impl FnOnce(Arc<dyn Control>) -> F,
) -> Result<(), Problem>
where
    F: Future<Output = Result<(), ControlError>> + Send + 'static,
{
    let control = Arc::clone(cloud.control()?);
    if let Some(hold) = hold {
        cloud.journal.write(Entry::Holding { hold })?;
    }
    Ok(cloud.pending.carry_out(give(control)).await?)
}

/// Lets go on what is held, and writes that down.
///
/// # Errors
///
/// If nothing controls the cloud any more, or what does can't be asked: it stays in the journal.
pub async fn release(cloud: &Cloud, hold: &Hold) -> Result<(), Problem> {
    let control = cloud.control()?;
    match hold {
        Hold::Migration(id) => control.release_migration(id).await?,
        Hold::Boots => control.release_boots().await?,
        Hold::Compute(name) => control.bring_back(name).await?,
    }
    Ok(cloud.journal.write(Entry::Released { hold: hold.clone() })?)
}
