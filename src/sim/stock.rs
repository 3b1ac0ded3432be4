//! What a cloud is stocked with when it starts: flavors, images, networks.

/// The flavors, images and networks of a new cloud. By default there are five flavors, five images
/// of which three can be booted, and two networks.
#[derive(Clone, Debug)]
pub struct Stock {
    /// In the order of their numbers.
    pub flavors: Vec<StockedFlavor>,
    /// In the order of their creation.
    pub images: Vec<StockedImage>,
    /// In the order of their creation; at most 24, each with an address range of its own.
    pub networks: Vec<StockedNetwork>,
}

/// A flavor for all projects.
#[derive(Clone, Debug)]
pub struct StockedFlavor {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Cores.
    pub vcpus: u64,
    /// MiB.
    pub ram: u64,
    /// GiB.
    pub disk: u64,
}

/// A public image; its id is another in each cloud.
#[derive(Clone, Debug)]
pub struct StockedImage {
    /// Its name.
    pub name: String,
    /// `active`, `queued`, `deactivated`.
    pub status: &'static str,
    /// MiB that an instance must have.
    pub min_ram: u64,
    /// GiB that an instance must have.
    pub min_disk: u64,
    /// Bytes; `None` before there is data.
    pub size: Option<u64>,
}

/// A network of the operator's project, with one subnet; its id is another in each cloud.
#[derive(Clone, Debug)]
pub struct StockedNetwork {
    /// Its name.
    pub name: String,
    /// Whether every project may use it.
    pub shared: bool,
    /// Whether it leads outside; instances do not get it by themselves.
    pub external: bool,
}

impl Default for Stock {
    fn default() -> Self {
        let flavor = |(id, name, vcpus, ram, disk): (u64, &str, u64, u64, u64)| StockedFlavor {
            id: id.to_string(),
            name: name.to_owned(),
            vcpus,
            ram,
            disk,
        };
        let flavors = [
            (1, "tiny", 1, 64, 1),
            (2, "small", 1, 512, 5),
            (3, "medium", 2, 1024, 10),
            (4, "large", 4, 4 * 1024, 20),
            (5, "huge", 8, 16 * 1024, 80),
        ];
        let image = |(name, status, min_ram, min_disk, mib): (&str, _, _, _, Option<u64>)| {
            let (name, size) = (name.to_owned(), mib.map(|mib| mib << 20));
            StockedImage { name, status, min_ram, min_disk, size }
        };
        let images = [
            ("guest-minimal", "active", 0, 1, Some(16)),
            ("guest-minimal-alt", "active", 0, 1, Some(16)),
            ("guest-desktop", "active", 1024, 10, Some(900)),
            ("guest-unfinished", "queued", 0, 0, None),
            ("guest-withdrawn", "deactivated", 0, 1, Some(16)),
        ];
        let network = |name: &str, shared| StockedNetwork {
            name: name.to_owned(),
            shared,
            external: !shared,
        };
        Self {
            flavors: flavors.map(flavor).into(),
            images: images.map(image).into(),
            networks: vec![network("shared", true), network("public", false)],
        }
    }
}
