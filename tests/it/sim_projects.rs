//! The embedded cloud over HTTP: what operators set up before anybody boots.

use serde_json::{Value, json};

use crate::sim_client::Sim;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJYFhfVAbpFHkIFwpS3Y2Y0X5NUO3YeLvq0bk5dKkQbF someone";

#[tokio::test]
async fn a_private_flavor_is_there_only_for_projects_with_access() {
    let sim = Sim::start().await;
    let (admin, member) = (sim.admin().await, sim.member().await);
    let project = sim.cloud.accounts().member.project_id;
    let body = json!({"flavor": {"name": "secret", "id": "secret", "ram": 64, "vcpus": 1, "disk": 1,
        "os-flavor-access:is_public": false}});
    assert_eq!(admin.nova("POST", "/flavors", body).await.status, 200);
    let mut server = member.tiny("web").await;
    server["flavorRef"] = json!("secret");
    let server = json!({"server": server});
    assert_eq!(member.get("/flavors/secret").await.status, 404);
    assert_eq!(member.nova("POST", "/servers", server.clone()).await.status, 400);

    let grant = json!({"addTenantAccess": {"tenant": project}});
    let granted = admin.nova("POST", "/flavors/secret/action", grant.clone()).await;
    assert_eq!(
        granted.body,
        json!({"flavor_access": [{"flavor_id": "secret", "tenant_id": project}]})
    );
    assert_eq!(admin.nova("POST", "/flavors/secret/action", grant.clone()).await.status, 409);
    assert_eq!(member.nova("POST", "/flavors/secret/action", grant).await.status, 403);
    assert_eq!(member.get("/flavors/secret").await.status, 200);
    let names = |answer: Value| -> Vec<String> {
        let flavors = answer["flavors"].as_array().cloned().unwrap_or_default();
        flavors.iter().map(|flavor| flavor["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names(member.get("/flavors").await.body).contains(&"secret".to_owned()));
    assert_eq!(names(admin.get("/flavors?is_public=False").await.body), ["secret"]);
    assert!(!names(admin.get("/flavors").await.body).contains(&"secret".to_owned()));
    assert_eq!(member.nova("POST", "/servers", server).await.status, 202);

    let revoke = json!({"removeTenantAccess": {"tenant": project}});
    assert_eq!(admin.nova("POST", "/flavors/secret/action", revoke.clone()).await.status, 200);
    assert_eq!(admin.nova("POST", "/flavors/secret/action", revoke).await.status, 404);
    assert_eq!(member.get("/flavors/secret").await.status, 404);
    let public = admin.get("/flavors/1/os-flavor-access").await;
    assert_eq!(public.message(), "Access list not available for public flavors.");
}

#[tokio::test]
async fn extra_specs_change_one_by_one_and_running_instances_keep_theirs() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let path = "/flavors/1/os-extra_specs";
    let id = admin.boot("web", 1).await.remove(0);
    let body = json!({"extra_specs": {"hw:cpu_policy": "shared", "trait:CUSTOM_A": "required"}});
    assert_eq!(admin.nova("POST", path, body.clone()).await.body, body);
    assert_eq!(admin.get(path).await.body, body);
    assert_eq!(admin.server(&id).await["flavor"]["extra_specs"], json!({}));

    let one = format!("{path}/hw:cpu_policy");
    let changed = admin.nova("PUT", &one, json!({"hw:cpu_policy": "dedicated"})).await;
    assert_eq!(changed.body, json!({"hw:cpu_policy": "dedicated"}));
    let wrong = admin.nova("PUT", &one, json!({"hw:mem_page_size": "any"})).await;
    assert_eq!(wrong.message(), "Request body and URI mismatch");
    assert_eq!(
        sim.member().await.nova("PUT", &one, json!({"hw:cpu_policy": "x"})).await.status,
        403
    );
    assert_eq!(admin.nova("DELETE", &one, Value::Null).await.status, 200);
    let gone = admin.nova("DELETE", &one, Value::Null).await;
    assert_eq!(gone.message(), "Flavor 1 has no extra specs with key hw:cpu_policy.");
}

#[tokio::test]
async fn key_pairs_of_others_are_the_operators_since_2_10() {
    let sim = Sim::start().await;
    let (admin, member) = (sim.admin().await, sim.member().await);
    let owner = sim.cloud.accounts().member.user_id;
    let pair = |user: &str| json!({"keypair": {"name": "k", "public_key": KEY, "user_id": user}});
    assert_eq!(admin.nova("POST", "/os-keypairs", pair(&owner)).await.status, 201);
    assert_eq!(member.get("/os-keypairs/k").await.body["keypair"]["public_key"], KEY);
    assert_eq!(admin.get("/os-keypairs/k").await.status, 404);
    assert_eq!(admin.get(&format!("/os-keypairs/k?user_id={owner}")).await.status, 200);
    let other = sim.cloud.accounts().admin.user_id;
    let refused = member.nova("POST", "/os-keypairs", pair(&other)).await;
    assert_eq!(refused.status, 403);
    let old = admin.at("2.9").nova("POST", "/os-keypairs", pair(&owner)).await;
    assert!(old.message().contains("'user_id' was unexpected"), "{old:?}");
    let junk = json!({"keypair": {"name": "j", "public_key": "ssh-rsa JUNK", "type": "ssh"}});
    let junk = member.nova("POST", "/os-keypairs", junk).await;
    assert_eq!(junk.message(), "Keypair data is invalid: failed to generate fingerprint");
}

#[tokio::test]
async fn the_default_quota_class_is_the_limit_of_projects_without_their_own() {
    let sim = Sim::start().await;
    let (admin, member) = (sim.admin().await, sim.member().await);
    let project = sim.cloud.accounts().member.project_id;
    let body = json!({"quota_class_set": {"instances": 1}});
    assert_eq!(member.nova("PUT", "/os-quota-class-sets/default", body.clone()).await.status, 403);
    let set = admin.nova("PUT", "/os-quota-class-sets/default", body).await;
    assert_eq!(set.body["quota_class_set"]["instances"], 1);
    let shown = member.get(&format!("/os-quota-sets/{project}")).await;
    assert_eq!(shown.body["quota_set"]["instances"], 1);
    let mut two = member.tiny("web").await;
    two["min_count"] = json!(2);
    let refused = member.nova("POST", "/servers", json!({"server": two})).await;
    assert_eq!(
        refused.message(),
        "Quota exceeded for instances: Requested 2, but already used 0 of 1 instances"
    );
    // Limits of networks are stored as long as Nova had them.
    let old = json!({"quota_class_set": {"floating_ips": 7}});
    let stored = admin.at("2.1").nova("PUT", "/os-quota-class-sets/default", old.clone()).await;
    assert_eq!(stored.body["quota_class_set"]["floating_ips"], 7);
    assert_eq!(admin.nova("PUT", "/os-quota-class-sets/default", old).await.status, 400);
}

#[tokio::test]
async fn an_operator_makes_a_project_with_a_user_who_can_then_boot() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let keystone = |method: &'static str, path: String, body: Value| {
        let admin = admin.clone();
        async move {
            let body = (!body.is_null()).then_some(body);
            admin.call(method, &format!("identity/v3/{path}"), body).await
        }
    };
    let made = keystone("POST", "projects".into(), json!({"project": {"name": "fresh"}})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let project = made.body["project"]["id"].as_str().unwrap().to_owned();
    let again = keystone("POST", "projects".into(), json!({"project": {"name": "fresh"}})).await;
    assert_eq!(again.status, 409);
    let user = json!({"user": {"name": "newcomer", "password": "s3cret"}});
    let made = keystone("POST", "users".into(), user.clone()).await;
    let user_id = made.body["user"]["id"].as_str().unwrap().to_owned();
    assert!(made.body["user"]["password"].is_null(), "a password was shown");

    let account = whimbrel::sim::Account {
        user: "newcomer".to_owned(),
        user_id: user_id.clone(),
        password: "s3cret".to_owned(),
        project: "fresh".to_owned(),
        project_id: project.clone(),
        domain: "Default".to_owned(),
    };
    assert_eq!(sim.authenticate(&account, "s3cret").await.status, 401, "without a role");
    let roles = keystone("GET", "roles?name=member".into(), Value::Null).await;
    let role = roles.body["roles"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("projects/{project}/users/{user_id}/roles/{role}");
    assert_eq!(keystone("PUT", path.clone(), Value::Null).await.status, 204);
    let newcomer = sim.log_in(&account).await;
    newcomer.boot("web", 1).await;
    let refused = newcomer.call("POST", "identity/v3/users", Some(user)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(keystone("DELETE", format!("users/{user_id}"), Value::Null).await.status, 204);
    assert_eq!(newcomer.get("/servers").await.status, 401, "the token outlived its user");
}

#[tokio::test]
async fn hypervisors_tell_their_uptime_unless_they_are_down_and_their_sums_until_2_87() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let list = admin.get("/os-hypervisors/detail").await;
    let uptime = list.body["hypervisors"][0]["uptime"].as_str().unwrap().to_owned();
    let format =
        regex::Regex::new(r"^ \d\d:\d\d:\d\d up \d+ days, \d+:\d\d,  0 users,  load average: ");
    assert!(format.unwrap().is_match(&uptime), "{uptime:?}");
    assert!(
        sim.cloud.control().compute_down(&whimbrel::events::names::ComputeName::new("compute-1"))
    );
    let list = admin.get("/os-hypervisors/detail").await;
    assert_eq!(list.body["hypervisors"][0]["uptime"], Value::Null);
    let id = admin.at("2.87").get("/os-hypervisors").await.body["hypervisors"][0]["id"].clone();
    let path = format!("/os-hypervisors/{}/uptime", id.as_str().unwrap());
    let refused = admin.at("2.87").get(&path).await;
    assert_eq!(refused.message(), "Compute service of compute-1 is unavailable at this time.");
    let sums = admin.at("2.87").get("/os-hypervisors/statistics").await;
    assert_eq!(sums.body["hypervisor_statistics"]["vcpus"], 48);
    assert_eq!(admin.get("/os-hypervisors/statistics").await.status, 404);
}

#[tokio::test]
async fn an_unknown_security_group_is_refused_and_nothing_is_ever_restored() {
    let sim = Sim::start().await;
    let member = sim.member().await;
    let project = sim.cloud.accounts().member.project_id;
    let mut server = member.tiny("web").await;
    server["security_groups"] = json!([{"name": "nothing"}]);
    let refused = member.nova("POST", "/servers", json!({"server": server})).await;
    assert_eq!(
        refused.message(),
        format!("Security group nothing not found for project {project}.")
    );
    let id = member.boot("web", 1).await.remove(0);
    let refused = member.act(&id, json!({"restore": null})).await;
    assert_eq!(
        refused.message(),
        format!("Cannot 'restore' instance {id} while it is in vm_state active")
    );
}

#[tokio::test]
async fn an_aggregate_is_renamed_and_takes_its_computes_to_another_zone() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    for name in ["lake", "hill"] {
        let body = json!({"aggregate": {"name": name, "availability_zone": name}});
        assert_eq!(admin.nova("POST", "/os-aggregates", body).await.status, 200);
    }
    let add = json!({"add_host": {"host": "compute-2"}});
    assert_eq!(admin.nova("POST", "/os-aggregates/1/action", add).await.status, 200);
    let body = json!({"aggregate": {"name": "sea", "availability_zone": "seaside"}});
    let changed = admin.nova("PUT", "/os-aggregates/1", body).await;
    assert_eq!(changed.body["aggregate"]["name"], "sea");
    let service = admin.get("/os-services?host=compute-2").await.body["services"][0].clone();
    assert_eq!(service["zone"], "seaside");
    let mut server = admin.tiny("web").await;
    server["host"] = json!("compute-2");
    assert_eq!(admin.nova("POST", "/servers", json!({"server": server})).await.status, 202);
    sim.until("it is placed", |now| now.allocations.len() == 1).await;
    while admin.get("/servers/detail").await.body["servers"][0]["status"] != "ACTIVE" {}
    let back = json!({"aggregate": {"availability_zone": "lakeside"}});
    assert_eq!(
        admin.nova("PUT", "/os-aggregates/1", back).await.message(),
        "Cannot update aggregate 1. Reason: One or more hosts contain instances in this zone."
    );
    let taken = json!({"aggregate": {"name": "hill"}});
    assert_eq!(admin.nova("PUT", "/os-aggregates/1", taken).await.status, 409);
}
