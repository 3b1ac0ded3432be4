//! Operators make and delete projects and users, and say who has which role where.

use serde_json::{Value, json};

use super::lookups::named;
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::{Ask, Reply};
use crate::sim::state::State;
use crate::sim::state::identity::{DOMAIN, ROLES};

/// `POST /projects` and `POST /users`.
pub(super) fn create(state: &mut State, ask: &Ask, kind: &str) -> Result<Reply, Fault> {
    let single = kind.trim_end_matches('s');
    let body = ask.json().unwrap_or(Value::Null);
    let asked = &body[single];
    let name = asked["name"].as_str().map(str::trim).filter(|name| (1..=255).contains(&name.len()));
    let Some(name) = name else {
        return Err(Fault::bad_request(format!(
            "Invalid input for field '{single}': 'name' is a required property"
        )));
    };
    if let Some(domain) = asked["domain_id"].as_str().filter(|domain| *domain != DOMAIN.0) {
        return Err(Fault::not_found(format!("Could not find domain: {domain}.")));
    }
    let identity = &mut state.identity;
    let taken = match kind {
        "projects" => identity.projects.iter().any(|known| known.name == name),
        _ => identity.users.iter().any(|known| known.name == name),
    };
    if taken {
        return Err(Fault::conflict(format!(
            "Conflict occurred attempting to store {single} - it is not permitted to have two {kind} with the same name in the same domain: {name}."
        )));
    }
    let id = match kind {
        "projects" => identity.add_project(name),
        _ => identity.add_person(name, asked["password"].as_str()),
    };
    let mut shown = named(&ask.base, kind, &id, name);
    for field in ["description", "email", "default_project_id"] {
        if let Some(value) = asked.get(field) {
            shown[field] = value.clone();
        }
    }
    let mut body = json!({});
    body[single] = shown;
    Ok(Reply::json(201, body))
}

/// `DELETE /projects/{id}` and `DELETE /users/{id}`; their tokens end with them.
pub(super) fn delete(state: &mut State, kind: &str, id: &str) -> Result<Reply, Fault> {
    let gone = match kind {
        "projects" => state.delete_project(id),
        _ => state.delete_user(id),
    };
    if gone {
        return Ok(Reply::status(204));
    }
    let single = kind.trim_end_matches('s');
    Err(Fault::not_found(format!("Could not find {single}: {id}.")))
}

/// `/projects/{project}/users/{user}/roles` and what is below.
pub(super) fn roles(
    state: &mut State,
    ask: &Ask,
    [project, user]: [&str; 2],
    rest: &[&str],
) -> Result<Reply, Fault> {
    let identity = &mut state.identity;
    if !identity.projects.iter().any(|known| known.id == project) {
        return Err(Fault::not_found(format!("Could not find project: {project}.")));
    }
    let names: Vec<(String, &'static str)> = identity.role_ids.iter().cloned().zip(ROLES).collect();
    let Some(holder) = identity.users.iter_mut().find(|known| known.id == user) else {
        return Err(Fault::not_found(format!("Could not find user: {user}.")));
    };
    let held = |role: &str| holder.roles.iter().any(|(at, held)| at == project && *held == role);
    if let ("GET", []) = (ask.method.as_str(), rest) {
        let list: Vec<Value> = names
            .iter()
            .filter(|(_, name)| held(name))
            .map(|(id, name)| named(&ask.base, "roles", id, name))
            .collect();
        return Ok(Reply::json(200, json!({"roles": list, "links": {}})));
    }
    let [wanted] = rest else {
        return Err(Fault::not_found("The resource could not be found."));
    };
    let missing = || Fault::not_found(format!("Could not find role: {wanted}."));
    let role = names.iter().find(|(id, _)| id == wanted).map(|(_, name)| *name);
    let role = role.ok_or_else(missing)?;
    match ask.method.as_str() {
        "PUT" if held(role) => {}
        "PUT" => holder.roles.push((project.to_owned(), role)),
        _ if !held(role) => return Err(missing()),
        "DELETE" => holder.roles.retain(|(at, held)| at != project || *held != role),
        _ => {}
    }
    Ok(Reply::status(204))
}
