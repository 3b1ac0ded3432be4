//! Judging from outside: what became of a migration, and whether anything else happened.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::api::compute::{ActionEvent, Migration, MigrationStatus, Server, Status};
use crate::control::{Cloud, Moved};
use crate::events::names::ComputeName;
use crate::wait::{self, Check, WaitError};

use super::live_migration::{Ended, until_over};
use super::{Answered, Instance, Problem, audit, computes, look_all};

/// How an instance is to be after a migration.
#[derive(Clone, Debug)]
pub enum Ending {
    /// ACTIVE on this compute.
    RunningOn(ComputeName),
    /// PAUSED on this compute.
    PausedOn(ComputeName),
    /// ACTIVE on any compute but the one that it was noted on.
    RunningElsewhere,
    /// ERROR on this compute.
    BrokenOn(ComputeName),
}

/// Waits for the end of the migration and demands that it succeeded: the record that was new is
/// `completed`, of type `live-migration`, and names the right source; the instance is on the
/// record's destination, in the state that it had, with no task.
///
/// # Errors
///
/// [`Problem::Seen`] with what is not so; if the record did not complete, with the cloud's reason.
pub async fn completed(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    let Ended { record, server } = until_over(cloud, instance).await?;
    if record.status != MigrationStatus::Completed {
        return Err(Problem::seen(why_not_completed(cloud, instance, &record, &server).await));
    }
    let name = &instance.name;
    let line = record_line(&record);
    let source = instance.compute()?;
    let wrong = if record.migration_type.as_deref() != Some("live-migration") {
        Some(format!("{line} of {name} is of another type: {:?}", record.migration_type))
    } else if record.source_compute.as_ref() != Some(&source) {
        Some(format!("{line} of {name} does not name its source, {source}"))
    } else if server.host.as_ref() == Some(&source) {
        Some(format!("{name} is still on {source}, but {line} is completed"))
    } else if server.host != record.dest_compute {
        Some(format!("{name} is on {}, but {line} is completed", on(&server)))
    } else if server.status != instance.noted.status {
        Some(format!(
            "{name} was {} and is {} after {line}",
            instance.noted.status,
            server.state_line()
        ))
    } else {
        None
    };
    wrong.map_or(Ok(()), |wrong| Err(Problem::seen(wrong)))
}

/// Waits for the end of each migration and judges each as [`completed`] does.
///
/// # Errors
///
/// As [`completed`], of all that did not.
pub async fn all_completed(cloud: &Cloud, instances: &[&Instance]) -> Result<(), Problem> {
    let ends = instances.iter().map(|instance| completed(cloud, instance));
    let problems = join_all(ends).await.into_iter().filter_map(Result::err);
    let mut problems: Vec<Problem> = problems.collect();
    if problems.len() < 2 {
        return problems.pop().map_or(Ok(()), Err);
    }
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(Problem::seen(lines.join("\n")))
}

/// Waits for the end of the migration, however it ends, and until what is charged agrees with it:
/// before that a further move may find no room.
///
/// # Errors
///
/// If it does not end, or the books never agree.
pub async fn settled(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    until_over(cloud, instance).await?;
    audit::books(cloud, std::iter::once(instance)).await
}

/// Waits for the end of the migration and demands that it failed because no compute could take the
/// instance, as the event of its action says.
///
/// # Errors
///
/// [`Problem::Seen`] with what happened instead.
pub async fn failed_without_destination(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    let Ended { record, server } = until_over(cloud, instance).await?;
    let line = record_line(&record);
    let name = &instance.name;
    if !matches!(record.status, MigrationStatus::Error | MigrationStatus::Failed) {
        let place = on(&server);
        return Err(Problem::seen(format!(
            "the migration of {name} was to fail, but {line} is {}, and {name} is on {place}",
            record.status
        )));
    }
    let reasons = reasons(cloud, instance).await?;
    if reasons.iter().any(|reason| reason.contains("No valid host was found")) {
        return Ok(());
    }
    let said = if reasons.is_empty() {
        "gives no reason".to_owned()
    } else {
        format!("says: {}", reasons.join("; "))
    };
    Err(Problem::seen(format!(
        "the migration of {name} failed, but not for want of a valid destination: {line} is {}, and the cloud {said}",
        record.status
    )))
}

/// Demands that the instance is as `ending` says, with no task.
///
/// # Errors
///
/// [`Problem::Seen`] with where and how it is instead.
pub async fn is(cloud: &Cloud, instance: &Instance, ending: Ending) -> Result<(), Problem> {
    all_are(cloud, &[instance], ending).await
}

/// Demands that each instance is as `ending` says, with no task.
///
/// # Errors
///
/// [`Problem::Seen`] with every one that is not, and where and how it is instead.
pub async fn all_are(
    cloud: &Cloud,
    instances: &[&Instance],
    ending: Ending,
) -> Result<(), Problem> {
    let seen = look_all(cloud, instances).await?;
    let judged = instances.iter().zip(&seen).map(|(instance, seen)| wrong(instance, seen, &ending));
    nothing_in(judged.collect::<Result<_, _>>()?)
}

