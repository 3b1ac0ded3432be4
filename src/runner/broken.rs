//! What is wrong with a feature file, in plain words, with the place.
//!
//! gherkin's own error is a position and an unordered set of grammar tokens. So a file that it
//! refuses is walked again, line by line, for the first line that can't stand where it does.

use std::fmt;

use super::drawn::{Shown, Spot};
use super::lines::{Lines, Mark, cells, indent, mark};
use crate::events::messages::Location;
use crate::events::messages::gherkin::TableRow;
use crate::events::words::many;

/// A place where a feature file can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Broken {
    /// The file, as reports show it.
    pub uri: String,
    /// Where it is.
    pub location: Location,
    /// That line.
    pub line: String,
    /// What was expected there, or what is wrong, without the place.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl Broken {
    pub(super) fn shown(&self) -> Shown {
        let Self { uri, location, line, message, hint } = self;
        let (uri, line) = (uri.clone(), line.clone());
        let spot = Spot { uri, location: *location, line, length: Some(1) };
        Shown { message: message.clone(), spots: vec![spot], help: hint.clone() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(f)
    }
}

/// Where in a file the walk stands: after which kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Start,
    Feature,
    Rule,
    Background,
    BackgroundStep,
    Scenario,
    ScenarioStep,
    Examples,
    ExamplesRow,
}

/// What a line can be, in the order in which an error names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    Step,
    Row,
    DocString,
    Tags,
    Feature,
    Background,
    Rule,
    Scenario,
    Examples,
}

/// English headings; gherkin does not show its table of languages.
const HEADINGS: [(&str, Kind); 11] = [
    ("Feature", Kind::Feature),
    ("Business Need", Kind::Feature),
    ("Ability", Kind::Feature),
    ("Background", Kind::Background),
    ("Rule", Kind::Rule),
    ("Scenario Outline", Kind::Scenario),
    ("Scenario Template", Kind::Scenario),
    ("Scenarios", Kind::Examples),
    ("Scenario", Kind::Scenario),
    ("Examples", Kind::Examples),
    ("Example", Kind::Scenario),
];
const STEPS: [&str; 6] = ["Given", "When", "Then", "And", "But", "*"];

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a description",
            Self::Step => "a step (Given, When, Then, And, But, *)",
            Self::Row => "a table row (| … |)",
            Self::DocString => "a doc string (\"\"\")",
            Self::Tags => "a tag (@…)",
            Self::Feature => "`Feature:`",
            Self::Background => "`Background:`",
            Self::Rule => "`Rule:`",
            Self::Scenario => "`Scenario:`",
            Self::Examples => "`Examples:`",
        }
    }

    /// What a line is, whatever stands around it.
    fn of(line: &str) -> Option<Self> {
        let content = line.trim();
        match mark(line) {
            Mark::Blank | Mark::Comment => return None,
            Mark::Tags => return Some(Self::Tags),
            Mark::Row => return Some(Self::Row),
            Mark::Fence(_) => return Some(Self::DocString),
            Mark::Other => {}
        }
        let heading = HEADINGS
            .iter()
            .find(|(word, _)| content.strip_prefix(word).is_some_and(|rest| rest.starts_with(':')));
        let step = || {
            STEPS.iter().any(|word| {
                content.strip_prefix(word).is_some_and(|rest| rest.starts_with(char::is_whitespace))
            })
        };
        Some(match heading {
            Some((_, kind)) => *kind,
            None if step() => Self::Step,
            None => Self::Text,
        })
    }
}

impl After {
    /// What may come next; tags stand for the headings that may follow them.
    fn may_follow(self) -> &'static [Kind] {
        use Kind::{
            Background, DocString, Examples, Feature, Row, Rule, Scenario, Step, Tags, Text,
        };
        match self {
            Self::Start => &[Tags, Feature],
            Self::Feature | Self::Rule => &[Text, Tags, Background, Rule, Scenario],
            Self::Background => &[Text, Step, Tags, Rule, Scenario],
            Self::BackgroundStep => &[Step, Row, DocString, Tags, Rule, Scenario],
            Self::Scenario => &[Text, Step, Tags, Rule, Scenario, Examples],
            Self::ScenarioStep => &[Step, Row, DocString, Tags, Rule, Scenario, Examples],
            Self::Examples => &[Text, Row, Tags, Rule, Scenario, Examples],
            Self::ExamplesRow => &[Row, Tags, Rule, Scenario, Examples],
        }
    }

    fn then(self, kind: Kind) -> Self {
        match kind {
            Kind::Feature => Self::Feature,
            Kind::Rule => Self::Rule,
            Kind::Background => Self::Background,
            Kind::Scenario => Self::Scenario,
            Kind::Examples => Self::Examples,
            Kind::Step if matches!(self, Self::Background | Self::BackgroundStep) => {
                Self::BackgroundStep
            }
            Kind::Step => Self::ScenarioStep,
            Kind::Row if self == Self::Examples => Self::ExamplesRow,
            Kind::Row | Kind::Tags | Kind::Text | Kind::DocString => self,
        }
    }
}

