//! What lines call their feature files where scenarios of several of them end in turn.

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::UnicodeWidthStr;

use crate::report::fold::Run;
use crate::report::text::{clean_line, fitted};

/// Columns that a label may take.
const WIDEST: usize = 20;

/// The labels of a run's feature files, all equally wide.
#[derive(Default)]
pub(super) struct Labels {
    /// For how many scenarios they were made.
    scenarios: usize,
    by_uri: BTreeMap<String, String>,
}

impl Labels {
    /// What a line calls the feature file `uri`; `None` where there is only one.
    pub(super) fn of(&mut self, run: &Run, uri: &str) -> Option<&str> {
        if self.scenarios != run.scenarios.len() {
            self.scenarios = run.scenarios.len();
            self.by_uri = labels(run.scenarios.iter().map(|it| it.place.uri.as_str()).collect());
        }
        self.by_uri.get(uri).map(String::as_str)
    }
}

/// The name of each file without folder and ending; with its folder where another is called alike.
fn labels(uris: BTreeSet<&str>) -> BTreeMap<String, String> {
    if uris.len() < 2 {
        return BTreeMap::new();
    }
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for uri in &uris {
        *alike.entry(stem(uri)).or_default() += 1;
    }
    let short: BTreeMap<&str, String> = uris
        .into_iter()
        .map(|uri| {
            let only = alike[stem(uri)] == 1;
            let name = if only { stem(uri) } else { uri.trim_end_matches(".feature") };
            (uri, fitted(&clean_line(name), WIDEST).into_owned())
        })
        .collect();
    let width = short.values().map(|name| name.width()).max().unwrap_or(0);
    let padded = |name: String| format!("{name}{}", " ".repeat(width - name.width()));
    short.into_iter().map(|(uri, name)| (uri.to_owned(), padded(name))).collect()
}

fn stem(uri: &str) -> &str {
    let file = uri.rsplit('/').next().unwrap_or(uri);
    file.strip_suffix(".feature").unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_by_their_names_and_told_apart_by_their_folders() {
        let of = |uris: &[&'static str]| -> Vec<String> {
            labels(uris.iter().copied().collect()).into_values().collect()
        };
        assert_eq!(of(&["features/a.feature"]), [""; 0]);
        assert_eq!(
            of(&["features/booting.feature", "features/x/moving.feature"]),
            ["booting", "moving "]
        );
        assert_eq!(of(&["a/x.feature", "b/x.feature", "y.feature"]), ["a/x", "b/x", "y  "]);
        assert_eq!(
            of(&["a.feature", "a_name_that_goes_on_and_on.feature"])[1],
            "a_name_that_goes_on…"
        );
    }
}
