//! What a run is pointed at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::api::discover::{DiscoverError, Wanted};
use crate::api::{self, ExchangeLog, Limiters, RequestError, Service, Session, SessionSettings};
use crate::config::clouds::{CloudEntry, Clouds, CloudsError};
use crate::config::{Change, Config, Layers};
use crate::events::names::{NAMES, RunId};
use crate::journal::{Account, Journal, JournalError, Left};
use crate::wait::{Beat, Feed};

use super::access;
use super::beyond::{Control, ControlError};
use super::cloud::{Cloud, Consumers, Party};
use super::embedded::{self, Embedded};
use super::endpoint::Endpoint;
use super::in_process::InProcess;
use super::need::{Facts, Need};
use super::pending::Pending;
use super::survey::Known;
use super::watch::{Migrations, Servers};

/// How many computes an embedded cloud has where a scenario does not ask for more.
pub(super) const EMBEDDED_COMPUTES: usize = 3;

/// What a run is pointed at.
pub struct Target {
    config: Config,
    journal: Journal,
    facts: Facts,
    heading: Vec<String>,
    /// `None`: each scenario gets an embedded cloud of its own.
    shared: Option<Shared>,
}

/// The parties of a cloud that all scenarios share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) operator: Party,
    pub(super) member: Option<Party>,
    /// `None`: nothing controls it beyond its API.
    pub(super) control: Option<Arc<dyn Control>>,
}

impl Shared {
    /// Reads the entries of the clouds that `config` names; nothing is sent yet.
    pub(super) fn open(
        config: &Config,
        names: &str,
        name: &str,
        clouds: &Clouds,
    ) -> Result<Self, OpenError> {
        let common = Common::new(config, names);
        let operator = common.party(Account::Operator, clouds.cloud(name)?)?;
        let member = config
            .member
            .as_deref()
            .map(|member| common.party(Account::Member, clouds.cloud(member)?));
        let control = match &config.control {
            Some(url) => Some(Arc::new(Endpoint::open(url, &config.requests)?) as Arc<dyn Control>),
            None => None,
        };
        Ok(Self { operator, member: member.transpose()?, control })
    }

    /// The parties of an embedded cloud.
    pub(super) fn of_embedded(
        config: &Config,
        embedded: &Embedded,
        names: &str,
    ) -> Result<Self, OpenError> {
        let common = Common::new(config, names);
        let operator = common.party(Account::Operator, embedded.operator.clone())?;
        let member = common.party(Account::Member, embedded.member.clone())?;
        let control = InProcess(embedded.cloud.control());
        Ok(Self { operator, member: Some(member), control: Some(Arc::new(control)) })
    }

    /// The same as [`Self::open`], logged in.
    async fn log_in(
        config: &Config,
        names: &str,
        name: &str,
        clouds: &Clouds,
    ) -> Result<Self, OpenError> {
        let shared = Self::open(config, names, name, clouds)?;
        for party in shared.parties() {
            log_in(party).await?;
        }
        Ok(shared)
    }

    /// All parties, the operator first.
    pub(super) fn parties(&self) -> impl Iterator<Item = &Party> {
        [Some(&self.operator), self.member.as_ref()].into_iter().flatten()
    }
}

/// A target that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The cloud's entry can't be read.
    #[error(transparent)]
    Clouds(#[from] CloudsError),
    /// A certificate or key can't be used.
    #[error(transparent)]
    Session(#[from] api::OpenError),
    /// The cloud does not answer as it should.
    #[error("the cloud {name} can't be used")]
    Request {
        /// Its name in `clouds.yaml`.
        name: String,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// The login is for no project, so nothing can be booted with it.
    #[error(
        "the login to the cloud {name} is for no project; add `project_name` and \
         `project_domain_name` to its entry"
    )]
    NoProject {
        /// Its name in `clouds.yaml`.
        name: String,
    },
    /// The cloud's control does not answer as it should.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// There is nothing to boot from.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The journal can't be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A journal's cloud is another one now.
    #[error(transparent)]
    Elsewhere(#[from] access::Elsewhere),
    /// The embedded cloud can't be started.
    #[error("the embedded cloud can't be started")]
    Embedded(#[source] std::io::Error),
}

impl OpenError {
    /// Whether the user's configuration is at fault, and not the cloud.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Clouds(_)
                | Self::Session(_)
                | Self::NoProject { .. }
                | Self::Journal(_)
                | Self::Elsewhere(_)
        ) || matches!(self, Self::Discover(error) if error.is_configuration())
    }
}

impl Target {
    /// What scenarios are run on, once a survey has found nothing against it.
    pub(super) fn of(
        config: Config,
        journal: Journal,
        known: Known,
        shared: Option<Shared>,
    ) -> Self {
        let Known { facts, heading } = known;
        Self { config, journal, facts, heading, shared }
    }

    fn embedded(config: Config, run: RunId) -> Self {
        let known = Known::embedded(&config);
        Self::of(config, Journal::in_memory(run), known, None)
    }

