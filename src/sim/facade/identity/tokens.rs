//! `POST /v3/auth/tokens`: who somebody is, and which project they ask for.

use serde_json::Value;

use super::{token_body, unauthorized};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::{Ask, Reply};
use crate::sim::ids;
use crate::sim::state::State;
use crate::sim::state::identity::{DOMAIN, Token};

pub(super) fn authenticate(state: &mut State, ask: &Ask) -> Result<Reply, Fault> {
    let body = ask.json().ok_or_else(|| Fault::bad_request("Malformed JSON in request body"))?;
    let identity = &body["auth"]["identity"];
    let Some(methods) = identity["methods"].as_array() else {
        return Err(Fault::bad_request(
            "Expecting to find identity in auth. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.",
        ));
    };
    let method = match methods.as_slice() {
        [method] => method.as_str().unwrap_or_default(),
        _ => return Err(unauthorized()),
    };
    let scope = &body["auth"]["scope"];
    let proof = &identity[method];
    let mut token = match method {
        "password" => by_password(state, &proof["user"])?,
        "token" => by_token(state, proof)?,
        "application_credential" => {
            if !scope.is_null() {
                return Err(Fault::new(401, "Application credentials cannot request a scope."));
            }
            by_credential(state, proof)?
        }
        _ => {
            return Err(Fault::new(401, "Attempted to authenticate with an unsupported method."));
        }
    };
    if token.credential.is_none() {
        token.project = scoped(state, &token.user, scope)?;
    }
    let reply =
        Reply::json(201, token_body(state, &token, &ask.base, ask.query("nocatalog").is_none()));
    let id = state.identity.issue(token).id.clone();
    Ok(reply.header("x-subject-token", id).header("vary", "X-Auth-Token".to_owned()))
}

fn fresh(state: &State, user: &str, method: &'static str) -> Token {
    Token {
        id: format!("gAAAAA{}{}", ids::plain_uuid(), ids::plain_uuid()),
        user: user.to_owned(),
        project: None,
        methods: vec![method],
        issued: state.now,
        expires: state.now + state.settings.token_life,
        audit: ids::plain_uuid()[..22].to_owned(),
        credential: None,
    }
}

fn in_domain(domain: &Value) -> bool {
    domain["id"] == DOMAIN.0 || domain["name"] == DOMAIN.1
}

fn by_password(state: &State, user: &Value) -> Result<Token, Fault> {
    let known = match (user["id"].as_str(), user["name"].as_str()) {
        (Some(id), _) => state.identity.users.iter().find(|known| known.id == id),
        (None, Some(name)) if in_domain(&user["domain"]) => {
            state.identity.users.iter().find(|known| known.name == name)
        }
        _ => None,
    };
    let known =
        known.filter(|known| user["password"] == known.password).ok_or_else(unauthorized)?;
    Ok(fresh(state, &known.id, "password"))
}

fn by_token(state: &State, proof: &Value) -> Result<Token, Fault> {
    let old = proof["id"]
        .as_str()
        .and_then(|id| state.identity.token(id, state.now))
        .ok_or_else(unauthorized)?;
    // A token that came from another one does not live longer than that.
    let mut methods = vec!["token"];
    methods.extend(old.methods.iter().filter(|method| **method != "token"));
    Ok(Token { expires: old.expires, methods, ..fresh(state, &old.user, "token") })
}

fn by_credential(state: &State, proof: &Value) -> Result<Token, Fault> {
    let known = state.identity.credentials.iter().find(|known| {
        let owner = state.identity.user(&known.user);
        let user = &proof["user"];
        let owned = owner.is_some_and(|owner| user["id"] == owner.id || user["name"] == owner.name);
        proof["id"] == known.id || (proof["name"] == known.name && owned)
    });
    let known = known.filter(|known| proof["secret"] == known.secret).ok_or_else(unauthorized)?;
    let token = fresh(state, &known.user, "application_credential");
    Ok(Token { project: Some(known.project.clone()), credential: Some(known.id.clone()), ..token })
}

/// The project that a token is for; `None` if it is for none.
fn scoped(state: &State, user: &str, scope: &Value) -> Result<Option<String>, Fault> {
    if scope.is_null() || scope == "unscoped" {
        return Ok(None);
    }
    let project = &scope["project"];
    let known = match (project["id"].as_str(), project["name"].as_str()) {
        (Some(id), _) => state.identity.projects.iter().find(|known| known.id == id),
        (None, Some(name)) if in_domain(&project["domain"]) => {
            state.identity.projects.iter().find(|known| known.name == name)
        }
        _ => None,
    };
    let known = known.filter(|known| !state.identity.roles(user, &known.id).is_empty());
    known.map(|known| Some(known.id.clone())).ok_or_else(unauthorized)
}
