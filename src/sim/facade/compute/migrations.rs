//! Migration records: of the whole cloud, and those in progress of one instance.

use serde_json::{Value, json};

use super::{Answer, Call, lists};
use crate::events::names::MigrationNumber;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::time;
use crate::sim::state::{Migration, Refused, Rule, State};

/// Query parameters that `os-migrations` knows, with the microversion from which on it does.
const PARAMETERS: [(&str, u16); 12] = [
    ("hidden", 1),
    ("host", 1),
    ("instance_uuid", 1),
    ("source_compute", 1),
    ("status", 1),
    ("migration_type", 1),
    ("limit", 59),
    ("marker", 59),
    ("changes-since", 59),
    ("changes-before", 66),
    ("user_id", 80),
    ("project_id", 80),
];

pub(super) fn index(state: &State, call: &Call<'_>) -> Answer {
    check_names(call)?;
    call.need_own(state, Rule::MigrationsIndex)?;
    if call.ask.query("project_id") != Some(&call.caller.project) {
        call.need_own(state, Rule::MigrationsIndexAll)?;
    }
    let with_hosts = call.may(state, Rule::MigrationsHost, &call.caller.project);
    let (since, before) = (date(call, "changes-since", 59)?, date(call, "changes-before", 66)?);
    // A record that was never changed has no time of change, and the database compares nothing
    // with that: no list of changes shows it.
    let touched =
        |migration: &Migration| migration.updated.map(|updated| time::seconds(state.date(updated)));
    let mut found: Vec<&Migration> = state
        .migrations
        .recorded()
        .filter(|migration| passes(call, migration))
        .filter(|migration| {
            since.is_none_or(|since| touched(migration).is_some_and(|at| at >= since))
        })
        .filter(|migration| {
            before.is_none_or(|before| touched(migration).is_some_and(|at| at <= before))
        })
        .collect();
    let paged = call.since(59);
    let mut more = false;
    if paged {
        // Newest first; the numbers settle what was written within one second.
        found.reverse();
        let limit = lists::limit(call)?;
        let start = start(call, &found)?;
        more = call.ask.query("limit").is_some()
            && found.len().saturating_sub(start) >= limit
            && limit > 0;
        found = found.into_iter().skip(start).take(limit).collect();
    }
    let views: Vec<Value> =
        found.iter().map(|migration| record(state, call, migration, with_hosts)).collect();
    let mut body = json!({"migrations": views});
    if let (true, Some(last)) = (more, found.last()) {
        body["migrations_links"] = json!([lists::next(call, "os-migrations", last.uuid.as_str())]);
    }
    Ok(Reply::json(200, body))
}

fn check_names(call: &Call<'_>) -> Result<(), Fault> {
    if !call.since(59) {
        return Ok(());
    }
    let known =
        |name: &str| PARAMETERS.iter().any(|(known, since)| *known == name && call.since(*since));
    let unknown: Vec<String> = call
        .ask
        .query
        .iter()
        .filter(|(name, _)| !known(name))
        .map(|(name, _)| format!("'{name}'"))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let were = if unknown.len() == 1 { "was" } else { "were" };
    Err(Fault::bad_request(format!(
        "Additional properties are not allowed ({} {were} unexpected)",
        unknown.join(", ")
    )))
}

fn passes(call: &Call<'_>, migration: &Migration) -> bool {
    let is = |name: &str, test: &dyn Fn(&str) -> bool| call.ask.query(name).is_none_or(test);
    let at = |name: &str| {
        migration.source.as_str() == name
            || migration.destination.as_ref().is_some_and(|host| host.as_str() == name)
    };
    is("status", &|status| migration.status.as_str() == status)
        && is("host", &at)
        && is("instance_uuid", &|id| migration.server.as_str() == id)
        && is("source_compute", &|host| migration.source.as_str() == host)
        && is("migration_type", &|kind| kind == "live-migration")
        && is("hidden", &|hidden| !matches!(hidden, "1" | "true" | "True"))
        && (!call.since(80) || is("user_id", &|user| migration.by.user == user))
        && (!call.since(80) || is("project_id", &|project| migration.by.project == project))
}

fn date(call: &Call<'_>, name: &str, from: u16) -> Result<Option<i64>, Fault> {
    let Some(text) = call.ask.query(name).filter(|_| call.since(from)) else {
        return Ok(None);
    };
    let parsed = time::parse(text).map(time::seconds);
    parsed.map(Some).ok_or_else(|| {
        Fault::bad_request(format!("Invalid input for query parameters {name}. Value: {text}. '{text}' is not a 'date-time'"))
    })
}

fn start(call: &Call<'_>, found: &[&Migration]) -> Result<usize, Fault> {
    let Some(marker) = call.ask.query("marker") else {
        return Ok(0);
    };
    let place = found.iter().position(|migration| migration.uuid.as_str() == marker);
    place
        .map(|place| place + 1)
        .ok_or_else(|| Fault::bad_request(format!("Marker {marker} could not be found.")))
}

