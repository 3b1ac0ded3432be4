//! Nova's API v2.1: versions, tokens, microversions, and which operation a path is.

mod actions;
mod aggregates;
mod create;
mod flavors;
mod hosts;
mod instance_actions;
mod key_pairs;
mod lists;
mod metadata;
mod migrations;
mod project;
mod servers;
mod services;
mod version;
mod view;

use serde_json::{Value, json};

use super::fault::Fault;
use super::identity;
use super::request::{Ask, Reply};
use crate::events::names::{MigrationNumber, ServerId};
use crate::sim::clock::Shared;
use crate::sim::state::{Caller, Refused, Rule, Server, State, policy};

/// A request with what it needs to be judged.
pub(super) struct Call<'a> {
    pub(super) ask: &'a Ask,
    pub(super) caller: Caller,
    /// The microversion's minor number.
    pub(super) minor: u16,
    /// The path behind `/v2.1` and the project.
    pub(super) path: Vec<&'a str>,
}

/// What an operation answers.
pub(super) type Answer = Result<Reply, Fault>;

impl Call<'_> {
    /// Whether the microversion is at least 2.`minor`.
    pub(super) const fn since(&self, minor: u16) -> bool {
        self.minor >= minor
    }

    pub(super) fn may(&self, state: &State, rule: Rule, project: &str) -> bool {
        policy::allows(state.settings.release, &self.caller, rule, project)
    }

    /// 403 unless the caller passes `rule` for what belongs to `project`.
    pub(super) fn need(&self, state: &State, rule: Rule, project: &str) -> Result<(), Fault> {
        if self.may(state, rule, project) { Ok(()) } else { Err(Fault::forbidden(rule.name())) }
    }

    /// The same for the caller's own project.
    pub(super) fn need_own(&self, state: &State, rule: Rule) -> Result<(), Fault> {
        self.need(state, rule, &self.caller.project)
    }

    /// The instance, if it is there and the caller may know of it.
    pub(super) fn server<'s>(&self, state: &'s State, id: &str) -> Result<&'s Server, Fault> {
        let server = state.servers.get(&ServerId::new(id));
        let visible =
            server.filter(|server| self.caller.is_admin() || server.project == self.caller.project);
        visible.ok_or_else(|| Refused::NoInstance(id.to_owned()).into())
    }

    /// The instance, if the caller also passes `rule` for it.
    pub(super) fn server_for<'s>(
        &self,
        state: &'s State,
        id: &str,
        rule: Rule,
    ) -> Result<&'s Server, Fault> {
        let server = self.server(state, id)?;
        self.need(state, rule, &server.project)?;
        Ok(server)
    }

    /// The body, which must be a JSON object.
    pub(super) fn body(&self) -> Result<Value, Fault> {
        let body = self.ask.json().ok_or_else(|| Fault::bad_request("Malformed request body"))?;
        if body.is_object() { Ok(body) } else { Err(Fault::bad_request("Malformed request body")) }
    }

    /// A link to something of the compute API.
    pub(super) fn link(&self, rel: &str, path: &str) -> Value {
        let version = if rel == "bookmark" { "" } else { "/v2.1" };
        json!({"rel": rel, "href": format!("{}/compute{version}/{path}", self.ask.base)})
    }

    /// The two links of an entity.
    pub(super) fn links(&self, path: &str) -> Value {
        json!([self.link("self", path), self.link("bookmark", path)])
    }
}

pub(super) async fn answer(shared: &Shared, ask: &Ask) -> Reply {
    let newest = shared.release.newest_compute();
    let reply = match ask.path().as_slice() {
        [] => Reply::json(200, json!({"versions": version::documents(&ask.base, newest)})),
        ["v2.1"] if ask.method == "GET" => {
            Reply::json(200, json!({"version": version::current(&ask.base, newest)}))
        }
        ["v2.1", rest @ ..] => return versioned(shared, ask, rest, newest).await,
        ["v2"] if ask.method == "GET" => {
            Reply::json(200, json!({"version": version::old(&ask.base)}))
        }
        ["v2", ..] => Fault::not_simulated(&ask.method, &ask.full_path()).nova(),
        _ => Reply::json(300, json!({"choices": version::documents(&ask.base, newest)})),
    };
    with_ids(reply, ask)
}

async fn versioned<'a>(shared: &Shared, ask: &'a Ask, path: &[&'a str], newest: u16) -> Reply {
    let chosen = version::negotiate(ask, newest);
    let minor = match chosen.minor {
        Ok(minor) => minor,
        Err(fault) => {
            // Who has no token is told that, and not what is wrong with the version.
            let known = shared.with(|state| identity::caller(state, ask));
            let reply = known.map(|_| version::echo(fault.nova(), &chosen.echo));
            return with_ids(reply.unwrap_or_else(|reply| reply), ask);
        }
    };
    // In one go: what a caller may do is judged by the state that is then changed.
    let reply = shared.with(|state| {
        let caller = identity::caller(state, ask)?;
        Ok(handle(state, Call { ask, caller, minor, path: path.to_vec() }))
    });
    let reply = match reply {
        Err(unknown) => return with_ids(unknown, ask),
        Ok(reply) => match reply.after_checks {
            Some(number) => after_checks(shared, number).await,
            None => reply,
        },
    };
    with_ids(version::echo(reply, &chosen.echo), ask)
}

fn with_ids(reply: Reply, ask: &Ask) -> Reply {
    reply
        .header("x-openstack-request-id", ask.request_id.clone())
        .header("x-compute-request-id", ask.request_id.clone())
}

