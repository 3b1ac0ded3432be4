//! What the feature files add to a pickle: feature, rule, keywords, lines, rows of outlines.

use std::collections::HashMap;

use super::model::{Place, Scenario, Step, What};
use crate::events::messages::gherkin::{
    Background, Feature, FeatureChild, GherkinDocument, RuleChild, Scenario as Outline,
    Step as Said,
};
use crate::events::messages::pickle::{Pickle, PickleStep};
use crate::events::messages::run::SourceReference;

/// The feature files' nodes by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Documents {
    scenarios: HashMap<String, Lineage>,
    rows: HashMap<String, Row>,
    /// Keyword without the space that follows it, and line.
    steps: HashMap<String, (String, u32)>,
}

/// What stands above a scenario.
#[derive(Clone, Debug)]
struct Lineage {
    feature: String,
    rule: Option<String>,
    name: String,
    line: u32,
}

/// A row of an outline's examples.
#[derive(Clone, Debug)]
struct Row {
    examples: String,
    /// `1.2`: the second row of the first table.
    number: String,
    line: u32,
}

/// The place that a source reference names.
pub(super) fn place(reference: &SourceReference) -> Option<Place> {
    Some(Place {
        uri: reference.uri.clone()?,
        line: reference.location.map(|location| location.line),
    })
}

impl Documents {
    pub(super) fn add(&mut self, document: &GherkinDocument) {
        let Some(feature) = &document.feature else {
            return;
        };
        for child in &feature.children {
            match child {
                FeatureChild::Background(background) => self.add_background(background),
                FeatureChild::Scenario(scenario) => self.add_scenario(feature, None, scenario),
                FeatureChild::Rule(rule) => {
                    for child in &rule.children {
                        match child {
                            RuleChild::Background(background) => self.add_background(background),
                            RuleChild::Scenario(scenario) => {
                                self.add_scenario(feature, Some(&rule.name), scenario);
                            }
                        }
                    }
                }
            }
        }
    }

    fn add_background(&mut self, background: &Background) {
        self.add_steps(&background.steps);
    }

    fn add_scenario(&mut self, feature: &Feature, rule: Option<&String>, scenario: &Outline) {
        self.add_steps(&scenario.steps);
        let lineage = Lineage {
            feature: feature.name.clone(),
            rule: rule.cloned(),
            name: scenario.name.clone(),
            line: scenario.location.line,
        };
        self.scenarios.insert(scenario.id.clone(), lineage);
        for (table, examples) in (1..).zip(&scenario.examples) {
            for (line, row) in (1..).zip(&examples.table_body) {
                let own = Row {
                    examples: examples.name.clone(),
                    number: format!("{table}.{line}"),
                    line: row.location.line,
                };
                self.rows.insert(row.id.clone(), own);
            }
        }
    }

    fn add_steps(&mut self, steps: &[Said]) {
        for step in steps {
            let keyword = step.keyword.trim_end().to_owned();
            self.steps.insert(step.id.clone(), (keyword, step.location.line));
        }
    }

    /// The scenario that a pickle is.
    pub(super) fn scenario(&self, pickle: &Pickle, plan: Vec<Step>) -> Scenario {
        let ids = &pickle.ast_node_ids;
        let lineage = ids.iter().find_map(|id| self.scenarios.get(id));
        let row = ids.iter().find_map(|id| self.rows.get(id));
        let line = row.map(|row| row.line).or(lineage.map(|own| own.line));
        Scenario {
            feature: lineage.map_or_else(|| pickle.uri.clone(), |own| own.feature.clone()),
            rule: lineage.and_then(|own| own.rule.clone()),
            name: official_name(pickle, lineage, row),
            title: title(pickle, lineage, row),
            place: Place {
                uri: pickle.uri.clone(),
                line: pickle.location.map(|location| location.line).or(line),
            },
            tags: pickle.tags.iter().map(|tag| tag.name.clone()).collect(),
            plan,
            attempts: Vec::new(),
        }
    }

    /// A step of a pickle, with its keyword and line as written.
    pub(super) fn step(&self, pickle: &Pickle, step: &PickleStep, definitions: Vec<Place>) -> What {
        let ids = &step.ast_node_ids;
        let written = ids.iter().find_map(|id| self.steps.get(id));
        What::Step {
            keyword: written.map_or_else(|| "*".to_owned(), |(keyword, _)| keyword.clone()),
            text: step.text.clone(),
            place: Place { uri: pickle.uri.clone(), line: written.map(|&(_, line)| line) },
            definitions,
        }
    }
}

/// A scenario's name; for a row `Outline - Examples name - #1.2`, and the row's own name where the
/// outline's has parameters. This is the naming of Cucumber's own reports.
fn official_name(pickle: &Pickle, lineage: Option<&Lineage>, row: Option<&Row>) -> String {
    let outline = lineage.map_or("", |own| own.name.as_str());
    let Some(row) = row else {
        return pickle.name.clone();
    };
    let number = if pickle.name == outline {
        format!("#{}", row.number)
    } else {
        format!("#{}: {}", row.number, pickle.name)
    };
    let parts = [outline, &row.examples, &number];
    let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    named.join(" - ")
}

/// A scenario's name; for a row whose values are not in its name, with the row's number.
fn title(pickle: &Pickle, lineage: Option<&Lineage>, row: Option<&Row>) -> String {
    let outline = lineage.map_or("", |own| own.name.as_str());
    match row {
        Some(row) if pickle.name == outline => format!("{outline} #{}", row.number),
        _ => pickle.name.clone(),
    }
}
