//! Glance v2, as far as booting needs it: versions, list, show.

use serde_json::{Value, json};

use super::fault::Fault;
use super::identity;
use super::request::{Ask, Reply};
use crate::sim::state::State;
use crate::sim::state::catalog::Image;

pub(super) fn answer(state: &mut State, ask: &Ask) -> Reply {
    let path = ask.path();
    if let ("GET", [] | ["versions"]) = (ask.method.as_str(), path.as_slice()) {
        let link = json!([{"rel": "self", "href": format!("{}/image/v2/", ask.base)}]);
        let versions = json!([{"id": "v2.16", "status": "CURRENT", "links": link}]);
        let status = if path.is_empty() { 300 } else { 200 };
        return Reply::json(status, json!({"versions": versions}));
    }
    if let Err(reply) = identity::caller(state, ask) {
        return reply;
    }
    let answered = match (ask.method.as_str(), path.as_slice()) {
        ("GET", ["v2", "images"]) => list(state, ask),
        ("GET", ["v2", "images", id]) => match state.catalog.image(id) {
            Some(image) => Ok(Reply::json(200, view(state, image))),
            None => Err(Fault::not_found(format!("No image found with ID {id}"))),
        },
        ("GET", ["v2", "schemas", "image" | "images"]) => {
            Ok(Reply::json(200, json!({"name": "image", "properties": {}})))
        }
        _ => Err(Fault::not_simulated(&ask.method, &ask.full_path())),
    };
    answered.unwrap_or_else(|fault| {
        Reply::text(
            fault.code,
            &format!(
                "<html><head><title>{0} {1}</title></head><body><h1>{0} {1}</h1>{2}</body></html>",
                fault.code,
                fault.title(),
                fault.message
            ),
        )
    })
}

fn list(state: &State, ask: &Ask) -> Result<Reply, Fault> {
    let limit: usize = match ask.query("limit") {
        Some(limit) => {
            limit.parse().map_err(|_| Fault::bad_request("limit param must be an integer"))?
        }
        None => 25,
    };
    let wanted = |image: &&Image| {
        ask.query("name").is_none_or(|name| image.name == name.trim_start_matches("in:"))
            && ask.query("status").is_none_or(|status| image.status == status)
            && ask
                .query("visibility")
                .is_none_or(|visibility| matches!(visibility, "public" | "all"))
            && ask.query("owner").is_none()
            && ask.query("id").is_none_or(|id| image.id == id)
    };
    let found: Vec<&Image> = state.catalog.images.iter().filter(wanted).collect();
    let start = match ask.query("marker") {
        Some(marker) => match found.iter().position(|image| image.id == marker) {
            Some(place) => place + 1,
            None => {
                return Err(Fault::bad_request(format!(
                    "Image {marker} could not be found for marker"
                )));
            }
        },
        None => 0,
    };
    let page: Vec<Value> =
        found.iter().skip(start).take(limit).map(|image| view(state, image)).collect();
    let mut body = json!({"images": page, "first": "/v2/images", "schema": "/v2/schemas/images"});
    if found.len() > start + limit
        && let Some(last) = found.get(start + limit - 1)
    {
        body["next"] = json!(format!("/v2/images?limit={limit}&marker={}", last.id));
    }
    Ok(Reply::json(200, body))
}

fn view(state: &State, image: &Image) -> Value {
    let created = state.date_z(std::time::Duration::ZERO);
    json!({
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "visibility": "public",
        "owner": state.catalog.networks.first().map(|network| network.project.clone()),
        "min_ram": image.min_ram,
        "min_disk": image.min_disk,
        "size": image.size,
        "virtual_size": null,
        "checksum": null,
        "container_format": "bare",
        "disk_format": "qcow2",
        "protected": false,
        "os_hidden": false,
        "tags": [],
        "created_at": created,
        "updated_at": created,
        "self": format!("/v2/images/{}", image.id),
        "file": format!("/v2/images/{}/file", image.id),
        "schema": "/v2/schemas/image",
    })
}
