//! A sweep without a journal: what the cloud itself proves to be of a run, and what it does not.

use serde_json::{Value, json};
use whimbrel::sim::{BootPhase, MigrationPhase};

use crate::cli_sweep::{booting, change_the_disabled_one, with_a_compute_disabled};
use crate::support::{Bench, Ended, Way, until};

/// Loses the journals, as a container's end does, and tells of which run they were.
fn lose_the_journal(bench: &Bench) -> String {
    let [journal] = bench.folder.journals().try_into().expect("one journal");
    std::fs::remove_file(&journal).expect("it can be removed");
    let run = journal.file_stem().and_then(|run| run.to_str());
    run.expect("a run's name").to_owned()
}

fn by_metadata(bench: &Bench, arguments: &[&str]) -> Ended {
    bench.sweep(&[&["--cloud", "sim", "--by-metadata"], arguments].concat())
}

/// How many requests there were that change something of the compute service.
fn changes(bench: &Bench) -> usize {
    bench.requests().iter().filter(|it| !it.starts_with("GET") && it.contains("/compute/")).count()
}

#[test]
fn a_run_that_was_alive_lately_is_swept_only_if_somebody_vouches_for_its_death() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    let run = lose_the_journal(&bench);
    bench.sweep(&[]).exits(0).says(&["nothing to sweep"]);
    let before = changes(&bench);
    let words = [&format!("run {run} on sim: its last sign of life was "), " ago, less than 6h"];
    by_metadata(&bench, &[]).exits(0).says(&words.map(AsRef::as_ref)).says(&["passed over"]);
    let words = [&format!("run {run} on sim, last sign of life 20"), "), BUILD/"];
    by_metadata(&bench, &["--run", &run, "--dry-run"]).exits(0).says(&words.map(AsRef::as_ref));
    assert_eq!((changes(&bench), bench.snapshot().instances), (before, 2));

    by_metadata(&bench, &["--run", &run]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    by_metadata(&bench, &["--run", &run]).exits(0).says(&["nothing to sweep"]);
}

#[test]
fn a_run_that_was_silent_long_enough_is_swept() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    lose_the_journal(&bench);
    bench.folder.set("deadline.scenario", "1ms");
    bench.folder.set("deadline.clean-up", "1ms");
    let gone = || by_metadata(&bench, &["--older-than", "1ms"]).out.contains("all of it is gone");
    until("the run was silent for a moment", gone, || format!("{:?}", bench.snapshot()));
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn deadlines_that_let_a_scenario_be_silent_for_longer_are_waited_for() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    lose_the_journal(&bench);
    bench.folder.set("deadline.scenario", "10h");
    bench.folder.set("deadline.clean-up", "2h");
    by_metadata(&bench, &[]).exits(0).says(&[" ago, less than 12h; if it is dead, add --run "]);
}

#[test]
fn a_span_in_which_a_living_scenario_may_be_silent_is_raised() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    let run = lose_the_journal(&bench);
    let told = by_metadata(&bench, &["--older-than", "1ms"]).exits(0);
    told.says(&[
        "--older-than 0s is raised to 1h 15m",
        "deadline.scenario",
        " ago, less than 1h 15m",
    ]);
    assert_eq!(bench.snapshot().instances, 2);
    let named = ["--older-than", "1ms", "--run", &run];
    let gone = || by_metadata(&bench, &named).out.contains("all of it is gone");
    until("the run was silent for a moment", gone, || format!("{:?}", bench.snapshot()));
}

