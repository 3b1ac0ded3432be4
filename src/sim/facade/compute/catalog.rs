//! Flavors and key pairs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Answer, Call, lists};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, Is, NAME, Shape};
use crate::sim::ids;
use crate::sim::state::catalog::{Flavor, KeyPair};
use crate::sim::state::{Rule, State};

pub(super) fn flavors(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => list(state, call, false),
        ("GET", ["detail"]) => list(state, call, true),
        ("POST", []) => create(state, call),
        ("GET", [id]) => {
            let flavor = find(state, id)?;
            Ok(Reply::json(200, json!({"flavor": view(call, flavor, true)})))
        }
        ("DELETE", [id]) => {
            call.need_own(state, Rule::FlavorsDelete)?;
            let number = find(state, id)?.number;
            state.catalog.flavors.retain(|flavor| flavor.number != number);
            Ok(Reply::status(202))
        }
        ("GET", [id, "os-extra_specs"]) => {
            let flavor = find(state, id)?;
            Ok(Reply::json(200, json!({"extra_specs": flavor.extra_specs})))
        }
        (_, [_, ..]) => Err(Fault::not_simulated(&call.ask.method, "/flavors/{id}/…")),
        _ => Err(Fault::no_resource()),
    }
}

fn find<'s>(state: &'s State, id: &str) -> Result<&'s Flavor, Fault> {
    let flavor = state.catalog.flavor(id);
    flavor
        .map(AsRef::as_ref)
        .ok_or_else(|| Fault::not_found(format!("Flavor {id} could not be found.")))
}

fn list(state: &State, call: &Call<'_>, detail: bool) -> Answer {
    let least = |name: &str| -> Result<u64, Fault> {
        let Some(text) = call.ask.query(name) else {
            return Ok(0);
        };
        text.parse().map_err(|_| Fault::bad_request(format!("Invalid {name} filter [{text}]")))
    };
    let (ram, disk) = (least("minRam")?, least("minDisk")?);
    let name = call.ask.query("name").filter(|_| call.since(102));
    let hidden = call.caller.is_admin()
        && call
            .ask
            .query("is_public")
            .is_some_and(|public| public != "True" && public != "true" && public != "1");
    let mut found: Vec<&Flavor> = state
        .catalog
        .flavors
        .iter()
        .map(AsRef::as_ref)
        .filter(|flavor| flavor.public || hidden)
        .filter(|flavor| {
            flavor.ram >= ram && flavor.disk >= disk && name.is_none_or(|name| flavor.name == name)
        })
        .collect();
    if call.ask.query("sort_key") == Some("name") {
        found.sort_by_key(|flavor| &flavor.name);
    }
    if call.ask.query("sort_dir") == Some("desc") {
        found.reverse();
    }
    let limit = lists::limit(call)?;
    let start = match call.ask.query("marker") {
        Some(marker) => match found.iter().position(|flavor| flavor.id == marker) {
            Some(place) => place + 1,
            None => return Err(Fault::bad_request(format!("marker [{marker}] not found"))),
        },
        None => 0,
    };
    let page: Vec<&Flavor> = found.into_iter().skip(start).take(limit).collect();
    let views: Vec<Value> = page.iter().map(|flavor| view(call, flavor, detail)).collect();
    let mut body = json!({"flavors": views});
    if call.ask.query("limit").is_some()
        && page.len() == limit
        && let Some(last) = page.last()
    {
        let path = if detail { "flavors/detail" } else { "flavors" };
        body["flavors_links"] = json!([lists::next(call, path, &last.id)]);
    }
    Ok(Reply::json(200, body))
}

fn view(call: &Call<'_>, flavor: &Flavor, detail: bool) -> Value {
    let mut view = json!({
        "id": flavor.id,
        "name": flavor.name,
        "links": call.links(&format!("flavors/{}", flavor.id)),
    });
    if call.since(55) {
        view["description"] = json!(flavor.description);
    }
    if !detail {
        return view;
    }
    view["vcpus"] = json!(flavor.vcpus);
    view["ram"] = json!(flavor.ram);
    view["disk"] = json!(flavor.disk);
    view["swap"] = match flavor.swap {
        // Before 2.75 no swap is an empty text.
        0 if !call.since(75) => json!(""),
        swap => json!(swap),
    };
    view["OS-FLV-EXT-DATA:ephemeral"] = json!(flavor.ephemeral);
    view["OS-FLV-DISABLED:disabled"] = json!(false);
    view["os-flavor-access:is_public"] = json!(flavor.public);
    view["rxtx_factor"] = json!(1.0);
    if call.since(61) {
        view["extra_specs"] = json!(flavor.extra_specs);
    }
    view
}

const AMOUNT: Is = Is::Whole { min: 0, max: 2_147_483_647 };
static CREATE: Shape =
    Shape { required: &["flavor"], fields: &[("flavor", Is::Object(&NEW))], open: false };
static NEW: Shape = Shape {
    required: &["name", "ram", "vcpus", "disk"],
    fields: &[
        ("name", NAME),
        ("id", Is::Any),
        ("ram", Is::Count),
        ("vcpus", Is::Count),
        ("disk", AMOUNT),
        ("OS-FLV-EXT-DATA:ephemeral", AMOUNT),
        ("swap", AMOUNT),
        ("rxtx_factor", Is::Any),
        ("os-flavor-access:is_public", Is::Bool),
        ("description", Is::Maybe(&Is::Text { min: 0, max: 65535, pattern: None })),
    ],
    open: false,
};

