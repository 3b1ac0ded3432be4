//! A live migration on its way: how far it is, and what is asked of it or of its instance meanwhile.

use std::time::Duration;

use crate::api::compute::{Action, LiveMigrate, MigrationStatus, Status, TaskState};
use crate::api::{Answer, RequestError};
use crate::control::{Cloud, Phase, Records};
use crate::events::names::MigrationNumber;
use crate::wait::{self, Check};

use super::confirm::{on, record_line};
use super::live_migration::{Ended, asked_for, until_over};
use super::{Answered, Instance, NotSaid, Problem, clean_up, look};

/// Waits until the last migration that was asked for is where `phase` shows: in its record, and for
/// the last phase in the instance's compute. It may be further on, where nothing holds it.
///
/// # Errors
///
/// [`Problem::Wait`] if it does not come there within the pace `migrate`, or is over before.
pub async fn until_in(cloud: &Cloud, instance: &Instance, phase: Phase) -> Result<(), Problem> {
    let number = asked_for(instance)?;
    let source = &instance.compute()?;
    let what = format!("the migration of {} to be {}", instance.name, shown(phase));
    let records = Records { of: instance.moved(), new: false };
    let records = &cloud.operator.migrations.watch(records);
    let servers = &cloud.operator.servers.watch(instance.id.clone());
    let there = wait::follow(&what, cloud.paces.migrate, |within| async move {
        let all = records.look(within).await?.unwrap_or_default();
        let Some(record) = all.into_iter().find(|record| record.id == number) else {
            return Ok(Check::Never(format!("record {number} is gone")));
        };
        if record.status.is_final() {
            return Ok(Check::Never(format!("it is over: {}", record.state_line())));
        }
        if record.status != status(phase) {
            return Ok(Check::NotYet(record.state_line()));
        }
        if phase != Phase::Landed {
            return Ok(Check::Met(()));
        }
        Ok::<_, RequestError>(match servers.look(Duration::ZERO).await? {
            None => Check::Never("the instance is gone".to_owned()),
            Some(server) if server.host.as_ref() == Some(source) => {
                Check::NotYet(server.state_line())
            }
            Some(_) => Check::Met(()),
        })
    });
    Ok(there.await?)
}

/// What the record says in a phase.
fn status(phase: Phase) -> MigrationStatus {
    match phase {
        Phase::Accepted => MigrationStatus::Accepted,
        Phase::Queued => MigrationStatus::Queued,
        Phase::Preparing => MigrationStatus::Preparing,
        Phase::Running | Phase::Landed => MigrationStatus::Running,
    }
}

fn shown(phase: Phase) -> String {
    match phase {
        Phase::Landed => "running, with the instance on its destination".to_owned(),
        phase => status(phase).to_string(),
    }
}

/// Asks for the migration to be aborted. If that is accepted, waits until the source has heard of
/// it, within the pace `record`: until then the migration may still go on.
///
/// # Errors
///
/// If the instance was never migrated, or the cloud can't be asked.
///
/// Source: API reference, "Delete (Abort) Migration"; microversions 2.24, 2.65.
pub async fn abort(cloud: &Cloud, instance: &Instance) -> Result<Answered, Problem> {
    let (api, id, number) =
        (cloud.operator.compute.clone(), instance.id.clone(), newest(instance)?);
    let request = async move { api.abort_migration(&id, number).await };
    interfered(cloud, instance, cloud.pending.carry_out(request).await).await
}

/// Asks for the copy to be brought to its end, and waits as [`abort`] does.
///
/// # Errors
///
/// As [`abort`].
///
/// Source: API reference, "Force Migration Complete Action"; microversion 2.22.
pub async fn force(cloud: &Cloud, instance: &Instance) -> Result<Answered, Problem> {
    let (api, id, number) =
        (cloud.operator.compute.clone(), instance.id.clone(), newest(instance)?);
    let request = async move { api.force_complete(&id, number).await };
    interfered(cloud, instance, cloud.pending.carry_out(request).await).await
}

fn newest(instance: &Instance) -> Result<MigrationNumber, NotSaid> {
    instance.migration.ok_or(NotSaid("that the instance was live-migrated"))
}

async fn interfered(
    cloud: &Cloud,
    instance: &Instance,
    answer: Result<Answer, RequestError>,
) -> Result<Answered, Problem> {
    let (_, answer) = Answered::from_result(answer.map(|answer| answer.request_id))?;
    if let Some(request_id) = answer.request_id() {
        let compute = &cloud.operator.compute;
        let what = format!("the source of {} to hear of it", instance.name);
        let heard = wait::until(&what, cloud.paces.record, || async {
            let events = match compute.instance_action(&instance.id, request_id).await {
                Ok(action) => action.events,
                Err(error) if error.is_not_found() => Vec::new(),
                Err(error) => return Err(error),
            };
            Ok(match events.iter().any(|event| event.result.is_some()) {
                true => Check::Met(()),
                false => Check::NotYet("nothing is noted of it".to_owned()),
            })
        });
        heard.await?;
    }
    Ok(answer)
}

/// Something that an instance may be asked for, and that a migration forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Another live migration.
    LiveMigrate,
    /// A pause.
    Pause,
    /// A stop.
    Stop,
    /// A start of its system.
    Reboot,
}

