//! The services that the suite talks to.

use std::fmt;

use super::version::Microversion;

/// A service of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Keystone: users, projects, tokens, the catalog.
    Identity,
    /// Nova: servers, computes, migrations.
    Compute,
    /// Glance: images.
    Image,
    /// Neutron: networks and ports.
    Network,
    /// Placement: what is in use where.
    Placement,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 5] =
        [Self::Identity, Self::Compute, Self::Image, Self::Network, Self::Placement];

    /// The type's official name, as in the catalog and in `clouds.yaml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Compute => "compute",
            Self::Image => "image",
            Self::Network => "network",
            Self::Placement => "placement",
        }
    }

    /// The names that catalogs and configurations have for it, the official one first.
    pub(super) const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["identity", "identityv3", "keystone"],
            Self::Compute => &["compute", "computev21", "nova"],
            Self::Image => &["image", "imagev2", "glance"],
            Self::Network => &["network", "networking", "neutron"],
            Self::Placement => &["placement"],
        }
    }

    /// The path element of the API's major version, for endpoints that don't have one.
    pub(super) const fn major(self) -> Option<&'static str> {
        match self {
            Self::Identity => Some("v3"),
            Self::Compute => Some("v2.1"),
            Self::Image => Some("v2"),
            Self::Network => Some("v2.0"),
            Self::Placement => None,
        }
    }

    /// The newest microversion that our calls were written for. Compute: the 2026.2 development
    /// line; placement: 2023.2.
    pub const fn newest_known(self) -> Option<Microversion> {
        match self {
            Self::Compute => Some(Microversion::new(2, 104)),
            Self::Placement => Some(Microversion::new(1, 39)),
            Self::Identity | Self::Image | Self::Network => None,
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
