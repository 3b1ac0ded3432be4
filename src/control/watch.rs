//! Instances and migration records as the waits look at them: one request for all who look.
//!
//! A single key is asked for by itself. Several are asked for by one list of what has changed since
//! the last, and the rest is remembered, but never for long: a list of changes does not show all of
//! them. A deleted server keeps the time of its last change, and a migration record has none until
//! it is first changed (Nova compares `updated_at`, which is null until then). What no list shows is
//! asked for by itself.
//!
//! So this is for waits, which look again. A judgement asks directly.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::api::RequestError;
use crate::api::compute::{
    Compute, Migration, MigrationFilter, MigrationStatus, Server, ServerFilter, Status,
};
use crate::events::names::ServerId;
use crate::wait::{Looks, Source};

/// How long something may be remembered without being shown again.
const REMEMBERED: Duration = Duration::from_secs(10);

/// How far a list of changes reaches back before the newest change that was seen: the clocks of a
/// cloud's services differ, and its times are whole seconds.
const OVERLAP: SignedDuration = SignedDuration::from_secs(5);

/// A list a fifth of a second at most, however many watch; less than that for few.
fn spacing(watched: usize) -> Duration {
    Duration::from_millis(10)
        .saturating_mul(watched.try_into().unwrap_or(u32::MAX))
        .min(Duration::from_millis(200))
}

