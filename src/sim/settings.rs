//! How a simulated cloud is to be: its size, its release, its pace.

use std::sync::Arc;
use std::time::Duration;

use super::log::LogLine;
use super::stock::Stock;

/// Takes what the cloud says of itself; called from the cloud's tasks, so it must not block.
pub type LogSink = Arc<dyn Fn(&LogLine) + Send + Sync>;

/// The Nova release whose API and policy are simulated, without the bugs that live in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// 34.0.0: microversions 2.1 to 2.104, project managers may live-migrate.
    #[default]
    V34,
    /// 26.2.2 (Zed): microversions 2.1 to 2.93, the old "admin or owner" policy still applies.
    Zed26,
}

impl Release {
    /// The minor number of the newest compute microversion.
    pub const fn newest_compute(self) -> u16 {
        match self {
            Self::V34 => 104,
            Self::Zed26 => 93,
        }
    }

    /// Whether naming the destination of a live migration has a rule of its own in the policy.
    pub const fn guards_named_destination(self) -> bool {
        matches!(self, Self::V34)
    }

    /// The minor number of the newest placement microversion.
    pub const fn newest_placement(self) -> u16 {
        39
    }
}

/// What each compute has.
#[derive(Clone, Copy, Debug)]
pub struct ComputeSize {
    /// Physical cores; placement allows four times as many (`cpu_allocation_ratio`).
    pub vcpus: u64,
    /// MiB, of which 512 are reserved for the host.
    pub memory_mb: u64,
    /// GiB.
    pub disk_gb: u64,
}

impl Default for ComputeSize {
    fn default() -> Self {
        Self { vcpus: 16, memory_mb: 32 * 1024 + 512, disk_gb: 400 }
    }
}

/// How long things take in the cloud's own time.
#[derive(Clone, Copy, Debug)]
pub struct Durations {
    /// From the answer to `POST /servers` to ACTIVE.
    pub boot: Duration,
    /// From the answer to `os-migrateLive` to the record's `completed`.
    pub migrate: Duration,
    /// From the answer to `DELETE /servers/{id}` to 404.
    pub delete: Duration,
    /// Pause, stop, start and their like.
    pub power: Duration,
    /// The share of boot and migration, in percent, by which single ones are shorter or longer.
    pub spread: u8,
}

impl Default for Durations {
    /// Short, but every intermediate state can be seen over HTTP.
    fn default() -> Self {
        Self {
            boot: Duration::from_millis(60),
            migrate: Duration::from_millis(120),
            delete: Duration::from_millis(20),
            power: Duration::from_millis(10),
            spread: 0,
        }
    }
}

/// Limits of a project that has none of its own; Nova's defaults, but for more instances.
///
/// -1 is unlimited.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Instances of a project.
    pub instances: i64,
    /// vCPUs of a project.
    pub cores: i64,
    /// MiB of a project.
    pub ram: i64,
    /// Pairs of metadata of an instance.
    pub metadata_items: i64,
    /// Key pairs of a user.
    pub key_pairs: i64,
    /// Server groups of a project.
    pub server_groups: i64,
    /// Members of a server group.
    pub server_group_members: i64,
    /// Limits that Nova stores and nothing enforces any more.
    pub bygone: BygoneQuotas,
}

/// What Nova once limited: networks (gone from its API at 2.36) and injected files (2.57).
#[derive(Clone, Copy, Debug)]
pub struct BygoneQuotas {
    /// Fixed addresses of a project.
    pub fixed_ips: i64,
    /// Floating addresses of a project.
    pub floating_ips: i64,
    /// Security groups of a project.
    pub security_groups: i64,
    /// Rules of a security group.
    pub security_group_rules: i64,
    /// Files injected into an instance.
    pub injected_files: i64,
    /// Bytes of an injected file.
    pub injected_file_content_bytes: i64,
    /// Bytes of the path of an injected file.
    pub injected_file_path_bytes: i64,
}

impl Default for BygoneQuotas {
    fn default() -> Self {
        Self {
            fixed_ips: -1,
            floating_ips: -1,
            security_groups: -1,
            security_group_rules: -1,
            injected_files: 5,
            injected_file_content_bytes: 10_240,
            injected_file_path_bytes: 255,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            instances: 10,
            cores: 20,
            ram: 51_200,
            metadata_items: 128,
            key_pairs: 100,
            server_groups: 10,
            server_group_members: 10,
            bygone: BygoneQuotas::default(),
        }
    }
}

/// What a cloud is started with. The default is three computes in real time, short durations.
#[derive(Clone)]
pub struct Settings {
    /// How many computes there are.
    pub computes: usize,
    /// The name of the first compute; the others count on from its number.
    pub first_compute_name: String,
    /// The zones that the computes are dealt out to in turn; without any they are all in `nova`.
    pub zones: Vec<String>,
    /// What instances can be booted with.
    pub stock: Stock,
    /// What each compute has.
    pub compute_size: ComputeSize,
    /// How long things take.
    pub durations: Durations,
    /// Virtual seconds a real second; 1 is real time.
    pub speed: f64,
    /// Which Nova is simulated.
    pub release: Release,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The limits of each project.
    pub quotas: Quotas,
    /// Live migrations that one source runs at a time, as `max_concurrent_live_migrations`.
    pub live_migrations_per_source: usize,
    /// How long a token lasts, in virtual time.
    pub token_life: Duration,
    /// Whether [`Control`](super::Control) is also served over HTTP, under `/control`.
    pub control: bool,
    /// Takes one line a request and one a state transition.
    pub log: Option<LogSink>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            computes: 3,
            first_compute_name: "compute-1".to_owned(),
            zones: Vec::new(),
            stock: Stock::default(),
            compute_size: ComputeSize::default(),
            durations: Durations::default(),
            speed: 1.0,
            release: Release::default(),
            port: 0,
            quotas: Quotas::default(),
            live_migrations_per_source: 1,
            token_life: Duration::from_secs(3600),
            control: false,
            log: None,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("computes", &self.computes)
            .field("first_compute_name", &self.first_compute_name)
            .field("zones", &self.zones)
            .field("stock", &self.stock)
            .field("compute_size", &self.compute_size)
            .field("durations", &self.durations)
            .field("speed", &self.speed)
            .field("release", &self.release)
            .field("port", &self.port)
            .field("quotas", &self.quotas)
            .field("live_migrations_per_source", &self.live_migrations_per_source)
            .field("token_life", &self.token_life)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The names of the computes: `compute-1`, `compute-2`, …
    pub(super) fn compute_names(&self) -> Vec<String> {
        let digits = self.first_compute_name.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (stem, number) =
            self.first_compute_name.split_at(self.first_compute_name.len() - digits);
        let first: usize = number.parse().unwrap_or(1);
        (first..first + self.computes).map(|n| format!("{stem}{n}")).collect()
    }
}
