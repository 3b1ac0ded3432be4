//! What can run: each scenario, and each row of an outline, with the steps of its backgrounds.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use gherkin::{LineCol, StepType};

use super::Ids;
use super::outline::{CutStep, Outline, Written};
use crate::events::messages::Location;
use crate::events::messages::gherkin::{
    Feature, FeatureChild, Rule, RuleChild, Scenario, Step, TableRow, Tag,
};
use crate::events::messages::pickle::{
    Pickle, PickleDocString, PickleStep, PickleStepArgument, PickleStepType, PickleTable,
    PickleTableCell, PickleTableRow, PickleTag,
};

/// A pickle, with what Messages do not say of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What Messages say of it.
    pub pickle: Pickle,
    /// Its steps, as many as the pickle has.
    pub steps: Vec<CaseStep>,
    /// Its feature's name.
    pub feature: Arc<str>,
    /// Its rule's name, if it stands in one.
    pub rule: Option<Arc<str>>,
    /// The lines of what it stands in: feature, rule, scenario, examples, row.
    pub(super) spans: Vec<RangeInclusive<u32>>,
}

/// A step of a case, as cucumber's step functions want it.
#[derive(Clone, Debug)]
pub struct CaseStep {
    /// Where the step stands in the file, for an outline's too.
    pub location: Location,
    /// Keyword as written, text, doc string and table with the row's values in.
    pub step: gherkin::Step,
    pub(super) written: Written,
}

/// What a step of the file is, beyond its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepFacts {
    /// What gherkin says it is.
    pub(super) ty: StepType,
    /// The column in which its sentence begins.
    pub(super) column: u32,
}

/// All cases of `feature`, in order. `facts` are by step id; `last` is the last line.
pub(super) fn compile(
    uri: &str,
    feature: &Feature,
    facts: &HashMap<String, StepFacts>,
    last: u32,
    ids: &mut Ids,
) -> Vec<Case> {
    let mut compiler = Compiler {
        uri,
        language: &feature.language,
        feature: feature.name.as_str().into(),
        facts,
        ids,
        cases: Vec::new(),
    };
    let whole = first_line(feature.location, &feature.tags)..=last;
    let mut context = Context {
        rule: None,
        tags: feature.tags.iter().collect(),
        background: Vec::new(),
        spans: vec![whole],
    };
    let starts: Vec<u32> = feature
        .children
        .iter()
        .map(|child| match child {
            FeatureChild::Background(it) => it.location.line,
            FeatureChild::Scenario(it) => first_line(it.location, &it.tags),
            FeatureChild::Rule(it) => first_line(it.location, &it.tags),
        })
        .collect();
    for (at, child) in feature.children.iter().enumerate() {
        let span = starts[at]..=starts.get(at + 1).map_or(last, |next| next - 1);
        match child {
            FeatureChild::Background(it) => context.background.extend(&it.steps),
            FeatureChild::Scenario(it) => compiler.scenario(it, &context.within(span, &[])),
            FeatureChild::Rule(it) => compiler.rule(it, context.within(span, &it.tags)),
        }
    }
    compiler.cases
}

/// The first line that belongs to something: its first tag's, or its own.
fn first_line(location: Location, tags: &[Tag]) -> u32 {
    tags.first().map_or(location.line, |tag| tag.location.line)
}

/// What a scenario inherits.
#[derive(Clone)]
struct Context<'a> {
    rule: Option<Arc<str>>,
    tags: Vec<&'a Tag>,
    background: Vec<&'a Step>,
    spans: Vec<RangeInclusive<u32>>,
}

impl<'a> Context<'a> {
    fn within(&self, span: RangeInclusive<u32>, tags: &'a [Tag]) -> Self {
        let mut inner = self.clone();
        inner.spans.push(span);
        inner.tags.extend(tags);
        inner
    }
}

struct Compiler<'a> {
    uri: &'a str,
    language: &'a str,
    feature: Arc<str>,
    facts: &'a HashMap<String, StepFacts>,
    ids: &'a mut Ids,
    cases: Vec<Case>,
}

