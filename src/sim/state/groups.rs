//! Server groups.

use std::collections::BTreeMap;

use super::State;
use super::policy::Caller;
use super::refused::Refused;
use super::server::spelled;
use crate::events::names::ServerId;
use crate::sim::ids;

spelled! {
    /// How the members of a group are to be spread.
    Policy {
        Affinity "affinity",
        AntiAffinity "anti-affinity",
        SoftAffinity "soft-affinity",
        SoftAntiAffinity "soft-anti-affinity",
    }
}

impl Policy {
    /// The policy of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Affinity, Self::AntiAffinity, Self::SoftAffinity, Self::SoftAntiAffinity]
            .into_iter()
            .find(|policy| policy.as_str() == name)
    }
}

/// A server group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Counts up with creation.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Its name; not unique.
    pub name: String,
    /// How its members are spread.
    pub policy: Policy,
    /// How many a host at most, with anti-affinity (2.64); 1 if not said.
    pub max_server_per_host: Option<u64>,
    /// Its members, oldest first, the deleted ones included.
    pub members: Vec<ServerId>,
    /// Whose it is.
    pub project: String,
    /// Who made it.
    pub user: String,
}

/// All groups by id.
pub type Groups = BTreeMap<String, Group>;

impl State {
    /// Makes a server group.
    ///
    /// # Errors
    ///
    /// [`Refused::OverQuota`] if the project has as many as it may.
    pub fn create_group(
        &mut self,
        by: &Caller,
        name: &str,
        policy: Policy,
        max_server_per_host: Option<u64>,
    ) -> Result<Group, Refused> {
        let owned = self.groups.values().filter(|group| group.project == by.project).count();
        let limit = self.quotas_of(&by.project).server_groups;
        if usize::try_from(limit).is_ok_and(|limit| owned >= limit) {
            return Err(Refused::OverQuota("Quota exceeded, too many server groups.".to_owned()));
        }
        let group = Group {
            number: self.groups.values().map(|group| group.number).max().unwrap_or(0) + 1,
            id: ids::uuid(),
            name: name.to_owned(),
            policy,
            max_server_per_host,
            members: Vec::new(),
            project: by.project.clone(),
            user: by.user.clone(),
        };
        self.groups.insert(group.id.clone(), group.clone());
        Ok(group)
    }
}
