//! `whimbrel doctor`, by running the binary: what it says of a healthy cloud and of each failure,
//! and that it changes nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests, but not themselves ones")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use whimbrel::sim::{Quotas, Settings};

use crate::api_tls;
use crate::support::{Bench, Ended, Folder, feature};

/// What these tests select from: whatever is built in may grow.
const MOVES: &str = r#"Feature: Instances boot and move
  Background:
    Given a cloud with several computes
  Scenario: Five boot
    When the operator boots 5 instances "web" together
  Scenario: One of two moves
    Given 2 instances "web" booted together
    When the operator live-migrates "web-1" to another compute
  Scenario: All of three move
    Given 3 instances "web" booted by separate requests at the same time
    When the operator live-migrates all instances at the same time
"#;

const COMPUTES: &str = r#"Feature: Computes are taken out of use
  Background:
    Given a running instance "web"
  Scenario: One is disabled
    Given a cloud with 3 computes
    And a compute without "web" was disabled
    When the operator live-migrates "web"
  Scenario: All but one are disabled
    Given every compute without "web" was disabled
    When the operator live-migrates "web"
  Scenario: One is down
    Given a compute without "web" went down
    When the operator live-migrates "web" to the compute that is down
"#;

const MEMBERS: &str = r#"Feature: Members move nothing
  Scenario: A member asks for a live migration
    Given a running instance "web" of a plain member
    When the member live-migrates "web"
"#;

/// A cloud with these settings, and seven scenarios to run on it.
fn bench(settings: Settings) -> Bench {
    let bench = Bench::limited(settings);
    bench.folder.write("features/a_moves.feature", MOVES);
    bench.folder.write("features/b_computes.feature", COMPUTES);
    bench.folder.write("features/c_members.feature", MEMBERS);
    bench
}

/// A doctor who has come and gone.
struct Visit {
    told: String,
    ended: Ended,
}

/// Lets the doctor look at a cloud of the bench, and demands that nothing was changed there.
fn visit(bench: &Bench, cloud: &str, arguments: &[&str]) -> Visit {
    let before = bench.snapshot();
    let own = ["doctor", "--cloud", cloud, "--set", "retry.first=1ms"];
    let ended = bench.folder.run(&[&own, arguments].concat());
    assert_eq!(bench.snapshot(), before);
    assert!(bench.folder.journals().is_empty(), "a doctor keeps no journal");
    for request in bench.requests() {
        let looks = request.starts_with("GET ") || request.starts_with("HEAD ");
        assert!(looks || request.starts_with("POST /identity/v3/auth/tokens "), "{request}");
    }
    Visit { told: neutral(bench, &ended.out), ended }
}

/// Without what differs from one time to the next.
fn neutral(bench: &Bench, told: &str) -> String {
    let folder = bench.folder.path().canonicalize().unwrap();
    let port = bench.sim.cloud.address().port().to_string();
    told.replace(&format!(":{port}"), ":PORT")
        .replace(folder.to_str().unwrap(), "FOLDER")
        .replace(bench.folder.path().to_str().unwrap(), "FOLDER")
}