/// Walks an English file that gherkin refused, for the first line that can't stand where it does.
pub(super) fn diagnose(uri: &str, lines: &Lines<'_>) -> Option<Broken> {
    let mut after = After::Start;
    let mut tags: Option<u32> = None;
    let mut number = 0;
    while number < lines.count() {
        number += 1;
        let line = lines.line(number);
        let Some(kind) = Kind::of(line) else { continue };
        let allowed = after.may_follow();
        let tagged_wrongly = tags.is_some()
            && !matches!(
                kind,
                Kind::Tags | Kind::Feature | Kind::Rule | Kind::Scenario | Kind::Examples
            );
        if !allowed.contains(&kind) || tagged_wrongly {
            return Some(misplaced(uri, lines, number, kind, allowed, tags.is_some()));
        }
        match kind {
            Kind::Text => {
                if let Some(broken) = keyword_in_description(uri, lines, number) {
                    return Some(broken);
                }
            }
            Kind::DocString => match closing(lines, number) {
                Some(end) => number = end,
                None => {
                    let message = "this doc string is never closed".to_owned();
                    return Some(at(uri, lines, number, None, message));
                }
            },
            Kind::Row => {
                if let Some(broken) = row(uri, lines, number) {
                    return Some(broken);
                }
            }
            _ => {}
        }
        tags = (kind == Kind::Tags).then_some(number);
        after = after.then(kind);
    }
    if after == After::Start {
        let message = "expected `Feature:`, but the file ends here".to_owned();
        return Some(at(uri, lines, lines.count(), None, message));
    }
    tags.map(|number| {
        let message = "these tags stand before nothing".to_owned();
        at(uri, lines, number, None, message)
    })
}

/// A description that starts with a keyword; gherkin refuses it, with a colon or without.
fn keyword_in_description(uri: &str, lines: &Lines<'_>, number: u32) -> Option<Broken> {
    let line = lines.line(number).trim();
    let (word, _) = HEADINGS.iter().find(|(word, _)| line.starts_with(word))?;
    let message = format!("a description can't start with `{word}`");
    let mut broken = at(uri, lines, number, None, message);
    broken.hint = Some(format!("a colon is missing: `{word}:`; or begin with another word"));
    Some(broken)
}

/// A row whose cells are not those of the table's first row, or that gherkin can't take apart.
pub(super) fn row(uri: &str, lines: &Lines<'_>, number: u32) -> Option<Broken> {
    let line = lines.line(number);
    if !line.trim_end().ends_with('|') {
        let message = "this table row is not closed by `|`".to_owned();
        let column = u32::try_from(line.trim_end().chars().count()).ok();
        return Some(at(uri, lines, number, column, message));
    }
    if let Some(column) = odd_escape(line) {
        let message = "in a table `\\` stands only before `|`, `n` and `\\`".to_owned();
        let mut broken = at(uri, lines, number, Some(column), message);
        broken.hint = Some("write `\\\\` for one backslash".to_owned());
        return Some(broken);
    }
    let mut first = number;
    while first > 1
        && matches!(mark(lines.line(first - 1)), Mark::Row | Mark::Comment | Mark::Blank)
    {
        first -= 1;
    }
    let first = lines.next_marked(first, |mark| mark == Mark::Row)?;
    let (wanted, found) = (cells(lines.line(first)), cells(line));
    (wanted.len() != found.len()).then(|| {
        let message = format!(
            "this row has {}, but the table's first row, line {first}, has {}",
            many(found.len(), "cell"),
            many(wanted.len(), "cell")
        );
        let column = found.get(wanted.len()).copied();
        at(uri, lines, number, column, message)
    })
}

