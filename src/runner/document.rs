//! Reads feature files: gherkin's tree, and from the lines the places that the tree leaves out.
//!
//! The result is what Messages say of a file (`source`, `gherkinDocument`) and, from
//! `pickles`, what of it can run. Doc strings are taken from the lines, because gherkin leaves the
//! media type and the line break behind the opening quotes in them; rows with more cells than the
//! first, which it cuts, are errors here.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use gherkin::{GherkinEnv, StepType};

use super::Ids;
use super::broken::{self, Broken};
use super::lines::{Lines, Mark, cells, indent, lead, mark, tags, undented};
use super::pickles::{self, StepFacts};
pub use super::pickles::{Case, CaseStep};
use super::source::Source;
use crate::events::messages::Location;
use crate::events::messages::gherkin::{
    Background, Comment, DataTable, DocString, Examples, Feature, FeatureChild, GherkinDocument,
    KeywordType, Rule, RuleChild, Scenario, Step, TableCell, TableRow, Tag,
};

/// All feature files of a run, read; the broken ones too.
#[derive(Debug, Default)]
pub struct Library {
    /// Those that can be read, in the order of the sources.
    pub documents: Vec<Document>,
    /// What is wrong with the others, in their order.
    pub broken: Vec<Broken>,
    pub(super) broken_sources: Vec<Source>,
    pub(super) ids: Ids,
}

/// A feature file, read.
#[derive(Debug)]
pub struct Document {
    /// The file as it was loaded, with the lines that the user named.
    pub source: Source,
    /// Everything in the file with its place. A file without a feature has none.
    pub message: GherkinDocument,
    /// What can run: scenarios, and rows of outlines, in order.
    pub cases: Vec<Case>,
}

impl Library {
    /// Reads all of `sources`; a broken one does not keep the others from being read.
    pub fn read(sources: Vec<Source>) -> Self {
        let mut library = Self::default();
        for source in sources {
            match read(source, &mut library.ids) {
                Ok(document) => library.documents.push(document),
                Err((source, broken)) => {
                    library.broken.extend(broken);
                    library.broken_sources.push(source);
                }
            }
        }
        library
    }
}

fn read(source: Source, ids: &mut Ids) -> Result<Document, (Source, Vec<Broken>)> {
    // gherkin wants the last line closed; its spans hold for this text.
    let text = format!("{}\n", source.text.trim_end_matches('\n'));
    let lines = Lines::new(&text);
    let mut reader = Reader {
        uri: &source.uri,
        lines: &lines,
        ids,
        language: language(&lines),
        facts: HashMap::new(),
        doc_strings: Vec::new(),
        broken: Vec::new(),
    };
    let (feature, cases) = if reader.is_empty() {
        (None, Vec::new())
    } else {
        match gherkin::Feature::parse(&text, GherkinEnv::default()) {
            Ok(feature) => {
                let feature = reader.feature(&feature);
                let last = lines.count();
                let facts = &reader.facts;
                let cases = pickles::compile(&source.uri, &feature, facts, last, reader.ids);
                (Some(feature), cases)
            }
            Err(error) => {
                let broken = reader.refused(&error);
                reader.broken.push(broken);
                (None, Vec::new())
            }
        }
    };
    let comments = reader.comments();
    let broken = reader.broken;
    if !broken.is_empty() {
        return Err((source, broken));
    }
    let message = GherkinDocument { comments, uri: Some(source.uri.clone()), feature };
    Ok(Document { source, message, cases })
}

/// The language that the first line names, as gherkin takes it; English if none.
fn language(lines: &Lines<'_>) -> (u32, String) {
    let named =
        lines.numbered().find(|(_, line)| mark(line) != Mark::Blank).and_then(|(number, line)| {
            let rest = line.trim().strip_prefix('#')?.trim_start();
            let rest = rest.strip_prefix("language")?.trim_start();
            Some((number, rest.strip_prefix(':')?.trim().to_owned()))
        });
    named.unwrap_or_else(|| (0, "en".to_owned()))
}

struct Reader<'a> {
    uri: &'a str,
    lines: &'a Lines<'a>,
    ids: &'a mut Ids,
    /// The language and the line that names it, 0 if none does.
    language: (u32, String),
    /// By the step's id.
    facts: HashMap<String, StepFacts>,
    doc_strings: Vec<RangeInclusive<u32>>,
    broken: Vec<Broken>,
}

