//! The embedded cloud over HTTP: what operators and owners do beside moving.

use serde_json::{Value, json};

use crate::sim_client::{Sim, live};

#[tokio::test]
async fn a_compute_is_disabled_and_forced_down_in_both_generations_of_the_api() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let list = admin.get("/os-services?binary=nova-compute&host=compute-2").await;
    let service = list.body["services"][0].clone();
    assert_eq!((&service["state"], &service["status"]), (&json!("up"), &json!("enabled")));
    let path = format!("/os-services/{}", service["id"].as_str().unwrap());
    let body = json!({"status": "disabled", "disabled_reason": "test", "forced_down": true});
    let changed = admin.nova("PUT", &path, body).await;
    assert_eq!(changed.status, 200);
    assert_eq!(
        (&changed.body["service"]["state"], &changed.body["service"]["status"]),
        (&json!("down"), &json!("disabled"))
    );
    assert_eq!(sim.cloud.snapshot().touched_computes.len(), 1);
    let old = admin.at("2.11");
    let body = json!({"host": "compute-2", "binary": "nova-compute"});
    assert_eq!(
        old.nova("PUT", "/os-services/enable", body).await.body["service"]["status"],
        "enabled"
    );
    let body = json!({"host": "compute-2", "binary": "nova-compute", "forced_down": false});
    assert_eq!(old.nova("PUT", "/os-services/force-down", body).await.status, 200);
    assert!(sim.cloud.snapshot().is_empty());
    for (body, message) in [
        (
            json!({}),
            "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
        ),
        (
            json!({"status": "enabled", "disabled_reason": "x"}),
            "Specifying disabled_reason requires that status is set to 'disabled'.",
        ),
    ] {
        assert_eq!(admin.nova("PUT", &path, body).await.message(), message);
    }
}

#[tokio::test]
async fn power_tasks_lead_where_they_should_and_refuse_the_rest() {
    let sim = Sim::start().await;
    let member = sim.member().await;
    let id = member.boot("web", 1).await.remove(0);
    for (action, status) in [
        ("pause", "PAUSED"),
        ("unpause", "ACTIVE"),
        ("suspend", "SUSPENDED"),
        ("resume", "ACTIVE"),
        ("os-stop", "SHUTOFF"),
        ("os-start", "ACTIVE"),
    ] {
        assert_eq!(member.act(&id, json!({action: null})).await.status, 202, "{action}");
        while member.server(&id).await["status"] != status {}
    }
    let answer = member.act(&id, json!({"unpause": null})).await;
    assert_eq!(
        answer.message(),
        format!("Cannot 'unpause' instance {id} while it is in vm_state active")
    );
    assert_eq!(
        member.act(&id, json!({"dance": null})).await.message(),
        "There is no such action: dance"
    );
    assert_eq!(
        member.act(&id, json!({"pause": null, "resume": null})).await.message(),
        "Malformed request body"
    );
    let answer = member.act(&id, json!({"resize": {"flavorRef": "2"}})).await;
    assert_eq!(answer.status, 501, "{answer:?}");
}

#[tokio::test]
async fn a_lock_stops_its_owner_but_not_the_operator() {
    let sim = Sim::start().await;
    let (admin, member) = (sim.admin().await, sim.member().await);
    let id = member.boot("web", 1).await.remove(0);
    assert_eq!(member.act(&id, json!({"lock": {"locked_reason": "mine"}})).await.status, 202);
    assert_eq!(member.server(&id).await["locked_reason"], "mine");
    let answer = member.nova("DELETE", &format!("/servers/{id}"), Value::Null).await;
    assert_eq!(
        (answer.status, answer.message().to_owned()),
        (409, format!("Instance {id} is locked"))
    );
    assert_eq!(admin.act(&id, live(None)).await.status, 202);
    admin.record_until(&id, &["completed"]).await;
    assert_eq!(member.act(&id, json!({"unlock": null})).await.status, 202);
    assert_eq!(member.nova("DELETE", &format!("/servers/{id}"), Value::Null).await.status, 204);
}

#[tokio::test]
async fn quotas_are_what_exists() {
    let sim = Sim::start().await;
    let (admin, member) = (sim.admin().await, sim.member().await);
    member.boot("web", 2).await;
    let project = &sim.cloud.accounts().member.project_id;
    let detail = member.get(&format!("/os-quota-sets/{project}/detail")).await;
    assert_eq!(
        detail.body["quota_set"]["instances"],
        json!({"limit": 10, "in_use": 2, "reserved": 0})
    );
    let limits = member.get("/limits").await.body["limits"]["absolute"].clone();
    assert_eq!((&limits["totalInstancesUsed"], &limits["totalRAMUsed"]), (&json!(2), &json!(128)));
    let changed = admin
        .nova("PUT", &format!("/os-quota-sets/{project}"), json!({"quota_set": {"instances": 2}}))
        .await;
    assert_eq!(changed.body["quota_set"]["instances"], 2);
    let over = member.nova("POST", "/servers", json!({"server": member.tiny("more").await})).await;
    assert_eq!(over.status, 403);
}

