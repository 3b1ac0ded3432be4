//! Building instances: one request, one scheduling for all of it, then each for itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::State;
use super::actions::Actions;
use super::catalog::{Binding, Flavor};
use super::placement::Payer;
use super::policy::Caller;
use super::queue::Event;
use super::refused::Refused;
use super::scheduler::Ask;
use super::server::{Fault, Server, TaskState, VmState};
use crate::events::names::{ComputeName, ReservationId, ServerId};
use crate::sim::ids;

/// How often an instance is tried to build before it is given up (`max_attempts`).
const MAX_ATTEMPTS: usize = 3;

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

/// What an instance is to be attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nics {
    /// Nothing.
    None,
    /// A network that the cloud provides.
    Auto,
    /// The only network there is, if there is one.
    Unsaid,
    /// These networks (`Err` is a port that exists).
    These(Vec<Result<String, String>>),
}

/// What a create request asked for beyond name, flavor and image.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The scheduler hints as they were sent.
    pub hints: Value,
    /// The server group among them.
    pub group: Option<String>,
    /// The zone that was asked for.
    pub zone: Option<String>,
    /// The compute of `az:host`, which need not exist.
    pub forced_host: Option<ComputeName>,
    /// `host` of microversion 2.74.
    pub requested_host: Option<ComputeName>,
    /// The key pair's name.
    pub key_name: Option<String>,
    /// Whether a config drive was asked for.
    pub config_drive: bool,
    /// `OS-DCF:diskConfig`.
    pub disk_config_auto: bool,
    /// As sent.
    pub user_data: Option<String>,
    /// By name.
    pub security_groups: Vec<String>,
    /// What it is attached to.
    pub nics: Nics,
    /// `accessIPv4` and `accessIPv6`.
    pub access_ips: (String, String),
    /// 2.63.
    pub trusted_certificates: Option<Vec<String>>,
}

/// A create request, its form already checked.
#[derive(Clone, Debug)]
pub struct NewServers {
    /// The name, or the stem of the names.
    pub name: String,
    /// How many at least.
    pub min: usize,
    /// How many at most.
    pub max: usize,
    /// The flavor's id.
    pub flavor: String,
    /// The image's id.
    pub image: String,
    /// The host name, if said (2.90).
    pub hostname: Option<String>,
    /// 2.19.
    pub description: Option<String>,
    /// 2.52.
    pub tags: Vec<String>,
    /// Pairs.
    pub metadata: BTreeMap<String, String>,
    /// The rest.
    pub request: BuildRequest,
}

impl State {
    /// Takes a create request; the instances are there at once, in BUILD.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it, in Nova's words; then nothing is made.
    pub fn create_servers(
        &mut self,
        by: &Caller,
        mut new: NewServers,
    ) -> Result<Vec<ServerId>, Refused> {
        let flavor = self.check_flavor_and_image(&new)?;
        self.check_placing(&new)?;
        self.check_nics(by, &mut new)?;
        self.check_metadata(by, &new)?;
        let count = self.headroom(&by.project, (flavor.vcpus, flavor.ram), (new.min, new.max))?;
        let group = self.check_group(by, &new, count)?;
        new.request.group.clone_from(&group);
        let ids = self.store_servers(by, &new, &flavor, count);
        if let Some(group) = group.and_then(|group| self.groups.get_mut(&group)) {
            group.members.extend(ids.iter().cloned());
        }
        let wait = self.boot_share(BuildPhase::Scheduling, self.spread());
        self.plan(wait, Event::Schedule(ids.clone()));
        Ok(ids)
    }

    fn check_flavor_and_image(&self, new: &NewServers) -> Result<Arc<Flavor>, Refused> {
        let invalid = |text: String| Err(Refused::Invalid(text));
        let Some(image) = self.catalog.image(&new.image) else {
            return invalid("Can not find requested image".to_owned());
        };
        let Some(flavor) = self.catalog.flavor(&new.flavor) else {
            return invalid(format!("Flavor {} could not be found.", new.flavor));
        };
        if image.status != "active" {
            return invalid(format!("Image {} is not active.", image.id));
        }
        if flavor.ram < image.min_ram {
            return invalid("Flavor's memory is too small for requested image.".to_owned());
        }
        if flavor.disk < image.min_disk {
            let (disk, least) = (flavor.disk << 30, image.min_disk << 30);
            return invalid(format!(
                "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is {disk} bytes, minimum size is {least} bytes."
            ));
        }
        Ok(Arc::clone(flavor))
    }

