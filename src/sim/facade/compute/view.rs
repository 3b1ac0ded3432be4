//! How an instance looks at each microversion, to each role.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use super::Call;
use crate::sim::state::creating::Nics;
use crate::sim::state::server::Status;
use crate::sim::state::{Rule, Server, State};

/// Id, name and links.
pub(super) fn basic(call: &Call<'_>, server: &Server) -> Value {
    let path = format!("servers/{}", server.id);
    json!({"id": server.id, "name": server.name, "links": call.links(&path)})
}

/// Everything; `alone` for a single instance, which shows its groups, too.
pub(super) fn full(state: &State, call: &Call<'_>, server: &Server, alone: bool) -> Value {
    let mut view = common(state, call, server);
    by_microversion(state, call, server, &mut view);
    if call.may(state, Rule::ExtendedAttributes, &server.project) {
        extended(call, server, &mut view);
    } else if call.since(90) {
        view.insert("OS-EXT-SRV-ATTR:hostname".to_owned(), json!(server.hostname));
    }
    if alone && call.since(71) {
        let groups: Vec<&str> = server.request.group.iter().map(String::as_str).collect();
        let there: Vec<&str> =
            groups.into_iter().filter(|group| state.groups.contains_key(*group)).collect();
        view.insert("server_groups".to_owned(), json!(there));
    }
    Value::Object(view)
}

fn common(state: &State, call: &Call<'_>, server: &Server) -> Map<String, Value> {
    let status = server.status();
    let mut view = Map::new();
    let mut put = |key: &str, value: Value| {
        view.insert(key.to_owned(), value);
    };
    put("id", json!(server.id));
    put("name", json!(server.name));
    put("status", json!(status.as_str()));
    put("tenant_id", json!(server.project));
    put("user_id", json!(server.user));
    put("created", json!(state.date_z(server.created)));
    put("updated", json!(state.date_z(server.updated)));
    put("accessIPv4", json!(server.access_ips.0));
    put("accessIPv6", json!(server.access_ips.1));
    put("addresses", addresses(state, server));
    put("flavor", flavor(call, server));
    put(
        "hostId",
        json!(
            server
                .host
                .as_ref()
                .map_or_else(String::new, |host| host_id(&server.project, host.as_str()))
        ),
    );
    put("image", image(call, server));
    put("links", call.links(&format!("servers/{}", server.id)));
    put("metadata", json!(server.metadata));
    put("OS-DCF:diskConfig", json!(if server.disk_config_auto { "AUTO" } else { "MANUAL" }));
    put("config_drive", json!(if server.request.config_drive { "True" } else { "" }));
    put("key_name", json!(server.request.key_name));
    put("OS-SRV-USG:launched_at", json!(server.launched.map(|at| state.date_seconds(at))));
    put("OS-SRV-USG:terminated_at", json!(server.terminated.map(|at| state.date_seconds(at))));
    put("OS-EXT-STS:task_state", json!(server.task_state.map(|task| task.as_str())));
    put("OS-EXT-STS:vm_state", json!(server.vm_state.as_str()));
    put("OS-EXT-STS:power_state", json!(server.power_state()));
    put("os-extended-volumes:volumes_attached", json!([]));
    put("OS-EXT-AZ:availability_zone", json!(zone(state, server)));
    if server.request.nics != Nics::None {
        let names: Vec<Value> =
            server.request.security_groups.iter().map(|name| json!({"name": name})).collect();
        put("security_groups", Value::Array(names));
    }
    if let (Status::Error | Status::Deleted, Some(fault)) = (status, &server.fault) {
        let mut shown = json!({"code": fault.code, "message": fault.message, "created": state.date_z(fault.created)});
        if call.caller.is_admin() {
            shown["details"] = json!(fault.message);
        }
        put("fault", shown);
    }
    if matches!(status, Status::Active | Status::Build | Status::Migrating) {
        put("progress", json!(0));
    }
    view
}

