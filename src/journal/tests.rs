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

/// What each journal of the folder is.
fn taken(folder: &Path) -> Vec<Result<Taken, JournalError>> {
    listed(folder).unwrap().iter().map(Listed::take).collect()
}

/// The journals of runs that have ended, where none is broken or blank.
fn ended(folder: &Path) -> Vec<Left> {
    let left = taken(folder).into_iter().filter_map(|taken| match taken.unwrap() {
        Taken::Left(left) => Some(*left),
        Taken::InUse => None,
        other => panic!("{other:?}"),
    });
    left.collect()
}

/// The one journal of the folder, which can't be read: its line, and why.
fn broken(folder: &Path) -> (Option<usize>, String) {
    let [taken] = <[_; 1]>::try_from(taken(folder)).unwrap();
    let error = taken.unwrap_err();
    (error.line, error.source.to_string())
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
fn what_a_killed_run_held_and_did_not_release_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let migration = Hold::Migration(ServerId::new("s1"));
    let compute = Hold::Compute(ComputeName::new("c1"));
    for hold in [migration.clone(), Hold::Boots, compute.clone(), compute.clone()] {
        journal.write(Entry::Holding { hold }).unwrap();
    }
    journal.write(Entry::Released { hold: Hold::Boots }).unwrap();
    kill(journal);

    let [left] = <[Left; 1]>::try_from(ended(folder.path())).unwrap();
    assert_eq!(left.unsettled.holds, [migration, compute]);
    insta::assert_snapshot!(left.unsettled.lines().join("\n"), @r"
    live migrations of s1, which are held
    c1, which was taken away
    ");
}

#[test]
fn what_a_killed_run_made_and_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    journal
        .write(Entry::Created { name: "wb-abcdefgh-1-web".into(), id: ServerId::new("s1") })
        .unwrap();
    journal.write(creating("wb-abcdefgh-2-web")).unwrap();
    journal.write(Entry::Removed { name: "wb-abcdefgh-2-web".into() }).unwrap();
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
        [(Account::Operator, "wb-abcdefgh-1-web".into(), vec![ServerId::new("s1")])]
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
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    assert!(ended(folder.path()).is_empty());
    kill(journal);
    assert_eq!(ended(folder.path()).len(), 1);
}

#[test]
fn wherever_the_last_line_was_cut_short_it_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    let path = journal.path().unwrap();
    kill(journal);
    let whole = std::fs::read(&path).unwrap();
    let next = changing("c-\u{e9}\u{2713}", BEFORE, ServiceSet::Disabled);
    let mut next = serde_json::to_vec(&next).unwrap();
    assert_eq!(next.iter().filter(|byte| !byte.is_ascii()).count(), 5);
    next.push(b'\n');
    for cut in 0..=next.len() {
        std::fs::write(&path, [&whole, &next[..cut]].concat()).unwrap();
        let seen = ended(folder.path())[0].unsettled.lines().len();
        assert_eq!(seen, if cut == next.len() { 2 } else { 1 }, "cut at {cut}");
    }
}

#[test]
fn what_a_failed_write_left_of_a_line_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    scribble(&journal.path().unwrap(), br#"{"entry":"creating","acc"#);
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    kill(journal);
    assert_eq!(
        ended(folder.path())[0].unsettled.lines(),
        ["instances named wb-abcdefgh-1-web, if any"]
    );
}

/// What a write says that fails.
fn refused(journal: &Journal, entry: Entry) -> String {
    journal.write(entry).unwrap_err().source.to_string()
}

#[test]
fn a_journal_that_somebody_has_shortened_is_not_filled_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let path = journal.path().unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(5).unwrap();
    let why = refused(&journal, creating("wb-abcdefgh-1-web"));
    assert_eq!(why, "somebody else has shortened it; nothing more is made");
    assert_eq!(std::fs::read(&path).unwrap().len(), 5);
    assert!(journal.unsettled_in_all().is_empty());
}

#[test]
fn a_journal_that_is_removed_or_replaced_takes_nothing_more_but_what_is_undone() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let journal = begin(folder.path());
        journal.write(creating("wb-abcdefgh-1-web")).unwrap();
        let path = journal.path().unwrap();
        std::fs::remove_file(&path).unwrap();
        if replaced {
            std::fs::write(&path, "").unwrap();
        }
        let why = refused(&journal, creating("wb-abcdefgh-2-web"));
        assert_eq!(why, "it has been removed; nothing more is made");
        assert_eq!(journal.path(), None);
        journal.write(Entry::Removed { name: "wb-abcdefgh-1-web".into() }).unwrap();
        assert!(journal.unsettled_in_all().is_empty());
    }
}

#[test]
fn a_name_that_the_run_would_not_give_is_refused_with_its_line() {
    let told = ["", "wb-bcdefghj-1-web"].map(|name| {
        let folder = tempfile::tempdir().unwrap();
        let journal = begin(folder.path());
        journal.write(creating(name)).unwrap();
        kill(journal);
        broken(folder.path())
    });
    let line =
        |name| format!("{name} is no name of ours; those of this run are wb-abcdefgh-NUMBER-NAME");
    let lines = [r#""""#, r#""wb-bcdefghj-1-web""#].map(|name| (Some(2), line(name)));
    assert_eq!(told, lines);
}

#[test]
fn a_broken_journal_is_told_with_its_line_and_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    kill(journal);
    let broken = folder.path().join("broken.jsonl");
    std::fs::copy(folder.path().join("abcdefgh.jsonl"), &broken).unwrap();
    scribble(&broken, b"nonsense\n");
    let headless = folder.path().join("headless.jsonl");
    std::fs::write(&headless, "{\"entry\":\"removed\",\"name\":\"wb-abcdefgh-1-web\"}\n").unwrap();

    let (left, errors): (Vec<_>, Vec<_>) =
        taken(folder.path()).into_iter().partition(Result::is_ok);
    assert_eq!(left.len(), 1);
    let errors: Vec<JournalError> = errors.into_iter().map(Result::unwrap_err).collect();
    let told = errors.iter().map(|error| (error.path.clone(), error.line));
    assert_eq!(told.collect::<Vec<_>>(), [(headless, Some(1)), (broken, Some(3))]);
    assert!(errors[1].to_string().ends_with("broken.jsonl:3 can't be read"));
}

