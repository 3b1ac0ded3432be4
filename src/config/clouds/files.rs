//! Which files are read, in which order.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::node::{self, Map, Node, Place, Scalar};
use super::{Clouds, CloudsError, Environment, mapping};

/// Of variables with these names none makes a cloud: they choose one, or its files.
const SELECTORS: [&str; 5] = [
    "OS_CLOUD",
    "OS_REGION_NAME",
    "OS_CLIENT_CONFIG_FILE",
    "OS_CLIENT_SECURE_FILE",
    "OS_CLOUD_NAME",
];
/// Variables that begin like this belong to test tools.
const FOREIGN: [&str; 3] = ["OS_TEST", "OS_STD", "OS_LOG"];

/// A kind of file: its stem, and the variable that names one to be taken before all others.
struct Kind {
    stem: &'static str,
    variable: Option<&'static str>,
}

const CLOUDS: Kind = Kind { stem: "clouds", variable: Some("OS_CLIENT_CONFIG_FILE") };
const SECURE: Kind = Kind { stem: "secure", variable: Some("OS_CLIENT_SECURE_FILE") };
const PUBLIC: Kind = Kind { stem: "clouds-public", variable: None };

pub(super) fn find(environment: &Environment, cwd: &Path) -> Result<Clouds, CloudsError> {
    let folders = folders(environment, cwd);
    let mut search =
        Search { environment, folders: &folders, cwd, read: Vec::new(), skipped: Vec::new() };
    let described = search.first(&CLOUDS)?;
    let secrets = search.first(&SECURE)?;
    let public = search.first(&PUBLIC)?;

    let mut all = described.unwrap_or_else(|| empty(cwd));
    if let Some(secrets) = secrets {
        all.merge(secrets);
    }
    let clouds = top(&all, "clouds")?;
    let profiles = public.as_ref().map_or(Ok(Map::new()), |public| top(public, "public-clouds"))?;
    let name = environment.get("OS_CLOUD_NAME").unwrap_or("envvars").to_owned();
    let (read, skipped) = (search.read, search.skipped);
    Ok(Clouds {
        clouds,
        profiles,
        variables: (name, variables(environment)),
        read,
        looked: folders.iter().map(|folder| folder.join("clouds.yaml")).collect(),
        skipped,
        environment: environment.clone(),
    })
}

fn empty(cwd: &Path) -> Node {
    Node::Map(Map::new(), Place::File(cwd.into(), None))
}

fn top(document: &Node, key: &str) -> Result<Map, CloudsError> {
    match document {
        Node::Map(map, _) => Ok(mapping(map, key)?.cloned().unwrap_or_default()),
        other if other.is_null() => Ok(Map::new()),
        other => Err(CloudsError::Shape {
            place: other.place().clone(),
            key: key.to_owned(),
            is: other.shape().to_owned(),
            should: "a mapping with a name for each cloud",
        }),
    }
}

/// The folders in the order in which they are searched; the first file found ends the search.
fn folders(environment: &Environment, cwd: &Path) -> Vec<PathBuf> {
    let home = environment.get("HOME").map(PathBuf::from);
    let dot_config = home.map(|home| home.join(".config"));
    let user = environment.get("XDG_CONFIG_HOME").map(PathBuf::from).or(dot_config.clone());
    let site = environment.get("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
    let site = site.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let mut folders = vec![cwd.to_owned()];
    for folder in user.into_iter().chain(dot_config).chain(site).chain([PathBuf::from("/etc")]) {
        let folder = folder.join("openstack");
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// The cloud that the `OS_*` variables describe, if any does.
fn variables(environment: &Environment) -> Option<Map> {
    let ours = |name: &str| {
        name.starts_with("OS_") && !FOREIGN.iter().any(|foreign| name.starts_with(foreign))
    };
    let describes = environment.iter().any(|(name, _)| ours(name) && !SELECTORS.contains(&name));
    let chosen =
        |name: &str| ours(name) && (name == "OS_REGION_NAME" || !SELECTORS.contains(&name));
    describes.then(|| {
        environment
            .iter()
            .filter(|(name, _)| chosen(name))
            .map(|(name, value)| {
                let place = Place::Variable(name.to_owned());
                // A variable is a text already, so it can't be taken for anything else.
                let scalar = Scalar { text: value.to_owned(), plain: false, place };
                (name.trim_start_matches("OS_").to_lowercase(), Node::Scalar(scalar))
            })
            .collect()
    })
}

struct Search<'a> {
    environment: &'a Environment,
    folders: &'a [PathBuf],
    cwd: &'a Path,
    read: Vec<PathBuf>,
    skipped: Vec<String>,
}

impl Search<'_> {
    fn first(&mut self, kind: &Kind) -> Result<Option<Node>, CloudsError> {
        if let Some((variable, path)) =
            kind.variable.and_then(|name| Some((name, self.environment.get(name)?)))
        {
            let path = self.cwd.join(path);
            let text = std::fs::read_to_string(&path).map_err(|error| CloudsError::NamedFile {
                variable,
                path: path.clone(),
                why: error.to_string(),
            })?;
            return self.parsed(path, &text).map(Some);
        }
        for folder in self.folders {
            for extension in ["yaml", "yml", "json"] {
                let path = folder.join(format!("{}.{extension}", kind.stem));
                match std::fs::read_to_string(&path) {
                    Ok(text) => return self.parsed(path, &text).map(Some),
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::NotFound | ErrorKind::NotADirectory
                        ) => {}
                    Err(error) => {
                        self.skipped.push(format!("{} was skipped: {error}", path.display()))
                    }
                }
            }
        }
        Ok(None)
    }

    fn parsed(&mut self, path: PathBuf, text: &str) -> Result<Node, CloudsError> {
        let node = node::parse(&Arc::from(path.as_path()), text)?;
        self.read.push(path);
        Ok(node)
    }
}
