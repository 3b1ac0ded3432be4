//! The tasks that change an instance in place, and its deletion.

use super::State;
use super::policy::Caller;
use super::queue::Event;
use super::refused::Refused;
use super::server::{Lock, Server, TaskState, VmState};
use crate::events::names::ServerId;

/// A task that takes a moment and ends in another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// `pause`
    Pause,
    /// `unpause`
    Unpause,
    /// `suspend`
    Suspend,
    /// `resume`
    Resume,
    /// `os-stop`
    Stop,
    /// `os-start`
    Start,
    /// `reboot` of type SOFT
    Reboot,
    /// `reboot` of type HARD
    HardReboot,
}

/// A row of the table of tasks.
struct Row {
    /// In a refusal's text.
    action: &'static str,
    /// From where it is allowed.
    from: &'static [VmState],
    /// What is shown meanwhile.
    task: TaskState,
    /// What it ends in.
    to: VmState,
    /// The event of its instance action.
    event: &'static str,
}

impl Task {
    const fn row(self) -> Row {
        use VmState as V;
        const ANY: &[VmState] = &[V::Active, V::Stopped, V::Paused, V::Suspended, V::Error];
        let (action, from, task, to, event): (_, &'static [VmState], _, _, _) = match self {
            Self::Pause => {
                ("pause", &[V::Active], TaskState::Pausing, V::Paused, "compute_pause_instance")
            }
            Self::Unpause => (
                "unpause",
                &[V::Paused],
                TaskState::Unpausing,
                V::Active,
                "compute_unpause_instance",
            ),
            Self::Suspend => (
                "suspend",
                &[V::Active],
                TaskState::Suspending,
                V::Suspended,
                "compute_suspend_instance",
            ),
            Self::Resume => (
                "resume",
                &[V::Suspended],
                TaskState::Resuming,
                V::Active,
                "compute_resume_instance",
            ),
            Self::Stop => (
                "stop",
                &[V::Active, V::Error],
                TaskState::PoweringOff,
                V::Stopped,
                "compute_stop_instance",
            ),
            Self::Start => {
                ("start", &[V::Stopped], TaskState::PoweringOn, V::Active, "compute_start_instance")
            }
            Self::Reboot => (
                "reboot",
                &[V::Active],
                TaskState::RebootStarted,
                V::Active,
                "compute_reboot_instance",
            ),
            Self::HardReboot => {
                ("reboot", ANY, TaskState::RebootHard, V::Active, "compute_reboot_instance")
            }
        };
        Row { action, from, task, to, event }
    }
}

impl State {
    /// Begins a task.
    ///
    /// # Errors
    ///
    /// Locked, or in a state from which it cannot be done.
    pub fn start_task(&mut self, by: &Caller, id: &ServerId, task: Task) -> Result<(), Refused> {
        let row = task.row();
        self.check_unlocked(by, id)?;
        self.check_state(id, row.action, row.from)?;
        let now = self.now;
        let ticket = self.plan(self.settings.durations.power, Event::TaskDone(id.clone(), task));
        let Some(server) = self.servers.get_mut(id) else {
            return Err(Refused::NoInstance(id.to_string()));
        };
        server.task_state = Some(row.task);
        server.updated = now;
        server.ticket = Some(ticket);
        let host = host_of(server);
        server.actions.open(row.action, by, now);
        server.actions.begin(row.action, row.event, &host, now);
        self.note_server(id);
        Ok(())
    }

    /// Ends a task.
    pub(super) fn finish_task(&mut self, id: &ServerId, task: Task) {
        let (row, now) = (task.row(), self.now);
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        server.vm_state = row.to;
        server.task_state = None;
        server.fault = None;
        server.updated = now;
        server.ticket = None;
        server.actions.end(row.action, row.event, None, now);
        self.note_server(id);
    }

    /// Begins the deletion of an instance; doing it again while it lasts changes nothing.
    ///
    /// # Errors
    ///
    /// Locked.
    pub fn delete_server(&mut self, by: &Caller, id: &ServerId) -> Result<(), Refused> {
        self.check_unlocked(by, id)?;
        let now = self.now;
        let Some(server) = self.servers.get_mut(id) else {
            return Err(Refused::NoInstance(id.to_string()));
        };
        if server.task_state == Some(TaskState::Deleting) {
            return Ok(());
        }
        server.task_state = Some(TaskState::Deleting);
        server.updated = now;
        server.actions.open("delete", by, now);
        let host = host_of(server);
        let known = server.host.clone();
        self.note_server(id);
        self.freeze_migration(id);
        // Without a compute that could do it, the API does it by itself and at once.
        if !known.is_some_and(|host| self.computes.is_up(&host)) {
            self.remove_server(id);
            return Ok(());
        }
        self.with_actions(id, |actions, now| {
            actions.begin("delete", "compute_terminate_instance", &host, now)
        });
        let ticket = self.plan(self.settings.durations.delete, Event::Deleted(id.clone()));
        if let Some(server) = self.servers.get_mut(id) {
            server.ticket = Some(ticket);
        }
        Ok(())
    }

