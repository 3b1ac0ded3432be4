//! The embedded cloud: what a test may ask of it beyond its API, its log, its other ways to log in.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use whimbrel::sim::{LogLine, MigrationPhase, Settings};

use crate::sim_client::{Sim, live};

#[tokio::test]
async fn control_is_served_over_http_only_where_it_was_asked_for() {
    let sim = Sim::start().await;
    assert_eq!(sim.admin().await.call("POST", "control/calm", None).await.status, 404);
    let sim = Sim::with(Settings { control: true, ..Settings::default() }).await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    let hold = json!({"phase": "running"});
    assert_eq!(admin.call("POST", "control/hold-migrations", Some(hold)).await.status, 204);
    admin.act(&id, live(None)).await;
    admin.record_until(&id, &["running"]).await;
    let snapshot = admin.call("GET", "control/snapshot", None).await.body;
    assert_eq!((&snapshot["instances"], &snapshot["migrations_in_flight"]), (&json!(1), &json!(1)));
    assert_eq!(admin.call("POST", "control/release-migrations", None).await.status, 204);
    admin.record_until(&id, &["completed"]).await;
    let disturb = json!({"service": "compute", "answer": 503, "retry_after": 2});
    admin.call("POST", "control/disturb", Some(disturb)).await;
    assert_eq!(admin.get("/servers").await.header("retry-after"), "2");
    let wrong = admin.call("POST", "control/hold-boots", Some(json!({"phase": "x"}))).await;
    assert!(wrong.message().starts_with("phase must be one of: scheduling, "), "{wrong:?}");
}

#[tokio::test]
async fn a_held_record_can_be_missing_for_a_while() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    sim.cloud.control().hold_migrations(MigrationPhase::Requested);
    assert_eq!(admin.act(&id, live(None)).await.status, 202);
    assert_eq!(admin.record(&id).await, Value::Null);
    assert_eq!(admin.server(&id).await["status"], "MIGRATING");
    sim.cloud.control().release_migrations();
    admin.record_until(&id, &["completed"]).await;
}

#[tokio::test]
async fn the_log_tells_requests_and_transitions_since_the_first_request() {
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let sink = Arc::clone(&lines);
    let log = move |line: &LogLine| sink.lock().unwrap().push(line.clone());
    let sim = Sim::with(Settings { log: Some(Arc::new(log)), ..Settings::default() }).await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    let lines = lines.lock().unwrap().clone();
    let LogLine::Request { at, method, path, status, .. } = &lines[0] else { panic!("{lines:?}") };
    assert_eq!(
        (at.as_micros(), method.as_str(), path.as_str(), *status),
        (0, "POST", "/identity/v3/auth/tokens", 201)
    );
    let states: Vec<&str> = lines
        .iter()
        .filter_map(|line| match line {
            LogLine::Transition { subject, state, .. } if *subject == format!("server {id}") => {
                Some(state.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(states.first(), Some(&"BUILD/scheduling@-"));
    assert!(states.last().unwrap().starts_with("ACTIVE/-@compute-"), "{states:?}");
}

#[tokio::test]
async fn an_application_credential_stands_for_its_user_in_one_project() {
    let sim = Sim::start().await;
    let account = sim.cloud.accounts().member;
    let member = sim.log_in(&account).await;
    let path = format!("identity/v3/users/{}/application_credentials", account.user_id);
    let made =
        member.call("POST", &path, Some(json!({"application_credential": {"name": "ci"}}))).await;
    assert_eq!(made.status, 201);
    let made = &made.body["application_credential"];
    let log_in = |secret: &Value, scope: Value| {
        let proof = json!({"id": made["id"], "secret": secret});
        let mut auth = json!({"identity": {"methods": ["application_credential"], "application_credential": proof}});
        if !scope.is_null() {
            auth["scope"] = scope;
        }
        json!({"auth": auth})
    };
    let tokens = "identity/v3/auth/tokens";
    let token = member.call("POST", tokens, Some(log_in(&made["secret"], Value::Null))).await;
    assert_eq!(token.status, 201);
    assert_eq!(token.body["token"]["project"]["id"], json!(account.project_id));
    assert_eq!(token.body["token"]["application_credential"]["name"], "ci");
    assert_eq!(
        member.call("POST", tokens, Some(log_in(&json!("wrong"), Value::Null))).await.status,
        401
    );
    let scoped = log_in(&made["secret"], json!({"project": {"id": account.project_id}}));
    let refused = member.call("POST", tokens, Some(scoped)).await;
    assert_eq!(refused.message(), "Application credentials cannot request a scope.");
}

#[tokio::test]
async fn a_token_buys_another_one_and_can_be_revoked() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let body = json!({"auth": {
        "identity": {"methods": ["token"], "token": {"id": admin.token}},
        "scope": {"project": {"id": sim.cloud.accounts().member.project_id}},
    }});
    let answer = admin.call("POST", "identity/v3/auth/tokens", Some(body)).await;
    assert_eq!(answer.body["token"]["project"]["name"], "demo");
    let mut other = admin.clone();
    other.token = answer.header("x-subject-token").to_owned();
    assert_eq!(other.get("/servers").await.status, 200);
    let revoked = reqwest::Client::builder().no_proxy().build().unwrap();
    let revoked = revoked
        .delete(format!("{}/auth/tokens", sim.cloud.auth_url()))
        .header("x-auth-token", &admin.token)
        .header("x-subject-token", &other.token);
    assert_eq!(revoked.send().await.unwrap().status().as_u16(), 204);
    assert_eq!(other.get("/servers").await.status, 401);
}

#[tokio::test]
async fn a_reader_sees_everything_of_the_project_and_changes_nothing() {
    let sim = Sim::start().await;
    let member = sim.member().await;
    let id = member.boot("web", 1).await.remove(0);
    let reader = sim.log_in(&sim.cloud.accounts().reader).await;
    assert_eq!(reader.server(&id).await["name"], "web");
    for (method, path) in
        [("DELETE", format!("/servers/{id}")), ("DELETE", format!("/servers/{id}/tags"))]
    {
        assert_eq!(reader.nova(method, &path, Value::Null).await.status, 403, "{path}");
    }
    let body = json!({"server": reader.tiny("more").await});
    assert_eq!(reader.nova("POST", "/servers", body).await.status, 403);
    assert_eq!(reader.act(&id, json!({"pause": null})).await.status, 403);
}
