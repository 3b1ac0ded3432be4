//! Undoing what a scenario, or a run that was killed, has made and changed.

use std::cell::Cell;

use futures_util::future::join_all;

use crate::api::compute::Server;
use crate::api::{RequestError, RequestErrorKind};
use crate::control::{Cloud, Party};
use crate::events::names::{MigrationNumber, ServerId};
use crate::journal::{Account, Entry, Unsettled};
use crate::wait::{self, Check};

use super::boot::{RUN_KEY, named_for};
use super::{Problem, computes};

/// Things that could not be undone; the journal keeps them.
#[derive(Debug, thiserror::Error)]
#[error("left behind: {}", lines.join("; "))]
pub struct LeftBehind {
    /// What, and why, one line each.
    pub lines: Vec<String>,
}

/// Undoes everything of `unsettled`: computes are put back, then instances are removed. One that
/// can't be undone does not keep the others from it.
///
/// An instance is found by its name and taken for ours only if its metadata names the run too. A
/// migration that is under way is called off first, because deleting a server in the middle of one
/// leaves allocations behind.
///
/// # Errors
///
/// [`LeftBehind`] with all that could not be undone.
pub async fn undo(cloud: &Cloud, unsettled: &Unsettled) -> Result<(), LeftBehind> {
    let mut lines = Vec::new();
    for (compute, before) in &unsettled.computes {
        if let Err(problem) = computes::restore(cloud, compute, before).await {
            lines.push(format!("the service of {compute}: {}", told(&problem)));
        }
    }
    let removals = unsettled.instances.iter().map(async |(account, name, ids)| {
        remove(cloud, *account, name, ids)
            .await
            .map_err(|problem| format!("instances named {name}: {}", told(&problem)))
    });
    lines.extend(join_all(removals).await.into_iter().filter_map(Result::err));
    if lines.is_empty() { Ok(()) } else { Err(LeftBehind { lines }) }
}

/// An error with what it came from, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}

/// Removes every instance that one request made, and waits until none is left.
async fn remove(
    cloud: &Cloud,
    account: Account,
    name: &str,
    ids: &[ServerId],
) -> Result<(), Problem> {
    let party = cloud.party(account)?;
    let found = ours(cloud, party, name).await?;
    let gone = join_all(found.iter().map(|server| delete(cloud, party, server))).await;
    gone.into_iter().collect::<Result<(), Problem>>()?;
    // A create whose answer was lost may still have made more; look until there is nothing.
    for id in ids.iter().filter(|id| found.iter().all(|server| server.id != **id)) {
        until_gone(cloud, party, id).await?;
    }
    Ok(cloud.journal.write(Entry::Removed { name: name.to_owned() })?)
}

/// The instances of that name that carry the run's metadata.
async fn ours(cloud: &Cloud, party: &Party, name: &str) -> Result<Vec<Server>, RequestError> {
    let run = cloud.journal.run().as_str();
    let named = party.compute.servers(&named_for(name)).await?;
    Ok(named
        .into_iter()
        .filter(|server| server.metadata.get(RUN_KEY).is_some_and(|of| of == run))
        .collect())
}

async fn delete(cloud: &Cloud, party: &Party, server: &Server) -> Result<(), Problem> {
    call_off_migrations(cloud, &server.id).await?;
    match party.compute.delete_server(&server.id).await {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => until_gone(cloud, party, &server.id).await,
    }
}

async fn until_gone(cloud: &Cloud, party: &Party, id: &ServerId) -> Result<(), Problem> {
    let watcher = party.servers.watch(id.clone());
    let what = format!("instance {id} to be gone");
    let gone = wait::until(&what, cloud.paces.delete, || async {
        Ok::<_, RequestError>(match watcher.look().await? {
            None => Check::Met(()),
            Some(server) => Check::NotYet(server.state_line()),
        })
    });
    Ok(gone.await?)
}

/// Calls off what can be called off, and waits until no migration of the instance is under way.
///
/// A migration may be too young to be called off, so it is tried again in each state that it comes
/// to; otherwise a long one would have to be waited for.
async fn call_off_migrations(cloud: &Cloud, id: &ServerId) -> Result<(), Problem> {
    let records = cloud.operator.migrations.watch(id.clone());
    let tried = Cell::new(None);
    let what = format!("the migration of {id} to end");
    let over = wait::until(&what, cloud.paces.migrate, || async {
        let records = records.look().await?.unwrap_or_default();
        let Some(record) = records.into_iter().find(|record| !record.status.is_final()) else {
            return Ok(Check::Met(()));
        };
        let state = Some((record.id, record.status.clone()));
        if tried.replace(state.clone()) != state {
            call_off(cloud, id, record.id).await?;
        }
        Ok::<_, RequestError>(Check::NotYet(record.state_line()))
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
