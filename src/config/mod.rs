//! One resolved [`Config`]: flags before `WHIMBREL_*` before `whimbrel.toml` before defaults, each
//! value with its [`Origin`].
//!
//! Only this module reads the environment and the settings file. A key is written with dots
//! (`pace.boot.limit`), in the file as tables, in the environment in capitals with underscores
//! (`WHIMBREL_PACE_BOOT_LIMIT`), as a flag `--set pace.boot.limit=5m`. What stands in the file under
//! `[clouds.NAME]` holds for that cloud only and comes before the same key outside of it. `allow`
//! and `control` stand only there or in a flag, `cloud` and `journal` never there. A key for one service alone
//! (`retry.compute.attempts`), wherever it is set, comes before the one for all (`retry.attempts`).

pub mod ci;
pub mod clouds;
mod keys;
mod layers;
pub mod secret;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::wait::{Backoff, Limits, Pace};

pub use keys::{Key, all as keys};
pub use layers::{ConfigError, Layers, Origin, Setting};
pub use values::{Change, GROUP_NAMES, Network, Order, is_group_name, read_duration};

/// Everything that a run can be told, resolved for one target.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cloud's name in `clouds.yaml`; `None` is the embedded cloud.
    pub cloud: Option<String>,
    /// How many scenarios run side by side.
    pub concurrency: usize,
    /// In which order they start.
    pub order: Order,
    /// How many scenarios of a group run side by side; of a group that is not named here, one.
    pub groups: BTreeMap<String, usize>,
    /// What bounds steps, scenarios and their clean-up.
    pub deadlines: Deadlines,
    /// How the suite looks for what it waits for.
    pub paces: Paces,
    /// How requests are bounded and tried again.
    pub requests: Requests,
    /// The image to boot, by name or id; `None`: the smallest that fits.
    pub image: Option<String>,
    /// The flavor to boot, by name or id; `None`: the smallest that fits.
    pub flavor: Option<String>,
    /// What instances are connected to.
    pub network: Network,
    /// The availability zone that instances are tied to; `None`: the scheduler's choice.
    pub zone: Option<String>,
    /// The cloud of `clouds.yaml` that is a plain member's view of the same target.
    pub member: Option<String>,
    /// What may be changed on a target that is not embedded.
    pub allow: BTreeSet<Change>,
    /// What controls the target beyond its API, always on loopback; `None`: nothing does.
    pub control: Option<Url>,
    /// The folder of the journals.
    pub journal: PathBuf,
    /// Each key with its value as text and where that came from, in the order of [`keys`]; behind
    /// them the groups that were set.
    pub settings: Vec<Setting>,
}

/// What bounds the parts of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deadlines {
    /// One step.
    pub step: Duration,
    /// All steps of one scenario.
    pub scenario: Duration,
    /// What comes after the steps: audit and clean-up.
    pub clean_up: Duration,
    /// All scenarios of a run, but for their clean-up; `None`: they may take any time.
    pub run: Option<Duration>,
    /// How long a step may keep its thread before that is told.
    pub stall: Duration,
}

/// One pace a kind of wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paces {
    /// From create to ACTIVE.
    pub boot: Pace,
    /// From the start of a migration to its end.
    pub migrate: Pace,
    /// From delete to gone.
    pub delete: Pace,
    /// From the end of an action until the books agree with it.
    pub settle: Pace,
    /// From an accepted live migration to its record.
    pub record: Pace,
}

/// How requests are bounded, paced and tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requests {
    /// Until a connection stands.
    pub connect: Duration,
    /// From a sent request to its whole answer.
    pub read: Duration,
    /// How many go out at once and a second, for each project of the cloud.
    pub limits: Limits,
    /// How a request is tried again.
    pub retry: Retries,
}

/// How a request is tried again, by its service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retries {
    /// Keystone.
    pub identity: Backoff,
    /// Nova.
    pub compute: Backoff,
    /// Glance.
    pub image: Backoff,
    /// Neutron.
    pub network: Backoff,
    /// Placement.
    pub placement: Backoff,
}

impl From<Backoff> for Retries {
    /// The same for all services.
    fn from(all: Backoff) -> Self {
        Self { identity: all, compute: all, image: all, network: all, placement: all }
    }
}

impl Config {
    /// Resolves `layers`.
    ///
    /// # Errors
    ///
    /// A value that can't be read, with its place and what would be right.
    pub fn resolve(layers: &Layers) -> Result<Self, ConfigError> {
        let cloud = layers.optional("cloud")?;
        let view = layers.for_cloud(cloud.as_deref());
        let groups = view.group_keys();
        Ok(Self {
            concurrency: view.read("concurrency", values::count)?,
            order: view.read("order", values::order)?,
            groups: groups
                .iter()
                .map(|key| {
                    Ok((key[keys::GROUPS.len()..].to_owned(), view.read(key, values::count)?))
                })
                .collect::<Result<_, ConfigError>>()?,
            deadlines: Deadlines {
                step: view.duration("deadline.step")?,
                scenario: view.duration("deadline.scenario")?,
                clean_up: view.duration("deadline.clean-up")?,
                run: view.optional_duration("deadline.run")?,
                stall: view.duration("deadline.stall")?,
            },
            paces: Paces {
                boot: view.pace("boot")?,
                migrate: view.pace("migrate")?,
                delete: view.pace("delete")?,
                settle: view.pace("settle")?,
                record: view.pace("record")?,
            },
            requests: Requests {
                connect: view.duration("request.connect")?,
                read: view.duration("request.read")?,
                limits: view.limits()?,
                retry: view.retries()?,
            },
            image: view.optional("image"),
            flavor: view.optional("flavor"),
            network: view.read("network", values::network)?,
            zone: view.optional("zone"),
            member: view.optional("member"),
            allow: view.read("allow", values::changes)?,
            control: view.control()?,
            journal: PathBuf::from(view.text("journal").value),
            settings: keys::all()
                .map(|key| key.name)
                .chain(groups.iter().map(String::as_str))
                .map(|key| view.text(key))
                .collect(),
            cloud,
        })
    }
}

/// The environment of this process, read once.
#[allow(clippy::disallowed_methods, reason = "this is the module that reads the environment")]
pub fn process_environment() -> clouds::Environment {
    // A value that is not UTF-8 can name nothing that we know.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests;
