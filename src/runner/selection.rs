//! Which cases run: tags, names and lines, all of which must agree.

use std::collections::BTreeSet;

use gherkin::tagexpr::TagOperation;
use regex::Regex;

use super::document::{Case, Document, Library};

/// What the user asks for besides paths.
#[derive(Debug, Default)]
pub struct Selection {
    tags: Vec<TagOperation>,
    names: Vec<Regex>,
}

/// A selection that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Not a tag expression.
    #[error(
        "`{expression}` is no tag expression: {reason} at character {column}; tags start with @ \
         and are joined by and, or, not and brackets, as in \"@smoke and not (@serial or @slow)\""
    )]
    Tags {
        /// As given.
        expression: String,
        /// Where it stops making sense, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Not a regular expression.
    #[error(
        "`{pattern}` is no regular expression: {reason}; plain words are one, and brackets, dots, \
         + * ? and | are taken as they are behind a backslash"
    )]
    Name {
        /// As given.
        pattern: String,
        /// What the regex engine says.
        reason: String,
    },
    /// A line of a file in which nothing that runs stands.
    #[error("nothing that runs stands at {uri}:{line}; scenarios start at {}", listed(.starts))]
    Line {
        /// The file.
        uri: String,
        /// The line that was named.
        line: u32,
        /// The lines that name scenarios there.
        starts: BTreeSet<u32>,
    },
}

fn listed(lines: &BTreeSet<u32>) -> String {
    if lines.is_empty() {
        return "no line of it".to_owned();
    }
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    format!("line {}", lines.join(", "))
}

impl Selection {
    /// A selection of what agrees with every tag expression and with one of the name patterns, which
    /// are searched for in the scenario's name; an empty list agrees with everything.
    ///
    /// # Errors
    ///
    /// All expressions and patterns that can't be understood.
    pub fn new(tags: &[String], names: &[String]) -> Result<Self, Vec<SelectionError>> {
        let mut selection = Self::default();
        let mut errors = Vec::new();
        for expression in tags {
            match expression.trim().parse() {
                Ok(operation) => selection.tags.push(operation),
                Err(error) => errors.push(bad_tags(expression, &error)),
            }
        }
        for pattern in names {
            match Regex::new(pattern) {
                Ok(regex) => selection.names.push(regex),
                Err(error) => errors.push(SelectionError::Name {
                    pattern: pattern.clone(),
                    reason: last_line(&error.to_string()),
                }),
            }
        }
        if errors.is_empty() { Ok(selection) } else { Err(errors) }
    }

    /// Whether tags and name of `case` agree.
    pub fn takes(&self, case: &Case) -> bool {
        let tags: Vec<&str> =
            case.pickle.tags.iter().map(|tag| tag.name.trim_start_matches('@')).collect();
        let named = |name: &Regex| name.is_match(&case.pickle.name);
        self.tags.iter().all(|operation| holds(operation, &tags))
            && (self.names.is_empty() || self.names.iter().any(named))
    }
}

fn holds(operation: &TagOperation, tags: &[&str]) -> bool {
    match operation {
        TagOperation::And(a, b) => holds(a, tags) && holds(b, tags),
        TagOperation::Or(a, b) => holds(a, tags) || holds(b, tags),
        TagOperation::Not(a) => !holds(a, tags),
        TagOperation::Tag(name) => tags.contains(&name.as_str()),
    }
}

fn bad_tags<P: std::fmt::Display>(expression: &str, error: &P) -> SelectionError {
    // The parser's error is `error at LINE:COLUMN: expected …`, in tokens of its grammar; its type
    // comes from a crate that gherkin does not show.
    let text = error.to_string();
    let column: usize = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(1);
    let trimmed = expression.trim();
    let reason = match trimmed.chars().nth(column - 1) {
        None if trimmed.is_empty() => "it is empty".to_owned(),
        None => "something is missing".to_owned(),
        Some(c) => format!("`{c}` does not belong"),
    };
    SelectionError::Tags { expression: expression.to_owned(), column, reason }
}

fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text);
    line.trim_start_matches("error: ").to_owned()
}

/// Takes the selected cases out of the documents, and drops documents of which none is left.
pub(super) fn selected(
    library: &mut Library,
    selection: &Selection,
) -> Result<Vec<Case>, Vec<SelectionError>> {
    let mut cases = Vec::new();
    let mut errors = Vec::new();
    let take = |document: &mut Document| -> bool {
        let taken: BTreeSet<usize> = match by_line(document) {
            Ok(taken) => taken.into_iter().collect(),
            Err(mut wrong) => {
                errors.append(&mut wrong);
                return false;
            }
        };
        let before = cases.len();
        let all = std::mem::take(&mut document.cases);
        cases.extend(
            all.into_iter()
                .enumerate()
                .filter(|(index, case)| taken.contains(index) && selection.takes(case))
                .map(|(_, case)| case),
        );
        cases.len() > before
    };
    library.documents.retain_mut(take);
    if errors.is_empty() { Ok(cases) } else { Err(errors) }
}

/// The cases of `document` that the lines take which the user named: of each line, what stands in
/// the innermost of row, examples, scenario, rule and feature that it belongs to.
///
/// # Errors
///
/// A line in which nothing that runs stands.
fn by_line(document: &Document) -> Result<Vec<usize>, Vec<SelectionError>> {
    let cases = &document.cases;
    if document.source.lines.is_empty() {
        return Ok((0..cases.len()).collect());
    }
    let mut taken = BTreeSet::new();
    let mut errors = Vec::new();
    for &line in &document.source.lines {
        let innermost = |case: &Case| {
            let spans = case.spans.iter().filter(|span| span.contains(&line));
            spans.map(|span| span.end() - span.start()).min()
        };
        match cases.iter().filter_map(innermost).min() {
            Some(size) => taken
                .extend((0..cases.len()).filter(|&index| innermost(&cases[index]) == Some(size))),
            None => errors.push(SelectionError::Line {
                uri: document.source.uri.clone(),
                line,
                starts: starts(cases),
            }),
        }
    }
    if errors.is_empty() { Ok(taken.into_iter().collect()) } else { Err(errors) }
}

fn starts(cases: &[Case]) -> BTreeSet<u32> {
    let locations = cases.iter().filter_map(|case| case.pickle.location);
    locations.map(|location| location.line).collect()
}