fn record(state: &State, call: &Call<'_>, migration: &Migration, with_hosts: bool) -> Value {
    let destination = migration.destination.as_ref().filter(|_| with_hosts);
    let source = with_hosts.then_some(&migration.source);
    let mut view = json!({
        "id": migration.number,
        "source_compute": source,
        "source_node": source,
        "dest_compute": destination,
        "dest_node": destination,
        "dest_host": null,
        "old_instance_type_id": migration.flavor.0,
        "new_instance_type_id": migration.flavor.0,
        "instance_uuid": migration.server,
        "status": migration.status.as_str(),
        "created_at": state.date_seconds(migration.created),
        "updated_at": migration.updated.map(|at| state.date_seconds(at)),
    });
    if call.since(23) {
        view["migration_type"] = json!("live-migration");
        if migration.status.in_progress() {
            view["links"] = call
                .links(&format!("servers/{}/migrations/{}", migration.server, migration.number));
        }
    }
    if call.since(59) {
        view["uuid"] = json!(migration.uuid);
    }
    if call.since(80) {
        view["user_id"] = json!(migration.by.user);
        view["project_id"] = json!(migration.by.project);
    }
    view
}

pub(super) fn of_server(state: &mut State, call: &Call<'_>, id: &str, rest: &[&str]) -> Answer {
    let since = match (call.ask.method.as_str(), rest) {
        ("POST", [_, "action"]) => 22,
        ("GET", [] | [_]) => 23,
        ("DELETE", [_]) => 24,
        _ => return Err(Fault::no_resource()),
    };
    if !call.since(since) {
        return Err(Fault::no_resource());
    }
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => in_progress(state, call, id),
        ("GET", [number]) => show(state, call, id, number),
        ("POST", [number, _]) => {
            let body = call.body()?;
            let mut keys = body.as_object().into_iter().flatten();
            match (keys.next(), keys.next()) {
                (Some((key, Value::Null)), None) if key == "force_complete" => {}
                (Some((key, _)), None) if key != "force_complete" => {
                    return Err(Fault::bad_request(format!("There is no such action: {key}")));
                }
                _ => return Err(Fault::bad_request("Malformed request body")),
            }
            let id = call.server_for(state, id, Rule::ForceComplete)?.id.clone();
            let done = state.force_complete(&call.caller, &id, number);
            done.map(|()| Reply::status(202)).map_err(|refused| match refused {
                // Unlike abort, a migration that does not exist is a bad request here.
                Refused::NoMigration { .. } => Fault::bad_request(refused.to_string()),
                other => other.into(),
            })
        }
        (_, [number]) => {
            let id = call.server_for(state, id, Rule::AbortMigration)?.id.clone();
            state.abort_migration(&call.caller, &id, number, call.since(65))?;
            Ok(Reply::status(202))
        }
        _ => Err(Fault::no_resource()),
    }
}

fn in_progress(state: &State, call: &Call<'_>, id: &str) -> Answer {
    let server = call.server_for(state, id, Rule::ServerMigrationsIndex)?;
    let with_hosts = call.may(state, Rule::ServerMigrationsHost, &server.project);
    let list: Vec<Value> = state
        .migrations
        .recorded()
        .filter(|migration| {
            migration.server == server.id
                && migration.is_recorded()
                && migration.status.in_progress()
        })
        .map(|migration| progress(state, call, migration, with_hosts))
        .collect();
    Ok(Reply::json(200, json!({"migrations": list})))
}

fn show(state: &State, call: &Call<'_>, id: &str, number: &str) -> Answer {
    let server = call.server_for(state, id, Rule::ServerMigrationsShow)?;
    let migration = number.parse().ok().and_then(|number| state.migration(MigrationNumber(number)));
    let migration =
        migration.filter(|migration| migration.server == server.id && migration.is_recorded());
    let Some(migration) = migration else {
        return Err(Fault::not_found(format!(
            "In-progress live migration {number} is not found for server {id}."
        )));
    };
    if !migration.status.in_progress() {
        return Err(Fault::not_found(format!(
            "Live migration {number} for server {id} is not in progress."
        )));
    }
    Ok(Reply::json(200, json!({"migration": progress(state, call, migration, true)})))
}

fn progress(state: &State, call: &Call<'_>, migration: &Migration, with_hosts: bool) -> Value {
    let destination = migration.destination.as_ref().filter(|_| with_hosts);
    let source = with_hosts.then_some(&migration.source);
    let memory = migration.memory(state.now);
    let mut view = json!({
        "id": migration.number,
        "status": migration.status.as_str(),
        "server_uuid": migration.server,
        "source_compute": source,
        "source_node": source,
        "dest_compute": destination,
        "dest_node": destination,
        "dest_host": null,
        "memory_total_bytes": memory.map(|(total, _)| total),
        "memory_processed_bytes": memory.map(|(_, done)| done),
        "memory_remaining_bytes": memory.map(|(total, done)| total - done),
        "disk_total_bytes": null,
        "disk_processed_bytes": null,
        "disk_remaining_bytes": null,
        "created_at": state.date_seconds(migration.created),
        "updated_at": migration.updated.map(|at| state.date_seconds(at)),
    });
    if call.since(59) {
        view["uuid"] = json!(migration.uuid);
    }
    if call.since(80) {
        view["user_id"] = json!(migration.by.user);
        view["project_id"] = json!(migration.by.project);
    }
    view
}
