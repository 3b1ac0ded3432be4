//! Sweeps of computes that somebody else needs as they are, that are as they were already, or that
//! are no more.

use serde_json::{Value, json};

use crate::support::Bench;

/// A journal's line of a compute that was in use and was forced down.
fn forced_down(compute: &str) -> Value {
    let before = json!({"enabled": true, "disabled_reason": null, "forced_down": false});
    json!({"entry": "changing", "compute": compute, "before": before, "set": "forced-down"})
}

/// Makes the mark of a compute that a run forces down.
fn mark(bench: &Bench, run: &str, compute: &str) {
    bench.block_on(async {
        let operator = bench.sim.admin().await;
        let aggregate = json!({"aggregate": {"name": format!("wb-{run}-down-{compute}")}});
        let made = operator.nova("POST", "/os-aggregates", aggregate).await;
        let path = format!("/os-aggregates/{}/action", made.body["aggregate"]["id"]);
        let metadata = json!({"whimbrel-run": run, "whimbrel-forced-down": compute});
        let set = json!({"set_metadata": {"metadata": metadata}});
        assert_eq!(operator.nova("POST", &path, set).await.status, 200);
    });
}

/// Forces a compute down.
fn force_down(bench: &Bench, compute: &str) {
    bench.block_on(async {
        let operator = bench.sim.admin().await;
        let services = operator.get("/os-services?binary=nova-compute").await.body;
        let services = services["services"].as_array().expect("a list");
        let service = services.iter().find(|it| it["host"] == compute).expect("it is there");
        let path = format!("/os-services/{}", service["id"].as_str().expect("an id"));
        let down = operator.nova("PUT", &path, json!({"forced_down": true})).await;
        assert_eq!(down.status, 200, "{down:?}");
    });
}

/// How many computes are not as they were, and the names of all marks.
fn seen(bench: &Bench) -> (usize, Vec<String>) {
    let list = bench.block_on(async { bench.sim.admin().await.get("/os-aggregates").await.body });
    let aggregates = list["aggregates"].as_array().expect("a list");
    let names = aggregates.iter().map(|it| it["name"].as_str().expect("a name").to_owned());
    (bench.snapshot().touched_computes.len(), names.collect())
}

#[test]
fn a_compute_that_another_run_has_forced_down_is_left_to_it() {
    let bench = Bench::new();
    bench.folder.journal("aaaaaaaa", &[forced_down("compute-1")]);
    mark(&bench, "bbbbbbbb", "compute-1");
    force_down(&bench, "compute-1");
    let told = bench.sweep(&[]).exits(0);
    told.says(&["compute-1 is forced down by run bbbbbbbb", "all of it is gone"]);
    assert_eq!(seen(&bench), (1, vec!["wb-bbbbbbbb-down-compute-1".to_owned()]));
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_compute_that_bears_the_runs_own_mark_is_put_back() {
    let bench = Bench::new();
    bench.folder.journal("aaaaaaaa", &[forced_down("compute-1")]);
    mark(&bench, "aaaaaaaa", "compute-1");
    mark(&bench, "bbbbbbbb", "compute-2");
    force_down(&bench, "compute-1");
    bench.sweep(&[]).exits(0).says(&["all of it is gone"]).never_says("bbbbbbbb");
    assert_eq!(seen(&bench), (0, vec!["wb-bbbbbbbb-down-compute-2".to_owned()]));
}

#[test]
fn a_compute_that_is_no_more_is_nothing_to_put_back() {
    let bench = Bench::new();
    bench.folder.journal("aaaaaaaa", &[forced_down("compute-99")]);
    mark(&bench, "aaaaaaaa", "compute-99");
    let told = bench.sweep(&[]).exits(0);
    told.says(&["compute-99 has no compute service any more", "all of it is gone"]);
    assert_eq!(seen(&bench), (0, Vec::new()));
    assert!(bench.folder.journals().is_empty());
}

#[test]
fn a_mark_of_a_compute_that_is_up_is_told_as_such_and_removed_whatever_is_allowed() {
    let bench = Bench::new();
    mark(&bench, "aaaaaaaa", "compute-1");
    mark(&bench, "aaaaaaaa", "compute-99");
    let named = ["--cloud", "sim", "--by-metadata", "--run", "aaaaaaaa"];
    let told = bench.sweep(&named).exits(0);
    let words = [
        "a mark of compute-1, which is up",
        "a mark of compute-99, which has no compute service any more",
        "all of it is gone",
    ];
    told.says(&words).never_says("forced down");
    assert_eq!(seen(&bench), (0, Vec::new()));
}