/// Before 2.34 a live migration is answered when its checks are over, with what they found.
async fn after_checks(shared: &Shared, number: MigrationNumber) -> Reply {
    let found = shared.until(|state| {
        // Without its instance there is no migration, and nothing to wait for.
        let Some(migration) = state.migration(number) else { return Some(None) };
        migration.phase.is_checked().then(|| migration.refusal.clone())
    });
    match found.await {
        Some(None) => Reply::status(202),
        Some(Some(refused)) => Fault::bad_request(refused.to_string()).nova(),
        None => Fault::new(503, "The cloud is stopping.").nova(),
    }
}

fn handle(state: &mut State, mut call: Call<'_>) -> Reply {
    let answered = strip_project(&mut call).and_then(|()| route(state, &call));
    answered.unwrap_or_else(|fault| fault.nova())
}

/// Takes the project out of the path; clients before 2.18 send it, others may.
fn strip_project(call: &mut Call<'_>) -> Result<(), Fault> {
    let Some(first) = call.path.first() else {
        return Ok(());
    };
    if first.len() != 32 || !first.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Ok(());
    }
    if *first != call.caller.project {
        return Err(Fault::bad_request(format!(
            "Malformed request URL: URL's project_id '{first}' doesn't match Context's project_id '{}'",
            call.caller.project
        )));
    }
    call.path.remove(0);
    Ok(())
}

fn route(state: &mut State, call: &Call<'_>) -> Answer {
    let method = call.ask.method.as_str();
    match (method, call.path.as_slice()) {
        ("GET", ["servers"]) => lists::index(state, call, false),
        ("GET", ["servers", "detail"]) => lists::index(state, call, true),
        ("POST", ["servers"]) => create::create(state, call),
        ("GET", ["servers", id]) => servers::show(state, call, id),
        ("PUT", ["servers", id]) => servers::update(state, call, id),
        ("DELETE", ["servers", id]) => servers::delete(state, call, id),
        ("POST", ["servers", id, "action"]) => actions::act(state, call, id),
        (_, ["servers", id, "metadata", rest @ ..]) => metadata::metadata(state, call, id, rest),
        (_, ["servers", id, "tags", rest @ ..]) => metadata::tags(state, call, id, rest),
        ("GET", ["servers", id, "ips", rest @ ..]) => servers::ips(state, call, id, rest),
        ("GET", ["servers", id, "os-security-groups"]) => servers::security_groups(state, call, id),
        ("GET", ["servers", id, "os-interface"]) => servers::interfaces(state, call, id),
        ("GET", ["servers", id, "os-volume_attachments"]) => {
            call.server(state, id)?;
            Ok(Reply::json(200, json!({"volumeAttachments": []})))
        }
        (_, ["servers", id, "migrations", rest @ ..]) => {
            migrations::of_server(state, call, id, rest)
        }
        ("GET", ["servers", id, "os-instance-actions"]) => instance_actions::list(state, call, id),
        ("GET", ["servers", id, "os-instance-actions", request]) => {
            instance_actions::show(state, call, id, request)
        }
        ("GET", ["os-migrations"]) => migrations::index(state, call),
        (_, ["os-services", rest @ ..]) => services::route(state, call, rest),
        (_, ["os-hypervisors", rest @ ..]) => hosts::hypervisors(state, call, rest),
        ("GET", ["os-availability-zone"]) => hosts::zones(state, call, false),
        ("GET", ["os-availability-zone", "detail"]) => hosts::zones(state, call, true),
        (_, ["os-aggregates", rest @ ..]) => aggregates::aggregates(state, call, rest),
        (_, ["flavors", rest @ ..]) => flavors::route(state, call, rest),
        (_, ["os-keypairs", rest @ ..]) => key_pairs::route(state, call, rest),
        (_, ["os-server-groups", rest @ ..]) => project::groups(state, call, rest),
        (_, ["os-quota-sets", id, rest @ ..]) => project::quotas(state, call, id, rest),
        (_, ["os-quota-class-sets", class]) => project::quota_class(state, call, class),
        ("GET", ["limits"]) => project::limits(state, call),
        ("GET", ["extensions"]) => Ok(Reply::json(200, json!({"extensions": []}))),
        (_, path) => Err(not_here(call, path)),
    }
}

/// What Nova has and this cloud does not is said to be so; anything else is not found.
fn not_here(call: &Call<'_>, path: &[&str]) -> Fault {
    const KNOWN: [&str; 21] = [
        "images",
        "os-agents",
        "os-assisted-volume-snapshots",
        "os-baremetal-nodes",
        "os-cells",
        "os-certificates",
        "os-console-auth-tokens",
        "os-fixed-ips",
        "os-floating-ips",
        "os-fping",
        "os-hosts",
        "os-instance_usage_audit_log",
        "os-networks",
        "os-security-groups",
        "os-server-external-events",
        "os-simple-tenant-usage",
        "os-snapshots",
        "os-tenant-networks",
        "os-virtual-interfaces",
        "os-volumes",
        "os-volumes_boot",
    ];
    const OF_SERVERS: [&str; 11] = [
        "consoles",
        "diagnostics",
        "os-console-output",
        "os-interface",
        "os-server-password",
        "os-volume_attachments",
        "remote-consoles",
        "shares",
        "topology",
        "os-virtual-interfaces",
        "os-security-groups",
    ];
    let known = match path {
        ["servers", _, part, ..] => OF_SERVERS.contains(part),
        [first, ..] => KNOWN.contains(first),
        [] => false,
    };
    let wrong_method = matches!(
        path,
        ["servers"] | ["servers", _] | ["servers", _, "action"] | ["os-migrations"] | ["limits"]
    );
    if known {
        Fault::not_simulated(&call.ask.method, &format!("/{}", path.join("/")))
    } else if wrong_method {
        Fault::new(405, "The method specified is not allowed for this resource.")
    } else {
        Fault::no_resource()
    }
}
