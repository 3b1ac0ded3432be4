//! The record of a run, and what `whimbrel report` makes of it.

use std::collections::BTreeMap;

use serde_json::Value;
use whimbrel::sim::{BootPhase, Disturbance, Service};

use crate::support::{Bench, Ended, Folder, feature, until};

const RIGHT: &str = r#"Given a running instance "web""#;
const WRONG: &str = r#"
    Given a running instance "web"
    Then "web" is running on another compute
"#;
const UNDEFINED: &str = "Given a whimbrel that sings";

/// One scenario that passes, one that fails, one that is skipped, and an outline of two rows.
const MANY: &str = r#"Feature: Many things — "näive" & <odd>
  Scenario: It is so
    Given a running instance "web"

  Scenario: It is not so
    Given a running instance "web"
    Then "web" is running on another compute

  Scenario: It can't be so
    Given a cloud with 400 computes
    Given a running instance "web"

  Scenario Outline: So many
    Given <count> instances "web" booted together

    Examples:
      | count |
      | 1     |
      | 2     |
"#;

/// The lines of a record, each of them JSON with one key: key and content.
fn lines(text: &str) -> Vec<(String, Value)> {
    let line = |line: &str| {
        let Value::Object(object) = serde_json::from_str(line).expect(line) else {
            panic!("{line}")
        };
        let mut entries = object.into_iter();
        let only = entries.next().expect(line);
        assert!(entries.next().is_none(), "{line}");
        only
    };
    assert!(text.ends_with('\n'), "{text:?}");
    text.lines().map(line).collect()
}

fn kinds(text: &str) -> Vec<String> {
    lines(text).into_iter().map(|(kind, _)| kind).collect()
}

/// Runs `whimbrel report run.ndjson ARGUMENTS`.
fn report(folder: &Folder, arguments: &[&str]) -> Ended {
    folder.run(&[&["report", "run.ndjson"], arguments].concat())
}

#[test]
fn the_reports_of_a_record_are_those_of_the_run_to_the_letter() {
    for verbose in [&[][..], &["--verbose"]] {
        let bench = Bench::new();
        bench.folder.write("many.feature", MANY);
        let own = ["many.feature", "--messages", "run.ndjson", "--junit", "live.xml"];
        let live = bench.run(&[&own, verbose].concat()).exits(1);
        let live =
            live.says(&["5 scenarios: 3 passed, 1 failed, 1 skipped", "rerun: whimbrel run"]);
        let later = [&["--console", "--junit", "reports/later.xml"], verbose].concat();
        assert_eq!(report(&bench.folder, &later).exits(1).out, live.out);
        assert_eq!(bench.folder.read("reports/later.xml"), bench.folder.read("live.xml"));
    }
}

#[test]
fn the_order_is_that_of_messages_and_a_failure_carries_its_waits_and_requests() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(WRONG));
    bench.run(&["one.feature", "--messages", "deep/down/run.ndjson"]).exits(1);
    let text = bench.folder.read("deep/down/run.ndjson");
    let kinds = kinds(&text);
    assert_eq!(kinds[..4], ["meta", "source", "gherkinDocument", "pickle"]);
    assert_eq!(kinds.last().unwrap(), "testRunFinished");
    let types: Vec<Value> = lines(&text)
        .into_iter()
        .filter(|(kind, said)| kind == "attachment" && said["testCaseStartedId"].is_string())
        .map(|(_, said)| said["mediaType"].clone())
        .collect();
    let of = |what: &str| format!("text/vnd.whimbrel.{what}+json");
    assert!(types.contains(&of("timeline").into()), "{types:?}");
    assert!(types.contains(&of("exchanges").into()), "{types:?}");
}

#[test]
fn a_record_goes_to_standard_output_and_the_console_to_standard_error() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    let told = bench.run(&["one.feature", "--messages", "-"]).exits(0);
    assert_eq!(kinds(&told.out).last().unwrap(), "testRunFinished");
    assert!(told.err.contains("1 scenario: 1 passed"), "{}", told.err);
    bench.folder.write("run.ndjson", &told.out);
    assert_eq!(report(&bench.folder, &[]).exits(0).out, told.err);
}

