//! Hypervisors and availability zones: how the computes look to operators.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Call, lists};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema;
use crate::sim::state::computes::Service;
use crate::sim::state::{Rule, State};

pub(super) fn hypervisors(state: &State, call: &Call<'_>, rest: &[&str]) -> Answer {
    if call.ask.method != "GET" {
        return Err(Fault::new(405, "The method specified is not allowed for this resource."));
    }
    match rest {
        [] => list(state, call, false),
        ["detail"] => list(state, call, true),
        ["statistics"] if !call.since(88) => statistics(state, call),
        [id] => {
            call.need_own(state, Rule::HypervisorsShow)?;
            let found =
                state.computes.hosts().find(|service| hypervisor_id(state, call, service) == *id);
            let Some(service) = found else {
                return Err(Fault::not_found(format!(
                    "Hypervisor with ID '{id}' could not be found."
                )));
            };
            let with_servers =
                call.ask.query("with_servers").is_some_and(|with| schema::truth(&json!(with)));
            Ok(Reply::json(
                200,
                json!({"hypervisor": hypervisor(state, call, service, true, with_servers)}),
            ))
        }
        [pattern, kind @ ("search" | "servers")] if !call.since(53) => {
            let rule =
                if *kind == "search" { Rule::HypervisorsSearch } else { Rule::HypervisorsServers };
            call.need_own(state, rule)?;
            let found = matching(state, pattern)?;
            let views = found
                .into_iter()
                .map(|service| hypervisor(state, call, service, false, *kind == "servers"));
            Ok(Reply::json(200, json!({"hypervisors": views.collect::<Vec<Value>>()})))
        }
        [id, "uptime"] if !call.since(88) => {
            call.need_own(state, Rule::HypervisorsUptime)?;
            let service = find_hypervisor(state, call, id)?;
            let mut view = hypervisor(state, call, service, false, false);
            view["uptime"] = uptime(state, service).ok_or_else(|| {
                let host = &service.host;
                Fault::bad_request(format!(
                    "Compute service of {host} is unavailable at this time."
                ))
            })?;
            Ok(Reply::json(200, json!({"hypervisor": view})))
        }
        _ => Err(Fault::no_resource()),
    }
}

fn find_hypervisor<'s>(state: &'s State, call: &Call<'_>, id: &str) -> Result<&'s Service, Fault> {
    let found = state.computes.hosts().find(|service| hypervisor_id(state, call, service) == id);
    found.ok_or_else(|| Fault::not_found(format!("Hypervisor with ID '{id}' could not be found.")))
}

/// The sums over all computes.
/// The sums over all enabled computes.
fn statistics(state: &State, call: &Call<'_>) -> Answer {
    call.need_own(state, Rule::HypervisorsStatistics)?;
    let enabled = || state.computes.hosts().filter(|service| !service.disabled);
    let mut sums = BTreeMap::from([("count", enabled().count() as u64)]);
    for service in enabled() {
        let view = hypervisor(state, call, service, true, false);
        for name in SUMMED {
            *sums.entry(name).or_default() += view[name].as_u64().unwrap_or(0);
        }
    }
    Ok(Reply::json(200, json!({"hypervisor_statistics": sums})))
}

/// What `uptime` prints on the compute, which is as old as the cloud; one that is down says nothing.
fn uptime(state: &State, service: &Service) -> Option<Value> {
    service.is_up().then(|| {
        let date = state.date_seconds(state.now);
        let time = date.split(['T', '.']).nth(1).unwrap_or_default();
        let minutes = state.now.as_secs() / 60;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        json!(format!(
            " {time} up {days} days, {hours}:{minutes:02},  0 users,  load average: 0.00, 0.00, 0.00"
        ))
    })
}

const SUMMED: [&str; 11] = [
    "vcpus",
    "memory_mb",
    "local_gb",
    "vcpus_used",
    "memory_mb_used",
    "local_gb_used",
    "free_ram_mb",
    "free_disk_gb",
    "current_workload",
    "running_vms",
    "disk_available_least",
];

fn matching<'s>(state: &'s State, pattern: &str) -> Result<Vec<&'s Service>, Fault> {
    let found: Vec<&Service> =
        state.computes.hosts().filter(|service| service.host.as_str().contains(pattern)).collect();
    if found.is_empty() {
        return Err(Fault::not_found(format!(
            "No hypervisor matching '{pattern}' could be found."
        )));
    }
    Ok(found)
}