/// What is not as `ending` says.
fn wrong(instance: &Instance, server: &Server, ending: &Ending) -> Result<Option<String>, Problem> {
    let (status, right_place, wanted) = match ending {
        Ending::RunningOn(compute) => {
            (Status::Active, server.host.as_ref() == Some(compute), format!("running on {compute}"))
        }
        Ending::PausedOn(compute) => {
            (Status::Paused, server.host.as_ref() == Some(compute), format!("paused on {compute}"))
        }
        Ending::BrokenOn(compute) => {
            (Status::Error, server.host.as_ref() == Some(compute), format!("broken on {compute}"))
        }
        Ending::RunningElsewhere => {
            let source = instance.compute()?;
            let elsewhere = server.host.as_ref().is_some_and(|host| *host != source);
            (Status::Active, elsewhere, format!("running on another compute than {source}"))
        }
    };
    if right_place && server.status == status && server.task_state.is_none() {
        return Ok(None);
    }
    let name = &instance.name;
    let is = server.state_line();
    Ok(Some(format!("{name} was to be {wanted}, but is {is} on {}", on(server))))
}

/// Demands that each instance is as it was noted: compute, state, task, power state, time of the
/// last change; and that it has no new migration record.
///
/// # Errors
///
/// [`Problem::Seen`] with everything that differs.
pub async fn unchanged(cloud: &Cloud, instances: &[&Instance]) -> Result<(), Problem> {
    let seen = look_all(cloud, instances).await?;
    let moved: Vec<Moved> = instances.iter().map(|instance| instance.moved()).collect();
    let mut records = cloud.records_now(&moved).await?;
    let found = instances.iter().zip(&seen).map(|(instance, server)| {
        let mut changes = differences(instance, server)?;
        if server.updated != instance.noted.updated {
            let time = server.updated.as_deref().unwrap_or("an unknown time");
            changes.push(format!("was changed at {time}"));
        }
        let records = records.remove(&instance.id).unwrap_or_default();
        let new = records.into_iter().filter(|record| Some(record.id) > instance.migration);
        changes.extend(
            new.map(|record| format!("has {}, which is {}", record_line(&record), record.status)),
        );
        Ok(sentence(instance, &changes))
    });
    nothing_in(found.collect::<Result<_, Problem>>()?)
}

/// Demands that each instance is where and how it was noted, though something was asked of it.
///
/// # Errors
///
/// [`Problem::Seen`] with everything that differs.
pub async fn still_there(cloud: &Cloud, instances: &[&Instance]) -> Result<(), Problem> {
    let seen = look_all(cloud, instances).await?;
    let found = instances
        .iter()
        .zip(&seen)
        .map(|(instance, server)| Ok(sentence(instance, &differences(instance, server)?)));
    nothing_in(found.collect::<Result<_, Problem>>()?)
}

/// What of an instance is not as it was noted. Its compute may be hidden from who looks; then the
/// host id, which changes with it, tells.
fn differences(instance: &Instance, server: &Server) -> Result<Vec<String>, Problem> {
    let noted = &instance.noted;
    if server.host.is_none() && server.host_id.is_empty() {
        let name = &instance.name;
        return Err(Problem::seen(format!("the cloud does not say whether {name} has moved")));
    }
    let mut changes = Vec::new();
    if server.host != noted.host || server.host_id != noted.host_id {
        changes.push(format!("moved from {} to {}", on(noted), on(server)));
    }
    if server.status != noted.status || server.task_state.is_some() {
        changes.push(format!("was {} and is {}", noted.state_line(), server.state_line()));
    }
    if server.power_state != noted.power_state {
        changes.push("has another power state".to_owned());
    }
    Ok(changes)
}

fn sentence(instance: &Instance, changes: &[String]) -> Option<String> {
    (!changes.is_empty()).then(|| format!("{} {}", instance.name, changes.join(", ")))
}

fn nothing_in(found: Vec<Option<String>>) -> Result<(), Problem> {
    let found: Vec<String> = found.into_iter().flatten().collect();
    if found.is_empty() { Ok(()) } else { Err(Problem::seen(found.join("; "))) }
}

/// Demands that all instances were reserved by one request.
///
/// # Errors
///
/// [`Problem::Seen`] with the reservations.
pub fn one_reservation(instances: &[&Instance]) -> Result<(), Problem> {
    let reservations = reservations(instances)?;
    if BTreeSet::from_iter(&reservations).len() == 1 {
        return Ok(());
    }
    let each = reservations.join(", ");
    Err(Problem::seen(format!("the instances do not share one reservation: {each}")))
}

/// Demands that each instance was reserved by a request of its own.
///
/// # Errors
///
/// [`Problem::Seen`] with the reservations.
pub fn no_shared_reservation(instances: &[&Instance]) -> Result<(), Problem> {
    let reservations = reservations(instances)?;
    if BTreeSet::from_iter(&reservations).len() == reservations.len() {
        return Ok(());
    }
    Err(Problem::seen(format!("some instances share a reservation: {}", reservations.join(", "))))
}

