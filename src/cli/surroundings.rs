//! What surrounds each scenario: its cloud before, audit and clean-up after.

use std::error::Error;

use async_trait::async_trait;

use crate::api::ExchangeResult;
use crate::control::{Need, Target};
use crate::events::evidence::ExchangeLine;
use crate::events::stream;
use crate::operations::{audit, clean_up};
use crate::runner::{Failure, PlannedScenario, Surroundings};
use crate::steps;
use crate::steps::needs::{self, Deed};
use crate::world::ComputeWorld;

/// Opens the target's clouds for scenarios.
pub(super) struct OnTarget(pub(super) Target);

/// Everything that the sentences of a scenario ask of the target.
pub(super) fn needs_of(scenario: &PlannedScenario) -> Vec<Need> {
    scenario.steps.iter().flat_map(|step| needs::of(&step.text)).collect()
}

/// What the sentences of a scenario do to the target, in order.
pub(super) fn deeds_of(scenario: &PlannedScenario) -> Vec<Deed> {
    needs::deeds(scenario.steps.iter().map(|step| step.text.as_str()))
}

fn failure(kind: &str, error: impl Error + 'static) -> Failure {
    Failure::new(kind, steps::StepError::from(error).to_string())
}

#[async_trait(?Send)]
impl Surroundings for OnTarget {
    type World = ComputeWorld;

    async fn open(&self, scenario: &PlannedScenario) -> Result<ComputeWorld, Failure> {
        let cloud = self.0.cloud(scenario.number(), &needs_of(scenario)).await;
        cloud.map(ComputeWorld::new).map_err(|error| failure("target", error))
    }

    async fn books(&self, world: &mut ComputeWorld) -> Result<(), Failure> {
        audit::books(&world.cloud, world.instances())
            .await
            .map_err(|problem| failure("audit", problem))
    }

    async fn clean_up(&self, world: &mut ComputeWorld) -> Result<(), Failure> {
        let unsettled = world.cloud.journal.unsettled();
        clean_up::undo(&world.cloud, &unsettled)
            .await
            .settled()
            .map_err(|behind| failure("left behind", behind))
    }

    async fn leftovers(&self, world: &mut ComputeWorld) -> Result<(), Failure> {
        audit::leftovers(&world.cloud, world.instances())
            .await
            .map_err(|problem| failure("left behind", problem))
    }

    async fn failed(&self, world: &mut ComputeWorld) {
        stream::attach(stream::EXCHANGES, || {
            let lines: Vec<ExchangeLine> =
                world.cloud.exchanges().iter().map(|(at, exchange)| line(*at, exchange)).collect();
            serde_json::to_string(&lines).expect("text and numbers are always JSON")
        });
    }
}

fn line(at: std::time::Duration, exchange: &crate::api::Exchange) -> ExchangeLine {
    let ms = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    ExchangeLine {
        at_ms: ms(at),
        service: exchange.service.name().to_owned(),
        method: exchange.method.to_owned(),
        path: exchange.path.clone(),
        outcome: match &exchange.result {
            ExchangeResult::Status(code) => code.to_string(),
            ExchangeResult::Failed(why) => why.clone(),
        },
        duration_ms: ms(exchange.duration),
        held_ms: ms(exchange.held),
        request_id: Some(exchange.request_id.clone()).filter(|id| id != "none"),
        microversion: exchange.microversion.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::events::parameter::ParameterType;
    use crate::runner::Catalogue;

    /// A type without its rule would make "did you mean" name the very sentence that was written.
    #[test]
    fn every_parameter_of_a_sentence_has_its_rule_in_words() {
        for definition in Catalogue::<ComputeWorld>::new().definitions() {
            let mut rest = definition.pattern.clone();
            for known in ParameterType::all() {
                rest = rest.replace(&format!("({})", known.regex), "");
            }
            assert!(!rest.contains('('), "{}: {rest}", definition.place());
        }
    }

    /// What a new step asks of the target is not to be forgotten: `run --plan` and `doctor` go by it.
    #[test]
    fn every_step_has_its_row_among_the_needs_and_every_row_its_step() {
        let varying = regex::Regex::new(r"\{[a-z]+\}").unwrap();
        let bare = |phrase: &str| phrase.replace("\"…\"", "…");
        let catalogue = Catalogue::<ComputeWorld>::new();
        let steps: BTreeSet<String> =
            catalogue.definitions().map(|definition| bare(&definition.phrase())).collect();
        let rows: BTreeSet<String> =
            needs::sentences().map(|row| varying.replace_all(row, "…").into_owned()).collect();
        let only =
            |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<_>>();
        assert_eq!((only(&steps, &rows), only(&rows, &steps)), (Vec::new(), Vec::new()));
        assert_eq!(needs::sentences().count(), rows.len(), "a sentence stands there twice");
    }
}