#[test]
fn a_record_that_can_not_be_opened_exits_2_before_anything_is_asked_for() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    let told = bench.run(&["one.feature", "--messages", "one.feature/run.ndjson"]).exits(2);
    told.says(&["--messages one.feature/run.ndjson: "]);
    assert_eq!(bench.requests(), [""; 0]);
}

#[test]
fn a_disk_that_is_full_is_told_at_once_and_the_run_still_cleans_up() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(RIGHT, &["--messages", "/dev/full", "--junit", "junit.xml"]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.until_it_says("--messages /dev/full: No space left on device");
    bench.control().release_boots();
    run.ended().exits(2).says(&["1 scenario: 1 passed"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.read("junit.xml").contains("tests=\"1\""));
}

#[test]
fn a_killed_run_reads_as_interrupted_with_the_step_it_was_in() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(WRONG, &["--messages", "run.ndjson"]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.kill();
    let kinds = kinds(&bench.folder.read("run.ndjson"));
    assert_eq!(kinds.last().unwrap(), "testStepStarted", "{kinds:?}");

    let told = report(&bench.folder, &["--console", "--junit", "junit.xml"]).exits(130);
    told.says(&[
        "Interrupted in",
        "Given a running instance \"web\", begun at 20",
        "one.feature:3",
        "1 scenario: 1 interrupted",
        "the run did not come to its end",
    ]);
    let xml = bench.folder.read("junit.xml");
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (2, 0, 2), "{xml}");
    assert!(xml.contains("interrupted in: Given a running instance &quot;web&quot;"), "{xml}");
}

#[test]
fn a_run_that_is_stopped_reads_as_interrupted_too() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(RIGHT, &["--messages", "run.ndjson"]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.signal("INT");
    let live = run.ended().exits(130);
    assert_eq!(report(&bench.folder, &[]).exits(130).out, live.out);
}

#[test]
fn a_torn_last_line_is_told_and_a_broken_one_before_it_is_an_error() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    bench.run(&["one.feature", "--messages", "run.ndjson"]).exits(0);
    let whole = bench.folder.read("run.ndjson");
    let count = whole.lines().count();

    bench.folder.write("run.ndjson", &whole[..whole.len() - 30]);
    let torn = report(&bench.folder, &[]).exits(130);
    torn.says(&[&format!("run.ndjson:{count}: the last line is torn, as when a run is killed, or its disk is full; "), "1 scenario: 1 passed"]);

    let broken = whole.replacen("{\"pickle\":", "{\"pickle\"", 1);
    bench.folder.write("run.ndjson", &broken);
    report(&bench.folder, &[]).exits(2).says(&["run.ndjson:4: column 10: no JSON object"]);

    let newer =
        whole.replacen("{\"meta\":{", "{\"weather\":{\"rain\":1}}\n{\"meta\":{\"new\":[],", 1);
    bench.folder.write("run.ndjson", &newer);
    report(&bench.folder, &[]).exits(0).says(&["messages `weather` are not known", "1 passed"]);

    bench.folder.write("run.ndjson", "");
    report(&bench.folder, &[]).exits(130).says(&["nothing ran", "did not come to its end"]);
    bench.folder.run(&["report", "none.ndjson"]).exits(2).says(&["none.ndjson: No such file"]);
}

#[test]
fn a_report_is_not_written_over_the_record() {
    let folder = Folder::empty();
    folder.write("run.ndjson", "");
    let told = report(&folder, &["--junit", "./run.ndjson"]).exits(2);
    told.says(&["--junit ./run.ndjson: that is the record itself"]);
}

