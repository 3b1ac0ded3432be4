//! Asking for a live migration and following its record to the end.

use crate::api::compute::{LiveMigrate, Migration, MigrationStatus, Server};
use crate::api::{Outcome, RequestError};
use crate::control::Cloud;
use crate::events::names::{ComputeName, MigrationNumber};
use crate::journal::Account;
use crate::wait::{self, Check};

use super::{Answered, Instance, Problem};

/// What asking for a live migration came to.
#[derive(Debug)]
pub struct Asked {
    /// Accepted, or refused with a reason.
    pub answer: Answered,
    /// The new migration record; `None` if the request was refused.
    pub record: Option<MigrationNumber>,
}

/// Starts a live migration of `instance` and finds its record; `to` names the destination, `None`
/// leaves it to the scheduler. See [`ask_as`].
///
/// # Errors
///
/// As [`ask_as`].
pub async fn ask(
    cloud: &Cloud,
    instance: &Instance,
    to: Option<ComputeName>,
) -> Result<Asked, Problem> {
    ask_as(cloud, Account::Operator, instance, to).await
}

/// Starts a live migration with the credentials of `account`.
///
/// The cloud answers 202 with no body, so the record is found by asking again and taking the one
/// that was not there before. `block_migration` is sent as `"auto"`: the cloud decides.
///
/// An accepted answer promises nothing: since microversion 2.34 the destination is checked
/// afterwards; a bad one shows up as a failed record and in the instance's actions.
///
/// # Errors
///
/// [`Problem::Request`] if the cloud can't be asked, [`Problem::Wait`] if no new record appears
/// within the pace `record`.
///
/// Source: API reference, "Live-Migrate Server (os-migrateLive Action)"; microversions 2.25, 2.30,
/// 2.34, 2.68.
pub async fn ask_as(
    cloud: &Cloud,
    account: Account,
    instance: &Instance,
    to: Option<ComputeName>,
) -> Result<Asked, Problem> {
    let known = newest_record(cloud, instance).await?;
    let request = LiveMigrate { host: to, ..LiveMigrate::default() };
    let answer = cloud.party(account)?.compute.live_migrate(&instance.id, &request).await;
    match answer {
        // The answer was lost, not the request: a new record tells.
        Err(error) if error.outcome() == Outcome::Unknown => {
            match new_record(cloud, instance, known).await {
                Ok(record) => Ok(Asked { answer: Answered(Ok(())), record: Some(record) }),
                Err(Problem::Wait(_)) => Err(error.into()),
                Err(problem) => Err(problem),
            }
        }
        answer => {
            let (accepted, answer) = Answered::from_result(answer)?;
            let record = match accepted {
                Some(_) => Some(new_record(cloud, instance, known).await?),
                None => None,
            };
            Ok(Asked { answer, record })
        }
    }
}

async fn newest_record(
    cloud: &Cloud,
    instance: &Instance,
) -> Result<Option<MigrationNumber>, Problem> {
    let records = cloud.operator.migrations.watch(instance.id.clone()).look().await?;
    Ok(records.unwrap_or_default().iter().map(|record| record.id).max())
}

async fn new_record(
    cloud: &Cloud,
    instance: &Instance,
    known: Option<MigrationNumber>,
) -> Result<MigrationNumber, Problem> {
    let what = format!("a migration record of {}", instance.name);
    let watcher = cloud.operator.migrations.watch(instance.id.clone());
    let record = wait::until(&what, cloud.paces.record, || async {
        let records = watcher.look().await?.unwrap_or_default();
        let newest =
            records.iter().map(|record| record.id).max().filter(|newest| Some(*newest) > known);
        Ok::<_, RequestError>(
            newest.map_or_else(|| Check::NotYet("no new record".to_owned()), Check::Met),
        )
    });
    Ok(record.await?)
}

/// A migration that is over.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its record.
    pub record: Migration,
    /// The instance afterwards.
    pub server: Server,
}

/// Waits until the last migration that was asked for is over: its record is final and the instance
/// has no task left.
///
/// A record that ends in `error` is read once more after the task is gone, because the destination
/// may write `error` before the source writes `failed` (seen on 26.2.2 and 34.0.0 when the
/// preparation of the destination fails).
///
/// # Errors
///
/// [`Problem::Wait`] if it is not over within the pace `migrate`, or record or instance are gone.
pub async fn until_over(cloud: &Cloud, instance: &Instance) -> Result<Ended, Problem> {
    let asked = || Problem::seen(format!("no live migration of {} was accepted", instance.name));
    let number = instance.migration.ok_or_else(asked)?;
    let what = format!("the migration of {} to end", instance.name);
    let records = cloud.operator.migrations.watch(instance.id.clone());
    let servers = cloud.operator.servers.watch(instance.id.clone());
    let find = async || {
        let all = records.look().await?.unwrap_or_default();
        Ok::<_, RequestError>(all.into_iter().find(|record| record.id == number))
    };
    let over = wait::until(&what, cloud.paces.migrate, || async {
        let Some(record) = find().await? else {
            return Ok(Check::Never(format!("record {number} is gone")));
        };
        if !record.status.is_final() {
            return Ok(Check::NotYet(record.state_line()));
        }
        let Some(server) = servers.look().await? else {
            return Ok(Check::Never("the instance is gone".to_owned()));
        };
        if server.task_state.is_some() {
            return Ok(Check::NotYet(format!(
                "{}, while the instance is {}",
                record.state_line(),
                server.state_line()
            )));
        }
        let record = match record.status {
            MigrationStatus::Error => find().await?.unwrap_or(record),
            _ => record,
        };
        Ok::<_, RequestError>(Check::Met(Ended { record, server }))
    });
    Ok(over.await?)
}
