//! The plan: features, scenarios, outlines, and the test cases that they become.

use super::{AFTER, BEFORE, Case, Script, at, source};
use crate::events::messages::gherkin::{
    Examples, Feature, FeatureChild, Rule, RuleChild, Scenario, Step, TableRow,
};
use crate::events::messages::pickle::{PickleStep, PickleTag};
use crate::events::messages::run::{StepDefinition, TestCase, TestStep};
use crate::events::messages::{Envelope, GherkinDocument, Pickle};

impl Script {
    /// Plans one scenario in a feature of its own file: sentences with their keywords.
    pub fn plan(&mut self, uri: &str, feature: &str, name: &str, sentences: &[&str]) -> Case {
        let line = self.next_line(uri, 2 + sentences.len());
        let scenario = outline(uri, line, name, sentences);
        self.document(uri, feature, FeatureChild::Scenario(scenario.clone()));
        self.pickle(uri, &scenario, None, name, "", sentences)
    }

    /// As [`Script::plan`], in a rule and with tags.
    pub fn plan_in_rule(
        &mut self,
        uri: &str,
        feature: &str,
        rule: &str,
        name: &str,
        tags: &str,
        sentences: &[&str],
    ) -> Case {
        let line = self.next_line(uri, 4 + sentences.len()) + 2;
        let scenario = outline(uri, line, name, sentences);
        let rule = Rule {
            name: rule.to_owned(),
            children: vec![RuleChild::Scenario(scenario.clone())],
            ..Rule::default()
        };
        self.document(uri, feature, FeatureChild::Rule(rule));
        self.pickle(uri, &scenario, None, name, tags, sentences)
    }

    /// Plans an outline with one table; a row is the name and the sentence that it makes.
    pub fn plan_outline(
        &mut self,
        uri: &str,
        feature: &str,
        name: &str,
        examples: &str,
        rows: &[(&str, &str)],
    ) -> Vec<Case> {
        let line = self.next_line(uri, 6 + rows.len());
        let mut scenario = outline(uri, line, name, &["When <what>"]);
        let table = (0..).zip(rows).map(|(index, _)| TableRow {
            location: at(line + 6 + index),
            id: format!("{uri} row {}", line + 6 + index),
            ..TableRow::default()
        });
        scenario.examples = vec![Examples {
            name: examples.to_owned(),
            table_body: table.collect(),
            ..Examples::default()
        }];
        self.document(uri, feature, FeatureChild::Scenario(scenario.clone()));
        let ids: Vec<String> =
            scenario.examples[0].table_body.iter().map(|row| row.id.clone()).collect();
        let rows = ids.iter().zip(rows);
        rows.map(|(id, (name, sentence))| {
            self.pickle(uri, &scenario, Some(id), name, "", &[sentence])
        })
        .collect()
    }

    fn next_line(&mut self, uri: &str, used: usize) -> u32 {
        let next = self.lines.entry(uri.to_owned()).or_insert(5);
        let line = *next;
        *next += u32::try_from(used).unwrap();
        line
    }

    fn document(&mut self, uri: &str, feature: &str, child: FeatureChild) {
        self.say(Envelope::GherkinDocument(GherkinDocument {
            uri: Some(uri.to_owned()),
            feature: Some(Feature {
                name: feature.to_owned(),
                children: vec![child],
                ..Feature::default()
            }),
            comments: Vec::new(),
        }));
    }

    fn pickle(
        &mut self,
        uri: &str,
        scenario: &Scenario,
        row: Option<&String>,
        name: &str,
        tags: &str,
        sentences: &[&str],
    ) -> Case {
        self.cases += 1;
        let id = format!("case {}", self.cases);
        let steps = scenario.steps.iter().zip(sentences);
        let steps = steps.map(|(step, sentence)| PickleStep {
            id: format!("{id} {}", step.id),
            text: sentence.split_once(' ').unwrap().1.to_owned(),
            ast_node_ids: vec![step.id.clone()],
            ..PickleStep::default()
        });
        let steps: Vec<PickleStep> = steps.collect();
        let tags = tags
            .split_whitespace()
            .map(|name| PickleTag { name: name.to_owned(), ..PickleTag::default() });
        let ids = std::iter::once(&scenario.id).chain(row);
        self.say(Envelope::Pickle(Pickle {
            id: format!("pickle of {id}"),
            uri: uri.to_owned(),
            name: name.to_owned(),
            steps: steps.clone(),
            tags: tags.collect(),
            ast_node_ids: ids.cloned().collect(),
            ..Pickle::default()
        }));
        self.test_case(id, &steps)
    }

    fn test_case(&mut self, id: String, pickled: &[PickleStep]) -> Case {
        let hook = |name: &&str| TestStep {
            id: format!("{id} {name}"),
            hook_id: Some(format!("hook {name}")),
            ..TestStep::default()
        };
        let mut steps: Vec<TestStep> = BEFORE.iter().map(hook).collect();
        for (line, step) in (20..).zip(pickled) {
            let definitions =
                (0..self.definitions).map(|n| format!("definition {n} of {}", step.id));
            let definitions: Vec<String> = definitions.collect();
            for (further, id) in (0..).zip(&definitions) {
                self.say(Envelope::StepDefinition(StepDefinition {
                    id: id.clone(),
                    source_reference: source("src/steps/instance.rs", line + 40 * further),
                    ..StepDefinition::default()
                }));
            }
            steps.push(TestStep {
                id: step.id.clone(),
                pickle_step_id: Some(step.id.clone()),
                step_definition_ids: Some(definitions),
                ..TestStep::default()
            });
        }
        steps.extend(AFTER.iter().map(hook));
        let case = Case {
            id: id.clone(),
            steps: steps.iter().map(|step| step.id.clone()).collect(),
            sentences: pickled.len(),
            attempts: 0,
        };
        self.say(Envelope::TestCase(TestCase {
            pickle_id: format!("pickle of {id}"),
            id,
            test_steps: steps,
            test_run_started_id: None,
        }));
        case
    }
}

fn outline(uri: &str, line: u32, name: &str, sentences: &[&str]) -> Scenario {
    let steps = (line + 1..).zip(sentences).map(|(line, sentence)| {
        let (keyword, text) = sentence.split_once(' ').unwrap();
        Step {
            location: at(line),
            keyword: format!("{keyword} "),
            text: text.to_owned(),
            id: format!("{uri} step {line}"),
            ..Step::default()
        }
    });
    Scenario {
        location: at(line),
        name: name.to_owned(),
        steps: steps.collect(),
        id: format!("{uri} scenario {line}"),
        ..Scenario::default()
    }
}
