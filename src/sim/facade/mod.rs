//! The cloud's HTTP APIs: translate JSON to calls on the state and back, and decide nothing.
//!
//! One port; the first segment of a path names the service. Each service's own file matches
//! method and path like the table of contents of its API reference.

mod compute;
mod connection;
mod control;
mod fault;
mod identity;
mod image;
mod network;
mod placement;
mod request;
mod schema;
mod time;

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Response};
use axum::response::IntoResponse;
use tokio::net::TcpListener;

use self::connection::{Line, Lines};
use self::request::{Ask, Reply};
use super::clock::Shared;
use super::control::{Disturbance, Service};
use super::log::LogLine;

/// More than any body that this cloud understands.
const BODY_LIMIT: usize = 1 << 20;

/// Answers requests until the cloud stops.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
    let service = router.into_make_service_with_connect_info::<Line>();
    let closed = async move { shared.closed().await };
    let served = axum::serve(Lines(listener), service).with_graceful_shutdown(closed).await;
    debug_assert!(served.is_ok(), "{served:?}");
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Result<Response<Body>, Infallible> {
    let began = shared.begin_request();
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return Ok(Reply::status(413).into_response());
    };
    let ask = Ask::new(head, body, &shared.base_url);
    let reply = disturbed(&shared, &ask).await;
    if reply.is_none() {
        line.cut();
    }
    shared.say(|| LogLine::Request {
        at: shared.since_first(began),
        method: ask.method.clone(),
        path: ask.full_path(),
        status: reply.as_ref().map_or(0, |reply| reply.status),
        took: began.elapsed(),
        request_id: ask.request_id.clone(),
    });
    Ok(reply.unwrap_or_else(|| Reply::status(500)).into_response())
}

/// The answer as it arrives, whatever is done to it on its way; `None` if the connection is cut.
async fn disturbed(shared: &Arc<Shared>, ask: &Ask) -> Option<Reply> {
    let service = Service::ALL.into_iter().find(|service| service.path() == ask.service);
    let planned = service.and_then(|service| {
        shared
            .disturbances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(service, &ask.method)
    });
    match planned {
        None => Some(dispatch(shared, service, ask).await),
        Some(Disturbance::CutBefore) => None,
        Some(Disturbance::CutAfter) => {
            dispatch(shared, service, ask).await;
            None
        }
        Some(Disturbance::Delay(lasts)) => {
            shared.pause(lasts).await;
            Some(dispatch(shared, service, ask).await)
        }
        Some(Disturbance::Answer { status, retry_after }) => {
            Some(proxy_answer(status, retry_after))
        }
        Some(Disturbance::AnswerAfter { status }) => {
            dispatch(shared, service, ask).await;
            Some(proxy_answer(status, None))
        }
    }
}

/// What something between client and service answers: no request id, no shape of OpenStack's.
fn proxy_answer(status: u16, retry_after: Option<u64>) -> Reply {
    let reply = Reply::text(status, "<html><body>The service is not available.</body></html>");
    match retry_after {
        Some(seconds) => reply.header("retry-after", seconds.to_string()),
        None => reply,
    }
}

async fn dispatch(shared: &Arc<Shared>, service: Option<Service>, ask: &Ask) -> Reply {
    let reply = match service {
        Some(Service::Compute) => return compute::answer(shared, ask).await,
        Some(Service::Identity) => shared.with(|state| identity::answer(state, ask)),
        Some(Service::Image) => shared.with(|state| image::answer(state, ask)),
        Some(Service::Network) => shared.with(|state| network::answer(state, ask)),
        Some(Service::Placement) => shared.with(|state| placement::answer(state, ask)),
        None if shared.controllable && ask.service == "control" => control::answer(shared, ask),
        None => Reply::text(404, "Not Found"),
    };
    reply.header("x-openstack-request-id", ask.request_id.clone())
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response<Body> {
        let (body, kind) = match self.body {
            request::Content::Nothing => (Vec::new(), None),
            request::Content::Json(value) => {
                (value.to_string().into_bytes(), Some("application/json"))
            }
            request::Content::Written(json) => (json.into_bytes(), Some("application/json")),
            request::Content::Text(text) => (text.into_bytes(), Some("text/html; charset=UTF-8")),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = axum::http::StatusCode::from_u16(self.status).unwrap_or_default();
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert("content-type", HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            // What cannot stand in a header (an echoed version, say) is left out.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
