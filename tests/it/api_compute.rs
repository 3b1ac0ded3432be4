//! The typed calls: what goes over the wire at which microversion, and what is read from it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use whimbrel::api::compute::{
    Action, Compute, CreateServers, Created, GroupPolicy, LiveMigrate, MigrationFilter,
    ServerFilter, ServiceChange, ServiceRecord, Status, TaskState,
};
use whimbrel::api::{Microversion, RequestErrorKind, discover, image, network, placement};
use whimbrel::events::names::{ComputeName, MigrationNumber, ReservationId, ServerId};

use crate::api_cloud::{Cloud, Reaction, Seen};

/// A cloud that gives these answers, by method and path with query, and nothing else of compute.
async fn answering(answers: &[(&str, u16, Value)]) -> Cloud {
    let answers: BTreeMap<String, (u16, Value)> = answers
        .iter()
        .map(|(request, code, body)| ((*request).to_owned(), (*code, body.clone())))
        .collect();
    Cloud::scripted(move |seen| {
        let (code, body) = answers.get(&format!("{} {}", seen.method, seen.path))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Some(Reaction::Answer(*code, Vec::new(), body))
    })
    .await
}

fn at(cloud: &Cloud, minor: u16) -> Compute {
    cloud.session().compute().at(Microversion::new(2, minor))
}

/// The body of the last request.
fn sent(cloud: &Cloud) -> Value {
    cloud.requests().last().map(Seen::json).expect("a request")
}

fn server() -> ServerId {
    ServerId::new("s1")
}

fn shown(id: &str) -> Value {
    json!({ "id": id, "name": id, "status": "MIGRATING", "OS-EXT-STS:task_state": "migrating",
            "OS-EXT-SRV-ATTR:host": "compute-1" })
}

#[tokio::test]
async fn servers_booted_together_are_asked_for_and_found_by_their_reservation() {
    let cloud = answering(&[(
        "GET /compute/v2.1/servers/detail?reservation_id=%5Er-1%24",
        200,
        json!({ "servers": [shown("web-1"), shown("web-2")] }),
    )])
    .await;
    let compute = cloud.session().compute();
    let create = CreateServers {
        min_count: Some(2),
        return_reservation_id: true,
        ..CreateServers::default()
    };
    let created = compute.create_servers(&create).await.expect("accepted");
    let reservation = ReservationId::new("r-1");
    assert_eq!(created, Created::Reservation(reservation.clone()));
    let servers = compute.servers(&ServerFilter::reservation(&reservation)).await.expect("a list");
    let states: Vec<_> =
        servers.iter().map(|server| (server.status.clone(), server.task_state.clone())).collect();
    assert_eq!(states, vec![(Status::Migrating, Some(TaskState::Migrating)); 2]);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_and_each_server_comes_once() {
    let next = json!([{ "rel": "next", "href": "http://wrong.example/" }]);
    let cloud = answering(&[
        (
            "GET /compute/v2.1/servers/detail?limit=2",
            200,
            json!({ "servers": [shown("a"), shown("b")], "servers_links": next }),
        ),
        (
            "GET /compute/v2.1/servers/detail?limit=2&marker=b",
            200,
            json!({ "servers": [shown("b"), shown("d")], "servers_links": next }),
        ),
        ("GET /compute/v2.1/servers/detail?limit=2&marker=d", 200, json!({ "servers": [] })),
    ])
    .await;
    let filter = ServerFilter { page: Some(2), ..ServerFilter::default() };
    let servers = cloud.session().compute().servers(&filter).await.expect("a list");
    let names: Vec<_> = servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "d"]);
}

#[tokio::test]
async fn every_condition_of_a_list_goes_into_the_query() {
    let query =
        "name=%5Eweb-&changes-since=2026-11-23T00%3A00%3A00Z&host=c&all_tenants=1&deleted=true";
    let path = format!("GET /compute/v2.1/servers/detail?{query}");
    let cloud = answering(&[(&path, 200, json!({ "servers": [] }))]).await;
    let filter = ServerFilter {
        name: Some("^web-".to_owned()),
        changes_since: Some("2026-11-23T00:00:00Z".to_owned()),
        host: Some(ComputeName::new("c")),
        all_projects: true,
        deleted: true,
        ..ServerFilter::default()
    };
    cloud.session().compute().servers(&filter).await.expect("a list");
}

