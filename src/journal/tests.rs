//! What a journal tells those who come after its run.

use std::fs::OpenOptions;
use std::io::Write;

use super::*;
use crate::events::names::{ComputeName, ServerId};

const BEFORE: ServiceBefore =
    ServiceBefore { enabled: true, disabled_reason: None, forced_down: false };

fn creating(name: &str) -> Entry {
    Entry::Creating { account: Account::Operator, name: name.to_owned() }
}

fn changing(compute: &str, before: ServiceBefore, set: ServiceSet) -> Entry {
    Entry::Changing { compute: ComputeName::new(compute), before, set: Some(set) }
}

fn access(project: &str) -> Access {
    Access { auth_url: "https://lab".to_owned(), project: Some(project.to_owned()) }
}

fn begin(folder: &Path) -> Journal {
    let (operator, member) = (access("admin"), access("demo"));
    let operator = Used { cloud: "lab", access: &operator };
    let member = Used { cloud: "lab-demo", access: &member };
    Journal::create(folder, RunId::new("abcdefgh"), operator, Some(member)).unwrap()
}

/// The journals of runs that have ended, where none is broken.
fn ended(folder: &Path) -> Vec<Left> {
    let found = left_in(folder).unwrap();
    assert!(found.broken.is_empty() && found.blank.is_empty(), "{found:?}");
    found.left
}

/// Writes past the journal, as nobody should.
fn scribble(path: &Path, text: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text).unwrap();
}

/// Ends the run as a kill does: the lock goes with the process, the file stays.
fn kill(journal: Journal) {
    drop(journal);
}

#[test]
fn what_a_killed_run_made_and_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    journal.write(Entry::Created { name: "wb-1".into(), id: ServerId::new("s1") }).unwrap();
    journal.write(creating("wb-2")).unwrap();
    journal.write(Entry::Removed { name: "wb-2".into() }).unwrap();
    journal.write(changing("c1", BEFORE, ServiceSet::Disabled)).unwrap();
    let later = ServiceBefore { enabled: false, ..BEFORE };
    journal.write(changing("c1", later.clone(), ServiceSet::ForcedDown)).unwrap();
    journal.write(changing("c2", later.clone(), ServiceSet::ForcedDown)).unwrap();
    kill(journal);

    let [left] = <[Left; 1]>::try_from(ended(folder.path())).unwrap();
    assert_eq!((left.run.as_str(), left.cloud.as_str()), ("abcdefgh", "lab"));
    assert_eq!(left.member.as_deref(), Some("lab-demo"));
    assert_eq!(
        (left.access.as_ref(), left.member_access.as_ref()),
        (Some(&access("admin")), Some(&access("demo")))
    );
    assert_eq!(
        left.unsettled.instances,
        [(Account::Operator, "wb-1".into(), vec![ServerId::new("s1")])]
    );
    let at_first = ServiceChanged { before: BEFORE, disabled: true, forced_down: true };
    let down = ServiceChanged { before: later, disabled: false, forced_down: true };
    assert_eq!(
        left.unsettled.computes,
        [(ComputeName::new("c1"), at_first), (ComputeName::new("c2"), down)]
    );
    left.settled().unwrap();
    assert!(ended(folder.path()).is_empty());
}

#[test]
fn the_journal_of_a_living_run_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    assert!(ended(folder.path()).is_empty());
    kill(journal);
    assert_eq!(ended(folder.path()).len(), 1);
}

#[test]
fn a_last_line_that_was_cut_short_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    let path = journal.path().unwrap();
    kill(journal);
    scribble(&path, b"{\"entry\":\"creating\",\"account\":\"oper\xc3");
    assert_eq!(ended(folder.path())[0].unsettled.instances.len(), 1);
}

#[test]
fn what_a_failed_write_left_of_a_line_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    scribble(&journal.path().unwrap(), br#"{"entry":"creating","acc"#);
    journal.write(creating("wb-1")).unwrap();
    kill(journal);
    assert_eq!(ended(folder.path())[0].unsettled.lines(), ["instances named wb-1, if any"]);
}