fn list(state: &State, call: &Call<'_>, detail: bool) -> Answer {
    call.need_own(state, if detail { Rule::HypervisorsDetail } else { Rule::HypervisorsList })?;
    let pattern = call.ask.query("hypervisor_hostname_pattern").filter(|_| call.since(53));
    let paged =
        call.since(33) && (call.ask.query("limit").is_some() || call.ask.query("marker").is_some());
    if pattern.is_some() && paged {
        return Err(Fault::bad_request(
            "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.",
        ));
    }
    let all = match pattern {
        Some(pattern) => matching(state, pattern)?,
        None => state.computes.hosts().collect(),
    };
    let start = match call.ask.query("marker").filter(|_| call.since(33)) {
        Some(marker) => {
            match all.iter().position(|service| hypervisor_id(state, call, service) == marker) {
                Some(place) => place + 1,
                None => return Err(Fault::bad_request(format!("marker [{marker}] not found"))),
            }
        }
        None => 0,
    };
    let limit = if call.since(33) { lists::limit(call)? } else { usize::MAX };
    let with_servers = call.since(53)
        && call.ask.query("with_servers").is_some_and(|with| schema::truth(&json!(with)));
    let page: Vec<&Service> = all.iter().skip(start).take(limit).copied().collect();
    let views: Vec<Value> =
        page.iter().map(|service| hypervisor(state, call, service, detail, with_servers)).collect();
    let mut body = json!({"hypervisors": views});
    if call.ask.query("limit").is_some()
        && page.len() == limit
        && let Some(last) = page.last().filter(|_| limit > 0 && call.since(33))
    {
        let path = if detail { "os-hypervisors/detail" } else { "os-hypervisors" };
        body["hypervisors_links"] =
            json!([lists::next(call, path, &hypervisor_id(state, call, last))]);
    }
    Ok(Reply::json(200, body))
}

/// A UUID since 2.53, a number before.
fn hypervisor_id(state: &State, call: &Call<'_>, service: &Service) -> String {
    if call.since(53) {
        return state
            .placement
            .provider(&service.host)
            .map_or_else(String::new, |provider| provider.uuid.clone());
    }
    service.number.to_string()
}

fn hypervisor(
    state: &State,
    call: &Call<'_>,
    service: &Service,
    detail: bool,
    with_servers: bool,
) -> Value {
    let id = hypervisor_id(state, call, service);
    let mut view = json!({
        "id": if call.since(53) { json!(id) } else { json!(service.number) },
        "hypervisor_hostname": service.host,
        "state": if service.is_up() { "up" } else { "down" },
        "status": if service.disabled { "disabled" } else { "enabled" },
    });
    let here = || state.servers.iter().filter(|server| server.host.as_ref() == Some(&service.host));
    if with_servers && (!call.since(75) || here().next().is_some()) {
        let servers: Vec<Value> = here().map(|server| json!({"uuid": server.id, "name": format!("instance-{:08x}", server.number)})).collect();
        view["servers"] = Value::Array(servers);
    }
    if !detail {
        return view;
    }
    view["hypervisor_type"] = json!("fake");
    view["hypervisor_version"] = json!(1000);
    view["host_ip"] = json!("127.0.0.1");
    view["service"] = json!({
        "id": if call.since(53) { json!(service.uuid) } else { json!(service.number) },
        "host": service.host,
        "disabled_reason": service.disabled_reason,
    });
    if call.since(88) {
        view["uptime"] = uptime(state, service).unwrap_or(Value::Null);
    } else if let Some(provider) = state.placement.provider(&service.host) {
        let (size, used) = (provider.size, provider.used);
        view["vcpus"] = json!(size.vcpus);
        view["vcpus_used"] = json!(used.vcpus);
        view["memory_mb"] = json!(size.memory_mb);
        view["memory_mb_used"] = json!(used.memory_mb + 512);
        view["free_ram_mb"] = json!(size.memory_mb.saturating_sub(used.memory_mb + 512));
        view["local_gb"] = json!(size.disk_gb);
        view["local_gb_used"] = json!(used.disk_gb);
        view["free_disk_gb"] = json!(size.disk_gb.saturating_sub(used.disk_gb));
        view["disk_available_least"] = json!(size.disk_gb.saturating_sub(used.disk_gb));
        view["current_workload"] = json!(0);
        view["running_vms"] = json!(here().count());
        view["cpu_info"] = if call.since(28) { json!({}) } else { json!("{}") };
    }
    view
}

pub(super) fn zones(state: &State, call: &Call<'_>, detail: bool) -> Answer {
    call.need_own(state, if detail { Rule::ZonesDetail } else { Rule::ZonesList })?;
    let mut zones: BTreeMap<&str, Vec<&Service>> = BTreeMap::new();
    for service in state.computes.services() {
        let zone = if service.binary == "nova-compute" {
            state.computes.zone(&service.host)
        } else {
            "internal"
        };
        if detail || zone != "internal" {
            zones.entry(zone).or_default().push(service);
        }
    }
    let list: Vec<Value> = zones
        .into_iter()
        .map(|(zone, services)| {
            let available = zone == "internal" || services.iter().any(|service| !service.disabled);
            let hosts = if detail { zone_hosts(state, &services) } else { Value::Null };
            json!({"zoneName": zone, "zoneState": {"available": available}, "hosts": hosts})
        })
        .collect();
    Ok(Reply::json(200, json!({"availabilityZoneInfo": list})))
}

fn zone_hosts(state: &State, services: &[&Service]) -> Value {
    let mut hosts = json!({});
    for service in services {
        let heard = state.date_micros(service.stopped.unwrap_or(state.now));
        hosts[service.host.as_str()][service.binary] =
            json!({"active": !service.disabled, "available": service.is_up(), "updated_at": heard});
    }
    hosts
}
