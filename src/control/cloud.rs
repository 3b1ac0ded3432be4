//! A scenario's view of its target.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::api::compute::{Compute, Networks};
use crate::api::discover::{self, Boot, DiscoverError, Wanted};
use crate::api::{Exchange, ExchangeLog};
use crate::config::{Paces, Requests};
use crate::events::names::{InstanceName, RunId};
use crate::journal::{Account, Journal};
use crate::wait::Feed;

use super::beyond::{Control, NoControl};
use super::need::Facts;
use super::pending::Pending;
use super::target::run_prefix;
use super::watch::{Migrations, Servers};

/// One account's way to a cloud.
#[derive(Clone)]
pub struct Party {
    /// Whose it is.
    pub account: Account,
    /// Compute calls, logged to the scenario.
    pub compute: Compute,
    /// The instances of this account, watched together with other scenarios.
    pub servers: Feed<Servers>,
    /// Their migration records; an operator's only.
    pub migrations: Feed<Migrations>,
    pub(super) wanted: Wanted,
    pub(super) boot: Arc<OnceCell<Boot>>,
}

impl Party {
    /// What to boot with: what the user named, else the smallest that fits; looked for once.
    ///
    /// # Errors
    ///
    /// [`DiscoverError`], which lists what the cloud has.
    pub async fn boot(&self) -> Result<&Boot, DiscoverError> {
        self.boot.get_or_try_init(|| discover::boot(&self.compute, &self.wanted)).await
    }

    /// Whether instances of this account are connected to a network, and so have ports.
    pub fn connects(&self) -> bool {
        self.boot.get().is_some_and(|boot| boot.networks != Networks::None)
    }
}

/// Who may be charged in placement because of a scenario: the ids of its instances and of its
/// migration records, each with what it is. It outlives them, so that a charge that is left is
/// known for ours when they are gone.
#[derive(Clone, Debug, Default)]
pub struct Consumers(Arc<Mutex<BTreeMap<String, String>>>);

impl Consumers {
    /// Notes that `id` is `what`.
    pub fn note(&self, id: impl ToString, what: impl Into<String>) {
        let mut consumers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        consumers.entry(id.to_string()).or_insert_with(|| what.into());
    }

    /// All that were noted.
    pub fn all(&self) -> BTreeMap<String, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The cloud of one scenario.
#[derive(Clone)]
pub struct Cloud {
    /// The operator.
    pub operator: Party,
    /// The plain member, if their credentials are known.
    pub member: Option<Party>,
    /// How the suite looks for what it waits for.
    pub paces: Paces,
    /// How requests are bounded and tried again.
    pub requests: Requests,
    /// The scenario's scope of the run's journal.
    pub journal: Journal,
    /// What the target has and allows.
    pub facts: Facts,
    /// The scenario's requests that must not be dropped half-way.
    pub pending: Pending,
    /// Who may be charged in placement because of this scenario.
    pub consumers: Consumers,
    pub(super) control: Option<Arc<dyn Control>>,
    /// The scenario's requests.
    pub log: ExchangeLog,
    /// When the scenario began, by the clock of the operator's session.
    pub(super) began: Duration,
    /// The scenario's number in the run, from 1; 0 for none.
    pub number: usize,
    /// The requests of the looks that all scenarios share.
    pub(super) polls: ExchangeLog,
    /// What the names of this scenario's instances begin with.
    pub(super) prefix: String,
    /// The simulated cloud behind it, which ends with its last user.
    pub(super) _embedded: Option<Arc<crate::sim::Cloud>>,
}

/// There are no credentials of a plain member.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there are no credentials of a plain member; name their cloud in the setting `member`")]
pub struct NoMember;

impl Cloud {
    /// The party of an account.
    ///
    /// # Errors
    ///
    /// [`NoMember`].
    pub fn party(&self, account: Account) -> Result<&Party, NoMember> {
        match account {
            Account::Operator => Ok(&self.operator),
            Account::Member => self.member.as_ref().ok_or(NoMember),
        }
    }

    /// What may be done to the cloud beyond its API.
    ///
    /// # Errors
    ///
    /// [`NoControl`].
    pub fn control(&self) -> Result<&Arc<dyn Control>, NoControl> {
        self.control.as_ref().ok_or(NoControl)
    }

    /// The same cloud for what `run` left behind, whose journal is gone: what is undone is noted
    /// nowhere but here.
    pub fn of_run(&self, run: &RunId) -> Self {
        Self {
            journal: Journal::in_memory(run.clone()),
            pending: Pending::default(),
            consumers: Consumers::default(),
            prefix: run_prefix(run),
            ..self.clone()
        }
    }

    /// All parties.
    pub fn parties(&self) -> impl Iterator<Item = &Party> {
        [Some(&self.operator), self.member.as_ref()].into_iter().flatten()
    }

    /// A name for the cloud that no other request of any run has: run, scenario, name and, if the
    /// first try came to nothing, the try.
    pub fn unique_name(&self, name: &InstanceName, attempt: u32) -> String {
        match attempt {
            0 => format!("{}{name}", self.prefix),
            again => format!("{}{name}-again{again}", self.prefix),
        }
    }

    /// Everything that was asked for the scenario since it began: its own requests, and those of
    /// the looks that it shares with others; the oldest first.
    pub fn exchanges(&self) -> Vec<(Duration, Exchange)> {
        let shared = self.polls.exchanges().into_iter().filter(|poll| poll.started >= self.began);
        let mut all: Vec<Exchange> = self.log.exchanges().into_iter().chain(shared).collect();
        all.sort_by_key(|exchange| exchange.started);
        let since = |exchange: &Exchange| exchange.started.saturating_sub(self.began);
        all.into_iter().map(|exchange| (since(&exchange), exchange)).collect()
    }

    /// What the names of this scenario's instances begin with, and of no others.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cloud({})", self.prefix)
    }
}
