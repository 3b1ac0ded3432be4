//! Where values come from, and which of them counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::Retries;
use super::clouds::Environment;
use super::keys::{self, GROUPS, Key, Reach};
use super::values::{self, is_group_name};
use crate::wait::{Backoff, Limits, Pace};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A place in the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
    /// Another key, which holds where this one isn't set.
    Key {
        /// That key.
        name: &'static str,
        /// Where its value comes from.
        origin: Box<Origin>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
            Self::Key { name, origin } => write!(f, "{origin} ({name})"),
        }
    }
}

/// A key with its value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// With dots.
    pub key: String,
    /// As it was written.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Settings that can't be used; names the place and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file can't be read.
    #[error("{}: the settings can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("{}: this is not TOML: {message}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why, as the TOML reader says it.
        message: String,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no setting {key:?}{}", did_you_mean(nearest))]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// As it was written.
        key: String,
        /// The key that is spelt most like it.
        nearest: Option<String>,
    },
    /// A key that may not be set where it stands.
    #[error("{origin}: {key} {why}")]
    Misplaced {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// Why not there, and where it belongs.
        why: &'static str,
    },
    /// A group that can't be called so.
    #[error("{origin}: no group can be called {name:?}; its name takes {}", values::GROUP_NAMES)]
    BadGroup {
        /// Where it stands.
        origin: Origin,
        /// As it was written.
        name: String,
    },
    /// A value that can't be read.
    #[error("{}: {:?} is not right for {}; it takes {right}", setting.origin, setting.value, setting.key)]
    BadValue {
        /// What was written where.
        setting: Box<Setting>,
        /// What it takes.
        right: String,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|nearest| format!("; did you mean {nearest:?}?")).unwrap_or_default()
}

/// The known name that is spelt most like `name`, if any is near.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(best.1.to_owned())
}

/// What was said where; flags win over the environment, that over the file.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    flags: BTreeMap<String, (String, Origin)>,
    environment: BTreeMap<String, (String, Origin)>,
    file: BTreeMap<String, (String, Origin)>,
}

impl Layers {
    /// Adds a flag; `flag` is how the user wrote it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownKey`].
    pub fn flag(
        &mut self,
        flag: &str,
        key: &str,
        value: impl Into<String>,
    ) -> Result<(), ConfigError> {
        let origin = Origin::Flag(flag.to_owned());
        find(key, &origin)?;
        self.flags.insert(key.to_owned(), (value.into(), origin));
        Ok(())
    }

    /// Takes every `WHIMBREL_*` variable; an empty one counts as not set.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownKey`] for a variable that sets nothing, [`ConfigError::Misplaced`] for
    /// what no variable may set.
    pub fn environment(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        let spelt = |key: &str| format!("WHIMBREL_{}", key.to_uppercase().replace(['.', '-'], "_"));
        let ours = environment
            .iter()
            .filter(|(name, value)| name.starts_with("WHIMBREL_") && !value.is_empty());
        for (name, value) in ours {
            let origin = Origin::Environment(name.to_owned());
            if let Some(group) = name.strip_prefix("WHIMBREL_GROUPS_") {
                let key = format!("{GROUPS}{}", group.to_lowercase().replace('_', "-"));
                find(&key, &origin)?;
                self.environment.insert(key, (value.to_owned(), origin));
                continue;
            }
            let Some(key) = keys::all().find(|key| spelt(key.name) == name) else {
                let names: Vec<String> = keys::all().map(|key| spelt(key.name)).collect();
                let nearest = nearest(name, names.iter().map(String::as_str));
                return Err(ConfigError::UnknownKey { origin, key: name.to_owned(), nearest });
            };
            may_reach(key, None, &origin)?;
            self.environment.insert(key.name.to_owned(), (value.to_owned(), origin));
        }
        Ok(())
    }

    /// Reads the settings file.
    ///
    /// # Errors
    ///
    /// If it can't be read, is not TOML, or has a key that does not exist or not there.
    pub fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let table = DeTable::parse(&text).map_err(|error| ConfigError::NotToml {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let file = SettingsFile { path, text: &text };
        file.take_all(table.get_ref(), &mut self.file)
    }

    /// The value of a key that holds for every cloud, if it is not empty.
    pub(super) fn optional(&self, key: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.for_cloud(None).optional(key))
    }