/// The time from which on the next list is to show changes.
fn next_since<'a>(times: impl Iterator<Item = &'a String>) -> Option<String> {
    let newest: Timestamp = times.filter_map(|time| parse_time(time)).max()?;
    Some((newest - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Reads a time of the compute API, with or without the `Z` that some of its parts leave out.
fn parse_time(time: &str) -> Option<Timestamp> {
    time.parse().ok().or_else(|| format!("{time}Z").parse().ok())
}

fn lock<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The instances of a run, as one account sees them.
#[derive(Debug)]
pub struct Servers {
    compute: Compute,
    /// What the names of the run's instances begin with.
    prefix: String,
    memory: Mutex<ServerMemory>,
}

#[derive(Debug, Default)]
struct ServerMemory {
    known: HashMap<ServerId, Server>,
    /// From when on the next list is to show changes.
    since: Option<String>,
    /// When all of them were last listed.
    whole: Option<Instant>,
}

impl Servers {
    /// Watches instances whose names begin with `prefix`.
    pub fn new(compute: Compute, prefix: String) -> Self {
        Self { compute, prefix, memory: Mutex::default() }
    }

    /// Lists what has changed, or after some time everything, and remembers it.
    async fn list(&self) -> Result<(), RequestError> {
        let began = Instant::now();
        let changes_since = {
            let memory = lock(&self.memory);
            let fresh = memory.whole.is_some_and(|whole| began - whole < REMEMBERED);
            memory.since.clone().filter(|_| fresh)
        };
        let whole = changes_since.is_none();
        let filter =
            ServerFilter { changes_since, ..ServerFilter::name(format!("^{}", self.prefix)) };
        let servers = self.compute.servers(&filter).await?;
        let mut memory = lock(&self.memory);
        if whole {
            memory.known.clear();
            memory.whole = Some(began);
        }
        let since = next_since(servers.iter().filter_map(|server| server.updated.as_ref()));
        memory.since = since.or(memory.since.take());
        for server in servers {
            if server.status == Status::Deleted {
                memory.known.remove(&server.id);
            } else {
                memory.known.insert(server.id.clone(), server);
            }
        }
        Ok(())
    }

    async fn show(&self, id: &ServerId) -> Option<(ServerId, Result<Server, RequestError>)> {
        match self.compute.server(id).await {
            Err(error) if error.is_not_found() => None,
            seen => Some((id.clone(), seen)),
        }
    }
}

#[async_trait]
impl Source for Servers {
    type Key = ServerId;
    type Seen = Server;
    type Error = RequestError;

    fn spacing(&self, watched: usize) -> Duration {
        spacing(watched)
    }

    async fn look(&self, ids: &[ServerId]) -> Result<Looks<Self>, RequestError> {
        let mut seen = Looks::<Self>::new();
        if ids.len() > 1 {
            self.list().await?;
            let memory = lock(&self.memory);
            let known = ids.iter().filter_map(|id| memory.known.get(id));
            seen.extend(known.map(|server| (server.id.clone(), Ok(server.clone()))));
        }
        let missing = ids.iter().filter(|id| !seen.contains_key(id));
        let shown = join_all(missing.map(|id| self.show(id))).await;
        seen.extend(shown.into_iter().flatten());
        Ok(seen)
    }
}

/// The migration records of a run's instances, as an operator sees them.
#[derive(Debug)]
pub struct Migrations {
    compute: Compute,
    memory: Mutex<MigrationMemory>,
}

#[derive(Debug, Default)]
struct MigrationMemory {
    /// The records of an instance, and when they were last asked for by themselves.
    known: HashMap<ServerId, (Vec<Migration>, Instant)>,
    since: Option<String>,
}

impl MigrationMemory {
    /// Takes records of known instances from a list; foreign ones are no concern of ours.
    fn take(&mut self, listed: Vec<Migration>) {
        for record in listed {
            let Some((records, _)) = self.known.get_mut(&record.instance_uuid) else { continue };
            let times = [record.updated_at.as_ref(), record.created_at.as_ref()];
            // Only what is ours moves the time: another's clock may be ahead.
            let since = next_since(times.into_iter().flatten());
            self.since = self.since.take().max(since);
            records.retain(|known| known.id != record.id);
            records.push(record);
        }
    }
}

impl Migrations {
    /// Watches the records of any instances.
    pub fn new(compute: Compute) -> Self {
        Self { compute, memory: Mutex::default() }
    }

    /// Lists the records that have changed, and those that never have: they are `accepted`.
    async fn list(&self, since: String) -> Result<(), RequestError> {
        let new = MigrationFilter {
            status: Some(MigrationStatus::Accepted),
            ..MigrationFilter::default()
        };
        let changed = MigrationFilter { changes_since: Some(since), ..MigrationFilter::default() };
        // The new ones first: one that changes in between is then in the other list.
        let new = self.compute.migrations(&new).await?;
        let changed = self.compute.migrations(&changed).await?;
        let mut memory = lock(&self.memory);
        memory.take(new);
        memory.take(changed);
        Ok(())
    }

    async fn ask(&self, id: &ServerId) -> (ServerId, Result<Vec<Migration>, RequestError>) {
        let records = self.compute.migrations(&MigrationFilter::server(id)).await;
        if let Ok(records) = &records {
            let mut memory = lock(&self.memory);
            memory.known.insert(id.clone(), (Vec::new(), Instant::now()));
            memory.take(records.clone());
        }
        (id.clone(), records)
    }
}

#[async_trait]
impl Source for Migrations {
    type Key = ServerId;
    /// In no order.
    type Seen = Vec<Migration>;
    type Error = RequestError;

    fn spacing(&self, watched: usize) -> Duration {
        spacing(watched)
    }

    async fn look(&self, ids: &[ServerId]) -> Result<Looks<Self>, RequestError> {
        let mut seen = Looks::<Self>::new();
        let since = lock(&self.memory).since.clone();
        // Before 2.59 there is no list of changes; each instance is asked for by itself.
        if let Some(since) = since.filter(|_| ids.len() > 1)
            && self.compute.version().await? >= MigrationFilter::PAGES
        {
            self.list(since).await?;
            let memory = lock(&self.memory);
            seen.extend(ids.iter().filter_map(|id| {
                let (records, asked) = memory.known.get(id)?;
                (asked.elapsed() < REMEMBERED).then(|| (id.clone(), Ok(records.clone())))
            }));
        }
        let missing = ids.iter().filter(|id| !seen.contains_key(id));
        let asked = join_all(missing.map(|id| self.ask(id))).await;
        seen.extend(asked);
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_list_reaches_back_before_the_newest_change() {
        let times = ["2026-11-23T10:00:07Z".to_owned(), "2026-11-23T10:00:03.000000".to_owned()];
        assert_eq!(next_since(times.iter()).as_deref(), Some("2026-11-23T10:00:02Z"));
        assert_eq!(next_since([].iter()), None);
    }

    #[test]
    fn few_are_looked_at_often_and_many_five_times_a_second() {
        assert_eq!(spacing(1), Duration::from_millis(10));
        assert_eq!(spacing(1000), Duration::from_millis(200));
    }
}
