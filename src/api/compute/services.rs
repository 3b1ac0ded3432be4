//! Computes: their services and their hypervisors. For operators.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Compute, Link, has_next, unsupported};
use crate::api::error::RequestError;
use crate::api::request::{Expect, Method};
use crate::api::version::Microversion;
use crate::events::names::ComputeName;

/// A `nova-compute` (`os-services`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ServiceRecord {
    /// A UUID since 2.53, a number before.
    #[serde(deserialize_with = "number_or_text")]
    pub id: String,
    /// The compute.
    pub host: ComputeName,
    /// `nova-compute`.
    pub binary: String,
    /// `up` or `down`, by heartbeats; up to a minute late, unless it was forced down.
    pub state: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// Why it is disabled, if somebody said so.
    pub disabled_reason: Option<String>,
    /// Declared down; since 2.11.
    pub forced_down: Option<bool>,
    /// Its zone.
    pub zone: Option<String>,
}

impl ServiceRecord {
    /// Alive, by heartbeats.
    pub fn is_up(&self) -> bool {
        self.state == "up"
    }

    /// Takes new servers.
    pub fn is_enabled(&self) -> bool {
        self.status == "enabled"
    }

    /// May be chosen for servers: enabled, up and not forced down.
    pub fn is_usable(&self) -> bool {
        self.is_enabled() && self.is_up() && !self.forced_down.unwrap_or(false)
    }

    /// In this zone, or in any if there is none to be in.
    pub fn is_in(&self, zone: Option<&str>) -> bool {
        zone.is_none_or(|zone| self.zone.as_deref() == Some(zone))
    }
}

fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

/// A change to a compute's service. The user must allow it on any cloud but the embedded one, and
/// it must be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceChange {
    /// New servers may go there.
    Enable,
    /// No new servers go there; those that are there stay.
    Disable {
        /// For people to read.
        reason: Option<String>,
    },
    /// Declares it down (true), or leaves that to the heartbeats again (false). Since 2.11.
    ForceDown(bool),
}

/// A hypervisor (`os-hypervisors`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Hypervisor {
    /// A UUID since 2.53, a number before.
    #[serde(deserialize_with = "number_or_text")]
    pub id: String,
    /// Its name: that of placement's resource provider.
    pub hypervisor_hostname: String,
    /// `up` or `down`.
    pub state: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// The service that runs it.
    pub service: Option<HypervisorService>,
}

/// The service that runs a hypervisor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HypervisorService {
    /// The compute.
    pub host: ComputeName,
}

#[derive(Deserialize)]
struct Services {
    services: Vec<ServiceRecord>,
}

#[derive(Deserialize)]
struct Hypervisors {
    hypervisors: Vec<Hypervisor>,
    #[serde(default)]
    hypervisors_links: Vec<Link>,
}

/// The first microversion whose services have UUIDs and one path for all changes.
const BY_UUID: Microversion = Microversion::new(2, 53);
/// The first microversion that can declare a service down.
const FORCE_DOWN: Microversion = Microversion::new(2, 11);
/// The first microversion with pages of hypervisors.
const HYPERVISOR_PAGES: Microversion = Microversion::new(2, 33);

impl Compute {
    /// All `nova-compute` services.
    ///
    /// # Errors
    ///
    /// 403 for members.
    pub async fn services(&self) -> Result<Vec<ServiceRecord>, RequestError> {
        let request = self.get(&["os-services"]).query("binary", "nova-compute");
        Ok(self.session.call(request).await?.json::<Services>()?.services)
    }

    /// Changes a service, by the record that [`Self::services`] gave at the same microversion.
    ///
    /// # Errors
    ///
    /// 400 for a change that isn't allowed, 403 for members, 404 if it is gone.
    pub async fn change_service(
        &self,
        service: &ServiceRecord,
        change: &ServiceChange,
    ) -> Result<(), RequestError> {
        let version = self.version().await?;
        let (elements, body) = if version >= BY_UUID {
            (vec!["os-services", service.id.as_str()], change.body())
        } else {
            let (verb, body) = change.old_body(service);
            if verb == "force-down" && version < FORCE_DOWN {
                let elements = ["os-services", verb];
                return Err(unsupported(
                    Method::Put,
                    &elements,
                    "forcing a service down",
                    FORCE_DOWN,
                    version,
                ));
            }
            (vec!["os-services", verb], body)
        };
        let request =
            self.request(Method::Put, &elements).json(&body).expect(Expect::Codes(&[200]));
        self.session.call(request).await.map(drop)
    }

    /// All hypervisors.
    ///
    /// # Errors
    ///
    /// 403 for members.
    pub async fn hypervisors(&self) -> Result<Vec<Hypervisor>, RequestError> {
        let paged = self.version().await? >= HYPERVISOR_PAGES;
        let mut found: Vec<Hypervisor> = Vec::new();
        loop {
            let marker = found.last().map(|hypervisor| hypervisor.id.clone());
            let request =
                self.get(&["os-hypervisors", "detail"]).query_if("marker", marker.as_ref());
            let page: Hypervisors = self.session.call(request).await?.json()?;
            let last = page.hypervisors.last().map(|hypervisor| hypervisor.id.clone());
            let more =
                paged && has_next(&page.hypervisors_links) && last.is_some() && last != marker;
            found.extend(page.hypervisors);
            if !more {
                return Ok(found);
            }
        }
    }
}

impl ServiceChange {
    fn body(&self) -> Value {
        match self {
            Self::Enable => json!({ "status": "enabled" }),
            Self::Disable { reason: None } => json!({ "status": "disabled" }),
            Self::Disable { reason: Some(reason) } => {
                json!({ "status": "disabled", "disabled_reason": reason })
            }
            Self::ForceDown(down) => json!({ "forced_down": down }),
        }
    }

    /// Before 2.53 each change has a path of its own and names host and binary in the body.
    fn old_body(&self, service: &ServiceRecord) -> (&'static str, Value) {
        let mut body = json!({ "host": service.host, "binary": service.binary });
        let verb = match self {
            Self::Enable => "enable",
            Self::Disable { reason: None } => "disable",
            Self::Disable { reason: Some(reason) } => {
                body["disabled_reason"] = json!(reason);
                "disable-log-reason"
            }
            Self::ForceDown(down) => {
                body["forced_down"] = json!(down);
                "force-down"
            }
        };
        (verb, body)
    }
}