impl Reader<'_> {
    fn is_empty(&self) -> bool {
        self.lines.numbered().all(|(_, line)| matches!(mark(line), Mark::Blank | Mark::Comment))
    }

    /// What is wrong with a file that gherkin refused.
    fn refused(&self, error: &gherkin::ParseError) -> Broken {
        let (line, language) = &self.language;
        if !gherkin::is_language_supported(language) {
            let message = format!("there is no language `{language}` in Gherkin");
            return broken::at(self.uri, self.lines, *line, None, message);
        }
        let diagnosed = (language == "en").then(|| broken::diagnose(self.uri, self.lines));
        diagnosed.flatten().unwrap_or_else(|| {
            // The position is to be had only as text: `Error at LINE:COLUMN: {…}`.
            let text = error.to_string();
            let mut numbers =
                text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
            let line = numbers.next().unwrap_or(1);
            let message = "this is no Gherkin, or a part before it is missing".to_owned();
            broken::at(self.uri, self.lines, line, None, message)
        })
    }

    fn feature(&mut self, feature: &gherkin::Feature) -> Feature {
        let location = self.lines.locate_content(feature.span.start);
        let tags = self.tags(location, &feature.tags);
        let background = feature.background.as_ref().map(|it| self.background(it));
        let mut children: Vec<FeatureChild> =
            background.map(FeatureChild::Background).into_iter().collect();
        for scenario in &feature.scenarios {
            children.push(FeatureChild::Scenario(self.scenario(scenario)));
        }
        for rule in &feature.rules {
            children.push(FeatureChild::Rule(self.rule(rule)));
        }
        Feature {
            location,
            tags,
            language: self.language.1.clone(),
            keyword: feature.keyword.clone(),
            name: feature.name.clone(),
            description: self.description(location, feature.description.as_deref()),
            children,
        }
    }

    fn rule(&mut self, rule: &gherkin::Rule) -> Rule {
        let location = self.lines.locate_content(rule.span.start);
        let tags = self.tags(location, &rule.tags);
        let background = rule.background.as_ref().map(|it| self.background(it));
        let mut children: Vec<RuleChild> =
            background.map(RuleChild::Background).into_iter().collect();
        for scenario in &rule.scenarios {
            children.push(RuleChild::Scenario(self.scenario(scenario)));
        }
        Rule {
            location,
            tags,
            keyword: rule.keyword.clone(),
            name: rule.name.clone(),
            description: self.description(location, rule.description.as_deref()),
            children,
            id: self.ids.next(),
        }
    }

    fn background(&mut self, background: &gherkin::Background) -> Background {
        let location = self.lines.locate_content(background.span.start);
        Background {
            location,
            keyword: background.keyword.clone(),
            name: background.name.clone(),
            description: self.description(location, background.description.as_deref()),
            steps: background.steps.iter().map(|it| self.step(it)).collect(),
            id: self.ids.next(),
        }
    }

    fn scenario(&mut self, scenario: &gherkin::Scenario) -> Scenario {
        let location = self.lines.locate_content(scenario.span.start);
        Scenario {
            location,
            tags: self.tags(location, &scenario.tags),
            keyword: scenario.keyword.clone(),
            name: scenario.name.clone(),
            description: self.description(location, scenario.description.as_deref()),
            steps: scenario.steps.iter().map(|it| self.step(it)).collect(),
            examples: scenario.examples.iter().map(|it| self.examples(it)).collect(),
            id: self.ids.next(),
        }
    }

    fn examples(&mut self, examples: &gherkin::Examples) -> Examples {
        let location = self.lines.locate_content(examples.span.start);
        let rows = examples.table.as_ref().map(|table| self.rows(table));
        let mut rows = rows.unwrap_or_default().into_iter();
        let header = rows.next();
        if let Some(header) = &header {
            self.broken.extend(broken::twins(self.uri, self.lines, header));
        }
        Examples {
            location,
            tags: self.tags(location, &examples.tags),
            keyword: examples.keyword.clone(),
            name: examples.name.clone().unwrap_or_default(),
            description: self.description(location, examples.description.as_deref()),
            table_header: header,
            table_body: rows.collect(),
            id: self.ids.next(),
        }
    }

    fn step(&mut self, step: &gherkin::Step) -> Step {
        let location = self.lines.locate_content(step.span.start);
        let id = self.ids.next();
        let keyword = step.keyword.trim();
        let column = location
            .column
            .unwrap_or(1)
            .saturating_add(lead(self.lines.line(location.line), keyword));
        self.facts.insert(id.clone(), StepFacts { ty: step.ty, column });
        Step {
            location,
            keyword: step.keyword.clone(),
            text: step.value.clone(),
            keyword_type: self.keyword_type(step),
            doc_string: step.docstring.as_ref().and_then(|_| self.doc_string(location)),
            data_table: step.table.as_ref().map(|table| {
                let rows = self.rows(table);
                DataTable { location: rows.first().map_or(location, |row| row.location), rows }
            }),
            id,
        }
    }

    /// Known for English only: gherkin tells what a step is, not what its word says.
    fn keyword_type(&self, step: &gherkin::Step) -> Option<KeywordType> {
        if self.language.1 != "en" {
            return None;
        }
        Some(match (step.keyword.trim(), step.ty) {
            ("*", _) => KeywordType::Unknown,
            ("And" | "But", _) => KeywordType::Conjunction,
            (_, StepType::Given) => KeywordType::Context,
            (_, StepType::When) => KeywordType::Action,
            (_, StepType::Then) => KeywordType::Outcome,
        })
    }

    /// The doc string below the step at `step`, as the reference wants it: without the indent of
    /// its opening quotes, with escaped quotes as quotes.
    fn doc_string(&mut self, step: Location) -> Option<DocString> {
        let is_fence = |mark| matches!(mark, Mark::Fence(_));
        let open = self.lines.next_marked(step.line + 1, is_fence)?;
        let close = broken::closing(self.lines, open)?;
        let Mark::Fence(delimiter) = mark(self.lines.line(open)) else {
            return None;
        };
        self.doc_strings.push(open..=close);
        let opening = self.lines.line(open);
        let column = indent(opening);
        let content: Vec<String> = (open + 1..close)
            .map(|number| undented(self.lines.line(number), column))
            .map(|line| match delimiter {
                "```" => line.replace("\\`\\`\\`", "```"),
                _ => line.replace("\\\"\\\"\\\"", "\"\"\""),
            })
            .collect();
        let media_type = opening.trim().trim_start_matches(delimiter).trim();
        Some(DocString {
            location: Location { line: open, column: Some(column) },
            content: content.join("\n"),
            delimiter: delimiter.to_owned(),
            media_type: (!media_type.is_empty()).then(|| media_type.to_owned()),
        })
    }

    /// gherkin's cells, with their places.
    fn rows(&mut self, table: &gherkin::Table) -> Vec<TableRow> {
        let mut rows = Vec::with_capacity(table.rows.len());
        let mut below = self.lines.locate_content(table.span.start).line;
        for values in &table.rows {
            let Some(number) = self.lines.next_marked(below, |mark| mark == Mark::Row) else {
                break;
            };
            below = number + 1;
            let line = self.lines.line(number);
            let columns = cells(line);
            if columns.len() != values.len() {
                self.broken.extend(broken::row(self.uri, self.lines, number));
            }
            let cells = values
                .iter()
                .zip(columns)
                .map(|(value, column)| TableCell {
                    location: Location { line: number, column: Some(column) },
                    value: value.clone(),
                })
                .collect();
            rows.push(TableRow {
                location: Location { line: number, column: Some(indent(line)) },
                cells,
                id: self.ids.next(),
            });
        }
        rows
    }

    /// The tags of what stands at `location`: the last ones above it, as many as gherkin found.
    fn tags(&mut self, location: Location, names: &[String]) -> Vec<Tag> {
        let mut found: Vec<(Location, String)> = Vec::new();
        let mut line = location.line;
        while found.len() < names.len() && line > 1 {
            line -= 1;
            let mut above: Vec<(Location, String)> = match mark(self.lines.line(line)) {
                Mark::Tags => tags(self.lines.line(line))
                    .into_iter()
                    .map(|(column, name)| {
                        let column = Some(column);
                        (Location { line, column }, name)
                    })
                    .collect(),
                Mark::Blank | Mark::Comment => continue,
                _ => break,
            };
            above.append(&mut found);
            found = above;
        }
        found
            .into_iter()
            .map(|(location, name)| Tag { location, name, id: self.ids.next() })
            .collect()
    }

    /// The description below the heading at `location`, with its indents and blank lines, which
    /// gherkin leaves out. It ends where gherkin's ends.
    fn description(&self, location: Location, gherkin: Option<&str>) -> String {
        let mut left = gherkin.map_or(0, |text| text.lines().count());
        let mut lines: Vec<&str> = Vec::new();
        let mut number = location.line;
        while left > 0 && number < self.lines.count() {
            number += 1;
            let line = self.lines.line(number);
            match mark(line) {
                Mark::Comment => continue,
                Mark::Blank => {}
                _ => left -= 1,
            }
            lines.push(line.trim_end());
        }
        let first = lines.iter().position(|line| !line.is_empty());
        lines.split_off(first.unwrap_or(0)).join("\n")
    }

    fn comments(&self) -> Vec<Comment> {
        self.lines
            .numbered()
            .filter(|(number, line)| {
                mark(line) == Mark::Comment
                    && *number != self.language.0
                    && !self.doc_strings.iter().any(|range| range.contains(number))
            })
            .map(|(line, text)| Comment {
                // The reference has a comment start with its line, indent included.
                location: Location { line, column: Some(1) },
                text: text.to_owned(),
            })
            .collect()
    }
}
