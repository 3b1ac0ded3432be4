//! What is asked of the cloud after every scenario, without anybody having said so.
//!
//! *Books*, before clean-up: nothing is left in flight, and what is allocated matches what runs
//! where. *Leftovers*, after clean-up: nothing of the scenario remains. Allocations are read per
//! resource provider, because a leak stands where nobody looks for it. On a cloud that others use
//! too, only what our ids explain is judged.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{StreamExt, TryStreamExt, iter};

use crate::api::compute::{Migration, Server, ServerFilter};
use crate::api::placement::ResourceProvider;
use crate::api::{RequestError, network, placement};
use crate::control::{Cloud, Moved, Party, has_placement};
use crate::events::names::ServerId;
use crate::events::stream;
use crate::journal::Account;
use crate::wait::{self, Check, WaitError};

use super::{Instance, Problem, live_migration};

/// A consumer's allocations: the names of the providers that it has something of.
type Allocated = BTreeMap<String, BTreeSet<String>>;

/// Judges the books of the scenario's `instances`, within the pace `settle`.
///
/// # Errors
///
/// [`Problem::Seen`] with every finding that does not go away.
pub async fn books<'a>(
    cloud: &Cloud,
    instances: impl Iterator<Item = &'a Instance>,
) -> Result<(), Problem> {
    let instances: Vec<&Instance> = instances.collect();
    if instances.is_empty() {
        return Ok(());
    }
    settled(cloud, "the books to agree with what runs where", async || {
        findings(cloud, &instances).await
    })
    .await
}

/// Looks until there are no findings, and fails with the last ones.
async fn settled(
    cloud: &Cloud,
    what: &str,
    look: impl AsyncFn() -> Result<Vec<String>, RequestError>,
) -> Result<(), Problem> {
    let waited = wait::until(what, cloud.paces.settle, || async {
        let findings = look().await?;
        Ok(if findings.is_empty() { Check::Met(()) } else { Check::NotYet(findings.join("; ")) })
    });
    match waited.await {
        Ok(()) => Ok(()),
        Err(WaitError::TimedOut { seen, after, .. }) if !seen.is_empty() => {
            let last = seen.last().map_or("", |last| &last.state);
            Err(Problem::seen(format!("{last} (still so after {after:?})")))
        }
        Err(other) => Err(other.into()),
    }
}

/// An instance as it is now, with its migration records.
struct Now<'a> {
    instance: &'a Instance,
    server: Server,
    records: Vec<Migration>,
}

async fn findings(cloud: &Cloud, instances: &[&Instance]) -> Result<Vec<String>, RequestError> {
    let mut findings = Vec::new();
    let present = Box::pin(now(cloud, instances, &mut findings)).await?;
    findings.extend(present.iter().flat_map(in_flight));
    if has_placement(&cloud.operator).await? {
        let allocated = allocations(cloud).await?;
        findings.extend(present.iter().flat_map(|now| misallocated(now, &allocated)));
    } else {
        stream::log("allocations are not judged: this cloud's catalog has no placement service");
    }
    findings.extend(misbound(cloud, &present).await?);
    Ok(findings)
}

/// Looks at instances and their records, by requests of its own; one that is gone is a finding. The
/// operator sees where a member's instance is; the member does not.
async fn now<'a>(
    cloud: &Cloud,
    instances: &[&'a Instance],
    findings: &mut Vec<String>,
) -> Result<Vec<Now<'a>>, RequestError> {
    let ids: Vec<&ServerId> = instances.iter().map(|instance| &instance.id).collect();
    let mut servers = cloud.servers_now(Account::Operator, &ids).await?;
    let moved: Vec<Moved> = servers.values().map(Moved::from).collect();
    let mut records = cloud.records_now(&moved).await?;
    let mut present = Vec::new();
    for instance in instances {
        let Some(server) = servers.remove(&instance.id) else {
            if instance.deleted {
                continue;
            }
            findings.push(format!("{} is gone, and nobody deleted it", instance.name));
            continue;
        };
        let records = records.remove(&instance.id).unwrap_or_default();
        for record in &records {
            live_migration::note_consumer(cloud, instance, record);
        }
        present.push(Now { instance, server, records });
    }
    Ok(present)
}

/// Tasks and migrations of an instance that are not over.
fn in_flight(now: &Now<'_>) -> Vec<String> {
    let name = &now.instance.name;
    let task =
        now.server.task_state.as_ref().map(|task| format!("{name} still has the task {task}"));
    let records = now.records.iter().filter(|record| !record.status.is_final());
    let records = records.map(|record| {
        format!("migration record {} of {name} is still {}", record.id, record.status)
    });
    task.into_iter().chain(records).collect()
}

/// How many providers are asked for at the same time.
const AT_ONCE: usize = 8;

/// Who has something of which compute. What is had of a part of a compute (a child provider) is had
/// of the compute.
async fn allocations(cloud: &Cloud) -> Result<Allocated, RequestError> {
    let session = cloud.operator.compute.session();
    let providers = placement::resource_providers(session).await?;
    let by_uuid: BTreeMap<&str, &ResourceProvider> =
        providers.iter().map(|provider| (provider.uuid.as_str(), provider)).collect();
    let compute_of = |provider: &ResourceProvider| {
        let mut root = provider;
        while let Some(parent) = root.parent_provider_uuid.as_deref().and_then(|up| by_uuid.get(up))
        {
            root = parent;
        }
        root.name.clone()
    };
    let asked = iter(&providers).map(async |provider| {
        let consumers = placement::allocations_on(session, &provider.uuid).await?.into_keys();
        Ok::<_, RequestError>((compute_of(provider), consumers.collect::<Vec<_>>()))
    });
    let answers: Vec<(String, Vec<String>)> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut allocated = Allocated::new();
    for (compute, consumers) in answers {
        for consumer in consumers {
            allocated.entry(consumer).or_default().insert(compute.clone());
        }
    }
    Ok(allocated)
}

