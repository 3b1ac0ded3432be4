//! What was done to a server, as Nova wrote it down.

use serde::Deserialize;

use super::Compute;
use crate::api::error::RequestError;
use crate::events::names::{ComputeName, ServerId};

/// Something that was asked for (`os-instance-actions`).
///
/// Not the verdict of a live migration: one that was rolled back or aborted shows no error here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct InstanceAction {
    /// What: `create`, `live-migration`, `live_migration_cancel` …
    pub action: String,
    /// The request that asked for it.
    pub request_id: String,
    /// When, in whole seconds, as the cloud writes it.
    pub start_time: Option<String>,
    /// `Error`, or nothing.
    pub message: Option<String>,
    /// Its steps; only from [`Compute::instance_action`].
    #[serde(default)]
    pub events: Vec<ActionEvent>,
}

/// A step of an action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ActionEvent {
    /// Which, such as `conductor_live_migrate_instance`.
    pub event: String,
    /// `Success`, `Error`, or nothing while it goes on.
    pub result: Option<String>,
    /// When it began, in whole seconds, as the cloud writes it.
    pub start_time: Option<String>,
    /// When it ended, in whole seconds, as the cloud writes it.
    pub finish_time: Option<String>,
    /// Where; since 2.62, operators only.
    pub host: Option<ComputeName>,
    /// Why it went wrong; since 2.84, operators only.
    pub details: Option<String>,
    /// Where in Nova's code it went wrong; operators only.
    pub traceback: Option<String>,
}

#[derive(Deserialize)]
struct Actions {
    #[serde(rename = "instanceActions")]
    actions: Vec<InstanceAction>,
}

#[derive(Deserialize)]
struct OneAction {
    #[serde(rename = "instanceAction")]
    action: InstanceAction,
}

impl Compute {
    /// What was asked for on the server, the newest first, without the steps. Since 2.21 also of
    /// deleted servers.
    ///
    /// # Errors
    ///
    /// 404 if there is no such server.
    pub async fn instance_actions(
        &self,
        id: &ServerId,
    ) -> Result<Vec<InstanceAction>, RequestError> {
        let answer =
            self.session.call(self.get(&["servers", id.as_str(), "os-instance-actions"])).await?;
        Ok(answer.json::<Actions>()?.actions)
    }

    /// One action with its steps, by the id of the request that asked for it.
    ///
    /// # Errors
    ///
    /// 404 if there is no such server or action.
    pub async fn instance_action(
        &self,
        id: &ServerId,
        request_id: &str,
    ) -> Result<InstanceAction, RequestError> {
        let elements = ["servers", id.as_str(), "os-instance-actions", request_id];
        let answer = self.session.call(self.get(&elements)).await?;
        Ok(answer.json::<OneAction>()?.action)
    }
}