fn create(state: &mut State, call: &Call<'_>) -> Answer {
    let body = call.body()?;
    schema::check(&body, &CREATE)?;
    call.need_own(state, Rule::FlavorsCreate)?;
    let asked = &body["flavor"];
    let amount = |field: &str| {
        schema::number(&asked[field]).and_then(|amount| u64::try_from(amount).ok()).unwrap_or(0)
    };
    let id = match &asked["id"] {
        Value::String(id) if id != "auto" => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => ids::uuid(),
    };
    let name = asked["name"].as_str().unwrap_or_default().to_owned();
    if state.catalog.flavors.iter().any(|flavor| flavor.name == name) {
        return Err(Fault::conflict(format!("Flavor with name {name} already exists.")));
    }
    if state.catalog.flavor(&id).is_some() {
        return Err(Fault::conflict(format!("Flavor with ID {id} already exists.")));
    }
    let flavor = state.catalog.add_flavor(Flavor {
        number: 0,
        id,
        name,
        vcpus: amount("vcpus"),
        ram: amount("ram"),
        disk: amount("disk"),
        ephemeral: amount("OS-FLV-EXT-DATA:ephemeral"),
        swap: amount("swap"),
        public: asked.get("os-flavor-access:is_public").is_none_or(schema::truth),
        description: asked["description"].as_str().map(str::to_owned),
        extra_specs: BTreeMap::new(),
    });
    Ok(Reply::json(200, json!({"flavor": view(call, &flavor, true)})))
}

static KEY_PAIR: Shape =
    Shape { required: &["keypair"], fields: &[("keypair", Is::Object(&NEW_KEY))], open: false };
static NEW_KEY: Shape = Shape {
    required: &["name"],
    fields: &[
        ("name", NAME),
        ("public_key", Is::Text { min: 1, max: 65535, pattern: None }),
        ("type", Is::Word(&["ssh", "x509"])),
        ("user_id", NAME),
    ],
    open: false,
};

pub(super) fn key_pairs(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Answer {
    let user = call.caller.user.clone();
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => {
            let mine = state.catalog.key_pairs.iter().filter(|((owner, _), _)| *owner == user);
            let list: Vec<Value> =
                mine.map(|(_, pair)| json!({"keypair": key_view(call, pair)})).collect();
            Ok(Reply::json(200, json!({"keypairs": list})))
        }
        ("GET", [name]) => {
            let pair = state
                .catalog
                .key_pairs
                .get(&(user.clone(), (*name).to_owned()))
                .ok_or_else(|| no_key(&user, name))?;
            let mut view = key_view(call, pair);
            view["created_at"] = json!(state.date_seconds(pair.created));
            view["id"] = json!(1);
            view["user_id"] = json!(user);
            view["deleted"] = json!(false);
            view["deleted_at"] = Value::Null;
            view["updated_at"] = Value::Null;
            Ok(Reply::json(200, json!({"keypair": view})))
        }
        ("POST", []) => create_key(state, call, &user),
        ("DELETE", [name]) => {
            let key = (user.clone(), (*name).to_owned());
            state.catalog.key_pairs.remove(&key).ok_or_else(|| no_key(&user, name))?;
            Ok(Reply::status(if call.since(2) { 204 } else { 202 }))
        }
        _ => Err(Fault::no_resource()),
    }
}

fn no_key(user: &str, name: &str) -> Fault {
    Fault::not_found(format!("Keypair {name} not found for user {user}"))
}

fn key_view(call: &Call<'_>, pair: &KeyPair) -> Value {
    let mut view = Map::new();
    view.insert("name".to_owned(), json!(pair.name));
    view.insert("public_key".to_owned(), json!(pair.public_key));
    view.insert("fingerprint".to_owned(), json!(pair.fingerprint));
    if call.since(2) {
        view.insert("type".to_owned(), json!(pair.kind));
    }
    Value::Object(view)
}

fn create_key(state: &mut State, call: &Call<'_>, user: &str) -> Answer {
    let body = call.body()?;
    schema::check(&body, &KEY_PAIR)?;
    let asked = &body["keypair"];
    let name = asked["name"].as_str().unwrap_or_default().to_owned();
    let fits =
        |c: char| c.is_alphanumeric() || " _-".contains(c) || (call.since(92) && "@.".contains(c));
    if !name.chars().all(fits) {
        return Err(Fault::bad_request(
            "Keypair data is invalid: Keypair name contains unsafe characters",
        ));
    }
    let Some(public_key) = asked["public_key"].as_str() else {
        return Err(Fault::not_simulated("POST", "/os-keypairs without a public_key"));
    };
    if !public_key.starts_with("ssh-")
        && !public_key.starts_with("ecdsa-")
        && asked["type"] != "x509"
    {
        return Err(Fault::bad_request("Keypair data is invalid: failed to generate fingerprint"));
    }
    let key = (user.to_owned(), name.clone());
    if state.catalog.key_pairs.contains_key(&key) {
        return Err(Fault::conflict(format!("Key pair '{name}' already exists.")));
    }
    let mine = state.catalog.key_pairs.keys().filter(|(owner, _)| owner == user).count();
    let limit = state.quotas_of(&call.caller.project).key_pairs;
    if usize::try_from(limit).is_ok_and(|limit| mine >= limit) {
        return Err(Fault::new(403, "Quota exceeded, too many key pairs."));
    }
    let digits = ids::plain_uuid();
    let fingerprint: Vec<&str> = (0..16).map(|place| &digits[place * 2..place * 2 + 2]).collect();
    let pair = KeyPair {
        name,
        kind: asked["type"].as_str().unwrap_or("ssh").to_owned(),
        public_key: public_key.to_owned(),
        fingerprint: fingerprint.join(":"),
        created: state.now,
    };
    let mut view = key_view(call, &pair);
    view["user_id"] = json!(user);
    state.catalog.key_pairs.insert(key, pair);
    Ok(Reply::json(if call.since(2) { 201 } else { 200 }, json!({"keypair": view})))
}
