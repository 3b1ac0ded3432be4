//! `POST /servers/{id}/action`: one key of the body names the action.

use serde_json::Value;

use super::{Answer, Call};
use crate::events::names::{ComputeName, ServerId};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, HOST, Is, Shape};
use crate::sim::state::migration::MoveRequest;
use crate::sim::state::power::Task;
use crate::sim::state::server::VmState;
use crate::sim::state::{Refused, Rule, State};

/// Actions that Nova has and this cloud does not.
const NOT_SIMULATED: [&str; 19] = [
    "migrate",
    "resize",
    "confirmResize",
    "revertResize",
    "evacuate",
    "rebuild",
    "rescue",
    "unrescue",
    "shelve",
    "shelveOffload",
    "unshelve",
    "createImage",
    "createBackup",
    "os-getConsoleOutput",
    "changePassword",
    "addSecurityGroup",
    "removeSecurityGroup",
    "addFloatingIp",
    "removeFloatingIp",
];

pub(super) fn act(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let body = call.body()?;
    let mut keys = body.as_object().into_iter().flatten();
    let (Some((action, asked)), None) = (keys.next(), keys.next()) else {
        return Err(Fault::bad_request("Malformed request body"));
    };
    match action.as_str() {
        "os-migrateLive" => live_migrate(state, call, id, asked),
        "pause" => task(state, call, id, Rule::Pause, Task::Pause),
        "unpause" => task(state, call, id, Rule::Unpause, Task::Unpause),
        "suspend" => task(state, call, id, Rule::Suspend, Task::Suspend),
        "resume" => task(state, call, id, Rule::Resume, Task::Resume),
        "os-start" => task(state, call, id, Rule::Start, Task::Start),
        "os-stop" => task(state, call, id, Rule::Stop, Task::Stop),
        "reboot" => {
            schema::check_field("reboot", asked, Is::Object(&REBOOT))?;
            let hard = asked["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("HARD"));
            task(state, call, id, Rule::Reboot, if hard { Task::HardReboot } else { Task::Reboot })
        }
        "lock" => lock(state, call, id, asked),
        "unlock" => unlock(state, call, id),
        "os-resetState" => reset_state(state, call, id, asked),
        // Nothing is ever deleted softly here, as without `reclaim_instance_interval`.
        "restore" => {
            let server = call.server_for(state, id, Rule::Restore)?;
            Err(Refused::WrongState {
                action: "restore",
                id: server.id.to_string(),
                attribute: "vm_state",
                state: server.vm_state.as_str(),
            }
            .into())
        }
        "forceDelete" => {
            let id = call.server_for(state, id, Rule::ForceDelete)?.id.clone();
            state.delete_server(&call.caller, &id)?;
            Ok(Reply::status(202))
        }
        known if NOT_SIMULATED.contains(&known) => {
            call.server(state, id)?;
            Err(Fault::not_simulated("POST", &format!("/servers/{{id}}/action {known}")))
        }
        unknown => Err(Fault::bad_request(format!("There is no such action: {unknown}"))),
    }
}

static REBOOT: Shape = Shape {
    required: &["type"],
    fields: &[("type", Is::Word(&["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]))],
    open: false,
};

fn task(state: &mut State, call: &Call<'_>, id: &str, rule: Rule, task: Task) -> Answer {
    let id = call.server_for(state, id, rule)?.id.clone();
    state.start_task(&call.caller, &id, task)?;
    Ok(Reply::status(202))
}

static LOCK_BODY: Is = Is::Maybe(&Is::Object(&LOCK));
static LOCK: Shape = Shape {
    required: &[],
    fields: &[("locked_reason", Is::Text { min: 1, max: 255, pattern: None })],
    open: false,
};

fn lock(state: &mut State, call: &Call<'_>, id: &str, asked: &Value) -> Answer {
    if call.since(73) {
        schema::check_field("lock", asked, LOCK_BODY)?;
    }
    let id = call.server_for(state, id, Rule::Lock)?.id.clone();
    let reason = asked["locked_reason"].as_str().filter(|_| call.since(73));
    state.lock(&call.caller, &id, reason.map(str::to_owned))?;
    Ok(Reply::status(202))
}

fn unlock(state: &mut State, call: &Call<'_>, id: &str) -> Answer {
    let server = call.server_for(state, id, Rule::Unlock)?;
    if server.locked.as_ref().is_some_and(|lock| lock.by_admin) {
        call.need(state, Rule::UnlockOthers, &server.project)?;
    }
    let id = server.id.clone();
    state.unlock(&call.caller, &id)?;
    Ok(Reply::status(202))
}

static RESET: Shape = Shape {
    required: &["state"],
    fields: &[("state", Is::Word(&["active", "error"]))],
    open: false,
};

fn reset_state(state: &mut State, call: &Call<'_>, id: &str, asked: &Value) -> Answer {
    schema::check_field("os-resetState", asked, Is::Object(&RESET))?;
    let id = call.server_for(state, id, Rule::ResetState)?.id.clone();
    let vm_state = if asked["state"] == "active" { VmState::Active } else { VmState::Error };
    state.reset_state(&call.caller, &id, vm_state)?;
    Ok(Reply::status(202))
}

// The five generations of the body.
static LIVE_1: Shape = Shape {
    required: &["block_migration", "disk_over_commit", "host"],
    fields: &[
        ("block_migration", Is::Bool),
        ("disk_over_commit", Is::Bool),
        ("host", Is::Maybe(&HOST)),
    ],
    open: false,
};
static LIVE_25: Shape = Shape {
    required: &["block_migration", "host"],
    fields: &[("block_migration", Is::BoolOrAuto), ("host", Is::Maybe(&HOST))],
    open: false,
};
static LIVE_30: Shape = Shape {
    required: &["block_migration", "host"],
    fields: &[("block_migration", Is::BoolOrAuto), ("host", Is::Maybe(&HOST)), ("force", Is::Bool)],
    open: false,
};

fn live_migrate(state: &mut State, call: &Call<'_>, id: &str, asked: &Value) -> Answer {
    let shape = match call.minor {
        ..25 => &LIVE_1,
        30..68 => &LIVE_30,
        _ => &LIVE_25,
    };
    schema::check_field("os-migrateLive", asked, Is::Object(shape))?;
    let server = call.server(state, id)?;
    let (id, project): (ServerId, _) = (server.id.clone(), server.project.clone());
    let host = asked["host"].as_str();
    if host.is_some() && state.settings.release.guards_named_destination() {
        call.need(state, Rule::LiveMigrateHost, &project)?;
    }
    call.need(state, Rule::LiveMigrate, &project)?;
    let force = asked.get("force").is_some_and(schema::truth);
    if force && host.is_none() {
        return Err(Fault::bad_request("Can't force to a non-provided destination"));
    }
    let request = MoveRequest {
        destination: host.map(ComputeName::new),
        forced: host.is_some() && (force || !call.since(30)),
        waits: !call.since(34),
    };
    let waits = request.waits;
    let number = state.live_migrate(&call.caller, &id, request)?;
    let reply = Reply::status(202);
    Ok(Reply { after_checks: waits.then_some(number), ..reply })
}
