//! Undoing what a scenario, or a run that was killed, has made and changed.

use std::cell::Cell;
use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::api::compute::{Action, MigrationFilter, Server, Status, TaskState};
use crate::api::{RequestError, RequestErrorKind};
use crate::control::{Cloud, Moved, Party};
use crate::events::names::{MigrationNumber, ServerId};
use crate::events::stream;
use crate::journal::{Account, Entry, Unsettled};
use crate::wait::{self, Check, WaitError};

use super::boot::{RUN_KEY, named_for};
use super::{Problem, computes, held};

/// Things that could not be undone; the journal keeps them.
#[derive(Debug, thiserror::Error)]
#[error("left behind: {}", lines.join("; "))]
pub struct LeftBehind {
    /// What, and why, one line each.
    pub lines: Vec<String>,
}

/// What came of undoing.
#[derive(Debug, Default)]
#[must_use]
pub struct Undone {
    /// What needed not be undone, or was left to somebody else; one line each.
    pub notes: Vec<String>,
    /// What could not be undone, and why; one line each.
    pub left: Vec<String>,
}

impl Undone {
    /// Whether nothing is left.
    ///
    /// # Errors
    ///
    /// [`LeftBehind`] with all that could not be undone.
    pub fn settled(self) -> Result<(), LeftBehind> {
        if self.left.is_empty() { Ok(()) } else { Err(LeftBehind { lines: self.left }) }
    }
}

/// Undoes everything of `unsettled`: what is held goes on, computes are put back, then instances are
/// removed. One that can't be undone does not keep the others from it.
///
/// An instance is found by its name and taken for ours only if its metadata names the run too. A
/// migration that is under way is called off first, because deleting a server in the middle of one
/// leaves allocations behind.
pub async fn undo(cloud: &Cloud, unsettled: &Unsettled) -> Undone {
    let mut undone = Undone::default();
    cloud.pending.none_left().await;
    for hold in &unsettled.holds {
        if let Err(problem) = held::release(cloud, hold).await {
            undone.left.push(format!("{hold}: {}", told(&problem)));
        }
    }
    for (compute, before) in &unsettled.computes {
        match computes::restore(cloud, compute, before).await {
            Ok(note) => undone.notes.extend(note),
            Err(problem) => {
                undone.left.push(format!("the service of {compute}: {}", told(&problem)));
            }
        }
    }
    undone.notes.iter().for_each(stream::log);
    let removals = unsettled.instances.iter().map(async |(account, name, ids)| {
        remove(cloud, *account, name, ids)
            .await
            .map_err(|problem| format!("instances named {name}: {}", told(&problem)))
    });
    undone.left.extend(join_all(removals).await.into_iter().filter_map(Result::err));
    undone
}

/// An error with what it came from, in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}

/// Removes every instance that one request made, and waits until none is left.
///
/// Where no answer to the request was seen, the cloud may still be at it, and show one instance
/// after the other: it is over when none was shown for as long as the pace `record` allows.
async fn remove(
    cloud: &Cloud,
    account: Account,
    name: &str,
    ids: &[ServerId],
) -> Result<(), Problem> {
    let party = cloud.party(account)?;
    let mut found = ours(cloud, party, name, ids).await?;
    loop {
        delete_all(cloud, party, &found).await?;
        if !ids.is_empty() {
            break;
        }
        found = until_shown(cloud, party, name).await?;
        if found.is_empty() {
            break;
        }
    }
    Ok(cloud.journal.write(Entry::Removed { name: name.to_owned() })?)
}

/// Deletes instances, and waits until they are gone.
async fn delete_all(cloud: &Cloud, party: &Party, found: &[Server]) -> Result<(), Problem> {
    let moving = moving(cloud, found).await?;
    let gone = join_all(found.iter().map(|server| {
        let moves = moving.contains(&server.id);
        delete(cloud, party, server, moves)
    }))
    .await;
    let failed: Vec<String> =
        gone.into_iter().filter_map(Result::err).map(|problem| told(&problem)).collect();
    if failed.is_empty() { Ok(()) } else { Err(Problem::seen(failed.join("; "))) }
}

/// The instances of that name that carry the run's metadata; and those with an id that the journal
/// knows, which a list may not show.
async fn ours(
    cloud: &Cloud,
    party: &Party,
    name: &str,
    ids: &[ServerId],
) -> Result<Vec<Server>, Problem> {
    let run = cloud.journal.run().as_str();
    let is_ours = |server: &Server| server.metadata.get(RUN_KEY).is_some_and(|of| of == run);
    let mut found = party.compute.servers(&named_for(name)).await?;
    found.retain(is_ours);
    for id in ids {
        if found.iter().any(|server| server.id == *id) {
            continue;
        }
        match party.compute.server(id).await {
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
            Ok(server) if is_ours(&server) => found.push(server),
            Ok(_) => {
                let why = format!("{id} does not carry the run in its metadata any more");
                return Err(Problem::seen(why));
            }
        }
    }
    Ok(found)
}