#[tokio::test]
async fn a_live_migration_is_asked_for_in_the_words_of_the_version() {
    let cloud = answering(&[("POST /compute/v2.1/servers/s1/action", 202, Value::Null)]).await;
    let to = LiveMigrate { host: Some(ComputeName::new("compute-2")), ..LiveMigrate::default() };
    let answer = cloud.session().compute().live_migrate(&server(), &to).await.expect("accepted");
    assert_eq!(
        sent(&cloud),
        json!({ "os-migrateLive": { "host": "compute-2", "block_migration": "auto" } })
    );
    assert_eq!((answer.status, answer.request_id.as_str()), (202, "req-test"));
    at(&cloud, 1).live_migrate(&server(), &to).await.expect("accepted");
    let old = json!({ "host": "compute-2", "block_migration": false, "disk_over_commit": false });
    assert_eq!(sent(&cloud)["os-migrateLive"], old);
}

#[tokio::test]
async fn a_refused_live_migration_carries_the_clouds_words() {
    let words = "Cannot 'os-migrateLive' instance s1 while it is in task_state migrating";
    let fault = json!({ "conflictingRequest": { "code": 409, "message": words } });
    let cloud = answering(&[("POST /compute/v2.1/servers/s1/action", 409, fault)]).await;
    let error = cloud
        .session()
        .compute()
        .live_migrate(&server(), &LiveMigrate::default())
        .await
        .expect_err("refused");
    assert_eq!(
        (error.status(), error.message(), error.path.as_str()),
        (Some(409), Some(words), "/servers/s1/action")
    );
}

#[tokio::test]
async fn actions_have_their_codes_and_bodies() {
    let cloud = answering(&[("POST /compute/v2.1/servers/s1/action", 202, Value::Null)]).await;
    let compute = cloud.session().compute();
    compute.act(&server(), Action::Pause).await.expect("accepted");
    assert_eq!(sent(&cloud), json!({ "pause": null }));
    compute.act(&server(), Action::ResetToActive).await.expect("accepted");
    assert_eq!(sent(&cloud), json!({ "os-resetState": { "state": "active" } }));
    let error =
        compute.act(&server(), Action::ConfirmResize).await.expect_err("204 would be right");
    assert_eq!(error.status(), Some(202));
}

#[tokio::test]
async fn deleting_what_is_gone_is_no_error() {
    let cloud = answering(&[("DELETE /compute/v2.1/servers/s1", 204, Value::Null)]).await;
    let compute = cloud.session().compute();
    compute.delete_server(&server()).await.expect("deleted");
    compute.delete_server(&ServerId::new("gone")).await.expect("gone already");
    let error = compute.server(&ServerId::new("gone")).await.expect_err("gone");
    assert!(error.is_not_found());
}

fn record(id: u64, status: &str) -> Value {
    json!({ "id": id, "uuid": format!("u{id}"), "status": status, "instance_uuid": "s1",
            "source_compute": "compute-1", "dest_compute": null, "migration_type": "live-migration" })
}

