//! Finding, showing and deleting servers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Compute, Link, Server, has_next};
use crate::api::error::RequestError;
use crate::api::request::{Expect, Method, Request};
use crate::events::names::{ComputeName, ReservationId, ServerId};

/// Which servers a list is about; all conditions hold. Empty: all of the project.
///
/// The cloud ignores operators' conditions (`host`, `deleted`) in a member's request without a
/// word: filter again on what comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFilter {
    /// Of one create request. Sent with anchors, because the cloud takes a pattern.
    pub reservation: Option<ReservationId>,
    /// A pattern in the database's regular expressions, such as `^web-`.
    pub name: Option<String>,
    /// Changed at or after this time (RFC 3339); includes deleted ones.
    pub changes_since: Option<String>,
    /// On this compute; operators only.
    pub host: Option<ComputeName>,
    /// Of all projects; operators only.
    pub all_projects: bool,
    /// Only deleted ones; operators only.
    pub deleted: bool,
    /// How many a page; the cloud's limit (1,000 by default) if `None`.
    pub page: Option<u32>,
}

impl ServerFilter {
    /// The servers of one create request.
    pub fn reservation(id: &ReservationId) -> Self {
        Self { reservation: Some(id.clone()), ..Self::default() }
    }

    /// The servers whose name matches the pattern.
    pub fn name(pattern: impl Into<String>) -> Self {
        Self { name: Some(pattern.into()), ..Self::default() }
    }

    fn on(&self, request: Request) -> Request {
        let reservation = self.reservation.as_ref().map(|id| format!("^{id}$"));
        request
            .query_if("reservation_id", reservation)
            .query_if("name", self.name.as_deref())
            .query_if("changes-since", self.changes_since.as_deref())
            .query_if("host", self.host.as_ref())
            .query_if("all_tenants", self.all_projects.then_some(1))
            .query_if("deleted", self.deleted.then_some(true))
            .query_if("limit", self.page)
    }
}

#[derive(Deserialize)]
struct ServerBody {
    server: Server,
}

#[derive(Deserialize)]
struct ServerPage {
    servers: Vec<Server>,
    #[serde(default)]
    servers_links: Vec<Link>,
}

impl Compute {
    /// The server.
    ///
    /// # Errors
    ///
    /// 404 once it is deleted, and for members of other projects.
    pub async fn server(&self, id: &ServerId) -> Result<Server, RequestError> {
        let answer = self.session.call(self.get(&["servers", id.as_str()])).await?;
        Ok(answer.json::<ServerBody>()?.server)
    }

    /// All servers that the filter lets through, from as many pages as there are, in no order that
    /// means anything. Each comes once, although Nova (seen on 26.2.2) shows one that is just
    /// being scheduled on two pages.
    ///
    /// # Errors
    ///
    /// Those of a request; 403 if a member asks for all projects.
    pub async fn servers(&self, filter: &ServerFilter) -> Result<Vec<Server>, RequestError> {
        let mut found: BTreeMap<ServerId, Server> = BTreeMap::new();
        let mut marker: Option<ServerId> = None;
        loop {
            let request =
                filter.on(self.get(&["servers", "detail"])).query_if("marker", marker.as_ref());
            let page: ServerPage = self.session.call(request).await?.json()?;
            let last = page.servers.last().map(|server| server.id.clone());
            let more = has_next(&page.servers_links) && last.is_some() && last != marker;
            found.extend(page.servers.into_iter().map(|server| (server.id.clone(), server)));
            if !more {
                return Ok(found.into_values().collect());
            }
            marker = last;
        }
    }

    /// Deletes the server; it goes away a little later. One that is gone already is fine, too.
    ///
    /// # Errors
    ///
    /// 409 if it is locked and we are no operator.
    pub async fn delete_server(&self, id: &ServerId) -> Result<(), RequestError> {
        let request = self
            .request(Method::Delete, &["servers", id.as_str()])
            .expect(Expect::Codes(&[204, 404]));
        self.session.call(request).await.map(drop)
    }
}
