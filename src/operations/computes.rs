//! Computes: which may be used, and taking them out of use for a scenario.

use crate::api::compute::{ServiceChange, ServiceRecord};
use crate::config::Change;
use crate::control::Cloud;
use crate::events::names::ComputeName;
use crate::journal::{Entry, ServiceBefore, ServiceChanged, ServiceSet, disabled_reason};

use super::{Instance, Problem, look, mark};

/// The computes that are enabled, up and not forced down, by name; where the run's instances are
/// tied to a zone, those of the zone.
///
/// # Errors
///
/// If the cloud can't be asked.
pub async fn usable(cloud: &Cloud) -> Result<Vec<ComputeName>, Problem> {
    let zone = cloud.facts.zone.as_deref();
    let mut names: Vec<ComputeName> = services(cloud)
        .await?
        .into_iter()
        .filter(|service| service.is_usable() && service.is_in(zone))
        .map(|service| service.host)
        .collect();
    names.sort();
    Ok(names)
}

async fn services(cloud: &Cloud) -> Result<Vec<ServiceRecord>, Problem> {
    Ok(cloud.operator.compute.services().await?)
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
        "{count} computes{} that are enabled and up are needed; there are {}: {}",
        cloud.facts.in_zone(),
        usable.len(),
        listed(&usable)
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

/// One compute, other than `own`, that may be used; of its zone if there is one, because instances
/// may be tied to that. Each scenario of a run begins with another, so that those that run side by
/// side don't all go to the same.
///
/// # Errors
///
/// [`Problem::Seen`] if there is none.
pub async fn another_than(cloud: &Cloud, own: &ComputeName) -> Result<ComputeName, Problem> {
    let mut services = services(cloud).await?;
    services.sort_by(|a, b| a.host.cmp(&b.host));
    let zone =
        services.iter().find(|service| service.host == *own).and_then(|own| own.zone.clone());
    // One outside the zone that the instances are tied to would be refused by the scheduler.
    let tied = cloud.facts.zone.as_deref();
    services.retain(|it| it.is_usable() && it.is_in(tied) && it.host != *own);
    let (near, far): (Vec<_>, Vec<_>) =
        services.into_iter().partition(|service| service.zone == zone);
    let choice = if near.is_empty() { far } else { near };
    let none = || {
        let place = cloud.facts.in_zone();
        Problem::seen(format!("there is no other compute{place} than {own} that is enabled and up"))
    };
    let turn = cloud.number.checked_rem(choice.len()).ok_or_else(none)?;
    Ok(choice[turn].host.clone())
}

/// Takes `compute` out of the scheduler's choice until clean-up.
///
/// # Errors
///
/// If the target does not allow that, or the cloud refuses.
pub async fn disable(cloud: &Cloud, compute: &ComputeName) -> Result<(), Problem> {
    let reason = Some(disabled_reason(cloud.journal.run()));
    change(cloud, compute, ServiceSet::Disabled, ServiceChange::Disable { reason }).await
}

/// Makes the cloud take `compute` for dead until clean-up. Its instances go on running.
///
/// # Errors
///
/// If the target does not allow that, or the cloud refuses.
pub async fn force_down(cloud: &Cloud, compute: &ComputeName) -> Result<(), Problem> {
    change(cloud, compute, ServiceSet::ForcedDown, ServiceChange::ForceDown(true)).await
}

async fn change(
    cloud: &Cloud,
    compute: &ComputeName,
    set: ServiceSet,
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
    cloud.journal.write(Entry::Changing { compute: compute.clone(), before, set: Some(set) })?;
    let (operator, run) = (cloud.operator.compute.clone(), cloud.journal.run().clone());
    let request = async move {
        if set == ServiceSet::ForcedDown {
            mark::set(&operator, &run, &service.host).await;
        }
        operator.change_service(&service, &change).await
    };
    Ok(cloud.pending.carry_out(request).await?)
}

async fn service(cloud: &Cloud, compute: &ComputeName) -> Result<ServiceRecord, Problem> {
    let gone = || Problem::seen(format!("there is no compute service of {compute}"));
    find(cloud, compute).await?.ok_or_else(gone)
}

async fn find(cloud: &Cloud, compute: &ComputeName) -> Result<Option<ServiceRecord>, Problem> {
    Ok(services(cloud).await?.into_iter().find(|service| service.host == *compute))
}

/// Puts the service of `compute` back to what it was, as far as it still is what the run set.
///
/// What need not or must not be put back is no error, but told: the service is no more, or another
/// run has forced it down and will put it back.
///
/// # Errors
///
/// If the cloud refuses or can't be asked, or if somebody else has changed the service since: then
/// that is left as it is, and the journal keeps the compute.
pub async fn restore(
    cloud: &Cloud,
    compute: &ComputeName,
    changed: &ServiceChanged,
) -> Result<Option<String>, Problem> {
    let now = find(cloud, compute).await?;
    let told = match &now {
        Some(now) => bring_up(cloud, now, changed).await?,
        None => Some(format!(
            "{compute} has no compute service any more, so there is nothing to put back"
        )),
    };
    if changed.forced_down {
        mark::remove(cloud, compute).await?;
    }
    if let Some(now) = now.filter(|_| changed.disabled) {
        enable(cloud, &now, changed).await?;
    }
    cloud.journal.write(Entry::Restored { compute: compute.clone() })?;
    Ok(told)
}

/// Undoes that a service is forced down. That carries no reason: where it still is, it is taken for
/// ours, unless it bears the mark of another run and none of ours.
async fn bring_up(
    cloud: &Cloud,
    now: &ServiceRecord,
    changed: &ServiceChanged,
) -> Result<Option<String>, Problem> {
    let ours = changed.forced_down && !changed.before.forced_down;
    if !ours || now.forced_down != Some(true) {
        return Ok(None);
    }
    if let Some(run) = mark::of_another(cloud, &now.host).await? {
        return Ok(Some(format!("{} is forced down by run {run}, so it is left to it", now.host)));
    }
    cloud.operator.compute.change_service(now, &ServiceChange::ForceDown(false)).await?;
    Ok(None)
}

/// Undoes that a service is disabled.
async fn enable(
    cloud: &Cloud,
    now: &ServiceRecord,
    changed: &ServiceChanged,
) -> Result<(), Problem> {
    match way_back(now, &changed.before, &disabled_reason(cloud.journal.run())) {
        WayBack::Done => Ok(()),
        WayBack::By(change) => Ok(cloud.operator.compute.change_service(now, &change).await?),
        WayBack::NotOurs(seen) => Err(Problem::seen(seen)),
    }
}

/// What leads from a service that was disabled back to what it was.
#[derive(Debug, PartialEq, Eq)]
enum WayBack {
    /// Nothing: it is so.
    Done,
    By(ServiceChange),
    /// Somebody else has changed it; how it is now.
    NotOurs(String),
}

fn way_back(now: &ServiceRecord, before: &ServiceBefore, ours: &str) -> WayBack {
    let reason = now.disabled_reason.as_deref();
    match (now.is_enabled(), before.enabled) {
        (true, true) => WayBack::Done,
        (false, true) if reason == Some(ours) => WayBack::By(ServiceChange::Enable),
        (false, false) if reason == Some(ours) => {
            WayBack::By(ServiceChange::Disable { reason: before.disabled_reason.clone() })
        }
        (false, false) if reason == before.disabled_reason.as_deref() => WayBack::Done,
        (true, false) => WayBack::NotOurs(
            "somebody has enabled it since; it was disabled before the run, and is left enabled"
                .to_owned(),
        ),
        (false, _) => WayBack::NotOurs(format!(
            "somebody else has disabled it since ({}); it is left disabled",
            reason.unwrap_or("without a reason")
        )),
    }
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
    if server.host.is_none() {
        let name = &instance.name;
        return Err(Problem::seen(format!("the cloud does not say on which compute {name} is")));
    }
    match server.host.as_ref() == Some(compute) {
        true => Err(Problem::seen(format!("{} is on {compute}, which is disabled", instance.name))),
        false => Ok(()),
    }
}

/// Names in one line, for people.
pub(super) fn listed(computes: &[ComputeName]) -> String {
    computes.iter().map(ComputeName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "whimbrel run abcdefgh";

    fn now(status: &str, reason: Option<&str>) -> ServiceRecord {
        ServiceRecord {
            id: "1".to_owned(),
            host: ComputeName::new("c1"),
            binary: "nova-compute".to_owned(),
            state: "up".to_owned(),
            status: status.to_owned(),
            disabled_reason: reason.map(str::to_owned),
            forced_down: None,
            zone: None,
        }
    }

    fn before(enabled: bool, reason: Option<&str>) -> ServiceBefore {
        ServiceBefore { enabled, disabled_reason: reason.map(str::to_owned), forced_down: false }
    }

    #[test]
    fn only_what_the_run_disabled_is_enabled_again() {
        let back = |now: ServiceRecord| way_back(&now, &before(true, None), OURS);
        assert_eq!(back(now("enabled", None)), WayBack::Done);
        assert_eq!(back(now("disabled", Some(OURS))), WayBack::By(ServiceChange::Enable));
        for theirs in [Some("broken fan"), Some("whimbrel run another"), None] {
            assert!(matches!(back(now("disabled", theirs)), WayBack::NotOurs(_)), "{theirs:?}");
        }
    }

    #[test]
    fn what_was_disabled_before_gets_its_reason_back() {
        let back = |now: ServiceRecord| way_back(&now, &before(false, Some("broken fan")), OURS);
        let disable = ServiceChange::Disable { reason: Some("broken fan".to_owned()) };
        assert_eq!(back(now("disabled", Some(OURS))), WayBack::By(disable));
        assert_eq!(back(now("disabled", Some("broken fan"))), WayBack::Done);
        assert!(matches!(back(now("enabled", None)), WayBack::NotOurs(_)));
    }
}
