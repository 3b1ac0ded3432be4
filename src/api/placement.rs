//! Placement: who uses how much of what. For operators.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::RequestError;
use super::request::{Request, path};
use super::service::Service;
use super::session::Session;

/// How much of each resource class, such as `VCPU` or `MEMORY_MB`.
pub type Resources = BTreeMap<String, u64>;

/// Something that has resources: a hypervisor, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ResourceProvider {
    /// Its id.
    pub uuid: String,
    /// For a compute the hypervisor's name.
    pub name: String,
    /// Its change counter.
    #[serde(default)]
    pub generation: u64,
    /// The provider that it is a part of; since 1.14.
    pub parent_provider_uuid: Option<String>,
}

/// What a consumer (a server or a migration) has of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Allocation {
    /// How much of what.
    pub resources: Resources,
}

#[derive(Deserialize)]
struct Providers {
    resource_providers: Vec<ResourceProvider>,
}

#[derive(Deserialize)]
struct Allocations {
    allocations: BTreeMap<String, Allocation>,
}

#[derive(Deserialize)]
struct Usages {
    usages: Resources,
}

async fn providers(
    session: &Session,
    request: Request,
) -> Result<Vec<ResourceProvider>, RequestError> {
    Ok(session.call(request).await?.json::<Providers>()?.resource_providers)
}

/// All providers.
///
/// # Errors
///
/// 403 for members.
pub async fn resource_providers(session: &Session) -> Result<Vec<ResourceProvider>, RequestError> {
    providers(session, Request::get(Service::Placement, "/resource_providers")).await
}

/// The provider of that name, for a compute the hypervisor's.
///
/// # Errors
///
/// 403 for members.
pub async fn resource_provider(
    session: &Session,
    name: &str,
) -> Result<Option<ResourceProvider>, RequestError> {
    let request = Request::get(Service::Placement, "/resource_providers").query("name", name);
    Ok(providers(session, request).await?.into_iter().next())
}

/// What is allocated on a provider, by consumer: the UUID of a server or of a migration.
///
/// # Errors
///
/// 403 for members, 404 if there is no such provider.
pub async fn allocations_on(
    session: &Session,
    provider: &str,
) -> Result<BTreeMap<String, Allocation>, RequestError> {
    let request =
        Request::get(Service::Placement, path(&["resource_providers", provider, "allocations"]));
    Ok(session.call(request).await?.json::<Allocations>()?.allocations)
}

/// What a consumer has, by provider; nothing if placement knows no such consumer.
///
/// # Errors
///
/// 403 for members.
pub async fn allocations_of(
    session: &Session,
    consumer: &str,
) -> Result<BTreeMap<String, Allocation>, RequestError> {
    let request = Request::get(Service::Placement, path(&["allocations", consumer]));
    Ok(session.call(request).await?.json::<Allocations>()?.allocations)
}

/// How much of a provider is in use, by all together.
///
/// # Errors
///
/// 403 for members, 404 if there is no such provider.
pub async fn usages(session: &Session, provider: &str) -> Result<Resources, RequestError> {
    let request =
        Request::get(Service::Placement, path(&["resource_providers", provider, "usages"]));
    Ok(session.call(request).await?.json::<Usages>()?.usages)
}
