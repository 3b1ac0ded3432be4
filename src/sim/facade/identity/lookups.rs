//! Projects, users, roles and domains, looked up by id or name.

use serde_json::{Value, json};

use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::{Ask, Reply};
use crate::sim::state::State;
use crate::sim::state::identity::{DOMAIN, ROLES, Token};

/// Lists and single entries of what everybody needs to look up by name.
pub(super) fn look_up(
    state: &State,
    ask: &Ask,
    token: &Token,
    admin: bool,
    kind: &str,
    rest: &[&str],
) -> Result<Reply, Fault> {
    let identity = &state.identity;
    let entries: Vec<(String, String)> = match kind {
        "projects" => identity
            .projects
            .iter()
            .map(|project| (project.id.clone(), project.name.clone()))
            .collect(),
        "users" => identity.users.iter().map(|user| (user.id.clone(), user.name.clone())).collect(),
        "roles" => identity.role_ids.iter().cloned().zip(ROLES.map(str::to_owned)).collect(),
        "domains" => vec![(DOMAIN.0.to_owned(), DOMAIN.1.to_owned())],
        _ => return Err(Fault::not_simulated(&ask.method, &ask.full_path())),
    };
    let mine = |id: &str| id == token.user || token.project.as_deref() == Some(id);
    let single = kind.trim_end_matches('s');
    match rest {
        [] if admin => {
            let wanted = ask.query("name");
            let found =
                entries.iter().filter(|(_, name)| wanted.is_none_or(|wanted| wanted == name));
            let list: Vec<Value> =
                found.map(|(id, name)| named(&ask.base, kind, id, name)).collect();
            let mut body = serde_json::Map::new();
            body.insert(kind.to_owned(), Value::Array(list));
            body.insert("links".to_owned(), json!({"next": null, "previous": null}));
            Ok(Reply::json(200, Value::Object(body)))
        }
        [id] if admin || mine(id) => {
            let Some((id, name)) = entries.iter().find(|(known, _)| known == id) else {
                return Err(Fault::not_found(format!("Could not find {single}: {id}.")));
            };
            let mut body = serde_json::Map::new();
            body.insert(single.to_owned(), named(&ask.base, kind, id, name));
            Ok(Reply::json(200, Value::Object(body)))
        }
        [] | [_] => {
            let verb = if rest.is_empty() { "list" } else { "get" };
            Err(Fault::new(
                403,
                format!(
                    "You are not authorized to perform the requested action: identity:{verb}_{kind}."
                ),
            ))
        }
        _ => Err(Fault::not_simulated(&ask.method, &ask.full_path())),
    }
}

pub(super) fn named(base: &str, kind: &str, id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "name": name,
        "domain_id": DOMAIN.0,
        "enabled": true,
        "links": {"self": format!("{base}/identity/v3/{kind}/{id}")},
    })
}

/// Who has which role where; the implied ones are not listed, as in Keystone.
pub(super) fn role_assignments(state: &State, ask: &Ask) -> Reply {
    let identity = &state.identity;
    let wanted = |name: &str, id: &str| ask.query(name).is_none_or(|wanted| wanted == id);
    let with_names = ask.query("include_names").is_some();
    let domain = json!({"id": DOMAIN.0, "name": DOMAIN.1});
    let mut list = Vec::new();
    for user in identity.users.iter().filter(|user| wanted("user.id", &user.id)) {
        for (project, role) in &user.roles {
            let place = ROLES.iter().position(|known| known == role).unwrap_or_default();
            let role_id = identity.role_ids.get(place).cloned().unwrap_or_default();
            if !wanted("scope.project.id", project) || !wanted("role.id", &role_id) {
                continue;
            }
            let mut entry = json!({
                "role": {"id": role_id},
                "user": {"id": user.id},
                "scope": {"project": {"id": project}},
                "links": {"assignment": format!("{}/identity/v3/projects/{project}/users/{}/roles/{role_id}", ask.base, user.id)},
            });
            if with_names {
                entry["role"]["name"] = json!(role);
                entry["user"]["name"] = json!(user.name);
                entry["user"]["domain"] = domain.clone();
                entry["scope"]["project"]["name"] =
                    json!(identity.project(project).map(|known| known.name.as_str()));
                entry["scope"]["project"]["domain"] = domain.clone();
            }
            list.push(entry);
        }
    }
    Reply::json(200, json!({"role_assignments": list, "links": {"next": null, "previous": null}}))
}
