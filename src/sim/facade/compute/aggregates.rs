//! Host aggregates, which give computes their zones.

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::events::names::ComputeName;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, HOST, Is, NAME, Shape};
use crate::sim::state::computes::Aggregate;
use crate::sim::state::{Rule, State};

static CREATE: Shape =
    Shape { required: &["aggregate"], fields: &[("aggregate", Is::Object(&NEW))], open: false };
static NEW: Shape = Shape {
    required: &["name"],
    fields: &[("name", NAME), ("availability_zone", Is::Maybe(&NAME))],
    open: false,
};
static HOST_ACTION: Shape = Shape { required: &["host"], fields: &[("host", HOST)], open: false };

pub(super) fn aggregates(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => {
            call.need_own(state, Rule::AggregatesIndex)?;
            let list: Vec<Value> = state
                .computes
                .aggregates
                .values()
                .map(|aggregate| aggregate_view(state, call, aggregate))
                .collect();
            Ok(Reply::json(200, json!({"aggregates": list})))
        }
        ("GET", [id]) => {
            call.need_own(state, Rule::AggregatesShow)?;
            shown(state, call, find(state, id)?)
        }
        ("POST", []) => {
            let body = call.body()?;
            schema::check(&body, &CREATE)?;
            call.need_own(state, Rule::AggregatesCreate)?;
            let name = body["aggregate"]["name"].as_str().unwrap_or_default().to_owned();
            if state.computes.aggregates.values().any(|aggregate| aggregate.name == name) {
                return Err(Fault::conflict(format!("Aggregate {name} already exists.")));
            }
            let zone = body["aggregate"]["availability_zone"].as_str().map(str::to_owned);
            let now = state.now;
            let id = state.computes.add_aggregate(name, zone, now);
            let mut made = state
                .computes
                .aggregates
                .get(&id)
                .map(|aggregate| aggregate_view(state, call, aggregate));
            // The answer to this request, and only this one, has neither.
            if let Some(Value::Object(made)) = &mut made {
                made.remove("hosts");
                made.remove("metadata");
            }
            Ok(Reply::json(200, json!({"aggregate": made})))
        }
        ("DELETE", [id]) => {
            call.need_own(state, Rule::AggregatesDelete)?;
            let id = find(state, id)?;
            if state
                .computes
                .aggregates
                .get(&id)
                .is_some_and(|aggregate| !aggregate.hosts.is_empty())
            {
                return Err(Fault::bad_request(format!(
                    "Cannot remove host from aggregate: Aggregate {id} is not empty."
                )));
            }
            state.computes.aggregates.remove(&id);
            Ok(Reply::status(200))
        }
        ("POST", [id, "action"]) => aggregate_action(state, call, id),
        ("PUT", [id]) => update(state, call, id),
        ("POST", [_, "images"]) => Err(Fault::not_simulated("POST", "/os-aggregates/{id}/images")),
        _ => Err(Fault::no_resource()),
    }
}

static UPDATE: Shape =
    Shape { required: &["aggregate"], fields: &[("aggregate", Is::Object(&UPDATED))], open: false };
static UPDATED: Shape = Shape {
    required: &[],
    fields: &[("name", NAME), ("availability_zone", Is::Maybe(&NAME))],
    open: false,
};

fn update(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let body = call.body()?;
    schema::check(&body, &UPDATE)?;
    call.need_own(state, Rule::AggregatesUpdate)?;
    let id = find(state, id)?;
    let asked = &body["aggregate"];
    let name = asked["name"].as_str().map(str::to_owned);
    let taken = state
        .computes
        .aggregates
        .values()
        .any(|aggregate| aggregate.id != id && Some(&aggregate.name) == name.as_ref());
    if let (true, Some(name)) = (taken, &name) {
        return Err(Fault::conflict(format!("Aggregate {name} already exists.")));
    }
    let zone = asked["availability_zone"].as_str();
    let occupied =
        |host: &ComputeName| state.servers.iter().any(|server| server.host.as_ref() == Some(host));
    let known = state.computes.aggregates.get(&id);
    if zone.is_some() && known.is_some_and(|aggregate| aggregate.hosts.iter().any(occupied)) {
        return Err(Fault::bad_request(format!(
            "Cannot update aggregate {id}. Reason: One or more hosts contain instances in this zone."
        )));
    }
    let now = state.now;
    if let Some(aggregate) = state.computes.aggregates.get_mut(&id) {
        if let Some(name) = name {
            aggregate.name = name;
        }
        if let Some(zone) = zone {
            aggregate.metadata.insert("availability_zone".to_owned(), zone.to_owned());
        }
        aggregate.updated = Some(now);
    }
    shown(state, call, id)
}

