//! What a journal tells those who come after its run.

use super::*;

const BEFORE: ServiceBefore =
    ServiceBefore { enabled: true, disabled_reason: None, forced_down: false };

fn creating(name: &str) -> Entry {
    Entry::Creating { account: Account::Operator, name: name.to_owned() }
}

fn begin(folder: &Path) -> Journal {
    Journal::create(folder, RunId::new("abcdefgh"), "lab", Some("lab-demo")).unwrap()
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
    journal.write(Entry::Changing { compute: ComputeName::new("c1"), before: BEFORE }).unwrap();
    let later = ServiceBefore { enabled: false, ..BEFORE };
    journal.write(Entry::Changing { compute: ComputeName::new("c1"), before: later }).unwrap();
    kill(journal);

    let [left] = <[Left; 1]>::try_from(left_in(folder.path()).unwrap()).unwrap();
    assert_eq!((left.run.as_str(), left.cloud.as_str()), ("abcdefgh", "lab"));
    assert_eq!(left.member.as_deref(), Some("lab-demo"));
    assert_eq!(
        left.unsettled.instances,
        [(Account::Operator, "wb-1".into(), vec![ServerId::new("s1")])]
    );
    assert_eq!(left.unsettled.computes, [(ComputeName::new("c1"), BEFORE)], "as it was at first");
    left.settled().unwrap();
    assert!(left_in(folder.path()).unwrap().is_empty());
}

#[test]
fn the_journal_of_a_living_run_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    assert!(left_in(folder.path()).unwrap().is_empty());
    kill(journal);
    assert_eq!(left_in(folder.path()).unwrap().len(), 1);
}

#[test]
fn a_last_line_that_was_cut_short_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-1")).unwrap();
    let path = journal.path().unwrap();
    kill(journal);
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(br#"{"entry":"creating","account":"oper"#).unwrap();
    let left = left_in(folder.path()).unwrap();
    assert_eq!(left[0].unsettled.instances.len(), 1);
}

#[test]
fn a_broken_line_in_the_middle_is_an_error_not_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let path = journal.path().unwrap();
    kill(journal);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"nonsense\n").unwrap();
    let error = left_in(folder.path()).unwrap_err();
    assert_eq!((error.path, error.doing), (path, "read"));
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
    assert_eq!(left_in(folder.path()).unwrap().len(), 1);
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
    assert_eq!(left_in(folder.path()).unwrap()[0].unsettled.instances.len(), 2);
}
