//! What a project may have, and what it has.

use super::State;
use super::refused::Refused;
use crate::sim::settings::Quotas;

/// What a project has now, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Instances.
    pub instances: i64,
    /// vCPUs.
    pub cores: i64,
    /// MiB.
    pub ram: i64,
    /// Server groups.
    pub server_groups: i64,
}

impl State {
    /// Deletes a project with what nobody can reach without it: its limits, its empty groups, its
    /// networks without ports. `false` if there is none of that id.
    pub fn delete_project(&mut self, id: &str) -> bool {
        self.quotas.remove(id);
        let servers = &self.servers;
        self.groups.retain(|_, group| {
            let lived_in = || group.members.iter().any(|member| servers.get(member).is_some());
            group.project != id || lived_in()
        });
        let catalog = &mut self.catalog;
        catalog.networks.retain(|network| {
            let used = || catalog.ports.values().any(|port| port.network == network.id);
            network.project != id || network.shared || network.external || used()
        });
        self.identity.delete_project(id)
    }

    /// Deletes a user with its key pairs, which nobody can use any more. `false` if there is none
    /// of that id.
    pub fn delete_user(&mut self, id: &str) -> bool {
        self.catalog.key_pairs.retain(|(user, _), _| user != id);
        self.identity.delete_user(id)
    }

    /// The limits of a project: its own, or everybody's.
    pub fn quotas_of(&self, project: &str) -> Quotas {
        self.quotas.get(project).copied().unwrap_or_else(|| self.default_quotas())
    }

    /// The limits of projects that have none of their own.
    pub fn default_quotas(&self) -> Quotas {
        self.default_quotas.unwrap_or(self.settings.quotas)
    }

    /// What a project has, counted from what exists.
    pub fn usage_of(&self, project: &str) -> Usage {
        let mut usage = Usage::default();
        for server in self.servers.iter().filter(|server| server.project == project) {
            usage.instances += 1;
            usage.cores += i64::try_from(server.flavor.vcpus).unwrap_or(i64::MAX);
            usage.ram += i64::try_from(server.flavor.ram).unwrap_or(i64::MAX);
        }
        let groups = self.groups.values().filter(|group| group.project == project).count();
        usage.server_groups = i64::try_from(groups).unwrap_or(i64::MAX);
        usage
    }

    /// How many instances of `cores` and `ram` a project may still have, at most `max`.
    ///
    /// # Errors
    ///
    /// [`Refused::OverQuota`] in Nova's words if fewer than `min`.
    pub(super) fn headroom(
        &self,
        project: &str,
        (cores, ram): (u64, u64),
        (min, max): (usize, usize),
    ) -> Result<usize, Refused> {
        let (limits, used) = (self.quotas_of(project), self.usage_of(project));
        let kinds = [
            Room { name: "cores", limit: limits.cores, used: used.cores, each: cores },
            Room { name: "instances", limit: limits.instances, used: used.instances, each: 1 },
            Room { name: "ram", limit: limits.ram, used: used.ram, each: ram },
        ];
        let allowed = kinds.iter().map(Room::fits).fold(max, usize::min);
        if allowed >= min {
            return Ok(allowed);
        }
        let over: Vec<&Room> = kinds.iter().filter(|room| room.fits() < min).collect();
        let (mut names, mut asked, mut have, mut may) = (vec![], vec![], vec![], vec![]);
        for room in over {
            names.push(room.name.to_owned());
            asked.push((room.each * min as u64).to_string());
            have.push(room.used.to_string());
            may.push(room.limit.to_string());
        }
        let [names, asked, have, may] = [names, asked, have, may].map(|list| list.join(", "));
        Err(Refused::OverQuota(format!(
            "Quota exceeded for {names}: Requested {asked}, but already used {have} of {may} {names}"
        )))
    }
}

/// One kind of limit, for a request of many alike.
struct Room {
    name: &'static str,
    limit: i64,
    used: i64,
    /// What each instance of the request takes of it.
    each: u64,
}

impl Room {
    /// How many instances there is room for.
    fn fits(&self) -> usize {
        if self.limit < 0 || self.each == 0 {
            return usize::MAX;
        }
        let left = u64::try_from(self.limit - self.used).unwrap_or(0);
        usize::try_from(left / self.each).unwrap_or(usize::MAX)
    }
}
