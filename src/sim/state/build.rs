//! Building instances: one request, one scheduling for all of it, then each for itself.

use std::sync::Arc;
use std::time::Duration;

use super::State;
use super::placement::Payer;
use super::queue::Event;
use super::refused::Refused;
use super::scheduler::Ask;
use super::server::{Fault, TaskState, VmState};
use crate::events::names::ServerId;

/// How often an instance is tried to build before it is given up (`max_attempts`).
pub(super) const MAX_ATTEMPTS: usize = 3;

/// How far the build of an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuildPhase {
    /// It has no compute.
    Scheduling,
    /// It has one, which does not know of it yet.
    Placed,
    /// The compute has it and asks for its network.
    Networking,
    /// Its disks are made.
    BlockDevices,
    /// It is being started.
    Spawning,
    /// It runs.
    Built,
    /// It was given up.
    Failed,
}

/// What happens to a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuildEvent {
    /// The scheduler found a compute.
    Placed,
    /// The compute took it.
    Claimed,
    /// Its network is there.
    Networked,
    /// Its disks are there.
    Mapped,
    /// It runs.
    Spawned,
    /// The compute could not start it; it goes back to be placed elsewhere.
    SpawnFailed,
    /// Nobody can build it.
    GivenUp,
}

impl BuildPhase {
    /// The phase that follows `event`, or `None` if that cannot happen.
    pub const fn after(self, event: BuildEvent) -> Option<Self> {
        use BuildEvent as E;
        Some(match (self, event) {
            (Self::Scheduling, E::Placed) => Self::Placed,
            (Self::Placed, E::Claimed) => Self::Networking,
            (Self::Networking, E::Networked) => Self::BlockDevices,
            (Self::BlockDevices, E::Mapped) => Self::Spawning,
            (Self::Spawning, E::Spawned) => Self::Built,
            (Self::Spawning, E::SpawnFailed) => Self::Scheduling,
            (
                Self::Scheduling
                | Self::Placed
                | Self::Networking
                | Self::BlockDevices
                | Self::Spawning,
                E::GivenUp,
            ) => Self::Failed,
            _ => return None,
        })
    }

    /// What the instance's task is meanwhile.
    pub const fn task(self) -> Option<TaskState> {
        match self {
            Self::Scheduling => Some(TaskState::Scheduling),
            Self::Networking => Some(TaskState::Networking),
            Self::BlockDevices => Some(TaskState::BlockDeviceMapping),
            Self::Spawning => Some(TaskState::Spawning),
            Self::Placed | Self::Built | Self::Failed => None,
        }
    }

    /// Parts per thousand of a whole boot; together 1000.
    pub const fn share(self) -> u32 {
        match self {
            Self::Scheduling => 200,
            Self::Placed | Self::BlockDevices => 100,
            Self::Networking => 200,
            Self::Spawning => 400,
            Self::Built | Self::Failed => 0,
        }
    }

    /// The event that ends the phase if nothing goes wrong.
    const fn next(self) -> Option<BuildEvent> {
        match self {
            Self::Scheduling => Some(BuildEvent::Placed),
            Self::Placed => Some(BuildEvent::Claimed),
            Self::Networking => Some(BuildEvent::Networked),
            Self::BlockDevices => Some(BuildEvent::Mapped),
            Self::Spawning => Some(BuildEvent::Spawned),
            Self::Built | Self::Failed => None,
        }
    }
}

impl State {
    /// Schedules a request: every instance of it gets a compute, or none does.
    pub(super) fn schedule(&mut self, ids: &[ServerId]) {
        // An instance that was deleted meanwhile needs no compute.
        let ids: Vec<ServerId> =
            ids.iter().filter(|id| self.servers.get(id).is_some()).cloned().collect();
        for id in &ids {
            if let Err(refused) = self.place(id) {
                self.refuse_request(&ids, &refused);
                return;
            }
        }
        for id in &ids {
            let fails = self.control.next_build_failures();
            if let Some(server) = self.servers.get_mut(id) {
                server.failing_builds = fails;
            }
            self.build_step(id, BuildEvent::Placed);
        }
    }

    /// Finds and claims a compute for one instance and remembers where else it could go.
    fn place(&mut self, id: &ServerId) -> Result<(), Refused> {
        let Some(server) = self.servers.get(id) else {
            return Ok(());
        };
        let request = Arc::clone(&server.request);
        let forced = request.forced_host.as_ref();
        let ask = Ask {
            only: forced.or(request.requested_host.as_ref()),
            forced: forced.is_some(),
            ..Ask::of(server)
        };
        let mut hosts = self.find_hosts(ask)?.into_iter();
        let needs = server.needs();
        let (project, user) = (server.project.clone(), server.user.clone());
        let Some(host) = hosts.next() else {
            return Err(Refused::not_enough_hosts());
        };
        self.placement.claim(
            Payer { consumer: id.as_str(), project: &project, user: &user },
            &host,
            needs,
        )?;
        if let Some(server) = self.servers.get_mut(id) {
            server.chosen = Some(host);
            server.alternates = hosts.collect();
        }
        Ok(())
    }

