//! How often each service is tried, and how a cloud that limits requests is met: by all who go
//! there together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use whimbrel::api::{
    ExchangeLog, Limiters, Method, Outcome, Repeatable, Request, RequestError, RequestErrorKind,
    Service, Session, SessionSettings, Version,
};
use whimbrel::config::Retries;
use whimbrel::config::clouds::{CloudEntry, Domain, Owned, Scope};
use whimbrel::config::secret::Secret;
use whimbrel::sim::{Disturbance, Service as SimService};
use whimbrel::wait::{Backoff, Limits, deadline};

use crate::api_cloud::{Cloud, Reaction, Seen, quick};
use crate::support::Bench;

const LIST: &str = "/compute/v2.1/servers/detail";

/// Hangs only if the limiter does.
const NEVER: Duration = Duration::from_secs(60);

fn limited(at_once: usize) -> SessionSettings {
    let limiters = Limiters::new(Limits { at_once, per_second: None });
    SessionSettings { limiters, ..quick() }
}

fn open(entry: CloudEntry, settings: &SessionSettings) -> Session {
    Session::open(entry, settings.clone()).expect("a session")
}

async fn list(session: &Session) -> Result<(), RequestError> {
    let request = Request::get(Service::Compute, "/servers/detail").version(Version::Unsaid);
    session.call(request).await.map(drop)
}

/// The entry of another user, for the project named.
fn for_project(cloud: &Cloud, user: &str, project: &str) -> CloudEntry {
    let entry = CloudEntry::with_password(
        "other",
        cloud.url("/identity"),
        user,
        Secret::new("pw"),
        project,
    );
    // As an entry may also say it: whether it is the same project only the token tells.
    CloudEntry {
        scope: Scope::Project(Owned::Name {
            name: project.to_owned(),
            domain: Domain::Id("default".to_owned()),
        }),
        ..entry
    }
}

/// Answers a login with a token for the project whose name was asked for.
fn token_for_its_project(seen: &Seen) -> Option<Reaction> {
    if !seen.is("POST", "/identity/v3/auth/tokens") {
        return None;
    }
    let project = seen.json()["auth"]["scope"]["project"]["name"].clone();
    let url = format!("http://{}/compute/v2.1", seen.header("host"));
    let token = json!({ "token": {
        "issued_at": "2001-01-01T00:00:00Z", "expires_at": "2001-01-01T01:00:00Z",
        "user": { "id": "u", "name": "me" },
        "project": { "id": format!("id of {project}"), "name": project },
        "catalog": [{ "type": "compute", "endpoints": [{ "interface": "public", "url": url }] }],
    }});
    Some(Reaction::json(201, &token).with("x-subject-token", "token-1"))
}

#[tokio::test]
async fn each_service_is_tried_as_often_as_its_own_setting_says() {
    let busy = |seen: &Seen| seen.path.ends_with("/busy").then(|| Reaction::status(503));
    let cloud = Cloud::scripted(busy).await;
    let all = quick().retries;
    let tries = |attempts| Backoff { attempts, ..all.compute };
    let retries = Retries { compute: tries(2), image: tries(4), identity: tries(1), ..all };
    let session = open(cloud.entry(), &SessionSettings { retries, ..quick() });
    for (service, path, tries) in [
        (Service::Compute, "/compute/v2.1/busy", 2),
        (Service::Image, "/image/v2/busy", 4),
        (Service::Identity, "/identity/v3/busy", 1),
        (Service::Network, "/network/v2.0/busy", 3),
        (Service::Placement, "/placement/busy", 3),
    ] {
        let request = Request::get(service, "/busy").version(Version::Unsaid);
        let error = session.call(request).await.expect_err("it stays busy");
        assert_eq!((error.attempts, cloud.count("GET", path)), (tries, tries as usize), "{path}");
    }
}

#[test]
fn the_settings_file_says_how_often_each_service_is_tried() {
    let run = |all: &str, compute: &str| {
        let bench = Bench::new();
        bench.folder.set("retry.attempts", all);
        bench.folder.set("retry.compute.attempts", compute);
        let busy = Disturbance::Answer { status: 503, retry_after: None };
        bench.control().disturb(SimService::Compute, Some("GET"), 3, busy);
        bench.scenario("Given 2 instances \"web\" booted together")
    };
    run("1", "4").exits(0);
    run("4", "1").exits(3).says(&["503"]);
}

/// A cloud that takes `burst` requests and then, until a second has passed, no more.
fn bursts(burst: usize) -> (impl Fn(&Seen) -> Option<Reaction> + Send + Sync, Arc<AtomicUsize>) {
    let refusals = Arc::new(AtomicUsize::new(0));
    let (counted, taken) = (refusals.clone(), AtomicUsize::new(0));
    let refused_at: Mutex<Option<Instant>> = Mutex::default();
    let script = move |seen: &Seen| {
        if seen.path != LIST || taken.fetch_add(1, Ordering::SeqCst) < burst {
            return None;
        }
        let mut refused_at = refused_at.lock().expect("no panic while locked");
        let first = *refused_at.get_or_insert_with(Instant::now);
        // OVHcloud's body: no fault of Nova's.
        let body = json!({ "error": { "status": "429 Too Many Requests", "message": "Slow." } });
        (first.elapsed() < Duration::from_secs(1)).then(|| {
            counted.fetch_add(1, Ordering::SeqCst);
            Reaction::json(429, &body).with("retry-after", "1")
        })
    };
    (script, refusals)
}

