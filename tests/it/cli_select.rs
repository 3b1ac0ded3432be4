//! What is run, with which settings, on which cloud.

use crate::support::{Bench, Ended, Folder};

const FEATURES: &str = r#"
@boots
Feature: Selection

  Scenario: First of them
    Given a running instance "web"

  @slow
  Scenario: Second of them
    Given a running instance "web"

  Scenario Outline: Row <n>
    Given <n> instances "web" booted together

    Examples:
      | n |
      | 2 |
      | 3 |
"#;

fn folder() -> Folder {
    let folder = Folder::quick();
    folder.write("features/some.feature", FEATURES);
    folder
}

#[track_caller]
fn passes(told: Ended, count: &str) {
    told.exits(0).says(&[count]);
}

#[test]
fn without_a_path_the_folder_features_is_run() {
    passes(folder().run(&[]), "4 scenarios: 4 passed");
}

#[test]
fn a_line_selects_the_scenario_or_the_row_that_stands_there() {
    let folder = folder();
    let told = folder.run(&["run", "features/some.feature:6"]);
    passes(told.says(&["First of them"]).never_says("Second"), "1 scenario: 1 passed");
    passes(folder.run(&["features/some.feature:18"]).says(&["Row 3"]), "1 scenario: 1 passed");
    passes(folder.run(&["features/some.feature:9:17"]), "2 scenarios: 2 passed");
}

#[test]
fn tags_select_and_inherit() {
    let folder = folder();
    passes(folder.run(&["--tags", "@slow"]).says(&["Second of them"]), "1 scenario: 1 passed");
    passes(folder.run(&["--tags", "@boots and not @slow"]), "3 scenarios: 3 passed");
}

#[test]
fn names_select() {
    let folder = folder();
    passes(folder.run(&["--name", "^First"]).says(&["First of them"]), "1 scenario: 1 passed");
    passes(folder.run(&["--name", "^First", "--name", "Row 2"]), "2 scenarios: 2 passed");
}

#[test]
fn one_at_a_time_and_sixteen_side_by_side_are_both_green() {
    let bench = Bench::new();
    bench.folder.write("features/some.feature", FEATURES);
    for concurrency in ["1", "16"] {
        passes(bench.run(&["--concurrency", concurrency]), "4 scenarios: 4 passed");
        assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    }
}

