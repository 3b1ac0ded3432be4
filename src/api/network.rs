//! Networks and ports (Neutron).

use serde::Deserialize;

use super::error::RequestError;
use super::request::{Expect, Method, Request, path};
use super::service::Service;
use super::session::Session;
use crate::events::names::{ComputeName, ServerId};

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name; not unique.
    #[serde(default)]
    pub name: String,
    /// `ACTIVE` if it works.
    #[serde(default)]
    pub status: String,
    /// Whether it is for all projects.
    #[serde(default)]
    pub shared: bool,
    /// Whether it leads out of the cloud.
    #[serde(default, rename = "router:external")]
    pub external: bool,
    /// Servers need one with an address to give.
    #[serde(default)]
    pub subnets: Vec<String>,
}

/// A server's port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Port {
    /// Its id.
    pub id: String,
    /// `ACTIVE` if it is wired up.
    #[serde(default)]
    pub status: String,
    /// The server it belongs to; empty = none.
    #[serde(default)]
    pub device_id: String,
    /// The compute it is wired up on; operators only.
    #[serde(default, rename = "binding:host_id")]
    pub host: Option<ComputeName>,
    /// How it is wired up; operators only.
    #[serde(default, rename = "binding:vif_type")]
    pub vif_type: Option<String>,
}

#[derive(Deserialize)]
struct Networks {
    networks: Vec<Network>,
}

#[derive(Deserialize)]
struct Ports {
    ports: Vec<Port>,
}

/// All networks that we may see, in one page (Neutron's default is no limit).
///
/// # Errors
///
/// Those of a request.
pub async fn networks(session: &Session) -> Result<Vec<Network>, RequestError> {
    let answer = session.call(Request::get(Service::Network, "/networks")).await?;
    Ok(answer.json::<Networks>()?.networks)
}

/// So many servers are asked for by one request: the address stays well below what proxies take.
const SERVERS_A_REQUEST: usize = 50;

/// The ports of these servers, each with the server that it belongs to.
///
/// # Errors
///
/// Those of a request.
pub async fn ports_of(session: &Session, servers: &[&ServerId]) -> Result<Vec<Port>, RequestError> {
    let mut found = Vec::new();
    for servers in servers.chunks(SERVERS_A_REQUEST) {
        let all = Request::get(Service::Network, "/ports");
        let request = servers.iter().fold(all, |request, id| request.query("device_id", id));
        found.extend(session.call(request).await?.json::<Ports>()?.ports);
    }
    Ok(found)
}

/// Deletes a port; one that is gone already is fine, too.
///
/// # Errors
///
/// 409 if a router owns it.
pub async fn delete_port(session: &Session, id: &str) -> Result<(), RequestError> {
    let request = Request::new(Service::Network, Method::Delete, path(&["ports", id]));
    session.call(request.expect(Expect::Codes(&[204, 404]))).await.map(drop)
}
