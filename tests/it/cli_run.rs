//! In which order, how many at a time, how long, and what again.

use whimbrel::sim::BootPhase;

use crate::support::{Bench, Ended, Folder, feature};

const FEATURES: [(&str, &str); 2] = [
    (
        "features/a.feature",
        r#"
Feature: A
  Scenario Outline: <n> booted
    Given <n> instances "web" booted together
    Examples:
      | n |
      | 1 |
      | 2 |
      | 3 |
      | 4 |
"#,
    ),
    (
        "features/b.feature",
        r#"
Feature: B
  Scenario: alone
    Given a running instance "web"
  Scenario: another
    Given a running instance "web"
"#,
    ),
];

fn folder() -> Folder {
    let folder = Folder::quick();
    FEATURES.iter().for_each(|(name, text)| folder.write(name, text));
    folder
}

/// The scenarios in the order in which they ended.
fn order(told: &Ended) -> Vec<String> {
    let name = |line: &str| {
        let words = line.strip_prefix("  ✔ ")?.split_whitespace();
        Some(words.take(2).collect::<Vec<_>>().join(" "))
    };
    told.out.lines().filter_map(name).collect()
}

#[test]
fn a_seed_gives_the_same_order_again_and_is_told() {
    let folder = folder();
    let run = |order: &str| folder.run(&["--concurrency", "1", "--order", order]).exits(0);
    let seven = run("random:7");
    assert_eq!(order(&seven), order(&run("random:7")));
    assert_ne!(order(&seven), order(&run("written")));
    seven.says(&["random order with seed 7; --order random:7 gives the same again"]);

    let drawn = run("random");
    let seed = drawn.out.split("random:").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(order(&drawn), order(&run(&format!("random:{seed}"))));
}

#[test]
fn the_command_to_run_it_again_has_the_seed() {
    let folder = folder();
    folder.write("features/b.feature", &feature(WRONG));
    folder.set("order", "random:11");
    let told = folder.run(&["--concurrency", "1"]).exits(1);
    told.says(&["rerun: whimbrel run --order random:11 features/b.feature:2"]);
}

#[test]
fn an_order_that_is_none_exits_2_and_says_what_would_be_right() {
    let told = folder().run(&["--order", "backwards"]).exits(2);
    told.says(&["--order", "\"backwards\"", "written, random, or random:SEED"]);
}

const WRONG: &str = r#"
    Given a running instance "web"
    Then "web" is running on another compute
"#;

#[test]
fn a_run_whose_time_is_over_fails_what_runs_cleans_up_and_names_what_it_did_not_come_to() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let second = "\n  Scenario: Another one\n    Given a running instance \"web\"\n";
    bench.folder.write("one.feature", &(feature(WRONG) + second));
    let run = ["one.feature", "--concurrency", "1", "--set", "deadline.run=700ms"];
    let told = bench.run(&[&run[..], &["--junit", "j.xml"]].concat()).exits(1);
    told.says(&[
        "the run's deadline of 700ms has passed, in step `Given a running instance \"web\"`",
        "Not started\n",
        "› Another one",
        "2 scenarios: 1 failed, 1 not started",
        "\nthe run's deadline of 700ms has passed\n",
    ]);
    assert_eq!(bench.ever_booted(), 1);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
    let xml = bench.folder.read("j.xml");
    assert!(xml.contains("the run's deadline") || xml.contains("the run&apos;s deadline"), "{xml}");
    assert!(xml.contains("not started"), "{xml}");
}

#[test]
fn scenarios_of_a_group_wait_for_each_other_and_no_other_waits_for_them() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let tagged = |tag: &str, name: &str| {
        format!("  {tag}\n  Scenario: {name}\n    Given a running instance \"web\"\n")
    };
    let scenarios = [
        tagged("@group(slow-one)", "first"),
        tagged("@group(slow-one)", "second"),
        tagged("@group(slow-one)", "third"),
        tagged("@other", "free"),
    ];
    bench.folder.write("one.feature", &format!("Feature: f\n{}", scenarios.concat()));
    for (more, side_by_side, counter) in [
        (&[][..], 2, "2 running · 2 queued"),
        (&["--set", "groups.slow-one=2"][..], 3, "3 running · 1 queued"),
    ] {
        let run = bench.start(&[&["one.feature", "--verbose"], more].concat());
        bench.until("all that may be booted are", |cloud| cloud.instances == side_by_side);
        run.until_it_prints("it has begun", |said| said.contains("target: sim").then_some(()));
        run.until_it_prints(counter, |said| {
            run.signal("USR1");
            said.contains(counter).then_some(())
        });
        assert_eq!(bench.snapshot().instances, side_by_side);
        bench.control().release_boots();
        run.ended().exits(0).says(&["4 scenarios: 4 passed"]);
        bench.control().hold_boots(BootPhase::Spawning);
    }
}