fn find(state: &State, id: &str) -> Result<u64, Fault> {
    let number = id.parse().ok().filter(|number| state.computes.aggregates.contains_key(number));
    number.ok_or_else(|| Fault::not_found(format!("Aggregate {id} could not be found.")))
}

fn shown(state: &State, call: &Call<'_>, id: u64) -> Answer {
    let view =
        state.computes.aggregates.get(&id).map(|aggregate| aggregate_view(state, call, aggregate));
    Ok(Reply::json(200, json!({"aggregate": view})))
}

fn aggregate_view(state: &State, call: &Call<'_>, aggregate: &Aggregate) -> Value {
    let mut view = json!({
        "id": aggregate.id,
        "name": aggregate.name,
        "availability_zone": aggregate.metadata.get("availability_zone"),
        "hosts": aggregate.hosts,
        "metadata": aggregate.metadata,
        "created_at": state.date_seconds(aggregate.created),
        "updated_at": aggregate.updated.map(|at| state.date_seconds(at)),
        "deleted": false,
        "deleted_at": null,
    });
    if call.since(41) {
        view["uuid"] = json!(aggregate.uuid);
    }
    view
}

fn aggregate_action(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let body = call.body()?;
    let mut keys = body.as_object().into_iter().flatten();
    let (Some((action, asked)), None) = (keys.next(), keys.next()) else {
        return Err(Fault::bad_request("Malformed request body"));
    };
    let rule = match action.as_str() {
        "add_host" => Rule::AggregatesAddHost,
        "remove_host" => Rule::AggregatesRemoveHost,
        "set_metadata" => Rule::AggregatesSetMetadata,
        other => {
            return Err(Fault::bad_request(format!("There is no such action: {other}")));
        }
    };
    if rule != Rule::AggregatesSetMetadata {
        schema::check_field(action, asked, Is::Object(&HOST_ACTION))?;
    }
    call.need_own(state, rule)?;
    let id = find(state, id)?;
    let now = state.now;
    let host = ComputeName::new(asked["host"].as_str().unwrap_or_default());
    if rule == Rule::AggregatesAddHost && state.computes.host(&host).is_none() {
        return Err(Fault::not_found(format!("Compute host {host} could not be found.")));
    }
    let Some(aggregate) = state.computes.aggregates.get_mut(&id) else {
        return Err(Fault::no_resource());
    };
    let place = aggregate.hosts.iter().position(|known| *known == host);
    match (rule, place) {
        (Rule::AggregatesAddHost, Some(_)) => {
            return Err(Fault::conflict(format!(
                "Cannot add host {host} in aggregate {id}: host exists"
            )));
        }
        (Rule::AggregatesAddHost, None) => aggregate.hosts.push(host),
        (Rule::AggregatesRemoveHost, Some(place)) => {
            aggregate.hosts.remove(place);
        }
        (Rule::AggregatesRemoveHost, None) => {
            return Err(Fault::not_found(format!(
                "Cannot remove host {host} in aggregate {id}: not found"
            )));
        }
        _ => {
            for (key, value) in asked["metadata"].as_object().into_iter().flatten() {
                match value.as_str() {
                    Some(value) => aggregate.metadata.insert(key.clone(), value.to_owned()),
                    None => aggregate.metadata.remove(key),
                };
            }
        }
    }
    aggregate.updated = Some(now);
    shown(state, call, id)
}