#[test]
fn a_broken_journal_is_told_with_its_line_and_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    kill(journal);
    let broken = folder.path().join("broken.jsonl");
    std::fs::copy(folder.path().join("abcdefgh.jsonl"), &broken).unwrap();
    scribble(&broken, b"nonsense\n");
    let headless = folder.path().join("headless.jsonl");
    std::fs::write(&headless, "{\"entry\":\"removed\",\"name\":\"wb-1\"}\n").unwrap();

    let found = left_in(folder.path()).unwrap();
    assert_eq!(found.left.len(), 1);
    let told = found.broken.iter().map(|error| (error.path.clone(), error.line));
    assert_eq!(told.collect::<Vec<_>>(), [(broken, Some(3)), (headless, Some(1))]);
    assert!(found.broken[0].to_string().ends_with("broken.jsonl:3 can't be read"));
}

#[test]
fn a_run_that_died_before_its_first_whole_line_did_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    std::fs::write(folder.path().join("torn.jsonl"), "{\"entry\":\"run\",").unwrap();
    let found = left_in(folder.path()).unwrap();
    assert!(found.left.is_empty() && found.broken.is_empty(), "{found:?}");
    assert_eq!(found.blank.len(), 2);
    for blank in found.blank {
        blank.remove().unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_journal_that_is_settled_while_the_folder_is_read_is_no_error() {
    let mut found = Found::default();
    found.take(&tempfile::tempdir().unwrap().path().join("gone.jsonl"));
    assert!(found.left.is_empty() && found.broken.is_empty(), "{found:?}");
}

#[test]
fn what_a_sweep_undid_is_not_left_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    journal.write(creating("wb-2")).unwrap();
    let path = journal.path().unwrap();
    kill(journal);
    scribble(&path, b"{\"entry\":\"crea");
    let swept = ended(folder.path()).remove(0);
    swept.journal().scope().write(Entry::Removed { name: "wb-1".into() }).unwrap();
    drop(swept);
    assert_eq!(ended(folder.path())[0].unsettled.lines(), ["instances named wb-2, if any"]);
}

#[test]
fn an_old_journal_that_does_not_tell_what_its_names_meant_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let old = concat!(
        r#"{"entry":"run","run":"abcdefgh","cloud":"lab","started":"2026-11-23T12:00:00Z"}"#,
        "\n",
        r#"{"entry":"changing","compute":"c1","before":{"enabled":true,"disabled_reason":null,"forced_down":false}}"#,
        "\n",
    );
    std::fs::write(folder.path().join("abcdefgh.jsonl"), old).unwrap();
    let left = ended(folder.path()).remove(0);
    assert_eq!((left.cloud.as_str(), left.access), ("lab", None));
    let changed = ServiceChanged { before: BEFORE, disabled: true, forced_down: true };
    assert_eq!(left.unsettled.computes, [(ComputeName::new("c1"), changed)]);
}

#[test]
fn a_run_that_undid_everything_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    journal.write(Entry::Removed { name: "wb-1".into() }).unwrap();
    assert!(journal.close().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_run_that_left_something_keeps_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    let unsettled = journal.close().unwrap();
    assert_eq!(unsettled.lines(), ["instances named wb-1, if any"]);
    assert_eq!(ended(folder.path()).len(), 1);
}

#[test]
fn a_scope_knows_only_what_it_wrote_and_the_file_knows_all() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let (one, two) = (journal.scope(), journal.scope());
    one.write(creating("wb-1")).unwrap();
    two.write(creating("wb-2")).unwrap();
    assert_eq!(one.unsettled().lines(), ["instances named wb-1, if any"]);
    assert_eq!(journal.unsettled_in_all().instances.len(), 2);
    drop((one, two));
    kill(journal);
    assert_eq!(ended(folder.path())[0].unsettled.instances.len(), 2);
}
