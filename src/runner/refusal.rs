//! A plan of which nothing is run, told all the same, so that a report of it shows why.

use super::executor::ended;
use super::outcome::{Outcome, Verdict};
use super::plan::{Meaning, Plan};
use super::telling::Teller;
use crate::events::evidence::About;
use crate::events::messages::run::Ci;
use crate::events::outcome::Ending;
use crate::events::stream::Speaker;

/// What a run says of itself before it begins.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// The CI system that the environment tells of.
    pub ci: Option<Ci>,
    /// What reports say first, if anything.
    pub about: Option<About>,
}

/// Says a plan of which nothing is run, from `meta` to `testRunFinished`: its undefined and
/// ambiguous steps, its broken files, and `why`, where the reason is not in the plan.
pub fn refuse<W>(
    plan: Plan<W>,
    why: Option<(Ending, String)>,
    introduction: &Introduction,
    speaker: Speaker,
) -> Outcome {
    let teller = Teller::new(speaker);
    teller.head(&plan, introduction);
    let Plan { planned, problems, run_id, .. } = plan;
    for planned in &planned {
        let defined = |meaning: &Meaning<_>| matches!(meaning, Meaning::Defined(_));
        if !planned.meanings.iter().all(defined) {
            teller.unplannable(planned);
        }
    }
    let scenarios = planned.iter().map(|it| ended(&it.scenario, Verdict::NotStarted));
    let outcome = Outcome { scenarios: scenarios.collect(), problems, ..Outcome::default() };
    teller.run_finished(run_id, false, why.or_else(|| outcome.ending()));
    outcome
}
