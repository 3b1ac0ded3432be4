//! A server as `GET /servers/{id}` shows it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::events::names::{ComputeName, ReservationId, ServerId};

super::words! {
    /// What a server is, put together by the API from its state and its task.
    Status {
        /// Running. Also shown during tasks such as `deleting`: look at the task, too.
        Active = "ACTIVE",
        /// Being made.
        Build = "BUILD",
        /// Gone; shown only to those who ask for deleted ones.
        Deleted = "DELETED",
        /// Broken; the fault says why.
        Error = "ERROR",
        /// Being reset.
        HardReboot = "HARD_REBOOT",
        /// Being live-migrated.
        Migrating = "MIGRATING",
        /// Its password is being set.
        Password = "PASSWORD",
        /// Stopped in memory.
        Paused = "PAUSED",
        /// Being restarted.
        Reboot = "REBOOT",
        /// Being made anew.
        Rebuild = "REBUILD",
        /// Runs from a rescue image.
        Rescue = "RESCUE",
        /// Being resized or cold-migrated.
        Resize = "RESIZE",
        /// A resize is being taken back.
        RevertResize = "REVERT_RESIZE",
        /// Put away as an image.
        Shelved = "SHELVED",
        /// Put away and off its compute.
        ShelvedOffloaded = "SHELVED_OFFLOADED",
        /// Stopped.
        Shutoff = "SHUTOFF",
        /// Deleted, but to be had back for a while.
        SoftDeleted = "SOFT_DELETED",
        /// Stopped on disk.
        Suspended = "SUSPENDED",
        /// Resized or cold-migrated, waiting for a yes or no.
        VerifyResize = "VERIFY_RESIZE",
    }
}

super::words! {
    /// What is being done to a server (`OS-EXT-STS:task_state`); those that the suite meets.
    TaskState {
        /// Waiting for a compute to be chosen.
        Scheduling = "scheduling",
        /// Its ports are being made.
        Networking = "networking",
        /// Its volumes are being attached.
        BlockDeviceMapping = "block_device_mapping",
        /// The hypervisor is making it.
        Spawning = "spawning",
        /// A live migration is under way.
        Migrating = "migrating",
        /// It is being deleted.
        Deleting = "deleting",
        /// It is being paused.
        Pausing = "pausing",
        /// It is being unpaused.
        Unpausing = "unpausing",
        /// It is being suspended.
        Suspending = "suspending",
        /// It is being resumed.
        Resuming = "resuming",
        /// It is being stopped.
        PoweringOff = "powering-off",
        /// It is being started.
        PoweringOn = "powering-on",
    }
}

/// What the hypervisor says (`OS-EXT-STS:power_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "i64")]
pub enum PowerState {
    /// 0: nothing known.
    NoState,
    /// 1.
    Running,
    /// 3.
    Paused,
    /// 4.
    Shutdown,
    /// 6.
    Crashed,
    /// 7.
    Suspended,
    /// A number that is not in the API reference.
    Unknown(i64),
}

impl From<i64> for PowerState {
    fn from(number: i64) -> Self {
        match number {
            0 => Self::NoState,
            1 => Self::Running,
            3 => Self::Paused,
            4 => Self::Shutdown,
            6 => Self::Crashed,
            7 => Self::Suspended,
            other => Self::Unknown(other),
        }
    }
}

/// Why a server is in `ERROR` (`fault`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ServerFault {
    /// An HTTP-like code, 500 for most.
    #[serde(default)]
    pub code: u16,
    /// In the cloud's words.
    #[serde(default)]
    pub message: String,
    /// More, for operators only.
    pub details: Option<String>,
}

