//! Each exit code, by running the binary.

use std::net::{Ipv4Addr, TcpListener};

use whimbrel::sim::{BootPhase, Disturbance, Service, Settings};

use crate::support::{Bench, Folder, feature};

const RIGHT: &str = r#"Given a running instance "web""#;
const WRONG: &str = r#"
    Given a running instance "web"
    Then "web" is running on another compute
"#;

#[test]
fn a_run_in_which_all_passed_exits_0() {
    let bench = Bench::new();
    bench.scenario(RIGHT).exits(0).says(&["1 scenario: 1 passed"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty(), "a settled journal is removed");
}

#[test]
fn a_run_in_which_a_scenario_failed_exits_1_and_cleans_up() {
    let bench = Bench::new();
    bench.scenario(WRONG).exits(1).says(&["1 scenario: 1 failed", "one.feature:4"]);
    assert_eq!(bench.ever_booted(), 1);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn an_unknown_flag_exits_2() {
    Folder::empty().run(&["run", "--cluod", "x"]).exits(2).says(&["--cluod", "--cloud"]);
}

#[test]
fn a_value_that_a_setting_can_not_have_exits_2_and_says_what_would_be_right() {
    let told = Folder::empty().run(&["run", "--set", "pace.boot.limit=soon"]).exits(2);
    told.says(&["--set", "pace.boot.limit", "\"soon\"", "90s"]);
    Folder::empty().run(&["run", "--set", "concurrency=0"]).exits(2).says(&["whole number"]);
}

#[test]
fn an_unknown_setting_exits_2_and_names_its_file_and_line() {
    let folder = Folder::empty();
    folder.write("whimbrel.toml", "concurrency = 2\n\n[pace.boot]\nlimt = \"5s\"\n");
    let told = folder.run(&["run"]).exits(2);
    told.says(&["whimbrel.toml:4", "pace.boot.limt", "did you mean \"pace.boot.limit\"?"]);
}

#[test]
fn an_unknown_cloud_exits_2_and_lists_the_known_ones() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    let told = bench.folder.run(&["run", "one.feature", "--cloud", "sin"]).exits(2);
    told.says(&["sin", "sim, sim-member, sim-wrong"]);
}

/// These features can't be run, and that is said before the cloud hears of it.
#[track_caller]
fn refused_unasked(file: &str, arguments: &[&str], words: &[&str]) {
    let bench = Bench::new();
    bench.folder.write("one.feature", file);
    bench.run(&[&["one.feature"], arguments].concat()).exits(2).says(words);
    assert_eq!(bench.requests(), [""; 0]);
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn an_undefined_step_exits_2_before_anything_is_asked_for() {
    let steps = format!("{RIGHT}\nWhen the operator live-migrate \"web\"");
    let words = [
        "one.feature:4",
        "no step is defined for `When the operator live-migrate \"web\"`",
        "the operator live-migrates \"…\"  (src/steps/migrations.rs:",
    ];
    refused_unasked(&feature(&steps), &[], &words);
}

#[test]
fn a_broken_feature_file_exits_2_and_shows_the_line() {
    let file = "Feature: x\n  Scenario: y\n    Given a cloud with several computes\n    Gven z\n";
    refused_unasked(file, &[], &["one.feature:4", "    Gven z", "^"]);
}

#[test]
fn a_bad_tag_expression_exits_2_and_says_where_it_is_wrong() {
    let words = ["@a and or", "character 8"];
    refused_unasked(&feature(RIGHT), &["--tags", "@a and or @b"], &words);
}

#[test]
fn a_line_in_which_nothing_stands_exits_2_and_says_where_scenarios_start() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    bench.run(&["one.feature:99"]).exits(2).says(&["one.feature:99", "line 2"]);
    bench.run(&["ones.feature"]).exits(2).says(&["ones.feature", "did you mean one.feature?"]);
    assert_eq!(bench.requests(), [""; 0]);
}

#[test]
fn a_cloud_that_nobody_serves_exits_3() {
    let bench = Bench::new();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let real = bench.sim.cloud.address().port();
    let elsewhere =
        bench.folder.read("clouds.yaml").replace(&format!(":{real}/"), &format!(":{free}/"));
    bench.folder.write("clouds.yaml", &elsewhere);
    let told = bench.scenario(RIGHT).exits(3);
    told.says(&["the cloud sim can't be used", "no connection", &free.to_string()]);
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn an_image_that_is_not_there_is_the_users_mistake_and_one_too_large_the_clouds() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    for (kind, flag) in [("image", "--image"), ("flavor", "--flavor")] {
        let told = bench.run(&["one.feature", flag, "no-such"]).exits(2);
        told.says(&[&format!("the cloud sim has no {kind} `no-such`; it has: ")]);
    }
    let large = ["one.feature", "--image", "guest-desktop", "--flavor", "tiny"];
    bench.run(&large).exits(3).says(&["no flavor of the cloud sim is large enough"]);
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_cloud_that_says_to_come_back_in_all_eternity_exits_3() {
    let bench = Bench::new();
    let after = |seconds| Disturbance::Answer { status: 503, retry_after: Some(seconds) };
    bench.control().disturb(Service::Compute, Some("GET"), 1, after(1));
    bench.control().disturb(Service::Compute, Some("GET"), 1000, after(u64::MAX));
    bench.scenario(RIGHT).exits(3).says(&["the cloud sim can't be used", "503"]);
}

#[test]
fn a_signal_while_the_target_is_being_opened_exits_130() {
    for signal in ["INT", "TERM"] {
        let bench = Bench::new();
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let clouds = bench.folder.read("clouds.yaml");
        let clouds = clouds.replace(&bench.sim.cloud.address().to_string(), &address);
        bench.folder.write("clouds.yaml", &clouds);
        let run = bench.start_scenario(RIGHT, &[]);
        let _connection = silent.accept().unwrap();
        run.signal(signal);
        run.ended().exits(130).says(&["stopped before anything was run"]);
        assert!(bench.folder.journals().is_empty());
    }
}

#[test]
fn a_wrong_password_exits_3_is_tried_once_and_not_printed() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    let told = bench.folder.run(&["run", "one.feature", "--cloud", "sim-wrong"]).exits(3);
    told.says(&["the cloud sim-wrong can't be used", "401"]).never_says("\"wrong\"");
    assert_eq!(bench.count("POST /identity/v3/auth/tokens 401"), 1, "{:?}", bench.requests());
}

#[test]
fn a_run_that_selects_nothing_exits_4() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    bench.run(&["one.feature", "--tags", "@no-such-tag"]).exits(4).says(&["nothing ran"]);
    bench.run(&["one.feature", "--name", "no such name"]).exits(4).says(&["nothing ran"]);
    assert_eq!(bench.requests(), [""; 0]);
}

