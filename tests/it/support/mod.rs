//! The real binary in a folder of its own, pointed at a cloud that the test holds in its hands.
//!
//! Nothing here judges with what it tests: the binary is a process, the cloud is looked at in its
//! own state, and waiting is a look again and again with a bound.

#![expect(clippy::unwrap_used, reason = "helpers of tests, but not themselves ones")]

mod process;
mod proxy;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use whimbrel::sim::{Account, Control, LogLine, Quotas, Settings, Snapshot};

use crate::sim_client::Sim;

pub use process::{Ended, Running, until};
pub use proxy::{Proxy, Way};

/// Short paces, so that tests are; each can be overridden by a flag `--set`.
const SETTINGS: &str = r#"
concurrency = 8
pace.boot.first = "5ms"
pace.boot.ceiling = "20ms"
pace.boot.limit = "5s"
pace.migrate.first = "5ms"
pace.migrate.ceiling = "20ms"
pace.migrate.limit = "5s"
pace.delete.first = "5ms"
pace.delete.ceiling = "20ms"
pace.delete.limit = "5s"
pace.settle.first = "5ms"
pace.settle.ceiling = "20ms"
pace.settle.limit = "3s"
pace.record.first = "5ms"
pace.record.ceiling = "20ms"
pace.record.limit = "3s"
retry.first = "5ms"
retry.ceiling = "20ms"
"#;

/// A folder in which the binary is run; it has features and settings only if a test writes some.
pub struct Folder(TempDir);

impl Folder {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with short paces in its `whimbrel.toml`.
    pub fn quick() -> Self {
        let folder = Self::empty();
        folder.write("whimbrel.toml", SETTINGS);
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Sets a key of `whimbrel.toml`, whatever it was.
    pub fn set(&self, key: &str, value: &str) {
        let text = self.read("whimbrel.toml");
        let others = text.lines().filter(|line| !line.starts_with(&format!("{key} =")));
        let lines: Vec<&str> = others.collect();
        self.write("whimbrel.toml", &format!("{}\n{key} = {value:?}\n", lines.join("\n")));
    }

    /// Runs `whimbrel ARGUMENTS` to its end, with nothing in the environment but a path and a home.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).ended()
    }

    /// The same, with more in the environment.
    pub fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ended {
        Running::start(self.path(), environment, arguments).ended()
    }

    /// The same, with its standard output going into this.
    pub fn run_into(&self, out: Stdio, arguments: &[&str]) -> Ended {
        Running::into(self.path(), &[], arguments, out, Stdio::piped()).ended()
    }

    /// The same, with its standard error going into this.
    pub fn run_deaf(&self, err: Stdio, arguments: &[&str]) -> Ended {
        Running::into(self.path(), &[], arguments, Stdio::piped(), err).ended()
    }

    /// Starts it and comes back at once.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.path(), &[], arguments)
    }

    /// Writes the journal of the dead run `run` on the cloud `sim`, with these lines after the first.
    pub fn journal(&self, run: &str, entries: &[Value]) {
        let first = json!({
            "entry": "run", "run": run, "cloud": "sim", "started": "2026-11-23T12:00:00Z",
        });
        let lines: Vec<String> =
            std::iter::once(&first).chain(entries).map(|line| format!("{line}\n")).collect();
        self.write(&format!(".whimbrel/{run}.jsonl"), &lines.concat());
    }

    /// Starts a line of the shell in which `$0` is the binary, such as `exec "$0" run >/dev/full`.
    pub fn shell(&self, line: &str) -> Running {
        Running::shell(self.path(), line)
    }

    /// The journals that lie in the folder.
    pub fn journals(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.path().join(".whimbrel")) else {
            return Vec::new();
        };
        let all = entries.map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).collect()
    }
}

/// A cloud in this process, and a folder whose `clouds.yaml` names it: `sim` is its operator,
/// `sim-member` a plain member, `sim-wrong` the operator with a wrong password.
pub struct Bench {
    pub folder: Folder,
    pub sim: Sim,
    log: Arc<Mutex<Vec<LogLine>>>,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// A cloud with these settings, but for its log and its quotas, which are not in the way.
    pub fn with(settings: Settings) -> Self {
        let quotas = Quotas { instances: -1, cores: -1, ram: -1, ..Quotas::default() };
        Self::limited(Settings { quotas, ..settings })
    }

    /// The same, which serves its control, and a run that is told of that.
    pub fn controlled(settings: Settings) -> Self {
        let bench = Self::with(Settings { control: true, ..settings });
        let control = format!("http://{}/control", bench.sim.cloud.address());
        let settings = bench.folder.read("whimbrel.toml");
        let own = format!("[clouds.sim]\ncontrol = {control:?}\n");
        bench.folder.write("whimbrel.toml", &format!("{settings}\n{own}"));
        bench
    }

