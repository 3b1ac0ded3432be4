//! Server groups.

use serde::Deserialize;
use serde_json::json;

use super::{Compute, unsupported};
use crate::api::error::RequestError;
use crate::api::request::{Expect, Method};
use crate::api::version::Microversion;
use crate::events::names::ServerId;

super::words! {
    /// What a group asks of the scheduler.
    GroupPolicy {
        /// All on one compute.
        Affinity = "affinity",
        /// Each on a compute of its own.
        AntiAffinity = "anti-affinity",
        /// All on one compute if possible; since 2.15.
        SoftAffinity = "soft-affinity",
        /// Each on a compute of its own if possible; since 2.15.
        SoftAntiAffinity = "soft-anti-affinity",
    }
}

/// A server group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ServerGroup {
    /// Its id, which a create takes as a hint.
    pub id: String,
    /// Its name; not unique.
    pub name: String,
    /// What it asks of the scheduler; since 2.64.
    policy: Option<GroupPolicy>,
    /// The same, before 2.64: exactly one.
    #[serde(default)]
    policies: Vec<GroupPolicy>,
    /// The servers in it that are not deleted.
    #[serde(default)]
    pub members: Vec<ServerId>,
}

impl ServerGroup {
    /// What it asks of the scheduler.
    pub fn policy(&self) -> Option<&GroupPolicy> {
        self.policy.as_ref().or(self.policies.first())
    }
}

#[derive(Deserialize)]
struct GroupBody {
    server_group: ServerGroup,
}

#[derive(Deserialize)]
struct Groups {
    server_groups: Vec<ServerGroup>,
}

/// The first microversion with one `policy` instead of a list of one.
const ONE_POLICY: Microversion = Microversion::new(2, 64);
/// The first microversion with soft policies.
const SOFT: Microversion = Microversion::new(2, 15);

impl Compute {
    /// Makes a group. Not sent again after a lost answer: names are not unique.
    ///
    /// # Errors
    ///
    /// 403 over quota; [`Unsupported`](crate::api::RequestErrorKind::Unsupported) for soft
    /// policies before 2.15.
    pub async fn create_server_group(
        &self,
        name: &str,
        policy: &GroupPolicy,
    ) -> Result<ServerGroup, RequestError> {
        let version = self.version().await?;
        let soft = matches!(policy, GroupPolicy::SoftAffinity | GroupPolicy::SoftAntiAffinity);
        if soft && version < SOFT {
            return Err(unsupported(
                Method::Post,
                &["os-server-groups"],
                "a soft policy",
                SOFT,
                version,
            ));
        }
        let group = if version >= ONE_POLICY {
            json!({ "name": name, "policy": policy.as_str() })
        } else {
            json!({ "name": name, "policies": [policy.as_str()] })
        };
        let request = self
            .request(Method::Post, &["os-server-groups"])
            .json(&json!({ "server_group": group }));
        let answer = self.session.call(request.expect(Expect::Codes(&[200]))).await?;
        Ok(answer.json::<GroupBody>()?.server_group)
    }

    /// The project's groups.
    ///
    /// # Errors
    ///
    /// Those of a request.
    pub async fn server_groups(&self) -> Result<Vec<ServerGroup>, RequestError> {
        let answer = self.session.call(self.get(&["os-server-groups"])).await?;
        Ok(answer.json::<Groups>()?.server_groups)
    }

    /// Deletes a group; one that is gone already is fine, too.
    ///
    /// # Errors
    ///
    /// Those of a request.
    pub async fn delete_server_group(&self, id: &str) -> Result<(), RequestError> {
        let request = self
            .request(Method::Delete, &["os-server-groups", id])
            .expect(Expect::Codes(&[204, 404]));
        self.session.call(request).await.map(drop)
    }
}
