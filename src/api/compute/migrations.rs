//! Migration records, and live migrations in progress.

use serde::Deserialize;
use serde_json::json;

use super::{Compute, Link, has_next, unsupported};
use crate::api::error::RequestError;
use crate::api::request::{Answer, Expect, Method, Request};
use crate::api::version::Microversion;
use crate::events::names::{ComputeName, MigrationNumber, MigrationUuid, ServerId};

super::words! {
    /// Where a migration is.
    MigrationStatus {
        /// Taken on; no destination chosen yet.
        Accepted = "accepted",
        /// Waits for its turn on the source.
        Queued = "queued",
        /// The destination gets ready.
        Preparing = "preparing",
        /// Memory is being copied.
        Running = "running",
        /// The destination runs it already while the rest is copied.
        RunningPostCopy = "running (post-copy)",
        /// Cold: not begun.
        PreMigrating = "pre-migrating",
        /// Cold: the disk is being copied.
        Migrating = "migrating",
        /// Cold: being put together on the destination.
        PostMigrating = "post-migrating",
        /// Cold: waits for a yes or no. Not final.
        Finished = "finished",
        /// Cold: a yes is being carried out.
        Confirming = "confirming",
        /// Cold: done.
        Confirmed = "confirmed",
        /// Cold: a no is being carried out.
        Reverting = "reverting",
        /// Cold: taken back.
        Reverted = "reverted",
        /// Live: done.
        Completed = "completed",
        /// Evacuation: done, as far as the client is concerned.
        Done = "done",
        /// Rolled back.
        Failed = "failed",
        /// Went wrong. May still turn into `failed` while the server has its task.
        Error = "error",
        /// Aborted.
        Cancelled = "cancelled",
    }
}

impl MigrationStatus {
    /// Nothing more will happen, but for `error` turning into `failed` while the server has a
    /// task: read once more when it has none.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::Done
                | Self::Confirmed
                | Self::Reverted
                | Self::Failed
                | Self::Error
                | Self::Cancelled
        )
    }
}

/// A migration record (`/os-migrations`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Migration {
    /// Its number; a later record has a greater one.
    pub id: MigrationNumber,
    /// Its id in placement; since 2.59.
    pub uuid: Option<MigrationUuid>,
    /// Where it is.
    pub status: MigrationStatus,
    /// `live-migration`, `migration`, `resize` or `evacuation`; since 2.23.
    pub migration_type: Option<String>,
    /// Whose it is.
    #[serde(alias = "server_uuid")]
    pub instance_uuid: ServerId,
    /// Where the server was; hidden from project managers.
    pub source_compute: Option<ComputeName>,
    /// Where it goes; `None` until that is decided, for good if it never is.
    pub dest_compute: Option<ComputeName>,
    /// The source's hypervisor.
    pub source_node: Option<String>,
    /// The destination's hypervisor.
    pub dest_node: Option<String>,
    /// When it began, as the cloud writes it.
    pub created_at: Option<String>,
    /// When it last changed, as the cloud writes it.
    pub updated_at: Option<String>,
}

impl Migration {
    /// Status and way, such as `running, compute-1 -> compute-2`.
    pub fn state_line(&self) -> String {
        let name = |compute: &Option<ComputeName>| {
            compute.as_ref().map_or("?", ComputeName::as_str).to_owned()
        };
        format!("{}, {} -> {}", self.status, name(&self.source_compute), name(&self.dest_compute))
    }
}

/// A live migration in progress (`/servers/{id}/migrations`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ServerMigration {
    /// What its record says.
    #[serde(flatten)]
    pub migration: Migration,
    /// Memory copied so far, in bytes, if the hypervisor tells.
    pub memory_processed_bytes: Option<u64>,
    /// Memory still to copy, in bytes, if the hypervisor tells.
    pub memory_remaining_bytes: Option<u64>,
    /// Memory in all, in bytes, if the hypervisor tells.
    pub memory_total_bytes: Option<u64>,
}

/// Which records a list is about; all conditions hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationFilter {
    /// Of this server. A deleted server's records are not shown.
    pub server: Option<ServerId>,
    /// With this compute at either end.
    pub host: Option<ComputeName>,
    /// With this status.
    pub status: Option<MigrationStatus>,
    /// Changed at or after this time (RFC 3339); since 2.59.
    pub changes_since: Option<String>,
    /// How many a page, since 2.59; the cloud's limit (1,000 by default) if `None`.
    pub page: Option<u32>,
}

impl MigrationFilter {
    /// The first microversion with pages, times and uuids in the list of records.
    pub const PAGES: Microversion = Microversion::new(2, 59);

    /// The records of one server.
    pub fn server(id: &ServerId) -> Self {
        Self { server: Some(id.clone()), ..Self::default() }
    }

    /// The records with one status, such as that of those that have not changed since they were
    /// made: `accepted`, or `pre-migrating` for a cold one.
    pub fn status(status: MigrationStatus) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    fn on(&self, request: Request) -> Request {
        request
            .query_if("instance_uuid", self.server.as_ref())
            .query_if("host", self.host.as_ref())
            .query_if("status", self.status.as_ref())
            .query_if("changes-since", self.changes_since.as_deref())
            .query_if("limit", self.page)
    }
}

#[derive(Deserialize)]
struct MigrationPage {
    migrations: Vec<Migration>,
    #[serde(default)]
    migrations_links: Vec<Link>,
}

