//! [`Control`] over HTTP, for a cloud that runs as a process of its own and allows it.
//!
//! `POST /control/VERB` with a JSON object answers 204; `GET /control` lists the verbs with the fields
//! that each takes, `GET /control/snapshot` tells what the cloud holds. It needs no token: whoever may start the cloud with it may use it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::fault::Fault;
use super::request::{Ask, Reply};
use crate::events::names::{ComputeName, ServerId};
use crate::sim::clock::Shared;
use crate::sim::control::{BootPhase, Control, Disturbance, FailStep, MigrationPhase, Service};

const PHASES: [(&str, MigrationPhase); 10] = [
    ("requested", MigrationPhase::Requested),
    ("accepted", MigrationPhase::Accepted),
    ("source-held", MigrationPhase::SourceHeld),
    ("chosen", MigrationPhase::Chosen),
    ("checked", MigrationPhase::Checked),
    ("queued", MigrationPhase::Queued),
    ("preparing", MigrationPhase::Preparing),
    ("running", MigrationPhase::Running),
    ("landed", MigrationPhase::Landed),
    ("completed", MigrationPhase::Completed),
];
const BOOTS: [(&str, BootPhase); 5] = [
    ("scheduling", BootPhase::Scheduling),
    ("placed", BootPhase::Placed),
    ("networking", BootPhase::Networking),
    ("block-devices", BootPhase::BlockDevices),
    ("spawning", BootPhase::Spawning),
];
const STEPS: [(&str, FailStep); 7] = [
    ("schedule", FailStep::Schedule),
    ("check-destination", FailStep::CheckDestination),
    ("check-source", FailStep::CheckSource),
    ("prepare", FailStep::Prepare),
    ("copy", FailStep::Copy),
    ("copy-without-rollback", FailStep::CopyWithoutRollback),
    ("finish", FailStep::Finish),
];

/// The verbs, each with the fields that its JSON may have.
const VERBS: [(&str, &[&str]); 11] = [
    ("hold-migrations", &["phase", "server"]),
    ("release-migrations", &["server"]),
    ("hold-boots", &["phase"]),
    ("release-boots", &[]),
    ("fail-next-migration", &["step", "server"]),
    ("fail-next-build", &["computes"]),
    ("compute-down", &["name"]),
    ("compute-up", &["name"]),
    (
        "disturb",
        &[
            "service",
            "method",
            "requests",
            "answer",
            "retry_after",
            "answer_after",
            "delay_ms",
            "cut",
        ],
    ),
    ("calm", &[]),
    ("expire-tokens", &[]),
];

pub(super) fn answer(shared: &Arc<Shared>, ask: &Ask) -> Reply {
    let control = Control(Arc::clone(shared));
    if let ("GET", []) = (ask.method.as_str(), ask.path().as_slice()) {
        return Reply::json(200, json!({"verbs": VERBS.into_iter().collect::<BTreeMap<_, _>>()}));
    }
    if let ("GET", ["snapshot"]) = (ask.method.as_str(), ask.path().as_slice()) {
        let snapshot = control.snapshot();
        return Reply::json(
            200,
            json!({
                "instances": snapshot.instances,
                "ports": snapshot.ports,
                "migrations_in_flight": snapshot.migrations_in_flight,
                "server_groups": snapshot.server_groups,
                "key_pairs": snapshot.key_pairs,
                "allocations": snapshot.allocations,
                "touched_computes": snapshot.touched_computes,
            }),
        );
    }
    match ask.method.as_str() {
        "POST" => post(&control, ask).map_or_else(|fault| fault.nova(), |()| Reply::status(204)),
        _ => Fault::no_resource().nova(),
    }
}

