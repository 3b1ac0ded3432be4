//! The embedded cloud over HTTP: live migration.

use serde_json::{Value, json};
use whimbrel::sim::{Disturbance, FailStep, MigrationPhase, Release, Service, Settings};

use crate::sim_client::{Sim, live};

#[tokio::test]
async fn one_of_two_moves_to_the_named_compute_and_the_other_stays() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let ids = admin.boot("web", 2).await;
    let source = admin.host(&ids[0]).await;
    let sibling = admin.server(&ids[1]).await;
    let target = sim
        .cloud
        .computes()
        .into_iter()
        .map(|name| name.to_string())
        .find(|name| *name != source)
        .unwrap();
    let answer = admin.act(&ids[0], live(Some(&target))).await;
    assert_eq!((answer.status, answer.body), (202, Value::Null));
    assert_eq!(admin.server(&ids[0]).await["status"], "MIGRATING");
    let record = admin.record_until(&ids[0], &["completed"]).await;
    assert_eq!(record["migration_type"], "live-migration");
    assert_eq!(
        (&record["source_compute"], &record["dest_compute"]),
        (&json!(source), &json!(target))
    );
    let moved = admin.server(&ids[0]).await;
    assert_eq!(
        (&moved["status"], &moved["OS-EXT-STS:task_state"]),
        (&json!("ACTIVE"), &Value::Null)
    );
    assert_eq!(moved["OS-EXT-SRV-ATTR:host"], json!(target));
    assert_eq!(admin.server(&ids[1]).await, sibling);
    sim.until("settled", |snapshot| snapshot.migrations_in_flight == 0).await;
    assert_eq!(admin.allocations(&ids[0]).await, [target]);
    assert!(admin.allocations(record["uuid"].as_str().unwrap()).await.is_empty());
}

#[tokio::test]
async fn every_phase_can_be_seen_over_http() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    let control = sim.cloud.control();
    let source = admin.host(&id).await;
    for (phase, status, in_progress) in [
        (MigrationPhase::Accepted, "accepted", 0),
        (MigrationPhase::Queued, "queued", 1),
        (MigrationPhase::Preparing, "preparing", 1),
        (MigrationPhase::Running, "running", 1),
        (MigrationPhase::Landed, "running", 1),
    ] {
        control.hold_migrations(phase);
        if phase == MigrationPhase::Accepted {
            admin.act(&id, live(None)).await;
        }
        let record = admin.record_until(&id, &[status]).await;
        if phase == MigrationPhase::Landed {
            while admin.host(&id).await == source {}
        }
        assert_eq!(record["dest_compute"].is_null(), status == "accepted");
        let list = admin.get(&format!("/servers/{id}/migrations")).await;
        assert_eq!(list.body["migrations"].as_array().unwrap().len(), in_progress, "{status}");
        control.release_migrations();
    }
    admin.record_until(&id, &["completed"]).await;
    let number = admin.record(&id).await["id"].clone();
    let over = admin.get(&format!("/servers/{id}/migrations/{number}")).await;
    assert_eq!(
        over.message(),
        format!("Live migration {number} for server {id} is not in progress.")
    );
}

#[tokio::test]
async fn the_body_has_five_generations() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    let ask = |body: Value| json!({"os-migrateLive": body});
    let old = json!({"host": null, "block_migration": false, "disk_over_commit": false});
    let plain = json!({"host": null, "block_migration": "auto"});
    let forced = json!({"host": null, "block_migration": "auto", "force": true});
    let unexpected =
        |field: &str| format!("Additional properties are not allowed ('{field}' was unexpected)");
    for (version, body, message) in [
        ("2.24", plain.clone(), "'disk_over_commit' is a required property".to_owned()),
        ("2.25", old.clone(), unexpected("disk_over_commit")),
        ("2.29", forced.clone(), unexpected("force")),
        ("2.67", forced.clone(), "Can't force to a non-provided destination".to_owned()),
        ("2.68", forced, unexpected("force")),
        ("2.25", json!({"block_migration": "auto"}), "'host' is a required property".to_owned()),
        ("2.104", json!({"host": 7, "block_migration": "auto"}), "Invalid input for field/attribute host. Value: 7. 7 is not of type 'string', 'null'".to_owned()),
        ("2.104", json!({"host": "", "block_migration": "auto"}), "Invalid input for field/attribute host. Value: . '' is too short".to_owned()),
        ("2.104", Value::Null, "Invalid input for field/attribute os-migrateLive. Value: None. None is not of type 'object'".to_owned()),
    ] {
        let answer = admin.at(version).act(&id, ask(body)).await;
        assert_eq!(answer.status, 400, "{version}");
        assert!(answer.message().ends_with(&message), "{version}: {}", answer.message());
    }
    for (version, body) in [
        ("2.1", old),
        ("2.25", plain.clone()),
        ("2.30", plain.clone()),
        ("2.34", plain.clone()),
        ("2.68", plain),
    ] {
        assert_eq!(admin.at(version).act(&id, ask(body)).await.status, 202, "{version}");
        // Not until "completed": there may be no new record yet, and the old one says so, too.
        sim.until("settled", |snapshot| snapshot.migrations_in_flight == 0).await;
    }
}