#[test]
fn a_line_that_was_cut_short_in_the_middle_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let path = journal.path().unwrap();
    kill(journal);
    scribble(&path, b"{\"entry\":\"creating\",\"account\":\"oper\xc3\n");
    scribble(&path, b"{\"entry\":\"removed\",\"name\":\"wb-abcdefgh-1-web\"}\n");
    let (line, why) = broken(folder.path());
    assert_eq!(line, Some(2));
    assert!(why.starts_with("the line is no entry: "), "{why}");
    assert!(path.exists());
}

#[test]
fn an_entry_of_another_version_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let path = journal.path().unwrap();
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    kill(journal);
    scribble(&path, b"{\"entry\":\"quota\",\"project\":\"p\"}\n");
    let (line, why) = broken(folder.path());
    assert_eq!(line, Some(3));
    assert!(why.starts_with("it holds an entry \"quota\" as this version ("), "{why}");
    assert!(why.ends_with("sweep it with the version that wrote it"), "{why}");
    assert!(path.exists());
}

#[test]
fn a_run_that_died_before_its_first_whole_line_did_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    std::fs::write(folder.path().join("torn.jsonl"), "{\"entry\":\"run\",").unwrap();
    std::fs::write(folder.path().join("torn-in-a-letter.jsonl"), b"{\"entry\":\"\xe2\x9c").unwrap();
    for taken in taken(folder.path()) {
        let Taken::Blank(blank) = taken.unwrap() else { panic!("it is not blank") };
        blank.remove().unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_journal_that_is_settled_while_the_folder_is_read_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Listed::look(folder.path().join("gone.jsonl")).unwrap().is_none());
    kill(begin(folder.path()));
    let before = listed(folder.path()).unwrap();
    ended(folder.path()).remove(0).settled().unwrap();
    assert!(matches!(before[0].take(), Ok(Taken::Gone)));
}

#[test]
fn a_journal_is_held_by_one_sweep_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    kill(begin(folder.path()));
    let one = ended(folder.path());
    assert!(matches!(taken(folder.path())[..], [Ok(Taken::InUse)]));
    drop(one);
    assert_eq!(ended(folder.path()).len(), 1);
}

#[test]
fn whose_a_journal_is_can_be_seen_while_its_run_lives() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    std::fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    let listed = listed(folder.path()).unwrap();
    let runs: Vec<_> = listed.iter().map(Listed::run).collect();
    assert_eq!(runs, [Some("empty"), Some("abcdefgh")]);
    assert_eq!(listed[1].heading.as_ref().unwrap().cloud, "lab");
    assert!(matches!(listed[1].take(), Ok(Taken::InUse)));
}

#[test]
fn only_our_own_reason_names_a_run() {
    let run = RunId::random();
    assert_eq!(run_that_disabled(&disabled_reason(&run)), Some(run));
    for theirs in ["broken fan", "whimbrel run", "whimbrel run x", "whimbrel run ABCDEFGH"] {
        assert_eq!(run_that_disabled(theirs), None, "{theirs}");
    }
}

#[test]
fn what_a_sweep_undid_is_not_left_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    journal.write(creating("wb-abcdefgh-2-web")).unwrap();
    let path = journal.path().unwrap();
    kill(journal);
    scribble(&path, b"{\"entry\":\"crea");
    let swept = ended(folder.path()).remove(0);
    swept.journal().scope().write(Entry::Removed { name: "wb-abcdefgh-1-web".into() }).unwrap();
    drop(swept);
    assert_eq!(
        ended(folder.path())[0].unsettled.lines(),
        ["instances named wb-abcdefgh-2-web, if any"]
    );
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
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    journal.write(Entry::Removed { name: "wb-abcdefgh-1-web".into() }).unwrap();
    assert!(journal.close().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_run_that_left_something_keeps_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    journal.write(creating("wb-abcdefgh-1-web")).unwrap();
    let unsettled = journal.close().unwrap();
    assert_eq!(unsettled.lines(), ["instances named wb-abcdefgh-1-web, if any"]);
    assert_eq!(ended(folder.path()).len(), 1);
}

#[test]
fn a_scope_knows_only_what_it_wrote_and_the_file_knows_all() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let (one, two) = (journal.scope(), journal.scope());
    one.write(creating("wb-abcdefgh-1-web")).unwrap();
    two.write(creating("wb-abcdefgh-2-web")).unwrap();
    assert_eq!(one.unsettled().lines(), ["instances named wb-abcdefgh-1-web, if any"]);
    assert_eq!(journal.unsettled_in_all().instances.len(), 2);
    drop((one, two));
    kill(journal);
    assert_eq!(ended(folder.path())[0].unsettled.instances.len(), 2);
}
