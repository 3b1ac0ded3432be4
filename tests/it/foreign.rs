//! A cloud that is not ours: other names, other ids, zones, several networks of one name.

use serde_json::Value;
use whimbrel::sim::{BootPhase, Settings, Stock, StockedFlavor, StockedImage, StockedNetwork};

use crate::support::{Bench, feature};

const PAIR: &str = r#"
    Given 2 instances "web" booted together
    When the operator live-migrates "web-1" to another compute
    Then the migration of "web-1" is completed
    And "web-1" is running on that compute
    And no other instance has moved or changed
"#;

const PORTS: &str = "GET /network/v2.0/ports?device_id=";
const S_PICO: &str = "5a3bd0a2-6c8f-4d59-8a7e-0d6c5e0f2b11";
const S_NANO: &str = "c0a8e7f4-1f1d-4b4e-9a6f-7f6f0f3a9c22";
const M_MICRO: &str = "gp3.micro-2vcpu";

/// Five computes, three of which are in the zone `north`; the smallest flavor fits no image.
fn foreign() -> Settings {
    let flavor = |id: &str, name: &str, vcpus, ram, disk| StockedFlavor {
        id: id.to_owned(),
        name: name.to_owned(),
        vcpus,
        ram,
        disk,
    };
    let image = |name: &str, min_ram, min_disk, mib: u64| StockedImage {
        name: name.to_owned(),
        status: "active",
        min_ram,
        min_disk,
        size: Some(mib << 20),
    };
    let network =
        |name: &str, shared| StockedNetwork { name: name.to_owned(), shared, external: !shared };
    Settings {
        computes: 5,
        first_compute_name: "kvm7.rack-41".to_owned(),
        zones: vec!["north".to_owned(), "south".to_owned()],
        stock: Stock {
            flavors: vec![
                flavor(M_MICRO, "m.micro", 2, 1024, 8),
                flavor(S_PICO, "s.pico", 1, 64, 1),
                flavor(S_NANO, "s.nano", 1, 256, 4),
            ],
            images: vec![
                image("Windows Server 2025", 4096, 40, 9_000),
                image("Debian 13 (generic)", 128, 2, 400),
                image("Ubuntu 26.04", 512, 5, 600),
            ],
            networks: vec![
                network("lan", true),
                network("twin", true),
                network("twin", true),
                network("transit", false),
            ],
        },
        ..Settings::default()
    }
}

#[test]
fn every_feature_passes_on_a_cloud_with_other_names_and_ids() {
    let bench = Bench::controlled(foreign());
    let told = bench.run(&["--member", "sim-member"]).exits(0);
    told.says(&["5 computes that are enabled and up"]).never_says("skipped");
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert_eq!(bench.count("GET /compute/v2.1/os-availability-zone"), 0, "nobody named a zone");
    assert_eq!(bench.count("GET /network/"), 0, "nobody named a network");
}

#[test]
fn every_feature_passes_within_a_zone_and_with_a_network() {
    let bench = Bench::controlled(foreign());
    let place = ["--zone", "north", "--network", "lan"];
    let told = bench.run(&[&["--member", "sim-member"], &place[..]].concat()).exits(0);
    told.says(&["3 computes in zone north that are enabled and up"]).never_says("skipped");
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.count(PORTS) >= 2, "the audit looks at ports");
}