/// What a JUnit report counts: tests, failures, errors.
fn counted(xml: &str) -> (usize, usize, usize) {
    let report = quick_junit::Report::deserialize_from_str(xml).expect(xml);
    (report.tests, report.failures, report.errors)
}

#[test]
fn steps_that_are_not_defined_and_files_that_can_not_be_read_are_on_record() {
    let bench = Bench::new();
    bench.folder.write("a.feature", &feature(&format!("{RIGHT}\n{UNDEFINED}")));
    bench.folder.write("b.feature", "Feature: x\n  Scenario: y\n    Given a step\n    Gven z\n");
    bench.folder.write("c.feature", &feature(RIGHT));
    let files = ["a.feature", "b.feature", "c.feature"];
    let reports = ["--messages", "run.ndjson", "--junit", "live.xml"];
    let told = bench.run(&[&files[..], &reports].concat()).exits(2);
    told.says(&["a.feature:4:5: no step is defined", "b.feature:4:5"]).never_says("1 scenario");
    assert_eq!(bench.requests(), [""; 0]);

    let said = lines(&bench.folder.read("run.ndjson"));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, _) in &said {
        *counts.entry(kind).or_default() += 1;
    }
    assert_eq!((counts["source"], counts["gherkinDocument"], counts["parseError"]), (3, 2, 1));
    assert_eq!(counts["suggestion"], 1);
    let (last, end) = said.last().unwrap();
    assert_eq!((last.as_str(), &end["success"]), ("testRunFinished", &false.into()));

    let told = report(&bench.folder, &["--console", "--junit", "later.xml"]).exits(2);
    told.says(&["b.feature:4", "no step is defined for this sentence", "1 not started"]);
    let xml = bench.folder.read("live.xml");
    assert_eq!(xml, bench.folder.read("later.xml"));
    assert_eq!(counted(&xml), (3, 1, 1), "{xml}");
}

#[test]
fn the_exit_code_of_a_run_can_be_read_from_its_record() {
    let bench = Bench::new();
    let exits = |steps: &str, more: &[&str], code: i32| {
        bench.folder.write("one.feature", &feature(steps));
        let own = ["one.feature", "--messages", "run.ndjson"];
        bench.run(&[&own, more].concat()).exits(code);
        report(&bench.folder, &[]).exits(code);
    };
    exits(RIGHT, &[], 0);
    exits(WRONG, &[], 1);
    exits(UNDEFINED, &[], 2);
    exits(RIGHT, &["--tags", "@none"], 4);
    exits("Given a cloud with 400 computes", &[], 4);
    let large = ["--image", "guest-desktop", "--flavor", "tiny"];
    exits(RIGHT, &large, 3);
    assert!(bench.folder.read("run.ndjson").contains("unusable target"));
    let broken = Disturbance::Answer { status: 500, retry_after: None };
    bench.control().disturb(Service::Compute, Some("DELETE"), 100_000, broken);
    exits(RIGHT, &["--set", "deadline.clean-up=1s"], 5);
}

#[test]
fn the_ci_system_is_on_record() {
    let folder = Folder::quick();
    folder.write("features/one.feature", &feature(RIGHT));
    let ci = [("BUILD_URL", "https://ci.example.org/job/whimbrel/7/"), ("BUILD_NUMBER", "7")];
    folder.run_with(&ci, &["--messages", "run.ndjson"]).exits(0);
    let said = lines(&folder.read("run.ndjson"));
    let meta = &said[0].1;
    assert_eq!(meta["ci"]["name"], "Jenkins");
    assert_eq!(meta["ci"]["buildNumber"], "7");
    assert_eq!(meta["implementation"]["name"], "whimbrel");
}