#[derive(Deserialize)]
struct InProgress {
    migrations: Vec<ServerMigration>,
}

#[derive(Deserialize)]
struct OneInProgress {
    migration: ServerMigration,
}

impl Compute {
    /// All records that the filter lets through, the oldest first (the API's order changed with
    /// 2.59). Operators only.
    ///
    /// # Errors
    ///
    /// 403 for members; [`Unsupported`](crate::api::RequestErrorKind::Unsupported) for
    /// `changes_since` and `page` before 2.59.
    pub async fn migrations(
        &self,
        filter: &MigrationFilter,
    ) -> Result<Vec<Migration>, RequestError> {
        let version = self.version().await?;
        if version < MigrationFilter::PAGES
            && (filter.changes_since.is_some() || filter.page.is_some())
        {
            let what = "a list of migrations by time or page";
            return Err(unsupported(
                Method::Get,
                &["os-migrations"],
                what,
                MigrationFilter::PAGES,
                version,
            ));
        }
        let mut found: Vec<Migration> = Vec::new();
        let mut marker: Option<MigrationUuid> = None;
        loop {
            let request =
                filter.on(self.get(&["os-migrations"])).query_if("marker", marker.as_ref());
            let page: MigrationPage = self.session.call(request).await?.json()?;
            let last = page.migrations.last().and_then(|migration| migration.uuid.clone());
            // Before 2.59 the same name holds links of migrations in progress, and there are no pages.
            let more = version >= MigrationFilter::PAGES
                && has_next(&page.migrations_links)
                && last.is_some()
                && last != marker;
            found.extend(page.migrations);
            if !more {
                break;
            }
            marker = last;
        }
        found.sort_by_key(|migration| migration.id);
        Ok(found)
    }

    /// The server's live migrations in progress: `queued` to `running`, not yet `accepted`. Since
    /// 2.23.
    ///
    /// # Errors
    ///
    /// 403 for members, 404 if there is no such server or the microversion is older.
    pub async fn server_migrations(
        &self,
        id: &ServerId,
    ) -> Result<Vec<ServerMigration>, RequestError> {
        let answer = self.session.call(self.get(&["servers", id.as_str(), "migrations"])).await?;
        Ok(answer.json::<InProgress>()?.migrations)
    }

    /// One live migration in progress. Since 2.23.
    ///
    /// # Errors
    ///
    /// 404 also when it is over.
    pub async fn server_migration(
        &self,
        id: &ServerId,
        migration: MigrationNumber,
    ) -> Result<ServerMigration, RequestError> {
        let number = migration.to_string();
        let answer =
            self.session.call(self.get(&["servers", id.as_str(), "migrations", &number])).await?;
        Ok(answer.json::<OneInProgress>()?.migration)
    }

    /// Asks for a live migration to be aborted (202): `running` since 2.24, also `queued` and
    /// `preparing` since 2.65.
    ///
    /// # Errors
    ///
    /// 400 in another status, 404 for an unknown one, 409 when it is over.
    pub async fn abort_migration(
        &self,
        id: &ServerId,
        migration: MigrationNumber,
    ) -> Result<Answer, RequestError> {
        let number = migration.to_string();
        let request =
            self.request(Method::Delete, &["servers", id.as_str(), "migrations", &number]);
        self.session.call(request.expect(Expect::Codes(&[202]))).await
    }

    /// Asks for a running live migration to be brought to its end (202), by pausing the server if
    /// need be. Since 2.22.
    ///
    /// # Errors
    ///
    /// 400 if it isn't `running` or unknown, 409 when it is over.
    pub async fn force_complete(
        &self,
        id: &ServerId,
        migration: MigrationNumber,
    ) -> Result<Answer, RequestError> {
        let number = migration.to_string();
        let elements = ["servers", id.as_str(), "migrations", &number, "action"];
        let request =
            self.request(Method::Post, &elements).json(&json!({ "force_complete": null }));
        self.session.call(request.expect(Expect::Codes(&[202]))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_either_list_is_read() {
        let record: Migration = serde_json::from_str(
            r#"{"id":43,"uuid":"395b","source_compute":"host3","dest_compute":null,"instance_uuid":"ff09",
                "status":"accepted","migration_type":"live-migration","dest_host":null,"new_instance_type_id":1}"#,
        )
        .expect("a record");
        assert_eq!(record.state_line(), "accepted, host3 -> ?");
        let running: ServerMigration = serde_json::from_str(
            r#"{"id":43,"server_uuid":"ff09","status":"running","source_compute":"host3","dest_compute":"host1",
                "memory_total_bytes":100,"memory_remaining_bytes":40}"#,
        )
        .expect("a migration");
        assert_eq!(running.migration.instance_uuid, ServerId::new("ff09"));
        assert_eq!(running.memory_remaining_bytes, Some(40));
    }

    #[test]
    fn only_what_ends_is_final() {
        let statuses = "accepted queued preparing running finished completed failed error cancelled confirmed odd";
        let last: Vec<_> = statuses
            .split(' ')
            .map(|word| MigrationStatus::from(word.to_owned()))
            .filter(MigrationStatus::is_final)
            .map(|status| status.to_string())
            .collect();
        assert_eq!(last, ["completed", "failed", "error", "cancelled", "confirmed"]);
    }
}
