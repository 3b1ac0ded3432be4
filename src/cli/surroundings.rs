//! What surrounds each scenario: its cloud before, audit and clean-up after.

use std::error::Error;

use async_trait::async_trait;

use crate::api::ExchangeResult;
use crate::control::{Need, Target};
use crate::events::evidence::ExchangeLine;
use crate::events::stream;
use crate::operations::{audit, clean_up};
use crate::runner::{Failure, PlannedScenario, Surroundings};
use crate::steps::{self, needs};
use crate::world::ComputeWorld;

/// Opens the target's clouds for scenarios.
pub(super) struct OnTarget(pub(super) Target);

/// Everything that the sentences of a scenario ask of the target.
pub(super) fn needs_of(scenario: &PlannedScenario) -> Vec<Need> {
    scenario.steps.iter().flat_map(|step| needs::of(&step.text)).collect()
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
