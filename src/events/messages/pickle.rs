//! What runs: a scenario, or one row of an outline, with the steps of its backgrounds.

use serde::{Deserialize, Serialize};

use super::{Location, message};

message! {
    Pickle {
        id: String,
        uri: String,
        name: String,
        language: String,
        steps: Vec<PickleStep>,
        tags: Vec<PickleTag>,
        ast_node_ids: Vec<String>,
    } optional { location: Location, }
}
message! {
    PickleStep { ast_node_ids: Vec<String>, id: String, text: String, }
    optional { argument: PickleStepArgument, r#type: PickleStepType, }
}
message! { PickleTag { name: String, ast_node_id: String, } }
message! { PickleStepArgument {} optional { doc_string: PickleDocString, data_table: PickleTable, } }
message! { PickleDocString { content: String, } optional { media_type: String, argument_index: u32, } }
message! { PickleTable { rows: Vec<PickleTableRow>, } optional { argument_index: u32, } }
message! { PickleTableRow { cells: Vec<PickleTableCell>, } }
message! { PickleTableCell { value: String, } }

/// A step's part in the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PickleStepType {
    Context,
    Action,
    Outcome,
    /// Also what a newer schema may add.
    #[serde(other)]
    Unknown,
}
