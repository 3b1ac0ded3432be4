//! What one scenario knows: its cloud, its instances by name, and what was noted before an action.
//!
//! Steps ask the world for what a sentence names and hand that to [`crate::operations`]; the world
//! calls those itself only where it has to note what comes back.

mod destination;
mod in_flight;
mod instances;
mod words;

use futures_util::future::{join_all, try_join_all};

use crate::control::{Cloud, OpenError, Target};
use crate::events::names::{ComputeName, InstanceName};
use crate::journal::Account;
use crate::operations::live_migration::{self, Asked};
use crate::operations::members::Seen;
use crate::operations::{
    Answered, Instance, NotSaid, Problem, UnknownInstance, boot, computes, look,
};

pub use destination::Destination;
pub use instances::Instances;
pub use words::{Asks, BootsAt, Ends, FailsAt, UnknownWords, Where};

/// The world of one scenario.
#[derive(Debug, cucumber::World)]
#[world(init = Self::on_an_embedded_cloud)]
pub struct ComputeWorld {
    /// The scenario's cloud.
    pub cloud: Cloud,
    /// The compute that a step disabled.
    pub disabled: Option<ComputeName>,
    /// The compute that a step took down.
    pub down: Option<ComputeName>,
    /// What the member was shown of an instance.
    pub seen_by_member: Option<Seen>,
    instances: Instances,
    destination: Option<ComputeName>,
    answer: Option<Answered>,
}

impl ComputeWorld {
    /// The world of a scenario on `cloud`.
    pub fn new(cloud: Cloud) -> Self {
        Self {
            cloud,
            disabled: None,
            down: None,
            seen_by_member: None,
            instances: Instances::default(),
            destination: None,
            answer: None,
        }
    }

    /// A world on an embedded cloud of its own, for a runner that makes worlds without arguments.
    async fn on_an_embedded_cloud() -> Result<Self, OpenError> {
        Ok(Self::new(Target::embedded_cloud().await?))
    }

    /// Boots `count` instances by one request: `name` itself, or `name-1`, `name-2`, ….
    ///
    /// # Errors
    ///
    /// If the request is not accepted, or its instances are not found.
    pub async fn boot_together(
        &mut self,
        account: Account,
        name: &InstanceName,
        count: u32,
    ) -> Result<(), Problem> {
        let booted = boot::together(&self.cloud, account, name, count).await?;
        self.instances.extend(booted);
        Ok(())
    }

    /// Boots `name-1`, `name-2`, … by `count` requests, all sent before the first is answered.
    ///
    /// # Errors
    ///
    /// If a request is not accepted, or its instance is not found; the others are noted all the same.
    pub async fn boot_separately(
        &mut self,
        name: &InstanceName,
        count: u32,
    ) -> Result<(), Problem> {
        let names: Vec<InstanceName> = InstanceName::numbered(name, count).collect();
        let requests =
            names.iter().map(|name| boot::together(&self.cloud, Account::Operator, name, 1));
        let mut first_problem = Ok(());
        for booted in join_all(requests).await {
            match booted {
                Ok(booted) => self.instances.extend(booted),
                Err(problem) => first_problem = first_problem.and(Err(problem)),
            }
        }
        first_problem
    }

    /// Waits until the instances that were just asked for run, and notes how each is then.
    ///
    /// # Errors
    ///
    /// If one does not run in time, or never will.
    pub async fn until_new_ones_run(&mut self) -> Result<(), Problem> {
        let new = self.instances.iter().filter(|instance| !instance.has_run);
        let waits = new.map(|instance| boot::until_running(&self.cloud, instance));
        let running = try_join_all(waits).await?;
        self.instances.note(running);
        Ok(())
    }

    /// Waits until every instance runs; those that did not before are noted.
    ///
    /// # Errors
    ///
    /// If there is none, or one does not run in time, or never will.
    pub async fn until_all_run(&mut self) -> Result<(), Problem> {
        let all = self.all()?.into_iter();
        let waits = all.map(|instance| boot::until_running(&self.cloud, instance));
        let mut running = try_join_all(waits).await?;
        running.retain(|seen| self.instances.iter().any(|own| own.id == seen.id && !own.has_run));
        self.instances.note(running);
        Ok(())
    }

    /// Notes how an instance is just now, for later comparison.
    ///
    /// # Errors
    ///
    /// If the cloud can't be asked, or the instance is gone.
    pub async fn note(&mut self, name: &InstanceName) -> Result<(), Problem> {
        let seen = look(&self.cloud, self.instances.get(name)?).await?;
        self.instances.note(vec![seen]);
        Ok(())
    }

    /// Asks for the live migration of an instance and notes its record, or the refusal.
    ///
    /// # Errors
    ///
    /// If the instance or the destination is unknown, or the cloud can't be asked.
    pub async fn live_migrate(
        &mut self,
        name: &InstanceName,
        to: Option<Destination>,
    ) -> Result<(), Problem> {
        let to = match to {
            Some(destination) => Some(self.place(name, destination).await?),
            None => None,
        };
        self.live_migrate_to(name, to).await
    }

    /// The same, to the compute of that name.
    async fn live_migrate_to(
        &mut self,
        name: &InstanceName,
        to: Option<ComputeName>,
    ) -> Result<(), Problem> {
        let asked = live_migration::ask(&self.cloud, self.instances.get(name)?, to.clone()).await?;
        self.destination = to;
        self.note_asked(name, asked);
        Ok(())
    }

