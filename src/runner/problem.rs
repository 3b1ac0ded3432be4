//! What keeps a run from starting although it was asked for rightly: all of it, at once.

use std::collections::HashMap;
use std::fmt;

use gherkin::StepType;

use super::broken::Broken;
use super::catalogue::{Catalogue, Definition, Found};
use super::document::Library;
use super::drawn::Shown;
pub use super::drawn::Spot;
use super::lines::{Mark, mark, tags};
use super::phrase::snippet;
use crate::config::GROUP_NAMES;
use crate::events::messages::Location;

/// Why nothing is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A feature file can't be read.
    Broken(Broken),
    /// No definition matches a step.
    Undefined {
        /// The step, with its keyword as written.
        step: String,
        /// Where it stands, each place once.
        places: Vec<Spot>,
        /// Sentences that are most like it, each with the place of its definition.
        nearest: Vec<(String, String)>,
        /// A definition to start from.
        snippet: String,
    },
    /// More than one definition matches a step.
    Ambiguous {
        /// The step, with its keyword as written.
        step: String,
        /// Where it stands, each place once.
        places: Vec<Spot>,
        /// The sentences that match, each with the place of its definition.
        matches: Vec<(String, String)>,
    },
    /// A tag that should name a group and does not.
    BadGroup {
        /// The tag, with `@`.
        tag: String,
        /// Where it stands in one file.
        places: Vec<Spot>,
    },
}

impl std::error::Error for Problem {}

impl Problem {
    pub(super) fn shown(&self) -> Shown {
        let (message, spots, help) = match self {
            Self::Broken(broken) => return broken.shown(),
            Self::Undefined { step, places, nearest, snippet } => {
                let help = if nearest.is_empty() {
                    let lines: Vec<String> =
                        snippet.lines().map(|line| format!("\n  {line}")).collect();
                    let snippet = lines.concat();
                    format!("nothing is like it; a definition could start with{snippet}")
                } else {
                    format!("did you mean{}", listed(nearest))
                };
                (format!("no step is defined for `{step}`"), places, help)
            }
            Self::Ambiguous { step, places, matches } => {
                let message = format!("`{step}` is defined more than once");
                (message, places, format!("defined by{}", listed(matches)))
            }
            Self::BadGroup { tag, places } => {
                let help = format!("write @group(NAME); the name takes {GROUP_NAMES}");
                (format!("`{tag}` names no group"), places, help)
            }
        };
        Shown { message, spots: spots.clone(), whole: true, help: Some(help) }
    }

    fn places_mut(&mut self) -> &mut [Spot] {
        match self {
            Self::Broken(_) => &mut [],
            Self::Undefined { places, .. }
            | Self::Ambiguous { places, .. }
            | Self::BadGroup { places, .. } => places,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(f)
    }
}

fn listed(sentences: &[(String, String)]) -> String {
    let line = |(sentence, place): &(String, String)| format!("\n  {sentence}  ({place})");
    sentences.iter().map(line).collect()
}

/// Undefined and ambiguous steps, one problem for each sentence, and tags of bad groups.
#[derive(Default)]
pub(super) struct Problems {
    all: Vec<Problem>,
    known: HashMap<(StepType, String), usize>,
    /// Tags with their files.
    bad_groups: Vec<(String, String)>,
}

impl Problems {
    pub(super) fn note<W>(
        &mut self,
        catalogue: &Catalogue<W>,
        step: &gherkin::Step,
        found: &Found,
        uri: &str,
        location: Location,
    ) {
        if matches!(found, Found::One(..)) {
            return;
        }
        let place = Spot { uri: uri.to_owned(), location, line: String::new() };
        let key = (step.ty, step.value.clone());
        let index = *self.known.entry(key).or_insert_with(|| {
            self.all.push(problem(catalogue, step, found));
            self.all.len() - 1
        });
        if let Problem::Undefined { places, .. } | Problem::Ambiguous { places, .. } =
            &mut self.all[index]
            && !places.contains(&place)
        {
            places.push(place);
        }
    }

    /// Notes a tag of the file `uri` that should name a group and does not.
    pub(super) fn bad_group(&mut self, tag: &str, uri: &str) {
        let known = (tag.to_owned(), uri.to_owned());
        if !self.bad_groups.contains(&known) {
            self.bad_groups.push(known);
        }
    }

    /// All of them, with the lines in which they stand.
    pub(super) fn placed_in(self, library: &Library) -> Vec<Problem> {
        let source =
            |uri: &str| library.documents.iter().map(|it| &it.source).find(|it| it.uri == uri);
        let mut all = self.all;
        for spot in all.iter_mut().flat_map(Problem::places_mut) {
            let line = (spot.location.line as usize).saturating_sub(1);
            let text = source(&spot.uri).and_then(|source| source.text.lines().nth(line));
            spot.line = text.unwrap_or_default().to_owned();
        }
        all.extend(self.bad_groups.into_iter().map(|(tag, uri)| {
            let text = source(&uri).map_or("", |source| source.text.as_str());
            let places = (1..).zip(text.lines()).flat_map(|(number, line)| {
                let here = if mark(line) == Mark::Tags { tags(line) } else { Vec::new() };
                let here = here.into_iter().filter(|(_, name)| *name == tag);
                let spot = |(column, _)| Spot {
                    uri: uri.clone(),
                    location: Location { line: number, column: Some(column) },
                    line: line.to_owned(),
                };
                here.map(spot).collect::<Vec<_>>()
            });
            Problem::BadGroup { places: places.collect(), tag }
        }));
        all
    }
}

fn problem<W>(catalogue: &Catalogue<W>, step: &gherkin::Step, found: &Found) -> Problem {
    let shown = |definition: &Definition| (definition.phrase(), definition.place());
    let sentence = format!("{} {}", step.keyword.trim(), step.value);
    match found {
        Found::Several(indices) => Problem::Ambiguous {
            step: sentence,
            places: Vec::new(),
            matches: indices
                .iter()
                .map(|&index| shown(&catalogue.entry(index).definition))
                .collect(),
        },
        _ => Problem::Undefined {
            step: sentence,
            places: Vec::new(),
            nearest: catalogue.nearest(&step.value).into_iter().map(shown).collect(),
            snippet: snippet(&format!("{:?}", step.ty), &step.value),
        },
    }
}
