//! Flavors, and how much of the cloud is ours to use.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Compute, Link, has_next};
use crate::api::error::RequestError;

/// A flavor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Flavor {
    /// Its id, often no UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub ram: u64,
    /// Root disk in GiB; 0 = as large as the image.
    pub disk: u64,
    /// Not for new servers.
    #[serde(default, rename = "OS-FLV-DISABLED:disabled")]
    pub disabled: bool,
    /// Special wishes to the compute; since 2.61.
    #[serde(default)]
    pub extra_specs: BTreeMap<String, String>,
}

/// What the project may use and uses (`/limits`); -1 = without limit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsoluteLimits {
    /// Servers allowed.
    pub max_total_instances: i64,
    /// Servers there are.
    pub total_instances_used: i64,
    /// Processors allowed.
    pub max_total_cores: i64,
    /// Processors in use.
    pub total_cores_used: i64,
    /// Memory allowed, in MiB.
    #[serde(rename = "maxTotalRAMSize")]
    pub max_total_ram: i64,
    /// Memory in use, in MiB.
    #[serde(rename = "totalRAMUsed")]
    pub total_ram_used: i64,
}

/// A limit and what there is of it (`/os-quota-sets/{project}/detail`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Quota {
    /// What is allowed; -1 = without limit.
    pub limit: i64,
    /// What is in use.
    pub in_use: i64,
    /// What is promised.
    #[serde(default)]
    pub reserved: i64,
}

/// The quotas of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct QuotaSet {
    /// Servers.
    pub instances: Quota,
    /// Processors.
    pub cores: Quota,
    /// Memory in MiB.
    pub ram: Quota,
    /// Server groups.
    pub server_groups: Quota,
}

#[derive(Deserialize)]
struct Flavors {
    flavors: Vec<Flavor>,
    #[serde(default)]
    flavors_links: Vec<Link>,
}

#[derive(Deserialize)]
struct Limits {
    limits: LimitsBody,
}

#[derive(Deserialize)]
struct LimitsBody {
    absolute: AbsoluteLimits,
}

#[derive(Deserialize)]
struct QuotaBody {
    quota_set: QuotaSet,
}

impl Compute {
    /// All flavors that we may use.
    ///
    /// # Errors
    ///
    /// Those of a request.
    pub async fn flavors(&self) -> Result<Vec<Flavor>, RequestError> {
        let mut found: Vec<Flavor> = Vec::new();
        loop {
            let marker = found.last().map(|flavor| flavor.id.clone());
            let request = self.get(&["flavors", "detail"]).query_if("marker", marker.as_ref());
            let page: Flavors = self.session.call(request).await?.json()?;
            let last = page.flavors.last().map(|flavor| flavor.id.clone());
            let more = has_next(&page.flavors_links) && last.is_some() && last != marker;
            found.extend(page.flavors);
            if !more {
                return Ok(found);
            }
        }
    }

    /// What our project may use and uses.
    ///
    /// # Errors
    ///
    /// Those of a request.
    pub async fn limits(&self) -> Result<AbsoluteLimits, RequestError> {
        Ok(self.session.call(self.get(&["limits"])).await?.json::<Limits>()?.limits.absolute)
    }

    /// The quotas of a project, by its id.
    ///
    /// # Errors
    ///
    /// 403 for members of other projects.
    pub async fn quota(&self, project: &str) -> Result<QuotaSet, RequestError> {
        let request = self.get(&["os-quota-sets", project, "detail"]);
        Ok(self.session.call(request).await?.json::<QuotaBody>()?.quota_set)
    }
}
