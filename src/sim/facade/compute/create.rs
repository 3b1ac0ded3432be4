//! `POST /servers`: what it may say at which microversion, and what it answers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use super::{Answer, Call};
use crate::events::names::ComputeName;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, HOST, Is, NAME, Shape};
use crate::sim::ids;
use crate::sim::state::creating::{BuildRequest, NewServers, Nics};
use crate::sim::state::{Rule, State};

/// A field of the body with the microversions that have it.
type Field = (&'static str, u16, u16, Is);

const LAST: u16 = u16::MAX;
const TEXT: Is = Is::Text { min: 0, max: 255, pattern: None };

static FIELDS: [Field; 28] = [
    ("name", 1, LAST, NAME),
    ("flavorRef", 1, LAST, Is::Any),
    ("imageRef", 1, LAST, Is::Any),
    ("adminPass", 1, LAST, TEXT),
    ("metadata", 1, LAST, Is::Pairs),
    ("networks", 1, LAST, Is::Any),
    ("personality", 1, 56, Is::Any),
    ("availability_zone", 1, LAST, NAME),
    ("block_device_mapping", 1, LAST, Is::Any),
    ("block_device_mapping_v2", 1, LAST, Is::Any),
    ("config_drive", 1, LAST, Is::Bool),
    ("key_name", 1, LAST, NAME),
    ("min_count", 1, LAST, Is::Count),
    ("max_count", 1, LAST, Is::Count),
    ("return_reservation_id", 1, LAST, Is::Bool),
    ("security_groups", 1, LAST, Is::List(&Is::Any)),
    ("user_data", 1, LAST, Is::Text { min: 0, max: 65535, pattern: None }),
    ("OS-DCF:diskConfig", 1, LAST, Is::Word(&["AUTO", "MANUAL"])),
    ("accessIPv4", 1, LAST, Is::Any),
    ("accessIPv6", 1, LAST, Is::Any),
    ("os:scheduler_hints", 1, LAST, Is::Any),
    ("OS-SCH-HNT:scheduler_hints", 1, LAST, Is::Any),
    ("description", 19, LAST, Is::Maybe(&TEXT)),
    ("tags", 52, LAST, Is::List(&Is::Text { min: 1, max: 60, pattern: Some("^[^,/]*$") })),
    ("trusted_image_certificates", 63, LAST, Is::Maybe(&Is::List(&NAME))),
    ("host", 74, LAST, HOST),
    ("hypervisor_hostname", 74, LAST, HOST),
    ("hostname", 90, LAST, Is::Text { min: 1, max: 255, pattern: Some("^[a-zA-Z0-9-._]*$") }),
];

static OUTER: Shape = Shape {
    required: &["server"],
    fields: &[
        ("server", Is::Any),
        ("os:scheduler_hints", Is::Any),
        ("OS-SCH-HNT:scheduler_hints", Is::Any),
    ],
    open: false,
};

pub(super) fn create(state: &mut State, call: &Call<'_>) -> Answer {
    let body = call.body()?;
    schema::check(&body, &OUTER)?;
    let asked = &body["server"];
    check_fields(call, asked)?;
    call.need_own(state, Rule::ServersCreate)?;
    let hints = hints(&body)?;
    let new = read(state, call, asked, hints)?;
    // "False", a text, is true to Nova here; only the boolean false is not.
    let by_reservation = match &asked["return_reservation_id"] {
        Value::String(text) => !text.is_empty(),
        other => schema::truth(other),
    };
    let created = state.create_servers(&call.caller, new)?;
    let first = created.first().and_then(|id| state.servers.get(id));
    let Some(first) = first else {
        return Err(Fault::new(500, "Nothing was created."));
    };
    if by_reservation {
        return Ok(Reply::json(202, json!({"reservation_id": first.reservation})));
    }
    let path = format!("servers/{}", first.id);
    let mut server = json!({
        "id": first.id,
        "links": call.links(&path),
        "OS-DCF:diskConfig": if first.disk_config_auto { "AUTO" } else { "MANUAL" },
        "adminPass": asked["adminPass"].as_str().map_or_else(|| ids::plain_uuid()[..12].to_owned(), str::to_owned),
    });
    let groups =
        asked.get("security_groups").cloned().unwrap_or_else(|| json!([{"name": "default"}]));
    server["security_groups"] = groups;
    let location = format!("{}/compute/v2.1/{path}", call.ask.base);
    Ok(Reply::json(202, json!({"server": server})).header("location", location))
}

/// Checks that every field is known at this microversion and well-formed.
fn check_fields(call: &Call<'_>, asked: &Value) -> Result<(), Fault> {
    let whole = |problem: String| {
        let shown = schema::python(asked);
        Fault::bad_request(format!(
            "Invalid input for field/attribute server. Value: {shown}. {problem}"
        ))
    };
    let Some(fields) = asked.as_object() else {
        return Err(whole(format!("{} is not of type 'object'", schema::python(asked))));
    };
    let mut required = vec!["name", "flavorRef"];
    if call.since(37) {
        required.push("networks");
    }
    if let Some(missing) = required.iter().find(|field| !fields.contains_key(**field)) {
        return Err(whole(format!("'{missing}' is a required property")));
    }
    for (field, value) in fields {
        let known = FIELDS.iter().find(|(name, since, until, _)| {
            name == field && (*since..=*until).contains(&call.minor)
        });
        let Some((.., is)) = known else {
            return Err(whole(format!(
                "Additional properties are not allowed ('{field}' was unexpected)"
            )));
        };
        schema::check_field(field, value, *is)?;
    }
    for field in ["block_device_mapping", "block_device_mapping_v2"] {
        if fields.contains_key(field) {
            return Err(Fault::not_simulated("POST", &format!("/servers with {field}")));
        }
    }
    Ok(())
}

/// The scheduler hints, under either name.
fn hints(body: &Value) -> Result<Value, Fault> {
    let hints = ["os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"]
        .iter()
        .find_map(|name| body.get(name).or_else(|| body["server"].get(name)));
    let hints = hints.cloned().unwrap_or_else(|| json!({}));
    schema::check_field("os:scheduler_hints", &hints, Is::Object(&HINTS))?;
    Ok(hints)
}

static HINTS: Shape = Shape { required: &[], fields: &[("group", Is::Uuid)], open: true };

fn read(state: &State, call: &Call<'_>, asked: &Value, hints: Value) -> Result<NewServers, Fault> {
    let count = |field: &str| {
        asked.get(field).and_then(schema::number).and_then(|count| usize::try_from(count).ok())
    };
    let min = count("min_count").unwrap_or(1);
    let max = count("max_count").unwrap_or(min);
    if min > max {
        return Err(Fault::bad_request("min_count must be <= max_count"));
    }
    let text = |field: &str| asked[field].as_str().map(str::to_owned);
    let hostname = text("hostname");
    if hostname.is_some() && max > 1 {
        return Err(Fault::bad_request(
            "Unable to allocate a single hostname to multiple instances",
        ));
    }
    let (zone, forced_host) = place(state, call, asked)?;
    let requested_host = text("host").or_else(|| text("hypervisor_hostname"));
    if requested_host.is_some() {
        call.need_own(state, Rule::RequestedDestination)?;
        if forced_host.is_some() {
            return Err(Fault::bad_request(
                "One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.",
            ));
        }
    }
    let name = text("name").unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        schema::check_field("name", &json!(""), NAME)?;
    }
    let list = |field: &str| -> Vec<String> {
        asked[field]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    Ok(NewServers {
        name,
        min,
        max,
        flavor: reference(&asked["flavorRef"]),
        image: reference(&asked["imageRef"]),
        hostname,
        description: text("description"),
        tags: sorted(list("tags")),
        metadata: pairs(asked["metadata"].as_object()),
        access_ips: (address(asked, "accessIPv4")?, address(asked, "accessIPv6")?),
        disk_config_auto: asked["OS-DCF:diskConfig"] == "AUTO",
        request: BuildRequest {
            hints,
            group: None,
            zone,
            forced_host,
            requested_host: requested_host.map(ComputeName::new),
            key_name: text("key_name"),
            config_drive: asked.get("config_drive").is_some_and(schema::truth),
            user_data: text("user_data"),
            security_groups: security_groups(call, asked)?,
            nics: nics(call, asked.get("networks"))?,
            trusted_certificates: asked["trusted_image_certificates"]
                .is_array()
                .then(|| list("trusted_image_certificates")),
        },
    })
}

/// `accessIPv4` or `accessIPv6` in its shortest form; empty if it is not given.
pub(super) fn address(asked: &Value, field: &str) -> Result<String, Fault> {
    let text = match &asked[field] {
        Value::Null => return Ok(String::new()),
        Value::String(text) if text.is_empty() => return Ok(String::new()),
        value => value.as_str().unwrap_or_default(),
    };
    let (kind, parsed) = if field == "accessIPv4" {
        ("ipv4", text.parse::<Ipv4Addr>().map(|address| address.to_string()).ok())
    } else {
        ("ipv6", text.parse::<Ipv6Addr>().map(|address| address.to_string()).ok())
    };
    parsed.ok_or_else(|| {
        Fault::bad_request(format!(
            "Invalid input for field/attribute {field}. Value: {text}. '{text}' is not a '{kind}'"
        ))
    })
}

/// An id, or the last segment of a URL that ends in one.
fn reference(value: &Value) -> String {
    let text = match value {
        Value::Number(number) => number.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort();
    tags.dedup();
    tags
}

fn pairs(object: Option<&Map<String, Value>>) -> BTreeMap<String, String> {
    let pairs = object.into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// The groups by name; every project has one, `default`.
fn security_groups(call: &Call<'_>, asked: &Value) -> Result<Vec<String>, Fault> {
    let named = asked["security_groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["name"].as_str());
    if let Some(unknown) = named.clone().find(|name| *name != "default") {
        let project = &call.caller.project;
        return Err(Fault::bad_request(format!(
            "Security group {unknown} not found for project {project}."
        )));
    }
    Ok(vec!["default".to_owned()])
}

/// Reads `az`, `az:host`, `az:host:node`, `az::node`.
fn place(
    state: &State,
    call: &Call<'_>,
    asked: &Value,
) -> Result<(Option<String>, Option<ComputeName>), Fault> {
    let Some(text) = asked["availability_zone"].as_str() else {
        return Ok((None, None));
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (zone, host) = match parts.as_slice() {
        [zone] => (*zone, ""),
        [zone, host] => (*zone, *host),
        [zone, "", node] => (*zone, *node),
        [zone, host, _] => (*zone, *host),
        _ => return Err(Fault::bad_request("Unable to parse availability_zone")),
    };
    if host.is_empty() {
        return Ok((Some(zone.to_owned()).filter(|zone| !zone.is_empty()), None));
    }
    call.need_own(state, Rule::ForcedHost)?;
    // A forced compute is for the boot only; the zone stays with the instance.
    let zone = (!zone.is_empty()).then(|| zone.to_owned());
    Ok((zone, Some(ComputeName::new(host))))
}

fn nics(call: &Call<'_>, networks: Option<&Value>) -> Result<Nics, Fault> {
    let Some(networks) = networks else {
        return Ok(Nics::Unsaid);
    };
    match networks {
        Value::String(word) if call.since(37) && word == "none" => Ok(Nics::None),
        Value::String(word) if call.since(37) && word == "auto" => Ok(Nics::Auto),
        Value::Array(list) if list.is_empty() && !call.since(37) => Ok(Nics::Unsaid),
        Value::Array(list) => {
            list.iter().map(|entry| nic(call, entry)).collect::<Result<_, _>>().map(Nics::These)
        }
        other => Err(Fault::bad_request(format!(
            "Invalid input for field/attribute networks. Value: {0}. {1} is not valid under any of the given schemas",
            other.as_str().map_or_else(|| schema::python(other), str::to_owned),
            schema::python(other)
        ))),
    }
}

static NIC: Shape = Shape {
    required: &[],
    fields: &[
        ("uuid", Is::Uuid),
        ("port", Is::Maybe(&Is::Uuid)),
        ("fixed_ip", Is::Any),
        ("tag", Is::Text { min: 1, max: 60, pattern: Some("^[^,/]*$") }),
    ],
    open: false,
};

/// One network (`Ok`) or port (`Err`) of the list.
fn nic(call: &Call<'_>, entry: &Value) -> Result<Result<String, String>, Fault> {
    schema::check_field("networks", entry, Is::Object(&NIC))?;
    // A slip of Nova's: tags were lost between 2.37 and 2.41.
    let tags = (32..=36).contains(&call.minor) || call.since(42);
    if entry.get("tag").is_some() && !tags {
        return Err(Fault::bad_request(format!(
            "Invalid input for field/attribute 0. Value: {}. Additional properties are not allowed ('tag' was unexpected)",
            schema::python(entry)
        )));
    }
    if let Some(port) = entry["port"].as_str() {
        return Ok(Err(port.to_owned()));
    }
    let network = entry["uuid"].as_str();
    network
        .map(|network| Ok(network.to_owned()))
        .ok_or_else(|| Fault::bad_request("Bad network format: missing 'uuid'"))
}
