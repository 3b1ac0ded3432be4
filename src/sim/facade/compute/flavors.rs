//! Flavors, their extra specs, and which projects may use the private ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Answer, Call, lists};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, Is, NAME, Shape};
use crate::sim::ids;
use crate::sim::state::catalog::Flavor;
use crate::sim::state::{Rule, State};

pub(super) fn route(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => list(state, call, false),
        ("GET", ["detail"]) => list(state, call, true),
        ("POST", []) => create(state, call),
        ("GET", [id]) => {
            let flavor = find(state, call, id)?;
            Ok(Reply::json(200, json!({"flavor": view(call, flavor, true)})))
        }
        ("PUT", [id]) if call.since(55) => describe(state, call, id),
        ("DELETE", [id]) => {
            call.need_own(state, Rule::FlavorsDelete)?;
            let number = find(state, call, id)?.number;
            state.catalog.flavors.retain(|flavor| flavor.number != number);
            Ok(Reply::status(202))
        }
        (_, [id, "os-extra_specs", rest @ ..]) => extra_specs(state, call, id, rest),
        ("GET", [id, "os-flavor-access"]) => {
            call.need_own(state, Rule::FlavorAccess)?;
            let flavor = find(state, call, id)?;
            if flavor.public {
                return Err(Fault::not_found("Access list not available for public flavors."));
            }
            Ok(access_list(flavor))
        }
        ("POST", [id, "action"]) => change_access(state, call, id),
        _ => Err(Fault::no_resource()),
    }
}

static DESCRIBE: Shape =
    Shape { required: &["flavor"], fields: &[("flavor", Is::Object(&DESCRIBED))], open: false };
static DESCRIBED: Shape = Shape {
    required: &["description"],
    fields: &[("description", Is::Maybe(&Is::Text { min: 0, max: 65535, pattern: None }))],
    open: false,
};

/// `PUT /flavors/{id}`, since 2.55: nothing but the description can be changed.
fn describe(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let body = call.body()?;
    schema::check(&body, &DESCRIBE)?;
    call.need_own(state, Rule::FlavorsUpdate)?;
    let flavor = state.catalog.flavor_mut(id).ok_or_else(|| not_found(id))?;
    flavor.description = body["flavor"]["description"].as_str().map(str::to_owned);
    Ok(Reply::json(200, json!({"flavor": view(call, flavor, true)})))
}

fn extra_specs(state: &mut State, call: &Call<'_>, id: &str, rest: &[&str]) -> Answer {
    let missing =
        |key: &str| Fault::not_found(format!("Flavor {id} has no extra specs with key {key}."));
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => {
            let specs = &find(state, call, id)?.extra_specs;
            Ok(Reply::json(200, json!({"extra_specs": specs})))
        }
        ("GET", [key]) => {
            let specs = &find(state, call, id)?.extra_specs;
            let value = specs.get(*key).ok_or_else(|| missing(key))?;
            Ok(Reply::json(200, single(key, value)))
        }
        ("POST", []) => {
            let body = call.body()?;
            let specs = specs(body.get("extra_specs").unwrap_or(&Value::Null))?;
            call.need_own(state, Rule::ExtraSpecsCreate)?;
            let flavor = state.catalog.flavor_mut(id).ok_or_else(|| not_found(id))?;
            flavor.extra_specs.extend(specs);
            Ok(Reply::json(200, json!({"extra_specs": body["extra_specs"]})))
        }
        ("PUT", [key]) => {
            let body = call.body()?;
            let specs = specs(&body)?;
            call.need_own(state, Rule::ExtraSpecsUpdate)?;
            let value = specs.get(*key).filter(|_| specs.len() == 1);
            let value = value.ok_or_else(|| Fault::bad_request("Request body and URI mismatch"))?;
            let flavor = state.catalog.flavor_mut(id).ok_or_else(|| not_found(id))?;
            flavor.extra_specs.insert((*key).to_owned(), value.clone());
            Ok(Reply::json(200, single(key, value)))
        }
        ("DELETE", [key]) => {
            call.need_own(state, Rule::ExtraSpecsDelete)?;
            let flavor = state.catalog.flavor_mut(id).ok_or_else(|| not_found(id))?;
            flavor.extra_specs.remove(*key).ok_or_else(|| missing(key))?;
            Ok(Reply::status(200))
        }
        _ => Err(Fault::no_resource()),
    }
}

fn single(key: &str, value: &str) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), json!(value))]))
}