    /// Ends a deletion: nothing of the instance remains but its tomb.
    pub(super) fn remove_server(&mut self, id: &ServerId) {
        let now = self.now;
        self.drop_migrations(id);
        self.control.forget(id);
        self.placement.free(id.as_str());
        self.catalog.release_ports(id);
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        server.actions.end("delete", "compute_terminate_instance", None, now);
        server.vm_state = VmState::Deleted;
        server.task_state = None;
        server.terminated = Some(now);
        server.updated = now;
        server.ticket = None;
        self.note_server(id);
        let forgotten = self.servers.bury(id);
        // Groups name their deleted members as long as anybody knows of these.
        if let Some(forgotten) = forgotten
            && let Some(group) = &forgotten.request.group
            && let Some(group) = self.groups.get_mut(group)
        {
            group.members.retain(|member| *member != forgotten.id);
        }
    }

    /// Locks an instance against everybody who is not an operator.
    ///
    /// # Errors
    ///
    /// No such instance.
    pub fn lock(
        &mut self,
        by: &Caller,
        id: &ServerId,
        reason: Option<String>,
    ) -> Result<(), Refused> {
        let by_admin = by.is_admin();
        self.change(by, id, "lock", "api_lock", |server| {
            server.locked = Some(Lock { by_admin, reason })
        })
    }

    /// Takes a lock away.
    ///
    /// # Errors
    ///
    /// No such instance.
    pub fn unlock(&mut self, by: &Caller, id: &ServerId) -> Result<(), Refused> {
        self.change(by, id, "unlock", "api_unlock", |server| server.locked = None)
    }

    /// Writes another state over an instance's; nothing else is touched, neither a migration nor
    /// allocations.
    ///
    /// # Errors
    ///
    /// No such instance.
    pub fn reset_state(
        &mut self,
        by: &Caller,
        id: &ServerId,
        vm_state: VmState,
    ) -> Result<(), Refused> {
        self.change(by, id, "resetState", "api_reset_state", |server| {
            server.vm_state = vm_state;
            server.task_state = None;
        })
    }

    fn change(
        &mut self,
        by: &Caller,
        id: &ServerId,
        action: &'static str,
        event: &'static str,
        edit: impl FnOnce(&mut Server),
    ) -> Result<(), Refused> {
        let now = self.now;
        let Some(server) = self.servers.get_mut(id) else {
            return Err(Refused::NoInstance(id.to_string()));
        };
        server.updated = now;
        server.actions.open(action, by, now);
        server.actions.once(action, event, "api", now);
        edit(server);
        self.note_server(id);
        Ok(())
    }

    /// Refuses what a lock forbids; operators ignore locks.
    ///
    /// # Errors
    ///
    /// [`Refused::Locked`], [`Refused::NoInstance`].
    pub fn check_unlocked(&self, by: &Caller, id: &ServerId) -> Result<(), Refused> {
        let server = self.servers.get(id).ok_or_else(|| Refused::NoInstance(id.to_string()))?;
        match server.locked {
            Some(_) if !by.is_admin() => Err(Refused::Locked(id.to_string())),
            _ => Ok(()),
        }
    }

    /// Refuses what cannot be done from where the instance is: first its state, then any task.
    ///
    /// # Errors
    ///
    /// [`Refused::WrongState`], [`Refused::NoInstance`].
    pub(super) fn check_state(
        &self,
        id: &ServerId,
        action: &'static str,
        from: &[VmState],
    ) -> Result<(), Refused> {
        self.check_vm_state(id, action, from)?;
        match self.servers.get(id).and_then(|server| server.task_state) {
            None => Ok(()),
            Some(task) => Err(Refused::WrongState {
                action,
                id: id.to_string(),
                attribute: "task_state",
                state: task.as_str(),
            }),
        }
    }

    /// The first half of [`Self::check_state`].
    pub(super) fn check_vm_state(
        &self,
        id: &ServerId,
        action: &'static str,
        from: &[VmState],
    ) -> Result<(), Refused> {
        let server = self.servers.get(id).ok_or_else(|| Refused::NoInstance(id.to_string()))?;
        if from.contains(&server.vm_state) {
            return Ok(());
        }
        let state = server.vm_state.as_str();
        Err(Refused::WrongState { action, id: id.to_string(), attribute: "vm_state", state })
    }
}

fn host_of(server: &Server) -> String {
    server.host.as_ref().map_or_else(String::new, ToString::to_string)
}