#[tokio::test]
async fn server_groups_change_their_form_at_2_64() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let old = json!({"server_group": {"name": "old", "policies": ["affinity"]}});
    let made = admin.at("2.63").nova("POST", "/os-server-groups", old).await;
    assert_eq!((made.status, &made.body["server_group"]["policies"]), (200, &json!(["affinity"])));
    let rules = json!({"max_server_per_host": 2});
    let new =
        |policy: &str| json!({"server_group": {"name": "new", "policy": policy, "rules": rules}});
    let made = admin.nova("POST", "/os-server-groups", new("anti-affinity")).await;
    assert_eq!(made.body["server_group"]["rules"], rules);
    let refused = admin.nova("POST", "/os-server-groups", new("affinity")).await;
    assert_eq!(refused.message(), "Only anti-affinity policy supports rules.");
}

#[tokio::test]
async fn computes_are_shown_by_every_list_that_has_them() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let hypervisors = admin.get("/os-hypervisors/detail").await.body["hypervisors"].clone();
    let providers =
        admin.call("GET", "placement/resource_providers", None).await.body["resource_providers"]
            .clone();
    for place in 0..3 {
        let name = format!("compute-{}", place + 1);
        assert_eq!(hypervisors[place]["hypervisor_hostname"], json!(name));
        assert_eq!(providers[place]["name"], json!(name));
        assert_eq!(providers[place]["uuid"], hypervisors[place]["id"]);
    }
    let zones =
        admin.get("/os-availability-zone/detail").await.body["availabilityZoneInfo"].clone();
    assert_eq!(zones[1]["hosts"].as_object().unwrap().len(), 3);
    let free = admin.call("GET", "placement/resource_providers?name=compute-3", None).await;
    let uuid = free.body["resource_providers"][0]["uuid"].as_str().unwrap();
    let inventory =
        admin.call("GET", &format!("placement/resource_providers/{uuid}/inventories"), None).await;
    assert_eq!(inventory.body["inventories"]["MEMORY_MB"]["reserved"], 512);
}

#[tokio::test]
async fn metadata_and_tags_are_kept() {
    let sim = Sim::start().await;
    let member = sim.member().await;
    let id = member.boot("web", 1).await.remove(0);
    let path = format!("/servers/{id}/metadata");
    let body = json!({"metadata": {"run": "7"}});
    assert_eq!(member.nova("POST", &path, body.clone()).await.body, body);
    assert_eq!(member.get(&format!("{path}/run")).await.body["meta"]["run"], "7");
    assert_eq!(member.nova("DELETE", &format!("{path}/run"), Value::Null).await.status, 204);
    assert_eq!(member.get(&format!("{path}/run")).await.message(), "Metadata item was not found");
    let tag = format!("/servers/{id}/tags/blue");
    assert_eq!(member.nova("PUT", &tag, Value::Null).await.status, 201);
    assert_eq!(member.nova("PUT", &tag, Value::Null).await.status, 204);
    assert_eq!(member.get("/servers?tags=blue").await.body["servers"].as_array().unwrap().len(), 1);
    assert!(member.get("/servers?tags=red").await.body["servers"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_compute_gets_its_zone_from_an_aggregate_and_instances_stay_in_it() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let body = json!({"aggregate": {"name": "west", "availability_zone": "west"}});
    let made = admin.nova("POST", "/os-aggregates", body).await;
    assert!(made.body["aggregate"].get("hosts").is_none());
    let path = format!("/os-aggregates/{}/action", made.body["aggregate"]["id"]);
    let added = admin.nova("POST", &path, json!({"add_host": {"host": "compute-3"}})).await;
    assert_eq!(added.body["aggregate"]["hosts"], json!(["compute-3"]));
    let mut server = admin.tiny("web").await;
    server["availability_zone"] = json!("west");
    let made = admin.nova("POST", "/servers", json!({"server": server})).await;
    let id = made.body["server"]["id"].as_str().unwrap().to_owned();
    while admin.server(&id).await["status"] != "ACTIVE" {}
    let shown = admin.server(&id).await;
    assert_eq!(shown["OS-EXT-SRV-ATTR:host"], "compute-3");
    assert_eq!(
        (&shown["OS-EXT-AZ:availability_zone"], &shown["pinned_availability_zone"]),
        (&json!("west"), &json!("west"))
    );
    admin.act(&id, live(Some("compute-1"))).await;
    let record = admin.record_until(&id, &["error", "completed"]).await;
    assert_eq!((&record["status"], &record["dest_compute"]), (&json!("error"), &Value::Null));
}

#[tokio::test]
async fn an_update_shows_what_it_showed_at_its_microversion() {
    let sim = Sim::start().await;
    let member = sim.member().await;
    let id = member.boot("web", 1).await.remove(0);
    let path = format!("/servers/{id}");
    let body =
        json!({"server": {"name": "renamed", "accessIPv6": "0000:0:0:0:0:babe:220.12.22.2"}});
    let old = member.at("2.1").nova("PUT", &path, body.clone()).await.body["server"].clone();
    assert_eq!((&old["name"], &old["accessIPv6"]), (&json!("renamed"), &json!("::babe:dc0c:1602")));
    assert!(old.get("OS-EXT-STS:vm_state").is_none() && old.get("key_name").is_none());
    let new = member.nova("PUT", &path, body).await.body["server"].clone();
    assert_eq!(new["OS-EXT-STS:vm_state"], "active");
    let wrong = member.nova("PUT", &path, json!({"server": {"accessIPv4": "1.2.3"}})).await;
    assert!(wrong.message().ends_with("'1.2.3' is not a 'ipv4'"), "{wrong:?}");
}