#[test]
fn a_run_that_skips_everything_exits_4_with_the_reason_of_each() {
    let bench = Bench::new();
    let told = bench.scenario("Given a cloud with 9 computes").exits(4);
    told.says(&["it needs 9 computes that are enabled and up, and there are 3", "1 skipped"]);

    bench.folder.write(
        "two.feature",
        "Feature: f
  Scenario: one
    Given a running instance \"web\" of a plain member
  Scenario: two
    Given a running instance \"web\"
    And a compute without \"web\" was disabled",
    );
    let told = bench.folder.run(&["run", "two.feature", "--cloud", "sim"]).exits(4);
    told.says(&["setting `member`", "`--allow hosts`", "2 skipped"]);
    assert_eq!(bench.ever_booted(), 0);
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn more_computes_than_anybody_has_are_not_started() {
    let folder = Folder::quick();
    for count in ["1001", "99999"] {
        folder.write("one.feature", &feature(&format!("Given a cloud with {count} computes")));
        folder.run(&["one.feature"]).exits(4).says(&["and there are 1000", "1 skipped"]);
    }
}

#[test]
fn a_scenario_that_the_quota_has_no_room_for_is_skipped() {
    let bench = Bench::limited(Settings::default());
    let told = bench.scenario(r#"Given 11 instances "web" booted together"#).exits(4);
    let reason = "it needs 11 instances at the same time, and the quota leaves room for 10";
    told.says(&[reason, "1 skipped"]);
    assert_eq!(bench.ever_booted(), 0);
}

#[test]
fn the_embedded_cloud_has_room_for_as_many_instances_as_a_scenario_says() {
    let folder = Folder::quick();
    folder.write("one.feature", &feature(r#"Given 25 instances "web" booted together"#));
    folder.run(&["one.feature"]).exits(0).says(&["1 passed"]);
}

#[test]
fn as_many_scenarios_run_at_once_as_the_quota_has_room_for() {
    let bench = Bench::limited(Settings::default());
    let one = |count| {
        format!("\n  Scenario: {count}\n    Given {count} instances \"web\" booted together\n")
    };
    let scenarios: Vec<String> = [5, 8, 2, 10, 2, 5].map(one).into();
    bench.folder.write("one.feature", &format!("Feature: Many{}", scenarios.concat()));
    let told = bench.run(&["one.feature", "--concurrency", "6"]).exits(0);
    let heading =
        "quota leaves room for 10 instances of the operator: scenarios wait for their share of it";
    told.says(&[heading, "6 scenarios: 6 passed"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    let told = bench.run(&["one.feature", "--concurrency", "1"]).exits(0);
    told.never_says("quota");
}

#[test]
fn a_run_that_could_not_clean_up_exits_5_and_its_journal_stays() {
    let bench = Bench::new();
    bench.folder.set("pace.settle.limit", "1s");
    let broken = Disturbance::Answer { status: 500, retry_after: None };
    bench.control().disturb(Service::Compute, Some("DELETE"), 1000, broken);
    let told = bench.scenario(RIGHT).exits(5);
    told.says(&["1 left something behind", "whimbrel sweep", "-web"]);
    assert_eq!(bench.snapshot().instances, 1);
    assert_eq!(bench.folder.journals().len(), 1);

    bench.control().calm();
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_failed_scenario_counts_for_more_than_what_it_left_behind() {
    let bench = Bench::new();
    bench.folder.set("pace.settle.limit", "1s");
    let broken = Disturbance::Answer { status: 500, retry_after: None };
    bench.control().disturb(Service::Compute, Some("DELETE"), 1000, broken);
    bench.scenario(WRONG).exits(1).says(&["left behind", "1 failed"]);
    assert_eq!(bench.folder.journals().len(), 1);
}

#[test]
fn one_signal_stops_the_run_which_cleans_up_and_exits_130() {
    for signal in ["INT", "TERM", "HUP"] {
        let bench = Bench::new();
        bench.control().hold_boots(BootPhase::Spawning);
        bench.folder.write("one.feature", &feature(WRONG));
        // Where the tests themselves run under `nohup`, it would be ignored.
        let line = r#"exec env --default-signal=HUP "$0" run one.feature --cloud sim"#;
        let run = bench.folder.shell(line);
        bench.until("an instance is being booted", |cloud| cloud.instances == 1);
        run.signal(signal);
        run.ended().exits(130).says(&[
            "stopping",
            "1 scenario: 1 interrupted",
            "Given a running instance \"web\"",
        ]);
        assert!(bench.snapshot().is_empty(), "{signal}: {:?}", bench.snapshot());
        assert!(bench.folder.journals().is_empty(), "{signal}");
    }
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    bench.folder.write("one.feature", &feature(RIGHT));
    let run = bench.folder.shell(r#"trap "" HUP; exec "$0" run one.feature --cloud sim"#);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.signal("HUP");
    bench.control().release_boots();
    run.ended().exits(0).never_says("stopping");
}

#[test]
fn a_full_disk_under_standard_error_changes_neither_signals_nor_exit_codes() {
    let folder = Folder::empty();
    folder.shell(r#"exec "$0" run no-such.feature 2>/dev/full"#).ended().exits(2);

    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    bench.folder.write("one.feature", &feature(RIGHT));
    let run = bench.folder.shell(r#"exec "$0" run one.feature --cloud sim 2>/dev/full"#);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.signal("INT");
    run.ended().exits(130).says(&["1 scenario: 1 interrupted"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_full_disk_under_standard_output_exits_2_and_is_named() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    let line = r#"exec "$0" run one.feature --cloud sim --messages run.ndjson >/dev/full"#;
    let words = ["standard output can't be written: No space left on device"];
    bench.folder.shell(line).ended().exits(2).says(&words);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    let line = r#"exec "$0" report run.ndjson >/dev/full"#;
    bench.folder.shell(line).ended().exits(2).says(&words);
}

#[test]
fn a_report_is_never_written_over_what_the_run_reads_nor_over_another_report() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    bench.folder.write("two.feature", &feature(RIGHT));
    for (arguments, words) in [
        (&["--junit", "one.feature"][..], "--junit one.feature: that is a feature file"),
        (&["--messages", "./two.feature", "--name", "none"], "that is a feature file"),
        (&["--junit", "whimbrel.toml"], "that is the settings file"),
        (&["--messages", "clouds.yaml"], "that is a file that describes clouds"),
    ] {
        let before: Vec<String> = FILES.map(|name| bench.folder.read(name)).into();
        bench.run(&[&["one.feature", "two.feature"], arguments].concat()).exits(2).says(&[words]);
        assert_eq!(FILES.map(|name| bench.folder.read(name))[..], before, "{arguments:?}");
    }
    let same = ["one.feature", "--junit", "new/report", "--messages", "./new/report"];
    bench.run(&same).exits(2).says(&["that is the file of --messages"]);
    assert!(!bench.folder.path().join("new").exists(), "nothing is created");
    assert_eq!(bench.requests(), [""; 0]);
}

const FILES: [&str; 4] = ["one.feature", "two.feature", "whimbrel.toml", "clouds.yaml"];

#[test]
fn a_feature_file_that_can_not_be_read_says_why() {
    let folder = Folder::empty();
    std::fs::write(folder.path().join("bin.feature"), b"Feature: x\n\xff").unwrap();
    let told = folder.run(&["run", "bin.feature"]).exits(2);
    told.says(&["bin.feature can't be read\n  because it is not UTF-8: byte 0xff in line 2"]);
}

#[test]
fn a_report_that_could_not_be_written_counts_for_more_than_a_failure_but_not_than_a_signal() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(WRONG));
    let full = ["one.feature", "--junit", "/dev/full"];
    bench.run(&full).exits(2).says(&["1 scenario: 1 failed", "--junit /dev/full"]);

    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start(&full);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.signal("INT");
    run.ended().exits(130).says(&["--junit /dev/full"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_stopped_run_reports_what_was_interrupted_and_what_was_not_begun() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let second = "\n  Scenario: Another one\n    Given a running instance \"web\"\n";
    bench.folder.write("one.feature", &(feature(RIGHT) + second));
    let run = bench.start(&["one.feature", "--concurrency", "1", "--junit", "junit.xml"]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.signal("INT");
    run.ended().exits(130).says(&["2 scenarios: 1 interrupted, 1 not started"]);
    assert_eq!(bench.ever_booted(), 1);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    let xml = bench.folder.read("junit.xml");
    assert!(xml.contains("interrupted in: Given a running instance"), "{xml}");
    assert!(xml.contains("not started"), "{xml}");
}

#[test]
fn a_second_signal_ends_the_run_at_once_and_says_what_is_left() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(RIGHT, &[]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    let hang = Disturbance::Delay(std::time::Duration::from_secs(600));
    bench.control().disturb(Service::Compute, Some("DELETE"), 1000, hang);
    run.signal("INT");
    run.until_it_says("stopping");
    run.signal("INT");
    let told = run.ended().exits(130);
    let [journal] = bench.folder.journals().try_into().unwrap();
    let journal = journal.file_name().unwrap().to_str().unwrap();
    told.says(&["left: instances named wb-", "-web", "whimbrel sweep", journal]);
    assert_eq!(bench.snapshot().instances, 1);

    bench.control().calm();
    bench.sweep(&[]).exits(0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}