/// Columns of Examples that are called like one before them; of two only one could be filled in.
pub(super) fn twins(uri: &str, lines: &Lines<'_>, header: &TableRow) -> Vec<Broken> {
    let mut twins = Vec::new();
    for (index, cell) in header.cells.iter().enumerate() {
        let before = header.cells[..index].iter().find(|it| it.value == cell.value);
        let Some(first) = before else { continue };
        let Location { line, column } = cell.location;
        let message = format!("these Examples have two columns `{}`", cell.value);
        let mut broken = at(uri, lines, line, column, message);
        let first = first.location.column.unwrap_or(1);
        broken.hint = Some(format!("the first begins at column {first}; each needs its own name"));
        twins.push(broken);
    }
    twins
}

fn odd_escape(line: &str) -> Option<u32> {
    let mut characters = (1..).zip(line.chars());
    while let Some((column, c)) = characters.next() {
        if c == '\\' && !matches!(characters.next(), Some((_, '|' | 'n' | '\\'))) {
            return Some(column);
        }
    }
    None
}

/// The line that closes the doc string which line `open` opens.
pub(super) fn closing(lines: &Lines<'_>, open: u32) -> Option<u32> {
    let Mark::Fence(fence) = mark(lines.line(open)) else {
        return None;
    };
    (open + 1..=lines.count()).find(|&line| lines.line(line).trim_start().starts_with(fence))
}

fn misplaced(
    uri: &str,
    lines: &Lines<'_>,
    number: u32,
    kind: Kind,
    allowed: &[Kind],
    after_tags: bool,
) -> Broken {
    let line = lines.line(number).trim();
    let expected: Vec<&str> = allowed
        .iter()
        .filter(|kind| {
            !after_tags
                || matches!(
                    kind,
                    Kind::Tags | Kind::Feature | Kind::Rule | Kind::Scenario | Kind::Examples
                )
        })
        .map(|kind| kind.words())
        .collect();
    let (last, others) = expected.split_last().unwrap_or((&"nothing", &[]));
    let expected = if others.is_empty() {
        (*last).to_owned()
    } else {
        format!("{} or {last}", others.join(", "))
    };
    let message = format!("expected {expected}, but found `{line}`");
    let mut broken = at(uri, lines, number, None, message);
    broken.hint = hint(line, kind, allowed);
    broken
}

fn hint(line: &str, kind: Kind, allowed: &[Kind]) -> Option<String> {
    match kind {
        Kind::Feature => return Some("one file holds one feature".to_owned()),
        Kind::Background => {
            return Some("a background stands once, before all scenarios".to_owned());
        }
        Kind::Text => {}
        _ => return None,
    }
    let headings =
        HEADINGS.iter().filter(|(_, kind)| allowed.contains(kind)).map(|(word, _)| *word);
    if let Some(word) = headings
        .clone()
        .find(|word| line.starts_with(word) && !line[word.len()..].starts_with(char::is_alphabetic))
    {
        return Some(format!("a colon is missing: `{word}:`"));
    }
    if STEPS.contains(&line) {
        return Some(format!("`{line}` needs a sentence behind it"));
    }
    let steps = STEPS.into_iter().filter(|_| allowed.contains(&Kind::Step)).map(str::to_owned);
    let first = line.split([' ', ':']).next().unwrap_or(line);
    let head = line.split(':').next().unwrap_or(line);
    let candidates = steps.chain(headings.map(|word| format!("{word}:")));
    candidates
        .map(|word| {
            let typed = if word.ends_with(':') { head } else { first };
            let bare = word.trim_end_matches(':');
            let likeness =
                strsim::normalized_damerau_levenshtein(&typed.to_lowercase(), &bare.to_lowercase());
            (likeness, word)
        })
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| format!("did you mean `{word}`?"))
}

/// A problem on line `number`, at `column` or where the line's content starts.
pub(super) fn at(
    uri: &str,
    lines: &Lines<'_>,
    number: u32,
    column: Option<u32>,
    message: String,
) -> Broken {
    let line = lines.line(number);
    Broken {
        uri: uri.to_owned(),
        location: Location { line: number, column: Some(column.unwrap_or_else(|| indent(line))) },
        line: line.to_owned(),
        message,
        hint: None,
    }
}
