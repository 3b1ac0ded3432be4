//! What the cloud has: services, microversions, computes, placement.

use crate::api::compute::ServiceRecord;
use crate::api::{
    Microversion, Request, RequestError, RequestErrorKind, Service, placement as api,
};
use crate::control::{Need, Party, Survey};

use super::trouble::{self, Asked};
use super::{Check, Finding, Intent, State, listed};
use crate::events::words::many;

/// What a run asks for of later microversions, and the first that has it.
const WANTED: [(Microversion, &str); 3] = [
    (Microversion::new(2, 37), "naming no network, or one that the cloud makes"),
    (Microversion::new(2, 25), "leaving it to the cloud whether disks are copied"),
    (Microversion::new(2, 11), "declaring a compute down"),
];

/// Whether the catalog has what a run asks.
pub(super) async fn services(operator: &Party) -> Vec<Finding> {
    let mut there = Vec::new();
    let mut findings = Vec::new();
    for service in [Service::Compute, Service::Image, Service::Network, Service::Placement] {
        let asked = asked(operator, service).await;
        there.extend(asked.url.as_ref().map(|url| format!("{service} {url}")));
        if let Err(error) = answers(operator, service).await {
            findings.push(unserved(&asked, &error));
        }
    }
    if !there.is_empty() {
        findings.insert(0, Finding::good(Check::Services, there.join(", ")));
    }
    findings
}

/// Whether the catalog has it, and the network service also whether it answers; the others are
/// asked by checks of their own.
async fn answers(operator: &Party, service: Service) -> Result<(), RequestError> {
    let session = operator.compute.session();
    if service == Service::Network {
        return session.call(Request::get(service, "/")).await.map(drop);
    }
    session.endpoint(service).await.map(drop)
}

fn unserved(asked: &Asked<'_>, error: &RequestError) -> Finding {
    let remedy = asked.remedy(error);
    let found = match &error.kind {
        RequestErrorKind::Catalog(why) => why.clone(),
        _ => format!("{}: {}", asked.service, trouble::line(error)),
    };
    match asked.service {
        Service::Identity | Service::Compute | Service::Image => {
            Finding::problem(Check::Services, found, remedy)
        }
        Service::Network | Service::Placement => Finding::warning(Check::Services, found, remedy),
    }
}

/// How a service was reached, for words about what went wrong there.
pub(super) async fn asked(party: &Party, service: Service) -> Asked<'_> {
    let session = party.compute.session();
    Asked { service, url: session.endpoint(service).await.ok(), entry: session.cloud() }
}

/// Which microversions the compute API offers, and which of them is used.
pub(super) async fn compute_api(operator: &Party, survey: &Survey) -> Finding {
    let check = Check::ComputeApi;
    let (range, used) = match (&survey.range, &survey.version) {
        (Some(Ok(range)), Some(Ok(used))) => (range, *used),
        (Some(Err(error)), _) | (_, Some(Err(error))) if !is_catalog(error) => {
            return asked(operator, Service::Compute).await.problem(check, error);
        }
        _ => return not_made(check, "the catalog has no compute service"),
    };
    let Some((oldest, newest)) = range else {
        let remedy = "point `compute_endpoint_override` at the API of version 2.1, or upgrade";
        return Finding::warning(check, "it has no microversions", remedy);
    };
    let known = Service::Compute.newest_known().filter(|known| known < newest);
    let why = known.map_or(String::new(), |_| ", the newest that is known here".to_owned());
    let found = format!("{oldest} to {newest}; {used} is used{why}");
    let lacks: Vec<String> = WANTED
        .iter()
        .filter(|(since, _)| used < *since)
        .map(|(since, what)| format!("{what} ({since})"))
        .collect();
    if lacks.is_empty() {
        return Finding::good(check, found);
    }
    Finding::warning(
        check,
        format!("{found}; it is too old for {}", lacks.join(", ")),
        "expect scenarios that do that to fail, and leave them out with --tags or --name",
    )
}