fn by_microversion(state: &State, call: &Call<'_>, server: &Server, view: &mut Map<String, Value>) {
    let mut put = |since: u16, key: &str, value: Value| {
        if call.since(since) {
            view.insert(key.to_owned(), value);
        }
    };
    put(9, "locked", json!(server.locked.is_some()));
    if call.may(state, Rule::HostStatus, &server.project) {
        put(16, "host_status", json!(host_status(state, server)));
    }
    put(19, "description", json!(server.description));
    put(26, "tags", json!(server.tags));
    put(63, "trusted_image_certificates", json!(server.request.trusted_certificates));
    put(73, "locked_reason", json!(server.locked.as_ref().and_then(|lock| lock.reason.clone())));
    put(96, "pinned_availability_zone", json!(server.request.zone));
    put(100, "scheduler_hints", hints(server));
}

/// What was said to the scheduler, each value as a list, as Nova keeps it.
fn hints(server: &Server) -> Value {
    let Some(hints) = server.hints().as_object() else {
        return json!({});
    };
    let listed = hints.iter().map(|(key, value)| {
        let list = if value.is_array() { value.clone() } else { json!([value]) };
        (key.clone(), list)
    });
    Value::Object(listed.collect())
}

fn extended(call: &Call<'_>, server: &Server, view: &mut Map<String, Value>) {
    let mut put = |key: &str, value: Value| {
        view.insert(format!("OS-EXT-SRV-ATTR:{key}"), value);
    };
    put("host", json!(server.host));
    put("hypervisor_hostname", json!(server.host));
    put("instance_name", json!(format!("instance-{:08x}", server.number)));
    if call.since(3) {
        put("hostname", json!(server.hostname));
        put("kernel_id", json!(""));
        put("ramdisk_id", json!(""));
        put("launch_index", json!(server.launch_index));
        put("reservation_id", json!(server.reservation));
        put("root_device_name", json!(server.host.as_ref().map(|_| "/dev/vda")));
        put("user_data", json!(server.request.user_data));
    }
}

fn zone(state: &State, server: &Server) -> String {
    match &server.host {
        Some(host) => state.computes.zone(host).to_owned(),
        None => server.request.zone.clone().unwrap_or_default(),
    }
}

fn host_status(state: &State, server: &Server) -> &'static str {
    let service = server.host.as_ref().and_then(|host| state.computes.host(host));
    match service {
        None => "",
        Some(service) if service.forced_down => "DOWN",
        Some(service) if !service.alive => "UNKNOWN",
        Some(service) if service.disabled => "MAINTENANCE",
        Some(_) => "UP",
    }
}

/// Nothing about the host can be read from it, but it changes with the host.
pub(super) fn host_id(project: &str, host: &str) -> String {
    let digest: String = (0..4_u8)
        .map(|part| {
            let mut hasher = DefaultHasher::new();
            (part, project, host).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        })
        .collect();
    digest[..56].to_owned()
}

fn flavor(call: &Call<'_>, server: &Server) -> Value {
    let flavor = &server.flavor;
    if !call.since(47) {
        let link = call.link("bookmark", &format!("flavors/{}", flavor.id));
        return json!({"id": flavor.id, "links": [link]});
    }
    json!({
        "original_name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "ephemeral": flavor.ephemeral,
        "swap": flavor.swap,
        "extra_specs": flavor.extra_specs,
    })
}

fn image(call: &Call<'_>, server: &Server) -> Value {
    json!({"id": server.image, "links": [call.link("bookmark", &format!("images/{}", server.image))]})
}

/// Addresses by network; hidden while the instance is being built.
pub(super) fn addresses(state: &State, server: &Server) -> Value {
    let mut networks: Map<String, Value> = Map::new();
    if server.status() == Status::Build {
        return Value::Object(networks);
    }
    for port in state.catalog.ports_of(&server.id) {
        let name = state.catalog.network(&port.network).map_or("", |network| network.name.as_str());
        let address = json!({
            "addr": port.ip,
            "version": 4,
            "OS-EXT-IPS:type": "fixed",
            "OS-EXT-IPS-MAC:mac_addr": port.mac,
        });
        if let Value::Array(list) = networks.entry(name.to_owned()).or_insert_with(|| json!([])) {
            list.push(address);
        }
    }
    Value::Object(networks)
}
