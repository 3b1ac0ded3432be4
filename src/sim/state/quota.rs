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
    /// The limits of a project: its own, or everybody's.
    pub fn quotas_of(&self, project: &str) -> Quotas {
        self.quotas
            .get(project)
            .copied()
            .unwrap_or(self.settings.quotas)
    }

    /// What a project has, counted from what exists.
    pub fn usage_of(&self, project: &str) -> Usage {
        let mut usage = Usage::default();
        for server in self
            .servers
            .iter()
            .filter(|server| server.project == project)
        {
            usage.instances += 1;
            usage.cores += i64::try_from(server.flavor.vcpus).unwrap_or(i64::MAX);
            usage.ram += i64::try_from(server.flavor.ram).unwrap_or(i64::MAX);
        }
        let groups = self
            .groups
            .values()
            .filter(|group| group.project == project)
            .count();
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
        let each = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        let kinds = [
            ("cores", limits.cores, used.cores, each(cores)),
            ("instances", limits.instances, used.instances, 1),
            ("ram", limits.ram, used.ram, each(ram)),
        ];
        let room = |limit: i64, used: i64, each: i64| match limit {
            limit if limit < 0 || each == 0 => usize::MAX,
            limit => usize::try_from((limit - used).max(0) / each).unwrap_or(usize::MAX),
        };
        let allowed = kinds
            .iter()
            .map(|&(_, limit, used, each)| room(limit, used, each))
            .fold(max, usize::min);
        if allowed >= min {
            return Ok(allowed);
        }
        let over: Vec<_> = kinds
            .iter()
            .filter(|&&(_, limit, used, each)| room(limit, used, each) < min)
            .collect();
        let list = |show: &dyn Fn(&(&str, i64, i64, i64)) -> String| {
            over.iter()
                .map(|kind| show(kind))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let names = list(&|kind| kind.0.to_owned());
        let asked = list(&|kind| (kind.3 * i64::try_from(min).unwrap_or(i64::MAX)).to_string());
        let (have, may) = (
            list(&|kind| kind.2.to_string()),
            list(&|kind| kind.1.to_string()),
        );
        Err(Refused::OverQuota(format!(
            "Quota exceeded for {names}: Requested {asked}, but already used {have} of {may} {names}"
        )))
    }
}
