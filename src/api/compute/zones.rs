//! Availability zones.

use serde::Deserialize;

use super::Compute;
use crate::api::error::RequestError;

/// An availability zone: computes that instances can be tied to by its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Zone {
    /// Its name, which is all that it has for an id.
    #[serde(rename = "zoneName")]
    pub name: String,
    /// Whether it takes instances.
    #[serde(rename = "zoneState")]
    pub state: ZoneState,
}

/// How a zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct ZoneState {
    /// At least one of its computes is enabled.
    pub available: bool,
}

#[derive(Deserialize)]
struct Zones {
    #[serde(rename = "availabilityZoneInfo")]
    zones: Vec<Zone>,
}

impl Compute {
    /// All zones of computes, for members too.
    ///
    /// # Errors
    ///
    /// Those of a request.
    ///
    /// Source: API reference, "Get Availability Zone Information".
    pub async fn zones(&self) -> Result<Vec<Zone>, RequestError> {
        let request = self.get(&["os-availability-zone"]);
        Ok(self.session.call(request).await?.json::<Zones>()?.zones)
    }
}