fn post(control: &Control, ask: &Ask) -> Result<(), Fault> {
    let body = if ask.body.is_empty() { json!({}) } else { ask.json().unwrap_or(Value::Null) };
    if !body.is_object() {
        return Err(Fault::bad_request("The body must be a JSON object."));
    }
    match ask.path().as_slice() {
        ["hold-migrations"] => {
            let phase = word(&body, "phase", &PHASES)?;
            match server(&body)? {
                Some(id) => control.hold_migrations_of(&id, phase),
                None => control.hold_migrations(phase),
            }
        }
        ["release-migrations"] => match server(&body)? {
            Some(id) => control.release_migrations_of(&id),
            None => control.release_migrations(),
        },
        ["hold-boots"] => control.hold_boots(word(&body, "phase", &BOOTS)?),
        ["release-boots"] => control.release_boots(),
        ["fail-next-migration"] => {
            let step = word(&body, "step", &STEPS)?;
            match server(&body)? {
                Some(id) => control.fail_next_migration_of(&id, step),
                None => control.fail_next_migration(step),
            }
        }
        ["fail-next-build"] => control.fail_next_build(count(&body, "computes")?),
        ["compute-down"] => known(control.compute_down(&compute(&body)?), &body)?,
        ["compute-up"] => known(control.compute_up(&compute(&body)?), &body)?,
        ["disturb"] => {
            let services = Service::ALL.map(|service| (service.path(), service));
            let service = word(&body, "service", &services)?;
            let requests = body.get("requests").map_or(Ok(1), |_| count(&body, "requests"))?;
            control.disturb(service, body["method"].as_str(), requests, disturbance(&body)?);
        }
        ["calm"] => control.calm(),
        ["expire-tokens"] => control.expire_tokens(),
        _ => return Err(Fault::no_resource()),
    }
    Ok(())
}

/// The value that a word of the body stands for.
fn word<T: Copy>(body: &Value, field: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    let given = body[field].as_str().unwrap_or_default();
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Fault::bad_request(format!("{field} must be one of: {}", words.join(", ")))
    })
}

/// The instance that is meant; `None`: any.
fn server(body: &Value) -> Result<Option<ServerId>, Fault> {
    match &body["server"] {
        Value::Null => Ok(None),
        Value::String(id) => Ok(Some(ServerId::new(id))),
        _ => Err(Fault::bad_request("server must be the id of an instance")),
    }
}

fn count(body: &Value, field: &str) -> Result<usize, Fault> {
    let count = body[field].as_u64().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| Fault::bad_request(format!("{field} must be a whole number")))
}

fn compute(body: &Value) -> Result<ComputeName, Fault> {
    let name = body["name"].as_str();
    name.map(ComputeName::new).ok_or_else(|| Fault::bad_request("name must be a compute's name"))
}

fn known(known: bool, body: &Value) -> Result<(), Fault> {
    if known {
        Ok(())
    } else {
        Err(Fault::not_found(format!("There is no compute {}.", body["name"])))
    }
}

/// One of `answer` (with `retry_after`), `answer_after`, `delay_ms`, `cut` (`before` or `after`).
fn disturbance(body: &Value) -> Result<Disturbance, Fault> {
    let status = |field: &str| -> Result<u16, Fault> {
        let status = body[field].as_u64().and_then(|status| u16::try_from(status).ok());
        status.filter(|status| (400..600).contains(status)).ok_or_else(|| {
            Fault::bad_request(format!("{field} must be a status code from 400 to 599"))
        })
    };
    if body.get("answer").is_some() {
        return Ok(Disturbance::Answer {
            status: status("answer")?,
            retry_after: body["retry_after"].as_u64(),
        });
    }
    if body.get("answer_after").is_some() {
        return Ok(Disturbance::AnswerAfter { status: status("answer_after")? });
    }
    if let Some(lasts) = body["delay_ms"].as_u64() {
        return Ok(Disturbance::Delay(Duration::from_millis(lasts)));
    }
    word(body, "cut", &[("before", false), ("after", true)])
        .map(|after| if after { Disturbance::CutAfter } else { Disturbance::CutBefore })
        .map_err(|_| {
            Fault::bad_request(
                "One of answer, answer_after, delay_ms or cut (before, after) must be given.",
            )
        })
}
