//! Which scenarios a command is about.

use clap::Args;

use crate::runner::{Catalogue, Library, Order, Plan, Selection};
use crate::world::ComputeWorld;

use super::super::settings::Resolved;
use super::super::{Exit, Stop, features};

/// What selects scenarios.
#[derive(Debug, Args)]
pub(in super::super) struct Selecting {
    /// Feature files, folders, or lines of a file as FILE:LINE [default: features, or the built-in ones]
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Only scenarios whose tags agree, such as "@smoke and not @slow"
    #[arg(short, long, value_name = "EXPRESSION", help_heading = "Selection")]
    tags: Vec<String>,
    /// Only scenarios with a name in which this regular expression is found
    #[arg(short, long, value_name = "REGEX", help_heading = "Selection")]
    name: Vec<String>,
}

impl Selecting {
    /// Reads the features and matches each step of what is selected.
    pub(in super::super) fn plan(&self, resolved: &Resolved) -> Result<Plan<ComputeWorld>, Stop> {
        let sources = features::sources(&resolved.folder, &self.paths)
            .map_err(|errors| Stop::with_all(Exit::Usage, &errors))?;
        let selection = Selection::new(&self.tags, &self.name)
            .map_err(|errors| Stop::with_all(Exit::Usage, &errors))?;
        let library = Library::read(sources);
        let plan = Plan::new(library, &selection, &Catalogue::new(), Order::Written);
        plan.map_err(|errors| Stop::with_all(Exit::Usage, &errors))
    }
}