    /// Opens the cloud that the journal `left` names, to undo what its run left behind.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn for_sweep(
        config: &Config,
        left: &Left,
        clouds: &Clouds,
    ) -> Result<Cloud, OpenError> {
        access::same_urls(left, clouds)?;
        let shared = Shared::log_in(config, &run_prefix(&left.run), &left.cloud, clouds).await?;
        access::same_projects(left, &shared).await?;
        Self::for_undoing(config, left.journal().clone(), shared, BTreeSet::new()).await
    }

    /// Opens the cloud `name` to look for what runs left behind whose journals are gone; see
    /// [`Cloud::of_run`].
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn for_survey(
        config: &Config,
        name: &str,
        clouds: &Clouds,
    ) -> Result<Cloud, OpenError> {
        let shared = Shared::log_in(config, NAMES, name, clouds).await?;
        let journal = Journal::in_memory(RunId::random());
        Self::for_undoing(config, journal, shared, config.allow.clone()).await
    }

    async fn for_undoing(
        config: &Config,
        journal: Journal,
        shared: Shared,
        allow: BTreeSet<Change>,
    ) -> Result<Cloud, OpenError> {
        let facts = Facts {
            computes: None,
            zone: None,
            rooms: Vec::new(),
            member: shared.member.is_some(),
            allow,
            control: BTreeSet::new(),
            shared: true,
        };
        let (config, heading) = (config.clone(), Vec::new());
        Self { config, journal, facts, heading, shared: Some(shared) }.cloud(0, &[]).await
    }

    /// An embedded cloud by itself, with the settings that nobody changed.
    ///
    /// # Errors
    ///
    /// [`OpenError::Embedded`], or what its own API answers.
    pub async fn embedded_cloud() -> Result<Cloud, OpenError> {
        let config = Config::resolve(&Layers::default()).expect("every default can be read");
        Self::embedded(config, RunId::random()).cloud(1, &[]).await
    }

    /// What the target is, a line each.
    pub fn heading(&self) -> &[String] {
        &self.heading
    }

    /// What the target has.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The run's journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The cloud of the scenario with this number, which needs `needs`.
    ///
    /// # Errors
    ///
    /// [`OpenError`], on the embedded target only.
    pub async fn cloud(&self, scenario: usize, needs: &[Need]) -> Result<Cloud, OpenError> {
        let prefix = format!("{}{scenario}-", run_prefix(self.journal.run()));
        let log = ExchangeLog::default();
        let (shared, embedded) = match &self.shared {
            Some(shared) => (shared.clone(), None),
            None => {
                let wanted = needs.iter().filter_map(|need| match need {
                    Need::Computes(count) => Some(*count),
                    Need::Instances(..) | Need::Member | Need::Change(_) | Need::Control(_) => None,
                });
                let computes = wanted.max().unwrap_or(0).max(EMBEDDED_COMPUTES);
                let embedded = embedded::start(computes).await?;
                let shared = Shared::of_embedded(&self.config, &embedded, &prefix)?;
                for party in shared.parties() {
                    log_in(party).await?;
                }
                (shared, Some(Arc::new(embedded.cloud)))
            }
        };
        let Shared { operator, member, control } = shared;
        let polls = operator.compute.session().log().clone();
        let operator = logged(&operator, &log);
        let member = member.map(|member| logged(&member, &log));
        let session = operator.compute.session();
        // A session of the scenario's own began with it.
        let began = if self.shared.is_some() { session.age() } else { Duration::ZERO };
        Ok(Cloud {
            polls,
            began,
            pending: Pending::default(),
            consumers: Consumers::default(),
            control,
            number: scenario,
            operator,
            member,
            paces: self.config.paces,
            requests: self.config.requests,
            journal: self.journal.scope(),
            facts: self.facts.clone(),
            log,
            prefix,
            _embedded: embedded,
        })
    }
}

/// What the names of a run's instances begin with.
pub(super) fn run_prefix(run: impl std::fmt::Display) -> String {
    format!("{NAMES}{run}-")
}

/// What all parties of a cloud share.
struct Common<'a> {
    config: &'a Config,
    /// What the names of the instances begin with.
    names: &'a str,
    settings: SessionSettings,
    beat: Beat,
}

impl<'a> Common<'a> {
    fn new(config: &'a Config, names: &'a str) -> Self {
        let settings = SessionSettings {
            connect: config.requests.connect,
            read: config.requests.read,
            retries: config.requests.retry,
            limiters: Limiters::new(config.requests.limits),
        };
        Self { config, names, settings, beat: Beat::default() }
    }

    /// An account's way to the cloud; nothing is sent before it is used.
    fn party(&self, account: Account, entry: CloudEntry) -> Result<Party, OpenError> {
        let compute = Session::open(entry, self.settings.clone())?.compute();
        let Config { image, flavor, network, zone, .. } = self.config;
        let wanted = Wanted {
            image: image.clone(),
            flavor: flavor.clone(),
            network: network.clone(),
            zone: zone.clone(),
        };
        let servers = Servers::new(compute.clone(), self.names.to_owned());
        Ok(Party {
            account,
            servers: Feed::new(servers, self.beat.clone()),
            migrations: Feed::new(Migrations::new(compute.clone()), self.beat.clone()),
            wanted,
            boot: Arc::default(),
            compute,
        })
    }
}

/// Logs an account in, before anything else is asked: of all that can be wrong with a cloud this
/// error says most.
async fn log_in(party: &Party) -> Result<(), OpenError> {
    let session = party.compute.session();
    let failed = |source| OpenError::Request { name: session.cloud().name.clone(), source };
    session.login().await.map(drop).map_err(failed)
}

/// The same party, with its own requests logged to a scenario.
fn logged(party: &Party, log: &ExchangeLog) -> Party {
    let compute = party.compute.session().logged_to(log.clone()).compute();
    Party { compute, ..party.clone() }
}

/// Whether the cloud has placement; without it nobody can say what is allocated.
pub(crate) async fn has_placement(party: &Party) -> Result<bool, RequestError> {
    party.compute.session().has(Service::Placement).await
}