#[test]
fn a_group_is_named_rightly_in_settings_and_tags_or_refused() {
    let folder = folder();
    folder.write("whimbrel.toml", "[groups]\nMove = 2\n");
    folder.run(&[]).exits(2).says(&["whimbrel.toml:2: no group can be called \"Move\""]);
    folder.write("whimbrel.toml", "[groups]\nnobody-has-it = 2\n");
    folder.run(&["--name", "alone"]).exits(0);
    folder.run(&["config"]).exits(0).says(&["groups.nobody-has-it", "whimbrel.toml:2"]);
    folder.write("features/b.feature", "@group(Move)\nFeature: B\n  Scenario: x\n    Given y\n");
    folder.run(&[]).exits(2).says(&["features/b.feature:1:1: `@group(Move)` names no group"]);
}

#[test]
fn a_rerun_is_of_what_failed_until_it_passes() {
    let folder = folder();
    folder.run(&["--rerun"]).exits(4).says(&["no scenario that failed is remembered"]);
    folder.run(&["--name", "alone"]).exits(0);
    assert!(!folder.path().join(".whimbrel").exists(), "nothing failed, nothing is written");

    let wrong = format!("Feature: C\n  Scenario: wrong{WRONG}  Scenario: worse{WRONG}");
    folder.write("features/c.feature", &wrong);
    folder.run(&[]).exits(1).says(&["8 scenarios: 6 passed, 2 failed"]);
    folder.run(&["--rerun"]).exits(1).says(&["2 scenarios: 2 failed"]);

    // One is mended, the other renamed, and both stand elsewhere now.
    let wrongly = "\n    Then \"web\" is running on another compute";
    let mended = wrong.replacen(wrongly, "", 1).replace("worse", "no better");
    folder.write("features/c.feature", &format!("# a\n# comment\n{mended}"));
    let told = folder.run(&["--rerun"]).exits(0).says(&["1 scenario: 1 passed"]);
    told.says(&["features/c.feature:5 can't be found any more: worse"]);
    let told = folder.run(&["--rerun"]).exits(4);
    told.says(&["none of the scenarios that failed is there any more"]);

    std::fs::remove_file(folder.path().join("features/c.feature")).unwrap();
    folder.run(&["--rerun"]).exits(4).says(&["features/c.feature:5 can't be found any more"]);
    // That others pass forgets nothing: the file may come back.
    folder.run(&[]).exits(0);
    folder.run(&["--rerun"]).exits(4).says(&["; delete .whimbrel/failed.ndjson to forget them"]);
    folder.write("features/c.feature", &wrong);
    folder.run(&["features/c.feature:2"]).exits(1);
    folder.run(&["--rerun"]).exits(1).says(&["2 scenarios: 2 failed"]);
}

#[test]
fn a_rerun_finds_built_in_features_too_and_takes_no_paths() {
    let folder = Folder::quick();
    std::fs::create_dir(folder.path().join(".whimbrel")).unwrap();
    let name = "One of two instances booted together moves to the compute that was named";
    let path = "features/live_migration/one_of_several.feature";
    let line = format!("{{\"path\":\"{path}\",\"line\":1,\"name\":\"{name}\"}}\n");
    folder.write(".whimbrel/failed.ndjson", &line);
    folder.run(&["--rerun", path]).exits(2).says(&["--rerun", "cannot be used with"]);
    folder.run(&["--rerun", "--name", "no such name"]).exits(4);
    folder.run(&["--rerun"]).exits(0).says(&["1 scenario: 1 passed", "One of two instances"]);
    assert!(!folder.path().join(".whimbrel/failed.ndjson").exists());
    folder.write(".whimbrel/failed.ndjson", "failed\n");
    folder.run(&["--rerun"]).exits(2).says(&["failed.ndjson can't be read: line 1"]);
}