impl Compiler<'_> {
    fn rule<'a>(&mut self, rule: &'a Rule, mut context: Context<'a>) {
        context.rule = Some(rule.name.as_str().into());
        let last = context.spans.last().map_or(0, |span| *span.end());
        let starts: Vec<u32> = rule
            .children
            .iter()
            .map(|child| match child {
                RuleChild::Background(it) => it.location.line,
                RuleChild::Scenario(it) => first_line(it.location, &it.tags),
            })
            .collect();
        for (at, child) in rule.children.iter().enumerate() {
            let span = starts[at]..=starts.get(at + 1).map_or(last, |next| next - 1);
            match child {
                RuleChild::Background(it) => context.background.extend(&it.steps),
                RuleChild::Scenario(it) => self.scenario(it, &context.within(span, &[])),
            }
        }
    }

    fn scenario<'a>(&mut self, scenario: &'a Scenario, context: &Context<'a>) {
        let mut context = context.clone();
        context.tags.extend(&scenario.tags);
        if scenario.examples.is_empty() {
            let outline = Outline::cut(scenario, &context.background, None);
            self.case(&outline, scenario, &context, None);
            return;
        }
        let last = context.spans.last().map_or(0, |span| *span.end());
        for (at, examples) in scenario.examples.iter().enumerate() {
            let next = scenario.examples.get(at + 1);
            let end = next.map_or(last, |it| first_line(it.location, &it.tags) - 1);
            let span = first_line(examples.location, &examples.tags)..=end;
            let context = context.within(span, &examples.tags);
            let outline = Outline::cut(scenario, &context.background, Some(examples));
            for row in &examples.table_body {
                let line = row.location.line;
                let context = context.within(line..=line, &[]);
                self.case(&outline, scenario, &context, Some(row));
            }
        }
    }

    fn case(
        &mut self,
        outline: &Outline<'_>,
        scenario: &Scenario,
        context: &Context<'_>,
        row: Option<&TableRow>,
    ) {
        let mut ast_node_ids = vec![scenario.id.clone()];
        ast_node_ids.extend(row.map(|row| row.id.clone()));
        let steps = outline.steps.iter().map(|step| self.step(step, outline, row));
        let (pickle_steps, steps) = steps.unzip();
        let mut seen = HashSet::new();
        let tags = context
            .tags
            .iter()
            .filter(|tag| seen.insert(tag.name.as_str()))
            .map(|tag| PickleTag { name: tag.name.clone(), ast_node_id: tag.id.clone() })
            .collect();
        let pickle = Pickle {
            id: self.ids.next(),
            uri: self.uri.to_owned(),
            name: outline.name.fill(row),
            language: self.language.to_owned(),
            steps: pickle_steps,
            tags,
            ast_node_ids,
            location: Some(row.map_or(scenario.location, |row| row.location)),
        };
        self.cases.push(Case {
            pickle,
            steps,
            feature: self.feature.clone(),
            rule: context.rule.clone(),
            spans: context.spans.clone(),
        });
    }

    fn step(
        &mut self,
        cut: &CutStep<'_>,
        outline: &Outline<'_>,
        row: Option<&TableRow>,
    ) -> (PickleStep, CaseStep) {
        let own = cut.step;
        // Only the scenario's own steps come from the row; a background's are as they stand.
        let row = row.filter(|_| cut.own);
        let facts = self.facts.get(&own.id).copied();
        let ty = facts.map_or(StepType::Given, |facts| facts.ty);
        let text = cut.text.fill(row);
        let doc_string = cut.doc_string.as_ref().map(|content| content.fill(row));
        let table: Option<Vec<Vec<String>>> = cut.table.as_ref().map(|rows| {
            rows.iter().map(|cells| cells.iter().map(|cell| cell.fill(row)).collect()).collect()
        });
        let mut ast_node_ids = vec![own.id.clone()];
        ast_node_ids.extend(row.map(|row| row.id.clone()));
        let media_type = cut.media_type.as_ref().map(|text| text.fill(row));
        let argument = PickleStepArgument {
            doc_string: doc_string.clone().map(|content| PickleDocString {
                content,
                media_type,
                argument_index: None,
            }),
            data_table: table.as_ref().map(|rows| pickle_table(rows)),
        };
        let has_argument = argument.doc_string.is_some() || argument.data_table.is_some();
        let pickle_step = PickleStep {
            ast_node_ids,
            id: self.ids.next(),
            text: text.clone(),
            argument: has_argument.then_some(argument),
            r#type: Some(match ty {
                _ if own.keyword.trim() == "*" => PickleStepType::Unknown,
                StepType::Given => PickleStepType::Context,
                StepType::When => PickleStepType::Action,
                StepType::Then => PickleStepType::Outcome,
            }),
        };
        let step = gherkin::Step::builder()
            .keyword(own.keyword.clone())
            .ty(ty)
            .value(text)
            .docstring(doc_string)
            .table(table.map(|rows| gherkin::Table::builder().rows(rows).build()))
            .position(LineCol {
                line: own.location.line as usize,
                col: own.location.column.unwrap_or(1) as usize,
            })
            .build();
        let location = own.location;
        let column = facts.map(|facts| facts.column);
        let table = own.data_table.as_ref().map(|table| table.location);
        let written = Written {
            sentence: Location { column, ..location },
            filled: row.map(|row| cut.text.filled(row, &outline.columns)).unwrap_or_default(),
            columns: row.map(|_| outline.columns.clone()),
            argument: table.or(own.doc_string.as_ref().map(|text| text.location)),
        };
        (pickle_step, CaseStep { location, step, written })
    }
}

fn pickle_table(rows: &[Vec<String>]) -> PickleTable {
    let row = |cells: &Vec<String>| PickleTableRow {
        cells: cells.iter().map(|value| PickleTableCell { value: value.clone() }).collect(),
    };
    PickleTable { rows: rows.iter().map(row).collect(), argument_index: None }
}
