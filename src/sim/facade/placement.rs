//! Placement: providers, their inventories, usages and allocations; read only.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::identity;
use super::request::{Ask, Reply};
use crate::sim::state::State;
use crate::sim::state::placement::{Provider, Resources};

pub(super) fn answer(state: &mut State, ask: &Ask) -> Reply {
    let newest = state.settings.release.newest_placement();
    if ask.method == "GET" && ask.segments.is_empty() {
        let version = json!({
            "id": "v1.0",
            "status": "CURRENT",
            "min_version": "1.0",
            "max_version": format!("1.{newest}"),
            "links": [{"rel": "self", "href": ""}],
        });
        return Reply::json(200, json!({"versions": [version]}));
    }
    let caller = match identity::caller(state, ask) {
        Ok(caller) => caller,
        Err(reply) => return reply,
    };
    let version = match microversion(ask, newest) {
        Ok(version) => version,
        Err(fault) => return fault.placement(&ask.request_id),
    };
    let answered = if caller.is_admin() {
        route(state, ask, version)
    } else {
        Err(Fault::new(
            403,
            "Access was denied to this resource.\n\n placement:resource_providers:list  ",
        ))
    };
    let reply = answered.unwrap_or_else(|fault| fault.placement(&ask.request_id));
    reply
        .header("openstack-api-version", format!("placement 1.{version}"))
        .header("vary", "openstack-api-version".to_owned())
}

fn microversion(ask: &Ask, newest: u16) -> Result<u16, Fault> {
    let Some(header) = ask.header("openstack-api-version") else {
        return Ok(0);
    };
    let Some(wanted) = header.split(',').find_map(|part| part.trim().strip_prefix("placement "))
    else {
        return Ok(0);
    };
    let wanted = wanted.trim();
    if wanted == "latest" {
        return Ok(newest);
    }
    let minor = wanted.strip_prefix("1.").and_then(|minor| minor.parse().ok());
    minor
        .filter(|minor| *minor <= newest)
        .ok_or_else(|| Fault::new(406, format!("Unacceptable version header: {wanted}")))
}

fn route(state: &State, ask: &Ask, version: u16) -> Result<Reply, Fault> {
    let path = ask.path();
    if ask.method != "GET" {
        return Err(Fault::not_simulated(&ask.method, &ask.full_path()));
    }
    match path.as_slice() {
        ["resource_providers"] => Ok(list(state, ask, version)),
        ["resource_providers", uuid] => {
            Ok(Reply::json(200, provider_view(find(state, uuid)?, version)))
        }
        ["resource_providers", uuid, "inventories"] => Ok(inventories(find(state, uuid)?)),
        ["resource_providers", uuid, "usages"] => {
            let provider = find(state, uuid)?;
            let body = json!({"usages": resources(provider.used), "resource_provider_generation": provider.generation});
            Ok(Reply::json(200, body))
        }
        ["resource_providers", uuid, "allocations"] => {
            Ok(charges_of(state, find(state, uuid)?, version))
        }
        ["resource_providers", uuid, "traits"] => {
            let provider = find(state, uuid)?;
            let disabled =
                state.computes.host(&provider.name).is_some_and(|service| service.disabled);
            let traits = if disabled { vec!["COMPUTE_STATUS_DISABLED"] } else { vec![] };
            let body =
                json!({"traits": traits, "resource_provider_generation": provider.generation});
            Ok(Reply::json(200, body))
        }
        ["resource_providers", uuid, "aggregates"] => {
            let provider = find(state, uuid)?;
            let aggregates: Vec<&str> = state
                .computes
                .aggregates
                .values()
                .filter(|aggregate| aggregate.hosts.contains(&provider.name))
                .map(|aggregate| aggregate.uuid.as_str())
                .collect();
            let body = json!({"aggregates": aggregates, "resource_provider_generation": provider.generation});
            Ok(Reply::json(200, body))
        }
        ["allocations", consumer] => Ok(allocations(state, consumer, version)),
        ["usages"] if version >= 9 => usages(state, ask),
        _ => Err(Fault::not_simulated(&ask.method, &ask.full_path())),
    }
}

fn find<'a>(state: &'a State, uuid: &str) -> Result<&'a Provider, Fault> {
    state.placement.provider_by_uuid(uuid).ok_or_else(|| {
        Fault::not_found(format!(
            "The resource could not be found.\n\n No resource provider with uuid {uuid} found  "
        ))
    })
}