/// What an instance and its migrations have, where it is not what they should have.
fn misallocated(now: &Now<'_>, allocated: &Allocated) -> Vec<String> {
    let name = &now.instance.name;
    let has = allocated.get(now.server.id.as_str()).cloned().unwrap_or_default();
    let should: BTreeSet<String> = now.server.hypervisor_hostname.clone().into_iter().collect();
    let mut findings = Vec::new();
    if has != should {
        findings.push(format!(
            "{name} runs on {} but is charged on {}",
            listed(&should),
            listed(&has)
        ));
    }
    for record in &now.records {
        let held = record.uuid.as_ref().and_then(|uuid| allocated.get(uuid.as_str()));
        if let Some(held) = held {
            findings.push(format!(
                "{} is still charged for migration record {} of {name}",
                listed(held),
                record.id
            ));
        }
    }
    findings
}

fn listed(providers: &BTreeSet<String>) -> String {
    match providers.is_empty() {
        true => "no compute".to_owned(),
        false => providers.iter().map(String::as_str).collect::<Vec<_>>().join(" and "),
    }
}

/// Ports that are bound to another compute than their instance runs on.
async fn misbound(cloud: &Cloud, present: &[Now<'_>]) -> Result<Vec<String>, RequestError> {
    let connected: BTreeMap<&str, &Now<'_>> = present
        .iter()
        .filter(|now| now.server.has_addresses())
        .map(|now| (now.server.id.as_str(), now))
        .collect();
    let ids: Vec<&ServerId> = connected.values().map(|now| &now.server.id).collect();
    let ports = network::ports_of(cloud.operator.compute.session(), &ids).await?;
    let on = |host: &Option<_>| host.as_ref().map_or("no compute".to_owned(), ToString::to_string);
    let findings = ports.iter().filter_map(|port| {
        let now = connected.get(port.device_id.as_str())?;
        let (name, host) = (&now.instance.name, &now.server.host);
        (port.host != *host).then(|| {
            let (bound, runs) = (on(&port.host), on(host));
            format!("port {} of {name} is bound to {bound}, but {name} runs on {runs}", port.id)
        })
    });
    Ok(findings.collect())
}

/// Ports that their instances have left behind. Looked for where an instance was booted with a
/// network, though it may have failed before it had an address, or where somebody gave it one.
async fn left_ports(cloud: &Cloud, instances: &[&Instance]) -> Result<Vec<String>, RequestError> {
    let connects = |account| cloud.party(account).is_ok_and(Party::connects);
    let connected: BTreeMap<&str, &Instance> = instances
        .iter()
        .filter(|instance| instance.noted.has_addresses() || connects(instance.account))
        .map(|instance| (instance.id.as_str(), *instance))
        .collect();
    let ids: Vec<&ServerId> = connected.values().map(|instance| &instance.id).collect();
    let ports = network::ports_of(cloud.operator.compute.session(), &ids).await?;
    let left = ports.iter().filter_map(|port| {
        let name = &connected.get(port.device_id.as_str())?.name;
        Some(format!("port {} of {name} is left", port.id))
    });
    Ok(left.collect())
}

/// Demands that nothing of the scenario is left, within the pace `settle`: no instance of any of
/// its names, no port, and no allocation of its instances or migrations; on a cloud of its own, no
/// allocation at all.
///
/// # Errors
///
/// [`Problem::Seen`] with everything that is left.
pub async fn leftovers<'a>(
    cloud: &Cloud,
    instances: impl Iterator<Item = &'a Instance>,
) -> Result<(), Problem> {
    let instances: Vec<&Instance> = instances.collect();
    let ours = cloud.consumers.all();
    settled(cloud, "nothing to be left", async || {
        let mut left = Vec::new();
        for party in cloud.parties() {
            let named =
                party.compute.servers(&ServerFilter::name(format!("^{}", cloud.prefix()))).await?;
            left.extend(named.iter().map(|server| {
                format!("instance {} ({}) is left, {}", server.name, server.id, server.state_line())
            }));
        }
        if !ours.is_empty() && has_placement(&cloud.operator).await? {
            let allocated = allocations(cloud).await?;
            left.extend(allocated.iter().filter_map(|(consumer, providers)| {
                left_allocation(cloud, &ours, consumer, providers)
            }));
        }
        left.extend(left_ports(cloud, &instances).await?);
        Ok(left)
    })
    .await
}

fn left_allocation(
    cloud: &Cloud,
    ours: &BTreeMap<String, String>,
    consumer: &str,
    providers: &BTreeSet<String>,
) -> Option<String> {
    let place = listed(providers);
    match ours.get(consumer) {
        Some(name) => Some(format!("{place} is still charged for {name}, which is deleted")),
        None if cloud.facts.shared => None,
        None => Some(format!("{place} is still charged for {consumer}, which is no instance")),
    }
}
