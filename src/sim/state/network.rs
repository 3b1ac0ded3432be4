//! What an instance is attached to: ports made, bound, moved and given back with it.

use super::State;
use super::catalog::{Binding, Network};
use super::creating::{NewServers, Nics};
use super::policy::Caller;
use super::refused::Refused;
use crate::events::names::{ComputeName, ServerId};
use crate::sim::ids;

impl State {
    /// Checks what the instances are to be attached to, and settles what was left unsaid.
    pub(super) fn check_nics(&mut self, by: &Caller, new: &mut NewServers) -> Result<(), Refused> {
        match &new.request.nics {
            Nics::None => {}
            Nics::Auto => {
                let network = self.auto_network(&by.project);
                new.request.nics = Nics::These(vec![Ok(network)]);
            }
            Nics::Unsaid => {
                let mut usable =
                    self.catalog.networks_of(&by.project).filter(|network| !network.external);
                let first = usable.next().map(|network| network.id.clone());
                if usable.next().is_some() {
                    return Err(Refused::Conflict(
                        "Multiple possible networks found, use a Network ID to be more specific."
                            .to_owned(),
                    ));
                }
                new.request.nics = first.map_or(Nics::None, |id| Nics::These(vec![Ok(id)]));
            }
            Nics::These(nics) => {
                for nic in nics {
                    self.check_nic(
                        by,
                        nic.as_ref().map(String::as_str).map_err(String::as_str),
                        new.max,
                    )?;
                }
            }
        }
        Ok(())
    }

    fn check_nic(&self, by: &Caller, nic: Result<&str, &str>, count: usize) -> Result<(), Refused> {
        match nic {
            Ok(network) => {
                let Some(network) =
                    self.catalog.networks_of(&by.project).find(|known| known.id == network)
                else {
                    return Err(Refused::Invalid(format!("Network {network} could not be found.")));
                };
                if network.external && !network.shared && !by.is_admin() {
                    let id = &network.id;
                    return Err(Refused::Forbidden(format!(
                        "It is not allowed to create an interface on external network {id}"
                    )));
                }
            }
            Err(port) => {
                if count > 1 {
                    return Err(Refused::Invalid(
                        "Failed to launch instances: Port IDs cannot be used with multiple instances.".to_owned(),
                    ));
                }
                let known = self.catalog.ports.get(port);
                let Some(known) =
                    known.filter(|known| known.project == by.project || by.is_admin())
                else {
                    return Err(Refused::Invalid(format!("Port id {port} could not be found.")));
                };
                if known.device.is_some() {
                    return Err(Refused::Conflict(format!("Port {port} is still in use.")));
                }
            }
        }
        Ok(())
    }

    /// The project's own network of `networks: auto`; made when it is first needed.
    fn auto_network(&mut self, project: &str) -> String {
        const NAME: &str = "auto_allocated_network";
        let known = self
            .catalog
            .networks
            .iter()
            .find(|network| network.project == project && network.name == NAME);
        if let Some(network) = known {
            return network.id.clone();
        }
        let count = u8::try_from(self.catalog.networks.len()).unwrap_or(u8::MAX);
        let network = Network {
            id: ids::uuid(),
            name: NAME.to_owned(),
            project: project.to_owned(),
            shared: false,
            external: false,
            subnet: ids::uuid(),
            prefix: [10, 40_u8.saturating_add(count)],
        };
        let id = network.id.clone();
        self.catalog.networks.push(network);
        id
    }

    /// Makes or takes the ports of an instance, bound to where it is being built.
    pub(super) fn plug(&mut self, id: &ServerId) {
        let Some(server) = self.servers.get(id) else { return };
        let Some(host) = server.host.clone() else { return };
        let Nics::These(nics) = &server.request.nics else { return };
        let (nics, project, now) = (nics.clone(), server.project.clone(), self.now);
        // Built again on another compute, it keeps the ports that it has.
        if self.catalog.ports_of(id).next().is_none() {
            for nic in nics {
                let port = match nic {
                    Err(port) => port,
                    Ok(network) => {
                        let Some(network) = self.catalog.network(&network).cloned() else {
                            continue;
                        };
                        let port = self.catalog.add_port(&network, &project, "", now);
                        port.made_for_server = true;
                        port.id.clone()
                    }
                };
                self.catalog.attach_port(&port, id);
            }
        }
        self.bind_only(id, &host);
    }

    /// Adds the inactive binding on the destination of a move.
    pub(super) fn bind_destination(&mut self, id: &ServerId, from: &ComputeName, to: &ComputeName) {
        let active = Binding { host: from.clone(), active: true };
        let inactive = Binding { host: to.clone(), active: false };
        self.catalog.bind_ports(id, &[active, inactive]);
    }

    /// Leaves each port bound to `host` only.
    pub(super) fn bind_only(&mut self, id: &ServerId, host: &ComputeName) {
        self.catalog.bind_ports(id, &[Binding { host: host.clone(), active: true }]);
    }
}