    fn check_placing(&self, new: &NewServers) -> Result<(), Refused> {
        if let Some(host) = &new.request.requested_host
            && self.computes.host(host).is_none()
        {
            return Err(Refused::NoComputeHost(host.to_string()));
        }
        if let Some(zone) = &new.request.zone
            && !self.computes.hosts().any(|service| self.computes.zone(&service.host) == zone)
        {
            return Err(Refused::Invalid(
                "The requested availability zone is not available".to_owned(),
            ));
        }
        Ok(())
    }

    fn check_metadata(&self, by: &Caller, new: &NewServers) -> Result<(), Refused> {
        let limit = self.quotas_of(&by.project).metadata_items;
        if usize::try_from(limit).is_ok_and(|limit| new.metadata.len() > limit) {
            return Err(Refused::OverQuota(format!(
                "Maximum number of metadata items exceeds {limit}"
            )));
        }
        if let Some(key) = &new.request.key_name
            && !self.catalog.key_pairs.contains_key(&(by.user.clone(), key.clone()))
        {
            return Err(Refused::Invalid("Invalid key_name provided.".to_owned()));
        }
        Ok(())
    }

    fn check_group(
        &self,
        by: &Caller,
        new: &NewServers,
        count: usize,
    ) -> Result<Option<String>, Refused> {
        let Some(hint) = new.request.hints.get("group").and_then(Value::as_str) else {
            return Ok(None);
        };
        let group =
            self.groups.get(hint).filter(|group| group.project == by.project || by.is_admin());
        let Some(group) = group else {
            return Err(Refused::Invalid(format!("Instance group {hint} could not be found.")));
        };
        let limit = self.quotas_of(&by.project).server_group_members;
        let members = group.members.iter().filter(|id| self.servers.get(id).is_some()).count();
        if usize::try_from(limit).is_ok_and(|limit| members + count > limit) {
            return Err(Refused::OverQuota("Quota exceeded, too many servers in group".to_owned()));
        }
        Ok(Some(group.id.clone()))
    }

    fn store_servers(
        &mut self,
        by: &Caller,
        new: &NewServers,
        flavor: &Arc<Flavor>,
        count: usize,
    ) -> Vec<ServerId> {
        let reservation = ids::reservation();
        let request = Arc::new(new.request.clone());
        let several = count > 1;
        let ids = (0..count).map(|index| {
            let name =
                if several { format!("{}-{}", new.name, index + 1) } else { new.name.clone() };
            let place = (reservation.clone(), index);
            let server = self.new_server(by, new, &request, flavor, name, place);
            let id = server.id.clone();
            self.servers.add(server);
            self.note_server(&id);
            id
        });
        ids.collect()
    }

    fn new_server(
        &self,
        by: &Caller,
        new: &NewServers,
        request: &Arc<BuildRequest>,
        flavor: &Arc<Flavor>,
        name: String,
        (reservation, launch_index): (ReservationId, usize),
    ) -> Server {
        let mut actions = Actions::default();
        actions.open("create", by, self.now);
        let id = ServerId::new(ids::uuid());
        Server {
            number: self.servers.next_number(),
            hostname: new.hostname.clone().unwrap_or_else(|| host_name(&name, &id)),
            id,
            name,
            description: new.description.clone(),
            tags: new.tags.clone(),
            metadata: new.metadata.clone(),
            project: by.project.clone(),
            user: by.user.clone(),
            flavor: Arc::clone(flavor),
            image: new.image.clone(),
            request: Arc::clone(request),
            reservation,
            launch_index,
            vm_state: VmState::Building,
            task_state: Some(TaskState::Scheduling),
            host: None,
            chosen: None,
            locked: None,
            fault: None,
            created: self.now,
            updated: self.now,
            launched: None,
            terminated: None,
            actions,
            build: BuildPhase::Scheduling,
            alternates: Vec::new(),
            failing_builds: 0,
            attempts: 0,
            pace: self.spread(),
            ticket: None,
        }
    }

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
            server.alternates = hosts.take(MAX_ATTEMPTS - 1).collect();
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
        if let Some(host) = server.host.clone() {
            for port in self.catalog.ports_of_mut(id) {
                port.bindings = vec![Binding { host: host.clone(), active: true }];
            }
        }
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
    fn boot_share(&self, phase: BuildPhase, pace: u32) -> Duration {
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

/// A host name made of the display name, as Nova makes it; without a letter or digit, of the id.
fn host_name(name: &str, id: &ServerId) -> String {
    let kept = |c: char| match c {
        ' ' | '_' | '.' => Some('-'),
        c if c.is_ascii_alphanumeric() || c == '-' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    let made: String = name.chars().filter_map(kept).take(63).collect();
    match made.trim_matches(['-', '.']) {
        "" => format!("server-{id}"),
        made => made.to_owned(),
    }
}
