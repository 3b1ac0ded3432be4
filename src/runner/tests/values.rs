//! Values in sentences that their parameters don't take, and what nothing reads.

use insta::assert_snapshot;

use super::{Play, feature};
use crate::events::messages::Envelope;

/// What is wrong before anything runs, as a user reads it.
fn problems(play: &Play<'_>) -> String {
    let played = play.go();
    assert_eq!(played.journal, [""; 0]);
    let problems: Vec<String> = played.outcome.problems.iter().map(ToString::to_string).collect();
    problems.join("\n")
}

fn of(steps: &str) -> String {
    problems(&feature(&[&format!("Scenario: s\n{steps}")]))
}

#[test]
fn a_wrong_value_is_named_with_its_rule_and_not_the_sentence_itself_as_what_was_meant() {
    assert_snapshot!(of("  Given   the toy \"Big Bear\" lies on the upper shelf"), @r#"
    features/toys.feature:4:19: "Big Bear" is no toy
       |
     4 |   Given   the toy "Big Bear" lies on the upper shelf
       |                   ^
       = write lower-case letters in quotes
    "#);
    assert_snapshot!(of(" Given the toy bear lies on the ceiling"), @r#"
    features/toys.feature:4:16: `bear` is no toy
       |
     4 |  Given the toy bear lies on the ceiling
       |                ^
       = write lower-case letters in quotes
    features/toys.feature:4:29: `the ceiling` is no place for a toy
       |
     4 |  Given the toy bear lies on the ceiling
       |                             ^
       = there are: the upper shelf, the floor
    "#);
}

#[test]
fn a_value_from_a_row_is_shown_in_the_row() {
    let outline = "Scenario Outline: <n>\n  Given the toy \"<n>\" lies on <where>\n\n  Examples:\n    \
                   | n      | where     |\n    | bear   | the floor |\n    | B ar   | the floor |\n    \
                   | longer | the roof  |\n";
    assert_snapshot!(problems(&feature(&[outline])), @r#"
    features/toys.feature:9:7: "B ar" is no toy
       |
     9 |     | B ar   | the floor |
       |       ^
       = write lower-case letters in quotes
    features/toys.feature:10:16: `the roof` is no place for a toy
        |
     10 |     | longer | the roof  |
        |                ^
        = there are: the upper shelf, the floor
    "#);
}

#[test]
fn what_stands_behind_a_value_from_a_row_has_its_own_place() {
    let outline = "Scenario Outline: s\n  Given the toy \"<n>\" lies on the roof\n\n  Examples:\n    \
                   | n |\n    | bear |\n    | a |\n";
    assert_snapshot!(problems(&feature(&[outline])), @r#"
    features/toys.feature:4:31: `the roof` is no place for a toy
       |
     4 |   Given the toy "<n>" lies on the roof
       |                               ^
       = there are: the upper shelf, the floor
    "#);
}

#[test]
fn a_column_that_the_examples_do_not_have_is_named_with_those_that_they_have() {
    let outline = "Scenario Outline: <x>\n  Given the toy \"<y>\" lies on the floor\n\n  Examples:\n    \
                   | x | z |\n    | a | b |\n    | c | d |\n";
    assert_snapshot!(problems(&feature(&[outline])), @r#"
    features/toys.feature:4:17: the Examples have no column `y`
       |
     4 |   Given the toy "<y>" lies on the floor
       |                 ^
       = there are: x, z
    "#);
}

#[test]
fn the_same_wrong_value_is_one_problem_at_all_its_places() {
    let text =
        of(" Given the toy \"B\" lies on the floor\n And the toy \"B\" lies on the upper shelf");
    assert_eq!(text.matches("is no toy").count(), 1, "{text}");
    assert!(text.contains("also at features/toys.feature:5:14"), "{text}");
}

#[test]
fn a_table_or_doc_string_that_no_step_reads_is_a_problem() {
    assert_snapshot!(of(" Given a calm start\n   | a | b |\n"), @r#"
    features/toys.feature:5:4: `Given a calm start` takes no table
       |
     5 |    | a | b |
       |    ^
       = leave out the table; the sentence has to say it all
    "#);
    assert_snapshot!(of(" Given a calm start\n   \"\"\"\n   words\n   \"\"\"\n"), @r#"
    features/toys.feature:5:4: `Given a calm start` takes no doc string
       |
     5 |    """
       |    ^
       = leave out the doc string; the sentence has to say it all
    "#);
    assert_eq!(feature(&["Scenario: s\n Then it reads\n  | a |"]).go().outcome.passed(), 1);
}

#[test]
fn a_column_that_stands_there_twice_is_a_problem() {
    let outline = "Scenario Outline: <x>\n  Given a calm start\n\n  Examples:\n    | x | y | x |\n    \
                   | a | b | c |\n";
    assert_snapshot!(problems(&feature(&[outline])), @r#"
    features/toys.feature:7:15: these Examples have two columns `x`
       |
     7 |     | x | y | x |
       |               ^
       = the first begins at column 7; each needs its own name
    "#);
}

#[test]
fn one_problem_is_no_problems() {
    let said = feature(&["Scenario: s\n Given the toy \"B\" lies on the floor"]).go().said;
    let Some(Envelope::TestRunFinished(end)) = said.last() else {
        panic!("the stream is not closed");
    };
    assert_eq!(end.message.as_deref(), Some("1 problem before the start"));
}
