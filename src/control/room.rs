//! How many instances the quotas of a shared cloud leave room for.

use std::collections::BTreeSet;

use crate::api::compute::{AbsoluteLimits, Flavor};
use crate::journal::Account;

use super::need::Room;

/// What decides how much room an account has: its project, the project's limits, and what is
/// booted.
pub(super) type Limited<'a> = (Account, Option<&'a str>, &'a AbsoluteLimits, &'a Flavor);

/// A room for each project whose quota is limited.
pub(super) fn of<'a>(accounts: impl Iterator<Item = Limited<'a>>) -> Vec<Room> {
    let mut rooms: Vec<(Option<&str>, Room)> = Vec::new();
    for (account, project, limits, flavor) in accounts {
        if let Some((_, room)) = rooms.iter_mut().find(|(known, _)| *known == project) {
            room.accounts.insert(account);
        } else if let Some(instances) = fitting(limits, flavor) {
            rooms.push((project, Room { accounts: BTreeSet::from([account]), instances }));
        }
    }
    rooms.into_iter().map(|(_, room)| room).collect()
}

/// How many more instances there may be of what is booted; `None`: any number.
fn fitting(limits: &AbsoluteLimits, flavor: &Flavor) -> Option<usize> {
    let kinds = [
        (limits.max_total_instances, limits.total_instances_used, 1),
        (limits.max_total_cores, limits.total_cores_used, flavor.vcpus.into()),
        (limits.max_total_ram, limits.total_ram_used, flavor.ram),
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

    fn flavor(vcpus: u32, ram: u64) -> Flavor {
        let flavor = serde_json::json!({
            "id": "f", "name": "f", "vcpus": vcpus, "ram": ram, "disk": 0,
        });
        serde_json::from_value(flavor).unwrap()
    }

    #[test]
    fn two_accounts_of_one_project_share_its_room() {
        let (flavor, ten) = (flavor(1, 1), limits((10, 0), (-1, 0), (-1, 0)));
        let rooms = |member| {
            let operator = (Account::Operator, Some("p"), &ten, &flavor);
            of([operator, (Account::Member, Some(member), &ten, &flavor)].into_iter())
        };
        assert_eq!(rooms("p").len(), 1);
        assert_eq!(rooms("p")[0].accounts.len(), 2);
        assert_eq!(rooms("q").len(), 2);
    }

    #[test]
    fn the_tightest_of_the_limits_counts_and_minus_one_is_none() {
        let flavor = flavor(2, 512);
        let fits = |instances, cores, ram| fitting(&limits(instances, cores, ram), &flavor);
        assert_eq!(fits((-1, 3), (-1, 6), (-1, 0)), None);
        assert_eq!(fits((10, 3), (-1, 6), (-1, 0)), Some(7));
        assert_eq!(fits((10, 0), (9, 0), (-1, 0)), Some(4));
        assert_eq!(fits((10, 0), (20, 0), (1024, 1)), Some(1));
        assert_eq!(fits((2, 5), (20, 0), (-1, 0)), Some(0));
    }
}