/// The catalog has no such service, which is told where services are told.
pub(super) fn is_catalog(error: &RequestError) -> bool {
    matches!(error.kind, RequestErrorKind::Catalog(_))
}

/// Which computes may be used, which not and why, and whether they are enough.
pub(super) fn computes(survey: &Survey, intent: &Intent, zone: Option<&str>) -> Finding {
    let check = Check::Computes;
    let Some(Ok(all)) = &survey.computes else {
        return not_made(check, "they could not be listed");
    };
    let fit = |service: &&ServiceRecord| service.is_usable() && service.is_in(zone);
    let (usable, not): (Vec<_>, Vec<_>) = all.iter().partition(fit);
    let mut found = format!("{} of {} may be used", usable.len(), many(all.len(), "compute"));
    if !usable.is_empty() {
        found = format!("{found}: {}", listed(usable.iter().map(|service| named(service))));
    }
    if !not.is_empty() {
        found =
            format!("{found}; not: {}", listed(not.iter().map(|service| because(service, zone))));
    }
    let wanted = |needs: &Vec<Need>| {
        let computes = needs.iter().map(|need| match need {
            Need::Computes(count) => *count,
            Need::Instances(..) | Need::Member | Need::Change(_) | Need::Control(_) => 0,
        });
        computes.max().unwrap_or(0)
    };
    let short = intent.needs.iter().filter(|needs| wanted(needs) > usable.len()).count();
    let most = intent.needs.iter().map(wanted).max().unwrap_or(0);
    if short == 0 {
        return Finding::good(check, found);
    }
    let remedy = "enable what is disabled (`openstack compute service set --enable HOST \
                  nova-compute`), start what is down (`openstack compute service list`)";
    let found = format!("{found}; {} up to {most}", needing(short));
    Finding::warning(check, found, remedy)
}

/// One check that was not made.
pub(super) fn not_made(check: Check, why: &str) -> Finding {
    let found = format!("not checked, because {why}");
    Finding { check, state: State::NotChecked, found, remedy: None }
}

/// "1 scenario needs", "2 scenarios need".
pub(super) fn needing(count: usize) -> String {
    format!("{} need{}", many(count, "scenario"), if count == 1 { "s" } else { "" })
}

fn named(service: &ServiceRecord) -> String {
    match &service.zone {
        Some(zone) => format!("{} ({zone})", service.host),
        None => service.host.to_string(),
    }
}

fn because(service: &ServiceRecord, zone: Option<&str>) -> String {
    let mut why = Vec::new();
    if !service.is_in(zone) {
        why.push("in another zone".to_owned());
    }
    if !service.is_enabled() {
        let reason = service.disabled_reason.as_ref();
        why.push(reason.map_or("disabled".to_owned(), |reason| format!("disabled, {reason:?}")));
    }
    if service.forced_down.unwrap_or(false) {
        why.push("forced down".to_owned());
    } else if !service.is_up() {
        why.push("down".to_owned());
    }
    format!("{} ({})", service.host, why.join(", "))
}

/// Whether the audit can read placement.
pub(super) async fn placement(operator: &Party) -> Finding {
    let check = Check::Placement;
    let session = operator.compute.session();
    match api::resource_providers(session).await {
        Ok(providers) => {
            let count = many(providers.len(), "resource provider");
            Finding::good(check, format!("{count}; the audit compares what is allocated on them"))
        }
        Err(error) if is_catalog(&error) => Finding::warning(
            check,
            "there is none in the catalog; the audit can't compare what is allocated where",
            "do without, or say where it is with `placement_endpoint_override: URL` in the cloud's \
             entry",
        ),
        Err(error) if error.status() == Some(403) => Finding::problem(
            check,
            format!("{}; every scenario's audit would fail", trouble::line(&error)),
            "use credentials with the role `admin`, which placement asks for by default",
        ),
        Err(error) => asked(operator, Service::Placement).await.problem(check, &error),
    }
}