fn reservations(instances: &[&Instance]) -> Result<Vec<String>, Problem> {
    let reservation = |instance: &&Instance| {
        let none = || Problem::seen(format!("the cloud shows no reservation of {}", instance.name));
        instance.noted.reservation_id.as_ref().map(ToString::to_string).ok_or_else(none)
    };
    instances.iter().map(reservation).collect()
}

/// Demands that the cloud gave each instance another name, and numbered them from 0 within their
/// request.
///
/// # Errors
///
/// [`Problem::Seen`] with names and numbers.
pub fn own_names_and_numbers(instances: &[&Instance]) -> Result<(), Problem> {
    let servers: Vec<&Server> = instances.iter().map(|instance| &instance.noted).collect();
    let names: BTreeSet<&String> = servers.iter().map(|server| &server.name).collect();
    let mut numbers: Vec<Option<u32>> = servers.iter().map(|server| server.launch_index).collect();
    numbers.sort();
    let count = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    if names.len() == servers.len() && numbers.iter().copied().eq((0..count).map(Some)) {
        return Ok(());
    }
    let each = servers.iter().map(|server| match server.launch_index {
        Some(number) => format!("{} is number {number}", server.name),
        None => format!("{} has no number", server.name),
    });
    Err(Problem::seen(format!("names or numbers repeat: {}", each.collect::<Vec<_>>().join(", "))))
}

pub(super) fn record_line(record: &Migration) -> String {
    let end = |compute: &Option<ComputeName>| {
        compute.as_ref().map_or("none chosen".to_owned(), ToString::to_string)
    };
    format!(
        "migration record {} ({} -> {})",
        record.id,
        end(&record.source_compute),
        end(&record.dest_compute)
    )
}

pub(super) fn on(server: &Server) -> String {
    server
        .host
        .as_ref()
        .map_or_else(|| "a compute that is not shown".to_owned(), ToString::to_string)
}

/// Everything that tells a reader why a migration did not complete.
async fn why_not_completed(
    cloud: &Cloud,
    instance: &Instance,
    record: &Migration,
    server: &Server,
) -> String {
    let name = &instance.name;
    let mut lines = vec![format!(
        "the migration of {name} did not complete: {} is {}, and {name} is {} on {}",
        record_line(record),
        record.status,
        server.state_line(),
        on(server)
    )];
    let reasons = match record.status {
        // A copy that was rolled back or called off leaves no event that failed.
        MigrationStatus::Error => reasons(cloud, instance).await,
        _ => Ok(Vec::new()),
    };
    match reasons {
        Ok(reasons) if reasons.is_empty() => {
            lines.push("the cloud gives no reason in the instance's actions".to_owned())
        }
        Ok(reasons) => {
            lines.extend(reasons.into_iter().map(|reason| format!("the cloud says: {reason}")))
        }
        Err(problem) => lines.push(format!("the cloud's reason could not be read: {problem}")),
    }
    match computes::usable(cloud).await {
        Ok(usable) => {
            lines.push(format!("computes that are enabled and up: {}", computes::listed(&usable)))
        }
        Err(problem) => lines.push(format!("the computes could not be read: {problem}")),
    }
    if instance.booted_with > 1 {
        lines.push(format!(
            "{name} is one of {} instances booted together by one request",
            instance.booted_with
        ));
    }
    lines.join("\n  ")
}

/// What the events of the live migration that was asked for last say that went wrong.
///
/// The event is written after the record has ended (Nova 26.2.2 and 34.0.0: the conductor saves the
/// record, raises, and only then the event gets its result), so it is waited for, within the pace
/// `record`; none may come, because a copy that was rolled back leaves none.
async fn reasons(cloud: &Cloud, instance: &Instance) -> Result<Vec<String>, Problem> {
    let asked = instance.asked.as_ref().and_then(Answered::request_id);
    let Some(request_id) = asked else { return Ok(Vec::new()) };
    let compute = &cloud.operator.compute;
    let what = format!("the cloud's reason for what became of {}", instance.name);
    let found = wait::until(&what, cloud.paces.record, || async {
        let failed: Vec<String> = match compute.instance_action(&instance.id, request_id).await {
            Ok(action) => action.events.iter().filter_map(failed_event).collect(),
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(if failed.is_empty() {
            Check::NotYet("no event has failed".to_owned())
        } else {
            Check::Met(failed)
        })
    });
    match found.await {
        Ok(found) => Ok(found),
        Err(WaitError::TimedOut { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// What an event says, if it failed. Before 2.84 it says nothing; its trace ends with the reason.
fn failed_event(event: &ActionEvent) -> Option<String> {
    if event.result.as_deref() != Some("Error") {
        return None;
    }
    let trace = event.traceback.as_deref().and_then(|trace| trace.trim().lines().last());
    let said = event.details.as_deref().or(trace).unwrap_or("no details").trim();
    Some(format!("{said} ({})", event.event))
}
