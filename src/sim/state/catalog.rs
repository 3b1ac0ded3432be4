//! Flavors, images, networks with their ports, and key pairs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::placement::Resources;
use crate::events::names::{ComputeName, ServerId};
use crate::sim::ids;
use crate::sim::stock::{Stock, StockedImage};

/// A flavor.
#[derive(Clone, Debug)]
pub struct Flavor {
    /// Counts up; migrations name flavors by it.
    pub number: u64,
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
    /// GiB of ephemeral disk.
    pub ephemeral: u64,
    /// MiB.
    pub swap: u64,
    /// Whether all projects see it.
    pub public: bool,
    /// Since 2.55.
    pub description: Option<String>,
    /// Placement traits and the like; shown inline since 2.61.
    pub extra_specs: BTreeMap<String, String>,
    /// Ids of the projects that may use it although it is private.
    pub access: BTreeSet<String>,
}

impl Flavor {
    /// Whether instances of that project can be of it.
    pub fn is_for(&self, project: &str) -> bool {
        self.public || self.access.contains(project)
    }

    /// What an instance of it uses.
    pub fn needs(&self) -> Resources {
        let disk_gb = self.disk + self.ephemeral + self.swap.div_ceil(1024);
        Resources { vcpus: self.vcpus, memory_mb: self.ram, disk_gb }
    }
}

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its id, another in each cloud.
    pub id: String,
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

/// A network with its one subnet.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub project: String,
    /// Whether every project may use it.
    pub shared: bool,
    /// Whether it leads outside; instances do not get it by themselves.
    pub external: bool,
    /// Its subnet's id.
    pub subnet: String,
    /// The first three numbers of its addresses.
    pub prefix: [u8; 2],
}

/// Where a port is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The compute.
    pub host: ComputeName,
    /// The other one, on the destination, is inactive while the instance moves.
    pub active: bool,
}

/// A port.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub project: String,
    /// Its network.
    pub network: String,
    /// The instance that uses it.
    pub device: Option<ServerId>,
    /// Its address.
    pub mac: String,
    /// Its address in the network's subnet.
    pub ip: String,
    /// Where it is bound to.
    pub bindings: Vec<Binding>,
    /// Whether Nova made it, and so deletes it with the instance.
    pub made_for_server: bool,
    /// Virtual time.
    pub created: Duration,
}

/// A key pair.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Its name, unique for its user.
    pub name: String,
    /// `ssh` or `x509`.
    pub kind: String,
    /// The public half.
    pub public_key: String,
    /// MD5-like, colons between.
    pub fingerprint: String,
    /// Virtual time.
    pub created: Duration,
}

