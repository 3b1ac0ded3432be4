//! How many instances the quotas of a shared cloud leave room for.

use std::collections::BTreeSet;

use crate::api::RequestError;
use crate::api::compute::{AbsoluteLimits, Flavor};

use super::OpenError;
use super::need::Room;
use super::target::Shared;

/// A room for each project whose quota is limited; `name` is the cloud's, for errors.
pub(super) async fn of(shared: &Shared, name: &str) -> Result<Vec<Room>, OpenError> {
    let mut rooms: Vec<(Option<String>, Room)> = Vec::new();
    for party in [Some(&shared.operator), shared.member.as_ref()].into_iter().flatten() {
        let failed = |source: RequestError| OpenError::Request { name: name.to_owned(), source };
        let project = party.compute.session().login().await.map_err(failed)?.project_id;
        if let Some((_, room)) = rooms.iter_mut().find(|(known, _)| *known == project) {
            room.accounts.insert(party.account);
            continue;
        }
        let limits = party.compute.limits().await.map_err(failed)?;
        if let Some(instances) = fitting(&limits, &party.boot().await?.flavor) {
            rooms.push((project, Room { accounts: BTreeSet::from([party.account]), instances }));
        }
    }
    Ok(rooms.into_iter().map(|(_, room)| room).collect())
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

    #[test]
    fn the_tightest_of_the_limits_counts_and_minus_one_is_none() {
        let flavor = serde_json::json!({"id": "f", "name": "f", "vcpus": 2, "ram": 512, "disk": 0});
        let flavor: Flavor = serde_json::from_value(flavor).unwrap();
        let fits = |instances, cores, ram| fitting(&limits(instances, cores, ram), &flavor);
        assert_eq!(fits((-1, 3), (-1, 6), (-1, 0)), None);
        assert_eq!(fits((10, 3), (-1, 6), (-1, 0)), Some(7));
        assert_eq!(fits((10, 0), (9, 0), (-1, 0)), Some(4));
        assert_eq!(fits((10, 0), (20, 0), (1024, 1)), Some(1));
        assert_eq!(fits((2, 5), (20, 0), (-1, 0)), Some(0));
    }
}