#[test]
fn how_long_a_run_was_silent_is_told_by_the_clouds_clock() {
    let bench = Bench::new();
    booting(&bench, &[]).kill();
    lose_the_journal(&bench);
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(10);
    let time = then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let late = move |_: &str, body: &mut Value| {
        let servers = body.get_mut("servers").and_then(Value::as_array_mut);
        for server in servers.into_iter().flatten() {
            server["created"] = json!(time);
            server["updated"] = json!(time);
        }
    };
    let proxy = bench.behind(|_, _, _| Way::Through, late);
    proxy.date(&then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    by_metadata(&bench, &[]).exits(0).says(&[" ago, less than 6h", "passed over"]);
    assert_eq!(bench.snapshot().instances, 2);
}

#[test]
fn a_run_whose_journal_is_here_is_not_swept_by_metadata() {
    let bench = Bench::new();
    let alive = booting(&bench, &[]);
    let [journal] = bench.folder.journals().try_into().expect("one journal");
    let run = journal.file_stem().unwrap().to_str().unwrap();
    by_metadata(&bench, &["--run", run]).exits(0).says(&["it lives, or another sweep has its"]);
    alive.kill();
    by_metadata(&bench, &["--run", run]).exits(0).says(&["sweep it by its journal .whimbrel/"]);
    assert_eq!(bench.snapshot().instances, 2);

    std::fs::write(&journal, "nonsense\n").unwrap();
    let words = ["can't be read; sweep it by --run "];
    by_metadata(&bench, &["--older-than", "1ms"]).exits(0).says(&words);
    by_metadata(&bench, &["--run", run]).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert!(journal.exists());
}

/// Boots an instance with this name and metadata for somebody.
async fn boot(by: &crate::sim_client::Someone, name: &str, metadata: Value) -> String {
    let mut server = by.tiny(name).await;
    server["metadata"] = metadata;
    let created = by.nova("POST", "/servers", json!({"server": server})).await;
    assert_eq!(created.status, 202, "{created:?}");
    created.body["server"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn only_what_name_and_metadata_and_project_prove_is_swept() {
    let bench = Bench::new();
    bench.block_on(async {
        let operator = bench.sim.admin().await;
        let member = bench.sim.member().await;
        let ours = json!({"whimbrel-run": "abcdefgh"});
        boot(&operator, "wb-abcdefgh-1-web", ours.clone()).await;
        boot(&operator, "wb-abcdefgh-2-web", json!({})).await;
        boot(&operator, "wb-abcdefgh-3-web", json!({"whimbrel-run": "bcdefghj"})).await;
        boot(&operator, "wb-abcdefgh-4-.*", ours.clone()).await;
        boot(&operator, "web", ours.clone()).await;
        boot(&member, "wb-abcdefgh-5-web", ours).await;
    });
    let told = by_metadata(&bench, &["--run", "abcdefgh"]).exits(0);
    assert_eq!(told.out.matches("instance wb-").count(), 1, "{}", told.out);
    let left = bench.block_on(async {
        let servers = bench.sim.admin().await.get("/servers?all_tenants=1").await;
        let servers = servers.body["servers"].as_array().expect("a list").clone();
        let mut names: Vec<String> =
            servers.iter().map(|it| it["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    });
    let rest = ["2-web", "3-web", "4-.*", "5-web"].map(|rest| format!("wb-abcdefgh-{rest}"));
    assert_eq!(left[..4], rest);
    assert_eq!(left[4..], ["web"]);

    let member = ["--run", "abcdefgh", "--member", "sim-member"];
    by_metadata(&bench, &member)
        .exits(0)
        .says(&["instance wb-abcdefgh-5-web", "all of it is gone"]);
    assert_eq!(bench.snapshot().instances, 4);
}

#[test]
fn what_a_member_was_given_is_swept_with_the_members_credentials() {
    let bench = Bench::new();
    bench.control().hold_boots(BootPhase::Spawning);
    let steps = r#"Given a running instance "web" of a plain member"#;
    let run = bench.start_scenario(steps, &["--member", "sim-member"]);
    bench.until("an instance is being booted", |cloud| cloud.instances == 1);
    run.kill();
    let run = lose_the_journal(&bench);
    by_metadata(&bench, &["--run", &run]).exits(0).says(&["nothing to sweep"]);
    let member = ["--run", &run, "--member", "sim-member"];
    by_metadata(&bench, &member).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_compute_that_the_run_has_disabled_is_enabled_where_that_is_allowed() {
    let bench = Bench::new();
    with_a_compute_disabled(&bench).kill();
    bench.control().release_migrations();
    let run = lose_the_journal(&bench);
    let words =
        ["the service of compute-", "which the run has disabled", "which stays disabled, because"];
    by_metadata(&bench, &["--run", &run]).exits(5).says(&words).says(&["--allow hosts"]);
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.instances, snapshot.touched_computes.len()), (0, 1));

    // Nothing tells any more how old the run is.
    let allowed = ["--allow", "hosts"];
    by_metadata(&bench, &allowed).exits(0).says(&["nothing tells when it last lived"]);
    let named = ["--allow", "hosts", "--run", &run];
    by_metadata(&bench, &named).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn a_compute_that_somebody_else_has_disabled_is_not_enabled_without_a_journal_either() {
    let bench = Bench::new();
    with_a_compute_disabled(&bench).kill();
    bench.control().release_migrations();
    let run = lose_the_journal(&bench);
    let theirs = json!({"status": "disabled", "disabled_reason": "broken fan"});
    change_the_disabled_one(&bench, theirs);
    let told = by_metadata(&bench, &["--allow", "hosts", "--run", &run]).exits(0);
    told.says(&["all of it is gone"]).never_says("the service of");
    assert_eq!(bench.snapshot().touched_computes.len(), 1);
}

/// A run that was killed with one compute forced down; tells which.
fn with_a_compute_down(bench: &Bench) -> String {
    bench.control().hold_migrations(MigrationPhase::Running);
    let run = bench.start_scenario(
        r#"
        Given a running instance "web"
        And a compute without "web" went down
        When the operator live-migrates "web"
        Then the migration of "web" is completed
        "#,
        &[],
    );
    bench.until("a migration is under way", |cloud| cloud.migrations_in_flight == 1);
    run.kill();
    bench.control().release_migrations();
    let [compute] = bench.snapshot().touched_computes.try_into().expect("one compute");
    compute.to_string()
}

fn aggregates(bench: &Bench) -> Vec<Value> {
    let list = bench.block_on(async { bench.sim.admin().await.get("/os-aggregates").await.body });
    list["aggregates"].as_array().expect("a list").clone()
}

#[test]
fn a_compute_that_the_run_has_forced_down_is_put_back_where_that_is_allowed() {
    let bench = Bench::new();
    let compute = with_a_compute_down(&bench);
    let run = lose_the_journal(&bench);
    let [mark] = aggregates(&bench).try_into().expect("one aggregate");
    assert_eq!(mark["hosts"], json!([]));
    assert_eq!(mark["metadata"], json!({"whimbrel-run": run, "whimbrel-forced-down": compute}));

    let told = by_metadata(&bench, &["--run", &run]).exits(5);
    let words = format!("the service of {compute}, which stays forced down, because this target");
    told.says(&[&words]).never_says("compute service set --up");
    let named = ["--allow", "hosts", "--run", &run];
    by_metadata(&bench, &named).exits(0).says(&["all of it is gone"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert_eq!(aggregates(&bench), [] as [Value; 0]);
}

#[test]
fn a_compute_that_is_forced_down_without_a_mark_is_left_and_the_way_back_is_told() {
    let bench = Bench::new();
    let compute = with_a_compute_down(&bench);
    let run = lose_the_journal(&bench);
    let [mark] = aggregates(&bench).try_into().expect("one aggregate");
    let path = format!("/os-aggregates/{}", mark["id"]);
    let unmark = async { bench.sim.admin().await.nova("DELETE", &path, Value::Null).await.status };
    assert_eq!(bench.block_on(unmark), 200);

    let command =
        format!("openstack --os-cloud sim compute service set --up {compute} nova-compute");
    let named = ["--allow", "hosts", "--run", &run];
    by_metadata(&bench, &named).exits(0).says(&[
        "all of it is gone",
        "nothing says by whom",
        &command,
    ]);
    assert_eq!(bench.snapshot().touched_computes.len(), 1);
}

#[test]
fn a_compute_is_forced_down_also_where_it_can_not_be_marked() {
    let bench = Bench::new();
    let unmarked = |_, _: &str, path: &str| {
        if path.contains("os-aggregates") { Way::Withheld(403) } else { Way::Through }
    };
    bench.behind(unmarked, |_, _| {});
    let steps = r#"
        Given a running instance "web"
        And a compute without "web" went down
    "#;
    bench.scenario(steps).exits(0).says(&["1 passed"]);
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
}

#[test]
fn two_sweeps_of_one_run_at_once_both_come_to_an_end() {
    let bench = Bench::new();
    with_a_compute_down(&bench);
    let run = lose_the_journal(&bench);
    let named = ["sweep", "--cloud", "sim", "--by-metadata", "--allow", "hosts", "--run", &run];
    let sweeps = [bench.folder.start(&named), bench.folder.start(&named)];
    for sweep in sweeps {
        sweep.ended().exits(0);
    }
    assert!(bench.snapshot().is_empty(), "{:?}", bench.snapshot());
    assert_eq!(aggregates(&bench), [] as [Value; 0]);
}

#[test]
fn a_cloud_must_be_named() {
    let bench = Bench::new();
    bench.sweep(&["--by-metadata"]).exits(2).says(&["say at which, by --cloud NAME"]);
}
