//! Why the cloud refuses what it was asked for, in Nova's own words.

/// A request that was not accepted; nothing has changed. The text is what the fault says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such instance, or none that the caller may see.
    #[error("Instance {0} could not be found.")]
    NoInstance(String),
    /// The instance is in a state in which this cannot be done.
    #[error("Cannot '{action}' instance {id} while it is in {attribute} {state}")]
    WrongState {
        /// As the API spells it in this message.
        action: &'static str,
        /// The instance.
        id: String,
        /// `vm_state` or `task_state`.
        attribute: &'static str,
        /// Its value.
        state: &'static str,
    },
    /// The same, when the offending state is none.
    #[error("Instance {id} is in an invalid state for '{action}'")]
    InvalidState {
        /// The instance.
        id: String,
        /// As the API spells it in this message.
        action: &'static str,
    },
    /// Somebody locked the instance.
    #[error("Instance {0} is locked")]
    Locked(String),
    /// The named compute does not exist.
    #[error("Compute host {0} could not be found.")]
    NoComputeHost(String),
    /// The destination is the source.
    #[error("Unable to migrate instance ({id}) to current host ({host}).")]
    ToSelf {
        /// The instance.
        id: String,
        /// Where it is.
        host: String,
    },
    /// A compute that is needed is down.
    #[error("Compute service of {0} is unavailable at this time.")]
    ServiceDown(String),
    /// No compute is fit; the reason may be empty, as Nova's is when placement knows of none.
    #[error("No valid host was found. {0}")]
    NoValidHost(String),
    /// A check on source or destination failed.
    #[error("Migration pre-check error: {0}")]
    PreCheck(String),
    /// A step of the migration failed.
    #[error("Migration error: {0}")]
    Migration(String),
    /// The migration is not one of this instance.
    #[error("Migration {number} not found for instance {id}")]
    NoMigration {
        /// As it was asked for.
        number: String,
        /// The instance.
        id: String,
    },
    /// The migration is in a state in which this cannot be done.
    #[error(
        "Migration {number} state of instance {id} is {state}. Cannot {action} while the migration is in this state."
    )]
    MigrationState {
        /// The record's number.
        number: u64,
        /// The instance.
        id: String,
        /// The record's status.
        state: String,
        /// `abort live migration` or `force complete`.
        action: &'static str,
    },
    /// A limit of the project would be exceeded.
    #[error("{0}")]
    OverQuota(String),
    /// The request makes no sense as it is.
    #[error("{0}")]
    Invalid(String),
    /// The request contradicts what there is.
    #[error("{0}")]
    Conflict(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
}

impl Refused {
    /// The status code that the compute API gives this, where an operation has no rule of its own.
    pub const fn code(&self) -> u16 {
        match self {
            Self::NoInstance(_) | Self::NoMigration { .. } => 404,
            Self::WrongState { .. }
            | Self::InvalidState { .. }
            | Self::Locked(_)
            | Self::Conflict(_) => 409,
            Self::OverQuota(_) | Self::Forbidden(_) => 403,
            Self::NoComputeHost(_)
            | Self::ToSelf { .. }
            | Self::ServiceDown(_)
            | Self::NoValidHost(_)
            | Self::PreCheck(_)
            | Self::Migration(_)
            | Self::MigrationState { .. }
            | Self::Invalid(_) => 400,
        }
    }

    /// "There are not enough hosts available.", Nova's most common reason for failure.
    pub(crate) fn not_enough_hosts() -> Self {
        Self::NoValidHost("There are not enough hosts available.".to_owned())
    }
}