#[tokio::test]
async fn before_2_34_the_checks_are_part_of_the_answer() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    let source = admin.host(&id).await;
    let own = admin.at("2.25").act(&id, live(Some(&source))).await;
    let expected = format!("Unable to migrate instance ({id}) to current host ({source}).");
    assert_eq!((own.status, own.message()), (400, expected.as_str()));
    let own = admin.at("2.30").act(&id, live(Some(&source))).await;
    assert_eq!(own.message(), "No valid host was found. There are not enough hosts available.");
    sim.cloud.control().fail_next_migration(FailStep::CheckDestination);
    let target = sim
        .cloud
        .computes()
        .into_iter()
        .map(|name| name.to_string())
        .find(|name| *name != source)
        .unwrap();
    let check = admin.at("2.25").act(&id, live(Some(&target))).await;
    assert_eq!(check.status, 400);
    assert!(check.message().starts_with("Migration pre-check error: "), "{check:?}");
    assert_eq!(admin.record(&id).await["status"], "error");
}

#[tokio::test]
async fn members_may_not_move_nor_see_where_anything_is() {
    let sim = Sim::start().await;
    let member = sim.member().await;
    let id = member.boot("web", 1).await.remove(0);
    let rule = |rule: &str| format!("Policy doesn't allow os_compute_api:{rule} to be performed.");
    for (answer, expected) in [
        (member.act(&id, live(None)).await, rule("os-migrate-server:migrate_live")),
        (
            member.act(&id, live(Some("compute-1"))).await,
            rule("os-migrate-server:migrate_live:host"),
        ),
        (member.get("/os-migrations").await, rule("os-migrations:index")),
        (member.get("/os-services").await, rule("os-services:list")),
        (member.get(&format!("/servers/{id}/migrations")).await, rule("servers:migrations:index")),
    ] {
        assert_eq!((answer.status, answer.message()), (403, expected.as_str()));
    }
    let seen = member.server(&id).await;
    let hosts: Vec<&String> =
        seen.as_object().unwrap().keys().filter(|key| key.contains("SRV-ATTR")).collect();
    assert_eq!(hosts, ["OS-EXT-SRV-ATTR:hostname"]);
    assert_eq!(seen["hostId"].as_str().unwrap().len(), 56);
    // The filter is dropped, not refused: the whole list comes back.
    assert_eq!(
        member.get("/servers?host=elsewhere").await.body["servers"].as_array().unwrap().len(),
        1
    );
    let stranger = sim.log_in(&sim.cloud.accounts().stranger).await;
    let answer = stranger.act(&id, live(None)).await;
    assert_eq!(
        (answer.status, answer.message().to_owned()),
        (404, format!("Instance {id} could not be found."))
    );
}

#[tokio::test]
async fn a_manager_may_move_without_naming_a_compute_since_release_32() {
    for (release, code) in [(Release::V34, 202), (Release::Zed26, 403)] {
        let sim = Sim::with(Settings { release, ..Settings::default() }).await;
        let manager = sim.log_in(&sim.cloud.accounts().manager).await;
        let id = manager.boot("web", 1).await.remove(0);
        assert_eq!(manager.act(&id, live(Some("compute-2"))).await.status, 403);
        assert_eq!(manager.act(&id, live(None)).await.status, code);
        if code == 202 {
            let project = &sim.cloud.accounts().manager.project_id;
            let own = manager.get(&format!("/os-migrations?project_id={project}")).await;
            assert_eq!(own.status, 200);
            assert!(
                own.body["migrations"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|record| record["source_compute"].is_null())
            );
        }
    }
}