    /// Asks for the live migration of every instance, all sent before the first is answered.
    ///
    /// # Errors
    ///
    /// If the cloud can't be asked.
    pub async fn live_migrate_all(&mut self) -> Result<(), Problem> {
        self.live_migrate_first(self.instances.iter().count()).await
    }

    /// Asks for the live migration of the first `count` instances, all sent before the first is
    /// answered.
    ///
    /// # Errors
    ///
    /// If there are not so many, or the cloud can't be asked.
    pub async fn live_migrate_first(&mut self, count: usize) -> Result<(), Problem> {
        let all = self.all()?;
        let first = all.get(..count).ok_or_else(|| {
            Problem::seen(format!("the scenario has {} instances, not {count}", all.len()))
        })?;
        let asked = live_migration::ask_all(&self.cloud, Account::Operator, first, None).await?;
        for (name, asked) in self.names().into_iter().zip(asked) {
            self.note_asked(&name, asked);
        }
        Ok(())
    }

    /// Asks for the live migration of an instance with the plain member's credentials.
    ///
    /// # Errors
    ///
    /// If the instance is unknown, or the cloud can't be asked.
    pub async fn live_migrate_as_member(&mut self, name: &InstanceName) -> Result<(), Problem> {
        let asked =
            live_migration::ask_as(&self.cloud, Account::Member, self.instances.get(name)?, None)
                .await?;
        self.note_asked(name, asked);
        Ok(())
    }

    fn note_asked(&mut self, name: &InstanceName, asked: Asked) {
        self.answer = Some(asked.answer.clone());
        self.instances.note_asked(name, asked);
    }

    /// The compute that a sentence names by its part in the scenario.
    async fn place(
        &self,
        name: &InstanceName,
        destination: Destination,
    ) -> Result<ComputeName, Problem> {
        let instance = self.instances.get(name)?;
        Ok(match destination {
            Destination::Another => {
                computes::another_than(&self.cloud, &instance.compute()?).await?
            }
            Destination::Own => instance.compute()?,
            Destination::CameFrom => instance.came_from()?,
            Destination::Unknown => ComputeName::new("no-such-compute"),
            Destination::Disabled => self.disabled()?.clone(),
            Destination::Down => self.down.clone().ok_or(NotSaid("which compute is down"))?,
        })
    }

    /// The instance of that name.
    ///
    /// # Errors
    ///
    /// [`UnknownInstance`], which names those that there are.
    pub fn instance(&self, name: &InstanceName) -> Result<&Instance, UnknownInstance> {
        self.instances.get(name)
    }

    /// All instances, in the order in which they were asked for.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter()
    }

    /// All instances that the scenario has not deleted, at least one.
    ///
    /// # Errors
    ///
    /// If there is none, so that nothing that is said of all of them is worth anything.
    pub fn all(&self) -> Result<Vec<&Instance>, NotSaid> {
        let all: Vec<&Instance> =
            self.instances.iter().filter(|instance| !instance.deleted).collect();
        if all.is_empty() { Err(NotSaid("which instances there are")) } else { Ok(all) }
    }

    /// The instances that were acted on since they were noted, at least one.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn acted_on(&self) -> Result<Vec<&Instance>, NotSaid> {
        let mut acted_on = self.all()?;
        acted_on.retain(|instance| instance.acted_on);
        if acted_on.is_empty() {
            return Err(NotSaid("which instances the operator live-migrates"));
        }
        Ok(acted_on)
    }

    /// The instances that nobody acted on, at least one.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn others(&self) -> Result<Vec<&Instance>, NotSaid> {
        let mut others = self.all()?;
        others.retain(|instance| !instance.acted_on);
        if others.is_empty() { Err(NotSaid("which other instances there are")) } else { Ok(others) }
    }

    /// The names of all instances, in the order in which they were asked for.
    pub fn names(&self) -> Vec<InstanceName> {
        self.instances.iter().map(|instance| instance.name.clone()).collect()
    }

    /// The compute that the instance was on when it was last noted.
    ///
    /// # Errors
    ///
    /// If the instance is unknown, or on no compute that may be seen.
    pub fn compute_of(&self, name: &InstanceName) -> Result<ComputeName, Problem> {
        self.instances.get(name)?.compute()
    }

    /// The compute that the last migration was to lead to.
    ///
    /// # Errors
    ///
    /// If no migration named one.
    pub fn destination(&self) -> Result<ComputeName, NotSaid> {
        self.destination.clone().ok_or(NotSaid("which compute the instance was to move to"))
    }

    /// The compute that was disabled.
    ///
    /// # Errors
    ///
    /// If none was.
    pub fn disabled(&self) -> Result<&ComputeName, NotSaid> {
        self.disabled.as_ref().ok_or(NotSaid("which compute is disabled"))
    }

    /// What the member was shown.
    ///
    /// # Errors
    ///
    /// If no member looked.
    pub fn seen_by_member(&self) -> Result<&Seen, NotSaid> {
        self.seen_by_member.as_ref().ok_or(NotSaid("what the member looked at"))
    }

    /// Notes the answer that a later step judges.
    pub fn note_answer(&mut self, answer: Answered) {
        self.answer = Some(answer);
    }

    /// The answer to the last request that a step may judge.
    ///
    /// # Errors
    ///
    /// If there was none.
    pub fn answer(&self) -> Result<&Answered, NotSaid> {
        self.answer.as_ref().ok_or(NotSaid("what was asked for"))
    }
}
