//! An instance: what is stored about it, and what follows from that.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::actions::Actions;
use super::build::BuildPhase;
use super::catalog::Flavor;
use super::creating::BuildRequest;
use super::placement::Resources;
use super::queue::Ticket;
use crate::events::names::{ComputeName, ReservationId, ServerId};

/// Declares an enum whose variants have one spelling each.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $text] $variant,)*
        }

        impl $name {
            /// As the API spells it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}
pub(super) use spelled;

spelled! {
    /// What an instance is (`OS-EXT-STS:vm_state`).
    VmState {
        Building "building",
        Active "active",
        Paused "paused",
        Suspended "suspended",
        Stopped "stopped",
        Error "error",
        Deleted "deleted",
    }
}

spelled! {
    /// What is being done with it (`OS-EXT-STS:task_state`).
    TaskState {
        Scheduling "scheduling",
        Networking "networking",
        BlockDeviceMapping "block_device_mapping",
        Spawning "spawning",
        Migrating "migrating",
        Deleting "deleting",
        Pausing "pausing",
        Unpausing "unpausing",
        Suspending "suspending",
        Resuming "resuming",
        PoweringOff "powering-off",
        PoweringOn "powering-on",
        RebootStarted "reboot_started",
        RebootHard "rebooting_hard",
    }
}

spelled! {
    /// What users see (`status`).
    Status {
        Build "BUILD",
        Active "ACTIVE",
        Paused "PAUSED",
        Suspended "SUSPENDED",
        Shutoff "SHUTOFF",
        Error "ERROR",
        Deleted "DELETED",
        Migrating "MIGRATING",
        Reboot "REBOOT",
        HardReboot "HARD_REBOOT",
    }
}

/// `status` as it follows from the two states (reference: `nova.api.openstack.common`).
pub const fn status(vm: VmState, task: Option<TaskState>) -> Status {
    match (vm, task) {
        (VmState::Active | VmState::Paused, Some(TaskState::Migrating)) => Status::Migrating,
        (VmState::Active, Some(TaskState::RebootStarted)) => Status::Reboot,
        (VmState::Active | VmState::Stopped | VmState::Paused, Some(TaskState::RebootHard)) => {
            Status::HardReboot
        }
        (VmState::Building, _) => Status::Build,
        (VmState::Active, _) => Status::Active,
        (VmState::Paused, _) => Status::Paused,
        (VmState::Suspended, _) => Status::Suspended,
        (VmState::Stopped, _) => Status::Shutoff,
        (VmState::Error, _) => Status::Error,
        (VmState::Deleted, _) => Status::Deleted,
    }
}

/// Why an instance is in ERROR; shown only while it is.
#[derive(Clone, Debug)]
pub struct Fault {
    /// An HTTP-like code, mostly 500.
    pub code: u16,
    /// What everybody sees.
    pub message: String,
    /// Virtual time.
    pub created: Duration,
}

/// Who locked an instance, and why.
#[derive(Clone, Debug)]
pub struct Lock {
    /// Whether it was the operator, whom only the operator can overrule.
    pub by_admin: bool,
    /// Since 2.73.
    pub reason: Option<String>,
}

/// An instance.
#[derive(Clone, Debug)]
pub struct Server {
    /// Counts up with creation; `instance-0000000a` comes from it.
    pub number: u64,
    /// Its id.
    pub id: ServerId,
    /// Its display name.
    pub name: String,
    /// The name it calls itself.
    pub hostname: String,
    /// What it says about itself (2.19).
    pub description: Option<String>,
    /// Its tags (2.26), sorted.
    pub tags: Vec<String>,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Where it belongs.
    pub project: String,
    /// Who asked for it.
    pub user: String,
    /// A copy of the flavor as it was.
    pub flavor: Arc<Flavor>,
    /// The image's id.
    pub image: String,
    /// `accessIPv4` and `accessIPv6`: only shown.
    pub access_ips: (String, String),
    /// `OS-DCF:diskConfig`: only shown.
    pub disk_config_auto: bool,
    /// What the create request asked for, shared by all instances of that request.
    pub request: Arc<BuildRequest>,
    /// Shared by all instances of a request.
    pub reservation: ReservationId,
    /// Its place among them, from 0.
    pub launch_index: usize,
    /// What it is.
    pub vm_state: VmState,
    /// What is being done with it.
    pub task_state: Option<TaskState>,
    /// Where it is; `None` until it is scheduled, and while it is being rescheduled.
    pub host: Option<ComputeName>,
    /// Where it was placed, until that compute takes it.
    pub chosen: Option<ComputeName>,
    /// Whether and by whom it is locked.
    pub locked: Option<Lock>,
    /// Why it is in ERROR.
    pub fault: Option<Fault>,
    /// Virtual time.
    pub created: Duration,
    /// Virtual time of the last change.
    pub updated: Duration,
    /// Virtual time when it first was ACTIVE.
    pub launched: Option<Duration>,
    /// Virtual time when it was gone.
    pub terminated: Option<Duration>,
    /// What was asked of it.
    pub actions: Actions,
    /// How far its build is.
    pub build: BuildPhase,
    /// Where else it could be built, best first.
    pub alternates: Vec<ComputeName>,
    /// How many of its builds are to fail yet.
    pub failing_builds: usize,
    /// How often it was tried to build.
    pub attempts: usize,
    /// Whether it boots faster or slower than others, in thousandths.
    pub pace: u32,
    /// Which planned event it waits for.
    pub ticket: Option<Ticket>,
}

impl Server {
    /// What users see.
    pub const fn status(&self) -> Status {
        status(self.vm_state, self.task_state)
    }

    /// What it uses of a compute.
    pub fn needs(&self) -> Resources {
        self.flavor.needs()
    }

    /// 0 NOSTATE, 1 RUNNING, 3 PAUSED, 4 SHUTDOWN, as the API counts them.
    pub const fn power_state(&self) -> u8 {
        match self.vm_state {
            VmState::Building | VmState::Error if self.launched.is_none() => 0,
            VmState::Building | VmState::Deleted => 0,
            VmState::Active | VmState::Error => 1,
            VmState::Paused => 3,
            VmState::Stopped | VmState::Suspended => 4,
        }
    }

    /// Whether it still exists.
    pub fn is_there(&self) -> bool {
        self.vm_state != VmState::Deleted
    }

    /// One word of state for the log: `MIGRATING/migrating@compute-1`.
    pub fn state_line(&self) -> String {
        let task = self.task_state.map_or("-", TaskState::as_str);
        let host = self.host.as_ref().map_or("-", ComputeName::as_str);
        format!("{}/{task}@{host}", self.status().as_str())
    }

    /// What the scheduler was told beside the flavor.
    pub fn hints(&self) -> &Value {
        &self.request.hints
    }
}

/// All instances, in the order of their creation; the deleted ones stay for a while.
#[derive(Debug, Default)]
pub struct Servers {
    rows: BTreeMap<u64, Server>,
    numbers: HashMap<ServerId, u64>,
    tombs: std::collections::VecDeque<u64>,
    last: u64,
}

/// How many deleted instances are remembered.
pub(super) const TOMBS: usize = 1000;

impl Servers {
    /// The number that the next instance gets.
    pub const fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// Adds an instance.
    pub fn add(&mut self, server: Server) {
        self.last = self.last.max(server.number);
        self.numbers.insert(server.id.clone(), server.number);
        self.rows.insert(server.number, server);
    }

    /// The instance, deleted or not.
    pub fn any(&self, id: &ServerId) -> Option<&Server> {
        self.rows.get(self.numbers.get(id)?)
    }

    /// The instance if it exists.
    pub fn get(&self, id: &ServerId) -> Option<&Server> {
        self.any(id).filter(|server| server.is_there())
    }

    /// The instance if it exists, to change it.
    pub fn get_mut(&mut self, id: &ServerId) -> Option<&mut Server> {
        self.rows.get_mut(self.numbers.get(id)?).filter(|server| server.is_there())
    }

    /// Those that exist, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Server> {
        self.rows.values().filter(|server| server.is_there())
    }

    /// Also the deleted ones, oldest first.
    pub fn with_deleted(&self) -> impl DoubleEndedIterator<Item = &Server> {
        self.rows.values()
    }

    /// Notes that an instance is deleted; if there are too many of them the one that was deleted
    /// first is forgotten, and returned.
    pub fn bury(&mut self, id: &ServerId) -> Option<Server> {
        self.tombs.push_back(*self.numbers.get(id)?);
        if self.tombs.len() <= TOMBS {
            return None;
        }
        let forgotten = self.rows.remove(&self.tombs.pop_front()?)?;
        self.numbers.remove(&forgotten.id);
        Some(forgotten)
    }
}
