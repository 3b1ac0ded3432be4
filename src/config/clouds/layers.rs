//! One cloud from its layers: profile < entry < region, with old spellings put right.

use std::collections::BTreeMap;

use super::node::{Map, Node, Place};
use super::{Clouds, CloudsError, mapping};

/// A cloud with all layers laid over each other and every key in its present spelling.
pub(super) struct Layered {
    pub(super) name: String,
    /// The files or variables that it comes from, for messages.
    pub(super) origin: String,
    pub(super) settings: Map,
    pub(super) auth: Map,
    pub(super) warnings: Vec<String>,
}

impl Layered {
    /// Where each value was written; keys of `auth` have that before them.
    pub(super) fn places(&self) -> BTreeMap<String, Place> {
        let settings = self.settings.iter().map(|(key, node)| (key.clone(), node));
        let auth = self.auth.iter().map(|(key, node)| (format!("auth.{key}"), node));
        settings.chain(auth).map(|(key, node)| (key, node.place().clone())).collect()
    }
}

/// Keys of `auth` that older files have at the top as well, with all their spellings in rising
/// order of weight. At the top they win over `auth` (openstacksdk, `_fix_backwards_auth`).
const MOVED: [(&str, &[&str]); 11] = [
    ("domain_id", &["domain_id"]),
    ("domain_name", &["domain_name"]),
    ("user_domain_id", &["user_domain_id"]),
    ("user_domain_name", &["user_domain_name"]),
    ("project_domain_id", &["project_domain_id"]),
    ("project_domain_name", &["project_domain_name"]),
    ("token", &["auth_token", "token"]),
    ("project_id", &["tenant_id", "project_id"]),
    ("project_name", &["tenant_name", "project_name"]),
    ("passcode", &["passcode"]),
    ("auth_methods", &["auth_methods"]),
];

/// Keys of `auth` that may stand at the top, where `auth` wins.
const ACCEPTED: [&str; 14] = [
    "auth_url",
    "username",
    "user_name",
    "user_id",
    "password",
    "default_domain_id",
    "default_domain_name",
    "trust_id",
    "system_scope",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "user",
    "endpoint",
];

pub(super) fn of(
    clouds: &Clouds,
    name: &str,
    region: Option<&str>,
) -> Result<Layered, CloudsError> {
    let (variables_name, variables) = &clouds.variables;
    let own = match (mapping(&clouds.clouds, name)?, variables) {
        (Some(_), Some(_)) if name == variables_name => {
            return Err(CloudsError::Unusable {
                cloud: name.to_owned(),
                origin: files(clouds),
                problem: "the OS_* variables make a cloud of the same name; rename this one, or set OS_CLOUD_NAME"
                    .to_owned(),
            });
        }
        (Some(own), _) => own.clone(),
        (None, Some(variables)) if name == variables_name => variables.clone(),
        // An entry without any keys is there, too.
        (None, _) if clouds.clouds.contains_key(name) => Map::new(),
        (None, _) => return Err(clouds.unknown(name)),
    };
    let own = underscored(own);
    let from_variables = name == variables_name;
    let origin = if from_variables { "OS_* variables".to_owned() } else { files(clouds) };

    let mut warnings = clouds.skipped.clone();
    let mut settings = profile(clouds, &own, &mut warnings, from_variables)?;
    // The entry's own region is not one of the profile's to choose from.
    if own.get("region_name").is_some_and(|region| !region.is_null()) {
        settings.remove("regions");
    }
    update(&mut settings, own);
    let values = choose_region(&mut settings, name, &origin, region)?;
    update(&mut settings, values);
    settings.retain(|_, value| !value.is_null());

    let mut settings = respelled(settings);
    let mut auth = mapping(&settings, "auth")?.cloned().unwrap_or_default();
    settings.remove("auth");
    auth.retain(|_, value| !value.is_null());
    gather_auth(&mut settings, &mut auth);
    spread_domain(&mut auth);
    Ok(Layered { name: name.to_owned(), origin, settings, auth, warnings })
}

fn files(clouds: &Clouds) -> String {
    clouds.read.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" + ")
}

/// The `clouds-public` entry that the cloud builds on.
fn profile(
    clouds: &Clouds,
    own: &Map,
    warnings: &mut Vec<String>,
    variables: bool,
) -> Result<Map, CloudsError> {
    // `cloud` is the old spelling; among the variables it is the one that chooses.
    let wanted = own.get("profile").or_else(|| own.get("cloud").filter(|_| !variables));
    let Some(Node::Scalar(wanted)) = wanted.filter(|node| !node.is_null()) else {
        return Ok(Map::new());
    };
    let found = mapping(&clouds.profiles, &wanted.text)?;
    if found.is_none() {
        let place = &wanted.place;
        warnings.push(format!(
            "{place}: no clouds-public file has a profile `{}`; the list built into openstacksdk is not known here",
            wanted.text
        ));
    }
    Ok(found.cloned().map(underscored).unwrap_or_default())
}

/// Keys in one spelling: `project-name` is `project_name`.
fn underscored(map: Map) -> Map {
    map.into_iter()
        .map(|(key, value)| {
            let value = match value {
                Node::Map(inner, place) => Node::Map(underscored(inner), place),
                other => other,
            };
            (key.replace('-', "_"), value)
        })
        .collect()
}

