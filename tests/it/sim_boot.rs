//! The embedded cloud over HTTP: tokens, versions, creating, listing, deleting.

use serde_json::{Value, json};
use whimbrel::sim::{BootPhase, Release, Settings};

use crate::sim_client::Sim;

#[tokio::test]
async fn a_password_buys_a_token_with_a_catalog_and_a_wrong_one_does_not() {
    let sim = Sim::start().await;
    let account = sim.cloud.accounts().admin;
    let answer = sim.authenticate(&account, &account.password).await;
    assert_eq!(answer.status, 201);
    let kinds: Vec<&str> = answer.body["token"]["catalog"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["identity", "compute", "image", "network", "placement"]);
    let refused = sim.authenticate(&account, "wrong").await;
    assert_eq!(
        (refused.status, refused.message()),
        (401, "The request you have made requires authentication.")
    );
}

#[tokio::test]
async fn an_expired_token_is_answered_with_401_by_every_service() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    sim.cloud.control().expire_tokens();
    for path in [
        "compute/v2.1/servers",
        "image/v2/images",
        "network/v2.0/ports",
        "placement/resource_providers",
    ] {
        let answer = admin.call("GET", path, None).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.header("www-authenticate").starts_with("Keystone uri="), "{path}");
    }
}

#[tokio::test]
async fn versions_are_told_without_a_token_and_microversions_are_negotiated() {
    let sim = Sim::start().await;
    let mut admin = sim.admin().await;
    let token = std::mem::take(&mut admin.token);
    let document = admin.call("GET", "compute/v2.1/", None).await;
    assert_eq!(document.body["version"]["version"], "2.104");
    admin.token = token;
    let answer = admin.at("2.999").get("/servers").await;
    assert_eq!(answer.status, 406);
    assert_eq!(
        answer.message(),
        "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.104."
    );
    assert_eq!(answer.header("openstack-api-version"), "compute 2.999");
    let answer = admin.at("abc").get("/servers").await;
    assert_eq!(answer.status, 400);
    let answer = admin.at("").get("/servers").await;
    assert_eq!(answer.header("x-openstack-nova-api-version"), "2.1");
    assert!(answer.header("x-openstack-request-id").starts_with("req-"));
    assert_eq!(admin.get("/servers").await.header("openstack-api-version"), "compute 2.104");
}

#[tokio::test]
async fn zed_is_another_release() {
    let sim = Sim::with(Settings { release: Release::Zed26, ..Settings::default() }).await;
    let admin = sim.admin().await;
    assert_eq!(admin.get("/servers").await.header("openstack-api-version"), "compute 2.93");
    assert_eq!(admin.at("2.94").get("/servers").await.status, 406);
}

