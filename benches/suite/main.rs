//! What the suite costs: `cargo bench --bench suite [fleet|crowd|all]` prints it, with the goal in
//! brackets where there is one. Suite and cloud are processes of their own, but for `all`.

#![allow(clippy::print_stdout, reason = "it is what a bench is for")]

#[allow(dead_code, reason = "each bench uses its part of it")]
#[path = "../cloud/http.rs"]
mod http;
mod log;
#[allow(dead_code, reason = "each bench uses its part of it")]
#[path = "../cloud/process.rs"]
mod process;
mod suite;

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use http::Line;
use process::Process;
use suite::Suite;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|arg| arg == part);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, load average {}", load.trim());
    if wanted("fleet") {
        fleet();
    }
    if wanted("crowd") {
        crowd(100);
        crowd(200);
    }
    if wanted("all") {
        all();
    }
}

/// 1,000 instances in one request on 50 computes, 100 of them moved at once.
fn fleet() {
    let mut cloud =
        Process::start(&["--hosts", "50", "--boot", "4s", "--migrate", "4s", "--log", "-"]);
    no_quota(&mut cloud.log_in());
    let log = log::Log::read(cloud.take_log());
    let suite = Suite::run(cloud.folder(), include_str!("fleet.feature"), &[]);
    drop(cloud);
    let log = log.lines();
    let own = log.boots() + log.moves() + log.deletes();
    println!(
        "1000 instances in one request on 50 computes, 100 live-migrated at once, boot and move 4 s each:"
    );
    println!(
        "  wall {:.2} s; the cloud's own time {own:.2} s (boots {:.2}, moves {:.2}, deletions {:.2}): ratio {:.3} [≤ 1.15]",
        suite.wall.as_secs_f64(),
        log.boots(),
        log.moves(),
        log.deletes(),
        suite.wall.as_secs_f64() / own,
    );
    println!("  {} requests [≤ 1500]: {}", log.requests(), log.by_kind());
    println!("  peak memory of the suite: {} MiB [≤ 150 MiB]", suite.peak_memory >> 20);
}

/// Scenarios that wait side by side for instances that take 8 to 12 s to boot.
fn crowd(scenarios: usize) {
    let mut cloud =
        Process::start(&["--hosts", "10", "--boot", "10s", "--spread", "20", "--log", "-"]);
    no_quota(&mut cloud.log_in());
    let log = log::Log::read(cloud.take_log());
    let mut feature = include_str!("crowd.feature").to_owned();
    for number in 1..=scenarios {
        writeln!(feature, "      | {number} |").expect("it is a string");
    }
    let at_once = scenarios.to_string();
    let suite = Suite::run(cloud.folder(), &feature, &["--concurrency", &at_once]);
    drop(cloud);
    let log = log.lines();
    println!("{scenarios} scenarios wait 8 to 12 s for an instance each:");
    println!(
        "  lists: {} in the busiest second of the wait [≤ 5]; from an instance's becoming ACTIVE to the next look at it: {:.0} ms at most [≤ 300]",
        log.busiest_second_of_waiting(),
        log.noticed() * 1e3,
    );
    println!(
        "  CPU of the suite: {:.2} s in all, {:.2} s in the 8 s after the first [< 1 s]",
        suite.cpu.as_secs_f64(),
        suite.cpu_while_waiting.as_secs_f64(),
    );
}

/// The whole suite on embedded clouds.
fn all() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut walls: Vec<Duration> = (0..5).map(|_| Suite::run_all(folder.path()).wall).collect();
    walls.sort();
    println!(
        "all built-in features on embedded clouds: {:.2} s, the median of 5 [≤ 3 s]",
        walls[walls.len() / 2].as_secs_f64()
    );
}

fn no_quota(line: &mut Line) {
    let path = format!("/compute/v2.1/os-quota-sets/{}", line.project);
    let limits = json!({"quota_set": {"instances": -1, "cores": -1, "ram": -1}});
    assert_eq!(line.ask("PUT", &path, Some(&limits)).status, 200);
}

/// What the JSON of an answer is, or null.
fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