    /// A cloud with these settings, but for its log.
    pub fn limited(settings: Settings) -> Self {
        let log: Arc<Mutex<Vec<LogLine>>> = Arc::default();
        let sink = Arc::clone(&log);
        let settings = Settings {
            log: Some(Arc::new(move |line| sink.lock().unwrap().push(line.clone()))),
            ..settings
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sim = runtime.block_on(Sim::with(settings));
        let folder = Folder::quick();
        folder.write("clouds.yaml", &clouds_yaml(&sim));
        Self { folder, sim, log, runtime }
    }

    pub fn control(&self) -> Control {
        self.sim.cloud.control()
    }

    /// What the cloud holds, by its own account.
    pub fn snapshot(&self) -> Snapshot {
        self.sim.cloud.snapshot()
    }

    /// Puts a proxy between the binary and the cloud; see [`Proxy`].
    pub fn behind(
        &self,
        way: impl Fn(usize, &str, &str) -> Way + Send + Sync + 'static,
        change: impl Fn(&str, &mut Value) + Send + Sync + 'static,
    ) -> Proxy {
        let cloud = self.sim.cloud.address();
        let proxy = self.block_on(Proxy::start(cloud, self.sim.http.clone(), way, change));
        let own = self.folder.read("clouds.yaml");
        let between = own.replace(&cloud.to_string(), &proxy.address.to_string());
        self.folder.write("clouds.yaml", &between);
        proxy
    }

    /// Does something with the cloud's HTTP API, by a client that is not ours.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs `whimbrel run --cloud sim ARGUMENTS` to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).ended()
    }

    /// Starts it and comes back at once.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let own = ["run", "--cloud", "sim", "--allow", "hosts"];
        self.folder.start(&[&own, arguments].concat())
    }

    /// Runs one scenario with these steps, in `one.feature`.
    pub fn scenario(&self, steps: &str) -> Ended {
        self.start_scenario(steps, &[]).ended()
    }

    /// Starts one scenario with these steps; its first step is in line 3 of `one.feature`.
    pub fn start_scenario(&self, steps: &str, arguments: &[&str]) -> Running {
        self.folder.write("one.feature", &feature(steps));
        self.start(&[&["one.feature"], arguments].concat())
    }

    /// `whimbrel sweep`.
    pub fn sweep(&self, arguments: &[&str]) -> Ended {
        self.folder.run(&[&["sweep"], arguments].concat())
    }

    /// Waits until the cloud is so.
    pub fn until(&self, what: &str, met: impl Fn(&Snapshot) -> bool) {
        until(what, || met(&self.snapshot()), || format!("{:?}", self.snapshot()));
    }

    /// All requests so far: method, path and code.
    pub fn requests(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let requests = log.iter().filter_map(|line| match line {
            LogLine::Request { method, path, status, .. } => {
                Some(format!("{method} {path} {status}"))
            }
            LogLine::Transition { .. } => None,
        });
        requests.collect()
    }

    /// How many requests there were that begin so.
    pub fn count(&self, beginning: &str) -> usize {
        self.requests().iter().filter(|request| request.starts_with(beginning)).count()
    }

    /// How many instances there ever were.
    pub fn ever_booted(&self) -> usize {
        self.subjects("server ").len()
    }

    /// How many live migrations there ever were.
    pub fn ever_migrated(&self) -> usize {
        self.subjects("migration ").len()
    }

    fn subjects(&self, kind: &str) -> BTreeSet<String> {
        let log = self.log.lock().unwrap();
        let subjects = log.iter().filter_map(|line| match line {
            LogLine::Transition { subject, .. } => Some(subject.clone()),
            LogLine::Request { .. } => None,
        });
        subjects.filter(|subject| subject.starts_with(kind)).collect()
    }
}

/// A feature with one scenario, whose first step is in line 3.
pub fn feature(steps: &str) -> String {
    let lines = steps.trim().lines().map(|line| format!("    {}\n", line.trim()));
    format!("Feature: One thing\n  Scenario: It is so\n{}", lines.collect::<String>())
}

fn clouds_yaml(sim: &Sim) -> String {
    let accounts = sim.cloud.accounts();
    let entry = |account: &Account, password: &str| {
        json!({ "auth": {
            "auth_url": sim.cloud.auth_url(),
            "username": account.user,
            "password": password,
            "project_name": account.project,
            "user_domain_name": account.domain,
            "project_domain_name": account.domain,
        }})
    };
    let clouds = json!({ "clouds": {
        "sim": entry(&accounts.admin, &accounts.admin.password),
        "sim-member": entry(&accounts.member, &accounts.member.password),
        "sim-wrong": entry(&accounts.admin, "wrong"),
    }});
    clouds.to_string()
}

/// Between two looks.
#[expect(clippy::disallowed_methods, reason = "these tests do not judge with what they test")]
fn nap() {
    std::thread::sleep(Duration::from_millis(2));
}
