//! Hypervisors: how the computes look to operators.

use serde_json::{Map, Value, json};

use super::{Answer, Call, lists};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema;
use crate::sim::state::computes::Service;
use crate::sim::state::{Rule, State};

pub(super) fn route(state: &State, call: &Call<'_>, rest: &[&str]) -> Answer {
    if call.ask.method != "GET" {
        return Err(Fault::new(405, "The method specified is not allowed for this resource."));
    }
    match rest {
        [] => list(state, call, false),
        ["detail"] => list(state, call, true),
        ["statistics"] if !call.since(88) => statistics(state, call),
        [id] => {
            call.need_own(state, Rule::HypervisorsShow)?;
            let service = find(state, call, id)?;
            let with_servers =
                call.ask.query("with_servers").is_some_and(|with| schema::truth(&json!(with)));
            Ok(Reply::json(
                200,
                json!({"hypervisor": hypervisor(state, call, service, true, with_servers)}),
            ))
        }
        [pattern, kind @ ("search" | "servers")] if !call.since(53) => {
            let found = matching(state, pattern)?;
            let views = found
                .into_iter()
                .map(|service| hypervisor(state, call, service, false, *kind == "servers"));
            Ok(Reply::json(200, json!({"hypervisors": views.collect::<Vec<Value>>()})))
        }
        [id, "uptime"] if !call.since(88) => {
            call.need_own(state, Rule::HypervisorsUptime)?;
            let service = find(state, call, id)?;
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

fn find<'s>(state: &'s State, call: &Call<'_>, id: &str) -> Result<&'s Service, Fault> {
    let found = state.computes.hosts().find(|service| hypervisor_id(state, call, service) == id);
    found.ok_or_else(|| Fault::not_found(format!("Hypervisor with ID '{id}' could not be found.")))
}

/// What `uptime` prints on the compute, which is as old as the cloud; nothing can be asked of one
/// that is down.
fn uptime(state: &State, service: &Service) -> Option<Value> {
    service.is_up().then(|| {
        let date = state.date_seconds(state.now);
        let time = date.split('T').next_back().unwrap_or_default();
        let minutes = state.now.as_secs() / 60;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        json!(format!(
            " {time} up {days} days, {hours}:{minutes:02},  0 users,  load average: 0.00, 0.00, 0.00"
        ))
    })
}

/// The sums over all enabled computes; gone at 2.88, where placement tells it better.
fn statistics(state: &State, call: &Call<'_>) -> Answer {
    call.need_own(state, Rule::HypervisorsStatistics)?;
    let mut sums = Map::new();
    let enabled: Vec<&Service> =
        state.computes.hosts().filter(|service| !service.disabled).collect();
    for service in &enabled {
        for (field, amount) in capacity(state, service) {
            let sum = sums.get(field).and_then(Value::as_u64).unwrap_or(0);
            sums.insert(field.to_owned(), json!(sum + amount));
        }
    }
    sums.insert("count".to_owned(), json!(enabled.len()));
    Ok(Reply::json(200, json!({"hypervisor_statistics": sums})))
}

/// What a compute has and what of it is used, the 512 MiB of the host included.
fn capacity(state: &State, service: &Service) -> Vec<(&'static str, u64)> {
    let Some(provider) = state.placement.provider(&service.host) else {
        return Vec::new();
    };
    let (size, used) = (provider.size, provider.used);
    let free_disk = size.disk_gb.saturating_sub(used.disk_gb);
    let instances =
        state.servers.iter().filter(|server| server.host.as_ref() == Some(&service.host));
    vec![
        ("vcpus", size.vcpus),
        ("vcpus_used", used.vcpus),
        ("memory_mb", size.memory_mb),
        ("memory_mb_used", used.memory_mb + 512),
        ("free_ram_mb", size.memory_mb.saturating_sub(used.memory_mb + 512)),
        ("local_gb", size.disk_gb),
        ("local_gb_used", used.disk_gb),
        ("free_disk_gb", free_disk),
        ("disk_available_least", free_disk),
        ("current_workload", 0),
        ("running_vms", instances.count() as u64),
    ]
}

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
    } else {
        for (field, amount) in capacity(state, service) {
            view[field] = json!(amount);
        }
        view["cpu_info"] = if call.since(28) { json!({}) } else { json!("{}") };
    }
    view
}
