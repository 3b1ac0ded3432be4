//! Keystone v3: tokens by password, application credential and token; catalog; look-ups.

use serde_json::{Value, json};

use super::fault::Fault;
use super::request::{Ask, Reply};
use crate::sim::ids;
use crate::sim::state::identity::{DOMAIN, ROLES, Token};
use crate::sim::state::{Caller, State};

const REGION: &str = "RegionOne";

pub(super) fn answer(state: &mut State, ask: &Ask) -> Reply {
    route(state, ask).unwrap_or_else(|fault| fault.keystone())
}

fn route(state: &mut State, ask: &Ask) -> Result<Reply, Fault> {
    let path = ask.path();
    match (ask.method.as_str(), path.as_slice()) {
        ("GET", []) => Ok(Reply::json(300, json!({"versions": {"values": [version(&ask.base)]}}))),
        ("GET", ["v3"]) => Ok(Reply::json(200, json!({"version": version(&ask.base)}))),
        ("POST", ["v3", "auth", "tokens"]) => authenticate(state, ask),
        (_, ["v3", rest @ ..]) => with_token(state, ask, rest),
        _ => Err(Fault::not_found("The resource could not be found.")),
    }
}

fn version(base: &str) -> Value {
    json!({
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{base}/identity/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    })
}

fn unauthorized() -> Fault {
    Fault::new(401, "The request you have made requires authentication.")
}

/// Who asks, by the token of a request to any service; Keystone's middleware answers otherwise.
pub(super) fn caller(state: &State, ask: &Ask) -> Result<Caller, Reply> {
    let token = ask.header("x-auth-token").and_then(|id| state.identity.token(id, state.now));
    let found = token.and_then(|token| {
        let user = state.identity.user(&token.user)?;
        let project = token.project.clone()?;
        let roles = state
            .identity
            .roles(&user.id, &project)
            .iter()
            .map(|role| (*role).to_owned())
            .collect();
        Some(Caller { user: user.id.clone(), project, roles, request_id: ask.request_id.clone() })
    });
    found.ok_or_else(|| {
        let uri = format!("Keystone uri=\"{}/identity\"", ask.base);
        unauthorized().keystone().header("www-authenticate", uri)
    })
}

fn with_token(state: &mut State, ask: &Ask, path: &[&str]) -> Result<Reply, Fault> {
    let token = ask.header("x-auth-token").and_then(|id| state.identity.token(id, state.now));
    let token = token.cloned().ok_or_else(unauthorized)?;
    let admin = token
        .project
        .as_ref()
        .is_some_and(|at| state.identity.roles(&token.user, at).contains(&"admin"));
    match (ask.method.as_str(), path) {
        ("GET" | "HEAD", ["auth", "tokens"]) => {
            let subject = subject(state, ask, &token, admin)?;
            let body = token_body(state, &subject, &ask.base, ask.query("nocatalog").is_none());
            Ok(Reply::json(200, body).header("x-subject-token", subject.id))
        }
        ("DELETE", ["auth", "tokens"]) => {
            let subject = subject(state, ask, &token, admin)?;
            state.identity.revoke(&subject.id);
            Ok(Reply::status(204))
        }
        ("GET", ["auth", "catalog"]) => {
            let catalog = catalog(&ask.base, token.project.as_deref());
            Ok(Reply::json(
                200,
                json!({"catalog": catalog, "links": {"self": format!("{}/identity/v3/auth/catalog", ask.base)}}),
            ))
        }
        ("GET", ["auth", "projects"]) => {
            let identity = &state.identity;
            let mine = identity
                .projects
                .iter()
                .filter(|project| !identity.roles(&token.user, &project.id).is_empty());
            let projects: Vec<Value> = mine
                .map(|project| named(&ask.base, "projects", &project.id, &project.name))
                .collect();
            Ok(Reply::json(200, json!({"projects": projects, "links": {}})))
        }
        (
            "GET",
            [
                kind @ ("projects" | "users" | "roles" | "domains" | "services" | "endpoints"),
                rest @ ..,
            ],
        ) => look_up(state, ask, &token, admin, kind, rest),
        _ => Err(Fault::not_simulated(&ask.method, &ask.full_path())),
    }
}

fn subject(state: &State, ask: &Ask, token: &Token, admin: bool) -> Result<Token, Fault> {
    let id = ask.header("x-subject-token").unwrap_or_default();
    let subject =
        state.identity.token(id, state.now).filter(|subject| admin || subject.user == token.user);
    subject.cloned().ok_or_else(|| Fault::not_found("Could not find token."))
}

/// Lists and single entries of what everybody needs to look up by name.
fn look_up(
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

fn named(base: &str, kind: &str, id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "name": name,
        "domain_id": DOMAIN.0,
        "enabled": true,
        "links": {"self": format!("{base}/identity/v3/{kind}/{id}")},
    })
}

fn authenticate(state: &mut State, ask: &Ask) -> Result<Reply, Fault> {
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

fn token_body(state: &State, token: &Token, base: &str, with_catalog: bool) -> Value {
    let identity = &state.identity;
    let domain = json!({"id": DOMAIN.0, "name": DOMAIN.1});
    let name = identity.user(&token.user).map_or("", |user| user.name.as_str());
    let mut body = json!({
        "methods": token.methods,
        "issued_at": format!("{}Z", state.date_micros(token.issued)),
        "expires_at": format!("{}Z", state.date_micros(token.expires)),
        "audit_ids": [token.audit],
        "user": {"id": token.user, "name": name, "domain": domain, "password_expires_at": null},
    });
    if let Some(project) = token.project.as_deref().and_then(|id| identity.project(id)) {
        let held = identity.roles(&token.user, &project.id);
        let roles: Vec<Value> = ROLES
            .iter()
            .zip(&identity.role_ids)
            .filter(|(role, _)| held.contains(role))
            .map(|(role, id)| json!({"id": id, "name": role}))
            .collect();
        body["project"] = json!({"id": project.id, "name": project.name, "domain": domain});
        body["roles"] = Value::Array(roles);
        body["is_domain"] = json!(false);
        if with_catalog {
            body["catalog"] = catalog(base, Some(&project.id));
        }
    }
    if let Some(credential) =
        identity.credentials.iter().find(|known| Some(&known.id) == token.credential.as_ref())
    {
        body["application_credential"] =
            json!({"id": credential.id, "name": credential.name, "restricted": true});
    }
    json!({"token": body})
}

fn catalog(base: &str, project: Option<&str>) -> Value {
    if project.is_none() {
        return json!([]);
    }
    let services = [
        ("identity", "keystone", "identity"),
        ("compute", "nova", "compute/v2.1"),
        ("image", "glance", "image"),
        ("network", "neutron", "network"),
        ("placement", "placement", "placement"),
    ];
    let entry = |(kind, name, path): (&str, &str, &str)| {
        let endpoints: Vec<Value> = ["public", "internal", "admin"]
            .iter()
            .map(|interface| {
                json!({
                    "id": format!("{kind}-{interface}"),
                    "interface": interface,
                    "region": REGION,
                    "region_id": REGION,
                    "url": format!("{base}/{path}"),
                })
            })
            .collect();
        json!({"id": kind, "type": kind, "name": name, "endpoints": endpoints})
    };
    Value::Array(services.map(entry).to_vec())
}
