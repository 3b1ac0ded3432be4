//! What becomes of a feature file's text.

use std::cell::Cell;
use std::thread::LocalKey;

use proptest::collection::vec;
use proptest::prelude::{prop_assert, prop_assert_ne, proptest};
use proptest::sample::select;

use super::{Play, feature};
use crate::events::messages::GherkinDocument;
use crate::events::messages::gherkin::{FeatureChild, RuleChild};
use crate::runner::outline::work;
use crate::runner::{Document, Library, Source};

fn library(text: &str) -> Library {
    Library::read(vec![Source {
        uri: "a.feature".to_owned(),
        text: text.to_owned(),
        lines: Vec::new(),
    }])
}

fn document(text: &str) -> Document {
    let mut library = library(text);
    assert_eq!(library.broken, []);
    library.documents.remove(0)
}

/// What is wrong with `text`, as a user reads it.
fn broken(text: &str) -> String {
    let broken: Vec<String> = library(text).broken.iter().map(ToString::to_string).collect();
    broken.join("\n")
}

const ALL: &str = "\
# over all
@a @b # not @c
Feature: Ä
  Some words
    indented

  and more
  Background:
    # why
    Given a calm start

  @c
  @d
  Rule: R

    Background: B
      * it is given

    # about it
    @a @e
    Scenario Outline: <n> things
      When it reads
        | k   | <n>     |
        | a b | \\| <n> |
      Then it reads
        \"\"\"json
          {\"n\": <n>}

        \\\"\\\"\\\" # no comment
        \"\"\"
      @f
      Examples: E
        | n |
        | 7 |
";

#[test]
fn everything_has_its_place() {
    let GherkinDocument { feature, comments, .. } = document(ALL).message;
    let places: Vec<u32> = comments.iter().map(|it| it.location.line).collect();
    assert_eq!(places, [1, 9, 19]);
    let feature = feature.expect("there is one");
    let at =
        |location: crate::events::messages::Location| (location.line, location.column.unwrap_or(0));
    assert_eq!(at(feature.location), (3, 1));
    assert_eq!(feature.description, "  Some words\n    indented\n\n  and more");
    let tags: Vec<_> = feature.tags.iter().map(|tag| (at(tag.location), &*tag.name)).collect();
    assert_eq!(tags, [((2, 1), "@a"), ((2, 4), "@b")]);
    let [FeatureChild::Background(background), FeatureChild::Rule(rule)] = &feature.children[..]
    else {
        panic!("{:?}", feature.children);
    };
    assert_eq!(at(background.location), (8, 3));
    assert_eq!(at(background.steps[0].location), (10, 5));
    assert_eq!(at(rule.location), (14, 3));
    assert_eq!(
        rule.tags.iter().map(|tag| at(tag.location)).collect::<Vec<_>>(),
        [(12, 3), (13, 3)]
    );
    let [RuleChild::Background(_), RuleChild::Scenario(scenario)] = &rule.children[..] else {
        panic!("{:?}", rule.children);
    };
    assert_eq!(at(scenario.location), (21, 5));
    let table = scenario.steps[0].data_table.as_ref().expect("a table");
    let cells: Vec<_> =
        table.rows[1].cells.iter().map(|it| (at(it.location), &*it.value)).collect();
    assert_eq!(cells, [((24, 11), "a b"), ((24, 17), "| <n>")]);
    let text = scenario.steps[1].doc_string.as_ref().expect("a doc string");
    assert_eq!(at(text.location), (26, 9));
    assert_eq!(text.media_type.as_deref(), Some("json"));
    assert_eq!(text.content, "  {\"n\": <n>}\n\n\"\"\" # no comment");
    let examples = &scenario.examples[0];
    assert_eq!((at(examples.location), at(examples.tags[0].location)), ((32, 7), (31, 7)));
    assert_eq!(at(examples.table_body[0].location), (34, 9));
}

#[test]
fn a_pickle_has_backgrounds_values_and_tags_of_all_around_it() {
    let cases = document(ALL).cases;
    let [case] = &cases[..] else {
        panic!("one row is one case");
    };
    let pickle = &case.pickle;
    assert_eq!(pickle.name, "7 things");
    assert_eq!(pickle.location.map(|it| it.line), Some(34));
    let tags: Vec<&str> = pickle.tags.iter().map(|tag| &*tag.name).collect();
    assert_eq!(tags, ["@a", "@b", "@c", "@d", "@e", "@f"]);
    let texts: Vec<&str> = pickle.steps.iter().map(|step| &*step.text).collect();
    assert_eq!(texts, ["a calm start", "it is given", "it reads", "it reads"]);
    assert_eq!(pickle.steps[0].ast_node_ids.len(), 1);
    assert_eq!(pickle.steps[2].ast_node_ids.len(), 2);
    assert_eq!(case.rule.as_deref(), Some("R"));
    let table = case.steps[2].step.table.as_ref().expect("a table");
    assert_eq!(table.rows, [["k", "7"], ["a b", "| 7"]]);
    let text = case.steps[3].step.docstring.as_deref();
    assert_eq!(text, Some("  {\"n\": 7}\n\n\"\"\" # no comment"));
}

#[test]
fn a_step_gets_its_values() {
    let played = Play::new(ALL).go();
    let seen: Vec<&str> =
        played.journal.iter().map(|it| it.trim_start_matches("7 things: ")).collect();
    assert_eq!(seen[3..6], ["k|7", "a b|| 7", "  {\"n\": 7}\n\n\"\"\" # no comment"]);
}

#[test]
fn unknown_placeholders_stay_and_values_are_not_filled_again() {
    let text = "Feature: f\n Scenario Outline: a<b> <x> <y>\n  Given a calm start\n  Examples:\n   \
                | x   | y |\n   | <y> | 2 |\n";
    assert_eq!(document(text).cases[0].pickle.name, "a<b> <y> 2");
}

#[test]
fn a_file_with_windows_line_ends_and_a_byte_order_mark_reads_alike() {
    let text = format!("\u{feff}{}", ALL.replace('\n', "\r\n"));
    let sources = crate::runner::source::embedded([("a.feature", text.as_str())], &[]);
    let library = Library::read(sources.expect("all is taken"));
    assert_eq!(library.broken, []);
    let names = |cases: &[crate::runner::document::Case]| -> Vec<String> {
        let steps = cases.iter().flat_map(|case| &case.pickle.steps);
        steps.map(|step| step.text.clone()).collect()
    };
    assert_eq!(names(&library.documents[0].cases), names(&document(ALL).cases));
}

#[test]
fn an_empty_file_holds_nothing_and_is_not_broken() {
    let document = document("\n# only words\n");
    assert_eq!(document.message.feature, None);
    assert_eq!(document.cases.len(), 0);
}

#[test]
fn other_languages_are_read() {
    let text = "# language: de\nFunktionalität: f\n  Szenario: s\n    Angenommen a calm start\n";
    let document = document(text);
    assert_eq!(document.cases[0].pickle.language, "de");
    assert_eq!(document.message.comments, []);
}

/// How much of `work` reading an outline of `rows` takes.
fn effort(rows: usize, work: &'static LocalKey<Cell<usize>>) -> usize {
    let table: String = (0..rows).map(|n| format!("      | {n} |\n")).collect();
    let text = format!(
        "Feature: f\n  Scenario Outline: <n>\n    Given <n> toys of kind \"bear\"\n    \
         Then it says \"<n>\"\n\n    Examples:\n      | n |\n{table}"
    );
    let before = work.get();
    let cases = document(&text).cases;
    assert_eq!(cases.len(), rows);
    assert_eq!(cases[rows - 1].pickle.name, (rows - 1).to_string());
    work.get() - before
}

#[test]
fn an_outline_grows_with_its_rows_and_not_with_their_square() {
    assert_eq!(effort(2000, &work::CUTS), effort(10, &work::CUTS));
    assert_eq!(effort(2000, &work::FILLS), 200 * effort(10, &work::FILLS));
}

#[test]
fn a_misspelt_keyword_is_shown_with_what_could_stand_there() {
    assert_eq!(
        broken("Feature: f\n\n  Scenario: s\n    Given a calm start\n    Whne it fails\n"),
        "a.feature:5:5: expected a step (Given, When, Then, And, But, *), a table row (| … |), a doc \
         string (\"\"\"), a tag (@…), `Rule:`, `Scenario:` or `Examples:`, but found `Whne it fails`\n   \
         |\n 5 |     Whne it fails\n   |     ^\n   = did you mean `When`?"
    );
}

#[test]
fn each_mistake_is_named_in_plain_words() {
    let scenario = "Feature: f\n Scenario: s\n  Given a calm start\n";
    let with = |rest: &str| broken(&format!("{scenario}{rest}"));
    let cases = [
        (
            broken("Featur: f\n"),
            "a.feature:1:1: expected a tag (@…) or `Feature:`",
            "did you mean `Feature:`?",
        ),
        (with(" Scenario t\n"), "a.feature:4:2: ", "a colon is missing: `Scenario:`"),
        (with("  When\n"), "a.feature:4:3: ", "`When` needs a sentence behind it"),
        (with("Feature: g\n"), "a.feature:4:1: ", "one file holds one feature"),
        (
            with(" Background:\n  Given a calm start\n"),
            "a.feature:4:2: ",
            "a background stands once",
        ),
        (with("  \"\"\"\n  open\n"), "a.feature:4:3: this doc string is never closed", ""),
        (
            with("  | a | b |\n  | c |\n"),
            "a.feature:5:3: this row has 1 cell, but the table's first row, line 4, has 2 cells",
            "",
        ),
        (
            with("  | a |\n  | c | d |\n"),
            "a.feature:5:9: this row has 2 cells, but the table's first row, line 4, has 1 cell",
            "",
        ),
        (with("  | a\n"), "a.feature:4:5: this table row is not closed by `|`", ""),
        (
            with("  | a\\d |\n"),
            "a.feature:4:6: in a table `\\` stands only before",
            "write `\\\\` for one backslash",
        ),
        (
            broken("Feature: f\n Example words\n"),
            "a.feature:2:2: a description can't start with `Example`",
            "a colon is missing: `Example:`; or begin with another word",
        ),
        (with(" @last\n"), "a.feature:4:2: these tags stand before nothing", ""),
        (
            broken("# language: xx\nFeature: f\n"),
            "a.feature:1:1: there is no language `xx` in Gherkin",
            "",
        ),
    ];
    for (text, start, hint) in cases {
        assert!(text.starts_with(start) && text.contains(hint), "{start}\n{hint}\n{text}");
    }
}

#[test]
fn all_broken_files_are_reported_and_nothing_runs() {
    let mut play = feature(&["Scenario: fine\n Given a calm start"]);
    play.files.push(("features/x.feature", "Feature f".to_owned()));
    play.files.push((
        "features/y.feature",
        "Feature: f\n  No rule\n  Scenario: s\n    and words\n    Given a calm start".to_owned(),
    ));
    play.files.push(("features/z.feature", "Fature: f".to_owned()));
    let played = play.go();
    assert_eq!(played.outcome.problems.len(), 2, "{:?}", played.outcome.problems);
    assert_eq!(played.journal, [""; 0]);
    let told = played.said.iter().filter(|it| super::kind(it) == "parseError");
    assert_eq!(told.count(), 2);
    assert!(!played.outcome.is_success());
}

const FRAGMENTS: [&str; 24] = [
    "Feature: f",
    "Rule: r",
    "Background:",
    "Scenario: s",
    "Scenario Outline: <n> ä",
    "Examples:",
    "Given a calm start",
    "When it <n>",
    "And <n",
    "* x",
    "Then",
    "| n | ß |",
    "| 1 | \\| |",
    "| 1 |",
    "|",
    "\"\"\"json",
    "```",
    "# note",
    "@a @b@c #",
    "@",
    "words",
    "Example words",
    "# language: de",
    "",
];

proptest! {
    #[test]
    fn whatever_stands_in_a_file_is_read_or_explained(
        lines in vec((select(&FRAGMENTS[..]), 0..4_usize), 0..14),
        ending in select(&["\n", "\r\n"][..]),
    ) {
        let lines: Vec<String> =
            lines.iter().map(|(line, indent)| format!("{:indent$}{line}", "")).collect();
        let library = library(&lines.join(ending));
        let explained = !library.broken.is_empty();
        prop_assert_ne!(explained, library.documents.len() == 1);
        for broken in &library.broken {
            prop_assert!(broken.to_string().contains('^'));
        }
    }
}
