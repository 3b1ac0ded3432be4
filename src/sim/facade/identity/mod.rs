//! Keystone v3: tokens by password, application credential and token; catalog; look-ups.

mod accounts;
mod credentials;
mod lookups;
mod tokens;

use serde_json::{Value, json};

use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::{Ask, Reply};
use crate::sim::state::identity::{DOMAIN, ROLES, Token};
use crate::sim::state::{Caller, State};

const REGION: &str = "RegionOne";

pub(in crate::sim::facade) fn answer(state: &mut State, ask: &Ask) -> Reply {
    route(state, ask).unwrap_or_else(|fault| fault.keystone())
}

fn route(state: &mut State, ask: &Ask) -> Result<Reply, Fault> {
    let path = ask.path();
    match (ask.method.as_str(), path.as_slice()) {
        ("GET", []) => Ok(Reply::json(300, json!({"versions": {"values": [version(&ask.base)]}}))),
        ("GET", ["v3"]) => Ok(Reply::json(200, json!({"version": version(&ask.base)}))),
        ("POST", ["v3", "auth", "tokens"]) => tokens::authenticate(state, ask),
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
pub(in crate::sim::facade) fn caller(state: &State, ask: &Ask) -> Result<Caller, Reply> {
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
                .map(|project| lookups::named(&ask.base, "projects", &project.id, &project.name))
                .collect();
            Ok(Reply::json(200, json!({"projects": projects, "links": {}})))
        }
        (_, ["users", user, "application_credentials", rest @ ..]) => {
            credentials::answer(state, ask, &token, user, rest)
        }
        (
            "GET" | "HEAD" | "PUT" | "DELETE",
            ["projects", project, "users", user, "roles", rest @ ..],
        ) if admin => accounts::roles(state, ask, [project, user], rest),
        ("POST", [kind @ ("projects" | "users")]) if admin => accounts::create(state, ask, kind),
        ("DELETE", [kind @ ("projects" | "users"), id]) if admin => {
            accounts::delete(state, kind, id)
        }
        ("POST", ["projects" | "users"]) | ("DELETE", ["projects" | "users", _]) => {
            Err(Fault::new(403, "You are not authorized to perform the requested action."))
        }
        ("GET", ["role_assignments"]) if admin => Ok(lookups::role_assignments(state, ask)),
        (
            "GET",
            [
                kind @ ("projects" | "users" | "roles" | "domains" | "services" | "endpoints"),
                rest @ ..,
            ],
        ) => lookups::look_up(state, ask, &token, admin, kind, rest),
        _ => Err(Fault::not_simulated(&ask.method, &ask.full_path())),
    }
}

fn subject(state: &State, ask: &Ask, token: &Token, admin: bool) -> Result<Token, Fault> {
    let id = ask.header("x-subject-token").unwrap_or_default();
    let subject =
        state.identity.token(id, state.now).filter(|subject| admin || subject.user == token.user);
    subject.cloned().ok_or_else(|| Fault::not_found("Could not find token."))
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
