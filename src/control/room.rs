//! How many instances the quotas of a shared cloud leave room for.

use std::collections::BTreeSet;

use crate::api::compute::AbsoluteLimits;
use crate::journal::Account;

use super::cloud::Boot;
use super::need::Room;

/// What decides how much room an account has: its project, the project's limits, and what is
/// booted.
pub(super) type Limited<'a> = (Account, Option<&'a str>, &'a AbsoluteLimits, &'a Boot);

/// A room for each project whose quota is limited.
pub(super) fn of<'a>(accounts: impl Iterator<Item = Limited<'a>>) -> Vec<Room> {
    let mut rooms: Vec<(Option<&str>, Room)> = Vec::new();
    for (account, project, limits, boot) in accounts {
        if let Some((_, room)) = rooms.iter_mut().find(|(known, _)| *known == project) {
            room.accounts.insert(account);
        } else if let Some(instances) = fitting(limits, boot) {
            rooms.push((project, Room { accounts: BTreeSet::from([account]), instances }));
        }
    }
    rooms.into_iter().map(|(_, room)| room).collect()
}

/// How many more instances there may be of what is booted; `None`: any number.
fn fitting(limits: &AbsoluteLimits, boot: &Boot) -> Option<usize> {
    let kinds = [
        (limits.max_total_instances, limits.total_instances_used, 1),
        (limits.max_total_cores, limits.total_cores_used, boot.vcpus.into()),
        (limits.max_total_ram, limits.total_ram_used, boot.ram),
    ];
    let fits = kinds.into_iter().filter(|(most, _, each)| *most >= 0 && *each > 0).map(
        |(most, used, each)| {
            // Who lowered a quota below what is used has room for nothing.
            let free = u64::try_from(most.saturating_sub(used)).unwrap_or(0);
            usize::try_from(free / each).unwrap_or(usize::MAX)
        },
    );
    fits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(instances: (i64, i64), cores: (i64, i64), ram: (i64, i64)) -> AbsoluteLimits {
        AbsoluteLimits {
            max_total_instances: instances.0,
            total_instances_used: instances.1,
            max_total_cores: cores.0,
            total_cores_used: cores.1,
            max_total_ram: ram.0,
            total_ram_used: ram.1,
        }
    }

    fn boot(vcpus: u32, ram: u64) -> Boot {
        let name = || "x".to_owned();
        Boot { image: name(), image_name: name(), flavor: name(), flavor_name: name(), vcpus, ram }
    }

    #[test]
    fn two_accounts_of_one_project_share_its_room() {
        let (boot, ten) = (boot(1, 1), limits((10, 0), (-1, 0), (-1, 0)));
        let rooms = |member| {
            let operator = (Account::Operator, Some("p"), &ten, &boot);
            of([operator, (Account::Member, Some(member), &ten, &boot)].into_iter())
        };
        assert_eq!(rooms("p").len(), 1);
        assert_eq!(rooms("p")[0].accounts.len(), 2);
        assert_eq!(rooms("q").len(), 2);
    }

    #[test]
    fn the_tightest_of_the_limits_counts_and_minus_one_is_none() {
        let boot = boot(2, 512);
        let fits = |instances, cores, ram| fitting(&limits(instances, cores, ram), &boot);
        assert_eq!(fits((-1, 3), (-1, 6), (-1, 0)), None);
        assert_eq!(fits((10, 3), (-1, 6), (-1, 0)), Some(7));
        assert_eq!(fits((10, 0), (9, 0), (-1, 0)), Some(4));
        assert_eq!(fits((10, 0), (20, 0), (1024, 1)), Some(1));
        assert_eq!(fits((2, 5), (20, 0), (-1, 0)), Some(0));
    }
}