#[test]
fn the_audit_looks_for_ports_of_an_instance_that_never_had_an_address() {
    let bench = Bench::with(foreign());
    bench.control().fail_next_build(5);
    bench.folder.write("one.feature", &feature(r#"Given a running instance "web""#));
    bench.run(&["one.feature", "--network", "lan"]).exits(1).says(&["ERROR"]);
    let requests = bench.requests();
    let mut after = requests.iter().skip_while(|request| !request.starts_with("DELETE /compute/"));
    assert!(after.any(|request| request.starts_with(PORTS)), "{requests:?}");
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

/// What the cloud has booted for a run with these flags, and the networks of its so many ports.
fn booted(ports: usize, arguments: &[&str]) -> (Value, Vec<Value>) {
    let bench = Bench::with(foreign());
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(PAIR, arguments);
    bench.until("both are being built", |cloud| {
        cloud.allocations.values().flatten().count() == 2 && cloud.ports == ports
    });
    let looked = bench.block_on(async {
        let admin = bench.sim.admin().await;
        let servers = admin.get("/servers/detail").await.body["servers"].clone();
        let ports = admin.call("GET", "network/v2.0/ports", None).await.body["ports"].clone();
        let networks = admin.call("GET", "network/v2.0/networks", None).await.body;
        let image = admin.call("GET", "image/v2/images", None).await.body;
        (servers, ports, networks, image)
    });
    bench.control().release_boots();
    run.ended().exits(0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    let (mut servers, ports, networks, images) = looked;
    let by_id = |all: &Value, id: &Value| {
        let one = all.as_array().expect("a list").iter().find(|one| one["id"] == *id);
        one.expect("one of that id")["name"].clone()
    };
    let image = by_id(&images["images"], &servers[0]["image"]["id"]);
    servers[0]["image"] = image;
    let ports = ports.as_array().expect("a list").iter();
    let ports = ports.map(|port| by_id(&networks["networks"], &port["network_id"])).collect();
    (servers[0].clone(), ports)
}

#[test]
fn unless_something_is_named_the_smallest_that_fits_is_booted_without_a_network() {
    let (server, ports) = booted(0, &[]);
    assert_eq!(server["flavor"]["original_name"], "s.nano");
    assert_eq!(server["image"], "Debian 13 (generic)");
    assert_eq!(server["pinned_availability_zone"], Value::Null);
    assert_eq!(ports, [""; 0]);
}

#[test]
fn what_is_named_is_used_by_name_and_by_id() {
    let named =
        ["--image", "Ubuntu 26.04", "--flavor", M_MICRO, "--network", "lan", "--zone", "south"];
    let (server, ports) = booted(2, &named);
    assert_eq!(server["flavor"]["original_name"], "m.micro");
    assert_eq!(server["image"], "Ubuntu 26.04");
    assert_eq!(server["pinned_availability_zone"], "south");
    assert_eq!(ports, ["lan", "lan"]);
    let (_, ports) = booted(2, &["--network", "auto"]);
    assert_eq!(ports, ["auto_allocated_network"; 2]);
}

/// What a run says that can't begin, with the ids that are others each time as `ID`.
fn refused(code: i32, arguments: &[&str]) -> String {
    let bench = Bench::with(foreign());
    bench.folder.write("one.feature", &feature(PAIR));
    let told = bench.run(&[&["one.feature"], arguments].concat()).exits(code);
    assert_eq!(bench.ever_booted(), 0);
    assert!(bench.folder.journals().is_empty());
    let id = regex::Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern");
    let text = id.replace_all(&told.err, |found: &regex::Captures<'_>| match &found[0] {
        S_PICO => "S-PICO",
        S_NANO => "S-NANO",
        _ => "ID",
    });
    text.trim().to_owned()
}

#[test]
fn what_is_not_there_or_does_not_fit_is_answered_with_what_there_is() {
    insta::assert_snapshot!(refused(2, &["--image", "cirros"]), @"whimbrel: the cloud sim has no image `cirros`; it has: Windows Server 2025 [ID] needs 4096 MiB memory and 40 GiB disk, Debian 13 (generic) [ID] needs 128 MiB memory and 2 GiB disk, Ubuntu 26.04 [ID] needs 512 MiB memory and 5 GiB disk");
    insta::assert_snapshot!(refused(2, &["--flavor", "m1.tiny"]), @"whimbrel: the cloud sim has no flavor `m1.tiny`; it has: m.micro [gp3.micro-2vcpu] has 1024 MiB memory and 8 GiB disk, s.pico [S-PICO] has 64 MiB memory and 1 GiB disk, s.nano [S-NANO] has 256 MiB memory and 4 GiB disk");
    insta::assert_snapshot!(refused(3, &["--flavor", "s.pico"]), @"whimbrel: no flavor of the cloud sim is large enough for an image; images: Debian 13 (generic) [ID] needs 128 MiB memory and 2 GiB disk, Ubuntu 26.04 [ID] needs 512 MiB memory and 5 GiB disk, Windows Server 2025 [ID] needs 4096 MiB memory and 40 GiB disk; flavors: s.pico [S-PICO] has 64 MiB memory and 1 GiB disk");
    insta::assert_snapshot!(refused(2, &["--network", "private"]), @"whimbrel: the cloud sim has no network `private`; it has: lan [ID, for all projects], twin [ID, for all projects], twin [ID, for all projects], transit [ID]");
    insta::assert_snapshot!(refused(2, &["--network", "twin"]), @"whimbrel: the cloud sim has several networks called `twin`; name one by its id: ID, ID");
    insta::assert_snapshot!(refused(2, &["--zone", "nova"]), @"whimbrel: the cloud sim has no zone `nova`; it has: north, south");
}

#[test]
fn a_zone_that_takes_no_instances_can_not_be_used() {
    let bench = Bench::with(foreign());
    bench.block_on(async {
        let admin = bench.sim.admin().await;
        let services = admin.get("/os-services?binary=nova-compute").await.body["services"].clone();
        let south = services.as_array().unwrap().iter().filter(|it| it["zone"] == "south");
        for service in south {
            let path = format!("/os-services/{}", service["id"].as_str().unwrap());
            let disabled = serde_json::json!({ "status": "disabled" });
            assert_eq!(admin.nova("PUT", &path, disabled).await.status, 200);
        }
    });
    bench.folder.write("one.feature", &feature(PAIR));
    let told = bench.run(&["one.feature", "--zone", "south"]).exits(3);
    told.says(&[
        "the zone `south` of the cloud sim takes no instances now; there are: north, south",
    ]);
}

#[test]
fn a_scenario_that_needs_more_computes_than_the_zone_has_is_skipped() {
    let bench = Bench::with(foreign());
    bench.folder.write("one.feature", &feature("Given a cloud with 3 computes"));
    let told = bench.run(&["one.feature", "--zone", "south"]).exits(4);
    told.says(&["it needs 3 computes in zone south that are enabled and up, and there are 2"]);
}