#[tokio::test]
async fn instances_of_one_request_are_found_by_their_reservation() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let ids = admin.boot("web", 3).await;
    let servers =
        [admin.server(&ids[0]).await, admin.server(&ids[1]).await, admin.server(&ids[2]).await];
    for (place, server) in servers.iter().enumerate() {
        assert_eq!(server["name"], format!("web-{}", place + 1));
        assert_eq!(server["OS-EXT-SRV-ATTR:launch_index"], json!(place));
        assert_eq!(server["OS-EXT-STS:power_state"], 1);
        assert_eq!(
            admin.allocations(&ids[place]).await,
            [server["OS-EXT-SRV-ATTR:host"].as_str().unwrap()]
        );
    }
    let named = admin.get("/servers?name=^web-2$").await;
    assert_eq!(named.body["servers"][0]["id"], json!(ids[1]));
    let host = servers[0]["OS-EXT-SRV-ATTR:host"].as_str().unwrap();
    let there = admin.get(&format!("/servers?host={host}")).await;
    assert_eq!(there.body["servers"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_create_request_is_checked_as_nova_checks_it() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let tiny = admin.tiny("web").await;
    let with = |field: &str, value: Value| {
        let mut server = tiny.clone();
        server[field] = value;
        json!({"server": server})
    };
    for (body, code, message) in [
        (
            with("min_count", json!(0)),
            400,
            "Invalid input for field/attribute min_count. Value: 0. 0 is less than the minimum of 1",
        ),
        (
            with("min_count", json!(2.5)),
            400,
            "Invalid input for field/attribute min_count. Value: 2.5. 2.5 is not of type 'integer', 'string'",
        ),
        (
            with("max_count", json!(0)),
            400,
            "Invalid input for field/attribute max_count. Value: 0. 0 is less than the minimum of 1",
        ),
        (with("flavorRef", json!("99")), 400, "Flavor 99 could not be found."),
        (with("imageRef", json!("x")), 400, "Can not find requested image"),
        (with("key_name", json!("mine")), 400, "Invalid key_name provided."),
        (with("host", json!("nowhere")), 400, "Compute host nowhere could not be found."),
        (
            with("availability_zone", json!("moon")),
            400,
            "The requested availability zone is not available",
        ),
        (
            with("min_count", json!(11)),
            403,
            "Quota exceeded for instances: Requested 11, but already used 0 of 10 instances",
        ),
    ] {
        let answer = admin.nova("POST", "/servers", body).await;
        assert_eq!((answer.status, answer.message()), (code, message));
    }
    let mut both = with("min_count", json!(3));
    both["server"]["max_count"] = json!(2);
    assert_eq!(
        admin.nova("POST", "/servers", both).await.message(),
        "min_count must be <= max_count"
    );
    let answer = admin.at("2.73").nova("POST", "/servers", with("host", json!("compute-1"))).await;
    assert!(
        answer.message().ends_with("Additional properties are not allowed ('host' was unexpected)"),
        "{answer:?}"
    );
    assert!(sim.cloud.snapshot().is_empty());
}

#[tokio::test]
async fn the_text_false_still_returns_a_reservation() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    for (asked, key) in [(json!("False"), "reservation_id"), (json!(false), "server")] {
        let mut server = admin.tiny("web").await;
        server["return_reservation_id"] = asked;
        let answer = admin.nova("POST", "/servers", json!({"server": server})).await;
        assert!(answer.body.get(key).is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_delete_is_answered_204_until_the_instance_is_gone() {
    let mut settings = Settings::default();
    settings.durations.delete = std::time::Duration::from_millis(200);
    let sim = Sim::with(settings).await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    let path = format!("/servers/{id}");
    for _ in 0..2 {
        assert_eq!(admin.nova("DELETE", &path, Value::Null).await.status, 204);
    }
    assert_eq!(admin.server(&id).await["OS-EXT-STS:task_state"], "deleting");
    sim.until("nothing left", whimbrel::sim::Snapshot::is_empty).await;
    let gone = admin.nova("DELETE", &path, Value::Null).await;
    assert_eq!(
        (gone.status, gone.message().to_owned()),
        (404, format!("Instance {id} could not be found."))
    );
    let deleted = admin.get("/servers/detail?deleted=True").await;
    assert_eq!(deleted.body["servers"][0]["status"], "DELETED");
}

#[tokio::test]
async fn a_build_shows_no_host_and_no_addresses_yet() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    sim.cloud.control().hold_boots(BootPhase::Scheduling);
    let body = json!({"server": admin.tiny("web").await});
    let answer = admin.nova("POST", "/servers", body).await;
    let id = answer.body["server"]["id"].as_str().unwrap();
    assert!(answer.header("location").ends_with(id));
    let server = admin.server(id).await;
    assert_eq!(
        (&server["status"], &server["OS-EXT-SRV-ATTR:host"]),
        (&json!("BUILD"), &Value::Null)
    );
    assert_eq!(server["OS-EXT-STS:task_state"], "scheduling");
    assert_eq!(admin.nova("DELETE", &format!("/servers/{id}"), Value::Null).await.status, 204);
    assert!(sim.cloud.snapshot().is_empty());
}

#[tokio::test]
async fn ports_are_made_bound_and_given_back() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let mut server = admin.tiny("web").await;
    server["networks"] = json!("auto");
    let answer = admin.nova("POST", "/servers", json!({"server": server})).await;
    let id = answer.body["server"]["id"].as_str().unwrap().to_owned();
    sim.until("a port", |snapshot| snapshot.ports == 1).await;
    let ports = admin.call("GET", &format!("network/v2.0/ports?device_id={id}"), None).await;
    assert_eq!(ports.body["ports"][0]["binding:host_id"], json!(admin.host(&id).await));
    admin.nova("DELETE", &format!("/servers/{id}"), Value::Null).await;
    sim.until("nothing left", whimbrel::sim::Snapshot::is_empty).await;
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let ids = admin.boot("web", 5).await;
    let mut seen = Vec::new();
    let mut path = "/servers?limit=2".to_owned();
    loop {
        let answer = admin.get(&path).await;
        seen.extend(
            answer.body["servers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|server| server["id"].as_str().unwrap().to_owned()),
        );
        match answer.body["servers_links"][0]["href"].as_str() {
            Some(next) => path = next.split_once("/v2.1").unwrap().1.to_owned(),
            None => break,
        }
    }
    seen.sort();
    let mut all = ids.clone();
    all.sort();
    assert_eq!(seen, all);
    assert_eq!(admin.get("/servers?marker=nobody").await.message(), "marker [nobody] not found");
}

#[tokio::test]
async fn what_is_not_simulated_says_so_and_what_does_not_exist_is_not_found() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let answer = admin.get("/os-simple-tenant-usage").await;
    assert_eq!(answer.status, 501);
    assert_eq!(answer.body["notImplemented"]["code"], 501);
    assert!(answer.message().contains("GET /os-simple-tenant-usage"), "{answer:?}");
    let answer = admin.get("/no-such-thing").await;
    assert_eq!((answer.status, answer.message()), (404, "The resource could not be found."));
}

#[tokio::test]
async fn a_stopped_cloud_has_closed_its_port() {
    let sim = Sim::start().await;
    let (admin, cloud) = (sim.admin().await, sim.cloud);
    cloud.stop().await;
    assert!(admin.try_call("GET", "compute/", None).await.is_err());
}
