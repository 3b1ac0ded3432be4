//! What is selected, and what its sentences mean.

use cucumber::World;
use gherkin::{Step, StepType};

use super::{Play, Toy, feature};
use crate::events::messages::Envelope;
use crate::runner::catalogue::Found;
use crate::runner::source::embedded;
use crate::runner::{Catalogue, Library, Order, Plan, Problem, Remembered, Selection};

const OUTLINE: &str = "\
Feature: toys

  Scenario: plain
    Given a calm start

  @loud
  Rule: toys are counted

    Scenario Outline: <count> of <kind>
      Given <count> toys of kind \"<kind>\"

      Examples: few
        | count | kind  |
        | 1     | bear  |
        | 2     | train |

      @many
      Examples: many
        | count | kind |
        | 9     | ball |
";

fn selected(play: &Play<'_>) -> Vec<String> {
    let plan = play.plan().expect("the selection makes sense");
    plan.scenarios().map(|it| it.name().to_owned()).collect()
}

fn by_path(input: &str) -> Vec<String> {
    let mut play = Play::new(OUTLINE);
    play.inputs = vec![input];
    selected(&play)
}

fn by_tags(tags: &[&str]) -> Vec<String> {
    let mut play = Play::new(OUTLINE);
    play.tags = tags.iter().map(ToString::to_string).collect();
    selected(&play)
}

#[test]
fn a_line_selects_the_innermost_that_stands_there() {
    let all = ["plain", "1 of bear", "2 of train", "9 of ball"];
    assert_eq!(by_path("features/toys.feature"), all);
    assert_eq!(by_path("features/toys.feature:14"), ["1 of bear"]);
    assert_eq!(by_path("features/toys.feature:12"), all[1..3]);
    assert_eq!(by_path("features/toys.feature:17"), ["9 of ball"]);
    assert_eq!(by_path("features/toys.feature:10"), all[1..]);
    assert_eq!(by_path("features/toys.feature:7"), all[1..]);
    assert_eq!(by_path("features/toys.feature:4"), ["plain"]);
    assert_eq!(by_path("features/toys.feature:1"), all);
    assert_eq!(by_path("features/toys.feature:4:20"), ["plain", "9 of ball"]);
}

#[test]
fn a_line_beyond_the_file_names_the_lines_that_select() {
    let mut play = Play::new(OUTLINE);
    play.inputs = vec!["features/toys.feature:99"];
    let errors = play.plan().err().expect("nothing stands there");
    assert_eq!(
        errors[0].to_string(),
        "nothing that runs stands at features/toys.feature:99; scenarios start at line 3, 14, 15, 20"
    );
}

#[test]
fn tags_names_and_lines_must_all_agree() {
    assert_eq!(by_tags(&["@loud and not @many"]), ["1 of bear", "2 of train"]);
    assert_eq!(by_tags(&["@loud", "@many"]), ["9 of ball"]);
    assert_eq!(by_tags(&["not (@loud or @many)"]), ["plain"]);
    let mut play = Play::new(OUTLINE);
    play.tags = vec!["@loud".to_owned()];
    play.names = vec!["^2".to_owned(), "ball$".to_owned()];
    assert_eq!(selected(&play), ["2 of train", "9 of ball"]);
    play.inputs = vec!["features/toys.feature:12"];
    assert_eq!(selected(&play), ["2 of train"]);
}

#[test]
fn bad_selections_say_what_would_be_right() {
    let tags = ["@a und @b".to_owned(), String::new()];
    let errors = Selection::new(&tags, &["a(".to_owned()]).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(
        texts[0]
            .starts_with("`@a und @b` is no tag expression: `u` does not belong at character 4")
    );
    assert!(texts[0].ends_with("as in \"@smoke and not (@serial or @slow)\""));
    assert!(texts[1].contains("it is empty"));
    assert!(texts[2].starts_with("`a(` is no regular expression: unclosed group"));
}

#[test]
fn nothing_selected_is_told_and_is_no_success() {
    let mut play = Play::new(OUTLINE);
    play.tags = vec!["@none".to_owned()];
    let played = play.go();
    assert!(played.outcome.nothing_ran() && !played.outcome.is_success());
    assert_eq!(
        played.kinds(),
        ["meta", "stepDefinition", "hook", "testRunStarted", "testRunFinished"]
    );
}

