//! `whimbrel cloud`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::config::read_duration;
use crate::sim::{self, Durations};

use super::cloud_log::CloudLog;
use super::output::print;
use super::{Exit, Outcome, Stop};

/// What `--help` says of `--control`; a test sends each example.
pub(super) const HELP: &str = r#"Control, with --control:
  POST http://127.0.0.1:PORT/control/VERB with a JSON object (or nothing) answers 204. There is no
  password: whoever can reach the port can use it.

  hold-migrations {"phase": "running"}
      keeps live migrations in a phase: requested, accepted, source-held, chosen, checked, queued,
      preparing, running, landed, completed; with "server": "ID" those of one instance only
  release-migrations {}
      all, or with "server": "ID" those of one instance
  hold-boots {"phase": "spawning"}
      keeps builds in a phase: scheduling, placed, networking, block-devices, spawning
  release-boots {}
  fail-next-migration {"step": "copy"}
      at schedule, check-destination, check-source, prepare, copy, copy-without-rollback or finish;
      with "server": "ID" the next one of that instance
  fail-next-build {"computes": 1}
      on its first so many computes; 3 or more leave the instance in ERROR
  compute-down {"name": "compute-1"}
  compute-up {"name": "compute-1"}
  disturb {"service": "compute", "method": "POST", "requests": 2, "answer": 503, "retry_after": 1}
      the next requests to identity, compute, image, network or placement; instead of "answer" also
      "answer_after" (handled, then this status), "delay_ms", or "cut" ("before" or "after")
  calm {}
      takes back all disturbances
  expire-tokens {}

  GET /control lists the verbs with the fields that each takes; GET /control/snapshot counts what the
  cloud holds. A run turns these knobs where the setting `control` names the URL."#;

/// Serves an embedded cloud to other programs, on loopback, until Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// How many computes it has
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    hosts: u16,
    /// Port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// How long an instance takes to boot
    #[arg(long, value_name = "SPAN", value_parser = read_duration, default_value = "60ms")]
    boot: Duration,
    /// How long a live migration takes
    #[arg(long, value_name = "SPAN", value_parser = read_duration, default_value = "120ms")]
    migrate: Duration,
    /// How long a deletion takes
    #[arg(long, value_name = "SPAN", value_parser = read_duration, default_value = "20ms")]
    delete: Duration,
    /// By how much single boots and live migrations are shorter or longer, at random, up to 90 %
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=90))]
    spread: u8,
    /// How many seconds go by in the cloud for each real one
    #[arg(long, value_name = "FACTOR", value_parser = speed, default_value = "1")]
    speed: f64,
    /// Which Nova it is like
    #[arg(long, value_enum, value_name = "RELEASE", default_value_t = Release::V34)]
    like: Release,
    /// Writes a clouds.yaml with the clouds whimbrel-admin, whimbrel-manager, whimbrel-member and
    /// whimbrel-reader; it holds passwords, so only its owner may read it
    #[arg(long, value_name = "FILE")]
    clouds_yaml: Option<PathBuf>,
    /// Writes what Tempest needs to know of its accounts, which are then there beside the others
    #[arg(long, value_name = "FILE")]
    tempest_accounts: Option<PathBuf>,
    /// Lets anybody who reaches the port hold, fail and break things, and prints where: see below
    #[arg(long)]
    control: bool,
    /// Writes a line for each request and each change of state, with seconds since the first
    /// request; - is standard output
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Release {
    /// Microversions 2.1 to 2.104
    #[value(name = "34.0.0")]
    V34,
    /// Zed: microversions 2.1 to 2.93
    #[value(name = "26.2.2")]
    Zed26,
}

impl From<Release> for sim::Release {
    fn from(release: Release) -> Self {
        match release {
            Release::V34 => Self::V34,
            Release::Zed26 => Self::Zed26,
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.001..=10_000.0).contains(speed));
    speed.ok_or_else(|| "a number from 0.001 to 10000".to_owned())
}

