//! The lines of a journal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::events::names::{ComputeName, RunId, ServerId};

/// Whose credentials a thing was made with; it is found and removed with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Account {
    /// The cloud that the run was pointed at.
    Operator,
    /// The plain member beside it (setting `member`).
    Member,
}

/// What a name of `clouds.yaml` meant to a run. Names are given anew; this tells whether one still
/// means the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The identity service, without credentials, `/v3` or a slash at the end.
    pub auth_url: String,
    /// The project's id, if the login was for a project.
    pub project: Option<String>,
}

/// What a compute's service was before a run changed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceBefore {
    /// Whether the scheduler might choose it.
    pub enabled: bool,
    /// The reason that stood with a disabled service.
    pub disabled_reason: Option<String>,
    /// Whether it was forced down.
    pub forced_down: bool,
}

/// What a run sets of a compute's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceSet {
    /// Disabled, with [`disabled_reason`] as the reason.
    Disabled,
    /// Forced down.
    ForcedDown,
}

/// Something that goes on as the run has ordered it, beyond the cloud's API, until it is released.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Live migrations of this instance stand still.
    Migration(ServerId),
    /// All boots stand still.
    Boots,
    /// This compute is away.
    Compute(ComputeName),
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Migration(id) => write!(f, "live migrations of {id}, which are held"),
            Self::Boots => f.write_str("all boots, which are held"),
            Self::Compute(name) => write!(f, "{name}, which was taken away"),
        }
    }
}

/// The reason that stands with a service which `run` has disabled; it proves that nobody else has
/// since.
pub fn disabled_reason(run: &RunId) -> String {
    format!("whimbrel run {run}")
}

/// The run that has disabled a service, by the reason that stands with it.
pub fn run_that_disabled(reason: &str) -> Option<RunId> {
    RunId::read(reason.strip_prefix("whimbrel run ")?)
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum Entry {
    /// The first line: which run on which cloud.
    Run {
        /// The run.
        run: RunId,
        /// The cloud's name in `clouds.yaml`.
        cloud: String,
        /// What that name meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<Access>,
        /// The name in `clouds.yaml` of the plain member's view of it, if the run had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<String>,
        /// What the member's name meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member_access: Option<Access>,
        /// When the run began.
        started: jiff::Timestamp,
    },
    /// Instances of this name are about to be created; the cloud appends `-1`, `-2`, … where one
    /// request asks for several.
    Creating {
        /// With whose credentials.
        account: Account,
        /// The unique name that the request carries.
        name: String,
    },
    /// Such an instance was seen.
    Created {
        /// The name of the request.
        name: String,
        /// The instance.
        id: ServerId,
    },
    /// Nothing that was created under this name is left.
    Removed {
        /// The name of the request.
        name: String,
    },
    /// A compute's service is about to be changed.
    Changing {
        /// The compute.
        compute: ComputeName,
        /// What it was; only the first such line of a compute counts.
        before: ServiceBefore,
        /// What is set; `None` in an old journal: either.
        #[serde(default)]
        set: Option<ServiceSet>,
    },
    /// A compute's service is as it was.
    Restored {
        /// The compute.
        compute: ComputeName,
    },
    /// Something is about to be held.
    Holding {
        /// What.
        hold: Hold,
    },
    /// It goes on by itself again.
    Released {
        /// What.
        hold: Hold,
    },
}

impl Entry {
    /// Whether it says that something is undone.
    pub(super) fn is_undone(&self) -> bool {
        matches!(self, Self::Removed { .. } | Self::Restored { .. } | Self::Released { .. })
    }

    /// The name of the request that it is about, if it is about instances.
    pub(super) fn request(&self) -> Option<&str> {
        match self {
            Self::Creating { name, .. } | Self::Created { name, .. } | Self::Removed { name } => {
                Some(name)
            }
            Self::Run { .. }
            | Self::Changing { .. }
            | Self::Restored { .. }
            | Self::Holding { .. }
            | Self::Released { .. } => None,
        }
    }
}