#[tokio::test]
async fn abort_and_force_complete_answer_as_nova_does() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    let control = sim.cloud.control();
    control.hold_migrations(MigrationPhase::Running);
    admin.act(&id, live(None)).await;
    let number = admin.record_until(&id, &["running"]).await["id"].clone();
    let path = format!("/servers/{id}/migrations/{number}");
    assert_eq!(admin.at("2.23").nova("DELETE", &path, Value::Null).await.status, 404);
    let unknown = format!("/servers/{id}/migrations/999");
    assert_eq!(admin.nova("DELETE", &unknown, Value::Null).await.status, 404);
    let force = json!({"force_complete": null});
    assert_eq!(admin.nova("POST", &format!("{unknown}/action"), force.clone()).await.status, 400);
    let shown = admin.get(&path).await.body["migration"].clone();
    assert_eq!(
        (&shown["status"], &shown["memory_total_bytes"]),
        (&json!("running"), &json!(64 << 20))
    );
    assert_eq!(admin.nova("DELETE", &path, Value::Null).await.status, 202);
    control.release_migrations();
    admin.record_until(&id, &["cancelled"]).await;
    let again = admin.nova("DELETE", &path, Value::Null).await;
    let expected = format!("Instance {id} is in an invalid state for 'abort live migration'");
    assert_eq!((again.status, again.message()), (409, expected.as_str()));
    let again = admin.nova("POST", &format!("{path}/action"), force).await;
    assert_eq!(
        again.message(),
        format!("Instance {id} is in an invalid state for 'force_complete'")
    );
}

#[tokio::test]
async fn records_are_ordered_and_filtered_by_microversion() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    for _ in 0..3 {
        admin.act(&id, live(None)).await;
        sim.until("settled", |snapshot| snapshot.migrations_in_flight == 0).await;
    }
    let numbers = |answer: &crate::sim_client::Answer| -> Vec<u64> {
        answer.body["migrations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(numbers(&admin.at("2.58").get("/os-migrations").await), [1, 2, 3]);
    let newest = admin.get("/os-migrations?limit=2").await;
    assert_eq!(numbers(&newest), [3, 2]);
    let marker = newest.body["migrations"][1]["uuid"].as_str().unwrap();
    assert_eq!(numbers(&admin.get(&format!("/os-migrations?limit=2&marker={marker}")).await), [1]);
    assert_eq!(admin.at("2.58").get("/os-migrations?bogus=1").await.status, 200);
    assert_eq!(admin.at("2.59").get("/os-migrations?bogus=1").await.status, 400);
    assert!(
        admin.at("2.22").get("/os-migrations").await.body["migrations"][0]
            .get("migration_type")
            .is_none()
    );
    admin.nova("DELETE", &format!("/servers/{id}"), Value::Null).await;
    sim.until("nothing left", whimbrel::sim::Snapshot::is_empty).await;
    assert!(numbers(&admin.get("/os-migrations").await).is_empty());
}

#[tokio::test]
async fn actions_tell_what_was_done_but_not_how_it_ended() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let id = admin.boot("web", 1).await.remove(0);
    sim.cloud.control().fail_next_migration(FailStep::Copy);
    let answer = admin.act(&id, live(None)).await;
    admin.record_until(&id, &["failed"]).await;
    let request = answer.header("x-openstack-request-id");
    let list = admin.get(&format!("/servers/{id}/os-instance-actions")).await;
    let newest = &list.body["instanceActions"][0];
    assert_eq!(
        (&newest["action"], &newest["request_id"]),
        (&json!("live-migration"), &json!(request))
    );
    assert_eq!(newest["message"], Value::Null);
    let shown = admin.get(&format!("/servers/{id}/os-instance-actions/{request}")).await;
    let events = shown.body["instanceAction"]["events"].as_array().unwrap().clone();
    assert!(events.iter().all(|event| event["result"] == "Success"), "{events:?}");
    let mut names: Vec<&str> =
        events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "compute_check_can_live_migrate_destination",
            "compute_check_can_live_migrate_source",
            "compute_live_migration",
            "compute_pre_live_migration",
            "conductor_live_migrate_instance",
        ]
    );
}

#[tokio::test]
async fn requests_can_be_cut_delayed_and_answered_by_something_else() {
    let sim = Sim::start().await;
    let admin = sim.admin().await;
    let control = sim.cloud.control();
    control.disturb(
        Service::Compute,
        None,
        1,
        Disturbance::Answer { status: 503, retry_after: Some(1) },
    );
    let answer = admin.get("/servers").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    let body = json!({"server": admin.tiny("web").await});
    control.disturb(Service::Compute, Some("POST"), 1, Disturbance::CutBefore);
    assert!(admin.try_call("POST", "compute/v2.1/servers", Some(body.clone())).await.is_err());
    assert_eq!(sim.cloud.snapshot().instances, 0);
    control.disturb(Service::Compute, Some("POST"), 1, Disturbance::CutAfter);
    assert!(admin.try_call("POST", "compute/v2.1/servers", Some(body.clone())).await.is_err());
    assert_eq!(sim.cloud.snapshot().instances, 1);
    control.disturb(Service::Compute, Some("POST"), 1, Disturbance::AnswerAfter { status: 504 });
    assert_eq!(admin.nova("POST", "/servers", body).await.status, 504);
    assert_eq!(sim.cloud.snapshot().instances, 2);
    assert_eq!(admin.get("/servers").await.status, 200);
}
