//! Which scenarios a command is about.

use clap::Args;

use crate::config;
use crate::runner::{Catalogue, Library, Order, Plan, Remembered, Selection, Source, SourceError};
use crate::world::ComputeWorld;

use super::super::output::tell;
use super::super::settings::Resolved;
use super::super::{Exit, Stop, features};
use super::memory::Memory;

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
    /// Only the scenarios that failed and have not passed since
    #[arg(long, conflicts_with = "paths", help_heading = "Selection")]
    rerun: bool,
}

/// What is selected, and of what.
pub(super) struct Selected {
    pub(super) plan: Plan<ComputeWorld>,
    /// The feature files that were read, whether or not something of them is selected.
    pub(super) files: Vec<String>,
    /// All scenarios and rows of these files.
    pub(super) cases: Vec<Remembered>,
}

impl Selecting {
    /// Reads the features and matches each step of what is selected.
    pub(in super::super) fn plan(&self, resolved: &Resolved) -> Result<Plan<ComputeWorld>, Stop> {
        self.select(resolved).map(|selected| selected.plan)
    }

    /// The same, with what was read for it.
    pub(super) fn select(&self, resolved: &Resolved) -> Result<Selected, Stop> {
        let selection = Selection::new(&self.tags, &self.name)
            .map_err(|errors| Stop::with_all(Exit::Usage, &errors))?;
        let library = if self.rerun {
            failed_before(resolved)?
        } else {
            let sources = features::sources(&resolved.folder, &self.paths);
            Library::read(sources.map_err(|errors| Stop::with_all(Exit::Usage, &errors))?)
        };
        let order = match resolved.config.order {
            config::Order::Written => Order::Written,
            // Short enough to be typed.
            config::Order::Random(seed) => {
                Order::Random(seed.unwrap_or_else(|| fastrand::u64(..1_000_000)))
            }
        };
        let readable = library.documents.iter().map(|it| &it.source.uri);
        let files = readable.chain(library.broken.iter().map(|it| &it.uri)).cloned().collect();
        let cases =
            library.documents.iter().flat_map(|it| &it.cases).map(Remembered::from).collect();
        let plan = Plan::new(library, &selection, &Catalogue::new(), order);
        let plan = plan.map_err(|errors| Stop::with_all(Exit::Usage, &errors))?;
        Ok(Selected { plan, files, cases })
    }
}

/// The scenarios that failed and have not passed since, as far as they are still there; the others are told.
fn failed_before(resolved: &Resolved) -> Result<Library, Stop> {
    let memory = Memory::of(&resolved.config);
    let remembered = memory.recall()?;
    let mut paths: Vec<&str> = remembered.iter().map(|it| it.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut sources = Vec::new();
    for path in paths {
        sources.extend(still_there(resolved, path)?);
    }
    let mut library = Library::read(sources);
    // What is wrong with a file is told by the plan; nothing of it can be found before.
    let broken: Vec<String> = library.broken.iter().map(|it| it.uri.clone()).collect();
    let missing = library.keep_only(&remembered);
    for Remembered { path, line, name } in missing {
        if !broken.contains(path) {
            tell(format_args!("whimbrel: {path}:{line} can't be found any more: {name}"));
        }
    }
    if library.documents.is_empty() && broken.is_empty() {
        let message = format!(
            "nothing ran: none of the scenarios that failed is there any more; delete {} to forget them",
            memory.path().display()
        );
        return Err(Stop { exit: Exit::NothingRan, message });
    }
    Ok(library)
}

/// The file `path`, if there still is one.
fn still_there(resolved: &Resolved, path: &str) -> Result<Vec<Source>, Stop> {
    features::sources(&resolved.folder, &[path.to_owned()]).or_else(|errors| {
        let gone = errors.iter().all(|error| matches!(error, SourceError::Missing { .. }));
        if gone { Ok(Vec::new()) } else { Err(Stop::with_all(Exit::Usage, &errors)) }
    })
}
