//! Application credentials: a name and a secret that stand for a user in one project.

use serde_json::{Value, json};

use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::{Ask, Reply};
use crate::sim::ids;
use crate::sim::state::State;
use crate::sim::state::identity::{Credential, ROLES, Token};

/// Answers for `/v3/users/{user}/application_credentials`; everybody has only their own.
pub(super) fn answer(
    state: &mut State,
    ask: &Ask,
    token: &Token,
    user: &str,
    rest: &[&str],
) -> Result<Reply, Fault> {
    if user != token.user {
        return Err(Fault::new(
            403,
            "You are not authorized to perform the requested action: identity:list_application_credentials.",
        ));
    }
    match (ask.method.as_str(), rest) {
        ("GET", []) => {
            let mine = state.identity.credentials.iter().filter(|known| known.user == user);
            let named =
                mine.filter(|known| ask.query("name").is_none_or(|name| known.name == name));
            let list: Vec<Value> = named.map(|known| view(state, ask, known)).collect();
            Ok(Reply::json(200, json!({"application_credentials": list, "links": {}})))
        }
        ("GET", [id]) => {
            let known = find(state, user, id)?;
            Ok(Reply::json(200, json!({"application_credential": view(state, ask, known)})))
        }
        ("POST", []) => create(state, ask, token),
        ("DELETE", [id]) => {
            let id = find(state, user, id)?.id.clone();
            state.identity.credentials.retain(|known| known.id != id);
            Ok(Reply::status(204))
        }
        _ => Err(Fault::not_simulated(&ask.method, &ask.full_path())),
    }
}

fn find<'s>(state: &'s State, user: &str, id: &str) -> Result<&'s Credential, Fault> {
    let known =
        state.identity.credentials.iter().find(|known| known.user == user && known.id == id);
    known.ok_or_else(|| Fault::not_found(format!("Could not find Application Credential: {id}.")))
}

fn create(state: &mut State, ask: &Ask, token: &Token) -> Result<Reply, Fault> {
    let body = ask.json().ok_or_else(|| Fault::bad_request("Malformed JSON in request body"))?;
    let asked = &body["application_credential"];
    let Some(name) = asked["name"].as_str().filter(|name| !name.is_empty()) else {
        return Err(Fault::bad_request("'name' is a required property"));
    };
    for field in ["roles", "access_rules", "expires_at"] {
        let given = asked.get(field).is_some_and(|value| !value.is_null() && *value != json!([]));
        if given {
            return Err(Fault::not_simulated("POST", &format!("{} with {field}", ask.full_path())));
        }
    }
    let Some(project) = token.project.clone() else {
        return Err(Fault::bad_request("Application credentials need a project."));
    };
    if state.identity.credentials.iter().any(|known| known.user == token.user && known.name == name)
    {
        return Err(Fault::conflict(format!(
            "Conflict occurred attempting to store application_credential - Duplicate entry found with name {name}."
        )));
    }
    let secret = asked["secret"].as_str().map_or_else(ids::plain_uuid, str::to_owned);
    let made = Credential {
        id: ids::plain_uuid(),
        name: name.to_owned(),
        secret: secret.clone(),
        user: token.user.clone(),
        project,
    };
    let mut view = view(state, ask, &made);
    // The only time that the secret is told.
    view["secret"] = json!(secret);
    state.identity.credentials.push(made);
    Ok(Reply::json(201, json!({"application_credential": view})))
}

fn view(state: &State, ask: &Ask, known: &Credential) -> Value {
    let held = state.identity.roles(&known.user, &known.project);
    let roles: Vec<Value> = ROLES
        .iter()
        .zip(&state.identity.role_ids)
        .filter(|(role, _)| held.contains(role))
        .map(|(role, id)| json!({"id": id, "name": role}))
        .collect();
    json!({
        "id": known.id,
        "name": known.name,
        "description": null,
        "project_id": known.project,
        "user_id": known.user,
        "expires_at": null,
        "unrestricted": false,
        "roles": roles,
        "access_rules": [],
        "links": {"self": format!("{}/identity/v3/users/{}/application_credentials/{}", ask.base, known.user, known.id)},
    })
}
