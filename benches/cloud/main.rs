//! How fast the embedded cloud is: `cargo bench --bench cloud`, or `-- requests`, `-- start`,
//! `-- thousand`, `-- crowd` for one part of it.
//!
//! The cloud is a process of its own (`whimbrel cloud`), the load comes from this one. Each line
//! says what was measured and, in brackets, what is aimed at; nothing is asserted, since the rest
//! of the machine has its part in every figure. The load average is printed first.

#![expect(clippy::print_stdout, reason = "it is what a bench is for")]

mod http;
mod load;
#[allow(dead_code, reason = "each bench uses its part of it")]
mod process;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use whimbrel::sim::{Cloud, Settings};

use http::Line;
use process::Process;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|arg| arg == part);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, load average {}", load.trim());
    if wanted("requests") {
        requests();
    }
    if wanted("start") {
        start_in_process();
        start_of_the_process();
    }
    if wanted("thousand") {
        thousand();
    }
    if wanted("crowd") {
        crowd();
    }
}

/// `GET /servers/{id}` as fast as it goes, one request at a time on each of several connections.
fn requests() {
    const ROUNDS: usize = 7;
    let cloud = Process::start(&[]);
    let mut line = cloud.log_in();
    let id = boot(&mut line, 1, 1).remove(0);
    line.until(&format!("/servers/{id}"), |body| body["server"]["status"] == "ACTIVE");
    for connections in [1, 16, 64] {
        let ask = line.written("GET", &format!("/compute/v2.1/servers/{id}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let mut rounds: Vec<load::Round> = Vec::new();
        let mut busy = Vec::new();
        for _ in 0..ROUNDS {
            let before = cloud.cpu_time();
            let round = runtime.block_on(load::round(cloud.address(), &ask, connections));
            let used = cloud.cpu_time().saturating_sub(before);
            busy.push(used.as_secs_f64() * 1e6 / round.latencies.len() as f64);
            rounds.push(round);
        }
        let mut rates: Vec<f64> = rounds.iter().map(load::Round::rate).collect();
        let mut all: Vec<Duration> = rounds.into_iter().flat_map(|round| round.latencies).collect();
        let median = median(&mut rates);
        println!(
            "GET /servers/{{id}}, {connections:>2} connections: {median:>6.0}/s, the median of {ROUNDS} rounds from {:.0} to {:.0}/s; p50 {}, p99 {}; the cloud's CPU {:.0} µs a request{}",
            rates[0],
            rates[ROUNDS - 1],
            ms(percentile(&mut all, 50)),
            ms(percentile(&mut all, 99)),
            self::median(&mut busy),
            if connections == 1 { "" } else { " [≥ 10000/s]" },
        );
    }
}

/// `Cloud::start` until its first answer.
fn start_in_process() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut took: Vec<Duration> = (0..50)
        .map(|_| {
            let began = Instant::now();
            let cloud = runtime.block_on(Cloud::start(Settings::default())).expect("a free port");
            let answer = Line::to(cloud.address()).ask("GET", "/identity/v3", None);
            let took = began.elapsed();
            assert_eq!(answer.status, 200);
            runtime.block_on(cloud.stop());
            took
        })
        .collect();
    println!(
        "start in a process that runs, until the first answer: median {}, p90 {} of 50 [≤ 5 ms]",
        ms(percentile(&mut took, 50)),
        ms(percentile(&mut took, 90)),
    );
}

/// From `exec` to the first answer.
fn start_of_the_process() {
    let mut took: Vec<Duration> = (0..15)
        .map(|_| {
            let began = Instant::now();
            let cloud = Process::start(&[]);
            let answer = Line::to(cloud.address()).ask("GET", "/identity/v3", None);
            let took = began.elapsed();
            assert_eq!(answer.status, 200);
            took
        })
        .collect();
    println!(
        "start of the process, until the first answer: median {}, p90 {} of 15 [≤ 25 ms]",
        ms(percentile(&mut took, 50)),
        ms(percentile(&mut took, 90)),
    );
}

/// 1,000 instances in one request; the times are those of the cloud's own log.
fn thousand() {
    const BOOT: f64 = 2.0;
    let mut cloud = Process::start(&["--hosts", "50", "--boot", "2s", "--log", "-"]);
    let mut line = cloud.log_in();
    no_quota(&mut line);
    let ids = boot(&mut line, 1000, 1000);
    let seen = cloud.until_active(ids.len());
    let active = seen.last_active - seen.asked;
    println!(
        "1000 instances in one request, boot 2 s, 50 computes: accepted after {:.0} ms, the last ACTIVE after {active:.3} s = {:.1} % of the boot [≤ 110 %]",
        seen.accepted * 1e3,
        active / BOOT * 100.0,
    );
}

/// 5,000 instances on 200 computes: how long reading takes then, and what it costs.
fn crowd() {
    let mut cloud = Process::start(&["--hosts", "200", "--boot", "2s", "--log", "-"]);
    println!("200 computes, none booted: {} MiB at most", cloud.peak_memory() >> 20);
    let mut line = cloud.log_in();
    no_quota(&mut line);
    let began = Instant::now();
    let ids: Vec<String> = (0..5).flat_map(|_| boot(&mut line, 1000, 1000)).collect();
    cloud.until_active(ids.len());
    println!(
        "5000 instances on 200 computes, boot 2 s, five requests: all ACTIVE after {:.3} s [≤ 110 % of 2 s]",
        began.elapsed().as_secs_f64()
    );
    let mut rest = cloud.take_log();
    std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
    let mut timed = |count: usize, path: &dyn Fn(usize) -> String| {
        let mut took: Vec<Duration> = (0..count)
            .map(|n| {
                let began = Instant::now();
                let answer = line.ask("GET", &format!("/compute/v2.1{}", path(n)), None);
                assert_eq!(answer.status, 200, "{}", answer.body);
                began.elapsed()
            })
            .collect();
        format!("p50 {}, p99 {}", ms(percentile(&mut took, 50)), ms(percentile(&mut took, 99)))
    };
    println!("  show: {} [p50 ≤ 1 ms]", timed(2000, &|n| format!("/servers/{}", ids[n])));
    let changed = "/servers/detail?changes-since=2100-01-01T00:00:00Z";
    println!(
        "  list what changed since, nothing: {} [p50 ≤ 5 ms]",
        timed(200, &|_| changed.into())
    );
    let page = "/servers/detail?limit=1000";
    println!("  list 1000 in full: {} [p50 ≤ 100 ms]", timed(20, &|_| page.into()));
    println!("  peak memory: {} MiB [≤ 100 MiB]", cloud.peak_memory() >> 20);
}

fn no_quota(line: &mut Line) {
    let path = format!("/compute/v2.1/os-quota-sets/{}", line.project);
    let limits = json!({"quota_set": {"instances": -1, "cores": -1, "ram": -1}});
    assert_eq!(line.ask("PUT", &path, Some(&limits)).status, 200);
}

/// Boots instances in one request and returns their ids.
fn boot(line: &mut Line, min: usize, max: usize) -> Vec<String> {
    let image = line.ask("GET", "/image/v2/images?name=guest-minimal", None).body;
    let server = json!({
        "name": "web",
        "flavorRef": "1",
        "imageRef": image["images"][0]["id"],
        "networks": "auto",
        "min_count": min,
        "max_count": max,
        "return_reservation_id": true,
    });
    let made = line.ask("POST", "/compute/v2.1/servers", Some(&json!({"server": server})));
    assert_eq!(made.status, 202, "{}", made.body);
    let reservation = made.body["reservation_id"].as_str().expect("a reservation").to_owned();
    let mut ids: Vec<String> = Vec::new();
    while ids.len() < max {
        let marker = ids.last().map_or_else(String::new, |last| format!("&marker={last}"));
        let path = format!("/compute/v2.1/servers?reservation_id={reservation}{marker}");
        let page = line.ask("GET", &path, None).body;
        let found = page["servers"].as_array().expect("a page").iter();
        ids.extend(found.filter_map(|server| server["id"].as_str().map(str::to_owned)));
    }
    ids
}

fn ms(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1e3)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn percentile(spans: &mut [Duration], percent: usize) -> Duration {
    spans.sort_unstable();
    spans[(spans.len() - 1) * percent / 100]
}

/// What the JSON of an answer is, or null.
fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
