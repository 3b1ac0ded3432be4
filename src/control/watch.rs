//! Instances and migration records as the waits look at them: one request for all who look.
//!
//! A single instance is asked for by itself. Several are asked for by one list of what has changed
//! since the last, and the rest is remembered, but never for long: a list of changes does not show
//! all of them. A deleted server keeps the time of its last change, and a migration record has none
//! until it is first changed (Nova compares `updated_at`, which is null until then). What no list
//! shows is asked for by itself.
//!
//! So this is for waits, which look again. A judgement asks directly: [`super::census`].

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;

use super::census::{Moved, at, before, records};
use crate::api::RequestError;
use crate::api::compute::{
    Compute, Migration, MigrationFilter, MigrationStatus, Server, ServerFilter, Status,
};
use crate::events::names::ServerId;
use crate::wait::{Look, Looks, Source};

/// How long something may be remembered without being shown again.
const REMEMBERED: Duration = Duration::from_secs(10);

/// The time from which on the next list is to show changes.
fn next_since<'a>(times: impl Iterator<Item = &'a String>) -> Option<String> {
    times.filter_map(|time| at(time)).max().map(before)
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
    /// Those that a list showed as deleted; no id is given twice.
    gone: HashSet<ServerId>,
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
                memory.gone.insert(server.id);
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

    async fn look(&self, ids: &[ServerId]) -> Result<Look<Self>, RequestError> {
        let mut seen = Looks::<Self>::new();
        let mut missing: Vec<&ServerId> = ids.iter().collect();
        if ids.len() > 1 {
            self.list().await?;
            let memory = lock(&self.memory);
            let known = ids.iter().filter_map(|id| memory.known.get(id));
            seen.extend(known.map(|server| (server.id.clone(), Ok(server.clone()))));
            missing.retain(|id| !memory.known.contains_key(*id) && !memory.gone.contains(*id));
        }
        let missing = missing.into_iter();
        let shown = join_all(missing.map(|id| self.show(id))).await;
        seen.extend(shown.into_iter().flatten());
        Ok(Look { seen, lists: u32::from(ids.len() > 1) })
    }
}

/// Whose migration records are watched, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Records {
    /// Whose.
    pub of: Moved,
    /// Whether it is for a record that nobody has seen yet.
    pub new: bool,
}

/// The migration records of a run's instances, as an operator sees them.
#[derive(Debug)]
pub struct Migrations {
    compute: Compute,
    memory: Mutex<MigrationMemory>,
}

#[derive(Debug, Default)]
struct MigrationMemory {
    /// The records of an instance, and when all of them were last asked for.
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

    /// The records of an instance, if they are known and not only remembered.
    fn fresh(&self, id: &ServerId) -> Option<&Vec<Migration>> {
        let (records, asked) = self.known.get(id)?;
        (asked.elapsed() < REMEMBERED).then_some(records)
    }
}

impl Migrations {
    /// Watches the records of any instances.
    pub fn new(compute: Compute) -> Self {
        Self { compute, memory: Mutex::default() }
    }

    /// Lists the records that have changed; with `new` also those that never have, which no list of
    /// changes shows: they are `accepted`. Says how many lists that took.
    async fn list(&self, since: String, new: bool) -> Result<u32, RequestError> {
        // The new ones first: one that changes in between is then in the other list.
        let accepted = match new {
            true => {
                self.compute.migrations(&MigrationFilter::status(MigrationStatus::Accepted)).await?
            }
            false => Vec::new(),
        };
        let changed = MigrationFilter { changes_since: Some(since), ..MigrationFilter::default() };
        let changed = self.compute.migrations(&changed).await?;
        let mut memory = lock(&self.memory);
        memory.take(accepted);
        memory.take(changed);
        Ok(1 + u32::from(new))
    }

    /// Asks for all records of these, and remembers them.
    async fn ask(&self, of: &[&Moved]) -> (u32, Looked) {
        let began = Instant::now();
        let (lists, answers) = records(&self.compute, of).await;
        let mut memory = lock(&self.memory);
        for (id, answer) in &answers {
            if let Ok(records) = answer {
                memory.known.insert(id.clone(), (Vec::new(), began));
                memory.take(records.clone());
            }
        }
        (lists, answers)
    }
}

type Looked = HashMap<ServerId, Result<Vec<Migration>, RequestError>>;

#[async_trait]
impl Source for Migrations {
    type Key = Records;
    /// In no order.
    type Seen = Vec<Migration>;
    type Error = RequestError;

    async fn look(&self, keys: &[Records]) -> Result<Look<Self>, RequestError> {
        let mut lists = 0;
        let mut looked = Looked::new();
        let since = lock(&self.memory).since.clone();
        // Before 2.59 there is no list of changes; each instance is asked for by itself.
        if let Some(since) = since.filter(|_| keys.len() > 1)
            && self.compute.version().await? >= MigrationFilter::PAGES
        {
            lists += self.list(since, keys.iter().any(|key| key.new)).await?;
            let memory = lock(&self.memory);
            looked.extend(keys.iter().filter_map(|key| {
                let id = &key.of.id;
                Some((id.clone(), Ok(memory.fresh(id)?.clone())))
            }));
        }
        let unknown: Vec<&Moved> =
            keys.iter().map(|key| &key.of).filter(|of| !looked.contains_key(&of.id)).collect();
        if !unknown.is_empty() {
            let (more, asked) = self.ask(&unknown).await;
            lists += more;
            looked.extend(asked);
        }
        let of = |key: &Records| Some((key.clone(), looked.get(&key.of.id)?.clone()));
        let seen: Looks<Self> = keys.iter().filter_map(of).collect();
        Ok(Look { seen, lists })
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
}
