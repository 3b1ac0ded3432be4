//! What a session does when a cloud or the network misbehaves.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use whimbrel::api::compute::{CreateServers, ServerFilter};
use whimbrel::api::{
    Answer, Exchange, ExchangeLog, ExchangeResult, Expect, Method, Microversion, OpenError,
    Outcome, Request, RequestError, RequestErrorKind, Service, Session, SessionSettings, Version,
};

use crate::api_cloud::{Cloud, PASSWORD, Reaction, Seen, Setup, quick, version_document};

const LIST: &str = "/compute/v2.1/servers/detail";
const CREATE: &str = "/compute/v2.1/servers";

async fn list(session: &Session) -> Result<usize, RequestError> {
    session.compute().servers(&ServerFilter::default()).await.map(|servers| servers.len())
}

async fn create(session: &Session) -> Result<(), RequestError> {
    session.compute().create_servers(&CreateServers::default()).await.map(drop)
}

/// The error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

/// A reaction for the first `times` requests of a kind; after that the cloud is healthy.
fn at_first(
    times: usize,
    method: &'static str,
    path: &'static str,
    reaction: Reaction,
) -> impl Fn(&Seen) -> Option<Reaction> + Send + Sync {
    let met = AtomicUsize::new(0);
    move |seen| {
        let counted = seen.is(method, path) && met.fetch_add(1, Ordering::SeqCst) < times;
        counted.then(|| reaction.clone())
    }
}

#[tokio::test]
async fn twenty_requests_with_a_revoked_token_share_one_new_login() {
    let cloud = Cloud::healthy().await;
    let session = cloud.session();
    list(&session).await.expect("a list");
    cloud.revoke_token();
    for result in join_all((0..20).map(|_| list(&session))).await {
        result.expect("a list, after a new login");
    }
    assert_eq!(cloud.logins(), 2);
    assert_eq!(cloud.count("GET", "/compute/v2.1/"), 1, "microversions are asked for once");
}

#[tokio::test]
async fn twenty_requests_share_one_refused_login() {
    let refuse = |seen: &Seen| seen.path.ends_with("/auth/tokens").then(|| Reaction::status(401));
    let cloud = Cloud::scripted(refuse).await;
    let session = cloud.session();
    for result in join_all((0..20).map(|_| list(&session))).await {
        let error = result.expect_err("no login, no list");
        assert_eq!(error.outcome(), Outcome::NotDone);
    }
    assert_eq!(cloud.logins(), 1, "a wrong password must not lock the account");
}

#[tokio::test]
async fn a_request_refused_with_a_new_token_too_is_an_error_and_no_loop() {
    let refuse = |seen: &Seen| (seen.path == LIST).then(|| Reaction::status(401));
    let cloud = Cloud::scripted(refuse).await;
    let error = list(&cloud.session()).await.expect_err("refused twice");
    assert_eq!((error.status(), cloud.logins(), cloud.count("GET", LIST)), (Some(401), 2, 2));
}

