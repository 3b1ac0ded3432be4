//! Asking for servers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Compute, unsupported};
use crate::api::error::{RequestError, RequestErrorKind};
use crate::api::request::{Expect, Method, Repeatable};
use crate::api::version::Microversion;
use crate::events::names::{ComputeName, ReservationId, ServerId};

/// The first microversion that takes `"none"` and `"auto"`, and needs `networks` to be said.
const NETWORKS_SAID: Microversion = Microversion::new(2, 37);
/// The first microversion with `host` at create.
const HOST: Microversion = Microversion::new(2, 74);

/// What the servers are connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Networks {
    /// Nothing is said: the project's only network. Refused since 2.37.
    Unsaid,
    /// No network; since 2.37.
    #[default]
    None,
    /// One that the cloud makes if need be; since 2.37.
    Auto,
    /// These, by id.
    Ids(Vec<String>),
}

/// A request for one or more servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateServers {
    /// The name; with `max_count` > 1 each server gets `-1`, `-2` … after it.
    pub name: String,
    /// The image's id.
    pub image: String,
    /// The flavor's id.
    pub flavor: String,
    /// How many at least; `None`: not said, hence 1.
    pub min_count: Option<u32>,
    /// How many at most; `None`: not said, hence `min_count`.
    pub max_count: Option<u32>,
    /// What they are connected to.
    pub networks: Networks,
    /// Written on each of them.
    pub metadata: BTreeMap<String, String>,
    /// Asks for the reservation instead of the first server.
    pub return_reservation_id: bool,
    /// The server group's id, as a hint to the scheduler.
    pub group: Option<String>,
    /// `zone`, or `zone:host` (operators), which goes past the scheduler.
    pub availability_zone: Option<String>,
    /// The compute wanted; operators, since 2.74. The scheduler still has its say.
    pub host: Option<ComputeName>,
}

/// What the cloud says to a create. The servers are not there yet: state and compute are for
/// those who ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The id of the server, or of the first of several: the others are not told.
    Server(ServerId),
    /// The reservation that all servers of the request share.
    Reservation(ReservationId),
}

#[derive(Deserialize)]
struct CreatedBody {
    server: Option<CreatedServer>,
    reservation_id: Option<ReservationId>,
}

#[derive(Deserialize)]
struct CreatedServer {
    id: ServerId,
}

impl Compute {
    /// Asks for servers and returns at once (202).
    ///
    /// Never sent twice after a lost answer: a create whose [`RequestError::outcome`] is unknown
    /// may have made servers, and only a look-up by name and metadata tells.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::Status`] 400, 403 (quota) or 409; [`RequestErrorKind::Unsupported`] for
    /// networks `none` and `auto` before 2.37 and `host` before 2.74.
    ///
    /// Source: API reference, "Create Server" and "Create Multiple Servers".
    pub async fn create_servers(&self, create: &CreateServers) -> Result<Created, RequestError> {
        let version = self.version().await?;
        let body = create.body(version)?;
        let request = self
            .request(Method::Post, &["servers"])
            .json(&body)
            .repeatable(Repeatable::Unsafe)
            .expect(Expect::Codes(&[202]));
        let answer = self.session.call(request).await?;
        let body: CreatedBody = answer.json()?;
        match (body.reservation_id, body.server) {
            (Some(reservation), _) => Ok(Created::Reservation(reservation)),
            (None, Some(server)) => Ok(Created::Server(server.id)),
            (None, None) => Err(answer
                .error(RequestErrorKind::Body("neither a server nor a reservation".to_owned()))),
        }
    }
}

impl CreateServers {
    fn body(&self, version: Microversion) -> Result<Value, RequestError> {
        let lacks = |what, since| unsupported(Method::Post, &["servers"], what, since, version);
        let mut server = Map::new();
        server.insert("name".to_owned(), json!(self.name));
        server.insert("imageRef".to_owned(), json!(self.image));
        server.insert("flavorRef".to_owned(), json!(self.flavor));
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                server.insert(key.to_owned(), value);
            }
        };
        add("min_count", self.min_count.map(Value::from));
        add("max_count", self.max_count.map(Value::from));
        add("availability_zone", self.availability_zone.as_deref().map(Value::from));
        add("return_reservation_id", self.return_reservation_id.then_some(json!(true)));
        add("metadata", (!self.metadata.is_empty()).then(|| json!(self.metadata)));
        match &self.networks {
            Networks::None | Networks::Auto if version < NETWORKS_SAID => {
                return Err(lacks("a create with networks `none` or `auto`", NETWORKS_SAID));
            }
            Networks::Unsaid => {}
            Networks::None => add("networks", Some(json!("none"))),
            Networks::Auto => add("networks", Some(json!("auto"))),
            Networks::Ids(ids) => {
                add("networks", Some(ids.iter().map(|id| json!({ "uuid": id })).collect()));
            }
        }
        if let Some(host) = &self.host {
            if version < HOST {
                return Err(lacks("a create with `host`", HOST));
            }
            add("host", Some(json!(host)));
        }
        let mut body = json!({ "server": server });
        if let Some(group) = &self.group {
            body["os:scheduler_hints"] = json!({ "group": group });
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> CreateServers {
        CreateServers {
            name: "web".into(),
            image: "i".into(),
            flavor: "f".into(),
            ..CreateServers::default()
        }
    }

    #[test]
    fn the_seed_request_is_what_the_reference_says() {
        let create = CreateServers { min_count: Some(2), return_reservation_id: true, ..seed() };
        insta::assert_snapshot!(
            create.body(Microversion::new(2, 96)).expect("a body"),
            @r#"{"server":{"flavorRef":"f","imageRef":"i","min_count":2,"name":"web","networks":"none","return_reservation_id":true}}"#
        );
    }

    #[test]
    fn everything_that_can_be_said_has_its_place() {
        let create = CreateServers {
            max_count: Some(3),
            networks: Networks::Ids(vec!["n".into()]),
            metadata: BTreeMap::from([("run".into(), "x".into())]),
            group: Some("g".into()),
            availability_zone: Some("z".into()),
            host: Some(ComputeName::new("compute-1")),
            ..seed()
        };
        insta::assert_snapshot!(
            create.body(Microversion::new(2, 74)).expect("a body"),
            @r#"{"os:scheduler_hints":{"group":"g"},"server":{"availability_zone":"z","flavorRef":"f","host":"compute-1","imageRef":"i","max_count":3,"metadata":{"run":"x"},"name":"web","networks":[{"uuid":"n"}]}}"#
        );
    }

    #[test]
    fn what_the_version_lacks_is_refused_before_it_is_sent() {
        let error = seed().body(Microversion::new(2, 36)).unwrap_err();
        assert!(
            matches!(error.kind, RequestErrorKind::Unsupported { since, .. } if since == NETWORKS_SAID)
        );
        let create = CreateServers {
            host: Some(ComputeName::new("c")),
            networks: Networks::Unsaid,
            ..seed()
        };
        let error = create.body(Microversion::new(2, 36)).unwrap_err();
        assert!(matches!(error.kind, RequestErrorKind::Unsupported { since, .. } if since == HOST));
    }
}
