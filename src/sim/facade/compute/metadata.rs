//! Metadata and tags of an instance.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::events::names::ServerId;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, Is, Shape};
use crate::sim::state::{Refused, Rule, Server, State};

static METADATA: Shape =
    Shape { required: &["metadata"], fields: &[("metadata", Is::Pairs)], open: false };
static META: Shape = Shape { required: &["meta"], fields: &[("meta", Is::Pairs)], open: false };
const TAG: Is = Is::Text { min: 1, max: 60, pattern: Some("^[^,/]*$") };
static TAGS: Shape =
    Shape { required: &["tags"], fields: &[("tags", Is::List(&TAG))], open: false };

pub(super) fn metadata(state: &mut State, call: &Call<'_>, id: &str, rest: &[&str]) -> Answer {
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => {
            let server = call.server_for(state, id, Rule::MetadataIndex)?;
            Ok(Reply::json(200, json!({"metadata": server.metadata})))
        }
        ("GET", [key]) => {
            let server = call.server_for(state, id, Rule::MetadataShow)?;
            let value = server.metadata.get(*key).ok_or_else(no_item)?;
            Ok(Reply::json(200, json!({"meta": {*key: value}})))
        }
        ("POST", []) => set(state, call, id, Rule::MetadataCreate, false),
        ("PUT", []) => set(state, call, id, Rule::MetadataUpdateAll, true),
        ("PUT", [key]) => {
            let body = call.body()?;
            schema::check(&body, &META)?;
            let pairs = pairs(&body["meta"]);
            if pairs.len() != 1 || !pairs.contains_key(*key) {
                return Err(Fault::bad_request("Request body and URI mismatch"));
            }
            let id = call.server_for(state, id, Rule::MetadataUpdate)?.id.clone();
            change(state, call, &id, |server| server.metadata.extend(pairs.clone()))?;
            Ok(Reply::json(200, json!({"meta": pairs})))
        }
        ("DELETE", [key]) => {
            let server = call.server_for(state, id, Rule::MetadataDelete)?;
            if !server.metadata.contains_key(*key) {
                return Err(no_item());
            }
            let id = server.id.clone();
            change(state, call, &id, |server| {
                server.metadata.remove(*key);
            })?;
            Ok(Reply::status(204))
        }
        _ => Err(Fault::no_resource()),
    }
}

fn no_item() -> Fault {
    Fault::not_found("Metadata item was not found")
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn set(state: &mut State, call: &Call<'_>, id: &str, rule: Rule, replace: bool) -> Answer {
    let body = call.body()?;
    schema::check(&body, &METADATA)?;
    let server = call.server_for(state, id, rule)?;
    let (id, mut merged) = (server.id.clone(), server.metadata.clone());
    if replace {
        merged.clear();
    }
    merged.extend(pairs(&body["metadata"]));
    let limit = state.quotas_of(&call.caller.project).metadata_items;
    if usize::try_from(limit).is_ok_and(|limit| merged.len() > limit) {
        return Err(Fault::new(403, format!("Maximum number of metadata items exceeds {limit}")));
    }
    change(state, call, &id, |server| server.metadata.clone_from(&merged))?;
    Ok(Reply::json(200, json!({"metadata": merged})))
}

fn change(
    state: &mut State,
    call: &Call<'_>,
    id: &ServerId,
    edit: impl FnOnce(&mut Server),
) -> Result<(), Fault> {
    state.check_unlocked(&call.caller, id)?;
    let now = state.now;
    let Some(server) = state.servers.get_mut(id) else {
        return Err(Refused::NoInstance(id.to_string()).into());
    };
    edit(server);
    server.updated = now;
    Ok(())
}

pub(super) fn tags(state: &mut State, call: &Call<'_>, id: &str, rest: &[&str]) -> Answer {
    if !call.since(26) {
        return Err(Fault::no_resource());
    }
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => {
            let server = call.server_for(state, id, Rule::TagsIndex)?;
            Ok(Reply::json(200, json!({"tags": server.tags})))
        }
        ("GET", [tag]) => {
            let server = call.server_for(state, id, Rule::TagsShow)?;
            if server.tags.iter().any(|known| known == tag) {
                Ok(Reply::status(204))
            } else {
                Err(no_tag(id, tag))
            }
        }
        ("PUT", []) => {
            let body = call.body()?;
            schema::check(&body, &TAGS)?;
            let id = call.server_for(state, id, Rule::TagsUpdateAll)?.id.clone();
            let list = body["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let mut tags: Vec<String> = list.map(str::to_owned).collect();
            tags.sort();
            tags.dedup();
            if tags.len() > 50 {
                return Err(too_many(50));
            }
            change(state, call, &id, |server| server.tags.clone_from(&tags))?;
            Ok(Reply::json(200, json!({"tags": tags})))
        }
        ("PUT", [tag]) => {
            schema::check_field("tag", &json!(tag), TAG)?;
            let server = call.server_for(state, id, Rule::TagsUpdate)?;
            if server.tags.iter().any(|known| known == tag) {
                return Ok(Reply::status(204));
            }
            if server.tags.len() >= 50 {
                return Err(too_many(50));
            }
            let id = server.id.clone();
            change(state, call, &id, |server| {
                server.tags.push((*tag).to_owned());
                server.tags.sort();
            })?;
            Ok(Reply::status(201).header(
                "location",
                format!("{}/compute/v2.1/servers/{id}/tags/{tag}", call.ask.base),
            ))
        }
        ("DELETE", []) => {
            let id = call.server_for(state, id, Rule::TagsDeleteAll)?.id.clone();
            change(state, call, &id, |server| server.tags.clear())?;
            Ok(Reply::status(204))
        }
        ("DELETE", [tag]) => {
            let server = call.server_for(state, id, Rule::TagsDelete)?;
            if !server.tags.iter().any(|known| known == tag) {
                return Err(no_tag(id, tag));
            }
            let id = server.id.clone();
            change(state, call, &id, |server| server.tags.retain(|known| known != tag))?;
            Ok(Reply::status(204))
        }
        _ => Err(Fault::no_resource()),
    }
}

fn no_tag(id: &str, tag: &str) -> Fault {
    Fault::not_found(format!("Server {id} has no tag '{tag}'"))
}

fn too_many(limit: usize) -> Fault {
    Fault::bad_request(format!("The number of tags exceeded the per-server limit {limit}"))
}
