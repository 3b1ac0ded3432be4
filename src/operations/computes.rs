//! Computes: which may be used, and taking them out of use for a scenario.

use std::fmt;

use crate::api::compute::{ServiceChange, ServiceRecord};
use crate::config::Change;
use crate::control::Cloud;
use crate::events::names::ComputeName;
use crate::journal::{Entry, ServiceBefore};

use super::{Instance, Problem, look};

/// The computes that are enabled, up and not forced down, by name.
///
/// # Errors
///
/// If the cloud can't be asked.
pub async fn usable(cloud: &Cloud) -> Result<Vec<ComputeName>, Problem> {
    let mut names: Vec<ComputeName> = services(cloud)
        .await?
        .into_iter()
        .filter(may_be_used)
        .map(|service| service.host)
        .collect();
    names.sort();
    Ok(names)
}

async fn services(cloud: &Cloud) -> Result<Vec<ServiceRecord>, Problem> {
    Ok(cloud.operator.compute.services().await?)
}

fn may_be_used(service: &ServiceRecord) -> bool {
    service.is_enabled() && service.is_up() && !service.forced_down.unwrap_or(false)
}

/// Demands that at least `count` computes may be used.
///
/// # Errors
///
/// [`Problem::Seen`] with those that there are.
pub async fn at_least(cloud: &Cloud, count: usize) -> Result<(), Problem> {
    let usable = usable(cloud).await?;
    if usable.len() >= count {
        return Ok(());
    }
    Err(Problem::seen(format!(
        "{count} computes that are enabled and up are needed; there are {}: {}",
        usable.len(),
        Names(&usable)
    )))
}

/// The computes, other than `own`, that may be used.
///
/// # Errors
///
/// If the cloud can't be asked.
pub async fn all_other_than(cloud: &Cloud, own: &ComputeName) -> Result<Vec<ComputeName>, Problem> {
    let mut usable = usable(cloud).await?;
    usable.retain(|compute| compute != own);
    Ok(usable)
}

/// One compute, other than `own`, that may be used.
///
/// # Errors
///
/// [`Problem::Seen`] if there is none.
pub async fn another_than(cloud: &Cloud, own: &ComputeName) -> Result<ComputeName, Problem> {
    let none =
        || Problem::seen(format!("there is no other compute than {own} that is enabled and up"));
    all_other_than(cloud, own).await?.into_iter().next().ok_or_else(none)
}

/// Takes `compute` out of the scheduler's choice until clean-up.
///
/// # Errors
///
/// If the target does not allow that, or the cloud refuses.
pub async fn disable(cloud: &Cloud, compute: &ComputeName) -> Result<(), Problem> {
    change(
        cloud,
        compute,
        ServiceChange::Disable { reason: Some("a scenario of whimbrel".to_owned()) },
    )
    .await
}

/// Makes the cloud take `compute` for dead until clean-up. Its instances go on running.
///
/// # Errors
///
/// If the target does not allow that, or the cloud refuses.
pub async fn force_down(cloud: &Cloud, compute: &ComputeName) -> Result<(), Problem> {
    change(cloud, compute, ServiceChange::ForceDown(true)).await
}

async fn change(
    cloud: &Cloud,
    compute: &ComputeName,
    change: ServiceChange,
) -> Result<(), Problem> {
    // The plan skips such a scenario where it is not allowed; this holds even if the plan is wrong.
    if !cloud.facts.allow.contains(&Change::Hosts) {
        return Err(Problem::seen(format!(
            "{compute} is not changed, because this target does not allow it (setting `allow`)"
        )));
    }
    let service = service(cloud, compute).await?;
    let before = ServiceBefore {
        enabled: service.is_enabled(),
        disabled_reason: service.disabled_reason.clone(),
        forced_down: service.forced_down.unwrap_or(false),
    };
    cloud.journal.write(Entry::Changing { compute: compute.clone(), before })?;
    cloud.operator.compute.change_service(&service, &change).await?;
    Ok(())
}

async fn service(cloud: &Cloud, compute: &ComputeName) -> Result<ServiceRecord, Problem> {
    let gone = || Problem::seen(format!("there is no compute service of {compute}"));
    services(cloud).await?.into_iter().find(|service| service.host == *compute).ok_or_else(gone)
}

/// Puts the service of `compute` back to what it was.
///
/// # Errors
///
/// If the cloud refuses or can't be asked; then the journal keeps it.
pub async fn restore(
    cloud: &Cloud,
    compute: &ComputeName,
    before: &ServiceBefore,
) -> Result<(), Problem> {
    let now = service(cloud, compute).await?;
    let api = &cloud.operator.compute;
    if now.forced_down.unwrap_or(false) != before.forced_down {
        api.change_service(&now, &ServiceChange::ForceDown(before.forced_down)).await?;
    }
    if now.is_enabled() != before.enabled {
        let back = match before.enabled {
            true => ServiceChange::Enable,
            false => ServiceChange::Disable { reason: before.disabled_reason.clone() },
        };
        api.change_service(&now, &back).await?;
    }
    Ok(cloud.journal.write(Entry::Restored { compute: compute.clone() })?)
}

/// Demands that `instance` is not on `compute`.
///
/// # Errors
///
/// [`Problem::Seen`] if it is.
pub async fn confirm_not_on(
    cloud: &Cloud,
    instance: &Instance,
    compute: &ComputeName,
) -> Result<(), Problem> {
    let server = look(cloud, instance).await?;
    match server.host.as_ref() == Some(compute) {
        true => Err(Problem::seen(format!("{} is on {compute}, which is disabled", instance.name))),
        false => Ok(()),
    }
}

struct Names<'a>(&'a [ComputeName]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(ComputeName::as_str).collect();
        f.write_str(&names.join(", "))
    }
}
