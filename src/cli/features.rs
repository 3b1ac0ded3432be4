//! Which feature files a run reads: those that were named, those of the folder `features`, or those
//! that are built into the binary.

use std::path::Path;

use include_dir::{Dir, include_dir};

use crate::runner::source::{self, Input};
use crate::runner::{Source, SourceError};

/// The folder that is read where nothing is named.
const FOLDER: &str = "features";

/// The features that this binary was built with.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/features");

/// The files that `paths` name; without any, those of the folder `features` in `folder`. Where there
/// is no such folder, the files built into the binary stand in for it, under the same names.
pub(super) fn sources(folder: &Path, paths: &[String]) -> Result<Vec<Source>, Vec<SourceError>> {
    let input = |text: &str| text.parse().unwrap_or_else(|never| match never {});
    let named: Vec<Input> = paths.iter().map(|path| input(path)).collect();
    if folder.join(FOLDER).is_dir() {
        return match named.as_slice() {
            [] => source::find(folder, &[input(FOLDER)]),
            named => source::find(folder, named),
        };
    }
    let ours = |input: &Input| input.to_string().starts_with(FOLDER);
    let (ours, theirs): (Vec<Input>, Vec<Input>) = named.into_iter().partition(ours);
    let mut found = source::find(folder, &theirs)?;
    if !ours.is_empty() || theirs.is_empty() {
        let built_in = built_in(&BUILT_IN);
        let tree = built_in.iter().map(|(path, text)| (path.as_str(), *text));
        found.extend(source::embedded(tree, &ours)?);
    }
    Ok(found)
}

/// Paths, as if they lay in the folder `features`, and texts.
fn built_in<'a>(folder: &'a Dir<'a>) -> Vec<(String, &'a str)> {
    let files =
        folder.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)));
    let own = files
        .filter(|(path, _)| path.ends_with(".feature"))
        .map(|(path, text)| (format!("{FOLDER}/{path}"), text));
    own.chain(folder.dirs().flat_map(built_in)).collect()
}
