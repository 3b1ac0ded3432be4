//! What a run prints and writes.

use std::sync::LazyLock;

use regex::Regex;

use crate::support::{Bench, Folder, feature};

const WRONG: &str = r#"
    Given a running instance "web"
    Then "web" is running on another compute
"#;

/// What differs from run to run, with what stands for it.
static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rule =
        |pattern: &str, stands_for| (Regex::new(pattern).expect("a pattern of ours"), stands_for);
    vec![
        rule(r"req-[0-9a-f-]{36}", "REQUEST"),
        rule(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        rule(r"r-[0-9a-z]{8}", "RESERVATION"),
        rule(r"127\.0\.0\.1:[0-9]+", "ADDRESS"),
        rule(r"[0-9]+(\.[0-9]+)? (ms|s)\b", "TIME"),
        // A boot may be seen in any of its states, or in none.
        rule(r"be running: .*", "be running: STATES"),
        rule(r"×[0-9]+", "×N"),
        rule(r"src/([a-z/_]+)\.rs:[0-9]+", "src/$1.rs:LINE"),
        rule(r"\b0\.1\.0\b", "VERSION"),
        rule(r"compute-[0-9]+", "COMPUTE"),
        rule(r" {2,}(\S)", "  $1"),
    ]
});

fn unchanging(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        let rest = CHANGING.iter().fold(line.trim().to_owned(), |line, (pattern, stands_for)| {
            pattern.replace_all(&line, *stands_for).into_owned()
        });
        format!("{}{rest}", " ".repeat(indent)).trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_failed_run_tells_all_that_is_needed_to_understand_it() {
    let bench = Bench::new();
    let told = bench.scenario(WRONG).exits(1);
    insta::assert_snapshot!(unchanging(&told.out), @r#"
    whimbrel VERSION
    target: sim at http://ADDRESS/identity/v3
    compute API 2.104, 3 computes that are enabled and up

    One thing  one.feature
      ✘ It is so  TIME
          ✔ Given a running instance "web"
          ✘ Then "web" is running on another compute  one.feature:4
              web was to be running on another compute than COMPUTE, but is ACTIVE on COMPUTE
              waited for instance web to be running: STATES
              requests:
                TIME  compute (2.104)  POST /servers  202  TIME  REQUEST
                TIME  compute (2.104)  GET /servers/detail?reservation_id=%5ERESERVATION%24  200  TIME  REQUEST
                TIME  compute (2.104)  GET /servers/ID ×N  200  TIME  REQUEST
              code: src/steps/migrations.rs:LINE

    Failed
      1. One thing › It is so
         Then "web" is running on another compute  one.feature:4
           web was to be running on another compute than COMPUTE, but is ACTIVE on COMPUTE
           code: src/steps/migrations.rs:LINE
         rerun: whimbrel run --cloud sim --allow hosts one.feature:2

    1 scenario: 1 failed
    2 steps: 1 passed, 1 failed
    took TIME
    "#);
    assert_eq!(told.err, "");
}

#[test]
fn a_log_has_no_colour_unless_it_is_wanted() {
    let folder = Folder::quick();
    folder.write("features/one.feature", &feature(r#"Given a running instance "web""#));
    assert!(!folder.run(&[]).exits(0).out.contains('\u{1b}'));
    assert!(folder.run(&["--color", "always"]).exits(0).out.contains('\u{1b}'));
}

#[test]
fn a_junit_report_holds_each_scenario_once_and_where_a_failed_one_stands() {
    let bench = Bench::new();
    let green = "\n  Scenario: Another one\n    Given a running instance \"web\"\n";
    bench.folder.write("one.feature", &(feature(WRONG) + green));
    bench.run(&["one.feature", "--junit", "reports/junit.xml"]).exits(1);

    let xml = bench.folder.read("reports/junit.xml");
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (2, 1, 0), "{xml}");
    let cases: Vec<&quick_junit::TestCase> =
        report.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["It is so", "Another one"]);
    assert!(matches!(cases[1].status, quick_junit::TestCaseStatus::Success { .. }));
    let quick_junit::TestCaseStatus::NonSuccess { message, description, .. } = &cases[0].status
    else {
        panic!("{xml}");
    };
    assert!(message.as_ref().unwrap().as_str().contains("running on another compute"), "{xml}");
    assert!(description.as_ref().unwrap().as_str().contains("one.feature:4"), "{xml}");
}

#[test]
fn a_report_that_can_not_be_written_exits_2_before_anything_is_asked_for() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(r#"Given a running instance "web""#));
    let told = bench.run(&["one.feature", "--junit", "one.feature/junit.xml"]).exits(2);
    told.says(&["--junit one.feature/junit.xml"]);
    assert_eq!(bench.requests(), [""; 0]);
}

#[test]
fn the_command_to_run_it_again_can_be_given_to_a_shell() {
    let bench = Bench::new();
    bench.folder.write("my settings.toml", &bench.folder.read("whimbrel.toml"));
    bench.folder.write("one.feature", &feature(WRONG));
    let set = "image=guest-minimal";
    let told = bench.run(&["one.feature", "--config", "my settings.toml", "--set", set]).exits(1);
    told.says(&["--config 'my settings.toml' --set image=guest-minimal one.feature:2"]);
}

#[test]
fn a_reader_who_goes_away_does_not_change_how_the_run_ends() {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature(WRONG));
    let binary = env!("CARGO_BIN_EXE_whimbrel");
    let line =
        format!("{{ {binary} run one.feature --cloud sim --junit j.xml; echo $? >code; }} | :");
    let shell = std::process::Command::new("/bin/sh")
        .args(["-c", &line])
        .env_clear()
        .env("HOME", bench.folder.path())
        .current_dir(bench.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shell.stderr);
    // The shell of the pipe's first half may outlive the pipe.
    crate::support::until(
        "it ended",
        || bench.folder.path().join("code").exists(),
        || said.to_string(),
    );
    assert_eq!(bench.folder.read("code"), "1\n", "{said}");
    assert!(bench.folder.read("j.xml").contains("one.feature:4"));
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn an_instance_that_ends_in_error_fails_its_step_at_once_with_the_path_there() {
    let bench = Bench::new();
    bench.control().fail_next_build(3);
    let told = bench.scenario(r#"Given a running instance "web""#).exits(1);
    told.says(&["instance web to be running can't come any more", "one.feature:3", "rerun: "]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}