#[test]
fn in_github_actions_failures_are_annotated_and_the_step_is_summarized() {
    let bench = Bench::new();
    bench.folder.write("repo/suite/one.feature", &feature(WRONG));
    bench.folder.write("summary.md", "# Before\n");
    let root = bench.folder.path().to_str().unwrap();
    let summary = format!("{root}/summary.md");
    let repository = format!("{root}/repo/suite");
    let job = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", summary.as_str()),
        ("GITHUB_WORKSPACE", repository.as_str()),
    ];
    let file = "repo/suite/one.feature";
    let own = ["run", "--cloud", "sim", "--messages", "run.ndjson", file];
    let told = bench.folder.run_with(&job, &own).exits(1);
    let mut lines = told.out.lines();
    let token = lines.next().unwrap().strip_prefix("::stop-commands::").unwrap();
    let commands: Vec<&str> =
        lines.skip_while(|line| *line != format!("::{token}::")).skip(1).collect();
    let [annotation] = commands[..] else { panic!("{}", told.out) };
    let beginning = "::error file=one.feature,line=4,title=One thing › It is so::Then \"web\"";
    assert!(annotation.starts_with(beginning), "{annotation}");

    let once = bench.folder.read("summary.md");
    assert!(once.starts_with("# Before\n## ✘ failed\n"), "{once}");
    assert!(once.contains("whimbrel run --cloud sim repo/suite/one.feature:2"), "{once}");

    let later = bench.folder.run_with(&job, &["report", "run.ndjson", "--github"]).exits(1);
    assert_eq!(later.out.lines().last(), Some(annotation));
    let twice = bench.folder.read("summary.md");
    let added = once.strip_prefix("# Before\n").unwrap();
    assert_eq!(twice, format!("{once}{added}"));
    let told = bench.folder.run(&["report", "run.ndjson", "--github"]).exits(2);
    told.says(&["--github", "GITHUB_ACTIONS"]);
}

#[test]
fn a_record_that_its_reader_cut_off_exits_2_and_the_run_cleans_up() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    let binary = env!("CARGO_BIN_EXE_whimbrel");
    let line =
        format!("{{ {binary} run one.feature --cloud sim --messages -; echo $? >code; }} | :");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &line]).env_clear().env("HOME", bench.folder.path());
    let said = shell.current_dir(bench.folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    until("it ended", || bench.folder.path().join("code").exists(), || said.clone());
    assert_eq!(bench.folder.read("code"), "2\n", "{said}");
    assert!(said.contains("--messages -: Broken pipe"), "{said}");
    assert!(said.contains("1 scenario: 1 passed"), "{said}");
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_record_that_has_lost_lines_exits_2_and_says_so_in_every_report() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(RIGHT));
    let whole = bench.run(&["one.feature", "--messages", "-"]).exits(0).out;
    let keep = |kept: &dyn Fn(&str) -> bool| -> String {
        let lines: Vec<&str> = whole.lines().filter(|line| kept(line)).collect();
        lines.join("\n") + "\n"
    };
    let reversed = whole.lines().rev().collect::<Vec<_>>().join("\n") + "\n";
    let broken = [
        keep(&|line| !line.starts_with(r#"{"testCase":"#)),
        keep(&|line| !line.starts_with(r#"{"pickle":"#)),
        reversed,
    ];
    for record in broken {
        bench.folder.write("run.ndjson", &record);
        let told = report(&bench.folder, &[]).exits(2);
        assert!(told.out.contains("the record is broken: "), "{}", told.out);
        assert!(!told.out.contains("nothing ran"), "{}", told.out);
        let told = report(&bench.folder, &["--junit", "j.xml"]).exits(2);
        assert!(told.err.contains("run.ndjson: the record is broken: "), "{}", told.err);
    }
}

#[test]
fn a_wait_that_a_deadline_cut_off_shows_what_it_saw() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    bench.folder.write("one.feature", &feature(RIGHT));
    let limits = ["--set", "deadline.step=1s", "--set", "pace.boot.limit=60s"];
    let told = bench.run(&[&["one.feature", "--messages", "run.ndjson"], &limits[..]].concat());
    told.exits(1).says(&[
        "timed out after 1s",
        "waited for instance web to be running: BUILD/",
        "BUILD/spawning at ",
    ]);
}
