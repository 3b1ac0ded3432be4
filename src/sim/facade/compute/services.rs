//! `os-services`: which services there are, and taking computes out of use.

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::events::names::ComputeName;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, HOST, Is, NAME, Shape};
use crate::sim::ids;
use crate::sim::state::computes::Service;
use crate::sim::state::{Rule, State};

pub(super) fn route(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => list(state, call),
        ("PUT", [action]) if !call.since(53) => update_by_host(state, call, action),
        ("PUT", [id]) => update(state, call, id),
        ("DELETE", [_]) => Err(Fault::not_simulated("DELETE", "/os-services/{id}")),
        _ => Err(Fault::no_resource()),
    }
}

fn list(state: &State, call: &Call<'_>) -> Answer {
    call.need_own(state, Rule::ServicesList)?;
    if call.since(75)
        && let Some((name, _)) =
            call.ask.query.iter().find(|(name, _)| !matches!(name.as_str(), "host" | "binary"))
    {
        return Err(Fault::bad_request(format!(
            "Additional properties are not allowed ('{name}' was unexpected)"
        )));
    }
    let wanted = |service: &&Service| {
        call.ask.query("host").is_none_or(|host| host.is_empty() || service.host.as_str() == host)
            && call
                .ask
                .query("binary")
                .is_none_or(|binary| binary.is_empty() || service.binary == binary)
    };
    let list: Vec<Value> = state
        .computes
        .services()
        .filter(wanted)
        .map(|service| view(state, call, service))
        .collect();
    Ok(Reply::json(200, json!({"services": list})))
}

fn view(state: &State, call: &Call<'_>, service: &Service) -> Value {
    // A service that runs reports all the time; one that stopped last did so before.
    let heard = service.stopped.unwrap_or(state.now);
    let zone = if service.binary == "nova-compute" {
        state.computes.zone(&service.host)
    } else {
        "internal"
    };
    let mut view = json!({
        "id": if call.since(53) { json!(service.uuid) } else { json!(service.number) },
        "binary": service.binary,
        "host": service.host,
        "zone": zone,
        "status": if service.disabled { "disabled" } else { "enabled" },
        "state": if service.is_up() { "up" } else { "down" },
        "updated_at": state.date_micros(heard),
        "disabled_reason": service.disabled_reason,
    });
    if call.since(11) {
        view["forced_down"] = json!(service.forced_down);
    }
    view
}

static UPDATE: Shape = Shape {
    required: &[],
    fields: &[
        ("status", Is::Word(&["enabled", "disabled"])),
        ("disabled_reason", Is::Text { min: 1, max: 255, pattern: None }),
        ("forced_down", Is::Bool),
    ],
    open: false,
};

fn update(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let body = call.body()?;
    schema::check(&body, &UPDATE)?;
    call.need_own(state, Rule::ServicesUpdate)?;
    if !ids::is_uuid(id) {
        return Err(Fault::bad_request(format!("Invalid uuid {id}")));
    }
    let Some(service) = state.computes.services().find(|service| service.uuid == id) else {
        return Err(Fault::not_found(format!("Service {id} not found.")));
    };
    check_compute(service.binary)?;
    let name = service.host.clone();
    let status = body["status"].as_str();
    let reason = body["disabled_reason"].as_str();
    let forced = body.get("forced_down").map(schema::truth);
    if reason.is_some() && status != Some("disabled") {
        return Err(Fault::bad_request(
            "Specifying disabled_reason requires that status is set to 'disabled'.",
        ));
    }
    if status.is_none() && forced.is_none() {
        return Err(Fault::bad_request(
            "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
        ));
    }
    if let Some(status) = status {
        state.set_disabled(&name, status == "disabled", reason);
    }
    if let Some(forced) = forced {
        state.set_forced_down(&name, forced);
    }
    let shown = state.computes.host(&name).map(|service| view(state, call, service));
    Ok(Reply::json(200, json!({"service": shown})))
}

fn check_compute(binary: &str) -> Result<(), Fault> {
    if binary == "nova-compute" {
        return Ok(());
    }
    Err(Fault::bad_request(format!(
        "Updating a {binary} service is not supported. Only nova-compute services can be updated."
    )))
}

static BY_HOST: Shape = Shape {
    required: &["host", "binary"],
    fields: &[
        ("host", HOST),
        ("binary", NAME),
        ("disabled_reason", Is::Text { min: 1, max: 255, pattern: None }),
        ("forced_down", Is::Bool),
    ],
    open: false,
};

/// Before 2.53 the path names what to do and the body to which host.
fn update_by_host(state: &mut State, call: &Call<'_>, action: &str) -> Answer {
    let body = call.body()?;
    schema::check(&body, &BY_HOST)?;
    call.need_own(state, Rule::ServicesUpdate)?;
    let (host, binary) =
        (body["host"].as_str().unwrap_or_default(), body["binary"].as_str().unwrap_or_default());
    let reason = body["disabled_reason"].as_str();
    let mut shown = json!({"host": host, "binary": binary});
    let name = ComputeName::new(host);
    let check = |state: &State| -> Result<(), Fault> {
        check_compute(binary)?;
        match state.computes.host(&name) {
            Some(_) => Ok(()),
            None => {
                Err(Fault::not_found(format!("Could not find binary {binary} on host {host}.")))
            }
        }
    };
    match action {
        "enable" => {
            check(state)?;
            state.set_disabled(&name, false, None);
            shown["status"] = json!("enabled");
        }
        "disable" | "disable-log-reason" => {
            if action == "disable-log-reason" && reason.is_none() {
                return Err(Fault::bad_request("Missing disabled reason field"));
            }
            let reason = reason.filter(|_| action == "disable-log-reason");
            check(state)?;
            state.set_disabled(&name, true, reason);
            shown["status"] = json!("disabled");
            if let Some(reason) = reason {
                shown["disabled_reason"] = json!(reason);
            }
        }
        "force-down" if call.since(11) => {
            let Some(forced) = body.get("forced_down").map(schema::truth) else {
                return Err(Fault::bad_request("Missing forced_down field"));
            };
            check(state)?;
            state.set_forced_down(&name, forced);
            shown["forced_down"] = json!(forced);
        }
        _ => return Err(Fault::not_found("Unknown action")),
    }
    Ok(Reply::json(200, json!({"service": shown})))
}