/// Reads extra specs; their values are text or numbers.
fn specs(asked: &Value) -> Result<BTreeMap<String, String>, Fault> {
    let Some(pairs) = asked.as_object() else {
        return Err(Fault::bad_request("'extra_specs' is a required property"));
    };
    let text = |value: &Value| match value {
        Value::String(text) if text.len() <= 255 => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    schema::check_field("extra_specs", &keys(pairs), Is::Pairs)?;
    let read = |(key, value): (&String, &Value)| {
        let text = text(value).ok_or_else(|| {
            let shown = schema::python(value);
            Fault::bad_request(format!(
                "Invalid input for field/attribute {key}. Value: {shown}. {shown} is not of type 'string', 'number'"
            ))
        })?;
        Ok((key.clone(), text))
    };
    pairs.iter().map(read).collect()
}

/// The same keys with empty values, to check the keys alone.
fn keys(pairs: &Map<String, Value>) -> Value {
    Value::Object(pairs.keys().map(|key| (key.clone(), json!(""))).collect())
}

fn access_list(flavor: &Flavor) -> Reply {
    let list: Vec<Value> = flavor
        .access
        .iter()
        .map(|project| json!({"flavor_id": flavor.id, "tenant_id": project}))
        .collect();
    Reply::json(200, json!({"flavor_access": list}))
}

static TENANT: Shape = Shape { required: &["tenant"], fields: &[("tenant", NAME)], open: false };

/// `addTenantAccess` and `removeTenantAccess`.
fn change_access(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let body = call.body()?;
    let mut keys = body.as_object().into_iter().flatten();
    let (Some((action, asked)), None) = (keys.next(), keys.next()) else {
        return Err(Fault::bad_request("Malformed request body"));
    };
    let (add, rule) = match action.as_str() {
        "addTenantAccess" => (true, Rule::FlavorAccessAdd),
        "removeTenantAccess" => (false, Rule::FlavorAccessRemove),
        other => return Err(Fault::bad_request(format!("There is no such action: {other}"))),
    };
    schema::check_field(action, asked, Is::Object(&TENANT))?;
    call.need_own(state, rule)?;
    let project = asked["tenant"].as_str().unwrap_or_default().to_owned();
    if !state.identity.projects.iter().any(|known| known.id == project) {
        return Err(Fault::bad_request(format!("Project ID {project} is not a valid project.")));
    }
    let flavor = state.catalog.flavor_mut(id).ok_or_else(|| not_found(id))?;
    if add && flavor.public && call.since(7) {
        return Err(Fault::conflict("Cannot add access to a public flavor."));
    }
    if add && !flavor.access.insert(project.clone()) {
        return Err(Fault::conflict(format!(
            "Flavor access already exists for flavor {id} and project {project} combination."
        )));
    }
    if !add && !flavor.access.remove(&project) {
        return Err(Fault::not_found(format!(
            "Flavor access not found for {id} / {project} combination."
        )));
    }
    Ok(access_list(flavor))
}

fn not_found(id: &str) -> Fault {
    Fault::not_found(format!("Flavor {id} could not be found."))
}

/// The flavor, if it is there and the caller may know of it.
fn find<'s>(state: &'s State, call: &Call<'_>, id: &str) -> Result<&'s Flavor, Fault> {
    let flavor = state.catalog.flavor(id).map(AsRef::as_ref);
    let seen = |flavor: &&Flavor| call.caller.is_admin() || flavor.is_for(&call.caller.project);
    flavor.filter(seen).ok_or_else(|| not_found(id))
}

/// Which flavors a list shows; operators choose by `is_public`, others cannot.
fn seen<'c>(call: &'c Call<'_>) -> impl Fn(&Flavor) -> bool + use<'c> {
    let asked = call.ask.query("is_public").filter(|_| call.caller.is_admin());
    let public = match asked.map(str::to_ascii_lowercase).as_deref() {
        Some("none") => None,
        Some("false" | "f" | "no" | "0") => Some(false),
        _ => Some(true),
    };
    move |flavor| match public {
        None => true,
        Some(true) => flavor.is_for(&call.caller.project),
        Some(false) => !flavor.public,
    }
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
    let shown = seen(call);
    let mut found: Vec<&Flavor> = state
        .catalog
        .flavors
        .iter()
        .map(AsRef::as_ref)
        .filter(|flavor| shown(flavor))
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
        access: BTreeSet::new(),
    });
    Ok(Reply::json(200, json!({"flavor": view(call, &flavor, true)})))
}