#[tokio::test]
async fn a_create_is_replayed_after_a_new_login() {
    let cloud = Cloud::healthy().await;
    let session = cloud.session();
    list(&session).await.expect("a list");
    cloud.revoke_token();
    create(&session).await.expect("created with the new token");
    assert_eq!(cloud.logins(), 2);
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_renewed_before_it_is_used() {
    let cloud = Cloud::start(Setup { token_life: 0, ..Setup::default() }, |_| None).await;
    let session = cloud.session();
    for _ in 0..2 {
        session
            .call(Request::get(Service::Compute, "/servers/detail").version(Version::Unsaid))
            .await
            .expect("a list");
    }
    let unauthorised =
        session.log().exchanges().iter().any(|e| e.result == ExchangeResult::Status(401));
    assert!(cloud.logins() >= 2 && !unauthorised, "{:?}", session.log().exchanges());
}

#[tokio::test]
async fn a_limiters_refusal_is_followed_by_another_try_even_of_a_create() {
    let slow_down = Reaction::status(429).with("retry-after", "0");
    let cloud = Cloud::scripted(at_first(2, "POST", CREATE, slow_down)).await;
    let session = cloud.session();
    create(&session).await.expect("created at the third try");
    let tries: Vec<_> =
        session.log().exchanges().into_iter().filter(|e| e.path == "/servers").map(tried).collect();
    let status = ExchangeResult::Status;
    assert_eq!(tries, [(1, status(429)), (2, status(429)), (3, status(202))]);
}

fn tried(exchange: Exchange) -> (u32, ExchangeResult) {
    (exchange.attempt, exchange.result)
}

#[tokio::test]
async fn a_wait_longer_than_the_user_allows_is_not_begun() {
    let later = Reaction::status(503).with("retry-after", "3600");
    let cloud = Cloud::scripted(at_first(9, "GET", LIST, later)).await;
    let error = list(&cloud.session()).await.expect_err("unavailable");
    assert_eq!((error.attempts, cloud.count("GET", LIST)), (1, 1));
    assert!(chain(&error).contains("to be tried again after 3600"), "{}", chain(&error));
}

#[tokio::test]
async fn a_read_is_repeated_after_gateway_errors_and_broken_connections() {
    for (name, bad) in [
        ("502", Reaction::status(502)),
        ("503", Reaction::status(503)),
        ("504", Reaction::status(504)),
        ("hang-up", Reaction::HangUp),
        ("half an answer", Reaction::Break),
    ] {
        let cloud = Cloud::scripted(at_first(2, "GET", LIST, bad)).await;
        list(&cloud.session()).await.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        assert_eq!(cloud.count("GET", LIST), 3, "{name}");
    }
}

#[tokio::test]
async fn a_read_gives_up_after_the_tries_it_has() {
    let cloud = Cloud::scripted(at_first(9, "GET", LIST, Reaction::status(503))).await;
    let error = list(&cloud.session()).await.expect_err("unavailable for long");
    assert_eq!((error.attempts, cloud.count("GET", LIST)), (3, 3));
    assert_eq!(
        chain(&error),
        "GET /servers/detail went wrong (request req-test, 3 tries): the answer was 503, not 200"
    );
}

#[tokio::test]
async fn a_create_is_never_repeated_after_a_lost_answer_and_its_outcome_is_unknown() {
    for (name, bad) in [
        ("500", Reaction::status(500)),
        ("502", Reaction::status(502)),
        ("503", Reaction::status(503).with("retry-after", "0")),
        ("504", Reaction::status(504)),
        ("hang-up", Reaction::HangUp),
        ("half an answer", Reaction::Break),
    ] {
        let cloud = Cloud::scripted(at_first(1, "POST", CREATE, bad)).await;
        let error = create(&cloud.session()).await.expect_err(name);
        assert_eq!((error.outcome(), cloud.count("POST", CREATE)), (Outcome::Unknown, 1), "{name}");
    }
}

#[tokio::test]
async fn a_hanging_cloud_is_left_in_time() {
    let cloud = Cloud::scripted(|seen| {
        (seen.path == LIST || seen.method == "POST" && seen.path == CREATE)
            .then_some(Reaction::Hang)
    })
    .await;
    let short = Duration::from_millis(150);
    let settings = SessionSettings { connect: short, read: short, ..quick() };
    let session = Session::open(cloud.entry(), settings).expect("a session");
    let error = list(&session).await.expect_err("no answer");
    assert!(
        matches!(error.kind, RequestErrorKind::TimedOut(limit) if limit == short + short),
        "{error:?}"
    );
    assert_eq!((error.attempts, cloud.count("GET", LIST)), (3, 3), "reading again is safe");
    let error = create(&session).await.expect_err("no answer");
    assert_eq!((error.outcome(), cloud.count("POST", CREATE)), (Outcome::Unknown, 1));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let long = |seen: &Seen| seen.path.starts_with(CREATE).then_some(Reaction::Blanks(65 << 20));
    let cloud = Cloud::scripted(long).await;
    for (method, outcome) in
        [("GET", list(&cloud.session()).await.map(drop)), ("POST", create(&cloud.session()).await)]
    {
        let error = outcome.expect_err(method);
        let path = if method == "GET" { LIST } else { CREATE };
        assert!(chain(&error).ends_with("its body is larger than 64 MiB"), "{}", chain(&error));
        assert_eq!((error.outcome(), cloud.count(method, path)), (Outcome::Unknown, 1));
    }
}

/// What is packed small may come out large.
#[tokio::test]
async fn packed_answers_are_neither_asked_for_nor_unpacked() {
    let packed = |seen: &Seen| {
        let body = Reaction::json(200, &json!("as it came")).with("content-encoding", "gzip");
        (seen.path == LIST).then_some(body)
    };
    let cloud = Cloud::scripted(packed).await;
    let request = Request::get(Service::Compute, "/servers/detail");
    let answer = cloud.session().call(request).await.expect("an answer");
    assert_eq!(answer.body, b"\"as it came\"");
    assert!(cloud.requests().iter().all(|seen| !seen.headers.contains_key("accept-encoding")));
}

#[tokio::test]
async fn when_to_come_back_is_told_with_and_without_words_of_the_cloud() {
    let told = async |after: &'static str, body: &'static str| {
        let answer =
            Reaction::Answer(429, vec![("retry-after", after.to_owned())], body.to_owned());
        let cloud = Cloud::scripted(at_first(9, "POST", CREATE, answer)).await;
        chain(&create(&cloud.session()).await.expect_err("too many"))
    };
    insta::assert_snapshot!(told("86400", "").await, @"POST /servers went wrong (request req-test): the answer was 429, not 202: it is to be tried again after 86400 s");
    insta::assert_snapshot!(told("86400", "Slow down").await, @"POST /servers went wrong (request req-test): the answer was 429, not 202: Slow down (to be tried again after 86400 s)");
    insta::assert_snapshot!(told("Mon, 23 Nov 2099 12:00:30 GMT", "").await, @"POST /servers went wrong (request req-test): the answer was 429, not 202: it is to be tried again after Mon, 23 Nov 2099 12:00:30 GMT");
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_done() {
    let entry = Cloud::healthy().await.entry();
    let session = Session::open(entry, quick()).expect("a session");
    let error = create(&session).await.expect_err("nobody listens any more");
    assert_eq!(error.outcome(), Outcome::NotDone);
    assert!(chain(&error).contains("no connection to the server 127.0.0.1:"), "{}", chain(&error));
    assert!(chain(&error).contains("3 tries"), "{}", chain(&error));
}

#[tokio::test]
async fn illegal_versions_and_bodies_go_out_as_they_are_and_the_raw_answer_comes_back() {
    let refuse = |seen: &Seen| {
        let fault =
            json!({ "computeFault": { "code": 406, "message": "Version 2.999 is not supported" } });
        (seen.path == CREATE)
            .then(|| Reaction::json(406, &fault).with("openstack-api-version", "compute 2.999"))
    };
    let cloud = Cloud::scripted(refuse).await;
    let request = Request::new(Service::Compute, Method::Post, "/servers")
        .version(Version::Verbatim("2.999".to_owned()))
        .raw_body(*b"{\"server\": tru", "text/odd")
        .expect(Expect::Any);
    let answer = cloud.session().call(request).await.expect("any answer");
    assert_eq!((answer.status, answer.fault().key.as_deref()), (406, Some("computeFault")));
    assert_eq!(answer.header("openstack-api-version"), Some("compute 2.999"));
    let seen = cloud.requests().into_iter().find(|seen| seen.path == CREATE).expect("a request");
    assert_eq!((seen.body.as_str(), seen.header("content-type")), ("{\"server\": tru", "text/odd"));
    assert_eq!(seen.header("openstack-api-version"), "compute 2.999");
    assert_eq!(seen.header("x-openstack-nova-api-version"), "2.999");
}

#[tokio::test]
async fn what_no_header_can_carry_is_refused_before_it_is_sent() {
    let cloud = Cloud::healthy().await;
    let request = Request::get(Service::Compute, "/servers")
        .version(Version::Verbatim("2.1\r\nx: y".to_owned()));
    let error = cloud.session().call(request).await.expect_err("two lines");
    assert!(matches!(error.kind, RequestErrorKind::Malformed(_)), "{error:?}");
    assert!(cloud.requests().iter().all(|seen| !seen.path.contains("/servers")));
}

#[tokio::test]
async fn an_anonymous_request_carries_no_token() {
    let cloud = Cloud::healthy().await;
    let request = Request::get(Service::Compute, "/servers/detail").anonymous().expect(Expect::Any);
    let answer = cloud.session().call(request).await.expect("any answer");
    assert_eq!(answer.status, 401);
}

/// The microversion agreed on with a cloud whose version documents and endpoint are these.
async fn agreed(
    compute: &'static str,
    documents: impl Fn(&str) -> Option<Reaction> + Send + Sync + 'static,
) -> String {
    let cloud =
        Cloud::start(Setup { compute, ..Setup::default() }, move |seen| documents(&seen.path))
            .await;
    match cloud.session().negotiate(Service::Compute).await {
        Ok(version) => version.map_or_else(|| "none".to_owned(), |version| version.to_string()),
        Err(error) => chain(&error),
    }
}

#[tokio::test]
async fn microversions_are_agreed_on_wherever_the_versions_are_listed() {
    let one = |newest| Reaction::json(200, &json!({ "version": version_document(newest) }));
    let at = |wanted: &'static str, reaction: Reaction| {
        move |path: &str| (path == wanted).then(|| reaction.clone())
    };
    assert_eq!(agreed("/compute/v2.1", at("/compute/v2.1/", one("2.93"))).await, "2.93");
    assert_eq!(agreed("/compute/v2.1/p1", at("/compute/v2.1/", one("2.93"))).await, "2.93");
    assert_eq!(agreed("/compute", at("/compute/v2.1/", one("2.93"))).await, "2.93");
    assert_eq!(
        agreed("/compute/v2.1", at("/compute/v2.1/", one("2.999"))).await,
        "2.104",
        "the newest we know"
    );
    let choices = Reaction::json(300, &json!({ "choices": [version_document("2.60")] }));
    assert_eq!(agreed("/compute/v2.1", at("/compute/v2.1/", choices)).await, "2.60");
    let listed = Reaction::json(300, &json!({ "versions": [version_document("2.60")] }));
    let only_above = move |path: &str| match path {
        "/compute/v2.1/" => Some(Reaction::status(404)),
        "/compute/" => Some(listed.clone()),
        _ => None,
    };
    assert_eq!(agreed("/compute/v2.1", only_above).await, "2.60");
    assert_eq!(agreed("/compute/v2.1", at("/compute/v2.1/", one(""))).await, "none");
    let none = agreed("/compute/v2.1", at("/compute/v2.1/", Reaction::status(403))).await;
    assert!(none.contains("404"), "the list above was asked, too: {none}");
}

#[tokio::test]
async fn every_try_is_recorded_and_a_scenario_has_a_log_of_its_own() {
    let cloud = Cloud::scripted(at_first(1, "GET", LIST, Reaction::HangUp)).await;
    let session = cloud.session();
    session.login().await.expect("a login");
    let own = ExchangeLog::default();
    list(&session.logged_to(own.clone())).await.expect("a list");
    assert_eq!(session.log().count(), 1, "only the login");
    let lines: Vec<_> = own.exchanges().into_iter().map(summary).collect();
    assert_eq!(
        lines,
        [
            ("GET / req-test".to_owned(), None, 1, true),
            ("GET /servers/detail none".to_owned(), Some("2.96".to_owned()), 1, false),
            ("GET /servers/detail req-test".to_owned(), Some("2.96".to_owned()), 2, true),
        ]
    );
}

fn summary(exchange: Exchange) -> (String, Option<String>, u32, bool) {
    let line = format!("{} {} {}", exchange.method, exchange.path, exchange.request_id);
    (line, exchange.microversion, exchange.attempt, exchange.result == ExchangeResult::Status(200))
}

#[tokio::test]
async fn no_output_shows_a_password_or_a_token() {
    let echo = |seen: &Seen| {
        let complaint =
            json!({ "error": { "code": 400, "message": format!("Invalid input: {}", seen.body) } });
        seen.path.ends_with("/auth/tokens").then(|| Reaction::json(400, &complaint))
    };
    let echoing = Cloud::scripted(echo).await;
    let session = echoing.session();
    let error = list(&session).await.expect_err("refused");
    let refused =
        format!("{session:?} {error:?} {} {:?}", chain(&error), session.log().exchanges());
    assert!(refused.contains("•••"), "the secret was in there and is no more: {refused}");

    let cloud = Cloud::healthy().await;
    let session = cloud.session();
    let answer: Answer = session
        .call(
            Request::new(Service::Identity, Method::Post, "/auth/tokens")
                .json(&json!({}))
                .expect(Expect::Any),
        )
        .await
        .expect("any answer");
    list(&session).await.expect("a list");
    assert_eq!(answer.header("x-subject-token"), None);
    let fine = format!(
        "{session:?} {answer:?} {:?} {:?} {:?}",
        session.cloud(),
        session.log().exchanges(),
        session.compute()
    );
    for text in [refused, fine] {
        assert!(!text.contains(PASSWORD) && !text.contains("token-"), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_file_that_is_not_there_is_named() {
    let mut entry = Cloud::healthy().await.entry();
    entry.tls.cacert = Some("no/such/ca.pem".into());
    let error = Session::open(entry.clone(), quick()).expect_err("no such file");
    assert!(matches!(error, OpenError::File { key: "cacert", .. }), "{error:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "not a certificate").expect("a file");
    entry.tls.cacert = Some(path);
    let error = Session::open(entry, quick()).expect_err("no certificate");
    assert!(matches!(error, OpenError::Pem { key: "cacert", .. }), "{error:?}");
}

#[tokio::test]
async fn asking_for_less_than_the_target_offers_is_sent_as_asked() {
    let cloud = Cloud::healthy().await;
    let compute = cloud.session().compute().at(Microversion::new(2, 25));
    compute.servers(&ServerFilter::default()).await.expect("a list");
    let seen = cloud.requests().into_iter().find(|seen| seen.path == LIST).expect("a request");
    assert_eq!(seen.header("openstack-api-version"), "compute 2.25");
}