#[test]
fn scenarios_that_take_computes_out_of_use_do_not_disturb_each_other_on_one_cloud() {
    let bench = Bench::new();
    let file = "features/live_migration/destination.feature";
    passes(bench.run(&[file, "--concurrency", "16"]), "6 scenarios: 6 passed");
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn nothing_is_started_after_a_failure_if_so_wished() {
    let folder = folder();
    let failing = FEATURES.replacen(
        "Given a running",
        "Then the migration of \"web\" is completed\n    Given a running",
        1,
    );
    folder.write("features/some.feature", &failing);
    let told = folder.run(&["--fail-fast", "--concurrency", "1"]).exits(1);
    told.says(&["4 scenarios: 1 failed, 3 not started"]);
}

#[test]
fn without_a_folder_of_features_the_built_in_ones_are_run() {
    let folder = Folder::quick();
    let told = folder.run(&["run", "--name", "One of two instances booted together moves"]);
    passes(told.says(&["features/live_migration/one_of_several.feature"]), "1 scenario: 1 passed");
}

#[test]
fn built_in_features_are_selected_by_the_names_that_reports_give_them() {
    let folder = Folder::quick();
    let seed = "features/live_migration/one_of_several.feature:11";
    passes(folder.run(&[seed, "--concurrency", "2"]), "1 scenario: 1 passed");
    folder.run(&["features/no_such.feature"]).exits(2).says(&["features/no_such.feature"]);
    folder.write("features/own.feature", "Feature: own\n");
    folder.run(&[seed]).exits(2).says(&["there is no file or folder"]);
}

#[test]
fn a_cloud_in_the_environment_alone_is_not_run_on() {
    let bench = Bench::new();
    bench.folder.write("features/some.feature", FEATURES);
    let told = bench.folder.run_with(&[("OS_CLOUD", "sim")], &["--name", "^First"]);
    let words = ["target: embedded cloud", "OS_CLOUD=sim is set and not used", "--cloud sim"];
    passes(told.says(&words), "1 scenario: 1 passed");
    assert_eq!(bench.requests(), [""; 0]);
}

#[test]
fn a_cloud_is_named_by_flag_environment_or_file() {
    let bench = Bench::new();
    bench.folder.write("features/some.feature", FEATURES);
    let first = ["--name", "^First"];
    passes(bench.folder.run_with(&[("WHIMBREL_CLOUD", "sim")], &first), "1 passed");
    assert_eq!(bench.ever_booted(), 1);
    bench.folder.set("cloud", "sim");
    passes(bench.folder.run(&first), "1 passed");
    assert_eq!(bench.ever_booted(), 2);
    bench.folder.run_with(&[("WHIMBREL_CLOUD", "sim-wrong")], &first).exits(3);
    let flag = ["--name", "^First", "--cloud", "sim"];
    passes(bench.folder.run_with(&[("WHIMBREL_CLOUD", "sim-wrong")], &flag), "1 passed");
    assert_eq!(bench.ever_booted(), 3);
}

/// The line of `whimbrel config` for a setting, with single blanks.
fn shown(told: Ended, key: &str) -> String {
    let told = told.exits(0);
    let line = told.out.lines().find(|line| line.split_whitespace().next() == Some(key));
    line.expect("a line for it").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let folder = Folder::empty();
    let key = "pace.boot.limit";
    let variable = [("WHIMBREL_PACE_BOOT_LIMIT", "22s")];
    assert_eq!(shown(folder.run(&["config"]), key), format!("{key} 10s default"));
    folder.write("whimbrel.toml", "# settings\n[pace.boot]\nlimit = \"11s\"\n");
    assert_eq!(shown(folder.run(&["config"]), key), format!("{key} 11s whimbrel.toml:3"));
    let told = folder.run_with(&variable, &["config"]);
    assert_eq!(shown(told, key), format!("{key} 22s WHIMBREL_PACE_BOOT_LIMIT"));
    let told = folder.run_with(&variable, &["config", "--set", "pace.boot.limit=33s"]);
    assert_eq!(shown(told, key), format!("{key} 33s --set"));
}

#[test]
fn another_settings_file_can_be_named_but_must_be_there() {
    let folder = Folder::empty();
    folder.write("conf/ci.toml", "concurrency = 3\n");
    let told = folder.run(&["config", "--config", "conf/ci.toml"]);
    assert!(shown(told, "concurrency").starts_with("concurrency 3 "));
    folder.run(&["config", "--config", "none.toml"]).exits(2).says(&["none.toml"]);
}

#[test]
fn a_variable_that_sets_nothing_is_refused() {
    let told = Folder::empty().run_with(&[("WHIMBREL_CLUOD", "x")], &["config"]).exits(2);
    told.says(&["WHIMBREL_CLUOD", "did you mean \"WHIMBREL_CLOUD\"?"]);
}

#[test]
fn a_value_that_no_step_takes_is_shown_with_its_rule_before_anything_is_booted() {
    let bench = Bench::new();
    let count = "write a whole number from 1 to 99999, in digits";
    let cases = [
        (
            r#"Given 99999999999999999999999 instances "web" booted together"#,
            "`99999999999999999999999` is no count",
            count,
        ),
        (r#"Given -1 instances "web" booted together"#, "`-1` is no count", count),
        (r#"Given 0 instances "web" booted together"#, "`0` is no count", count),
        ("Given a cloud with 03 computes", "`03` is no count", count),
        (
            r#"Given a running instance "Web One""#,
            r#""Web One" is no instance name"#,
            "write lower-case letters, digits and dashes in quotes, beginning with a letter",
        ),
        (
            r#"When the operator live-migrates "web" to nowhere"#,
            "`nowhere` is no destination",
            "there are: another compute, its own compute, ",
        ),
        (
            "Then the request was refused because it takes an operator",
            "no step is defined",
            "did you mean",
        ),
    ];
    for (step, what, rule) in cases {
        let told = bench.scenario(step).exits(2);
        let said = format!("{}{}", told.out, told.err);
        assert!(said.contains(what) && said.contains(rule), "{said}");
    }
    let told = bench.scenario("Given a cloud with several computes\n      | a |").exits(2);
    let said = format!("{}{}", told.out, told.err);
    assert!(said.contains("`Given a cloud with several computes` takes no table"), "{said}");
    assert_eq!(bench.requests(), [""; 0]);
}
