//! Neutron v2.0, as far as instances need it: networks, subnets, ports and their bindings.

use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::identity;
use super::request::{Ask, Reply};
use crate::events::names::ServerId;
use crate::sim::state::catalog::{Binding, Network, Port};
use crate::sim::state::{Caller, State};

/// The extensions that clients ask for.
const EXTENSIONS: [&str; 6] = [
    "binding",
    "binding-extended",
    "external-net",
    "router",
    "security-group",
    "auto-allocated-topology",
];

pub(super) fn answer(state: &mut State, ask: &Ask) -> Reply {
    let path = ask.path();
    let version = json!({
        "id": "v2.0",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": format!("{}/network/v2.0/", ask.base)}],
    });
    if ask.method == "GET" && path.is_empty() {
        return Reply::json(200, json!({"versions": [version]}));
    }
    let caller = match identity::caller(state, ask) {
        Ok(caller) => caller,
        Err(reply) => return reply,
    };
    match route(state, ask, &caller, path.as_slice()) {
        Ok(reply) => reply,
        Err((kind, fault)) => fault.neutron(kind),
    }
}

type Answer = Result<Reply, (&'static str, Fault)>;

fn route(state: &mut State, ask: &Ask, caller: &Caller, path: &[&str]) -> Answer {
    match (ask.method.as_str(), path) {
        ("GET", ["v2.0"]) => Ok(Reply::json(200, json!({"resources": []}))),
        ("GET", ["v2.0", "extensions"]) => {
            let list: Vec<Value> = EXTENSIONS.iter().map(|alias| extension(alias)).collect();
            Ok(Reply::json(200, json!({"extensions": list})))
        }
        ("GET", ["v2.0", "extensions", alias]) if EXTENSIONS.contains(alias) => {
            Ok(Reply::json(200, json!({"extension": extension(alias)})))
        }
        ("GET", ["v2.0", "extensions", alias]) => {
            Err(missing("ExtensionNotFound", "Extension with alias", alias))
        }
        ("GET", ["v2.0", "networks"]) => {
            let networks =
                visible_networks(state, caller).map(|network| network_view(state, network));
            Ok(listed(ask, "networks", networks.collect()))
        }
        ("GET", ["v2.0", "networks", id]) => {
            let found = visible_networks(state, caller).find(|network| network.id == *id);
            let network = found.ok_or_else(|| missing("NetworkNotFound", "Network", id))?;
            Ok(Reply::json(200, json!({"network": network_view(state, network)})))
        }
        ("GET", ["v2.0", "subnets"]) => {
            let subnets = visible_networks(state, caller).map(subnet_view);
            Ok(listed(ask, "subnets", subnets.collect()))
        }
        ("GET", ["v2.0", "subnets", id]) => {
            let found = visible_networks(state, caller).find(|network| network.subnet == *id);
            let network = found.ok_or_else(|| missing("SubnetNotFound", "Subnet", id))?;
            Ok(Reply::json(200, json!({"subnet": subnet_view(network)})))
        }
        ("GET", ["v2.0", "ports"]) => {
            let ports = state.catalog.ports.values().filter(|port| sees(caller, port));
            Ok(listed(ask, "ports", ports.map(|port| port_view(state, port, caller)).collect()))
        }
        ("GET", ["v2.0", "ports", id]) => {
            let port = port_of(state, caller, id)?;
            Ok(Reply::json(200, json!({"port": port_view(state, port, caller)})))
        }
        ("GET", ["v2.0", "ports", id, "bindings"]) if caller.is_admin() => {
            let port = port_of(state, caller, id)?;
            let bindings: Vec<Value> = port.bindings.iter().map(binding_view).collect();
            Ok(Reply::json(200, json!({"bindings": bindings})))
        }
        ("GET", ["v2.0", "quotas", project] | ["v2.0", "quotas", project, "default"])
            if caller.is_admin() || caller.project == *project =>
        {
            let unlimited = [
                "network",
                "subnet",
                "port",
                "router",
                "floatingip",
                "security_group",
                "security_group_rule",
                "rbac_policy",
                "subnetpool",
            ];
            let quota: Map<String, Value> =
                unlimited.iter().map(|kind| ((*kind).to_owned(), json!(-1))).collect();
            Ok(Reply::json(200, json!({"quota": quota})))
        }
        ("POST", ["v2.0", "ports"]) => create_port(state, ask, caller),
        ("DELETE", ["v2.0", "ports", id]) => {
            let id = port_of(state, caller, id)?.id.clone();
            state.catalog.delete_port(&id);
            Ok(Reply::status(204))
        }
        ("GET", ["v2.0", "security-groups"]) => {
            let group = json!({
                "id": caller.project, "name": "default", "project_id": caller.project,
                "tenant_id": caller.project, "description": "Default security group", "security_group_rules": [],
            });
            Ok(listed(ask, "security_groups", vec![group]))
        }
        _ => Err(("NotImplemented", Fault::not_simulated(&ask.method, &ask.full_path()))),
    }
}

fn missing(kind: &'static str, what: &str, id: &str) -> (&'static str, Fault) {
    (kind, Fault::not_found(format!("{what} {id} could not be found.")))
}

fn extension(alias: &str) -> Value {
    json!({"alias": alias, "name": alias, "description": "", "updated": "2020-01-01T00:00:00-00:00", "links": []})
}

fn visible_networks<'a>(state: &'a State, caller: &Caller) -> impl Iterator<Item = &'a Network> {
    let (admin, project) = (caller.is_admin(), caller.project.clone());
    let sees = move |network: &&Network| {
        admin || network.shared || network.external || network.project == project
    };
    state.catalog.networks.iter().filter(sees)
}

