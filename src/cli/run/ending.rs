//! What a run comes to: what is left behind, and the exit code.

use std::path::Path;

use crate::journal::{Journal, Unsettled};
use crate::runner::Outcome as Ran;

use super::super::output::tell;
use super::super::{Exit, Outcome, Stop};

/// Ends the journal and says what is left.
pub(super) fn settle(journal: Journal) -> Outcome {
    let path = journal.path();
    let unsettled = journal.close().map_err(|error| Stop::new(Exit::LeftBehind, &error))?;
    if !unsettled.is_empty() {
        tell(format_args!("{}", left_behind(&unsettled, path.as_deref())));
    }
    // That a scenario left something is among the run's own results.
    Ok(Exit::Passed)
}

/// What is left, and what to do about it; nothing, where the cloud ends with the process.
fn left_behind(unsettled: &Unsettled, journal: Option<&Path>) -> String {
    let sweep = if journal.is_some() { "; `whimbrel sweep` removes it" } else { "" };
    format!("left behind{sweep}:\n  {}", unsettled.lines().join("\n  "))
}

/// What the run itself comes to.
pub(super) fn exit_of(ran: &Ran) -> Exit {
    for problem in &ran.internal_errors {
        tell(format_args!("whimbrel: a bug: {problem}"));
    }
    let ends = [
        (ran.interrupted, Exit::Interrupted),
        (!ran.internal_errors.is_empty(), Exit::Internal),
        (!ran.problems.is_empty(), Exit::Usage),
        (ran.failed() > 0 || ran.out_of_time.is_some(), Exit::Failed),
        (ran.left_behind() > 0, Exit::LeftBehind),
        (ran.nothing_ran(), Exit::NothingRan),
    ];
    ends.into_iter().filter(|(applies, _)| *applies).fold(Exit::Passed, |exit, (_, it)| exit.or(it))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runner::{Ended, Problem, Verdict};

    fn scenario(verdict: Verdict, left_behind: Option<&str>) -> Ended {
        Ended {
            place: "a.feature:2".to_owned(),
            name: "It is so".to_owned(),
            verdict,
            left_behind: left_behind.map(str::to_owned),
            took: Duration::ZERO,
        }
    }

    /// Everything that can go wrong, in the order of [`Exit`].
    fn worst() -> Ran {
        let failed = Verdict::Failed { at: "Given x".to_owned(), message: "no".to_owned() };
        let problem = Problem::Ambiguous {
            step: "Given x".to_owned(),
            places: Vec::new(),
            matches: Vec::new(),
        };
        Ran {
            scenarios: vec![scenario(failed, None), scenario(Verdict::Passed, Some("web"))],
            problems: vec![problem],
            interrupted: true,
            out_of_time: Some(Duration::from_secs(60)),
            internal_errors: vec!["panic".to_owned()],
        }
    }

    #[test]
    fn the_first_exit_code_that_applies_counts() {
        let mut ran = worst();
        assert_eq!(exit_of(&ran), Exit::Interrupted);
        ran.interrupted = false;
        assert_eq!(exit_of(&ran), Exit::Internal);
        ran.internal_errors.clear();
        assert_eq!(exit_of(&ran), Exit::Usage);
        ran.problems.clear();
        assert_eq!(exit_of(&ran), Exit::Failed);
        ran.scenarios.remove(0);
        assert_eq!(exit_of(&ran), Exit::Failed, "the run's deadline has passed");
        ran.out_of_time = None;
        assert_eq!(exit_of(&ran), Exit::LeftBehind);
        ran.scenarios = vec![scenario(Verdict::Skipped("too small".to_owned()), None)];
        assert_eq!(exit_of(&ran), Exit::NothingRan);
        ran.scenarios.push(scenario(Verdict::Passed, None));
        assert_eq!(exit_of(&ran), Exit::Passed);
    }

    #[test]
    fn a_sweep_is_recommended_only_where_there_is_a_journal_to_sweep_by() {
        let account = crate::journal::Account::Operator;
        let instances = vec![(account, "wb-1".to_owned(), Vec::new())];
        let unsettled = Unsettled { instances, ..Unsettled::default() };
        let told = left_behind(&unsettled, Some(Path::new("a.jsonl")));
        assert_eq!(
            told,
            "left behind; `whimbrel sweep` removes it:\n  instances named wb-1, if any"
        );
        let told = left_behind(&unsettled, None);
        assert_eq!(told, "left behind:\n  instances named wb-1, if any");
    }
}
