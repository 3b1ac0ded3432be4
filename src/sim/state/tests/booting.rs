use super::support::Bench;
use crate::events::names::ComputeName;
use crate::sim::settings::{Durations, Settings};
use crate::sim::state::groups::Policy;
use crate::sim::state::server::VmState;
use serde_json::json;

#[test]
fn an_instance_passes_through_every_state_of_a_build() {
    let mut bench = Bench::new();
    let id = bench.create(bench.request(1, 1)).unwrap().remove(0);
    let mut seen = vec![bench.line(&id)];
    while bench.step() {
        seen.push(bench.line(&id));
    }
    assert_eq!(
        seen,
        [
            "BUILD/scheduling@-",
            "BUILD/-@-",
            "BUILD/networking@compute-1",
            "BUILD/block_device_mapping@compute-1",
            "BUILD/spawning@compute-1",
            "ACTIVE/-@compute-1",
        ]
    );
    assert_eq!(bench.state.now, bench.state.settings.durations.boot);
}

#[test]
fn instances_of_one_request_are_numbered_and_spread() {
    let mut bench = Bench::new();
    let ids = bench.booted(3);
    let servers: Vec<_> = ids.iter().map(|id| bench.state.servers.get(id).unwrap()).collect();
    let names: Vec<_> =
        servers.iter().map(|server| (server.name.as_str(), server.launch_index)).collect();
    assert_eq!(names, [("web-1", 0), ("web-2", 1), ("web-3", 2)]);
    let hosts: std::collections::BTreeSet<_> =
        servers.iter().map(|server| server.host.clone()).collect();
    assert_eq!(hosts.len(), 3);
    assert!(servers.iter().all(|server| server.reservation == servers[0].reservation));
}

#[test]
fn when_not_all_fit_every_instance_of_the_request_fails_and_nothing_is_charged() {
    let mut bench = Bench::with_room_for(1);
    let ids = bench.booted(4);
    for id in &ids {
        let server = bench.state.servers.get(id).unwrap();
        assert_eq!(bench.line(id), "ERROR/-@-");
        let fault = server.fault.as_ref().unwrap();
        assert_eq!(fault.message, "No valid host was found. There are not enough hosts available.");
        assert_eq!(bench.charged(id.as_str()), "-");
    }
    assert_eq!(bench.booted(3).iter().filter(|id| bench.line(id).starts_with("ACTIVE")).count(), 3);
}

#[test]
fn quota_cuts_a_range_but_refuses_its_minimum() {
    let mut bench = Bench::with_quota(10);
    assert_eq!(bench.create(bench.request(1, 11)).unwrap().len(), 10);
    let refused = bench.create(bench.request(1, 1)).unwrap_err().to_string();
    assert_eq!(
        refused,
        "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"
    );
}

#[test]
fn a_failed_build_goes_to_another_compute() {
    let mut bench = Bench::new();
    bench.state.fail_next_build(1);
    let id = bench.create(bench.request(1, 1)).unwrap().remove(0);
    let mut hosts = Vec::new();
    while bench.step() {
        let host = bench.state.servers.get(&id).unwrap().host.clone();
        if hosts.last() != Some(&host) {
            hosts.push(host);
        }
    }
    let (first, second) = (ComputeName::new("compute-1"), ComputeName::new("compute-2"));
    assert_eq!(hosts, [None, Some(first), None, Some(second.clone())]);
    assert_eq!(bench.charged(id.as_str()), second.as_str());
}

#[test]
fn a_build_that_fails_everywhere_is_given_up() {
    let mut bench = Bench::new();
    bench.state.fail_next_build(usize::MAX);
    let id = bench.booted(1).remove(0);
    assert_eq!(bench.line(&id), "ERROR/-@-");
    let server = bench.state.servers.get(&id).unwrap();
    assert!(
        server.fault.as_ref().unwrap().message.starts_with("Exceeded maximum number of retries.")
    );
    assert_eq!(bench.charged(id.as_str()), "-");
}

#[test]
fn members_of_an_anti_affinity_group_never_share_a_compute() {
    let mut bench = Bench::new();
    let admin = bench.admin.clone();
    let group = bench.state.create_group(&admin, "apart", Policy::AntiAffinity, None).unwrap();
    let mut new = bench.request(3, 3);
    new.request.hints = json!({"group": group.id});
    let ids = bench.create(new.clone()).unwrap();
    bench.settle();
    let hosts: std::collections::BTreeSet<_> = ids.iter().map(|id| bench.host(id)).collect();
    assert_eq!(hosts.len(), 3);
    (new.min, new.max) = (1, 1);
    let fourth = bench.create(new).unwrap().remove(0);
    bench.settle();
    assert_eq!(bench.line(&fourth), "ERROR/-@-");
}

#[test]
fn an_instance_deleted_while_it_builds_leaves_nothing() {
    for steps in 0..5 {
        let mut bench = Bench::new();
        let id = bench.create(bench.request(1, 1)).unwrap().remove(0);
        (0..steps).for_each(|_| assert!(bench.step()));
        bench.state.delete_server(&bench.admin.clone(), &id).unwrap();
        bench.settle();
        assert!(bench.state.servers.get(&id).is_none(), "after {steps} steps");
        assert_eq!(bench.state.servers.any(&id).unwrap().vm_state, VmState::Deleted);
        assert_eq!(bench.state.placement.consumers().count(), 0, "after {steps} steps");
    }
}

#[test]
fn a_held_build_waits_and_goes_on_when_released() {
    let mut bench = Bench::new();
    bench.state.hold_boots(crate::sim::state::BuildPhase::Spawning);
    let id = bench.booted(1).remove(0);
    bench.in_a_second();
    assert_eq!(bench.line(&id), "BUILD/spawning@compute-1");
    bench.state.release_boots();
    bench.settle();
    assert_eq!(bench.line(&id), "ACTIVE/-@compute-1");
}

#[test]
fn with_a_spread_single_boots_are_shorter_or_longer_but_not_by_more() {
    let durations = Durations { spread: 40, ..Durations::default() };
    let mut bench = Bench::with(Settings { durations, ..Settings::default() });
    let ids = bench.booted(8);
    let launched = ids.iter().map(|id| bench.state.servers.get(id).unwrap().launched.unwrap());
    let launched: std::collections::BTreeSet<_> = launched.collect();
    assert!(launched.len() > 1, "{launched:?}");
    let (least, most) = (durations.boot * 60 / 100, durations.boot * 140 / 100);
    assert!(launched.iter().all(|at| (least..=most).contains(at)), "{launched:?}");
}
