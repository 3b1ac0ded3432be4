//! The clouds that users describe for all OpenStack tools: `clouds.yaml`, `secure.yaml`,
//! `clouds-public.yaml` and `OS_*`, read by openstacksdk's rules.
//!
//! `http_proxy` and the like count as for openstacksdk, except that this machine is never asked
//! through a proxy. The environment is passed in, so that tests need none of their own. A cloud is always chosen
//! by name here; whether `OS_CLOUD` means anything is the caller's decision. Where openstacksdk
//! would guess, ignore or fail later, this is strict: a file that can't be parsed and a named file
//! that isn't there are errors, values under `auth` are always texts, and a user name without a
//! domain is refused at once. `tests/judges/clouds-yaml` compares both and lists every difference.

mod entry;
mod error;
mod files;
mod judge;
mod layers;
mod node;
mod proxies;
#[cfg(test)]
mod tests;
mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use entry::{
    ApplicationCredential, CloudEntry, Credential, Domain, Interface, Owned, Scope, Tls,
};
pub use error::CloudsError;
pub use node::Place;
pub use proxies::{Proxies, Proxy};
pub use told::Told;

use node::{Map, Node};

/// The environment variables of the process, or of a test.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// A variable's value; one that is set but empty counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables that are set and not empty, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Names only: among the values are passwords.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// All clouds that the user has described, not yet judged: a broken entry harms no other.
pub struct Clouds {
    clouds: Map,
    profiles: Map,
    /// The pseudo-cloud made of `OS_*`: its name (`envvars`, or `OS_CLOUD_NAME`) and values.
    variables: (String, Option<Map>),
    read: Vec<PathBuf>,
    looked: Vec<PathBuf>,
    skipped: Vec<String>,
    environment: Environment,
}

impl Clouds {
    /// Reads the first `clouds` file there is, the first `secure` file and the first
    /// `clouds-public` file, each searched for in `cwd`, the user's and the system's
    /// configuration folders; no file at all is fine.
    ///
    /// # Errors
    ///
    /// [`CloudsError::NamedFile`] or [`CloudsError::Syntax`]; a file that may not be read is
    /// skipped with a warning.
    pub fn find(environment: &Environment, cwd: &Path) -> Result<Self, CloudsError> {
        files::find(environment, cwd)
    }

    /// The names of the clouds in the files, and of the one made of `OS_*` if those are set.
    pub fn names(&self) -> Vec<String> {
        let variables = self.variables.1.as_ref().map(|_| self.variables.0.clone());
        self.clouds.keys().cloned().chain(variables).collect()
    }

    /// The files that were read.
    pub fn files(&self) -> &[PathBuf] {
        &self.read
    }

    /// The cloud called `name`, in its first region.
    ///
    /// # Errors
    ///
    /// See [`Self::cloud_in_region`].
    pub fn cloud(&self, name: &str) -> Result<CloudEntry, CloudsError> {
        self.cloud_in_region(name, None)
    }

    /// The cloud called `name`, in the region given, if its entry lists regions only in one of
    /// these. `envvars` is the cloud of the `OS_*` variables.
    ///
    /// # Errors
    ///
    /// [`CloudsError::Unknown`] lists the names that there are; the others say what is wrong
    /// with the entry and where.
    pub fn cloud_in_region(
        &self,
        name: &str,
        region: Option<&str>,
    ) -> Result<CloudEntry, CloudsError> {
        let layers = layers::of(self, name, region)?;
        let home = self.environment.get("HOME").map(Path::new);
        let mut entry = judge::judge(layers, home)?;
        proxies::add(&mut entry, &self.environment)?;
        Ok(entry)
    }

    fn unknown(&self, name: &str) -> CloudsError {
        let known = self.names();
        CloudsError::Unknown {
            name: name.to_owned(),
            variables: name == self.variables.0,
            looked: if self.read.is_empty() { self.looked.clone() } else { self.read.clone() },
            known,
        }
    }
}

/// A key's value as a mapping; nothing there counts as an empty one.
fn mapping<'a>(map: &'a Map, key: &str) -> Result<Option<&'a Map>, CloudsError> {
    match map.get(key) {
        Some(Node::Map(inner, _)) => Ok(Some(inner)),
        None => Ok(None),
        Some(node) if node.is_null() => Ok(None),
        Some(other) => Err(CloudsError::Shape {
            place: other.place().clone(),
            key: key.to_owned(),
            is: other.shape().to_owned(),
            should: "a mapping",
        }),
    }
}
