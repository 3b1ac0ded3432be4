//! A create request: what it asks for, what is wrong with it, and the instances that come of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::State;
use super::actions::Actions;
use super::build::BuildPhase;
use super::catalog::Flavor;
use super::policy::Caller;
use super::queue::Event;
use super::refused::Refused;
use super::server::{Server, TaskState, VmState};
use crate::events::names::{ComputeName, ReservationId, ServerId};
use crate::sim::ids;

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
    /// As sent.
    pub user_data: Option<String>,
    /// By name.
    pub security_groups: Vec<String>,
    /// What it is attached to.
    pub nics: Nics,
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
    /// `accessIPv4` and `accessIPv6`.
    pub access_ips: (String, String),
    /// `OS-DCF:diskConfig`.
    pub disk_config_auto: bool,
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
        let flavor = self.check_flavor_and_image(by, &new)?;
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

    fn check_flavor_and_image(
        &self,
        by: &Caller,
        new: &NewServers,
    ) -> Result<Arc<Flavor>, Refused> {
        let invalid = |text: String| Err(Refused::Invalid(text));
        let Some(image) = self.catalog.image(&new.image) else {
            return invalid("Can not find requested image".to_owned());
        };
        let flavor = self
            .catalog
            .flavor(&new.flavor)
            .filter(|flavor| flavor.is_for(&by.project) || by.is_admin());
        let Some(flavor) = flavor else {
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
            access_ips: new.access_ips.clone(),
            disk_config_auto: new.disk_config_auto,
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
