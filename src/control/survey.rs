//! Looks at a target before anything is begun on it: the same looks for a run, its plan, and
//! `whimbrel doctor`.
//!
//! Nothing is created, changed or written down here. Each fact is looked for once, and what could not be found out is kept as such: a run
//! stops at the first of them, a diagnosis tells them all.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future::join_all;
use tokio::join;

use crate::api::compute::{AbsoluteLimits, ServiceRecord};
use crate::api::discover::{Boot, DiscoverError};
use crate::api::{Login, Microversion, RequestError, Service};
use crate::config::clouds::{Clouds, Environment};
use crate::config::{Change, Config};
use crate::events::names::RunId;
use crate::journal::{Account, Journal};
use crate::sim;

use super::access;
use super::beyond::{ControlError, Knob};
use super::cloud::Party;
use super::embedded;
use super::need::{Facts, Room};
use super::room;
use super::target::{EMBEDDED_COMPUTES, OpenError, Shared, Target, run_prefix};

/// How many computes an embedded cloud can have; as many as `whimbrel cloud --hosts` takes.
const MOST_EMBEDDED_COMPUTES: usize = 1000;

/// Where a target is, with the credentials for it; nothing has been asked there yet.
pub struct Site {
    config: Config,
    run: RunId,
    /// `None`: each scenario gets an embedded cloud of its own, and none is there yet.
    shared: Option<Shared>,
    /// An embedded cloud that is there to be looked at.
    _specimen: Option<sim::Cloud>,
}

/// What a look found; `None`: it was not taken, because one that it depends on had failed.
pub type Looked<T, E = RequestError> = Option<Result<T, E>>;

/// What was found at a site.
#[derive(Debug, Default)]
pub struct Survey {
    /// The operator, then the plain member if there is one; nobody where there is no cloud yet.
    pub parties: Vec<PartySurvey>,
    /// The computes, as the operator is shown them.
    pub computes: Looked<Vec<ServiceRecord>>,
    /// The compute API's oldest and newest microversion; `None`: it has none.
    pub range: Looked<Option<(Microversion, Microversion)>>,
    /// The microversion that is used.
    pub version: Looked<Microversion>,
    /// What can be done to the cloud beyond its API; `None`: nothing controls it.
    pub control: Looked<BTreeSet<Knob>, ControlError>,
}

/// What was found for one account.
#[derive(Debug)]
pub struct PartySurvey {
    /// Whose it is.
    pub account: Account,
    /// Who logged in, for which project, with which roles.
    pub login: Result<Login, RequestError>,
    /// What would be booted.
    pub boot: Looked<Boot, DiscoverError>,
    /// What the project may have and has.
    pub limits: Looked<AbsoluteLimits>,
}

/// A target that can be used.
#[derive(Clone, Debug)]
pub struct Known {
    /// What it has.
    pub facts: Facts,
    /// What it is, a line each.
    pub heading: Vec<String>,
}

impl Known {
    /// The embedded target.
    pub(super) fn embedded(config: &Config) -> Self {
        let facts = Facts {
            computes: Some(MOST_EMBEDDED_COMPUTES),
            zone: config.zone.clone(),
            rooms: Vec::new(),
            member: true,
            allow: [Change::Hosts].into(),
            control: Knob::ALL.into(),
            shared: false,
        };
        Self { facts, heading: vec!["target: embedded cloud, one for each scenario".to_owned()] }
    }
}

impl Site {
    /// What the names of a run's instances look like: run, number of the scenario, name in it.
    pub fn names() -> String {
        format!("{}NUMBER-NAME", run_prefix("RUN"))
    }

    /// Reads how to reach the target that `config` names, for the run `run`. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`OpenError::Clouds`] and [`OpenError::Session`]: an entry of `clouds.yaml` can't be used.
    pub fn open(
        config: Config,
        run: RunId,
        environment: &Environment,
        folder: &Path,
    ) -> Result<Self, OpenError> {
        let shared = match config.cloud.as_deref() {
            None => None,
            Some(name) => {
                let clouds = Clouds::find(environment, folder)?;
                Some(Shared::open(&config, &run_prefix(&run), name, &clouds)?)
            }
        };
        Ok(Self { config, run, shared, _specimen: None })
    }

    /// The same, but on the embedded target an embedded cloud is started, so that there is one to
    /// look at.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and [`OpenError::Embedded`].
    pub async fn open_to_look(
        config: Config,
        run: RunId,
        environment: &Environment,
        folder: &Path,
    ) -> Result<Self, OpenError> {
        let site = Self::open(config, run, environment, folder)?;
        if site.shared.is_some() {
            return Ok(site);
        }
        let embedded = embedded::start(EMBEDDED_COMPUTES).await?;
        let shared = Shared::of_embedded(&site.config, &embedded, &run_prefix(&site.run))?;
        Ok(Self { shared: Some(shared), _specimen: Some(embedded.cloud), ..site })
    }

    /// The configuration that it was opened with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether it is the embedded target.
    pub fn is_embedded(&self) -> bool {
        self.config.cloud.is_none()
    }

    /// The operator, then the plain member if there is one; nobody where there is no cloud yet.
    pub fn parties(&self) -> impl Iterator<Item = &Party> {
        self.shared.iter().flat_map(Shared::parties)
    }

