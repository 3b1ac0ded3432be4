//! Booting instances, by one request or by several, and waiting until they run.

use std::collections::BTreeMap;

use crate::api::compute::{Action, CreateServers, Created, Server, ServerFilter, Status};
use crate::api::{Outcome, RequestError};
use crate::control::{Cloud, Party};
use crate::events::names::{InstanceName, ReservationId};
use crate::events::stream;
use crate::events::words::many;
use crate::journal::{Account, Entry};
use crate::wait::{self, Check, WaitError};

use super::{Instance, Problem};

/// The key of the metadata that says which run made an instance; the value is the run's id.
pub const RUN_KEY: &str = "whimbrel-run";

/// Boots `count` instances by one request and finds them by their reservation: `name` itself, or
/// `name-1`, `name-2`, … if `count` is more than one. Does not wait until they run.
///
/// `Ok` means that the cloud shows all of them. A request whose outcome is not known is not sent
/// again before a look by its name has shown that it made nothing.
///
/// # Errors
///
/// - [`Problem::Request`] if the cloud refuses or can't be asked.
/// - [`Problem::Wait`] if the instances are not shown within the pace `record`.
/// - [`Problem::Journal`] if the journal can't be written; then nothing was asked for.
///
/// Source: API reference, "Create Multiple Servers"; microversion 2.37 for `networks: none` and `auto`.
pub async fn together(
    cloud: &Cloud,
    account: Account,
    name: &InstanceName,
    count: u32,
) -> Result<Vec<Instance>, Problem> {
    let party = cloud.party(account)?;
    let mut last = None;
    for attempt in 0..cloud.requests.retry.compute.attempts {
        let unique = cloud.unique_name(name, attempt);
        let (owned, by) = (cloud.clone(), party.clone());
        let request = async move {
            let made = request(&owned, &by, &unique, count).await;
            (unique, made)
        };
        let (unique, made) = cloud.pending.carry_out(request).await;
        match made {
            Ok(found) => return named(name, account, &unique, count, found),
            Err(Made::Nothing(error)) => {
                stream::log(format!("a create request came to nothing and is sent again: {error}"));
                last = Some(error);
            }
            Err(Made::Problem(problem)) => return Err(problem),
        }
    }
    Err(last.expect("there is at least one attempt").into())
}