/// Starts the cloud, says where it is, and serves it until a signal comes.
pub(super) fn serve(serve: &Serve) -> Outcome {
    let durations = Durations {
        boot: serve.boot,
        migrate: serve.migrate,
        delete: serve.delete,
        spread: serve.spread,
        ..Durations::default()
    };
    let log = serve.log.as_deref().map(open_log).transpose()?;
    let settings = sim::Settings {
        computes: serve.hosts.into(),
        port: serve.port,
        durations,
        speed: serve.speed,
        release: serve.like.into(),
        control: serve.control,
        log: log.as_ref().map(CloudLog::sink),
        ..sim::Settings::default()
    };
    super::runtime()?.block_on(async {
        let cloud = sim::Cloud::start(settings).await.map_err(|error| Stop {
            exit: Exit::Target,
            message: format!("port {}: {error}", serve.port),
        })?;
        if let Some(path) = &serve.clouds_yaml {
            write_private(path, &clouds_yaml(&cloud))?;
        }
        if let Some(path) = &serve.tempest_accounts {
            write_private(path, &tempest_accounts(&cloud))?;
        }
        let mut signals = super::signals::Signals::listen();
        let mut ready = format!("ready: {} computes, {}\n", serve.hosts, cloud.auth_url());
        if serve.control {
            ready += &format!("control: http://{}/control\n", cloud.address());
        }
        let told = print(&ready);
        if told.is_ok() {
            signals.next().await;
        }
        cloud.stop().await;
        if let Some(log) = log {
            log.end();
        }
        told.map(|()| Exit::Passed)
    })
}

fn open_log(path: &Path) -> Result<CloudLog, Stop> {
    CloudLog::open(path).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> Stop {
    Stop { exit: Exit::Usage, message: format!("{} can't be written: {error}", path.display()) }
}

/// The clouds in the form of clouds.yaml; JSON is YAML.
fn clouds_yaml(cloud: &sim::Cloud) -> String {
    let accounts = cloud.accounts();
    let entry = |account: &sim::Account| -> Value {
        json!({
            "auth": {
                "auth_url": cloud.auth_url(),
                "username": account.user,
                "password": account.password,
                "project_name": account.project,
                "user_domain_name": account.domain,
                "project_domain_name": account.domain,
            },
            "region_name": "RegionOne",
            "identity_api_version": "3",
        })
    };
    let clouds = json!({ "clouds": {
        "whimbrel-admin": entry(&accounts.admin),
        "whimbrel-manager": entry(&accounts.manager),
        "whimbrel-member": entry(&accounts.member),
        "whimbrel-reader": entry(&accounts.reader),
    }});
    format!("{clouds:#}\n")
}

/// How many tests of Tempest can run at a time: each takes two members of different projects and an
/// operator for itself.
const TEMPEST_WORKERS: usize = 4;

/// Adds accounts for Tempest, each in a project of its own, and lists them in the form of its
/// `accounts.yaml` (Tempest's "Configuration Guide", "Pre-Provisioned Credentials").
fn tempest_accounts(cloud: &sim::Cloud) -> String {
    let entry = |name: String, operator: bool| -> Value {
        let account = cloud.add_account(&name, operator);
        let mut entry = json!({
            "username": account.user,
            "password": account.password,
            "project_name": account.project,
            "domain_name": account.domain,
        });
        if operator {
            entry["types"] = json!(["admin"]);
        } else {
            entry["roles"] = json!(["member"]);
        }
        entry
    };
    let members = (1..=2 * TEMPEST_WORKERS).map(|n| entry(format!("tempest-{n}"), false));
    let accounts: Vec<Value> = members
        .chain((1..=TEMPEST_WORKERS).map(|n| entry(format!("tempest-admin-{n}"), true)))
        .collect();
    format!("{:#}\n", json!(accounts))
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> Result<(), Stop> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let open =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let write = |mut file: File| {
        // The mode above counts only for a new file.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    open.and_then(write).map_err(|error| cannot_write(path, &error))
}
