//! What can be wrong with the files and variables that describe a cloud.

use std::path::PathBuf;

use super::node::Place;

/// Why a cloud can't be used, in words that say where to look and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum CloudsError {
    /// `OS_CLIENT_CONFIG_FILE` or `OS_CLIENT_SECURE_FILE` names a file that is not there.
    /// (openstacksdk goes on to the next file without a word.)
    #[error("{variable} names {}, which can't be read: {why}", path.display())]
    NamedFile {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        why: String,
    },
    /// The file is no YAML or JSON. (openstacksdk skips such a file with a warning.)
    #[error("{place} can't be understood: {why}")]
    Syntax {
        /// File and line.
        place: Place,
        /// The parser's reason.
        why: String,
    },
    /// A value is of the wrong kind.
    #[error("{place}: `{key}` is {is}, but should be {should}")]
    Shape {
        /// Where it stands.
        place: Place,
        /// The key, with the cloud's name where there is one.
        key: String,
        /// What it is, never a secret.
        is: String,
        /// What would be right.
        should: &'static str,
    },
    /// The cloud lacks what its `auth_type` needs.
    #[error("cloud `{cloud}` ({origin}) has no {missing}: {help}")]
    Missing {
        /// The cloud's name.
        cloud: String,
        /// The files or variables that it comes from.
        origin: String,
        /// The key or keys.
        missing: String,
        /// What would be right.
        help: String,
    },
    /// The cloud asks for something that this program can't do, or for two things at once.
    #[error("cloud `{cloud}` ({origin}): {problem}")]
    Unusable {
        /// The cloud's name.
        cloud: String,
        /// The files or variables that it comes from.
        origin: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// There is no cloud of that name.
    #[error("{}", unknown(name, known, *variables, looked))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
        /// The cloud of the `OS_*` variables was asked for, and none of them is set.
        variables: bool,
        /// The file that was read, or all places that were looked at when there is none.
        looked: Vec<PathBuf>,
    },
    /// The region asked for is none of the cloud's.
    #[error("cloud `{cloud}` ({origin}) has no region `{region}`; its regions are: {known}")]
    Region {
        /// The cloud's name.
        cloud: String,
        /// The files or variables that it comes from.
        origin: String,
        /// The region that was asked for.
        region: String,
        /// The regions that there are.
        known: String,
    },
}

fn unknown(name: &str, known: &[String], variables: bool, looked: &[PathBuf]) -> String {
    let files: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
    if variables {
        return format!(
            "cloud `{name}` is made of the OS_* variables, but none is set (OS_AUTH_URL, OS_USERNAME, …)"
        );
    }
    if known.is_empty() {
        return format!(
            "there is no cloud `{name}`, because no cloud is described in {}",
            files.join(", ")
        );
    }
    let (files, names) = (files.join(", "), known.join(", "));
    let meant = nearest(name, known).map(|close| format!("; did you mean `{close}`?"));
    let meant = meant.unwrap_or_default();
    format!("there is no cloud `{name}` in {files}; there are: {names}{meant}")
}

/// The known name that is written most like `name`, if any is close.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let likeness = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    known
        .iter()
        .map(|other| (likeness(other), other.as_str()))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
