//! What takes several calls: boot together, live-migrate, judge, audit, clean up.
//!
//! Steps and the runner's surroundings call these; each takes the scenario's [`Cloud`] and says in
//! words of the features what it found. None of them knows a sentence.

pub mod audit;
pub mod boot;
pub mod clean_up;
pub mod computes;
pub mod confirm;
pub mod diagnosis;
pub mod held;
pub mod in_flight;
pub mod live_migration;
pub mod mark;
pub mod members;
pub mod refusal;
pub mod sweep;

use std::collections::HashMap;

use crate::api::RequestError;
use crate::api::compute::Server;
use crate::api::discover::DiscoverError;
use crate::control::{Cloud, ControlError, Moved, NoControl, NoMember};
use crate::events::names::{ComputeName, InstanceName, MigrationNumber, ServerId};
use crate::journal::{Account, JournalError};
use crate::wait::WaitError;

/// An instance of a scenario.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What the scenario calls it.
    pub name: InstanceName,
    /// With whose credentials it was booted.
    pub account: Account,
    /// The cloud's id.
    pub id: ServerId,
    /// How it was when it was last noted, before the action that is judged.
    pub noted: Server,
    /// Whether something was asked of it since then.
    pub acted_on: bool,
    /// Whether the scenario has deleted it.
    pub deleted: bool,
    /// Whether it was seen to run since it was asked for.
    pub has_run: bool,
    /// The record of the migration that was asked for last, if there is one.
    pub migration: Option<MigrationNumber>,
    /// The answer to that, or to the request that was refused after it.
    pub asked: Option<Answered>,
    /// How many instances the request that made it asked for.
    pub booted_with: u32,
    came_from: Option<ComputeName>,
}

impl Instance {
    /// An instance just made, as the cloud first showed it.
    pub fn new(name: InstanceName, account: Account, seen: Server, booted_with: u32) -> Self {
        let id = seen.id.clone();
        Self {
            name,
            account,
            id,
            noted: seen,
            acted_on: false,
            deleted: false,
            has_run: false,
            migration: None,
            asked: None,
            booted_with,
            came_from: None,
        }
    }

    /// By what its migration records are found.
    pub fn moved(&self) -> Moved {
        Moved::from(&self.noted)
    }

    /// Notes how it is now; a compute that it left is where it came from.
    pub fn note(&mut self, seen: Server) {
        if self.noted.host.is_some() && self.noted.host != seen.host {
            self.came_from = self.noted.host.clone();
        }
        self.noted = seen;
        self.acted_on = false;
        self.has_run = true;
    }

    /// The compute that it was on when it was last noted.
    ///
    /// # Errors
    ///
    /// If it was on none, or the cloud did not say.
    pub fn compute(&self) -> Result<ComputeName, Problem> {
        let host = self.noted.host.clone();
        host.ok_or_else(|| {
            Problem::seen(format!("the cloud does not say on which compute {} is", self.name))
        })
    }

    /// The compute that it was on before it moved to where it was noted.
    ///
    /// # Errors
    ///
    /// If it did not move.
    pub fn came_from(&self) -> Result<ComputeName, Problem> {
        let from = self.came_from.clone();
        from.ok_or_else(|| {
            Problem::seen(format!("{} did not come from another compute", self.name))
        })
    }
}

/// Why an operation did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The cloud could not be asked, or did not answer as the API reference says.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Something did not come.
    #[error(transparent)]
    Wait(#[from] WaitError<RequestError>),
    /// What is to be done can't be written down, so it was not done.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is nothing to boot from.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The cloud's control does not do what it is asked for.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Nothing controls the cloud.
    #[error(transparent)]
    NoControl(#[from] NoControl),
    /// There are no credentials of a plain member.
    #[error(transparent)]
    NoMember(#[from] NoMember),
    /// A sentence names an instance that the scenario does not have.
    #[error(transparent)]
    UnknownInstance(#[from] UnknownInstance),
    /// A sentence refers to something that was not said.
    #[error(transparent)]
    NotSaid(#[from] NotSaid),
    /// What was seen is not what should be.
    #[error("{0}")]
    Seen(String),
}

/// A name that no instance of the scenario has.
#[derive(Debug, thiserror::Error)]
#[error("no instance of this scenario is called {name}; there are: {known}")]
pub struct UnknownInstance {
    /// The name.
    pub name: InstanceName,
    /// Those that there are.
    pub known: String,
}

/// Something that a sentence refers to and no sentence before it said.
#[derive(Debug, thiserror::Error)]
#[error("no step before this one says {0}")]
pub struct NotSaid(pub &'static str);

impl Problem {
    /// What was seen, in words, where it is not what should be.
    pub fn seen(what: impl Into<String>) -> Self {
        Self::Seen(what.into())
    }
}

/// The answer to a request that a feature may judge: accepted, with the request's id, or refused
/// with a reason.
#[derive(Clone, Debug)]
pub struct Answered(Result<String, RequestError>);

impl Answered {
    /// Takes an answer. What is neither a success nor a refusal is a problem of its own: a login
    /// that is not known, a request that took too long, too many requests.
    ///
    /// # Errors
    ///
    /// The request's error, if the cloud did not answer or answered with no code that refuses.
    pub fn from_result(result: Result<String, RequestError>) -> Result<(bool, Self), RequestError> {
        let refuses = |code| matches!(code, 400..=499) && !matches!(code, 401 | 408 | 429);
        match result {
            Ok(request_id) => Ok((true, Self(Ok(request_id)))),
            Err(error) if error.status().is_some_and(refuses) => Ok((false, Self(Err(error)))),
            Err(error) => Err(error),
        }
    }

    /// The refusal; `None` if the request was accepted.
    pub fn refusal(&self) -> Option<&RequestError> {
        self.0.as_ref().err()
    }

    /// The id of the accepted request.
    pub fn request_id(&self) -> Option<&str> {
        self.0.as_deref().ok()
    }
}

/// Looks at an instance, by a request of its own: what is judged must not be remembered from
/// before.
pub(crate) async fn look(cloud: &Cloud, instance: &Instance) -> Result<Server, Problem> {
    let mut seen = look_all(cloud, &[instance]).await?;
    Ok(seen.pop().expect("one look for one instance"))
}

/// Looks at instances, each as its own account sees it and in the same order.
pub(crate) async fn look_all(
    cloud: &Cloud,
    instances: &[&Instance],
) -> Result<Vec<Server>, Problem> {
    let mut seen = HashMap::new();
    for account in [Account::Operator, Account::Member] {
        let of = instances.iter().filter(|instance| instance.account == account);
        let ids: Vec<&ServerId> = of.map(|instance| &instance.id).collect();
        if !ids.is_empty() {
            cloud.party(account)?;
            seen.extend(cloud.servers_now(account, &ids).await?);
        }
    }
    let gone = |instance: &Instance| Problem::seen(format!("{} is gone", instance.name));
    let each = instances
        .iter()
        .map(|instance| seen.get(&instance.id).cloned().ok_or_else(|| gone(instance)));
    each.collect()
}
