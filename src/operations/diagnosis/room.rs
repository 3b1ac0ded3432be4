//! What a run would have to boot from and room for, what it may change, and what others left.

use crate::api::Service;
use crate::api::compute::{AbsoluteLimits, Networks};
use crate::api::discover::{Boot, DiscoverError};
use crate::config::{Change, Config, Network};
use crate::control::{Lack, Need, Party, PartySurvey, Room, Site, Survey};
use crate::journal::{self, Account, Listed, Taken};

use super::cloud::{asked, is_catalog, needing, not_made};
use super::trouble::Asked;
use super::{Check, Finding, Intent};
use crate::events::words::many;

/// What each account would boot from; once, if that is the same.
pub(super) async fn boots(site: &Site, survey: &Survey) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (party, found) in site.parties().zip(&survey.parties) {
        let finding = match &found.boot {
            None => continue,
            Some(Ok(boot)) => Finding::good(Check::Boot, chosen(boot, site.config())),
            Some(Err(error)) => nothing(party, error).await,
        };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

fn chosen(boot: &Boot, config: &Config) -> String {
    let why = match (&config.image, &config.flavor) {
        (None, None) => "the smallest that fit each other",
        (Some(_), None) => "the smallest flavor for the image that was named",
        (None, Some(_)) => "the smallest image for the flavor that was named",
        (Some(_), Some(_)) => "as they were named",
    };
    format!("{}: {why}", from(boot, config))
}

/// What instances are booted from, what they are connected to, and where they are tied to.
pub fn from(boot: &Boot, config: &Config) -> String {
    let Boot { image, flavor, networks, zone } = boot;
    let network = match (networks, &config.network) {
        (Networks::None, _) => "without a network".to_owned(),
        (Networks::Auto, _) => "on a network that the cloud makes".to_owned(),
        (Networks::Ids(_) | Networks::Unsaid, Network::Named(name)) => format!("on network {name}"),
        (Networks::Ids(_) | Networks::Unsaid, Network::None | Network::Auto) => {
            "on the project's network".to_owned()
        }
    };
    let zone = zone.as_ref().map_or(String::new(), |zone| format!(", in zone {zone}"));
    let (vcpus, ram) = (flavor.vcpus, flavor.ram);
    format!(
        "image {}, flavor {} ({vcpus} vCPU, {ram} MiB), {network}{zone}",
        image.name.as_ref().unwrap_or(&image.id),
        flavor.name
    )
}

async fn nothing(party: &Party, error: &DiscoverError) -> Finding {
    let check = Check::Boot;
    let remedy = match error {
        DiscoverError::Request { source, .. } if is_catalog(source) => {
            return not_made(check, "the catalog has no service for it");
        }
        DiscoverError::Request { kind, source, .. } => {
            let service = match *kind {
                "image" => Service::Image,
                "network" => Service::Network,
                _ => Service::Compute,
            };
            return asked(party, service).await.problem(check, source);
        }
        DiscoverError::NoSuch { kind, .. }
        | DiscoverError::Ambiguous { kind, .. }
        | DiscoverError::Unfit { kind, .. } => {
            format!("name one of these with `--{kind}`, or leave the choice open")
        }
        DiscoverError::NoFit { images, .. } if images == "none" => {
            "let the project have an image: `openstack image create --disk-format qcow2 --file \
             FILE NAME`"
                .to_owned()
        }
        DiscoverError::NoFit { .. } => {
            "name others with `--image` and `--flavor`, or have a flavor made that is large \
             enough: `openstack flavor create --ram MIB --disk GIB NAME`"
                .to_owned()
        }
    };
    Finding::problem(check, error.to_string(), remedy)
}

/// What quotas leave, against what the largest scenario needs; one line a project.
pub(super) fn quotas(site: &Site, survey: &Survey, intent: &Intent) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut told: Vec<Option<&str>> = Vec::new();
    for (party, found) in site.parties().zip(&survey.parties) {
        if told.contains(&found.project()) {
            continue;
        }
        told.push(found.project());
        let limits = match (&found.limits, &found.boot) {
            (Some(Ok(limits)), Some(Ok(_))) => limits,
            (Some(Err(error)), _) => {
                let entry = party.compute.session().cloud();
                let asked = Asked { service: Service::Compute, url: None, entry };
                findings.push(asked.problem(Check::Quota, error));
                continue;
            }
            _ => {
                findings.push(not_made(Check::Quota, "there is nothing to compare it with"));
                continue;
            }
        };
        findings.push(quota(found, limits, &survey.rooms(), intent));
    }
    findings
}

fn quota(found: &PartySurvey, limits: &AbsoluteLimits, rooms: &[Room], intent: &Intent) -> Finding {
    let check = Check::Quota;
    let words = left(found, limits);
    let Some(room) = rooms.iter().find(|room| room.accounts.contains(&found.account)) else {
        return Finding::good(check, words);
    };
    let mut sizes: Vec<usize> = intent.needs.iter().map(|needs| room.taken_by(needs)).collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    let largest = sizes.first().copied().unwrap_or(0);
    let together =
        sizes.iter().take(intent.concurrency).fold(0, |sum: usize, size| sum.saturating_add(*size));
    let words = format!("{words}: room for {}", many(room.instances, "instance"));
    if largest > room.instances {
        let short = sizes.iter().filter(|size| **size > room.instances).count();
        let lack = Lack::Room { wanted: largest, left: room.instances };
        let found = format!("{words}; {} up to {largest}", needing(short));
        return Finding::warning(check, found, lack.remedy(""));
    }
    Finding::good(check, format!("{words}; {}", enough(room, largest, together, intent)))
}

