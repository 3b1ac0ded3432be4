//! What a target lacks of what a scenario needs, and what its owner can do about it.

use std::fmt;

use crate::config::Change;

use super::beyond::Knob;

/// Why a scenario is skipped on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Computes that are enabled and up.
    Computes {
        /// So many are needed.
        wanted: usize,
        /// So many there are.
        there: usize,
        /// Only computes of this zone count.
        zone: Option<String>,
    },
    /// A plain member's credentials.
    Member,
    /// Leave to change something that is not the scenario's own.
    Leave(Change),
    /// A control that can do this.
    Control(Knob),
    /// Room in a project's quota.
    Room {
        /// So many instances at the same time are needed.
        wanted: usize,
        /// There is room for so many.
        left: usize,
    },
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computes { wanted, there, zone } => write!(
                f,
                "it needs {wanted} computes{} that are enabled and up, and there are {there}",
                in_zone(zone.as_deref())
            ),
            Self::Member => f.write_str(
                "it needs a plain member's credentials; name their cloud in the setting `member`",
            ),
            Self::Leave(change) => write!(
                f,
                "it changes {change}, which this target allows only with `--allow {change}`"
            ),
            Self::Control(knob) => {
                write!(f, "it {knob}, which takes more control of the cloud than this target gives")
            }
            Self::Room { wanted, left } => write!(
                f,
                "it needs {wanted} instances at the same time, and the quota leaves room for {left}"
            ),
        }
    }
}

/// ` in zone NAME`, to be said after computes; nothing where all count.
pub(super) fn in_zone(zone: Option<&str>) -> String {
    zone.map(|zone| format!(" in zone {zone}")).unwrap_or_default()
}

impl Lack {
    /// What to do about it; `cloud` is the target's name in `clouds.yaml`.
    pub fn remedy(&self, cloud: &str) -> String {
        match self {
            Self::Computes { .. } => "enable computes that are disabled (`openstack compute \
                 service set --enable HOST nova-compute`), start those that are down, or do \
                 without these scenarios"
                .to_owned(),
            Self::Member => "add `--member NAME`, a cloud of clouds.yaml that logs in with the \
                 role `member` and no other"
                .to_owned(),
            Self::Leave(change) => format!(
                "if its computes may take no new instances for some seconds, add `--allow \
                 {change}`, or `allow = [\"{change}\"]` under [clouds.{cloud}] in whimbrel.toml"
            ),
            Self::Control(_) => format!(
                "do without these scenarios here: only the embedded cloud and a lab give such \
                 control, named with `control = \"http://127.0.0.1:PORT/control\"` under \
                 [clouds.{cloud}] in whimbrel.toml"
            ),
            Self::Room { wanted, .. } => format!(
                "delete instances of the project, let it have more (`openstack quota set \
                 --instances {wanted} PROJECT`, also --cores and --ram), or name a smaller flavor \
                 with `--flavor`"
            ),
        }
    }
}