#[tokio::test]
async fn forty_scenarios_meet_a_limit_with_as_many_requests_as_were_on_their_way_and_all_succeed() {
    const AT_ONCE: usize = 8;
    let (script, refusals) = bursts(10);
    let cloud = Cloud::scripted(script).await;
    let settings = limited(AT_ONCE);
    // Operator and member, each with a session, in one project.
    let sessions = [open(cloud.entry(), &settings), open(cloud.entry(), &settings)];
    for session in &sessions {
        session.login().await.expect("a login");
    }
    let logs: Vec<ExchangeLog> = (0..40).map(|_| ExchangeLog::default()).collect();
    let scenarios = logs
        .iter()
        .enumerate()
        .map(async |(number, log)| list(&sessions[number % 2].logged_to(log.clone())).await);
    for result in deadline(NEVER, join_all(scenarios)).await.expect("nobody waits for ever") {
        result.expect("a list in the end");
    }
    let refusals = refusals.load(Ordering::SeqCst);
    assert!((1..=AT_ONCE).contains(&refusals), "{refusals} were sent while there was a limit");
    assert_eq!(cloud.count("GET", LIST), 40 + refusals);
    let held: Vec<_> = logs.iter().flat_map(ExchangeLog::exchanges).map(|e| e.held).collect();
    let waited = held.iter().filter(|held| **held >= Duration::from_millis(500)).count();
    assert!(waited >= 40 - 10 - refusals, "those who came later were held back: {held:?}");
    assert!(held.contains(&Duration::ZERO), "the first were not: {held:?}");
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_known_to_all_of_the_project_and_to_nobody_else() {
    let cloud = Cloud::scripted(|seen| {
        let later = Reaction::status(429).with("retry-after", "3600");
        let token = seen.header("x-auth-token");
        token_for_its_project(seen)
            .or_else(|| (seen.path.ends_with("/refused") && token == "token-1").then_some(later))
    })
    .await;
    let settings = limited(16);
    let [one, two, other] = [("me", "mine"), ("you", "mine"), ("me", "other")]
        .map(|(user, project)| open(for_project(&cloud, user, project), &settings));
    for session in [&one, &two, &other] {
        list(session).await.expect("a list");
    }
    let request = Request::new(Service::Compute, Method::Post, "/refused").version(Version::Unsaid);
    let refused = one.call(request).await.expect_err("refused");
    assert_eq!((refused.status(), refused.attempts), (Some(429), 1));

    let before = cloud.count("GET", LIST);
    let error = list(&two).await.expect_err("another user of the same project");
    assert!(matches!(error.kind, RequestErrorKind::OnHold { .. }), "{error:?}");
    assert_eq!((error.outcome(), error.attempts), (Outcome::NotDone, 0));
    assert_eq!(
        error.kind.to_string(),
        "it was not sent: the cloud has refused others of its project because too many came, and \
         wants none for another 3600 s; `retry.total` is 90s"
    );
    assert_eq!(cloud.count("GET", LIST), before);
    list(&other).await.expect("another project of the same cloud");
    list(&open(for_project(&cloud, "me", "mine"), &limited(16))).await.expect("another run");
}

#[tokio::test]
async fn an_old_limiters_413_holds_others_back_too_but_a_busy_services_503_does_not() {
    for (code, held_back) in [(413, true), (503, false)] {
        let cloud = Cloud::scripted(move |seen| {
            let later = Reaction::status(code).with("retry-after", "3600");
            seen.path.ends_with("/refused").then_some(later)
        })
        .await;
        let session = open(cloud.entry(), &limited(16));
        let request = Request::get(Service::Compute, "/refused").version(Version::Unsaid);
        session.call(request).await.expect_err("refused");
        assert_eq!(list(&session).await.is_err(), held_back, "{code}");
    }
}

#[tokio::test]
async fn with_one_request_at_a_time_twenty_with_a_revoked_token_still_share_one_login() {
    let cloud = Cloud::healthy().await;
    let session = open(cloud.entry(), &limited(1));
    list(&session).await.expect("a list");
    cloud.revoke_token();
    let all = join_all((0..20).map(|_| list(&session)));
    for result in deadline(NEVER, all).await.expect("a login needs no second permit") {
        result.expect("a list, after a new login");
    }
    assert_eq!(cloud.logins(), 2);
}

#[tokio::test]
async fn a_request_that_is_given_up_lets_the_next_one_go() {
    let hang = |seen: &Seen| seen.path.ends_with("/hang").then_some(Reaction::Hang);
    let cloud = Cloud::scripted(hang).await;
    let session = open(cloud.entry(), &limited(1));
    session.login().await.expect("a login");
    let hanging = tokio::spawn({
        let session = session.clone();
        let request = Request::get(Service::Compute, "/hang").version(Version::Unsaid);
        async move { session.call(request).await.map(drop) }
    });
    while cloud.count("GET", "/compute/v2.1/hang") == 0 {
        tokio::task::yield_now().await;
    }
    hanging.abort();
    deadline(NEVER, list(&session)).await.expect("there is room").expect("a list");
}

#[tokio::test]
async fn the_wait_for_leave_is_no_part_of_a_requests_own_deadline() {
    let hang = |seen: &Seen| seen.path.ends_with("/hang").then_some(Reaction::Hang);
    let cloud = Cloud::scripted(hang).await;
    let half = Duration::from_millis(200);
    let session = open(cloud.entry(), &SessionSettings { connect: half, read: half, ..limited(1) });
    session.login().await.expect("a login");
    let hanging = (0..3).map(|_| {
        let request = Request::get(Service::Compute, "/hang")
            .version(Version::Unsaid)
            .repeatable(Repeatable::Unsafe);
        session.call(request)
    });
    let (hanging, listed) = tokio::join!(join_all(hanging), list(&session));
    assert!(hanging.iter().all(Result::is_err));
    listed.expect("a list, though it waited longer than an answer may take");
    let last = session.log().exchanges().pop().expect("an exchange");
    assert!(last.held > half + half && last.attempt == 1, "{last}");
}
