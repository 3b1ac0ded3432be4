//! Feature files, found and loaded: from the disk, or from a tree that is built into the binary.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a user names: a file, a folder, or lines of a file as `path:12` or `path:12:30`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    path: String,
    lines: Vec<u32>,
}

impl FromStr for Input {
    type Err = std::convert::Infallible;

    /// Numbers behind the last colons are lines; what is left is the path, with `/` between its parts.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut path = text;
        let mut lines = Vec::new();
        while let Some((rest, Ok(line))) =
            path.rsplit_once(':').map(|(rest, line)| (rest, line.parse()))
        {
            lines.push(line);
            path = rest;
        }
        lines.reverse();
        let path = path.replace('\\', "/");
        let path = path.trim_start_matches("./").trim_end_matches('/');
        Ok(Self { path: if path.is_empty() { "." } else { path }.to_owned(), lines })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.lines.iter().try_for_each(|line| write!(f, ":{line}"))
    }
}

/// A feature file's text, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as reports show it: relative to where the run started, with `/`.
    pub uri: String,
    /// The text, without a byte order mark.
    pub text: String,
    /// The lines that the user named; empty: the whole file.
    pub lines: Vec<u32>,
}

/// Feature files that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The user named what is not there.
    #[error("there is no file or folder {input}{}", near(.beside))]
    Missing {
        /// As named, without lines.
        input: String,
        /// What stands where it was looked for and has a like name.
        beside: Vec<String>,
    },
    /// The user named lines of a folder.
    #[error("{0} is a folder; lines can be named of a file only, as in {0}/name.feature:12")]
    LinesOfFolder(String),
    /// A file or folder can't be read.
    #[error("{path} can't be read")]
    Unreadable {
        /// As reports show it.
        path: String,
        /// Why; `InvalidData` for a file that is not UTF-8.
        #[source]
        cause: io::Error,
    },
}

fn near(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// Loads the `*.feature` files that `inputs` name, seen from the folder `base`, in order of their
/// paths, each once. A file that is named itself may have any ending; hidden folders are left out.
///
/// # Errors
///
/// All that went wrong, not only the first thing.
pub fn find(base: &Path, inputs: &[Input]) -> Result<Vec<Source>, Vec<SourceError>> {
    let mut wanted = Wanted::default();
    let mut errors = Vec::new();
    for input in inputs {
        let path = base.join(&input.path);
        if path.is_dir() {
            if !input.lines.is_empty() {
                errors.push(SourceError::LinesOfFolder(input.path.clone()));
                continue;
            }
            let mut files = Vec::new();
            walk(base, &path, &mut files, &mut errors);
            for file in files {
                wanted.add(uri(base, &file), &[]);
            }
        } else if path.is_file() {
            wanted.add(uri(base, &path), &input.lines);
        } else if let Some(cause) = unreadable(&path) {
            errors.push(SourceError::Unreadable { path: input.path.clone(), cause });
        } else {
            errors.push(missing(input, &siblings(base, &path)));
        }
    }
    let mut sources = Vec::new();
    for (uri, lines) in wanted.0 {
        match fs::read(base.join(&uri)).and_then(text) {
            Ok(text) => sources.push(source(uri, &text, lines)),
            Err(cause) => errors.push(SourceError::Unreadable { path: uri, cause }),
        }
    }
    if errors.is_empty() { Ok(sources) } else { Err(errors) }
}

/// Picks what `inputs` name from `tree`, pairs of path and text; no inputs: all of it.
///
/// # Errors
///
/// All inputs that name nothing in the tree.
pub fn embedded<'a>(
    tree: impl IntoIterator<Item = (&'a str, &'a str)>,
    inputs: &[Input],
) -> Result<Vec<Source>, Vec<SourceError>> {
    let tree: BTreeMap<&str, &str> = tree.into_iter().collect();
    let mut wanted = Wanted::default();
    let mut errors = Vec::new();
    for input in inputs {
        let inside = format!("{}/", input.path);
        let files: Vec<&str> = tree
            .keys()
            .copied()
            .filter(|uri| *uri == input.path || uri.starts_with(&inside))
            .collect();
        if files.is_empty() {
            let names: Vec<String> = tree.keys().map(|&uri| uri.to_owned()).collect();
            errors.push(missing(input, &names));
        } else if !input.lines.is_empty() && !tree.contains_key(input.path.as_str()) {
            errors.push(SourceError::LinesOfFolder(input.path.clone()));
        }
        for uri in files {
            wanted.add(uri.to_owned(), &input.lines);
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(tree
        .into_iter()
        .filter_map(|(uri, text)| match wanted.0.remove(uri) {
            Some(lines) => Some(source(uri.to_owned(), text, lines)),
            None => inputs.is_empty().then(|| source(uri.to_owned(), text, Vec::new())),
        })
        .collect())
}

/// Files by path, with the lines that are wanted of them; a whole file wins over its lines.
#[derive(Default)]
struct Wanted(BTreeMap<String, Vec<u32>>);

impl Wanted {
    fn add(&mut self, uri: String, lines: &[u32]) {
        let known = self.0.get(&uri);
        let whole = lines.is_empty() || known.is_some_and(Vec::is_empty);
        let all = self.0.entry(uri).or_default();
        if whole {
            all.clear();
        } else {
            all.extend(lines);
        }
    }
}

/// Why what is there, and neither file nor folder, can't be read; `None`: nothing is there.
fn unreadable(path: &Path) -> Option<io::Error> {
    fs::symlink_metadata(path).ok()?;
    let why = match (fs::metadata(path), fs::read_link(path)) {
        (Err(error), Ok(to)) if error.kind() == ErrorKind::NotFound => {
            format!("it is a link to {}, and that is not there", to.display())
        }
        (Err(error), _) => return Some(error),
        (Ok(_), _) => "it is neither a file nor a folder".to_owned(),
    };
    Some(io::Error::other(why))
}

/// Text, or where it stops being text.
fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let what =
            format!("it is not UTF-8: byte {:#04x} in line {line}", error.as_bytes()[good.len()]);
        io::Error::new(ErrorKind::InvalidData, what)
    })
}

