//! The flags that every subcommand with a configuration takes, and what they resolve to.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::clouds::Environment;
use crate::config::{Config, ConfigError, Layers, process_environment};

use super::{Exit, Stop};

/// The settings file that is read where no other is named, if it is there.
const FILE: &str = "whimbrel.toml";

/// Settings that can be given on the command line.
#[derive(Debug, Default, Args)]
pub(super) struct Settings {
    /// Cloud of clouds.yaml to run on [default: the embedded cloud]
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub(super) cloud: Option<String>,
    /// Cloud of clouds.yaml with a plain member's credentials
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub(super) member: Option<String>,
    /// What may be changed on a target that is not embedded: hosts
    #[arg(long, value_name = "WHAT", value_delimiter = ',', help_heading = "Target")]
    pub(super) allow: Vec<String>,
    /// Image to boot, by name or id [default: the smallest that fits]
    #[arg(long, value_name = "IMAGE", help_heading = "Target")]
    pub(super) image: Option<String>,
    /// Flavor to boot, by name or id [default: the smallest that fits]
    #[arg(long, value_name = "FLAVOR", help_heading = "Target")]
    pub(super) flavor: Option<String>,
    /// Network of the instances: none, auto (one that the cloud makes), or one by name or id
    /// [default: none]
    #[arg(long, value_name = "NETWORK", help_heading = "Target")]
    pub(super) network: Option<String>,
    /// Availability zone of the instances [default: the scheduler's choice]
    #[arg(long, value_name = "ZONE", help_heading = "Target")]
    pub(super) zone: Option<String>,
    /// Settings file [default: whimbrel.toml, if there is one]
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub(super) config: Option<PathBuf>,
    /// Sets any setting, such as pace.boot.limit=5m; `whimbrel config` lists them
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Settings")]
    pub(super) set: Vec<String>,
}

/// What the command was started with, resolved.
pub(super) struct Resolved {
    pub(super) config: Config,
    pub(super) layers: Layers,
    pub(super) environment: Environment,
    pub(super) folder: PathBuf,
    /// The settings file, if one was read.
    pub(super) settings_file: Option<PathBuf>,
}

impl Settings {
    /// Resolves flags, environment, settings file and defaults; `more` adds a subcommand's flags.
    pub(super) fn resolve(&self, more: &[(&str, &str, Option<String>)]) -> Result<Resolved, Stop> {
        let usage = |error: ConfigError| Stop::new(Exit::Usage, &error);
        let folder = std::env::current_dir().map_err(|error| Stop::new(Exit::Usage, &error))?;
        let environment = process_environment();
        let mut layers = Layers::default();
        let settings_file = self.file(&folder);
        if let Some(file) = &settings_file {
            layers.file(file).map_err(usage)?;
        }
        layers.environment(&environment).map_err(usage)?;
        self.flags(&mut layers)?;
        for (flag, key, value) in more {
            if let Some(value) = value {
                layers.flag(flag, key, value.clone()).map_err(usage)?;
            }
        }
        let config = Config::resolve(&layers).map_err(usage)?;
        Ok(Resolved { config, layers, environment, folder, settings_file })
    }

    /// The flags that were given, as a user would write them again.
    pub(super) fn words(&self) -> Vec<String> {
        let flag = |flag: &str, value: &Option<String>| {
            value.as_ref().map(|value| [flag.to_owned(), value.clone()])
        };
        let config = self.config.as_ref().map(|path| path.display().to_string());
        let allow = (!self.allow.is_empty()).then(|| self.allow.join(","));
        let given = [
            flag("--cloud", &self.cloud),
            flag("--member", &self.member),
            flag("--allow", &allow),
            flag("--image", &self.image),
            flag("--flavor", &self.flavor),
            flag("--network", &self.network),
            flag("--zone", &self.zone),
            flag("--config", &config),
        ];
        let set = self.set.iter().map(|pair| ["--set".to_owned(), pair.clone()]);
        given.into_iter().flatten().chain(set).flatten().collect()
    }

    /// The settings file: the one that is named, or the one that is there.
    fn file(&self, folder: &Path) -> Option<PathBuf> {
        match &self.config {
            Some(named) => Some(folder.join(named)),
            None => folder.join(FILE).exists().then(|| FILE.into()),
        }
    }

    fn flags(&self, layers: &mut Layers) -> Result<(), Stop> {
        let usage = |error: ConfigError| Stop::new(Exit::Usage, &error);
        for pair in &self.set {
            let wrong = || Stop {
                exit: Exit::Usage,
                message: format!("--set {pair}: write KEY=VALUE, such as --set pace.boot.limit=5m"),
            };
            let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
            layers.flag("--set", key.trim(), value.trim()).map_err(usage)?;
        }
        let allow = (!self.allow.is_empty()).then(|| self.allow.join(","));
        let own = [
            ("--cloud", "cloud", &self.cloud),
            ("--member", "member", &self.member),
            ("--allow", "allow", &allow),
            ("--image", "image", &self.image),
            ("--flavor", "flavor", &self.flavor),
            ("--network", "network", &self.network),
            ("--zone", "zone", &self.zone),
        ];
        for (flag, key, value) in own {
            if let Some(value) = value {
                layers.flag(flag, key, value.clone()).map_err(usage)?;
            }
        }
        Ok(())
    }
}