fn list(state: &State, ask: &Ask, version: u16) -> Reply {
    let found = state.placement.providers().filter(|provider| {
        ask.query("name").is_none_or(|name| provider.name.as_str() == name)
            && ask.query("uuid").is_none_or(|uuid| provider.uuid == uuid)
    });
    let list: Vec<Value> = found.map(|provider| provider_view(provider, version)).collect();
    Reply::json(200, json!({"resource_providers": list}))
}

fn provider_view(provider: &Provider, version: u16) -> Value {
    let uuid = &provider.uuid;
    let kinds = ["", "/inventories", "/usages", "/allocations", "/traits", "/aggregates"];
    let links: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            let rel = if kind.is_empty() { "self" } else { kind.trim_start_matches('/') };
            json!({"rel": rel, "href": format!("/placement/resource_providers/{uuid}{kind}")})
        })
        .collect();
    let mut view = json!({
        "uuid": uuid,
        "name": provider.name,
        "generation": provider.generation,
        "links": links,
    });
    if version >= 14 {
        view["parent_provider_uuid"] = Value::Null;
        view["root_provider_uuid"] = json!(uuid);
    }
    view
}

fn inventories(provider: &Provider) -> Reply {
    let classes: Map<String, Value> = provider
        .inventories()
        .iter()
        .map(|inventory| {
            let view = json!({
                "total": inventory.total,
                "reserved": inventory.reserved,
                "min_unit": 1,
                "max_unit": inventory.total,
                "step_size": 1,
                "allocation_ratio": inventory.ratio,
            });
            (inventory.class.to_owned(), view)
        })
        .collect();
    let body = json!({"inventories": classes, "resource_provider_generation": provider.generation});
    Reply::json(200, body)
}

fn resources(resources: Resources) -> Value {
    Value::Object(
        resources
            .by_class()
            .into_iter()
            .map(|(class, amount)| (class.to_owned(), json!(amount)))
            .collect(),
    )
}

fn charged(resources: Resources) -> Value {
    let classes = resources.by_class().into_iter().filter(|(_, amount)| *amount > 0);
    Value::Object(classes.map(|(class, amount)| (class.to_owned(), json!(amount))).collect())
}

fn charges_of(state: &State, provider: &Provider, version: u16) -> Reply {
    let mut consumers = Map::new();
    for (id, consumer) in state.placement.consumers() {
        if let Some(resources) = consumer.charges.get(&provider.name) {
            let mut view = json!({"resources": charged(*resources)});
            if version >= 28 {
                view["consumer_generation"] = json!(consumer.generation);
            }
            consumers.insert(id.clone(), view);
        }
    }
    let body =
        json!({"allocations": consumers, "resource_provider_generation": provider.generation});
    Reply::json(200, body)
}

fn allocations(state: &State, id: &str, version: u16) -> Reply {
    let Some(consumer) = state.placement.consumer(id) else {
        return Reply::json(200, json!({"allocations": {}}));
    };
    let mut by_provider = Map::new();
    for (host, resources) in &consumer.charges {
        if let Some(provider) = state.placement.provider(host) {
            let view = json!({"resources": charged(*resources), "generation": provider.generation});
            by_provider.insert(provider.uuid.clone(), view);
        }
    }
    let mut body = json!({"allocations": by_provider});
    if version >= 12 {
        body["project_id"] = json!(consumer.project);
        body["user_id"] = json!(consumer.user);
    }
    if version >= 28 {
        body["consumer_generation"] = json!(consumer.generation);
    }
    Reply::json(200, body)
}

fn usages(state: &State, ask: &Ask) -> Result<Reply, Fault> {
    let project = ask.query("project_id").ok_or_else(|| {
        Fault::bad_request("Invalid query string parameters: 'project_id' is a required property")
    })?;
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    let theirs = state.placement.consumers().filter(|(_, consumer)| {
        consumer.project == project && ask.query("user_id").is_none_or(|user| consumer.user == user)
    });
    for resources in theirs.flat_map(|(_, consumer)| consumer.charges.values()) {
        for (class, amount) in resources.by_class() {
            *sums.entry(class).or_default() += amount;
        }
    }
    Ok(Reply::json(200, json!({"usages": sums})))
}
