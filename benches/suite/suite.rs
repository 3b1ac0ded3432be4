//! `whimbrel run` as a process of its own, and what it used.

#![allow(clippy::disallowed_methods, reason = "a bench has no scenarios to stop")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A run that has passed, and what it used.
pub struct Suite {
    pub wall: Duration,
    /// The most memory that it ever had, in bytes.
    pub peak_memory: u64,
    /// In user and kernel, in steps of 10 ms.
    pub cpu: Duration,
    /// The same between the first and the ninth second.
    pub cpu_while_waiting: Duration,
}

impl Suite {
    /// Runs a feature on the cloud whose clouds.yaml is in `folder`.
    pub fn run(folder: &Path, feature: &str, arguments: &[&str]) -> Self {
        std::fs::write(folder.join("bench.feature"), feature).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_whimbrel"));
        command.args(["run", "bench.feature", "--cloud", "whimbrel-admin"]).args(arguments);
        Self::measure(command.current_dir(folder))
    }

    /// Runs the built-in features on embedded clouds.
    pub fn run_all(folder: &Path) -> Self {
        Self::measure(Command::new(env!("CARGO_BIN_EXE_whimbrel")).arg("run").current_dir(folder))
    }

    fn measure(command: &mut Command) -> Self {
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the binary runs");
        let mut used = Self {
            wall: Duration::ZERO,
            peak_memory: 0,
            cpu: Duration::ZERO,
            cpu_while_waiting: Duration::ZERO,
        };
        let mut at_first_second = None;
        let status = loop {
            if let Some(status) = child.try_wait().expect("it is a child") {
                break status;
            }
            used.look(&child);
            match began.elapsed().as_secs() {
                0 => {}
                1..9 => {
                    let first = *at_first_second.get_or_insert(used.cpu);
                    used.cpu_while_waiting = used.cpu.saturating_sub(first);
                }
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        used.wall = began.elapsed();
        if !status.success() {
            let mut told = String::new();
            if let Some(mut out) = child.stdout.take() {
                drop(std::io::Read::read_to_string(&mut out, &mut told));
            }
            panic!("the run did not pass: {told}");
        }
        used
    }

    fn look(&mut self, child: &Child) {
        let proc = |file: &str| {
            std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap_or_default()
        };
        let status = proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        self.peak_memory = self.peak_memory.max(kib.unwrap_or(0) << 10);
        let stat = proc("stat");
        let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        self.cpu = self.cpu.max(Duration::from_millis(ticks * 10));
    }
}
