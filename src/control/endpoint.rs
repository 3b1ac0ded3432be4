//! A control over HTTP: that of `whimbrel cloud --control`, or of a lab that speaks the same.
//!
//! `POST URL/VERB` with a JSON object answers 204, or 501 for what can't be done there; `GET URL`
//! lists the verbs with the fields that each takes. `whimbrel cloud --help` has them all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::beyond::{BootPhase, Control, ControlError, FailStep, Knob, Phase};
use crate::api::{self, OpenError};
use crate::config::Requests;
use crate::events::names::{ComputeName, ServerId};
use crate::wait;

const HOLD: &str = "hold-migrations";
const RELEASE: &str = "release-migrations";
const FAIL: &str = "fail-next-migration";
const HOLD_BOOTS: &str = "hold-boots";
const RELEASE_BOOTS: &str = "release-boots";
const DOWN: &str = "compute-down";
const UP: &str = "compute-up";

/// The field that says whose migration is meant.
const SERVER: &str = "server";

/// An endpoint; nothing is asked of it before it is used.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: Url,
    client: reqwest::Client,
    /// How long an answer may take; a compute that comes back takes as long as it takes to report.
    limit: Duration,
}

#[derive(Deserialize)]
struct Listed {
    verbs: BTreeMap<String, Vec<String>>,
}

impl Endpoint {
    /// Takes the setting `control`.
    pub(super) fn open(url: &Url, requests: &Requests) -> Result<Self, OpenError> {
        let client = api::plain_client(requests.connect)?;
        Ok(Self { url: url.clone(), client, limit: requests.connect + requests.read })
    }

    async fn post(&self, verb: &str, body: Value) -> Result<(), ControlError> {
        let url = format!("{}/{verb}", self.url.as_str().trim_end_matches('/'));
        let request = self.client.post(url).header("content-type", "application/json");
        self.answer(verb, request.body(body.to_string())).await.and_then(|(status, text)| {
            let said = || self.error(verb, format!("{status} {}", text.trim()));
            (200..300).contains(&status).then_some(()).ok_or_else(said)
        })
    }

    async fn answer(
        &self,
        verb: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<(u16, String), ControlError> {
        let whole = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        };
        match wait::deadline(self.limit, whole).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.error(verb, root(&error))),
            Err(elapsed) => Err(self.error(verb, elapsed.to_string())),
        }
    }

    fn error(&self, verb: &str, why: String) -> ControlError {
        ControlError { place: self.url.to_string(), verb: verb.to_owned(), why }
    }
}

/// The innermost words of an error, which say most.
fn root(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        words = cause.to_string();
        next = cause.source();
    }
    words
}

/// What can be done with these verbs. Migrations of single instances must be meant by name, so that
/// nobody else's is held.
fn knobs_of(verbs: &BTreeMap<String, Vec<String>>) -> BTreeSet<Knob> {
    let takes = |verb: &str, fields: &[&str]| {
        let known = verbs.get(verb);
        known.is_some_and(|known| fields.iter().all(|field| known.iter().any(|it| it == field)))
    };
    let has = |knob: &Knob| match knob {
        Knob::HoldMigrations => takes(HOLD, &["phase", SERVER]) && takes(RELEASE, &[SERVER]),
        Knob::FailMigrations => takes(FAIL, &["step", SERVER]),
        Knob::HoldBoots => takes(HOLD_BOOTS, &["phase"]) && takes(RELEASE_BOOTS, &[]),
        Knob::Computes => takes(DOWN, &["name"]) && takes(UP, &["name"]),
    };
    Knob::ALL.into_iter().filter(has).collect()
}

#[async_trait]
impl Control for Endpoint {
    /// What `GET URL` lists; an endpoint without a list (404) is taken to have every verb.
    async fn knobs(&self) -> Result<BTreeSet<Knob>, ControlError> {
        let (status, text) = self.answer("GET", self.client.get(self.url.clone())).await?;
        match status {
            200 => {
                let listed: Result<Listed, _> = serde_json::from_str(&text);
                let listed = listed.map_err(|error| self.error("GET", error.to_string()))?;
                Ok(knobs_of(&listed.verbs))
            }
            404 => Ok(Knob::ALL.into()),
            other => Err(self.error("GET", format!("{other} {}", text.trim()))),
        }
    }

    async fn hold_migration(&self, of: &ServerId, phase: Phase) -> Result<(), ControlError> {
        let phase = match phase {
            Phase::Accepted => "accepted",
            Phase::Queued => "queued",
            Phase::Preparing => "preparing",
            Phase::Running => "running",
            Phase::Landed => "landed",
        };
        self.post(HOLD, json!({ "phase": phase, SERVER: of })).await
    }

    async fn release_migration(&self, of: &ServerId) -> Result<(), ControlError> {
        self.post(RELEASE, json!({ SERVER: of })).await
    }

    async fn fail_next_migration(&self, of: &ServerId, step: FailStep) -> Result<(), ControlError> {
        let step = match step {
            FailStep::Schedule => "schedule",
            FailStep::CheckDestination => "check-destination",
            FailStep::CheckSource => "check-source",
            FailStep::Prepare => "prepare",
            FailStep::Copy => "copy",
            FailStep::Finish => "finish",
        };
        self.post(FAIL, json!({ "step": step, SERVER: of })).await
    }

    async fn hold_boots(&self, phase: BootPhase) -> Result<(), ControlError> {
        let phase = match phase {
            BootPhase::Scheduling => "scheduling",
            BootPhase::Spawning => "spawning",
        };
        self.post(HOLD_BOOTS, json!({ "phase": phase })).await
    }

    async fn release_boots(&self) -> Result<(), ControlError> {
        self.post(RELEASE_BOOTS, json!({})).await
    }

    async fn take_away(&self, compute: &ComputeName) -> Result<(), ControlError> {
        self.post(DOWN, json!({ "name": compute })).await
    }

    async fn bring_back(&self, compute: &ComputeName) -> Result<(), ControlError> {
        self.post(UP, json!({ "name": compute })).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbs(listed: Value) -> BTreeSet<Knob> {
        let listed: Listed = serde_json::from_value(json!({ "verbs": listed })).unwrap();
        knobs_of(&listed.verbs)
    }

    #[test]
    fn a_knob_is_there_only_with_its_way_back() {
        let boots = json!({ "hold-boots": ["phase"], "release-boots": [] });
        assert_eq!(verbs(boots), [Knob::HoldBoots].into());
        assert_eq!(verbs(json!({ "hold-boots": ["phase"], "compute-down": ["name"] })), [].into());
    }

    #[test]
    fn who_can_only_hold_everybodys_migrations_is_not_asked_to() {
        let all = json!({ "hold-migrations": ["phase"], "release-migrations": [] });
        assert_eq!(verbs(all), [].into());
        let one =
            json!({ "hold-migrations": ["phase", "server"], "release-migrations": ["server"] });
        assert_eq!(verbs(one), [Knob::HoldMigrations].into());
    }
}