#[test]
fn only_selected_files_and_pickles_are_told() {
    let mut play = Play::new(OUTLINE);
    play.files.push((
        "features/other.feature",
        "Feature: o\n Scenario: x\n  Given a calm start".to_owned(),
    ));
    play.names = vec!["ball".to_owned()];
    let played = play.go();
    let count = |kind: &str| played.said.iter().filter(|it| super::kind(it) == kind).count();
    assert_eq!((count("source"), count("pickle")), (1, 1));
}

#[test]
fn undefined_and_ambiguous_steps_are_reported_together_before_anything_runs() {
    let played = feature(&[
        "Scenario: fine\n Given a calm start",
        "Scenario: bad\n Given a clam start\n When it is doubly defined\n Then pigs fly",
        "Scenario: bad again\n Given a clam start",
    ])
    .go();
    assert_eq!(played.journal, [""; 0]);
    assert_eq!(played.outcome.not_started(), 3);
    let [clam, doubly, pigs] = &played.outcome.problems[..] else {
        panic!("three sentences are wrong: {:?}", played.outcome.problems);
    };
    let Problem::Undefined { step, places, nearest, .. } = clam else {
        panic!("not undefined: {clam:?}");
    };
    assert_eq!(step, "Given a clam start");
    let places: Vec<String> = places.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["features/toys.feature:6:2", "features/toys.feature:10:2"]);
    assert_eq!(nearest[0].0, "a calm start");
    assert!(nearest[0].1.starts_with("src/runner/tests/toy.rs:"));
    let Problem::Ambiguous { matches, .. } = doubly else {
        panic!("not ambiguous: {doubly:?}");
    };
    let sentences: Vec<&str> = matches.iter().map(|(sentence, _)| &**sentence).collect();
    assert_eq!(sentences, ["it is … defined", "it is doubly defined"]);
    let doubly = doubly.to_string();
    let doubly: Vec<&str> =
        doubly.lines().map(|line| line.split("  (").next().unwrap_or("")).collect();
    insta::assert_snapshot!(doubly.join("\n"), @r"
    features/toys.feature:7:2: `When it is doubly defined` is defined more than once
       |
     7 |  When it is doubly defined
       |  ^
       = defined by
           it is … defined
           it is doubly defined
    ");
    insta::assert_snapshot!(pigs, @r#"
    features/toys.feature:8:2: no step is defined for `Then pigs fly`
       |
     8 |  Then pigs fly
       |  ^
       = nothing is like it; a definition could start with
           #[then(expr = "pigs fly")]
           async fn pigs_fly(world: &mut World) {
           }
    "#);
    assert!(pigs.to_string().contains("#[then(expr = \"pigs fly\")]"), "{pigs}");

    let statuses: Vec<String> =
        played.told().into_iter().filter(|it| !it.ends_with("SKIPPED")).collect();
    assert_eq!(
        statuses,
        [
            "a clam start: UNDEFINED",
            "it is doubly defined: AMBIGUOUS",
            "pigs fly: UNDEFINED",
            "a clam start: UNDEFINED"
        ]
    );
    let suggested = played.said.iter().filter(|it| matches!(it, Envelope::Suggestion(_)));
    assert_eq!(suggested.count(), 3);
}

#[test]
fn a_tag_that_names_no_group_is_refused_with_all_its_places() {
    let played = feature(&[
        "@group(Big)\nScenario: one\n Given a calm start",
        "@grouped @x @group(Big) # as above\nScenario: two\n Given a calm start",
        "@group(fine-1)\nScenario: three\n Given a calm start",
    ])
    .go();
    assert_eq!(played.journal, [""; 0]);
    let problems: Vec<String> = played.outcome.problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"), @r"
    features/toys.feature:3:1: `@group(Big)` names no group
       |
     3 | @group(Big)
       | ^
       = write @group(NAME); the name takes lower-case letters, digits and dashes, beginning with a letter
       = also at features/toys.feature:6:13
    ");
    for tag in ["@group", "@group()", "@group(a", "@group(a_b)"] {
        let scenario = format!("{tag}\nScenario: one\n Given a calm start");
        assert_eq!(feature(&[&scenario]).go().outcome.problems.len(), 1, "{tag}");
    }
}

#[test]
fn what_failed_before_is_found_again_although_lines_have_moved() {
    let text =
        "Feature: f\n\n Scenario: a\n  Given a calm start\n Scenario: b\n  Given a calm start\n";
    let mut play = Play::new(text);
    play.files.push(("features/other.feature", text.to_owned()));
    let remembered = |path: &str, line, name: &str| Remembered {
        path: path.to_owned(),
        line,
        name: name.to_owned(),
    };
    let before = [
        remembered("features/toys.feature", 9, "b"),
        remembered("features/toys.feature", 3, "c"),
        remembered("features/gone.feature", 3, "a"),
    ];
    let tree = play.files.iter().map(|(uri, text)| (*uri, text.as_str()));
    let mut library = Library::read(embedded(tree, &[]).expect("all is taken"));
    assert_eq!(library.keep_only(&before), [&before[1], &before[2]]);
    let plan = Plan::new(library, &Selection::default(), &Catalogue::<Toy>::new(), Order::Written)
        .unwrap();
    let places: Vec<String> = plan.scenarios().map(|it| it.place()).collect();
    assert_eq!(places, ["features/toys.feature:5"]);
}

#[test]
fn keywords_do_not_matter_unless_they_tell_two_definitions_apart() {
    let played = feature(&[
        "Scenario: one\n When a calm start\n And 2 toys of kind \"bear\"\n Then it is given",
        "Scenario: two\n Given the lamp is on\n Then the lamp is on",
    ])
    .go();
    assert_eq!(played.outcome.passed(), 2, "{:?}", played.outcome.problems);
    let steps = |name: &str| -> Vec<&str> {
        let mine = played.journal.iter().filter_map(|it| it.strip_prefix(name));
        mine.filter(|it| !["open", "books", "clean-up", "leftovers"].contains(it)).collect()
    };
    assert_eq!(steps("one: "), ["calm", "2 of bear", "given"]);
    assert_eq!(steps("two: "), ["switched on", "seen on"]);

    let ambiguous = feature(&["Scenario: one\n When the lamp is on"]).go();
    assert!(matches!(ambiguous.outcome.problems[..], [Problem::Ambiguous { .. }]));
}

#[test]
fn a_test_case_tells_what_each_parameter_caught() {
    let played = feature(&["Scenario: one\n Given 12 toys of kind \"bär\""]).go();
    let end = played.end_of("12 toys of kind \"bär\"");
    let step = played.test_step(&end.test_step_id);
    let lists = step.step_match_arguments_lists.as_deref().unwrap_or_default();
    let caught: Vec<(u32, &str)> = lists[0]
        .step_match_arguments
        .iter()
        .map(|it| (it.group.start.unwrap_or(0), it.group.value.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(caught, [(0, "12"), (17, "bär")]);
}

#[test]
fn the_catalogue_lists_what_the_attributes_define() {
    let catalogue = Catalogue::<Toy>::new();
    let phrases: Vec<(&str, String)> =
        catalogue.definitions().map(|it| (it.keyword, it.phrase())).collect();
    assert!(phrases.contains(&("Given", "… toy(s) of kind \"…\"".to_owned())), "{phrases:?}");
    assert!(phrases.contains(&("When", "it hangs".to_owned())));
}

#[test]
fn cucumbers_own_collection_finds_the_same_behind_the_same_keyword() {
    let ours = Catalogue::<Toy>::new();
    let theirs = Toy::collection();
    let sentences = [
        (StepType::Given, "a calm start"),
        (StepType::Given, "1 toy of kind \"bear\""),
        (StepType::Given, "2 toys of kind 'it\\'s'"),
        (StepType::When, "it is given"),
        (StepType::When, "it is doubly defined"),
        (StepType::When, "it is neatly defined"),
        (StepType::Then, "the lamp is on"),
        (StepType::Then, "it says \"\""),
        (StepType::Then, "nothing of the kind"),
    ];
    for (ty, text) in sentences {
        let step = Step::builder().ty(ty).keyword("* ".into()).value(text.into()).build();
        match (ours.find(ty, text), theirs.find(&step)) {
            (Found::Nothing, Ok(None)) => {}
            (Found::Several(ours), Err(theirs)) => {
                assert_eq!(ours.len(), theirs.possible_matches.len(), "{text}");
            }
            (Found::One(index, caught), Ok(Some((_, _, place, context)))) => {
                assert_eq!(caught.matches, context.matches, "{text}");
                let line = ours.entry(index).definition.line;
                assert_eq!(Some(line), place.map(|it| it.line), "{text}");
            }
            (ours, theirs) => panic!("{text}: {ours:?}, but cucumber {theirs:?}"),
        }
    }
}