/// Changes the entry of a cloud in `clouds.yaml`.
fn change(bench: &Bench, cloud: &str, change: impl FnOnce(&mut Value)) {
    let mut clouds: Value = serde_json::from_str(&bench.folder.read("clouds.yaml")).unwrap();
    change(&mut clouds["clouds"][cloud]);
    bench.folder.write("clouds.yaml", &clouds.to_string());
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A server that answers the same to everybody until the test is over: its port, and the first
/// lines of what it was asked.
fn server(kind: &'static str, body: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap();
            let head = String::from_utf8_lossy(&head[..read]);
            note.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (port, asked)
}

#[test]
fn a_healthy_cloud_is_ready() {
    let bench = bench(Settings::default());
    let visit = visit(&bench, "sim", &["--member", "sim-member", "--allow", "hosts"]);
    visit.ended.exits(0);
    insta::assert_snapshot!(visit.told);
}

#[test]
fn the_embedded_cloud_is_looked_at_too() {
    let folder = Folder::quick();
    let told = folder.run(&["doctor"]).exits(0);
    told.says(&["embedded cloud of its own", "0 would be skipped", "\nready: "])
        .never_says("✘")
        .never_says("!");
    assert!(folder.journals().is_empty());
}

#[test]
fn the_unresolvable_host_of_an_entry_is_named() {
    let bench = bench(Settings::default());
    change(&bench, "sim", |entry| {
        entry["auth"]["auth_url"] = "http://keystone.invalid:5000/v3".into();
    });
    let visit = visit(&bench, "sim", &[]);
    visit.ended.exits(3);
    // Resolvers differ in their words.
    let reason = regex::Regex::new("information: .*").unwrap();
    insta::assert_snapshot!(reason.replace(&visit.told, "information: WHY"));
}

#[test]
fn a_port_at_which_nobody_listens_is_told() {
    let bench = bench(Settings::default());
    let free = free_port();
    change(&bench, "sim", |entry| {
        entry["auth"]["auth_url"] = format!("http://127.0.0.1:{free}/v3").into();
    });
    let visit = visit(&bench, "sim", &[]);
    visit.ended.exits(3);
    insta::assert_snapshot!(visit.told.replace(&free.to_string(), "FREE"));
}

#[test]
fn who_is_no_keystone_is_told_what_it_answers_and_sees_no_password() {
    for (kind, body, says) in [
        ("text/html", "<html><body>It works!</body></html>", r#"200 with text/html, "It works!""#),
        ("application/json", r#"{"hello": "world"}"#, r#"200 with application/json, "world""#),
    ] {
        let bench = bench(Settings::default());
        let (port, asked) = server(kind, body);
        let url = format!("http://127.0.0.1:{port}/identity");
        change(&bench, "sim", |entry| entry["auth"]["auth_url"] = url.as_str().into());
        let visit = visit(&bench, "sim", &[]);
        visit.ended.exits(3).says(&[says, &format!("{url} is no Keystone"), "correct `auth_url`"]);
        assert_eq!(*asked.lock().unwrap(), ["GET /identity/v3/ HTTP/1.1"]);
        assert_eq!(bench.requests(), [""; 0]);
    }
}

#[test]
fn http_where_tls_is_expected_and_an_unknown_authority_name_the_setting() {
    let bench = bench(Settings::default());
    change(&bench, "sim", |entry| {
        let url = entry["auth"]["auth_url"].as_str().unwrap().replace("http:", "https:");
        entry["auth"]["auth_url"] = url.into();
    });
    visit(&bench, "sim", &[]).ended.exits(3).says(&["✘ identity", "http://"]);

    let cloud = bench.block_on(api_tls::of_unknown_authority());
    change(&bench, "sim", |entry| {
        entry["auth"]["auth_url"] = cloud.entry().auth_url.as_str().into()
    });
    let visit = visit(&bench, "sim", &[]);
    visit.ended.exits(3).says(&["✘ identity", "certificate", "`cacert: FILE`", "`verify: false`"]);
}

#[test]
fn a_wrong_password_is_told_with_user_and_project() {
    let bench = bench(Settings::default());
    let visit = visit(&bench, "sim-wrong", &[]);
    visit.ended.exits(3).never_says("\"wrong\"");
    insta::assert_snapshot!(visit.told);
}

#[test]
fn a_login_for_no_project_is_a_bad_entry() {
    let bench = bench(Settings::default());
    change(&bench, "sim", |entry| {
        let auth = entry["auth"].as_object_mut().unwrap();
        auth.retain(|key, _| !key.starts_with("project"));
    });
    let visit = visit(&bench, "sim", &[]);
    visit.ended.exits(2).says(&["admin is logged in for no project", "add `project_name`"]);
    let run = bench.folder.run(&["run", "--cloud", "sim"]).exits(2);
    run.says(&["the login to the cloud sim is for no project"]);
}

#[test]
fn a_service_that_is_not_in_the_catalog_is_told_with_what_there_is() {
    let bench = bench(Settings::default());
    change(&bench, "sim", |entry| entry["compute_region_name"] = "nowhere".into());
    let visit = visit(&bench, "sim", &[]);
    visit.ended.exits(3);
    insta::assert_snapshot!(visit.told);
}

#[test]
fn an_endpoint_that_nobody_serves_is_told_with_its_address() {
    let bench = bench(Settings::default());
    let free = free_port();
    let url = format!("http://127.0.0.1:{free}/v2.1");
    change(&bench, "sim", |entry| entry["compute_endpoint_override"] = url.as_str().into());
    let visit = visit(&bench, "sim", &[]);
    visit.ended.exits(3);
    insta::assert_snapshot!(visit.told.replace(&free.to_string(), "FREE"));
}

#[test]
fn a_member_without_rights_is_no_operator() {
    let bench = bench(Settings::default());
    let visit = visit(&bench, "sim-member", &[]);
    visit.ended.exits(3);
    insta::assert_snapshot!(visit.told);
}

#[test]
fn an_operator_is_no_plain_member() {
    let bench = bench(Settings::default());
    let visit = visit(&bench, "sim", &["--member", "sim"]);
    let says = [
        "! rights      admin may list computes, and so is no plain member; in the operator's project",
        "point --member at an entry with the role `member` and no other",
    ];
    visit.ended.exits(0).says(&says);
}

#[test]
fn too_few_computes_are_named_with_what_keeps_them_out() {
    let bench = bench(Settings::default());
    let computes = bench.sim.cloud.computes();
    assert!(bench.control().compute_down(&computes[1]));
    assert!(bench.control().compute_down(&computes[2]));
    let visit = visit(&bench, "sim", &[]);
    visit.ended.exits(4);
    insta::assert_snapshot!(visit.told);
}

#[test]
fn a_quota_that_is_too_small_skips_the_largest_scenarios_only() {
    let quotas = Quotas { instances: 4, ..Quotas::default() };
    let bench = bench(Settings { quotas, ..Settings::default() });
    let visit = visit(&bench, "sim", &["--member", "sim-member", "--allow", "hosts"]);
    visit.ended.exits(0);
    insta::assert_snapshot!(visit.told);
}

#[test]
fn an_image_that_fits_no_flavor_is_told_with_what_the_cloud_has() {
    let bench = bench(Settings::default());
    let visit = visit(&bench, "sim", &["--image", "guest-desktop", "--flavor", "tiny"]);
    visit.ended.exits(3).says(&[
        "✘ boot        no flavor of the cloud sim is large enough for an image; images: guest-desktop",
        "flavors: tiny",
        "name others with `--image` and `--flavor`",
    ]);
    let told = self::visit(&bench, "sim", &["--flavor", "no-such"]).ended.exits(2);
    told.says(&["✘ boot        the cloud sim has no flavor `no-such`; it has: tiny", "`--flavor`"]);

    let told = self::visit(&bench, "sim", &["--zone", "nova", "--network", "auto"]).ended.exits(0);
    told.says(&["MiB), on a network that the cloud makes, in zone nova: the smallest"]);
    let told = self::visit(&bench, "sim", &["--zone", "north"]).ended.exits(2);
    told.says(&["✘ boot        the cloud sim has no zone `north`; it has: nova", "`--zone`"]);
}

#[test]
fn what_may_not_be_changed_is_told_once_with_what_to_add() {
    let bench = bench(Settings::default());
    let visit = visit(&bench, "sim", &["--member", "sim-member"]);
    visit.ended.exits(0);
    insta::assert_snapshot!(visit.told);
}

#[test]
fn an_unknown_cloud_is_a_configuration_error() {
    let bench = bench(Settings::default());
    let visit = visit(&bench, "simm", &[]);
    visit.ended.exits(2);
    assert_eq!(bench.requests(), [""; 0]);
    insta::assert_snapshot!(visit.told);
}

#[test]
fn journals_of_runs_that_were_killed_are_found_and_kept() {
    let bench = bench(Settings::default());
    let run = bench.start_scenario(r#"Given a running instance "web""#, &[]);
    bench.until("an instance is there", |cloud| cloud.instances == 1);
    run.kill();
    let before = bench.folder.journals();
    assert_eq!(before.len(), 1);
    let told = bench.folder.run(&["doctor", "--cloud", "sim"]).exits(0);
    told.says(&[
        "! journals    1 journal in .whimbrel of runs that were not cleaned up, with 1 thing to undo",
        "undo it with `whimbrel sweep --cloud sim`",
    ]);
    assert_eq!(bench.folder.journals(), before);
    bench.sweep(&[]).exits(0);
    bench.folder.run(&["doctor", "--cloud", "sim"]).exits(0).says(&["✔ journals"]);
}

#[test]
fn programs_are_told_the_same_as_people() {
    let bench = bench(Settings::default());
    let arguments = ["--member", "sim-member", "--format", "json"];
    let visit = visit(&bench, "sim", &arguments);
    visit.ended.exits(0);
    let told: Value = serde_json::from_str(&visit.told).unwrap();
    assert_eq!((&told["format"], &told["exit_code"]), (&1.into(), &0.into()));
    assert_eq!(told["summary"], "ready: 4 of 7 scenarios would run");
    let warnings: Vec<&Value> = told["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["state"] == "warning")
        .collect();
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert_eq!(warning["check"], "allow");
    assert!(warning["remedy"].as_str().unwrap().contains("--allow hosts"), "{warning}");
    let scenarios = &told["scenarios"];
    assert_eq!((&scenarios["selected"], &scenarios["would_run"]), (&7.into(), &4.into()));
    let skipped = scenarios["skipped"][0]["scenarios"].as_array().unwrap();
    assert_eq!(skipped.len(), 3);
    assert_eq!(skipped[0]["place"], "features/b_computes.feature:4");

    let told = self::visit(&bench, "sim-wrong", &["--format", "json"]).told;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["verdict"], &told["exit_code"]), (&"unusable".into(), &3.into()));
    assert_eq!(told["scenarios"], Value::Null);
}

#[test]
fn a_doctor_for_nothing_exits_4() {
    let bench = bench(Settings::default());
    bench.folder.write("one.feature", &feature("Given a cloud with 9 computes"));
    let told = visit(&bench, "sim", &["one.feature"]).ended.exits(4);
    told.says(&["nothing would run: 1 of 1 scenarios would be skipped", "and there are 3"]);
    let told = visit(&bench, "sim", &["one.feature", "--tags", "@none"]).ended.exits(4);
    told.says(&["nothing would run: no scenario is selected"]);
}

#[test]
fn a_plan_is_printed_in_the_order_of_the_run_and_changes_nothing() {
    let bench = bench(Settings::default());
    let plan = ["run", "--plan", "--cloud", "sim", "--allow", "hosts"];
    let ended = bench.folder.run(&plan).exits(0);
    assert!(bench.snapshot().is_empty());
    assert!(bench.folder.journals().is_empty());
    let tokens = bench.count("POST /identity/v3/auth/tokens");
    assert_eq!(bench.count("GET ") + tokens, bench.requests().len(), "{:?}", bench.requests());
    insta::assert_snapshot!(neutral(&bench, &ended.out));
}

#[test]
fn a_plan_ends_as_its_run_would_before_the_first_scenario() {
    let bench = bench(Settings::default());
    let plan = |arguments: &[&str]| bench.folder.run(&[&["run", "--plan"], arguments].concat());
    plan(&["--cloud", "nobody"]).exits(2).says(&["there is no cloud `nobody`"]);
    plan(&["--cloud", "sim-wrong"]).exits(3).says(&["the cloud sim-wrong can't be used"]);
    plan(&["--cloud", "sim", "--tags", "@none"]).exits(4).says(&["nothing ran"]);
    bench.folder.write("one.feature", &feature("Given a cloud with 9 computes"));
    plan(&["--cloud", "sim", "one.feature"]).exits(4).says(&["0 of 1 would run"]);
    plan(&[]).exits(0).says(&["7 of 7 would run", "journal      none"]);
}
