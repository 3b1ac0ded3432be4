//! What is done to a server: `POST /servers/{id}/action`.

use serde_json::{Value, json};

use super::{Compute, unsupported};
use crate::api::error::RequestError;
use crate::api::request::{Answer, Expect, Method};
use crate::api::version::Microversion;
use crate::events::names::{ComputeName, ServerId};

/// Whether disks are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockMigration {
    /// The cloud decides. Before 2.25, which has no such word, sent as no.
    #[default]
    Auto,
    /// Disks are copied.
    Yes,
    /// Disks are on shared storage.
    No,
}

/// A request for a live migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveMigrate {
    /// Where to; `None`: the scheduler chooses.
    pub host: Option<ComputeName>,
    /// Whether disks are copied.
    pub block_migration: BlockMigration,
    /// Past the scheduler, to the host named; 2.30 to 2.67. Before, a named host always was.
    pub force: bool,
}

impl LiveMigrate {
    /// The body for a microversion; there are five generations of it.
    fn body(&self, id: &ServerId, version: Microversion) -> Result<Value, RequestError> {
        let (auto, force, no_force) =
            (Microversion::new(2, 25), Microversion::new(2, 30), Microversion::new(2, 68));
        let block = match self.block_migration {
            BlockMigration::Auto if version >= auto => json!("auto"),
            BlockMigration::Auto | BlockMigration::No => json!(false),
            BlockMigration::Yes => json!(true),
        };
        let mut action = json!({ "host": self.host, "block_migration": block });
        if version < auto {
            action["disk_over_commit"] = json!(false);
        }
        if self.force && version >= no_force {
            let elements = ["servers", id.as_str(), "action"];
            let last = Microversion::new(2, 67);
            return Err(unsupported(
                Method::Post,
                &elements,
                "a forced live migration",
                last,
                version,
            ));
        }
        if self.force && version >= force {
            action["force"] = json!(true);
        }
        Ok(json!({ "os-migrateLive": action }))
    }
}

/// Actions that need no more than their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stops it in memory.
    Pause,
    /// Undoes a pause.
    Unpause,
    /// Stops it on disk.
    Suspend,
    /// Undoes a suspension.
    Resume,
    /// Stops it.
    Stop,
    /// Starts it.
    Start,
    /// Asks its system to start again.
    Reboot,
    /// Keeps members from changing it.
    Lock,
    /// Undoes a lock.
    Unlock,
    /// Moves it while it is off; the scheduler chooses where to.
    Migrate,
    /// Says yes to a cold migration or resize.
    ConfirmResize,
    /// Takes back a cold migration or resize.
    RevertResize,
    /// Deletes it for good where deleted ones are kept for a while.
    ForceDelete,
    /// Says that it is fine, whatever Nova thinks; operators only.
    ResetToActive,
    /// Says that it is broken; operators only.
    ResetToError,
}

impl Action {
    fn body(self) -> Value {
        let (name, value) = match self {
            Self::Pause => ("pause", Value::Null),
            Self::Unpause => ("unpause", Value::Null),
            Self::Suspend => ("suspend", Value::Null),
            Self::Resume => ("resume", Value::Null),
            Self::Stop => ("os-stop", Value::Null),
            Self::Start => ("os-start", Value::Null),
            Self::Reboot => ("reboot", json!({ "type": "SOFT" })),
            Self::Lock => ("lock", Value::Null),
            Self::Unlock => ("unlock", Value::Null),
            Self::Migrate => ("migrate", Value::Null),
            Self::ConfirmResize => ("confirmResize", Value::Null),
            Self::RevertResize => ("revertResize", Value::Null),
            Self::ForceDelete => ("forceDelete", Value::Null),
            Self::ResetToActive => ("os-resetState", json!({ "state": "active" })),
            Self::ResetToError => ("os-resetState", json!({ "state": "error" })),
        };
        json!({ name: value })
    }

    /// 202 for all but one.
    const fn codes(self) -> &'static [u16] {
        match self {
            Self::ConfirmResize => &[204],
            _ => &[202],
        }
    }
}

impl Compute {
    /// Asks for a live migration and returns at once (202).
    ///
    /// `Ok` means *accepted*. Since 2.34 hosts are looked at afterwards; a bad one shows up in the
    /// migration record, which itself is not there yet when this returns. Not sent again after a
    /// lost answer: look for a new record or task first.
    ///
    /// # Errors
    ///
    /// 400 for an unknown host, 403 for members, 409 for a server that has a task already or
    /// isn't running or paused; [`Unsupported`](crate::api::RequestErrorKind::Unsupported) if
    /// forced at 2.68 or later.
    ///
    /// Source: API reference, "Live-Migrate Server (os-migrateLive Action)"; microversions 2.25,
    /// 2.30, 2.34, 2.68.
    pub async fn live_migrate(
        &self,
        id: &ServerId,
        how: &LiveMigrate,
    ) -> Result<Answer, RequestError> {
        let body = how.body(id, self.version().await?)?;
        self.server_action(id, &body, &[202]).await
    }

    /// Does an action and returns when it is accepted, not when it is done.
    ///
    /// # Errors
    ///
    /// 409 if the server's state or task forbids it.
    pub async fn act(&self, id: &ServerId, action: Action) -> Result<Answer, RequestError> {
        self.server_action(id, &action.body(), action.codes()).await
    }

    async fn server_action(
        &self,
        id: &ServerId,
        body: &Value,
        codes: &'static [u16],
    ) -> Result<Answer, RequestError> {
        let request = self.request(Method::Post, &["servers", id.as_str(), "action"]);
        self.session.call(request.json(body).expect(Expect::Codes(codes))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(minor: u16, how: &LiveMigrate) -> String {
        let body = how.body(&ServerId::new("s"), Microversion::new(2, minor));
        body.map_or_else(|error| error.kind.to_string(), |body| body["os-migrateLive"].to_string())
    }

    #[test]
    fn each_generation_has_its_body() {
        let how = LiveMigrate {
            host: Some(ComputeName::new("c")),
            force: true,
            ..LiveMigrate::default()
        };
        let seen: Vec<_> = [24, 25, 30, 67, 68].map(|minor| body(minor, &how)).into();
        insta::assert_debug_snapshot!(seen, @r#"
        [
            "{\"block_migration\":false,\"disk_over_commit\":false,\"host\":\"c\"}",
            "{\"block_migration\":\"auto\",\"host\":\"c\"}",
            "{\"block_migration\":\"auto\",\"force\":true,\"host\":\"c\"}",
            "{\"block_migration\":\"auto\",\"force\":true,\"host\":\"c\"}",
            "a forced live migration needs microversion 2.67 of compute, but 2.68 is in use",
        ]
        "#);
    }

    #[test]
    fn the_scheduler_chooses_when_the_host_is_null() {
        let how = LiveMigrate::default();
        assert_eq!(body(104, &how), r#"{"block_migration":"auto","host":null}"#);
    }
}