fn image(stocked: &StockedImage) -> Image {
    Image {
        id: ids::uuid(),
        name: stocked.name.clone(),
        status: stocked.status,
        min_ram: stocked.min_ram,
        min_disk: stocked.min_disk,
        size: stocked.size,
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Catalog {
    /// In the order of their numbers.
    pub flavors: Vec<Arc<Flavor>>,
    /// In the order of their creation.
    pub images: Vec<Image>,
    /// In the order of their creation.
    pub networks: Vec<Network>,
    /// By id.
    pub ports: BTreeMap<String, Port>,
    /// By user and name.
    pub key_pairs: BTreeMap<(String, String), KeyPair>,
    /// Which ports each instance has.
    attached: HashMap<ServerId, Vec<String>>,
    last_flavor: u64,
    last_address: u64,
}

impl Catalog {
    /// What a new cloud has of its `stock`.
    pub fn stocked(stock: &Stock, admin_project: &str) -> Self {
        let mut catalog = Self::default();
        for flavor in &stock.flavors {
            catalog.add_flavor(Flavor {
                number: 0,
                id: flavor.id.clone(),
                name: flavor.name.clone(),
                vcpus: flavor.vcpus,
                ram: flavor.ram,
                disk: flavor.disk,
                ephemeral: 0,
                swap: 0,
                public: true,
                description: None,
                extra_specs: BTreeMap::new(),
                access: BTreeSet::new(),
            });
        }
        catalog.images = stock.images.iter().map(image).collect();
        for (network, second) in stock.networks.iter().zip((20..=u8::MAX).step_by(10)) {
            catalog.networks.push(Network {
                id: ids::uuid(),
                name: network.name.clone(),
                project: admin_project.to_owned(),
                shared: network.shared,
                external: network.external,
                subnet: ids::uuid(),
                prefix: [10, second],
            });
        }
        catalog
    }

    /// Adds a flavor under the next number.
    pub fn add_flavor(&mut self, mut flavor: Flavor) -> Arc<Flavor> {
        self.last_flavor += 1;
        flavor.number = self.last_flavor;
        let flavor = Arc::new(flavor);
        self.flavors.push(Arc::clone(&flavor));
        flavor
    }

    /// The flavor with this id.
    pub fn flavor(&self, id: &str) -> Option<&Arc<Flavor>> {
        self.flavors.iter().find(|flavor| flavor.id == id)
    }

    /// The flavor with this id, to change it; instances keep it as it was.
    pub fn flavor_mut(&mut self, id: &str) -> Option<&mut Flavor> {
        self.flavors.iter_mut().find(|flavor| flavor.id == id).map(Arc::make_mut)
    }

    /// The image with this id.
    pub fn image(&self, id: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }

    /// The networks that a project can use, external ones included.
    pub fn networks_of<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a Network> {
        self.networks
            .iter()
            .filter(move |network| network.shared || network.external || network.project == project)
    }

    /// The network with this id.
    pub fn network(&self, id: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.id == id)
    }

    /// Makes a port on a network that exists.
    pub fn add_port(
        &mut self,
        network: &Network,
        project: &str,
        name: &str,
        now: Duration,
    ) -> &mut Port {
        self.last_address += 1;
        let n = self.last_address;
        let [a, b] = network.prefix;
        let [.., x, y] = (n + 9).to_be_bytes();
        let port = Port {
            id: ids::uuid(),
            name: name.to_owned(),
            project: project.to_owned(),
            network: network.id.clone(),
            device: None,
            mac: format!("fa:16:3e:{:02x}:{x:02x}:{y:02x}", (n >> 16) & 0xff),
            ip: format!("{a}.{b}.{x}.{y}"),
            bindings: Vec::new(),
            made_for_server: false,
            created: now,
        };
        self.ports.entry(port.id.clone()).or_insert(port)
    }

    /// The ports of an instance.
    pub fn ports_of(&self, server: &ServerId) -> impl Iterator<Item = &Port> {
        self.attached.get(server).into_iter().flatten().filter_map(|id| self.ports.get(id))
    }

    /// Leaves each port of an instance with these bindings.
    pub fn bind_ports(&mut self, server: &ServerId, bindings: &[Binding]) {
        for id in self.attached.get(server).into_iter().flatten() {
            if let Some(port) = self.ports.get_mut(id) {
                port.bindings = bindings.to_vec();
            }
        }
    }

    /// Gives a port to an instance.
    pub fn attach_port(&mut self, id: &str, server: &ServerId) {
        if let Some(port) = self.ports.get_mut(id) {
            port.device = Some(server.clone());
            self.attached.entry(server.clone()).or_default().push(id.to_owned());
        }
    }

    /// Deletes a port, also under an instance that uses it.
    pub fn delete_port(&mut self, id: &str) {
        let Some(port) = self.ports.remove(id) else { return };
        if let Some(ports) = port.device.and_then(|server| self.attached.get_mut(&server)) {
            ports.retain(|known| known != id);
        }
    }

    /// Gives back an instance's ports: deletes those made for it, unbinds the others.
    pub fn release_ports(&mut self, server: &ServerId) {
        for id in self.attached.remove(server).unwrap_or_default() {
            let Some(port) = self.ports.get_mut(&id) else { continue };
            if port.made_for_server {
                self.ports.remove(&id);
                continue;
            }
            port.device = None;
            port.bindings.clear();
        }
    }
}
