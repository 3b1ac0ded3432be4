//! Instances and migration records as judgements look at them: by requests of their own that begin
//! after the call. Few are asked for one by one; many by one list, which costs a request for each
//! thousand.

use std::collections::{HashMap, HashSet};

use futures_util::future::{join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};

use super::Cloud;
use crate::api::RequestError;
use crate::api::compute::{
    Compute, Migration, MigrationFilter, MigrationStatus, Server, ServerFilter,
};
use crate::events::names::ServerId;
use crate::journal::Account;

/// As many are asked for one by one, all at the same time.
const FEW: usize = 8;

/// How far a list of changes reaches back before a time that the cloud told: the clocks of its
/// services differ, and its times are whole seconds.
const OVERLAP: SignedDuration = SignedDuration::from_secs(5);

/// An instance that may have moved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Moved {
    /// Its id.
    pub id: ServerId,
    /// When it was made, as the cloud writes it; no record of it is older.
    pub created: Option<String>,
}

impl From<&Server> for Moved {
    fn from(server: &Server) -> Self {
        Self { id: server.id.clone(), created: server.created.clone() }
    }
}

/// Reads a time of the compute API, with or without the `Z` that some of its parts leave out.
pub(super) fn at(time: &str) -> Option<Timestamp> {
    time.parse().ok().or_else(|| format!("{time}Z").parse().ok())
}

/// The time from which on a list is to reach, so that it misses nothing since `time`.
pub(super) fn before(time: Timestamp) -> String {
    (time - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// All records of each of `of`, and how many lists that took.
pub(super) async fn records(
    compute: &Compute,
    of: &[&Moved],
) -> (u32, HashMap<ServerId, Result<Vec<Migration>, RequestError>>) {
    let since: Option<Vec<Timestamp>> =
        of.iter().map(|of| of.created.as_deref().and_then(at)).collect();
    let first = since.and_then(|times| times.into_iter().min()).filter(|_| of.len() > FEW);
    let listed = match first {
        Some(first) => all_since(compute, before(first)).await.transpose(),
        None => None,
    };
    match listed {
        Some(Ok(listed)) => (3, by_instance(of, listed)),
        Some(Err(error)) => (3, of.iter().map(|of| (of.id.clone(), Err(error.clone()))).collect()),
        None => {
            let asked = of.iter().map(async |of| {
                (of.id.clone(), compute.migrations(&MigrationFilter::server(&of.id)).await)
            });
            (
                u32::try_from(of.len()).unwrap_or(u32::MAX),
                join_all(asked).await.into_iter().collect(),
            )
        }
    }
}

/// Every record that has changed since, and every one that never has; `None` before 2.59, where
/// there is no such list.
async fn all_since(
    compute: &Compute,
    since: String,
) -> Result<Option<Vec<Migration>>, RequestError> {
    if compute.version().await? < MigrationFilter::PAGES {
        return Ok(None);
    }
    // The new ones first: one that changes in between is then in the other list.
    let mut listed = Vec::new();
    for status in [MigrationStatus::Accepted, MigrationStatus::PreMigrating] {
        listed.extend(compute.migrations(&MigrationFilter::status(status)).await?);
    }
    let changed = MigrationFilter { changes_since: Some(since), ..MigrationFilter::default() };
    listed.extend(compute.migrations(&changed).await?);
    Ok(Some(listed))
}

/// Sorts a list, in which the later of two of the same number counts.
fn by_instance(
    of: &[&Moved],
    listed: Vec<Migration>,
) -> HashMap<ServerId, Result<Vec<Migration>, RequestError>> {
    let mut sorted: HashMap<ServerId, Vec<Migration>> =
        of.iter().map(|of| (of.id.clone(), Vec::new())).collect();
    for record in listed {
        if let Some(records) = sorted.get_mut(&record.instance_uuid) {
            records.retain(|known| known.id != record.id);
            records.push(record);
        }
    }
    sorted.into_iter().map(|(id, records)| (id, Ok(records))).collect()
}

impl Cloud {
    /// The instances of this scenario among `ids` that there are, as `account` sees them.
    ///
    /// # Errors
    ///
    /// Those of a request; [`super::NoMember`] is no error here: without a member there are none.
    pub async fn servers_now(
        &self,
        account: Account,
        ids: &[&ServerId],
    ) -> Result<HashMap<ServerId, Server>, RequestError> {
        let Ok(party) = self.party(account) else { return Ok(HashMap::new()) };
        let mut seen = HashMap::new();
        if ids.len() > FEW {
            // An operator sees those of the member's project too.
            let all_projects = account == Account::Operator && self.member.is_some();
            let name = ServerFilter::name(format!("^{}", self.prefix()));
            let listed = party.compute.servers(&ServerFilter { all_projects, ..name }).await;
            let listed = match listed {
                // Who may see any of them may not be allowed to list those of all projects.
                Err(error) if error.status() == Some(403) => Vec::new(),
                listed => listed?,
            };
            let wanted: HashSet<&ServerId> = ids.iter().copied().collect();
            let listed = listed.into_iter().filter(|server| wanted.contains(&server.id));
            seen.extend(listed.map(|server| (server.id.clone(), server)));
        }
        let missing = ids.iter().filter(|id| !seen.contains_key(**id));
        let shown = missing.map(async |id| match party.compute.server(id).await {
            Err(error) if error.is_not_found() => Ok(None),
            seen => seen.map(Some),
        });
        let shown = try_join_all(shown).await?.into_iter().flatten();
        seen.extend(shown.map(|server| (server.id.clone(), server)));
        Ok(seen)
    }

    /// All migration records of each instance, as the operator sees them.
    ///
    /// # Errors
    ///
    /// Those of a request.
    pub async fn records_now(
        &self,
        of: &[Moved],
    ) -> Result<HashMap<ServerId, Vec<Migration>>, RequestError> {
        let of: Vec<&Moved> = of.iter().collect();
        let (_, answers) = records(&self.operator.compute, &of).await;
        answers.into_iter().map(|(id, records)| Ok((id, records?))).collect()
    }
}