/// A server. Fields are `None` where the API doesn't show them to us, or not at this
/// microversion, or where there is nothing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its name; absent in the partial records of an unreachable cell.
    #[serde(default)]
    pub name: String,
    /// What it is.
    pub status: Status,
    /// What is being done to it; `None` = nothing.
    #[serde(default, rename = "OS-EXT-STS:task_state")]
    pub task_state: Option<TaskState>,
    /// Nova's own state behind the status.
    #[serde(default, rename = "OS-EXT-STS:vm_state")]
    pub vm_state: Option<String>,
    /// What the hypervisor says.
    #[serde(default, rename = "OS-EXT-STS:power_state")]
    pub power_state: Option<PowerState>,
    /// The compute it is on; operators only.
    #[serde(default, rename = "OS-EXT-SRV-ATTR:host")]
    pub host: Option<ComputeName>,
    /// The hypervisor it is on; operators only.
    #[serde(default, rename = "OS-EXT-SRV-ATTR:hypervisor_hostname")]
    pub hypervisor_hostname: Option<String>,
    /// A hash of project and compute: a member can see that it changes, not what it means.
    #[serde(default, rename = "hostId", deserialize_with = "null_is_empty")]
    pub host_id: String,
    /// Its place among those of its request, from 0; since 2.3, operators only.
    #[serde(default, rename = "OS-EXT-SRV-ATTR:launch_index")]
    pub launch_index: Option<u32>,
    /// What all of one request share; since 2.3, operators only.
    #[serde(default, rename = "OS-EXT-SRV-ATTR:reservation_id")]
    pub reservation_id: Option<ReservationId>,
    /// The zone of its compute.
    #[serde(default, rename = "OS-EXT-AZ:availability_zone")]
    pub availability_zone: Option<String>,
    /// Its addresses by network; empty while it has no ports.
    #[serde(default)]
    pub addresses: BTreeMap<String, serde_json::Value>,
    /// Why it is in `ERROR`; hidden in any other state.
    pub fault: Option<ServerFault>,
    /// What its creator wrote on it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: BTreeMap<String, String>,
    /// The project that owns it.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// The user who made it.
    #[serde(default)]
    pub user_id: Option<String>,
    /// Percent of what is being done.
    pub progress: Option<u32>,
    /// Whether members may change it; since 2.9.
    pub locked: Option<bool>,
    /// The groups it is a member of; since 2.71, not in lists.
    pub server_groups: Option<Vec<String>>,
    /// When it was made, as the cloud writes it.
    #[serde(default)]
    pub created: Option<String>,
    /// When it last changed, as the cloud writes it.
    #[serde(default)]
    pub updated: Option<String>,
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Server {
    /// Whether it is connected to a network.
    pub fn has_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Status and task, such as `BUILD/spawning` or `ACTIVE`.
    pub fn state_line(&self) -> String {
        match &self.task_state {
            Some(task) => format!("{}/{task}", self.status),
            None => self.status.to_string(),
        }
    }

    /// The state with the cloud's reason, such as `ERROR: No valid host was found.`
    pub fn fault_line(&self) -> String {
        match &self.fault {
            Some(fault) if !fault.message.is_empty() => {
                format!("{}: {}", self.state_line(), fault.message)
            }
            _ => format!("{} without a fault", self.state_line()),
        }
    }
}

impl fmt::Display for Server {
    /// Name, state and compute, such as `web-1 MIGRATING/migrating on compute-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.state_line())?;
        match &self.host {
            Some(host) => write!(f, " on {host}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_view_is_read_whole() {
        let server: Server = serde_json::from_str(
            r#"{"id":"6f0c","name":"web-1","status":"BUILD","OS-EXT-STS:task_state":"spawning",
                "OS-EXT-STS:vm_state":"building","OS-EXT-STS:power_state":0,"hostId":"ab",
                "OS-EXT-SRV-ATTR:host":"compute-1","OS-EXT-SRV-ATTR:launch_index":1,
                "OS-EXT-SRV-ATTR:reservation_id":"r-1","metadata":{"run":"x"},"newer":{"field":1}}"#,
        )
        .expect("a server");
        assert_eq!(server.state_line(), "BUILD/spawning");
        assert_eq!(server.to_string(), "web-1 BUILD/spawning on compute-1");
        assert_eq!(server.launch_index, Some(1));
    }

    #[test]
    fn a_members_view_and_a_lost_cells_record_are_read_too() {
        let member: Server = serde_json::from_str(
            r#"{"id":"6f0c","name":"web","status":"ACTIVE","OS-EXT-STS:task_state":null}"#,
        )
        .expect("a server");
        assert_eq!((member.task_state, member.host), (None, None));
        let lost: Server = serde_json::from_str(
            r#"{"id":"6f0c","status":"UNKNOWN","tenant_id":"p","hostId":null}"#,
        )
        .expect("a server");
        assert_eq!(lost.status, Status::Unknown("UNKNOWN".to_owned()));
    }

    #[test]
    fn an_error_shows_the_clouds_reason() {
        let server: Server = serde_json::from_str(
            r#"{"id":"6f0c","name":"web","status":"ERROR","fault":{"code":500,"message":"No valid host was found."}}"#,
        )
        .expect("a server");
        assert_eq!(server.fault_line(), "ERROR: No valid host was found.");
    }
}