/// A create that was asked for and whose answer nobody saw may still be carried out: looks for what
/// it makes, within the pace `record`.
async fn until_shown(cloud: &Cloud, party: &Party, name: &str) -> Result<Vec<Server>, Problem> {
    let shown = wait::until(&format!("instances named {name}, if any"), cloud.paces.record, || {
        let found = ours(cloud, party, name, &[]);
        async {
            let found = found.await?;
            Ok(if found.is_empty() { Check::NotYet("none".to_owned()) } else { Check::Met(found) })
        }
    })
    .await;
    match shown {
        Ok(found) => Ok(found),
        Err(WaitError::TimedOut { .. }) => Ok(Vec::new()),
        Err(WaitError::Look { source, .. }) => Err(source),
        Err(WaitError::Never { why, .. }) => Err(Problem::seen(why)),
    }
}

/// Those of `found` that have a migration under way, or a task that will lead to one.
async fn moving(cloud: &Cloud, found: &[Server]) -> Result<BTreeSet<ServerId>, Problem> {
    let of: Vec<Moved> = found.iter().map(Moved::from).collect();
    let records = cloud.records_now(&of).await?;
    let mut moving = BTreeSet::new();
    for (id, record) in records.iter().flat_map(|(id, all)| all.iter().map(move |one| (id, one))) {
        if let Some(uuid) = &record.uuid {
            cloud.consumers.note(uuid, format!("migration record {} of {id}", record.id));
        }
        if !record.status.is_final() {
            moving.insert(id.clone());
        }
    }
    let tasks = found.iter().filter(|server| server.task_state == Some(TaskState::Migrating));
    moving.extend(tasks.map(|server| server.id.clone()));
    Ok(moving)
}

async fn delete(cloud: &Cloud, party: &Party, server: &Server, moves: bool) -> Result<(), Problem> {
    let called_off = match moves {
        true => call_off_migrations(cloud, &server.id).await,
        false => Ok(()),
    };
    match called_off {
        Ok(()) => {}
        // It may never end. An instance that is left for good is worse than what its migration
        // may leave, and that the audit sees.
        Err(problem @ Problem::Wait(WaitError::TimedOut { .. })) => {
            stream::log(format!(
                "{} is deleted in the middle of a migration: {problem}",
                server.id
            ));
        }
        Err(problem) => return Err(problem),
    }
    match party.compute.delete_server(&server.id).await {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => until_gone(cloud, party, &server.id).await,
    }
}

/// Waits until the instance is gone. Where deleted ones are kept for a while
/// (`reclaim_instance_interval`), it is deleted for good. A deletion that fails leaves it in ERROR
/// without a task (the API sets the task `deleting` before it answers); it is asked for once more.
pub(super) async fn until_gone(cloud: &Cloud, party: &Party, id: &ServerId) -> Result<(), Problem> {
    let watcher = &party.servers.watch(id.clone());
    let (forced, again) = (&Cell::new(false), &Cell::new(false));
    let what = format!("instance {id} to be gone");
    let gone = wait::follow(&what, cloud.paces.delete, |within| async move {
        let Some(server) = watcher.look(within).await? else { return Ok(Check::Met(())) };
        if server.status == Status::SoftDeleted && !forced.replace(true) {
            party.compute.act(id, Action::ForceDelete).await?;
        }
        if server.status == Status::Error && server.task_state.is_none() {
            if again.replace(true) {
                return Ok(Check::Never(server.fault_line()));
            }
            party.compute.delete_server(id).await?;
        }
        Ok::<_, RequestError>(Check::NotYet(server.state_line()))
    });
    Ok(gone.await?)
}

/// Calls off what can be called off, and waits until no migration of the instance is under way: no
/// record that is not final, and no task either, because the record comes after the task, and one
/// that says `error` may still change.
///
/// A migration may be too young to be called off, so it is tried again in each state that it comes
/// to; otherwise a long one would have to be waited for.
async fn call_off_migrations(cloud: &Cloud, id: &ServerId) -> Result<(), Problem> {
    let tried = Cell::new(None);
    let what = format!("the migration of {id} to end");
    let compute = &cloud.operator.compute;
    let over = wait::until(&what, cloud.paces.migrate, || async {
        let server = match compute.server(id).await {
            Err(error) if error.is_not_found() => return Ok(Check::Met(())),
            server => server?,
        };
        let records = compute.migrations(&MigrationFilter::server(id)).await?;
        for record in &records {
            if let Some(uuid) = &record.uuid {
                cloud.consumers.note(uuid, format!("migration record {} of {id}", record.id));
            }
        }
        if let Some(record) = records.into_iter().find(|record| !record.status.is_final()) {
            let state = Some((record.id, record.status.clone()));
            if tried.replace(state.clone()) != state {
                call_off(cloud, id, record.id).await?;
            }
            return Ok(Check::NotYet(record.state_line()));
        }
        Ok::<_, RequestError>(match server.task_state {
            Some(TaskState::Migrating) => Check::NotYet(server.state_line()),
            _ => Check::Met(()),
        })
    });
    Ok(over.await?)
}

/// Asks for a migration to be called off; a refusal is no error.
async fn call_off(
    cloud: &Cloud,
    id: &ServerId,
    number: MigrationNumber,
) -> Result<(), RequestError> {
    match cloud.operator.compute.abort_migration(id, number).await {
        Ok(_) => Ok(()),
        // Too early, too late, or not to be called off: what becomes of it shows which.
        Err(RequestError { kind: RequestErrorKind::Status { got: 400..=499, .. }, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