    /// Logs in and looks at all that a run relies on.
    pub async fn survey(&self) -> Survey {
        let Some(shared) = &self.shared else { return Survey::default() };
        let logins = join_all(shared.parties().map(|party| party.compute.session().login())).await;
        let operator = &shared.operator.compute;
        // All else needs the version, and fails as it does.
        let version = match logins.first() {
            Some(Ok(_)) => Some(operator.version().await),
            _ => None,
        };
        let range = match &version {
            Some(Ok(_)) => Some(operator.session().range(Service::Compute).await),
            _ => None,
        };
        let answers = range.is_some();
        let looks =
            shared.parties().zip(logins).map(|(party, login)| of_party(party, login, answers));
        let computes = async { if answers { Some(operator.services().await) } else { None } };
        let control = async {
            match shared.control.as_ref().filter(|_| answers) {
                Some(control) => Some(control.knobs().await),
                None => None,
            }
        };
        let (parties, computes, control) = join!(join_all(looks), computes, control);
        Survey { parties, computes, range, version, control }
    }

    /// What `survey`, which is of this site, amounts to.
    ///
    /// # Errors
    ///
    /// The first thing for which the target can't be used.
    pub fn known(&self, survey: &Survey) -> Result<Known, OpenError> {
        let Some(shared) = self.shared.as_ref().filter(|_| !self.is_embedded()) else {
            return Ok(Known::embedded(&self.config));
        };
        let name = |party: &Party| party.compute.session().cloud().name.clone();
        for (party, found) in shared.parties().zip(&survey.parties) {
            let failed = |source| OpenError::Request { name: name(party), source };
            if found.login.clone().map_err(failed)?.project_id.is_none() {
                return Err(OpenError::NoProject { name: name(party) });
            }
        }
        let cloud = shared.operator.compute.session().cloud();
        let failed = |source: &RequestError| OpenError::Request {
            name: cloud.name.clone(),
            source: source.clone(),
        };
        let asked = "asked for, since what it depends on has not failed";
        let version = survey.version.as_ref().expect(asked).as_ref().map_err(failed)?;
        survey.range.as_ref().expect(asked).as_ref().map_err(failed)?;
        let computes = survey.computes.as_ref().expect(asked).as_ref().map_err(failed)?;
        for (party, found) in shared.parties().zip(&survey.parties) {
            let failed = |source| OpenError::Request { name: name(party), source };
            let limits = found.limits.as_ref().expect(asked);
            limits.as_ref().map_err(|error| failed(error.clone()))?;
            found.boot.as_ref().expect(asked).as_ref().map_err(Clone::clone)?;
        }
        let zone = self.config.zone.clone();
        let of_zone = computes.iter().filter(|service| service.is_in(zone.as_deref()));
        let usable = of_zone.filter(|service| service.is_usable()).count();
        let facts = Facts {
            computes: Some(usable),
            zone,
            rooms: survey.rooms(),
            member: shared.member.is_some(),
            allow: self.config.allow.clone(),
            control: survey.control.clone().transpose()?.unwrap_or_default(),
            shared: true,
        };
        let warnings = cloud.warnings.iter().map(|warning| format!("warning: {warning}"));
        let place = facts.in_zone();
        let heading = std::iter::once(format!("target: {} at {}", cloud.name, cloud.auth_url))
            .chain(warnings)
            .chain([format!(
                "compute API {version}, {usable} computes{place} that are enabled and up"
            )])
            .collect();
        Ok(Known { facts, heading })
    }

    /// Makes the site the target of its run: begins the journal, where the cloud outlives the
    /// process. `survey` is of this site.
    ///
    /// # Errors
    ///
    /// The first thing for which the target can't be used, or [`OpenError::Journal`].
    pub async fn begin(self, survey: &Survey) -> Result<Target, OpenError> {
        let known = self.known(survey)?;
        let Self { config, run, shared, _specimen: _ } = self;
        let journal = match (&shared, &config.cloud) {
            (Some(shared), Some(name)) => access::begin_journal(&config, run, name, shared).await?,
            _ => Journal::in_memory(run),
        };
        let shared = shared.filter(|_| config.cloud.is_some());
        Ok(Target::of(config, journal, known, shared))
    }
}

impl Survey {
    /// A room for each project whose quota is limited, as far as that was found out.
    pub fn rooms(&self) -> Vec<Room> {
        room::of(self.parties.iter().filter_map(|party| {
            let (limits, boot) = (party.limits.as_ref()?.as_ref(), party.boot.as_ref()?.as_ref());
            Some((party.account, party.project(), limits.ok()?, &boot.ok()?.flavor))
        }))
    }
}

impl PartySurvey {
    /// The id of the project that was logged in to.
    pub fn project(&self) -> Option<&str> {
        self.login.as_ref().ok()?.project_id.as_deref()
    }
}

/// What an account would boot and may have; asked for only where the compute API answers at all.
async fn of_party(party: &Party, login: Result<Login, RequestError>, answers: bool) -> PartySurvey {
    let limits = match login.is_ok() && answers {
        true => Some(party.compute.limits().await),
        false => None,
    };
    let boot = match &limits {
        Some(Ok(_)) => Some(party.boot().await.cloned()),
        _ => None,
    };
    PartySurvey { account: party.account, login, boot, limits }
}
