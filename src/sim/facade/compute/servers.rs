//! One instance: show, update, delete, and what hangs on it.

use serde_json::{Map, Value, json};

use super::{Answer, Call, create, view};
use crate::events::names::ServerId;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, Is, NAME, Shape};
use crate::sim::state::{Refused, Rule, State};

pub(super) fn show(state: &State, call: &Call<'_>, id: &str) -> Answer {
    let server = call.server_for(state, id, Rule::ServersShow)?;
    Ok(Reply::json(200, json!({"server": view::full(state, call, server, true)})))
}

pub(super) fn delete(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let id = call.server_for(state, id, Rule::ServersDelete)?.id.clone();
    state.delete_server(&call.caller, &id)?;
    Ok(Reply::status(204))
}

static UPDATE: Shape =
    Shape { required: &["server"], fields: &[("server", Is::Object(&UPDATED))], open: false };
static UPDATED: Shape = Shape {
    required: &[],
    fields: &[
        ("name", NAME),
        ("description", Is::Maybe(&Is::Text { min: 0, max: 255, pattern: None })),
        ("hostname", NAME),
        ("accessIPv4", Is::Any),
        ("accessIPv6", Is::Any),
        ("OS-DCF:diskConfig", Is::Word(&["AUTO", "MANUAL"])),
    ],
    open: false,
};

pub(super) fn update(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let body = call.body()?;
    schema::check(&body, &UPDATE)?;
    let changes = &body["server"];
    let too_new = |field: &str, since: u16| changes.get(field).is_some() && !call.since(since);
    if let Some(field) =
        [("description", 19), ("hostname", 90)].iter().find(|(field, since)| too_new(field, *since))
    {
        let field = field.0;
        return Err(Fault::bad_request(format!(
            "Invalid input for field/attribute server. Value: {}. Additional properties are not allowed ('{field}' was unexpected)",
            schema::python(changes)
        )));
    }
    let addresses =
        (create::address(changes, "accessIPv4")?, create::address(changes, "accessIPv6")?);
    let id = call.server_for(state, id, Rule::ServersUpdate)?.id.clone();
    let now = state.now;
    let Some(server) = state.servers.get_mut(&id) else {
        return Err(Refused::NoInstance(id.to_string()).into());
    };
    if let Some(name) = changes["name"].as_str() {
        server.name = name.to_owned();
    }
    if let Some(hostname) = changes["hostname"].as_str() {
        server.hostname = hostname.to_owned();
    }
    if let Some(description) = changes.get("description") {
        server.description = description.as_str().map(str::to_owned);
    }
    if changes.get("accessIPv4").is_some() {
        server.access_ips.0 = addresses.0;
    }
    if changes.get("accessIPv6").is_some() {
        server.access_ips.1 = addresses.1;
    }
    if let Some(config) = changes["OS-DCF:diskConfig"].as_str() {
        server.disk_config_auto = config == "AUTO";
    }
    server.updated = now;
    let server = call.server(state, id.as_str())?;
    let mut view = view::full(state, call, server, call.since(75));
    if let (false, Some(fields)) = (call.since(75), view.as_object_mut()) {
        fields.retain(|field, _| !is_extension(field));
    }
    Ok(Reply::json(200, json!({"server": view})))
}

/// Fields that only the answers to showing had before 2.75.
fn is_extension(field: &str) -> bool {
    let names = ["config_drive", "key_name", "security_groups", "host_status"];
    let kinds = ["OS-EXT-", "OS-SRV-USG:", "os-extended-volumes:"];
    names.contains(&field) || kinds.iter().any(|kind| field.starts_with(kind))
}

pub(super) fn ips(state: &State, call: &Call<'_>, id: &str, rest: &[&str]) -> Answer {
    let server = call.server_for(state, id, Rule::ServersShow)?;
    let mut addresses = view::addresses(state, server);
    match rest {
        [] => Ok(Reply::json(200, json!({"addresses": addresses}))),
        [network] => {
            let Some(list) = addresses.get_mut(*network) else {
                return Err(Fault::not_found("Instance is not a member of specified network"));
            };
            let mut body = Map::new();
            body.insert((*network).to_owned(), list.take());
            Ok(Reply::json(200, Value::Object(body)))
        }
        _ => Err(Fault::no_resource()),
    }
}

pub(super) fn security_groups(state: &State, call: &Call<'_>, id: &str) -> Answer {
    let server = call.server_for(state, id, Rule::ServersShow)?;
    let groups: Vec<Value> = server
        .request
        .security_groups
        .iter()
        .map(|name| json!({"id": server.project, "name": name, "description": "", "tenant_id": server.project, "rules": []}))
        .collect();
    Ok(Reply::json(200, json!({"security_groups": groups})))
}

pub(super) fn interfaces(state: &State, call: &Call<'_>, id: &str) -> Answer {
    let server = call.server_for(state, id, Rule::InterfacesList)?;
    let list: Vec<Value> = state
        .catalog
        .ports_of(&ServerId::new(server.id.as_str()))
        .map(|port| {
            json!({
                "port_id": port.id,
                "net_id": port.network,
                "mac_addr": port.mac,
                "port_state": "ACTIVE",
                "fixed_ips": [{"ip_address": port.ip}],
            })
        })
        .collect();
    Ok(Reply::json(200, json!({"interfaceAttachments": list})))
}
