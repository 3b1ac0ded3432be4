//! What sweeps tell and take: an output that can't be written, flags, and journals that somebody
//! has tampered with.

use std::process::Command;

use serde_json::json;
use whimbrel::sim::BootPhase;

use crate::cli_sweep::booting;
use crate::support::{Bench, Folder, until};

#[test]
fn an_output_that_can_not_be_written_does_not_stop_a_sweep() {
    for full in [">/dev/full", ">/dev/full 2>&1"] {
        let bench = Bench::new();
        booting(&bench, &[]).kill();
        bench.folder.write(".whimbrel/blank.jsonl", "");
        let line = format!("exec {} sweep {full}", env!("CARGO_BIN_EXE_whimbrel"));
        let shell = Command::new("/bin/sh")
            .args(["-c", &line])
            .env_clear()
            .env("HOME", bench.folder.path())
            .current_dir(bench.folder.path())
            .output()
            .unwrap();
        assert_eq!(shell.status.code(), Some(0), "{full}: {shell:?}");
        assert!(bench.snapshot().is_empty(), "{full}: {:?}", bench.snapshot());
        assert!(bench.folder.journals().is_empty(), "{full}");
    }
}

#[test]
fn a_broken_journal_counts_although_nobody_can_be_told_of_it() {
    let folder = Folder::empty();
    folder.write(".whimbrel/broken.jsonl", "nonsense\n");
    let line = format!("exec {} sweep >/dev/full 2>&1", env!("CARGO_BIN_EXE_whimbrel"));
    let shell = Command::new("/bin/sh").args(["-c", &line]).current_dir(folder.path()).output();
    assert_eq!(shell.unwrap().status.code(), Some(2));
}

#[test]
fn a_sweep_takes_and_shows_only_the_settings_that_count_for_it() {
    let folder = Folder::empty();
    let help = folder.run(&["sweep", "--help"]).exits(0);
    let help = help.says(&["--cloud", "--member", "--allow", "--config", "--set"]);
    for other in ["--image", "--flavor", "--network", "--zone"] {
        assert!(!help.out.contains(other), "{}", help.out);
        folder.run(&["sweep", other, "x"]).exits(2).says(&[other]);
    }
    help.never_says("embedded");
}

#[test]
fn a_journal_with_a_name_that_is_not_the_runs_is_not_swept() {
    let bench = Bench::new();
    for name in ["", "web", "wb-bbbbbbbb-1-web", "wb-aaaaaaaa-1-.*"] {
        let creating = json!({"entry": "creating", "account": "operator", "name": name});
        bench.folder.journal("aaaaaaaa", &[creating]);
        let words = ["aaaaaaaa.jsonl:2 can't be read", &format!("{name:?} is no name of ours")];
        bench.sweep(&[]).exits(2).says(&words);
        assert_eq!(bench.requests(), [] as [String; 0]);
    }
}

#[test]
fn a_run_whose_journal_is_removed_makes_nothing_more_and_cleans_up() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let steps = r#"
        Given 2 instances "web" booted together
        And a running instance "db"
    "#;
    let run = bench.start_scenario(steps, &[]);
    let [journal] = {
        let shown = || {
            let journals = bench.folder.journals();
            let text = journals.first().and_then(|it| std::fs::read_to_string(it).ok());
            text.is_some_and(|text| text.matches("\"created\"").count() == 2)
        };
        until("two are shown", shown, || format!("{:?}", bench.snapshot()));
        <[_; 1]>::try_from(bench.folder.journals()).unwrap()
    };
    std::fs::remove_file(journal).unwrap();
    bench.control().release_boots();
    let told = run.ended().exits(1);
    told.says(&["has been removed; nothing more is made"]).never_says("left behind");
    assert_eq!(bench.ever_booted(), 2);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}
