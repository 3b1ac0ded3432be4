//! A run that is killed at any point leaves nothing that a sweep does not undo.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use whimbrel::sim::{Durations, Settings};

use crate::support::{Bench, Way};

/// It makes instances, takes one compute out of use, another down, and moves an instance.
const STEPS: &str = r#"
    Given 2 instances "web" booted together
    And a running instance "db"
    And a compute without "web-1" was disabled
    And a compute without "web-1" went down
    When the operator live-migrates "web-1"
    Then the migration of "web-1" is completed
"#;

/// How many points are drawn, each from a part of the run of its own.
const POINTS: usize = 20;

/// How many points are looked at side by side.
const AT_ONCE: usize = 4;

/// A quick cloud; one compute was out of use before anybody came.
fn bench() -> Bench {
    let ms = Duration::from_millis;
    let durations =
        Durations { boot: ms(20), migrate: ms(40), delete: ms(5), ..Durations::default() };
    let bench = Bench::with(Settings { computes: 6, durations, ..Settings::default() });
    bench.folder.set("pace.record.limit", "1s");
    bench.block_on(async {
        let operator = bench.sim.admin().await;
        let services = operator.get("/os-services?binary=nova-compute").await;
        let id = services.body["services"][5]["id"].as_str().expect("an id").to_owned();
        let disable = json!({"status": "disabled", "disabled_reason": "broken fan"});
        let path = format!("/os-services/{id}");
        assert_eq!(operator.nova("PUT", &path, disable).await.status, 200);
    });
    bench
}

/// What each compute's service is, but for the time of its last heartbeat, and all aggregates.
fn computes(bench: &Bench) -> (BTreeMap<String, [Value; 3]>, Value) {
    let (services, aggregates) = bench.block_on(async {
        let operator = bench.sim.admin().await;
        let services = operator.get("/os-services?binary=nova-compute").await.body;
        (services, operator.get("/os-aggregates").await.body)
    });
    let services = services["services"].as_array().expect("a list").iter();
    let fields = ["status", "disabled_reason", "forced_down"];
    let view = |it: &Value| fields.map(|field| it[field].clone());
    let services = services.map(|it| (it["host"].as_str().expect("a name").to_owned(), view(it)));
    (services.collect(), aggregates)
}

/// Kills a run of `steps` at the request that is lost, sweeps, and demands that the cloud is as it
/// was before. `false`: the run has ended by itself.
#[expect(clippy::print_stdout, reason = "shown if the test fails: where the run was killed")]
fn killed_and_swept(
    steps: &str,
    mark: &str,
    way: impl Fn(usize, &str, &str) -> Way + Send + Sync + 'static,
) -> bool {
    println!("{mark}");
    let bench = bench();
    let before = computes(&bench);
    let proxy = bench.behind(way, |_, _| {});
    let killed = bench.start_scenario(steps, &[]).kill_when(|| proxy.lost() == 1);
    let swept = bench.sweep(&[]).exits(0);
    assert!(bench.snapshot().instances == 0, "{mark}; {:?}\n{}", bench.snapshot(), swept.out);
    bench.until(mark, |cloud| cloud.allocations.is_empty() && cloud.migrations_in_flight == 0);
    assert_eq!(computes(&bench), before, "{mark}\n{}", swept.out);
    assert!(bench.folder.journals().is_empty(), "{mark}\n{}", swept.out);
    killed
}

/// Does `work` with each, some side by side; tells for how many it was `true`.
fn each<T: Sync>(all: &[T], work: impl Fn(&T) -> bool + Sync) -> usize {
    let (next, came) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    came.fetch_add(work(one).into(), Ordering::SeqCst);
                }
            });
        }
    });
    came.into_inner()
}

#[test]
fn a_run_that_is_killed_at_any_request_is_swept() {
    let whole = bench();
    let proxy = whole.behind(|_, _, _| Way::Through, |_, _| {});
    whole.start_scenario(STEPS, &[]).ended().exits(0);
    let total = proxy.requests();
    let mut random = fastrand::Rng::new();
    let points: Vec<(usize, Way)> = (0..POINTS)
        .map(|part| {
            let at = 1 + random.usize(part * total / POINTS..(part + 1) * total / POINTS);
            (at, if random.bool() { Way::LostBefore } else { Way::LostAfter })
        })
        .collect();
    let killed = each(&points, |&(at, lost)| {
        let mark = format!("killed at request {at} of {total}, {lost:?}");
        // The sweep's requests are counted on, and all go through.
        let way = move |number, _: &str, _: &str| if number == at { lost } else { Way::Through };
        killed_and_swept(STEPS, &mark, way)
    });
    assert!(killed > POINTS / 2, "only {killed} runs were killed");
}

#[test]
fn computes_are_put_back_whenever_the_run_is_killed_while_it_changes_them_or_puts_them_back() {
    const CHANGE: &str = r#"
        Given a running instance "web"
        And a compute without "web" was disabled
        And a compute without "web" went down
    "#;
    // Disabled and forced down, and both undone; the mark made, written on and removed.
    let requests =
        [("PUT", "os-services", 4), ("POST", "os-aggregates", 2), ("DELETE", "os-aggregates", 1)];
    let points: Vec<(&str, &str, usize, Way)> = requests
        .into_iter()
        .flat_map(|(method, path, count)| (1..=count).map(move |at| (method, path, at)))
        .flat_map(|(method, path, at)| {
            [Way::LostBefore, Way::LostAfter].map(|lost| (method, path, at, lost))
        })
        .collect();
    let killed = each(&points, |&(method, part, at, lost)| {
        let mark = format!("killed at {method} {part} number {at}, {lost:?}");
        let seen = AtomicUsize::new(0);
        killed_and_swept(CHANGE, &mark, move |_, asked, path| {
            let meets = asked == method && path.contains(part);
            let is_it = meets && seen.fetch_add(1, Ordering::SeqCst) + 1 == at;
            if is_it { lost } else { Way::Through }
        })
    });
    assert_eq!(killed, points.len());
}
