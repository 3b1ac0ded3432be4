//! A sweep of a cloud that does not do as it should: what is told, and what the next sweep does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use whimbrel::sim::{BootPhase, Disturbance, Service};

use crate::cli_sweep::booting;
use crate::support::{Bench, Way};

/// A cloud with two instances of a run that was killed.
fn with_two_left() -> Bench {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    bench.control().release_boots();
    bench.until("they run", |cloud| cloud.allocations.values().flatten().count() == 2);
    bench
}

/// The next sweep undoes what the one before did not.
fn the_next_sweep_finishes(bench: &Bench) {
    assert_eq!(bench.folder.journals().len(), 1, "the journal stays");
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_cloud_that_answers_500_is_told_and_swept_later() {
    let bench = with_two_left();
    let broken = Disturbance::Answer { status: 500, retry_after: None };
    bench.control().disturb(Service::Compute, Some("DELETE"), 2, broken);
    let told = bench.sweep(&[]).exits(5);
    told.says(&["left behind: instances named wb-", "DELETE /servers/", "the answer was 500"]);
    assert_eq!(bench.snapshot().instances, 2);
    the_next_sweep_finishes(&bench);
}

#[test]
fn every_instance_that_can_not_be_deleted_is_told() {
    let bench = with_two_left();
    let broken = Disturbance::Answer { status: 500, retry_after: None };
    bench.control().disturb(Service::Compute, Some("DELETE"), 2, broken);
    let told = bench.sweep(&[]).exits(5);
    assert_eq!(told.out.matches("DELETE /servers/").count(), 2, "{}", told.out);
}

#[test]
fn a_cloud_that_is_too_busy_for_a_moment_is_asked_again() {
    let bench = with_two_left();
    let busy = Disturbance::Answer { status: 429, retry_after: Some(0) };
    bench.control().disturb(Service::Compute, None, 2, busy.clone());
    bench.control().disturb(Service::Compute, Some("DELETE"), 2, busy);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_cloud_that_hangs_is_given_up_and_swept_later() {
    let bench = with_two_left();
    bench.folder.set("request.connect", "300ms");
    bench.folder.set("request.read", "300ms");
    bench.folder.set("retry.attempts", "2");
    let hang = Disturbance::Delay(Duration::from_secs(600));
    bench.control().disturb(Service::Compute, Some("DELETE"), 1000, hang.clone());
    bench.sweep(&[]).exits(5).says(&["left behind: ", "no complete answer within"]);
    bench.control().calm();
    bench.control().disturb(Service::Identity, None, 1000, hang);
    bench.sweep(&[]).exits(3).says(&["the cloud sim can't be used", "no complete answer within"]);
    bench.control().calm();
    the_next_sweep_finishes(&bench);
}

#[test]
fn an_instance_that_is_gone_already_is_none_that_is_left() {
    let bench = with_two_left();
    bench.block_on(async {
        let operator = bench.sim.admin().await;
        let servers = operator.get("/servers").await;
        let id = servers.body["servers"][0]["id"].as_str().expect("an id").to_owned();
        let path = format!("/servers/{id}");
        assert_eq!(operator.nova("DELETE", &path, Value::Null).await.status, 204);
    });
    bench.until("one is gone", |cloud| cloud.instances == 1);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

/// Sets fields of each server in an answer.
fn set(body: &mut Value, fields: &[(&str, Value)]) {
    let fill = |server: &mut Value| {
        for (key, value) in fields {
            server[*key] = value.clone();
        }
    };
    if let Some(Value::Array(servers)) = body.get_mut("servers") {
        servers.iter_mut().for_each(fill);
    } else if let Some(server) = body.get_mut("server") {
        fill(server);
    }
}

#[test]
fn an_instance_whose_deletion_never_ends_is_told_with_its_state() {
    let bench = with_two_left();
    bench.folder.set("pace.delete.limit", "300ms");
    let stuck = Arc::new(AtomicBool::new(true));
    let (withheld, shown) = (Arc::clone(&stuck), Arc::clone(&stuck));
    let deleting = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&deleting);
    let proxy = bench.behind(
        move |_, method, _| {
            if method != "DELETE" || !withheld.load(Ordering::SeqCst) {
                return Way::Through;
            }
            asked.store(true, Ordering::SeqCst);
            Way::Withheld(204)
        },
        move |_, body| {
            if shown.load(Ordering::SeqCst) && deleting.load(Ordering::SeqCst) {
                set(body, &[("OS-EXT-STS:task_state", json!("deleting"))]);
            }
        },
    );
    same_cloud_through(&bench, proxy.address);
    let words = ["left behind: ", "gave up on instance ", " to be gone after 300ms: ", "/deleting"];
    bench.sweep(&[]).exits(5).says(&words);
    assert_eq!(bench.snapshot().instances, 2);
    stuck.store(false, Ordering::SeqCst);
    the_next_sweep_finishes(&bench);
}

/// The journal was written without the proxy, and its cloud is to be the same.
fn same_cloud_through(bench: &Bench, proxy: std::net::SocketAddr) {
    let [journal] = bench.folder.journals().try_into().expect("one journal");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let text = text.replace(&bench.sim.cloud.address().to_string(), &proxy.to_string());
    std::fs::write(&journal, text).expect("it can be written");
}

/// A proxy behind which the first `fail` deletions are accepted, and leave the instance in ERROR.
fn failing_deletions(bench: &Bench, fail: usize) -> Arc<AtomicUsize> {
    let left = Arc::new(AtomicUsize::new(fail));
    let failed = Arc::new(AtomicBool::new(false));
    let (tries, shown) = (Arc::clone(&left), Arc::clone(&failed));
    let take = |left: usize| left.checked_sub(1);
    let proxy = bench.behind(
        move |_, method, _| {
            let fails = method == "DELETE"
                && tries.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
            failed.store(
                fails || failed.load(Ordering::SeqCst) && method != "DELETE",
                Ordering::SeqCst,
            );
            if fails { Way::Withheld(204) } else { Way::Through }
        },
        move |_, body| {
            if shown.load(Ordering::SeqCst) {
                let fault = json!({"code": 500, "message": "the volume would not let go"});
                set(body, &[("status", json!("ERROR")), ("fault", fault)]);
            }
        },
    );
    same_cloud_through(bench, proxy.address);
    left
}

/// A cloud with one instance of a run that was killed.
fn with_one_left() -> Bench {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let run = bench.start_scenario(r#"Given a running instance "web""#, &[]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.kill();
    bench.control().release_boots();
    bench.until("it runs", |cloud| cloud.allocations.values().flatten().count() == 1);
    bench
}

#[test]
fn an_instance_that_goes_to_error_is_deleted_once_more() {
    let bench = with_one_left();
    let left = failing_deletions(&bench, 1);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert_eq!(left.load(Ordering::SeqCst), 0);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn an_instance_that_goes_to_error_again_is_told_with_the_clouds_reason() {
    let bench = with_one_left();
    let left = failing_deletions(&bench, 2);
    let words = ["left behind: ", "can't come any more: ERROR: the volume would not let go"];
    bench.sweep(&[]).exits(5).says(&words);
    assert_eq!(left.load(Ordering::SeqCst), 0);
    the_next_sweep_finishes(&bench);
}

#[test]
fn a_create_that_the_cloud_is_still_carrying_out_is_swept_to_its_last_instance() {
    let bench = Bench::new();
    let name = "wb-aaaaaaaa-1-web";
    bench.folder.set("pace.record.limit", "1s");
    bench.block_on(async {
        let operator = bench.sim.admin().await;
        for number in 1..=3 {
            let mut server = operator.tiny(&format!("{name}-{number}")).await;
            server["metadata"] = json!({"whimbrel-run": "aaaaaaaa"});
            let created = operator.nova("POST", "/servers", json!({"server": server})).await;
            assert_eq!(created.status, 202, "{created:?}");
        }
    });
    // Each is shown only when the one before it was deleted, and some lists later.
    let lists = Arc::new(AtomicUsize::new(0));
    let deleted = Arc::new(AtomicUsize::new(0));
    let (seen, since) = (Arc::clone(&deleted), Arc::clone(&lists));
    bench.behind(
        move |_, method, _| {
            if method == "DELETE" {
                seen.fetch_add(1, Ordering::SeqCst);
                since.store(0, Ordering::SeqCst);
            }
            Way::Through
        },
        move |_, body| {
            let Some(servers) = body.get_mut("servers").and_then(Value::as_array_mut) else {
                return;
            };
            let late = usize::from(lists.fetch_add(1, Ordering::SeqCst) < 5);
            let shown = 1 + deleted.load(Ordering::SeqCst).saturating_sub(late);
            servers.retain(|server| {
                let number = server["name"].as_str().and_then(|it| it.rsplit('-').next());
                number.and_then(|it| it.parse().ok()).is_some_and(|it: usize| it <= shown)
            });
        },
    );
    let creating = json!({"entry": "creating", "account": "operator", "name": name});
    bench.folder.journal("aaaaaaaa", &[creating]);
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}