/// What a create request that was not accepted made.
enum Made {
    /// Surely nothing, though the cloud did not refuse it.
    Nothing(RequestError),
    /// It was refused, or what it made can't be found out.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Made {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

async fn request(
    cloud: &Cloud,
    party: &Party,
    unique: &str,
    count: u32,
) -> Result<Vec<Server>, Made> {
    let boot = party.boot().await?;
    let entry = Entry::Creating { account: party.account, name: unique.to_owned() };
    cloud.journal.write(entry)?;
    let metadata = BTreeMap::from([(RUN_KEY.to_owned(), cloud.journal.run().to_string())]);
    let wanted = CreateServers {
        name: unique.to_owned(),
        image: boot.image.id.clone(),
        flavor: boot.flavor.id.clone(),
        min_count: Some(count),
        networks: boot.networks.clone(),
        availability_zone: boot.zone.clone(),
        metadata,
        return_reservation_id: true,
        ..CreateServers::default()
    };
    let found = match party.compute.create_servers(&wanted).await {
        Ok(Created::Reservation(id)) => {
            found_by(cloud, party, Found::Reservation(id), count).await?
        }
        Ok(Created::Server(_)) => {
            found_by(cloud, party, Found::Name(unique.to_owned()), count).await?
        }
        Err(error) if error.outcome() == Outcome::Unknown => {
            match found_by(cloud, party, Found::Name(unique.to_owned()), count).await {
                Ok(found) => found,
                Err(Problem::Wait(WaitError::TimedOut { .. }))
                    if nothing_is_named(party, unique).await? =>
                {
                    return Err(Made::Nothing(error));
                }
                Err(problem) => return Err(Made::Problem(problem)),
            }
        }
        Err(error) => {
            // Surely nothing was made, so clean-up need not look for it.
            cloud.journal.write(Entry::Removed { name: unique.to_owned() })?;
            return Err(error.into());
        }
    };
    for server in &found {
        cloud.consumers.note(&server.id, &server.name);
        cloud.journal.write(Entry::Created { name: unique.to_owned(), id: server.id.clone() })?;
    }
    Ok(found)
}

/// By what the instances of a request are found.
enum Found {
    Reservation(ReservationId),
    Name(String),
}

impl Found {
    fn filter(&self) -> ServerFilter {
        match self {
            Self::Reservation(id) => ServerFilter::reservation(id),
            Self::Name(name) => named_for(name),
        }
    }
}

/// Looks until all `count` instances of a request are shown.
async fn found_by(
    cloud: &Cloud,
    party: &Party,
    by: Found,
    count: u32,
) -> Result<Vec<Server>, Problem> {
    let what = match &by {
        Found::Reservation(id) => {
            let instances = many(count as usize, "instance");
            format!("the {instances} of reservation {id} to be shown")
        }
        Found::Name(name) => format!("instances named {name} to be shown"),
    };
    let filter = by.filter();
    let found = wait::until(&what, cloud.paces.record, || async {
        let found = party.compute.servers(&filter).await?;
        Ok::<_, RequestError>(match u32::try_from(found.len()).unwrap_or(u32::MAX) {
            seen if seen == count => Check::Met(found),
            seen if seen > count => Check::Never(format!("there are {seen} of them")),
            seen => Check::NotYet(format!("{seen} of them")),
        })
    });
    Ok(found.await?)
}

/// The instances of the request that carried this name: itself, or with a number behind it.
pub(super) fn named_for(name: &str) -> ServerFilter {
    ServerFilter::name(format!("^{name}(-[0-9]+)?$"))
}

async fn nothing_is_named(party: &Party, name: &str) -> Result<bool, RequestError> {
    Ok(party.compute.servers(&named_for(name)).await?.is_empty())
}

/// Gives each instance the name by which the scenario knows it, in order.
fn named(
    name: &InstanceName,
    account: Account,
    unique: &str,
    count: u32,
    found: Vec<Server>,
) -> Result<Vec<Instance>, Problem> {
    let wanted: Vec<(InstanceName, String)> = match count {
        1 => vec![(name.clone(), unique.to_owned())],
        count => InstanceName::numbered(name, count)
            .enumerate()
            .map(|(index, name)| (name, format!("{unique}-{}", index + 1)))
            .collect(),
    };
    let mut found: BTreeMap<String, Server> =
        found.into_iter().map(|server| (server.name.clone(), server)).collect();
    let instances = wanted.into_iter().map(|(name, given)| {
        let server = found.remove(&given);
        let missing = || Problem::seen(format!("no instance of the request is named {given}"));
        Ok(Instance::new(name, account, server.ok_or_else(missing)?, count))
    });
    instances.collect()
}

/// Waits until `instance` is ACTIVE and has no task left.
///
/// # Errors
///
/// [`Problem::Wait`] if it is in ERROR, gone, or not ACTIVE within the pace `boot`.
pub async fn until_running(cloud: &Cloud, instance: &Instance) -> Result<Server, Problem> {
    let what = format!("instance {} to be running", instance.name);
    until_settled(cloud, instance, &what, Status::Active).await
}

/// Pauses `instance` and waits until it is.
///
/// # Errors
///
/// If the cloud refuses, or the instance is not PAUSED within the pace `boot`.
pub async fn pause(cloud: &Cloud, instance: &Instance) -> Result<(), Problem> {
    cloud.party(instance.account)?.compute.act(&instance.id, Action::Pause).await?;
    let what = format!("instance {} to be paused", instance.name);
    until_settled(cloud, instance, &what, Status::Paused).await?;
    Ok(())
}

async fn until_settled(
    cloud: &Cloud,
    instance: &Instance,
    what: &str,
    wanted: Status,
) -> Result<Server, Problem> {
    let watcher = &cloud.party(instance.account)?.servers.watch(instance.id.clone());
    let wanted = &wanted;
    let settled = wait::follow(what, cloud.paces.boot, |within| async move {
        Ok::<_, RequestError>(match watcher.look(within).await? {
            None => Check::Never("it is gone".to_owned()),
            Some(server) if server.status == *wanted && server.task_state.is_none() => {
                Check::Met(server)
            }
            Some(server) if server.status == Status::Error => Check::Never(server.fault_line()),
            Some(server) => Check::NotYet(server.state_line()),
        })
    });
    Ok(settled.await?)
}
