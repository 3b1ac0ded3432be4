//! Instances and migration records as the waits look at them: one request for all who look.
//!
//! A single key is asked for by itself. Several are asked for by one list of what has changed since
//! the last, and the rest is remembered. What the list does not show is asked for by itself, so
//! that nothing is taken for gone because a list was late.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use crate::api::RequestError;
use crate::api::compute::{Compute, Migration, MigrationFilter, Server, ServerFilter, Status};
use crate::events::names::ServerId;
use crate::wait::Source;

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

/// What was seen, and from when on the next list is to show changes.
#[derive(Debug)]
struct Memory<T> {
    known: HashMap<ServerId, T>,
    since: Option<String>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), since: None }
    }
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
    memory: Mutex<Memory<Server>>,
}

impl Servers {
    /// Watches instances whose names begin with `prefix`.
    pub fn new(compute: Compute, prefix: String) -> Self {
        Self { compute, prefix, memory: Mutex::default() }
    }

    /// Lists what has changed and remembers it; a deleted instance is forgotten.
    async fn list(&self) -> Result<(), RequestError> {
        let filter = ServerFilter {
            changes_since: lock(&self.memory).since.clone(),
            ..ServerFilter::name(format!("^{}", self.prefix))
        };
        let servers = self.compute.servers(&filter).await?;
        let mut memory = lock(&self.memory);
        if let Some(since) = next_since(servers.iter().filter_map(|server| server.updated.as_ref()))
        {
            memory.since = Some(since);
        }
        for server in servers {
            if server.status == Status::Deleted {
                memory.known.remove(&server.id);
            } else {
                memory.known.insert(server.id.clone(), server);
            }
        }
        Ok(())
    }

    async fn show(&self, id: &ServerId) -> Result<Option<Server>, RequestError> {
        match self.compute.server(id).await {
            Ok(server) => Ok(Some(server)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
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

    async fn look(&self, ids: &[ServerId]) -> Result<HashMap<ServerId, Server>, RequestError> {
        if ids.len() > 1 {
            self.list().await?;
        }
        let mut seen: HashMap<ServerId, Server> = match ids {
            [_] => HashMap::new(),
            ids => {
                let memory = lock(&self.memory);
                let known =
                    |id: &ServerId| memory.known.get(id).map(|server| (id.clone(), server.clone()));
                ids.iter().filter_map(known).collect()
            }
        };
        let missing: Vec<&ServerId> = ids.iter().filter(|id| !seen.contains_key(id)).collect();
        let shown = try_join_all(missing.into_iter().map(|id| self.show(id))).await?;
        seen.extend(shown.into_iter().flatten().map(|server| (server.id.clone(), server)));
        Ok(seen)
    }
}

/// The migration records of a run's instances, as an operator sees them.
#[derive(Debug)]
pub struct Migrations {
    compute: Compute,
    memory: Mutex<Memory<Vec<Migration>>>,
}

impl Migrations {
    /// Watches the records of any instances.
    pub fn new(compute: Compute) -> Self {
        Self { compute, memory: Mutex::default() }
    }

    async fn of(&self, id: &ServerId) -> Result<Vec<Migration>, RequestError> {
        self.compute.migrations(&MigrationFilter::server(id)).await
    }

    /// Lists the records that have changed and remembers those of known instances.
    async fn list(&self, since: String) -> Result<(), RequestError> {
        let filter = MigrationFilter { changes_since: Some(since), ..MigrationFilter::default() };
        let changed = self.compute.migrations(&filter).await?;
        let mut memory = lock(&self.memory);
        let times = changed
            .iter()
            .filter_map(|record| record.updated_at.as_ref().or(record.created_at.as_ref()));
        if let Some(since) = next_since(times) {
            memory.since = Some(since);
        }
        for record in changed {
            let Some(records) = memory.known.get_mut(&record.instance_uuid) else { continue };
            records.retain(|known| known.id != record.id);
            records.push(record);
        }
        Ok(())
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

    async fn look(
        &self,
        ids: &[ServerId],
    ) -> Result<HashMap<ServerId, Vec<Migration>>, RequestError> {
        let since = lock(&self.memory).since.clone();
        // Before 2.59 there is no list of changes; each instance is asked for by itself.
        let listed = match since {
            Some(since)
                if ids.len() > 1 && self.compute.version().await? >= MigrationFilter::PAGES =>
            {
                self.list(since).await?;
                true
            }
            _ => false,
        };
        let mut seen = HashMap::new();
        if listed {
            let memory = lock(&self.memory);
            seen.extend(
                ids.iter().filter_map(|id| Some((id.clone(), memory.known.get(id)?.clone()))),
            );
        }
        let missing = ids.iter().filter(|id| !seen.contains_key(id)).cloned();
        let asked: Vec<ServerId> = missing.collect();
        let records = try_join_all(asked.iter().map(|id| self.of(id))).await?;
        let mut memory = lock(&self.memory);
        for (id, records) in asked.into_iter().zip(records) {
            let times = records.iter().filter_map(|record| record.created_at.as_ref());
            // The list has to reach back to the first look at any of them.
            memory.since = memory.since.take().or_else(|| next_since(times));
            memory.known.insert(id.clone(), records.clone());
            seen.insert(id, records);
        }
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
