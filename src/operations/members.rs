//! What a plain member is shown and refused.

use serde::Deserialize;
use serde_json::Value;

use crate::api::{Request, Service, path};
use crate::control::Cloud;
use crate::journal::Account;

use super::{Answered, Instance, Problem};

/// An instance as a plain member is shown it: the whole answer, because what must not be in it is
/// judged.
#[derive(Clone, Debug)]
pub struct Seen(Value);

#[derive(Deserialize)]
struct Shown {
    server: Value,
}

/// Looks at `instance` with the member's credentials.
///
/// # Errors
///
/// If the cloud refuses or can't be asked.
pub async fn look(cloud: &Cloud, instance: &Instance) -> Result<Seen, Problem> {
    let request = Request::get(Service::Compute, path(&["servers", instance.id.as_str()]));
    let answer = cloud.party(Account::Member)?.compute.session().call(request).await?;
    let Shown { server } = answer.json()?;
    Ok(Seen(server))
}

/// Demands that the member was shown the instance, and nothing that names its compute.
///
/// # Errors
///
/// [`Problem::Seen`] with what was shown.
pub fn confirm_no_compute(instance: &Instance, seen: &Seen) -> Result<(), Problem> {
    let shown = |field: &str| seen.0.get(field).filter(|value| !value.is_null());
    if shown("id").and_then(Value::as_str) != Some(instance.id.as_str()) {
        return Err(Problem::seen(format!("the member is not shown {}", instance.name)));
    }
    let compute = ["OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:hypervisor_hostname"];
    match compute.into_iter().find_map(|field| Some((field, shown(field)?))) {
        None => Ok(()),
        Some((field, value)) => Err(Problem::seen(format!(
            "the member is shown where {} runs: {field} is {value}",
            instance.name
        ))),
    }
}

/// Asks for the computes with the member's credentials.
///
/// # Errors
///
/// If the cloud can't be asked; a refusal is an answer.
pub async fn list_computes(cloud: &Cloud) -> Result<Answered, Problem> {
    let answer = cloud.party(Account::Member)?.compute.services().await;
    Ok(Answered::from_result(answer.map(|_| String::new()))?.1)
}

/// Asks for the migration records with the member's credentials.
///
/// # Errors
///
/// If the cloud can't be asked; a refusal is an answer.
pub async fn list_migrations(cloud: &Cloud) -> Result<Answered, Problem> {
    let answer = cloud.party(Account::Member)?.compute.migrations(&Default::default()).await;
    Ok(Answered::from_result(answer.map(|_| String::new()))?.1)
}