fn sees(caller: &Caller, port: &Port) -> bool {
    caller.is_admin() || port.project == caller.project
}

fn port_of<'a>(
    state: &'a State,
    caller: &Caller,
    id: &str,
) -> Result<&'a Port, (&'static str, Fault)> {
    let port = state.catalog.ports.get(id).filter(|port| sees(caller, port));
    port.ok_or_else(|| missing("PortNotFound", "Port", id))
}

/// A list, filtered by every query parameter that names a field: any of its values will do.
fn listed(ask: &Ask, kind: &'static str, entries: Vec<Value>) -> Reply {
    let meets = |entry: &Value| {
        let Some(entry) = entry.as_object() else {
            return false;
        };
        ask.query.iter().all(|(name, _)| match entry.get(name) {
            Some(field) => ask.query_all(name).any(|wanted| is(field, wanted)),
            None => true,
        })
    };
    let found: Vec<Value> = entries.into_iter().filter(meets).collect();
    let mut body = Map::new();
    body.insert(kind.to_owned(), Value::Array(found));
    Reply::json(200, Value::Object(body))
}

fn is(field: &Value, wanted: &str) -> bool {
    match field {
        Value::String(text) => text == wanted,
        Value::Bool(yes) => *yes == matches!(wanted, "True" | "true" | "1"),
        Value::Number(number) => number.to_string() == wanted,
        _ => true,
    }
}

fn network_view(state: &State, network: &Network) -> Value {
    let created = state.date_z(std::time::Duration::ZERO);
    json!({
        "id": network.id,
        "name": network.name,
        "status": "ACTIVE",
        "admin_state_up": true,
        "shared": network.shared,
        "router:external": network.external,
        "project_id": network.project,
        "tenant_id": network.project,
        "subnets": [network.subnet],
        "mtu": 1450,
        "port_security_enabled": true,
        "availability_zones": ["nova"],
        "created_at": created,
        "updated_at": created,
    })
}

fn subnet_view(network: &Network) -> Value {
    let [a, b] = network.prefix;
    json!({
        "id": network.subnet,
        "name": format!("{}-subnet", network.name),
        "network_id": network.id,
        "project_id": network.project,
        "tenant_id": network.project,
        "ip_version": 4,
        "cidr": format!("{a}.{b}.0.0/16"),
        "gateway_ip": format!("{a}.{b}.0.1"),
        "enable_dhcp": true,
        "allocation_pools": [{"start": format!("{a}.{b}.0.10"), "end": format!("{a}.{b}.255.254")}],
    })
}

fn binding_view(binding: &Binding) -> Value {
    json!({
        "host": binding.host,
        "status": if binding.active { "ACTIVE" } else { "INACTIVE" },
        "vif_type": "ovs",
        "vif_details": {"port_filter": true},
        "vnic_type": "normal",
        "profile": {},
    })
}

fn port_view(state: &State, port: &Port, caller: &Caller) -> Value {
    let active = port.bindings.iter().find(|binding| binding.active);
    let subnet = state.catalog.network(&port.network).map(|network| network.subnet.clone());
    let created = state.date_z(port.created);
    let mut view = json!({
        "id": port.id,
        "name": port.name,
        "network_id": port.network,
        "project_id": port.project,
        "tenant_id": port.project,
        "device_id": port.device.as_ref().map_or("", ServerId::as_str),
        "device_owner": if port.device.is_some() { "compute:nova" } else { "" },
        "mac_address": port.mac,
        "fixed_ips": [{"subnet_id": subnet, "ip_address": port.ip}],
        "status": if active.is_some() { "ACTIVE" } else { "DOWN" },
        "admin_state_up": true,
        "security_groups": [],
        "binding:vnic_type": "normal",
        "created_at": created,
        "updated_at": created,
    });
    if caller.is_admin() {
        view["binding:host_id"] = json!(active.map_or("", |binding| binding.host.as_str()));
        view["binding:vif_type"] = json!(if active.is_some() { "ovs" } else { "unbound" });
        view["binding:vif_details"] = json!({});
        view["binding:profile"] = json!({});
    }
    view
}

fn create_port(state: &mut State, ask: &Ask, caller: &Caller) -> Answer {
    let body = ask
        .json()
        .ok_or_else(|| ("HTTPBadRequest", Fault::bad_request("Malformed request body")))?;
    let wanted = body["port"]["network_id"].as_str().unwrap_or_default();
    let network = visible_networks(state, caller).find(|network| network.id == wanted).cloned();
    let network = network.ok_or_else(|| missing("NetworkNotFound", "Network", wanted))?;
    let name = body["port"]["name"].as_str().unwrap_or_default();
    let now = state.now;
    let port = state.catalog.add_port(&network, &caller.project, name, now).clone();
    Ok(Reply::json(201, json!({"port": port_view(state, &port, caller)})))
}