    /// These layers as they hold for one cloud; `None` is the embedded one.
    pub fn for_cloud<'a>(&'a self, cloud: Option<&'a str>) -> View<'a> {
        View { layers: self, cloud }
    }
}

fn find(key: &str, origin: &Origin) -> Result<&'static Key, ConfigError> {
    if let Some(name) = key.strip_prefix(GROUPS).filter(|name| !is_group_name(name)) {
        return Err(ConfigError::BadGroup { origin: origin.clone(), name: name.to_owned() });
    }
    keys::find(key).ok_or_else(|| {
        let nearest = nearest(key, keys::all().map(|key| key.name));
        ConfigError::UnknownKey { origin: origin.clone(), key: key.to_owned(), nearest }
    })
}

/// Demands that `key` may be set for `cloud`, or for all of them.
fn may_reach(key: &Key, cloud: Option<&str>, origin: &Origin) -> Result<(), ConfigError> {
    let why = match (key.reach, cloud) {
        (Reach::All, Some(_)) => {
            "is the same for all clouds; write it above the first [table] of the file"
        }
        (Reach::One, None) => {
            "would hold for every cloud here; write it under [clouds.NAME] in whimbrel.toml, or \
             give the flag for a single run"
        }
        _ => return Ok(()),
    };
    Err(ConfigError::Misplaced { origin: origin.clone(), key: key.name, why })
}

type Values = BTreeMap<String, (String, Origin)>;

/// A settings file while it is read.
struct SettingsFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl SettingsFile<'_> {
    /// Takes the whole file; the tables under `clouds` are each a cloud's own.
    fn take_all(&self, table: &DeTable<'_>, into: &mut Values) -> Result<(), ConfigError> {
        for (name, value) in table {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("clouds", DeValue::Table(clouds)) => {
                    for (cloud, value) in clouds {
                        self.take(Some(cloud.get_ref()), "", cloud.span().start, value, into)?;
                    }
                }
                (name_text, _) => self.take(None, name_text, name.span().start, value, into)?,
            }
        }
        Ok(())
    }

    /// Takes what stands under `key`, which begins at the byte `start`.
    fn take(
        &self,
        cloud: Option<&str>,
        key: &str,
        start: usize,
        value: &Spanned<DeValue<'_>>,
        into: &mut Values,
    ) -> Result<(), ConfigError> {
        if let DeValue::Table(table) = value.get_ref() {
            for (name, value) in table {
                let dot = if key.is_empty() { "" } else { "." };
                let key = format!("{key}{dot}{}", name.get_ref());
                self.take(cloud, &key, name.span().start, value, into)?;
            }
            return Ok(());
        }
        let line = self.text[..start].matches('\n').count() + 1;
        let origin = Origin::File { path: self.path.to_owned(), line };
        may_reach(find(key, &origin)?, cloud, &origin)?;
        into.insert(in_file(cloud, key), (as_text(value.get_ref()), origin));
        Ok(())
    }
}

/// The name of a key of the file: a cloud's own, or that of all.
fn in_file(cloud: Option<&str>, key: &str) -> String {
    cloud.map_or_else(|| key.to_owned(), |cloud| format!("clouds.{cloud}.{key}"))
}

/// A TOML value as a flag would be written; a list is joined with commas.
fn as_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(items) => {
            items.iter().map(|item| as_text(item.get_ref())).collect::<Vec<_>>().join(",")
        }
        DeValue::Table(_) => String::new(),
    }
}

/// The layers as they hold for one cloud.
#[derive(Clone, Copy)]
pub struct View<'a> {
    layers: &'a Layers,
    cloud: Option<&'a str>,
}