fn source(uri: String, text: &str, lines: Vec<u32>) -> Source {
    let text = text.trim_start_matches('\u{feff}').to_owned();
    Source { uri, text, lines }
}

fn walk(base: &Path, folder: &Path, files: &mut Vec<PathBuf>, errors: &mut Vec<SourceError>) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    match entries {
        Ok(entries) => {
            for entry in entries {
                let path = entry.path();
                let hidden = entry.file_name().to_string_lossy().starts_with('.');
                // A link to a folder is not followed: it may lead back here.
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    if !hidden {
                        walk(base, &path, files, errors);
                    }
                } else if path.extension().is_some_and(|ending| ending == "feature") {
                    files.push(path);
                }
            }
        }
        Err(cause) => errors.push(SourceError::Unreadable { path: uri(base, folder), cause }),
    }
}

fn uri(base: &Path, path: &Path) -> String {
    let path = path.strip_prefix(base).unwrap_or(path);
    let text = path.to_string_lossy().replace('\\', "/");
    text.trim_start_matches("./").to_owned()
}

fn siblings(base: &Path, path: &Path) -> Vec<String> {
    let folder = path.parent().unwrap_or(base);
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| uri(base, &entry.path()))
        .collect()
}

fn missing(input: &Input, names: &[String]) -> SourceError {
    let mut like: Vec<(f64, &String)> = names
        .iter()
        .map(|name| (strsim::jaro_winkler(name, &input.path), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    like.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    SourceError::Missing {
        input: input.path.clone(),
        beside: like.into_iter().take(3).map(|(_, name)| name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn input(text: &str) -> Input {
        match text.parse() {
            Ok(input) => input,
        }
    }

    #[test]
    fn numbers_behind_colons_are_lines() {
        let several = input("./features/a.feature:3:14");
        assert_eq!(several.path, "features/a.feature");
        assert_eq!(several.lines, [3, 14]);
        assert_eq!(several.to_string(), "features/a.feature:3:14");
        assert_eq!(input("odd:name").path, "odd:name");
    }

    #[test]
    fn a_folder_yields_its_feature_files_in_order_with_relative_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/two.feature", "a.feature", ".git/no.feature", "b/note.md"] {
            let path = folder.path().join("features").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "Feature: x").unwrap();
        }
        let found = find(folder.path(), &[input("features")]).unwrap();
        let uris: Vec<&str> = found.iter().map(|source| source.uri.as_str()).collect();
        assert_eq!(uris, ["features/a.feature", "features/b/two.feature"]);

        let named =
            find(folder.path(), &[input("features/a.feature:4"), input("features/a.feature:2")])
                .unwrap();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].lines, [4, 2]);
    }

    #[test]
    fn a_missing_path_names_its_like() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("boot.feature"), "Feature: x").unwrap();
        let errors = find(folder.path(), &[input("bot.feature"), input("q/w")]).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "there is no file or folder bot.feature; did you mean boot.feature?",
                "there is no file or folder q/w"
            ]
        );
    }

    #[test]
    fn what_is_there_and_can_not_be_read_says_why_and_offers_no_other_name() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("gone.feature", folder.path().join("l.feature")).unwrap();
        fs::write(folder.path().join("latin.feature"), b"Feature: x\n# na\xefve\n").unwrap();
        let inputs = [input("l.feature"), input("latin.feature")];
        let errors = find(folder.path(), &inputs).unwrap_err();
        let texts = errors.iter().map(|it| format!("{it}: {}", it.source().unwrap()));
        assert_eq!(
            texts.collect::<Vec<_>>(),
            [
                "l.feature can't be read: it is a link to gone.feature, and that is not there",
                "latin.feature can't be read: it is not UTF-8: byte 0xef in line 2",
            ]
        );
    }

    #[test]
    fn a_tree_in_the_binary_is_picked_from_by_the_same_names() {
        let tree = [("features/a.feature", "A"), ("features/live/b.feature", "B")];
        let uris = |inputs: &[Input]| -> Vec<String> {
            let sources = embedded(tree, inputs).unwrap();
            sources.into_iter().map(|source| source.uri).collect()
        };
        assert_eq!(uris(&[]).len(), 2);
        assert_eq!(uris(&[input("features/live")]), ["features/live/b.feature"]);
        assert_eq!(embedded(tree, &[input("features/live/b.feature:7")]).unwrap()[0].lines, [7]);
        assert!(embedded(tree, &[input("features/live:7")]).is_err());
        assert!(embedded(tree, &[input("features/c.feature")]).is_err());
    }
}
