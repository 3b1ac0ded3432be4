//! A cloud as a process of its own, ended with this.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::http::Line;

/// A running `whimbrel cloud`.
pub struct Process {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    address: SocketAddr,
    folder: TempDir,
}

/// When things happened to the instances of a request, in seconds, by the cloud's log.
pub struct Seen {
    /// When the last create request came.
    pub asked: f64,
    /// How long until it was answered.
    pub accepted: f64,
    /// When the last instance became ACTIVE.
    pub last_active: f64,
}

impl Process {
    /// Comes back when it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_whimbrel"))
            .args(["cloud", "--clouds-yaml", "clouds.yaml"])
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut ready = String::new();
        out.read_line(&mut ready).expect("it says that it is ready");
        let address = ready.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok()).expect("its address");
        Self { child, out: Some(out), address, folder }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection with the operator's token.
    pub fn log_in(&self) -> Line {
        let text = std::fs::read(self.folder.path().join("clouds.yaml")).expect("its clouds.yaml");
        let auth = &super::parsed(&text)["clouds"]["whimbrel-admin"]["auth"];
        let domain = json!({"id": "default"});
        let user =
            json!({"name": auth["username"], "password": auth["password"], "domain": domain});
        let mut line = Line::to(self.address);
        line.log_in(&json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": auth["project_name"], "domain": domain}},
        }}));
        line
    }

    /// Reads its log until so many instances are ACTIVE.
    pub fn until_active(&mut self, count: usize) -> Seen {
        let mut seen = Seen { asked: 0.0, accepted: 0.0, last_active: 0.0 };
        let mut left = count;
        let mut text = String::new();
        let out = self.out.as_mut().expect("its log is not ignored");
        while left > 0 {
            text.clear();
            assert!(out.read_line(&mut text).expect("its log") > 0, "it ended");
            let words: Vec<&str> = text.split_whitespace().collect();
            let number = |word: &str| word.parse::<f64>().expect("seconds");
            match words.as_slice() {
                [at, "server", _, state] if state.starts_with("ACTIVE/-") => {
                    seen.last_active = number(at);
                    left -= 1;
                }
                [at, "POST", "/compute/v2.1/servers", "202", took, _] => {
                    (seen.asked, seen.accepted) = (number(at), number(took));
                }
                _ => {}
            }
        }
        seen
    }

    /// The rest of its log.
    pub fn take_log(&mut self) -> BufReader<ChildStdout> {
        self.out.take().expect("nobody has taken it")
    }

    /// Where its clouds.yaml is.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// CPU time that it has used, in user and kernel, in steps of 10 ms.
    pub fn cpu_time(&self) -> Duration {
        let stat = self.proc("stat");
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0) << 10
    }

    fn proc(&self, file: &str) -> String {
        let mut text = String::new();
        let path = format!("/proc/{}/{file}", self.child.id());
        let read = std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        read.expect("it runs, on Linux");
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors say that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