impl View<'_> {
    /// The value of `key` with its origin; where nobody said anything that of the key which holds
    /// in its place, or else the default.
    pub(super) fn text(&self, key: &str) -> Setting {
        let Layers { flags, environment, file } = self.layers;
        let own = self.cloud.map(|cloud| in_file(Some(cloud), key));
        let said = flags
            .get(key)
            .or_else(|| environment.get(key))
            .or_else(|| own.and_then(|own| file.get(&own)))
            .or_else(|| file.get(key));
        let (value, origin) = said.cloned().unwrap_or_else(|| self.unsaid(key));
        Setting { key: key.to_owned(), value, origin }
    }

    fn unsaid(&self, key: &str) -> (String, Origin) {
        let key = keys::find(key).expect("only keys of the table are asked for");
        if let Some(name) = key.general {
            let Setting { value, origin, .. } = self.text(name);
            return (value, Origin::Key { name, origin: Box::new(origin) });
        }
        let default = if self.cloud.is_none() { key.embedded } else { key.elsewhere };
        (default.to_owned(), Origin::Default)
    }

    /// The value, if it is not empty.
    pub(super) fn optional(&self, key: &str) -> Option<String> {
        Some(self.text(key).value).filter(|value| !value.is_empty())
    }

    /// The value as `read` reads it.
    pub(super) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let mut setting = self.text(key);
        read(&setting.value).map_err(|right| {
            if let Origin::Key { name, origin } = setting.origin {
                (setting.key, setting.origin) = (name.to_owned(), *origin);
            }
            ConfigError::BadValue { setting: Box::new(setting), right }
        })
    }

    pub(super) fn duration(&self, key: &str) -> Result<Duration, ConfigError> {
        self.read(key, values::read_duration)
    }

    /// A time that may be left open.
    pub(super) fn optional_duration(&self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let open = self.text(key).value.is_empty();
        if open { Ok(None) } else { self.duration(key).map(Some) }
    }

    /// The keys of the groups that anybody set for this cloud, in order.
    pub(super) fn group_keys(&self) -> BTreeSet<String> {
        let Layers { flags, environment, file } = self.layers;
        let own = self.cloud.map(|cloud| in_file(Some(cloud), ""));
        let of_file = file
            .keys()
            .map(|key| own.as_ref().and_then(|own| key.strip_prefix(own.as_str())).unwrap_or(key));
        let said = flags.keys().chain(environment.keys()).map(String::as_str).chain(of_file);
        said.filter(|key| key.starts_with(GROUPS)).map(str::to_owned).collect()
    }

    pub(super) fn pace(&self, kind: &str) -> Result<Pace, ConfigError> {
        let key = |part: &str| format!("pace.{kind}.{part}");
        Ok(Pace {
            first: self.duration(&key("first"))?,
            growth: self.read(&key("growth"), values::growth)?,
            ceiling: self.duration(&key("ceiling"))?,
            jitter: self.read(&key("jitter"), values::share)?,
            limit: self.duration(&key("limit"))?,
        })
    }

    /// Where the target is controlled: at `control` itself, or where that is `lab`, at `control_url`.
    pub(super) fn control(&self) -> Result<Option<Url>, ConfigError> {
        match self.text("control").value.as_str() {
            "" => Ok(None),
            "lab" => self.read("control_url", values::control).map(Some),
            _ => self.read("control", values::control).map(Some),
        }
    }

    pub(super) fn limits(&self) -> Result<Limits, ConfigError> {
        Ok(Limits {
            at_once: self.read("request.at-once", values::count)?,
            per_second: self.read("request.per-second", values::rate)?,
        })
    }

    pub(super) fn retries(&self) -> Result<Retries, ConfigError> {
        Ok(Retries {
            identity: self.backoff("identity")?,
            compute: self.backoff("compute")?,
            image: self.backoff("image")?,
            network: self.backoff("network")?,
            placement: self.backoff("placement")?,
        })
    }

    fn backoff(&self, service: &str) -> Result<Backoff, ConfigError> {
        let key = |part: &str| format!("retry.{service}.{part}");
        let attempts = |text: &str| {
            values::count(text)
                .and_then(|count| count.try_into().map_err(|_| "fewer tries".to_owned()))
        };
        Ok(Backoff {
            attempts: self.read(&key("attempts"), attempts)?,
            total: self.duration(&key("total"))?,
            first: self.duration(&key("first"))?,
            growth: self.read(&key("growth"), values::growth)?,
            ceiling: self.duration(&key("ceiling"))?,
            jitter: self.read(&key("jitter"), values::share)?,
        })
    }
}
