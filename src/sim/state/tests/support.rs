//! A cloud whose clock the test turns.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::events::names::{ComputeName, MigrationNumber, ServerId};
use crate::sim::settings::{ComputeSize, Quotas, Settings};
use crate::sim::state::creating::{BuildRequest, NewServers, Nics};
use crate::sim::state::migration::MoveRequest;
use crate::sim::state::{Caller, Refused, State};

pub(super) struct Bench {
    pub(super) state: State,
    pub(super) admin: Caller,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let state = State::new(settings);
        let (user, project) =
            (state.identity.user("admin").unwrap(), state.identity.project("admin").unwrap());
        let admin = Caller {
            user: user.id.clone(),
            project: project.id.clone(),
            roles: vec!["admin".to_owned()],
            request_id: "req-1".to_owned(),
        };
        Self { state, admin }
    }

    /// Three computes of which each has room for `each` tiny instances.
    pub(super) fn with_room_for(each: u64) -> Self {
        let compute_size = ComputeSize { vcpus: 64, memory_mb: 512 + 64 * each, disk_gb: 1000 };
        Self::with(Settings { compute_size, ..Settings::default() })
    }

    /// A project that may have only so many instances.
    pub(super) fn with_quota(instances: i64) -> Self {
        let quotas = Quotas { instances, ..Quotas::default() };
        Self::with(Settings { quotas, ..Settings::default() })
    }

    pub(super) fn request(&self, min: usize, max: usize) -> NewServers {
        NewServers {
            name: "web".to_owned(),
            min,
            max,
            flavor: "1".to_owned(),
            image: self.state.catalog.images[0].id.clone(),
            hostname: None,
            description: None,
            tags: Vec::new(),
            metadata: BTreeMap::new(),
            access_ips: Default::default(),
            disk_config_auto: false,
            request: BuildRequest {
                hints: json!({}),
                group: None,
                zone: None,
                forced_host: None,
                requested_host: None,
                key_name: None,
                config_drive: false,
                user_data: None,
                security_groups: Vec::new(),
                nics: Nics::None,
                trusted_certificates: None,
            },
        }
    }

    pub(super) fn create(&mut self, new: NewServers) -> Result<Vec<ServerId>, Refused> {
        self.state.create_servers(&self.admin.clone(), new)
    }

    /// Boots and waits until they run.
    pub(super) fn booted(&mut self, count: usize) -> Vec<ServerId> {
        let ids = self.create(self.request(count, count)).unwrap();
        self.settle();
        ids
    }

    pub(super) fn migrate(
        &mut self,
        id: &ServerId,
        host: Option<&str>,
    ) -> Result<MigrationNumber, Refused> {
        let request =
            MoveRequest { destination: host.map(ComputeName::new), forced: false, waits: false };
        self.state.live_migrate(&self.admin.clone(), id, request)
    }

    /// Lets the next event happen; `false` if there is none.
    pub(super) fn step(&mut self) -> bool {
        match self.state.next_due() {
            Some(due) => {
                self.state.advance(due);
                true
            }
            None => false,
        }
    }

    /// Lets everything happen that is planned.
    pub(super) fn settle(&mut self) {
        while self.step() {}
    }

    pub(super) fn line(&self, id: &ServerId) -> String {
        self.state.servers.any(id).unwrap().state_line()
    }

    pub(super) fn host(&self, id: &ServerId) -> ComputeName {
        self.state.servers.get(id).unwrap().host.clone().unwrap()
    }

    /// A compute on which the instance is not.
    pub(super) fn elsewhere(&self, id: &ServerId) -> ComputeName {
        let here = self.host(id);
        self.state
            .computes
            .hosts()
            .map(|service| service.host.clone())
            .find(|host| *host != here)
            .unwrap()
    }

    /// Where a consumer is charged: names with commas, or `-`.
    pub(super) fn charged(&self, consumer: &str) -> String {
        let charges = self.state.placement.consumer(consumer).map(|consumer| {
            consumer.charges.keys().map(ComputeName::as_str).collect::<Vec<_>>().join(",")
        });
        charges.unwrap_or_else(|| "-".to_owned())
    }

    /// Instance, record, allocations of instance and migration: one row of the timeline.
    pub(super) fn row(&self, number: MigrationNumber) -> String {
        let migration = self.state.migration(number).unwrap();
        let (source, name) = (&migration.source, |host: &str| match host {
            "-" => "-".to_owned(),
            host if host == migration.source.as_str() => "S".to_owned(),
            _ => "T".to_owned(),
        });
        let line = self.line(&migration.server).replace(source.as_str(), "S");
        let line = match line.split_once('@') {
            Some((state, "S" | "-")) => format!("{state}@S"),
            Some((state, _)) => format!("{state}@T"),
            None => line,
        };
        let record = if migration.is_recorded() {
            let destination = migration.destination.as_ref().map_or("-", ComputeName::as_str);
            format!("{}(S>{})", migration.status.as_str(), name(destination))
        } else {
            "none".to_owned()
        };
        let (server, moving) =
            (self.charged(migration.server.as_str()), self.charged(migration.uuid.as_str()));
        format!("{line} {record} {}/{}", name(&server), name(&moving))
    }

    /// The rows until nothing more happens, without repetitions.
    pub(super) fn timeline(&mut self, number: MigrationNumber) -> Vec<String> {
        let mut rows = vec![self.row(number)];
        while self.step() {
            let row = self.row(number);
            if rows.last() != Some(&row) {
                rows.push(row);
            }
        }
        rows
    }

    pub(super) fn in_a_second(&mut self) {
        let now = self.state.now + Duration::from_secs(1);
        self.state.advance(now);
    }
}