    /// Everything or nothing: no instance of the request keeps what it claimed.
    fn refuse_request(&mut self, ids: &[ServerId], refused: &Refused) {
        // Whatever the reason was inside, this is what users of several hosts are told.
        let text = match refused {
            Refused::NoValidHost(_) => Refused::not_enough_hosts().to_string(),
            other => other.to_string(),
        };
        for id in ids {
            self.give_up_build(id, &text);
        }
    }

    fn give_up_build(&mut self, id: &ServerId, why: &str) {
        self.placement.free(id.as_str());
        let now = self.now;
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        server.chosen = None;
        server.host = None;
        server.fault = Some(Fault { code: 500, message: why.to_owned(), created: now });
        server.actions.begin("create", "conductor_schedule_and_build_instances", "conductor", now);
        server.actions.end("create", "conductor_schedule_and_build_instances", Some(why), now);
        self.build_step(id, BuildEvent::GivenUp);
    }

    /// Lets a build take a step, and plans the next.
    pub(super) fn build_step(&mut self, id: &ServerId, event: BuildEvent) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        let event = match event {
            BuildEvent::Spawned if server.failing_builds > 0 => BuildEvent::SpawnFailed,
            event => event,
        };
        let Some(phase) = server.build.after(event) else {
            debug_assert!(false, "{event:?} cannot happen in {:?}", server.build);
            return;
        };
        server.build = phase;
        server.task_state = phase.task();
        server.updated = now;
        server.ticket = None;
        match event {
            BuildEvent::Claimed => self.claim_on_host(id),
            BuildEvent::Networked => self.plug(id),
            BuildEvent::Spawned => self.finish_build(id),
            BuildEvent::SpawnFailed => self.reschedule(id),
            BuildEvent::GivenUp => {
                server.vm_state = VmState::Error;
            }
            BuildEvent::Placed | BuildEvent::Mapped => {}
        }
        self.note_server(id);
        self.plan_build(id);
    }

    fn plan_build(&mut self, id: &ServerId) {
        let Some(server) = self.servers.get(id) else {
            return;
        };
        let (phase, pace) = (server.build, server.pace);
        let Some(next) = phase.next() else { return };
        let ticket = self.plan(self.boot_share(phase, pace), Event::Build(id.clone(), next));
        if let Some(server) = self.servers.get_mut(id) {
            server.ticket = Some(ticket);
        }
    }

    fn claim_on_host(&mut self, id: &ServerId) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        server.host = server.chosen.take();
        server.attempts += 1;
        let host = server.host.as_ref().map_or_else(String::new, ToString::to_string);
        server.actions.begin("create", "compute__do_build_and_run_instance", &host, now);
    }

    fn finish_build(&mut self, id: &ServerId) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        server.vm_state = VmState::Active;
        server.launched = Some(now);
        server.alternates.clear();
        server.actions.end("create", "compute__do_build_and_run_instance", None, now);
    }

    /// Sends a failed build to the next alternate that still has room, or gives it up.
    fn reschedule(&mut self, id: &ServerId) {
        let now = self.now;
        self.placement.free(id.as_str());
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        server.failing_builds -= 1;
        let failed = server.host.take();
        // Nova leaves this event without a result; the next one on another host tells the rest.
        server.actions.end("create", "compute__do_build_and_run_instance", None, now);
        let exhausted = server.attempts >= MAX_ATTEMPTS;
        let alternates = std::mem::take(&mut server.alternates);
        let (needs, project, user) = (server.needs(), server.project.clone(), server.user.clone());
        let payer = Payer { consumer: id.as_str(), project: &project, user: &user };
        let mut left = alternates.into_iter();
        let found = left
            .by_ref()
            .find(|host| !exhausted && self.placement.claim(payer, host, needs).is_ok());
        let last = failed.map_or_else(String::new, |host| host.to_string());
        match (found, self.servers.get_mut(id)) {
            (Some(host), Some(server)) => {
                server.chosen = Some(host);
                server.alternates = left.collect();
            }
            _ => self.give_up_build(id, &exhausted_text(id, exhausted, &last)),
        }
    }

    /// Plans nothing but says how long a phase of a boot lasts at that pace.
    pub(super) fn boot_share(&self, phase: BuildPhase, pace: u32) -> Duration {
        self.settings.durations.boot * phase.share() / 1000 * pace / 1000
    }
}

fn exhausted_text(id: &ServerId, attempts_used: bool, last_host: &str) -> String {
    if attempts_used {
        format!(
            "Exceeded maximum number of retries. Exceeded max scheduling attempts {MAX_ATTEMPTS} for instance {id}. Last exception: Build of instance {id} failed on {last_host}."
        )
    } else {
        format!(
            "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance {id}."
        )
    }
}