fn enough(room: &Room, largest: usize, together: usize, intent: &Intent) -> String {
    if together > room.instances {
        return format!(
            "enough for each scenario (at most {largest}); side by side they wait for their share"
        );
    }
    format!("enough for {} side by side (at most {together})", many(intent.concurrency, "scenario"))
}

/// What is left of each limit.
fn left(found: &PartySurvey, limits: &AbsoluteLimits) -> String {
    let of = |what: &str, used: i64, most: i64| match most {
        ..0 => format!("{what} without limit"),
        most => format!("{} of {most} {what} left", most.saturating_sub(used).max(0)),
    };
    let kinds = [
        of("instances", limits.total_instances_used, limits.max_total_instances),
        of("cores", limits.total_cores_used, limits.max_total_cores),
        of("MiB", limits.total_ram_used, limits.max_total_ram),
    ];
    let project = found.login.as_ref().ok().and_then(|login| login.project_name.as_deref());
    format!("project {}: {}", project.unwrap_or("without a name"), kinds.join(", "))
}

/// What may be changed, and how many scenarios want to.
pub(super) fn allowed(config: &Config, intent: &Intent) -> Finding {
    let check = Check::Allow;
    let needs_hosts = |needs: &&Vec<Need>| needs.contains(&Need::Change(Change::Hosts));
    let wanting = intent.needs.iter().filter(needs_hosts).count();
    let Some(cloud) = &config.cloud else {
        return Finding::good(check, "everything may be changed: the cloud is the scenario's own");
    };
    if config.allow.contains(&Change::Hosts) {
        let found = format!("`hosts` may be changed; {} that", needing(wanting));
        return Finding::good(check, found);
    }
    if wanting == 0 {
        return Finding::good(check, "nothing may be changed, and nothing has to be");
    }
    let found = format!("nothing may be changed; {} `hosts`", needing(wanting));
    Finding::warning(check, found, Lack::Leave(Change::Hosts).remedy(cloud))
}

/// What can be done to the cloud beyond its API, and how many scenarios want to.
pub(super) fn control(survey: &Survey, intent: &Intent) -> Finding {
    let check = Check::Control;
    let wants = |needs: &&Vec<Need>| needs.iter().any(|need| matches!(need, Need::Control(_)));
    let wanting = intent.needs.iter().filter(wants).count();
    match &survey.control {
        // Every real cloud is so; that scenarios are skipped is told with them.
        None => Finding::good(check, "none: only the API is used, as on any real cloud"),
        Some(Ok(knobs)) => {
            let knobs: Vec<String> = knobs.iter().map(ToString::to_string).collect();
            let able = if knobs.is_empty() { "does nothing".to_owned() } else { knobs.join(", ") };
            Finding::good(check, format!("it {able}; {} it", needing(wanting)))
        }
        Some(Err(error)) => Finding::problem(
            check,
            error.to_string(),
            "see whether the setting `control` is right, and whether what it names still runs; \
             without that setting such scenarios are skipped",
        ),
    }
}

/// Journals of runs on this cloud that ended without undoing all that they did.
pub(super) fn journals(config: &Config) -> Finding {
    let check = Check::Journals;
    let folder = config.journal.display();
    let Some(cloud) = &config.cloud else {
        return Finding::good(check, "none is needed: the cloud ends with its scenario");
    };
    let listed = match journal::listed(&config.journal) {
        Ok(listed) => listed,
        Err(error) => {
            let remedy = "name a folder of your own in the setting `journal`";
            return Finding::problem(check, format!("{error}: {}", error.source), remedy);
        }
    };
    let here =
        |journal: &&Listed| journal.heading.as_ref().is_none_or(|heading| heading.cloud == *cloud);
    let (mut journals, mut things) = (0, 0);
    for journal in listed.iter().filter(here) {
        match journal.take() {
            Ok(Taken::InUse | Taken::Gone) => {}
            Ok(Taken::Blank(_)) => journals += 1,
            Ok(Taken::Left(left)) => {
                journals += 1;
                things += left.unsettled.lines().len();
            }
            Err(error) => {
                let found = format!("{error}: {}", error.source);
                let remedy = "see what it says, and whether its run left anything";
                return Finding::warning(check, found, remedy);
            }
        }
    }
    if journals == 0 {
        return Finding::good(check, format!("none of an ended run in {folder}"));
    }
    Finding::warning(
        check,
        format!(
            "{} in {folder} of runs that were not cleaned up, with {} to undo",
            many(journals, "journal"),
            many(things, "thing"),
        ),
        format!("undo it with `whimbrel sweep --cloud {cloud}`"),
    )
}

/// Whether a plain member is wanted and missing.
pub(super) fn member(site: &Site, intent: &Intent) -> Option<Finding> {
    let there = site.parties().any(|party| party.account == Account::Member);
    let wanting = intent.needs.iter().filter(|needs| needs.contains(&Need::Member)).count();
    if there || wanting == 0 {
        return None;
    }
    let found = format!("no plain member is named; {} one", needing(wanting));
    let cloud = site.config().cloud.as_deref().unwrap_or_default();
    Some(Finding::warning(Check::Login, found, Lack::Member.remedy(cloud)))
}
