//! From feature files to a run: what there is, what is selected, what each step means, and the run.
//!
//! [`source`] finds the files, [`document`] reads them, [`selection`] picks, [`plan`] matches every
//! step before anything is booted, [`executor`] runs what was planned and says everything in
//! Cucumber Messages. The steps and the World are cucumber's; the World is a type parameter here,
//! so nothing in this module knows of clouds. Only this module uses cucumber's `codegen`, which is
//! public but not promised.

pub mod cancel;
pub mod catalogue;
pub mod document;
pub mod executor;
pub mod outcome;
pub mod plan;
pub mod problem;
pub mod remembered;
pub mod selection;
pub mod source;

mod broken;
mod drawn;
mod hook;
mod lines;
mod outline;
mod panics;
mod phrase;
mod pickles;
mod queue;
mod refusal;
mod scenario;
mod so_far;
mod stall;
mod telling;
mod values;

#[cfg(test)]
mod tests;

pub use broken::Broken;
pub use cancel::{Cancelled, Canceller};
pub use catalogue::{Catalogue, Definition};
pub use document::{Document, Library};
pub use drawn::drawn;
pub use executor::{Failure, Settings, Surroundings, run};
pub use outcome::{Ended, Outcome, Verdict};
pub use plan::{Fit, Order, Plan, PlannedScenario, PlannedStep};
pub use problem::{Problem, Spot};
pub use queue::{Take, group_resource};
pub use refusal::{Introduction, refuse};
pub use remembered::{Remembered, paired};
pub use selection::{Selection, SelectionError};
pub use source::{Input, Source, SourceError};

/// Draws the ids of a run: short, and each only once.
#[derive(Debug, Default)]
pub(crate) struct Ids(u64);

impl Ids {
    /// An id that was not drawn before.
    pub(crate) fn next(&mut self) -> String {
        self.0 += 1;
        self.0.to_string()
    }
}
