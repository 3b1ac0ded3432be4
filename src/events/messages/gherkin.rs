//! The feature file as it was read: the document with the place of everything in it.

use serde::{Deserialize, Serialize};

use super::message;

message! {
    /// A place in a file; both count from 1, columns in characters.
    #[derive(Copy, Eq)]
    Location { line: u32, } optional { column: u32, }
}
message! { GherkinDocument { comments: Vec<Comment>, } optional { uri: String, feature: Feature, } }
message! { Comment { location: Location, text: String, } }
message! {
    Feature {
        location: Location,
        tags: Vec<Tag>,
        language: String,
        keyword: String,
        name: String,
        description: String,
        children: Vec<FeatureChild>,
    }
}
message! {
    Rule {
        location: Location,
        tags: Vec<Tag>,
        keyword: String,
        name: String,
        description: String,
        children: Vec<RuleChild>,
        id: String,
    }
}
message! {
    Background {
        location: Location,
        keyword: String,
        name: String,
        description: String,
        steps: Vec<Step>,
        id: String,
    }
}
message! {
    Scenario {
        location: Location,
        tags: Vec<Tag>,
        keyword: String,
        name: String,
        description: String,
        steps: Vec<Step>,
        examples: Vec<Examples>,
        id: String,
    }
}
message! {
    Examples {
        location: Location,
        tags: Vec<Tag>,
        keyword: String,
        name: String,
        description: String,
        table_body: Vec<TableRow>,
        id: String,
    } optional { table_header: TableRow, }
}
message! {
    Step { location: Location, keyword: String, text: String, id: String, }
    optional { keyword_type: KeywordType, doc_string: DocString, data_table: DataTable, }
}
message! { Tag { location: Location, name: String, id: String, } }
message! { TableRow { location: Location, cells: Vec<TableCell>, id: String, } }
message! { TableCell { location: Location, value: String, } }
message! { DataTable { location: Location, rows: Vec<TableRow>, } }
message! {
    DocString { location: Location, content: String, delimiter: String, }
    optional { media_type: String, }
}

/// What stands directly in a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FeatureChild {
    Rule(Rule),
    Background(Background),
    Scenario(Scenario),
}

/// What stands directly in a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RuleChild {
    Background(Background),
    Scenario(Scenario),
}

/// What a step's keyword says of its part in the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeywordType {
    Context,
    Action,
    Outcome,
    Conjunction,
    /// Also what a newer schema may add.
    #[serde(other)]
    Unknown,
}
