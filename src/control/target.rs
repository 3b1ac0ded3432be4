//! What a run is pointed at.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::api::discover::{DiscoverError, Wanted};
use crate::api::{self, ExchangeLog, RequestError, Service, Session, SessionSettings};
use crate::config::clouds::{CloudEntry, Clouds, CloudsError, Environment};
use crate::config::{Change, Config, Layers};
use crate::events::names::RunId;
use crate::journal::{Account, Journal, JournalError, Left};
use crate::wait::{Beat, Feed};

use super::access;
use super::cloud::{Cloud, Consumers, Party};
use super::embedded;
use super::need::{Facts, Need};
use super::pending::Pending;
use super::room;
use super::watch::{Migrations, Servers};

/// How many computes an embedded cloud has where a scenario does not ask for more.
const EMBEDDED_COMPUTES: usize = 3;

/// How many it can have; as many as `whimbrel cloud --hosts` takes.
const MOST_EMBEDDED_COMPUTES: usize = 1000;

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
pub(super) struct Shared {
    pub(super) operator: Party,
    pub(super) member: Option<Party>,
}

impl Shared {
    async fn log_in(
        config: &Config,
        names: &str,
        name: &str,
        clouds: &Clouds,
    ) -> Result<Self, OpenError> {
        let beat = Beat::default();
        let operator = party(config, Account::Operator, clouds.cloud(name)?, names, &beat).await?;
        let member = match &config.member {
            None => None,
            Some(member) => {
                Some(party(config, Account::Member, clouds.cloud(member)?, names, &beat).await?)
            }
        };
        Ok(Self { operator, member })
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
        matches!(self, Self::Clouds(_) | Self::Session(_) | Self::Journal(_) | Self::Elsewhere(_))
            || matches!(self, Self::Discover(error) if error.is_configuration())
    }
}

impl Target {
    /// Opens the target that `config` names, for the run `run`.
    ///
    /// On a cloud of `clouds.yaml` this logs in, looks for what to boot with, counts the
    /// computes and begins a journal; the embedded clouds are started by scenarios.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn open(
        config: Config,
        run: RunId,
        environment: &Environment,
        folder: &Path,
    ) -> Result<Self, OpenError> {
        match config.cloud.clone() {
            None => Ok(Self::embedded(config, run)),
            Some(name) => {
                Self::cloud_of(config, run, &name, &Clouds::find(environment, folder)?).await
            }
        }
    }

    fn embedded(config: Config, run: RunId) -> Self {
        let facts = Facts {
            computes: Some(MOST_EMBEDDED_COMPUTES),
            zone: config.zone.clone(),
            rooms: Vec::new(),
            member: true,
            allow: [Change::Hosts].into(),
            shared: false,
        };
        let heading = vec!["target: embedded cloud, one for each scenario".to_owned()];
        Self { config, journal: Journal::in_memory(run), facts, heading, shared: None }
    }

    async fn cloud_of(
        config: Config,
        run: RunId,
        name: &str,
        clouds: &Clouds,
    ) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Request { name: name.to_owned(), source };
        let shared = Shared::log_in(&config, &run_prefix(&run), name, clouds).await?;
        let session = shared.operator.compute.session();
        let mut heading = vec![format!("target: {name} at {}", session.cloud().auth_url)];
        heading
            .extend(session.cloud().warnings.iter().map(|warning| format!("warning: {warning}")));
        let services = shared.operator.compute.services().await.map_err(failed)?;
        let zone = config.zone.clone();
        let of_zone = services.iter().filter(|service| service.is_in(zone.as_deref()));
        let usable = of_zone.filter(|service| service.is_usable()).count();
        let version = shared.operator.compute.version().await.map_err(failed)?;
        for party in [Some(&shared.operator), shared.member.as_ref()].into_iter().flatten() {
            party.boot().await?;
        }
        let facts = Facts {
            computes: Some(usable),
            zone,
            rooms: room::of(&shared, name).await?,
            member: shared.member.is_some(),
            allow: config.allow.clone(),
            shared: true,
        };
        let place = facts.in_zone();
        heading.push(format!(
            "compute API {version}, {usable} computes{place} that are enabled and up"
        ));
        let journal = access::begin_journal(&config, run, name, &shared).await?;
        Ok(Self { config, journal, facts, heading, shared: Some(shared) })
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
        let (operator, member, embedded) = match &self.shared {
            Some(shared) => (shared.operator.clone(), shared.member.clone(), None),
            None => {
                let wanted = needs.iter().filter_map(|need| match need {
                    Need::Computes(count) => Some(*count),
                    Need::Instances(..) | Need::Member | Need::Change(_) => None,
                });
                let computes = wanted.max().unwrap_or(0).max(EMBEDDED_COMPUTES);
                let embedded = embedded::start(computes).await?;
                let beat = Beat::default();
                let operator =
                    party(&self.config, Account::Operator, embedded.operator, &prefix, &beat)
                        .await?;
                let member =
                    party(&self.config, Account::Member, embedded.member, &prefix, &beat).await?;
                (operator, Some(member), Some(Arc::new(embedded.cloud)))
            }
        };
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

/// What the names of the instances of all runs begin with.
pub(crate) const NAMES: &str = "wb-";

/// What the names of a run's instances begin with.
pub(super) fn run_prefix(run: &RunId) -> String {
    format!("{NAMES}{run}-")
}

/// The run by which an instance is named: `wb-`, the run, the scenario's number and its own name.
pub(crate) fn run_named_in(name: &str) -> Option<RunId> {
    let mut parts = name.strip_prefix(NAMES)?.splitn(3, '-');
    let run = RunId::read(parts.next()?)?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_lowercase())
            && part.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    };
    (is_number(parts.next()?) && is_name(parts.next()?)).then_some(run)
}

/// Logs an account in.
async fn party(
    config: &Config,
    account: Account,
    entry: CloudEntry,
    names: &str,
    beat: &Beat,
) -> Result<Party, OpenError> {
    let name = entry.name.clone();
    let settings = SessionSettings {
        connect: config.requests.connect,
        read: config.requests.read,
        backoff: config.requests.retry,
    };
    let session = Session::open(entry, settings)?;
    // The login comes first: of all that can be wrong with a cloud its error says most.
    session.login().await.map_err(|source| OpenError::Request { name, source })?;
    let compute = session.compute();
    let wanted = Wanted {
        image: config.image.clone(),
        flavor: config.flavor.clone(),
        network: config.network.clone(),
        zone: config.zone.clone(),
    };
    Ok(Party {
        account,
        servers: Feed::new(Servers::new(compute.clone(), names.to_owned()), beat.clone()),
        migrations: Feed::new(Migrations::new(compute.clone()), beat.clone()),
        wanted,
        boot: Arc::default(),
        compute,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_named_by_its_run_only_if_all_of_its_name_is_as_we_name() {
        let run = RunId::random();
        for rest in ["1-web", "12-web-again1-3"] {
            let name = format!("{}{rest}", run_prefix(&run));
            assert_eq!(run_named_in(&name), Some(run.clone()), "{name}");
        }
        for other in [
            "wb-abcdefgh",
            "wb-abcdefgh-web",
            "wb-abc-1-web",
            "wb-abcdefgh-1-.*",
            "a-wb-abcdefgh-1-web",
        ] {
            assert_eq!(run_named_in(other), None, "{other}");
        }
    }
}
