//! Standard streams that can't be written to.

use std::process::Stdio;

use crate::support::{Bench, Ended, Folder, feature};

const FULL: &str = "No space left on device";

/// A device that is always full.
fn full() -> Stdio {
    std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it").into()
}

/// The end of a pipe whose other end is closed.
fn closed() -> Stdio {
    std::io::pipe().expect("a pipe").1.into()
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.folder.write("one.feature", &feature("Given a cloud with several computes"));
    bench
}

/// What only prints.
const PRINTING: [&[&str]; 5] = [
    &["config"],
    &["config", "--cloud", "sim", "--format", "json"],
    &["doctor", "--cloud", "sim", "--member", "sim-member", "--allow", "hosts"],
    &["run", "one.feature", "--cloud", "sim", "--plan"],
    &["report", "run.ndjson"],
];

/// Each of these, printing into this.
fn printing(into: fn() -> Stdio) -> Vec<Ended> {
    let bench = bench();
    bench.run(&["one.feature", "--messages", "run.ndjson"]).exits(0);
    PRINTING.iter().map(|arguments| bench.folder.run_into(into(), arguments)).collect()
}

#[test]
fn what_can_not_be_printed_exits_2_and_says_so() {
    for told in printing(full) {
        let told = told.exits(2);
        assert!(told.err.contains("standard output can't be written: No space"), "{}", told.err);
    }
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    for told in printing(closed) {
        assert_eq!(told.exits(0).err, "");
    }
}

#[test]
fn a_run_that_can_not_be_shown_goes_on_and_exits_2() {
    let bench = bench();
    let told = bench.folder.run_into(full(), &["run", "one.feature", "--junit", "junit.xml"]);
    told.exits(2).says(&["standard output can't be written: ", FULL]);
    assert!(bench.folder.read("junit.xml").contains("tests=\"1\""));
}

#[test]
fn a_cloud_that_can_not_say_where_it_is_ends_with_2() {
    let folder = Folder::empty();
    folder
        .run_into(full(), &["cloud"])
        .exits(2)
        .says(&["standard output can't be written: ", FULL]);
}

#[test]
fn an_exit_code_does_not_depend_on_whether_its_reason_can_be_told() {
    for into in [full, closed] {
        let folder = Folder::empty();
        folder.run_deaf(into(), &["config", "--cloud", "nowhere"]).exits(2);
    }
}
