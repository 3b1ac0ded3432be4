//! Instance actions: what was asked of an instance, and what was done for it.

use serde_json::{Value, json};

use super::{Answer, Call, lists};
use crate::events::names::ServerId;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::time;
use crate::sim::state::actions::{Action, ActionEvent};
use crate::sim::state::{Refused, Rule, Server, State};

/// Since 2.21 the actions of a deleted instance can still be read.
fn server<'s>(state: &'s State, call: &Call<'_>, id: &str) -> Result<&'s Server, Fault> {
    if !call.since(21) {
        return call.server(state, id);
    }
    let server = state.servers.any(&ServerId::new(id));
    let visible =
        server.filter(|server| call.caller.is_admin() || server.project == call.caller.project);
    visible.ok_or_else(|| Refused::NoInstance(id.to_owned()).into())
}

pub(super) fn list(state: &State, call: &Call<'_>, id: &str) -> Answer {
    let server = server(state, call, id)?;
    call.need(state, Rule::ActionsList, &server.project)?;
    let since = call.ask.query("changes-since").filter(|_| call.since(58)).and_then(time::parse);
    let before = call.ask.query("changes-before").filter(|_| call.since(66)).and_then(time::parse);
    let touched = |action: &Action| time::seconds(state.date(action.updated));
    let newest_first = server
        .actions
        .iter()
        .rev()
        .filter(|action| since.is_none_or(|since| touched(action) >= time::seconds(since)))
        .filter(|action| before.is_none_or(|before| touched(action) <= time::seconds(before)));
    let mut found: Vec<&Action> = newest_first.collect();
    let mut more = false;
    if call.since(58) {
        let start = match call.ask.query("marker") {
            Some(marker) => match found.iter().position(|action| action.request_id == marker) {
                Some(place) => place + 1,
                None => {
                    return Err(Fault::bad_request(format!("Marker {marker} could not be found.")));
                }
            },
            None => 0,
        };
        let limit = lists::limit(call)?;
        more = call.ask.query("limit").is_some()
            && found.len().saturating_sub(start) >= limit
            && limit > 0;
        found = found.into_iter().skip(start).take(limit).collect();
    }
    let views: Vec<Value> = found.iter().map(|action| view(state, call, server, action)).collect();
    let mut body = json!({"instanceActions": views});
    if let (true, Some(last)) = (more, found.last()) {
        body["links"] = json!([lists::next(
            call,
            &format!("servers/{id}/os-instance-actions"),
            &last.request_id
        )]);
    }
    Ok(Reply::json(200, body))
}

pub(super) fn show(state: &State, call: &Call<'_>, id: &str, request: &str) -> Answer {
    let server = server(state, call, id)?;
    call.need(state, Rule::ActionsShow, &server.project)?;
    let Some(action) = server.actions.of_request(request) else {
        return Err(Fault::not_found(format!("Action {request} not found")));
    };
    let mut shown = view(state, call, server, action);
    let operator = call.may(state, Rule::ActionsEvents, &server.project);
    if call.since(51) || operator {
        let events: Vec<Value> = action
            .events
            .iter()
            .rev()
            .map(|event| event_view(state, call, server, event, operator))
            .collect();
        shown["events"] = Value::Array(events);
    }
    Ok(Reply::json(200, json!({"instanceAction": shown})))
}

fn view(state: &State, call: &Call<'_>, server: &Server, action: &Action) -> Value {
    let mut view = json!({
        "action": action.name,
        "instance_uuid": server.id,
        "request_id": action.request_id,
        "user_id": action.user,
        "project_id": action.project,
        "start_time": state.date_seconds(action.started),
        "message": if action.failed { json!("Error") } else { Value::Null },
    });
    if call.since(58) {
        view["updated_at"] = json!(state.date_seconds(action.updated));
    }
    view
}

fn event_view(
    state: &State,
    call: &Call<'_>,
    server: &Server,
    event: &ActionEvent,
    operator: bool,
) -> Value {
    let result = event.finished.map(|_| if event.failed { "Error" } else { "Success" });
    let mut view = json!({
        "event": event.name,
        "start_time": state.date_seconds(event.started),
        "finish_time": event.finished.map(|at| state.date_seconds(at)),
        "result": result,
    });
    if operator || !call.since(51) {
        view["traceback"] = if event.failed { json!("") } else { Value::Null };
    }
    if call.since(62) {
        view["hostId"] = json!(super::view::host_id(&server.project, &event.host));
        if operator {
            view["host"] = json!(event.host);
        }
    }
    if call.since(84) && call.may(state, Rule::ActionsDetails, &server.project) {
        view["details"] = json!(event.details);
    }
    view
}
