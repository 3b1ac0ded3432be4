//! The run for GitHub Actions: annotations, which its log and its pull requests show at the line
//! of a feature, and the summary of the step in Markdown.

mod annotation;
mod summary;

use std::path::{Component, Path, PathBuf};

pub use annotation::{SHOWN, annotations};
pub use summary::{LIMIT, summary};

/// Where the feature files of a run are in the repository.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The folder that the run's relative places start from.
    pub folder: PathBuf,
    /// The repository's root; `None`: the folder.
    pub root: Option<PathBuf>,
}

impl Checkout {
    /// A file as GitHub wants it: relative to the root, with `/`. What is not below the root stays
    /// as it is.
    fn path(&self, uri: &str) -> String {
        let file = plain(&self.folder.join(uri));
        let root = plain(self.root.as_ref().unwrap_or(&self.folder));
        match file.strip_prefix(root) {
            Ok(below) => below.to_string_lossy().replace('\\', "/"),
            Err(_) => uri.to_owned(),
        }
    }
}

/// A path without `.` and `..`; files are not asked, because a report may be read elsewhere.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
