//! Asking for a live migration and following its record to the end.

use std::time::Duration;

use futures_util::future::try_join_all;

use crate::api::compute::{Compute, LiveMigrate, Migration, MigrationStatus, Server};
use crate::api::{Outcome, RequestError};
use crate::control::{Cloud, Moved, Records};
use crate::events::names::{ComputeName, MigrationNumber};
use crate::journal::Account;
use crate::wait::{self, Check, WaitError};

use super::{Answered, Instance, NotSaid, Problem};

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
    let mut asked = ask_all(cloud, account, &[instance], to).await?;
    Ok(asked.pop().expect("one answer for one instance"))
}

/// Starts live migrations as [`ask_as`] does, all requests sent before the first is answered; what
/// each came to, in the same order.
///
/// # Errors
///
/// As [`ask_as`], of the first that fails; all are carried out.
pub async fn ask_all(
    cloud: &Cloud,
    account: Account,
    instances: &[&Instance],
    to: Option<ComputeName>,
) -> Result<Vec<Asked>, Problem> {
    let moved: Vec<Moved> = instances.iter().map(|instance| instance.moved()).collect();
    let records = cloud.records_now(&moved).await?;
    let compute = &cloud.party(account)?.compute;
    let requests = instances.iter().map(|instance| {
        let known = records.get(&instance.id).into_iter().flatten().map(|record| record.id).max();
        let (owned, compute, to) = (cloud.clone(), compute.clone(), to.clone());
        let instance = Instance::clone(instance);
        let request = async move { follow(&owned, &compute, &instance, to, known).await };
        cloud.pending.carry_out(request)
    });
    try_join_all(requests).await
}

/// Sends the request and finds the record of what it started.
async fn follow(
    cloud: &Cloud,
    compute: &Compute,
    instance: &Instance,
    to: Option<ComputeName>,
    known: Option<MigrationNumber>,
) -> Result<Asked, Problem> {
    let request = LiveMigrate { host: to, ..LiveMigrate::default() };
    let answer = compute.live_migrate(&instance.id, &request).await;
    match answer {
        // The answer was lost, not the request: a new record tells.
        Err(error) if error.outcome() == Outcome::Unknown => {
            match new_record(cloud, instance, known).await {
                Ok(record) => {
                    Ok(Asked { answer: Answered(Ok(error.request_id)), record: Some(record) })
                }
                Err(Problem::Wait(WaitError::TimedOut { .. })) => Err(error.into()),
                Err(problem) => Err(problem),
            }
        }
        answer => {
            let (accepted, answer) = Answered::from_result(answer.map(|answer| answer.request_id))?;
            let record = match accepted {
                true => Some(new_record(cloud, instance, known).await?),
                false => None,
            };
            Ok(Asked { answer, record })
        }
    }
}

async fn new_record(
    cloud: &Cloud,
    instance: &Instance,
    known: Option<MigrationNumber>,
) -> Result<MigrationNumber, Problem> {
    let what = format!("a migration record of {}", instance.name);
    let records = Records { of: instance.moved(), new: true };
    let watcher = &cloud.operator.migrations.watch(records);
    let record = wait::follow(&what, cloud.paces.record, |within| async move {
        let records = watcher.look(within).await?.unwrap_or_default();
        let new = records.into_iter().filter(|record| Some(record.id) > known);
        let newest = new.max_by_key(|record| record.id);
        Ok::<_, RequestError>(
            newest.map_or_else(|| Check::NotYet("no new record".to_owned()), Check::Met),
        )
    });
    let record = record.await?;
    note_consumer(cloud, instance, &record);
    Ok(record.id)
}

/// Notes the record as somebody who may be charged.
pub(super) fn note_consumer(cloud: &Cloud, instance: &Instance, record: &Migration) {
    if let Some(uuid) = &record.uuid {
        cloud.consumers.note(uuid, format!("migration record {} of {}", record.id, instance.name));
    }
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
    let number = asked_for(instance)?;
    let what = format!("the migration of {} to end", instance.name);
    let records = Records { of: instance.moved(), new: false };
    let records = &cloud.operator.migrations.watch(records);
    let servers = &cloud.operator.servers.watch(instance.id.clone());
    let find = async |within| {
        let all = records.look(within).await?.unwrap_or_default();
        Ok::<_, RequestError>(all.into_iter().find(|record| record.id == number))
    };
    let find = &find;
    let over = wait::follow(&what, cloud.paces.migrate, |within| async move {
        let Some(record) = find(within).await? else {
            return Ok(Check::Never(format!("record {number} is gone")));
        };
        if !record.status.is_final() {
            return Ok(Check::NotYet(record.state_line()));
        }
        let Some(server) = servers.look(Duration::ZERO).await? else {
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
            MigrationStatus::Error => find(Duration::ZERO).await?.unwrap_or(record),
            _ => record,
        };
        Ok::<_, RequestError>(Check::Met(Ended { record, server }))
    });
    Ok(over.await?)
}

/// The record of the migration that was asked for last.
pub(super) fn asked_for(instance: &Instance) -> Result<MigrationNumber, Problem> {
    let name = &instance.name;
    match instance.asked.as_ref().map(|asked| (asked.refusal(), instance.migration)) {
        Some((None, Some(number))) => Ok(number),
        Some((Some(refusal), _)) => {
            let code = refusal.status().unwrap_or_default();
            let message = refusal.message().unwrap_or("no message");
            Err(Problem::seen(format!(
                "the live migration of {name} was refused: {code} {message:?} (request {})",
                refusal.request_id
            )))
        }
        _ => Err(NotSaid("that the instance was live-migrated").into()),
    }
}
