//! As whom and for what a session logs in, where it finds services then, and that what it was
//! given goes nowhere else. Entries are read from a `clouds.yaml`, as users write them.

use serde_json::{Value, json};
use whimbrel::api::{Expect, Login, Method, Outcome, Request, Service, Version};
use whimbrel::config::clouds::{CloudEntry, Clouds, CloudsError, Environment};

use crate::api_cloud::{Cloud, Reaction, Seen};

/// The lines under `auth` of a usual entry.
pub const PASSWORD_LOGIN: &str = "username: me\n      password: pw\n      \
    project_name: mine\n      user_domain_name: Default\n      project_domain_id: default";

/// What a `clouds.yaml` makes of an entry for this cloud, with these lines under `auth`, and these
/// beside it. Lines are divided by `\n` and the blanks that belong there.
pub fn in_clouds_yaml(cloud: &Cloud, auth: &str, beside: &str) -> CloudEntry {
    with_variables(cloud, auth, beside, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, with these variables set.
pub fn with_variables(
    cloud: &Cloud,
    auth: &str,
    beside: &str,
    variables: &[(&str, &str)],
) -> Result<CloudEntry, CloudsError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clouds.yaml");
    let auth_url = cloud.url("/identity");
    let text = format!(
        "clouds:\n  it:\n    auth:\n      auth_url: {auth_url}\n      {auth}\n    {beside}\n"
    );
    std::fs::write(&path, text).expect("a file");
    let path = path.display().to_string();
    let named = ("OS_CLIENT_CONFIG_FILE", path.as_str());
    let environment: Environment = variables.iter().copied().chain([named]).collect();
    let clouds = Clouds::find(&environment, folder.path()).expect("a file that can be read");
    clouds.cloud("it")
}

fn is_login(seen: &Seen) -> bool {
    seen.is("POST", "/identity/v3/auth/tokens")
}

/// A token for what was asked for, as Keystone describes it.
fn keystone(asked: &Value) -> Reaction {
    let scope = &asked["auth"]["scope"];
    let mut token = json!({
        "issued_at": "2001-01-01T00:00:00.000000Z",
        "expires_at": "2001-01-01T01:00:00.000000Z",
        "methods": asked["auth"]["identity"]["methods"],
        "user": { "id": "u", "name": "me", "domain": { "id": "default", "name": "Default" } },
    });
    if !scope.is_null() {
        token["roles"] = json!([{ "id": "r", "name": "Reader" }]);
        token["catalog"] = json!([]);
    }
    if scope["project"].is_object() {
        token["project"] = json!({ "id": "p", "name": "mine", "domain": { "id": "default" } });
    }
    if scope["domain"].is_object() {
        token["domain"] = json!({ "id": "d", "name": "dom" });
    }
    if scope["system"].is_object() {
        token["system"] = json!({ "all": true });
    }
    Reaction::json(201, &json!({ "token": token })).with("x-subject-token", "token-1")
}

/// What is sent to log in with these lines of `clouds.yaml`, and who we are then.
async fn logged_in(auth: &str, beside: &str) -> (Value, Login) {
    let cloud = Cloud::scripted(|seen| is_login(seen).then(|| keystone(&seen.json()))).await;
    let session = cloud.session_with(in_clouds_yaml(&cloud, auth, beside));
    let login = session.login().await.unwrap_or_else(|error| panic!("{auth}: {error:?}"));
    let sent = cloud.requests().into_iter().find(is_login).expect("a login");
    assert_eq!(sent.header("content-type"), "application/json");
    (sent.json()["auth"].clone(), login)
}

/// Reference: Identity API v3, "Authentication and token management": password, token and
/// application credential with each scope.
#[tokio::test]
async fn each_way_to_log_in_is_sent_as_keystone_wants_it() {
    let domain = json!({ "name": "Default" });
    let application = |credential: Value| json!({ "methods": ["application_credential"], "application_credential": credential });
    let by_name =
        json!({ "name": "ac", "secret": "pw", "user": { "name": "me", "domain": domain } });
    let by_name_and_id = json!({ "name": "ac", "secret": "pw", "user": { "id": "u" } });
    let password = |user: Value| json!({ "methods": ["password"], "password": { "user": user } });
    let cases = [
        (
            "username: me\n      user_domain_name: Default\n      password: pw",
            "auth_type: v3password",
            password(json!({ "name": "me", "domain": domain, "password": "pw" })),
        ),
        ("user_id: u\n      password: pw", "", password(json!({ "id": "u", "password": "pw" }))),
        (
            "token: given",
            "auth_type: v3token",
            json!({ "methods": ["token"], "token": { "id": "given" } }),
        ),
        (
            "application_credential_id: ac\n      application_credential_secret: pw",
            "auth_type: v3applicationcredential",
            application(json!({ "id": "ac", "secret": "pw" })),
        ),
        (
            "application_credential_name: ac\n      application_credential_secret: pw\n      \
             username: me\n      user_domain_name: Default",
            "auth_type: v3applicationcredential",
            application(by_name),
        ),
        (
            "application_credential_name: ac\n      application_credential_secret: pw\n      \
             user_id: u",
            "auth_type: v3applicationcredential",
            application(by_name_and_id),
        ),
    ];
    for (auth, beside, identity) in cases {
        let (sent, login) = logged_in(auth, beside).await;
        assert_eq!(sent, json!({ "identity": identity }), "{auth}: no scope was asked for");
        assert_eq!((login.user_id.as_str(), login.project_id), ("u", None));
    }
}

#[tokio::test]
async fn each_scope_is_sent_as_keystone_wants_it() {
    let project = Some("p".to_owned());
    for (lines, scope, for_project) in [
        ("project_id: p", json!({ "project": { "id": "p" } }), &project),
        (
            "project_name: mine\n      project_domain_id: default",
            json!({ "project": { "name": "mine", "domain": { "id": "default" } } }),
            &project,
        ),
        (
            "project_name: mine\n      project_domain_name: Default",
            json!({ "project": { "name": "mine", "domain": { "name": "Default" } } }),
            &project,
        ),
        ("domain_id: d", json!({ "domain": { "id": "d" } }), &None),
        ("domain_name: dom", json!({ "domain": { "name": "dom" } }), &None),
        ("system_scope: all", json!({ "system": { "all": true } }), &None),
    ] {
        for (who, beside) in
            [("user_id: u\n      password: pw", ""), ("token: given", "auth_type: token")]
        {
            let (sent, login) = logged_in(&format!("{who}\n      {lines}"), beside).await;
            assert_eq!(sent["scope"], scope, "{who}");
            assert_eq!((&login.project_id, login.roles), (for_project, vec!["reader".to_owned()]));
        }
    }
}

/// A catalog with two regions, each with three interfaces of compute and image, all here; the
/// second region has no admin's.
fn catalog(cloud: &str) -> Value {
    let endpoints = |service: &str| {
        let places = [("one", "public"), ("one", "internal"), ("one", "admin"), ("two", "public")];
        let places = places.into_iter().chain([("two", "internal")]);
        let endpoint = |(region, interface): (&str, &str)| {
            let url = format!("{cloud}/{region}/{interface}/{service}");
            json!({ "region": region, "region_id": region, "interface": interface, "url": url })
        };
        places.map(endpoint).collect::<Vec<_>>()
    };
    json!([
        { "type": "compute", "name": "nova", "endpoints": endpoints("compute/v2.1") },
        { "type": "image", "name": "glance", "endpoints": endpoints("image") },
    ])
}

/// The paths at which compute, image and identity are asked, with these lines beside `auth`.
async fn asked_at(beside: &str) -> [String; 3] {
    let cloud = Cloud::scripted(|seen| {
        let token = json!({ "token": {
            "expires_at": "2001-01-01T01:00:00Z", "issued_at": "2001-01-01T00:00:00Z",
            "user": { "id": "u", "name": "me" }, "project": { "id": "p", "name": "mine" },
            "catalog": catalog(&format!("http://{}", seen.header("host"))),
        }});
        is_login(seen).then(|| Reaction::json(201, &token).with("x-subject-token", "token-1"))
    })
    .await;
    let beside = beside.replace("CLOUD", cloud.url("/").as_str().trim_end_matches('/'));
    let session = cloud.session_with(in_clouds_yaml(&cloud, PASSWORD_LOGIN, &beside));
    let mut places = Vec::new();
    for service in [Service::Compute, Service::Image, Service::Identity] {
        let request = Request::get(service, "/x").version(Version::Unsaid).expect(Expect::Any);
        session.call(request).await.unwrap_or_else(|error| panic!("{beside}: {error:?}"));
        let last = cloud.requests().pop().expect("a request");
        assert_eq!(last.header("x-auth-token"), "token-1", "{beside}");
        places.push(last.path);
    }
    places.try_into().expect("three services were asked")
}

#[tokio::test]
async fn region_interface_and_override_choose_where_each_service_is_asked() {
    const IDENTITY: &str = "/identity/v3/x";
    for (beside, compute, image, identity) in [
        ("", "/one/public/compute/v2.1/x", "/one/public/image/v2/x", IDENTITY),
        ("region_name: two", "/two/public/compute/v2.1/x", "/two/public/image/v2/x", IDENTITY),
        (
            "interface: internal",
            "/one/internal/compute/v2.1/x",
            "/one/internal/image/v2/x",
            IDENTITY,
        ),
        (
            "region_name: two\n    interface: [admin, internal]",
            "/two/internal/compute/v2.1/x",
            "/two/internal/image/v2/x",
            IDENTITY,
        ),
        (
            "compute_region_name: two\n    image_interface: admin",
            "/two/public/compute/v2.1/x",
            "/one/admin/image/v2/x",
            IDENTITY,
        ),
        (
            "compute_endpoint_override: CLOUD/own/v2.1/p",
            "/own/v2.1/p/x",
            "/one/public/image/v2/x",
            IDENTITY,
        ),
        (
            "image_endpoint_override: CLOUD/own\n    identity_endpoint_override: CLOUD/who/v3",
            "/one/public/compute/v2.1/x",
            "/own/v2/x",
            "/who/v3/x",
        ),
    ] {
        assert_eq!(asked_at(beside).await, [compute, image, identity], "{beside}");
    }
}

#[tokio::test]
async fn a_region_without_the_service_is_answered_with_what_there_is() {
    let cloud = Cloud::healthy().await;
    let entry = in_clouds_yaml(&cloud, PASSWORD_LOGIN, "region_name: two");
    let request = Request::get(Service::Compute, "/x").version(Version::Unsaid);
    let error = cloud.session_with(entry).call(request).await.expect_err("no such region");
    assert!(
        error.kind.to_string().contains(
            "no public endpoint for compute in region two; it has: compute (public, one)"
        )
    );
    assert_eq!(error.outcome(), Outcome::NotDone);
}

#[tokio::test]
async fn no_redirect_takes_a_token_or_a_password_elsewhere() {
    let elsewhere = Cloud::healthy().await;
    for code in [301, 302, 303, 307, 308] {
        let there = elsewhere.url("/compute/v2.1/servers?secret=1").to_string();
        let moved = move |seen: &Seen| {
            let reaction = Reaction::status(code).with("location", there.clone());
            seen.path.ends_with("/moved").then_some(reaction)
        };
        let cloud = Cloud::scripted(moved).await;
        for method in [Method::Get, Method::Post, Method::Put, Method::Delete] {
            let request = Request::new(Service::Compute, method, "/moved")
                .json(&json!({ "server": {} }))
                .version(Version::Unsaid);
            let error = cloud.session().call(request).await.expect_err("not followed");
            assert_eq!((error.status(), error.attempts), (Some(code), 1), "{method:?}");
            let text = error.kind.to_string();
            assert!(text.contains("which is not followed") && !text.contains("secret"), "{text}");
            assert_eq!(cloud.count(method.as_str(), "/compute/v2.1/moved"), 1);
        }

        let there = elsewhere.url("/identity/v3/auth/tokens").to_string();
        let moved = move |seen: &Seen| {
            let reaction = Reaction::status(code).with("location", there.clone());
            is_login(seen).then_some(reaction)
        };
        let cloud = Cloud::scripted(moved).await;
        let error = cloud.session().login().await.expect_err("not followed");
        assert_eq!((error.status(), cloud.logins()), (Some(code), 1));
    }
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
}
