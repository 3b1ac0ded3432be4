//! Where instances are put: their networks and their availability zone.

use super::{Asked, DiscoverError, Offer, listed};
use crate::api::compute::{Compute, Networks, Zone};
use crate::api::network::{self, Network};
use crate::config;

/// What the setting `network` comes to. Whether the cloud can do `auto` it says at the first create.
pub(super) async fn networks(
    asked: &Asked<'_>,
    compute: &Compute,
    wanted: &config::Network,
) -> Result<Networks, DiscoverError> {
    match wanted {
        config::Network::None => Ok(Networks::None),
        config::Network::Auto => Ok(Networks::Auto),
        config::Network::Named(name) => {
            let all = network::networks(compute.session())
                .await
                .map_err(|error| asked.failed::<Network>(error))?;
            Ok(Networks::Ids(vec![network_of(asked, all, name)?]))
        }
    }
}

fn network_of(asked: &Asked<'_>, all: Vec<Network>, wanted: &str) -> Result<String, DiscoverError> {
    let has = listed(&all);
    let found = asked.named(all, wanted)?;
    // Nova refuses it at create, without a word about the other networks.
    if found.subnets.is_empty() {
        return Err(DiscoverError::Unfit {
            cloud: asked.cloud.to_owned(),
            kind: Network::KIND,
            wanted: wanted.to_owned(),
            why: "has no subnet, so an instance gets no address from it",
            has,
        });
    }
    Ok(found.id)
}

/// The zone, which must be one that takes instances.
pub(super) async fn zone(
    asked: &Asked<'_>,
    compute: &Compute,
    wanted: &str,
) -> Result<String, DiscoverError> {
    let zones = compute.zones().await.map_err(|error| asked.failed::<Zone>(error))?;
    zone_of(asked, zones, wanted)
}

fn zone_of(asked: &Asked<'_>, zones: Vec<Zone>, wanted: &str) -> Result<String, DiscoverError> {
    let has = listed(&zones);
    let found = asked.named(zones, wanted)?;
    if !found.state.available {
        return Err(DiscoverError::Unfit {
            cloud: asked.cloud.to_owned(),
            kind: Zone::KIND,
            wanted: wanted.to_owned(),
            why: "takes no instances now",
            has,
        });
    }
    Ok(found.name)
}

impl Offer for Network {
    const KIND: &'static str = "network";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn line(&self) -> String {
        let name = if self.name.is_empty() { "(no name)" } else { &self.name };
        let whose = if self.shared { ", for all projects" } else { "" };
        let lacks = if self.subnets.is_empty() { ", without a subnet" } else { "" };
        format!("{name} [{}{whose}{lacks}]", self.id)
    }
}

impl Offer for Zone {
    const KIND: &'static str = "zone";

    /// A zone has its name for an id.
    fn id(&self) -> &str {
        &self.name
    }

    fn name(&self) -> Option<&str> {
        None
    }

    fn line(&self) -> String {
        let closed = if self.state.available { "" } else { " (takes no instances now)" };
        format!("{}{closed}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LAB: Asked<'_> = Asked { cloud: "lab" };

    fn network(id: &str, name: &str, subnets: &[&str]) -> Network {
        let network = json!({ "id": id, "name": name, "shared": id == "n1", "subnets": subnets });
        serde_json::from_value(network).expect("a network")
    }

    #[test]
    fn a_network_is_found_by_its_id_before_one_that_has_this_for_a_name() {
        let all = || vec![network("n1", "n2", &["s"]), network("n2", "web", &["s"])];
        assert_eq!(network_of(&LAB, all(), "n2").expect("a network"), "n2");
        assert_eq!(network_of(&LAB, all(), "web").expect("a network"), "n2");
    }

    #[test]
    fn a_network_that_will_not_do_is_answered_with_those_there_are() {
        let told = |wanted: &str| {
            let all = vec![
                network("n1", "web", &["s"]),
                network("n2", "web", &["s"]),
                network("n3", "", &[]),
            ];
            network_of(&LAB, all, wanted).expect_err("no such network").to_string()
        };
        insta::assert_snapshot!(told("wbe"), @"the cloud lab has no network `wbe`; it has: web [n1, for all projects], web [n2], (no name) [n3, without a subnet]");
        insta::assert_snapshot!(told("web"), @"the cloud lab has several networks called `web`; name one by its id: n1, n2");
        insta::assert_snapshot!(told("n3"), @"the network `n3` of the cloud lab has no subnet, so an instance gets no address from it; there are: web [n1, for all projects], web [n2], (no name) [n3, without a subnet]");
    }

    #[test]
    fn a_zone_must_be_there_and_take_instances() {
        let zones = || -> Vec<Zone> {
            let zone = |name: &str, available: bool| json!({ "zoneName": name, "zoneState": { "available": available } });
            serde_json::from_value(json!([zone("north", true), zone("south", false)]))
                .expect("zones")
        };
        assert_eq!(zone_of(&LAB, zones(), "north").expect("a zone"), "north");
        let told = |wanted| zone_of(&LAB, zones(), wanted).expect_err("no such zone").to_string();
        insta::assert_snapshot!(told("nroth"), @"the cloud lab has no zone `nroth`; it has: north, south (takes no instances now)");
        insta::assert_snapshot!(told("south"), @"the zone `south` of the cloud lab takes no instances now; there are: north, south (takes no instances now)");
    }
}