/// Lays `over` over `under`; `auth` key by key, everything else whole.
fn update(under: &mut Map, over: Map) {
    for (key, value) in over {
        if value.is_null() {
            continue;
        }
        match (key.as_str(), under.get_mut(&key)) {
            ("auth", Some(present)) => present.merge(value),
            _ => {
                under.insert(key, value);
            }
        }
    }
}

/// Sets `region_name` and gives back the settings that the region has of its own.
fn choose_region(
    settings: &mut Map,
    cloud: &str,
    origin: &str,
    wanted: Option<&str>,
) -> Result<Map, CloudsError> {
    let regions = match (settings.remove("regions"), settings.get("region_name")) {
        (Some(Node::List(regions, _)), _) => regions,
        (Some(other), _) if !other.is_null() => return Err(not_regions(&other)),
        (_, Some(Node::List(regions, _))) => regions.clone(),
        (_, Some(Node::Scalar(one))) => one
            .text
            .split(',')
            .map(|name| {
                let mut region = one.clone();
                name.trim().clone_into(&mut region.text);
                Node::Scalar(region)
            })
            .collect(),
        _ => Vec::new(),
    };
    let regions = regions.into_iter().map(region_entry).collect::<Result<Vec<_>, _>>()?;
    let chosen = match wanted {
        None => regions.into_iter().next(),
        Some(wanted) if regions.is_empty() => Some((given_region(wanted), Map::new())),
        Some(wanted) => {
            let known = regions.iter().map(|(node, _)| text(node)).collect::<Vec<_>>().join(", ");
            let chosen = regions.into_iter().find(|(node, _)| text(node) == wanted);
            Some(chosen.ok_or_else(|| CloudsError::Region {
                cloud: cloud.to_owned(),
                origin: origin.to_owned(),
                region: wanted.to_owned(),
                known,
            })?)
        }
    };
    let Some((name, values)) = chosen else {
        return Ok(Map::new());
    };
    settings.insert("region_name".to_owned(), name);
    Ok(values)
}

fn given_region(name: &str) -> Node {
    let place = Place::Variable("region given".to_owned());
    Node::Scalar(super::node::Scalar { text: name.to_owned(), plain: false, place })
}

fn text(node: &Node) -> &str {
    match node {
        Node::Scalar(scalar) => &scalar.text,
        _ => "",
    }
}

/// A region is a name, or a mapping with `name` and `values`.
fn region_entry(node: Node) -> Result<(Node, Map), CloudsError> {
    match node {
        Node::Scalar(_) => Ok((node, Map::new())),
        Node::Map(mut map, place) => {
            let values = mapping(&map, "values")?.cloned().map(underscored).unwrap_or_default();
            match map.remove("name") {
                Some(name @ Node::Scalar(_)) => Ok((name, values)),
                _ => Err(not_regions(&Node::Map(map, place))),
            }
        }
        other => Err(not_regions(&other)),
    }
}

fn not_regions(node: &Node) -> CloudsError {
    CloudsError::Shape {
        place: node.place().clone(),
        key: "regions".to_owned(),
        is: node.shape().to_owned(),
        should: "a list of names, or of mappings with `name` and `values`",
    }
}

/// Old names of keys outside `auth`: `endpoint_type` is `interface` and wins over it, `auth_plugin`
/// is `auth_type`, and a timeout of a single service counts for all.
fn respelled(settings: Map) -> Map {
    let mut fixed = Map::new();
    let (mut interfaces, mut timeout) = (Vec::new(), None);
    for (key, value) in settings {
        if let Some(service) = key.strip_suffix("endpoint_type") {
            interfaces.push((format!("{service}interface"), value));
        } else if key == "auth_plugin" {
            fixed.entry("auth_type".to_owned()).or_insert(value);
        } else if key.ends_with("timeout") && key != "timeout" && key != "api_timeout" {
            timeout = Some(value);
        } else {
            fixed.insert(key, value);
        }
    }
    fixed.extend(interfaces);
    if let Some(timeout) = timeout {
        fixed.insert("api_timeout".to_owned(), timeout);
    }
    fixed
}

/// Brings what belongs under `auth` there, whichever spelling and place it has.
fn gather_auth(settings: &mut Map, auth: &mut Map) {
    for (target, spellings) in MOVED {
        let mut value = None;
        for spelling in spellings {
            // The order matters: the later one wins, and the top wins over `auth`.
            value = auth.remove(*spelling).or(value);
            value = settings.remove(*spelling).or(value);
        }
        if let Some(value) = value {
            auth.insert(target.to_owned(), value);
        }
    }
    for key in ACCEPTED {
        if let Some(value) = settings.remove(key) {
            auth.entry(key.to_owned()).or_insert(value);
        }
    }
    if let Some(old) = auth.remove("user_name") {
        auth.entry("username".to_owned()).or_insert(old);
    }
}

/// For a project's scope one `domain_*` stands for the user's and the project's; without a
/// project it is the scope itself.
fn spread_domain(auth: &mut Map) {
    if !auth.contains_key("project_id") && !auth.contains_key("project_name") {
        return;
    }
    for kind in ["id", "name"] {
        if let Some(domain) = auth.remove(&format!("domain_{kind}")) {
            for owner in ["user", "project"] {
                auth.entry(format!("{owner}_domain_{kind}")).or_insert_with(|| domain.clone());
            }
        }
    }
}