/// Asks `instance` for something that is to be refused, and does not follow it if it is not.
///
/// # Errors
///
/// If the cloud can't be asked.
pub async fn ask(cloud: &Cloud, instance: &Instance, deed: Deed) -> Result<Answered, Problem> {
    let (compute, id) = (cloud.operator.compute.clone(), instance.id.clone());
    let request = async move {
        match deed {
            Deed::LiveMigrate => compute.live_migrate(&id, &LiveMigrate::default()).await,
            Deed::Pause => compute.act(&id, Action::Pause).await,
            Deed::Stop => compute.act(&id, Action::Stop).await,
            Deed::Reboot => compute.act(&id, Action::Reboot).await,
        }
    };
    let answer = cloud.pending.carry_out(request).await.map(|answer| answer.request_id);
    Ok(Answered::from_result(answer)?.1)
}

/// Asks for the deletion of `instance`. Does not wait until it is gone.
///
/// # Errors
///
/// If the cloud refuses or can't be asked.
pub async fn delete(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    let (compute, id) = (cloud.party(instance.account)?.compute.clone(), instance.id.clone());
    let request = async move { compute.delete_server(&id).await };
    Ok(cloud.pending.carry_out(request).await?)
}

/// Waits until a deleted instance is gone.
///
/// # Errors
///
/// [`Problem::Seen`] if nobody deleted it, [`Problem::Wait`] if it is still there after the pace
/// `delete`.
pub async fn confirm_gone(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    if !instance.deleted {
        return Err(NotSaid("that the instance was deleted").into());
    }
    clean_up::until_gone(cloud, cloud.party(instance.account)?, &instance.id).await
}

/// Demands that `instance` is shown as migrating, and where it was noted, with the power state that
/// it had; and that the record of its migration is not final and names that source.
///
/// # Errors
///
/// [`Problem::Seen`] with what is shown instead.
pub async fn confirm_migrating(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    let number = asked_for(instance)?;
    let (name, source) = (&instance.name, instance.compute()?);
    let server = look(cloud, instance).await?;
    let of = [instance.moved()];
    let records = cloud.records_now(&of).await?.remove(&instance.id).unwrap_or_default();
    let Some(record) = records.into_iter().find(|record| record.id == number) else {
        return Err(Problem::seen(format!("migration record {number} of {name} is gone")));
    };
    let state = server.state_line();
    let wrong =
        if server.status != Status::Migrating || server.task_state != Some(TaskState::Migrating) {
            format!("{name} was to be migrating, but is {state} on {}", on(&server))
        } else if server.host.as_ref() != Some(&source) {
            format!("{name} was to be on {source} until it is copied, but is on {}", on(&server))
        } else if server.power_state != instance.noted.power_state {
            format!("{name} has another power state while it is migrating")
        } else if record.status.is_final() {
            format!("{name} is {state}, but its {} is {}", record_line(&record), record.status)
        } else if record.source_compute.as_ref() != Some(&source) {
            format!("{} of {name} does not name its source, {source}", record_line(&record))
        } else {
            return Ok(());
        };
    Err(Problem::seen(wrong))
}

/// Demands that `instance` is being built: in BUILD.
///
/// # Errors
///
/// [`Problem::Seen`] with what it is instead.
pub async fn confirm_building(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    let server = look(cloud, instance).await?;
    if server.status == Status::Build {
        return Ok(());
    }
    let (name, state) = (&instance.name, server.state_line());
    Err(Problem::seen(format!("{name} was to be in the middle of its boot, but is {state}")))
}

/// How a live migration ends that does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody called it off: the record is `cancelled`.
    Aborted,
    /// It had begun, and was undone: the record is `failed`.
    RolledBack,
    /// It never began: the record is `error`.
    GivenUp,
}

impl Outcome {
    /// What the record says, and the word for it.
    const fn shown(self) -> (MigrationStatus, &'static str) {
        match self {
            Self::Aborted => (MigrationStatus::Cancelled, "aborted"),
            Self::RolledBack => (MigrationStatus::Failed, "rolled back"),
            Self::GivenUp => (MigrationStatus::Error, "given up"),
        }
    }
}

/// Waits for the end of the migration that was asked for last, and demands that it ended so; where
/// and how the instance is then is another judgement.
///
/// # Errors
///
/// [`Problem::Seen`] with what its record says instead.
pub async fn confirm_ended(
    cloud: &Cloud,
    instance: &Instance,
    outcome: Outcome,
) -> Result<(), Problem> {
    let Ended { record, server } = until_over(cloud, instance).await?;
    let (wanted, word) = outcome.shown();
    let (name, line, source) = (&instance.name, record_line(&record), instance.compute()?);
    if record.status != wanted {
        let (status, state, place) = (&record.status, server.state_line(), on(&server));
        return Err(Problem::seen(format!(
            "the migration of {name} was to be {word} ({wanted}), but {line} is {status}, and \
             {name} is {state} on {place}"
        )));
    }
    if record.source_compute.as_ref() != Some(&source) {
        return Err(Problem::seen(format!("{line} of {name} does not name its source, {source}")));
    }
    Ok(())
}

/// Waits for the end of the migration that was asked for last, and demands that it did not arrive.
///
/// # Errors
///
/// [`Problem::Seen`] if it was completed.
pub async fn confirm_failed(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    let Ended { record, server } = until_over(cloud, instance).await?;
    if !matches!(record.status, MigrationStatus::Failed | MigrationStatus::Error) {
        let (name, line, place) = (&instance.name, record_line(&record), on(&server));
        return Err(Problem::seen(format!(
            "the migration of {name} was to fail, but {line} is {}, and {name} is on {place}",
            record.status
        )));
    }
    Ok(())
}

/// Waits until the migration that was asked for last is over, however it ends.
///
/// # Errors
///
/// [`Problem::Wait`] if it is not, within the pace `migrate`.
pub async fn confirm_over(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    until_over(cloud, instance).await.map(drop)
}
