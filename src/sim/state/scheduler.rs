//! The scheduler: placement's candidates, the default filters, weighing by free memory.

use std::collections::BTreeMap;

use super::State;
use super::build::MAX_ATTEMPTS;
use super::groups::{Group, Policy};
use super::placement::Resources;
use super::refused::Refused;
use super::server::Server;
use crate::events::names::{ComputeName, ServerId};

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What the instance uses.
    pub needs: Resources,
    /// The zone that it is pinned to.
    pub zone: Option<&'a str>,
    /// The only compute that will do.
    pub only: Option<&'a ComputeName>,
    /// Whether that compute is forced: then the filters are not asked.
    pub forced: bool,
    /// Computes that will not do.
    pub ignore: &'a [ComputeName],
    /// The server group that it belongs to.
    pub group: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// What `server` needs, anywhere.
    pub fn of(server: &'a Server) -> Self {
        Self {
            needs: server.needs(),
            zone: server.request.zone.as_deref(),
            only: None,
            forced: false,
            ignore: &[],
            group: server.request.group.as_deref(),
        }
    }
}

impl State {
    /// The computes that fit, best first: as many as a build may try.
    ///
    /// # Errors
    ///
    /// [`Refused::NoValidHost`]: without a reason if placement knows no candidate (no room,
    /// disabled, another zone), with "There are not enough hosts available." if filters left none.
    pub(super) fn find_hosts(&self, ask: Ask<'_>) -> Result<Vec<ComputeName>, Refused> {
        let candidates: Vec<&ComputeName> = self
            .placement
            .providers()
            .map(|provider| &provider.name)
            .filter(|host| self.is_candidate(host, ask))
            .collect();
        if candidates.is_empty() {
            return Err(Refused::NoValidHost(String::new()));
        }
        let occupied = ask.group.map(|group| self.hosts_of_group(group));
        let group = ask.group.and_then(|group| self.groups.get(group)).zip(occupied.as_ref());
        let mut hosts: Vec<&ComputeName> = candidates
            .into_iter()
            .filter(|host| !ask.ignore.contains(host))
            .filter(|host| ask.forced || (self.computes.is_up(host) && passes_group(host, group)))
            .collect();
        if hosts.is_empty() {
            return Err(Refused::not_enough_hosts());
        }
        let free =
            |host: &ComputeName| self.placement.provider(host).map_or(0, |at| at.free().memory_mb);
        hosts.sort_by_cached_key(|host| (softly(host, group), std::cmp::Reverse(free(host))));
        Ok(hosts.into_iter().take(MAX_ATTEMPTS).cloned().collect())
    }

    /// Whether placement would offer the compute: room, enabled, in the zone, the one asked for.
    fn is_candidate(&self, host: &ComputeName, ask: Ask<'_>) -> bool {
        self.placement.fits(host, ask.needs)
            && self.computes.host(host).is_some_and(|service| !service.disabled)
            && ask.zone.is_none_or(|zone| self.computes.zone(host) == zone)
            && ask.only.is_none_or(|only| only == host)
    }

    /// Where the members of a group are, or are about to be, and how many of them.
    pub(super) fn hosts_of_group(&self, group: &str) -> BTreeMap<ComputeName, u64> {
        let mut hosts = BTreeMap::new();
        let Some(group) = self.groups.get(group) else {
            return hosts;
        };
        for member in &group.members {
            for host in self.places_of(member) {
                *hosts.entry(host.clone()).or_default() += 1;
            }
        }
        hosts
    }

    /// Where an instance is, was placed, or is moving to.
    fn places_of(&self, id: &ServerId) -> Vec<&ComputeName> {
        let Some(server) = self.servers.get(id) else {
            return Vec::new();
        };
        let moving = self.migration_in_flight(id).and_then(|migration| migration.chosen.as_ref());
        let here = server.host.as_ref().or(server.chosen.as_ref());
        let mut places: Vec<&ComputeName> = here.into_iter().chain(moving).collect();
        places.dedup();
        places
    }
}

/// The group's filters: all together, or so many a host at most.
fn passes_group(host: &ComputeName, group: Option<(&Group, &BTreeMap<ComputeName, u64>)>) -> bool {
    let Some((group, occupied)) = group else {
        return true;
    };
    match group.policy {
        Policy::Affinity => occupied.is_empty() || occupied.contains_key(host),
        Policy::AntiAffinity => {
            occupied.get(host).copied().unwrap_or(0) < group.max_server_per_host.unwrap_or(1)
        }
        Policy::SoftAffinity | Policy::SoftAntiAffinity => true,
    }
}

/// The soft policies' weights: smaller is better.
fn softly(host: &ComputeName, group: Option<(&Group, &BTreeMap<ComputeName, u64>)>) -> i64 {
    let Some((group, occupied)) = group else {
        return 0;
    };
    let members = occupied.get(host).map_or(0, |count| i64::try_from(*count).unwrap_or(i64::MAX));
    match group.policy {
        Policy::SoftAffinity => -members,
        Policy::SoftAntiAffinity => members,
        Policy::Affinity | Policy::AntiAffinity => 0,
    }
}