#[tokio::test]
async fn migration_records_come_oldest_first_whichever_way_the_version_sorts() {
    let next = json!([{ "rel": "next", "href": "x" }]);
    let query = "GET /compute/v2.1/os-migrations?instance_uuid=s1";
    let cloud = answering(&[
        (query, 200, json!({ "migrations": [record(3, "running"), record(2, "error")], "migrations_links": next })),
        (&format!("{query}&marker=u2"), 200, json!({ "migrations": [record(1, "completed")] })),
    ])
    .await;
    let filter = MigrationFilter::server(&server());
    let found = cloud.session().compute().migrations(&filter).await.expect("a list");
    let seen: Vec<_> = found.iter().map(|record| (record.id.0, record.status.is_final())).collect();
    assert_eq!(seen, [(1, true), (2, true), (3, false)]);
    let old = at(&cloud, 58).migrations(&filter).await.expect("a list");
    assert_eq!(old.len(), 2, "an old version has no pages");
    let since =
        MigrationFilter { changes_since: Some("2026-11-23T00:00:00Z".to_owned()), ..filter };
    let error = at(&cloud, 58).migrations(&since).await.expect_err("too old");
    assert!(matches!(error.kind, RequestErrorKind::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn a_migration_in_progress_is_seen_aborted_and_completed() {
    let path = "/compute/v2.1/servers/s1/migrations";
    let cloud = answering(&[
        (&format!("GET {path}"), 200, json!({ "migrations": [record(7, "running")] })),
        (&format!("GET {path}/7"), 200, json!({ "migration": record(7, "running") })),
        (&format!("DELETE {path}/7"), 202, Value::Null),
        (&format!("POST {path}/7/action"), 202, Value::Null),
    ])
    .await;
    let compute = cloud.session().compute();
    let number = MigrationNumber(7);
    let list = compute.server_migrations(&server()).await.expect("a list");
    assert_eq!(list, [compute.server_migration(&server(), number).await.expect("one")]);
    compute.force_complete(&server(), number).await.expect("accepted");
    assert_eq!(sent(&cloud), json!({ "force_complete": null }));
    compute.abort_migration(&server(), number).await.expect("accepted");
}

#[tokio::test]
async fn actions_of_a_server_are_read_with_their_events() {
    let action = json!({ "action": "live-migration", "request_id": "req-1", "start_time": "t", "message": "Error" });
    let mut whole = action.clone();
    whole["events"] = json!([{ "event": "conductor_live_migrate_instance", "result": "Error", "details": "No valid host" }]);
    let path = "GET /compute/v2.1/servers/s1/os-instance-actions";
    let cloud = answering(&[
        (path, 200, json!({ "instanceActions": [action] })),
        (&format!("{path}/req-1"), 200, json!({ "instanceAction": whole })),
    ])
    .await;
    let compute = cloud.session().compute();
    let actions = compute.instance_actions(&server()).await.expect("a list");
    let one = compute.instance_action(&server(), &actions[0].request_id).await.expect("one");
    assert_eq!(one.events[0].details.as_deref(), Some("No valid host"));
}

#[tokio::test]
async fn a_service_is_changed_in_the_words_of_either_generation() {
    let service = |id: Value| json!({ "id": id, "host": "compute-1", "binary": "nova-compute", "state": "up", "status": "enabled" });
    let list = "GET /compute/v2.1/os-services?binary=nova-compute";
    let cloud = answering(&[
        (list, 200, json!({ "services": [service(json!("u1")), service(json!(7))] })),
        ("PUT /compute/v2.1/os-services/u1", 200, json!({})),
        ("PUT /compute/v2.1/os-services/disable-log-reason", 200, json!({})),
        ("PUT /compute/v2.1/os-services/force-down", 200, json!({})),
    ])
    .await;
    let compute = cloud.session().compute();
    let services: Vec<ServiceRecord> = compute.services().await.expect("a list");
    assert!(services[0].is_up() && services[0].is_enabled() && services[1].id == "7");
    let disable = ServiceChange::Disable { reason: Some("tired".to_owned()) };
    compute.change_service(&services[0], &disable).await.expect("changed");
    assert_eq!(sent(&cloud), json!({ "status": "disabled", "disabled_reason": "tired" }));
    let old = at(&cloud, 52);
    old.change_service(&services[1], &disable).await.expect("changed");
    let named =
        json!({ "host": "compute-1", "binary": "nova-compute", "disabled_reason": "tired" });
    assert_eq!(sent(&cloud), named);
    old.change_service(&services[1], &ServiceChange::ForceDown(true)).await.expect("changed");
    assert_eq!(sent(&cloud)["forced_down"], json!(true));
    let error = at(&cloud, 10)
        .change_service(&services[1], &ServiceChange::ForceDown(true))
        .await
        .expect_err("too old");
    assert!(matches!(error.kind, RequestErrorKind::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn a_group_is_made_in_the_words_of_either_generation() {
    let path = "POST /compute/v2.1/os-server-groups";
    let cloud = answering(&[(
        path,
        200,
        json!({ "server_group": { "id": "g", "name": "n", "policies": ["affinity"] } }),
    )])
    .await;
    let group =
        at(&cloud, 63).create_server_group("n", &GroupPolicy::Affinity).await.expect("made");
    assert_eq!(group.policy(), Some(&GroupPolicy::Affinity));
    assert_eq!(sent(&cloud)["server_group"]["policies"], json!(["affinity"]));
    at(&cloud, 64).create_server_group("n", &GroupPolicy::SoftAntiAffinity).await.expect("made");
    assert_eq!(sent(&cloud)["server_group"]["policy"], json!("soft-anti-affinity"));
    at(&cloud, 64).delete_server_group("gone").await.expect("gone already");
}

#[tokio::test]
async fn limits_quotas_and_hypervisors_are_read() {
    let quota = json!({ "limit": 10, "in_use": 2, "reserved": 0 });
    let cloud = answering(&[
        ("GET /compute/v2.1/limits", 200, json!({ "limits": { "rate": [], "absolute": {
            "maxTotalInstances": 10, "totalInstancesUsed": 2, "maxTotalCores": 20, "totalCoresUsed": 2,
            "maxTotalRAMSize": 51200, "totalRAMUsed": 128, "maxServerMeta": 128 } } })),
        ("GET /compute/v2.1/os-quota-sets/p/detail", 200, json!({ "quota_set": {
            "id": "p", "instances": quota, "cores": quota, "ram": quota, "server_groups": quota } })),
        ("GET /compute/v2.1/os-hypervisors/detail", 200, json!({ "hypervisors": [{
            "id": "h", "hypervisor_hostname": "node-1", "state": "up", "status": "enabled",
            "service": { "id": "x", "host": "compute-1" } }] })),
    ])
    .await;
    let compute = cloud.session().compute();
    let limits = compute.limits().await.expect("limits");
    assert_eq!((limits.max_total_instances, limits.total_ram_used), (10, 128));
    let project = compute.session().login().await.expect("a login").project_id.expect("a project");
    assert_eq!(compute.quota(&project).await.expect("quotas").instances.in_use, 2);
    let hypervisors = compute.hypervisors().await.expect("a list");
    assert_eq!(
        hypervisors[0].service.as_ref().map(|service| service.host.as_str()),
        Some("compute-1")
    );
}

#[tokio::test]
async fn image_and_flavor_are_found_page_by_page() {
    let image = |id: &str, min_ram: u64| json!({ "id": id, "name": id, "status": "active", "size": 1, "min_ram": min_ram, "min_disk": 0 });
    let flavor =
        |id: &str, ram: u64| json!({ "id": id, "name": id, "vcpus": 1, "ram": ram, "disk": 1 });
    let next = json!([{ "rel": "next", "href": "x" }]);
    let cloud = answering(&[
        (
            "GET /image/v2/images?status=active",
            200,
            json!({ "images": [image("big", 4096)], "next": "/v2/images?marker=big" }),
        ),
        (
            "GET /image/v2/images?status=active&marker=big",
            200,
            json!({ "images": [image("small", 64)] }),
        ),
        (
            "GET /compute/v2.1/flavors/detail",
            200,
            json!({ "flavors": [flavor("m1.tiny", 32)], "flavors_links": next }),
        ),
        (
            "GET /compute/v2.1/flavors/detail?marker=m1.tiny",
            200,
            json!({ "flavors": [flavor("m1.small", 64)] }),
        ),
    ])
    .await;
    let session = cloud.session();
    assert_eq!(image::active(&session).await.expect("images").len(), 2);
    let boot = discover::boot(&session.compute(), &discover::Wanted::default())
        .await
        .expect("something to boot with");
    assert_eq!((boot.image.id.as_str(), boot.flavor.id.as_str()), ("small", "m1.small"));
}

#[tokio::test]
async fn ports_and_networks_are_read_and_ports_deleted() {
    let port = json!({ "id": "p1", "status": "ACTIVE", "device_id": "s1", "binding:host_id": "compute-1", "binding:vif_type": "ovs" });
    let cloud = answering(&[
        ("GET /network/v2.0/ports?device_id=s1", 200, json!({ "ports": [port] })),
        (
            "GET /network/v2.0/networks",
            200,
            json!({ "networks": [{ "id": "n1", "name": "net", "router:external": true }] }),
        ),
        ("DELETE /network/v2.0/ports/p1", 204, Value::Null),
    ])
    .await;
    let session = cloud.session();
    let ports = network::ports_of(&session, &[&server()]).await.expect("ports");
    assert_eq!(ports[0].host, Some(ComputeName::new("compute-1")));
    assert!(network::networks(&session).await.expect("networks")[0].external);
    network::delete_port(&session, "p1").await.expect("deleted");
    network::delete_port(&session, "p2").await.expect("gone already");
}

#[tokio::test]
async fn placement_is_read_from_both_ends() {
    let resources = json!({ "resources": { "VCPU": 1, "MEMORY_MB": 64 } });
    let cloud = answering(&[
        (
            "GET /placement/resource_providers?name=node-1",
            200,
            json!({ "resource_providers": [{ "uuid": "rp", "name": "node-1", "generation": 3 }] }),
        ),
        (
            "GET /placement/resource_providers/rp/allocations",
            200,
            json!({ "allocations": { "s1": resources } }),
        ),
        ("GET /placement/resource_providers/rp/usages", 200, json!({ "usages": { "VCPU": 1 } })),
        (
            "GET /placement/allocations/s1",
            200,
            json!({ "allocations": { "rp": { "generation": 3, "resources": { "VCPU": 1 } } } }),
        ),
        ("GET /placement/allocations/u1", 200, json!({ "allocations": {} })),
    ])
    .await;
    let session = cloud.session();
    let provider = placement::resource_provider(&session, "node-1")
        .await
        .expect("a list")
        .expect("a provider");
    let on = placement::allocations_on(&session, &provider.uuid).await.expect("allocations");
    assert_eq!(on["s1"].resources["MEMORY_MB"], 64);
    assert_eq!(placement::usages(&session, "rp").await.expect("usages")["VCPU"], 1);
    assert_eq!(
        placement::allocations_of(&session, "s1").await.expect("allocations")["rp"].resources["VCPU"],
        1
    );
    assert!(placement::allocations_of(&session, "u1").await.expect("allocations").is_empty());
    let seen = cloud
        .requests()
        .into_iter()
        .find(|seen| seen.path.ends_with("/usages"))
        .expect("a request");
    assert_eq!(seen.header("openstack-api-version"), "placement 1.39");
    assert_eq!(seen.header("x-openstack-nova-api-version"), "");
}
