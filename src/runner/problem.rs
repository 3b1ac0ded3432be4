//! What keeps a run from starting although it was asked for rightly: all of it, at once.

use std::collections::HashMap;
use std::fmt;

use super::broken::Broken;
use super::catalogue::{Catalogue, Definition, Found};
use super::document::{CaseStep, Library};
use super::drawn::Shown;
pub use super::drawn::Spot;
use super::lines::{Mark, mark, tags};
use super::outline::Written;
use super::phrase::snippet;
use super::values::{WrongValue, placeholders};
use crate::config::GROUP_NAMES;
use crate::events::messages::Location;
use crate::events::parameter::ParameterType;

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
    /// A step would be defined if a value in it were right.
    BadValue {
        /// The value, with quotes if it has them.
        value: String,
        /// What it should be.
        parameter: &'static ParameterType,
        /// Where it stands, each place once: in the step, or in the row that it comes from.
        places: Vec<Spot>,
    },
    /// A step of an outline names a column that its Examples don't have.
    NoColumn {
        /// The name.
        column: String,
        /// Those that they have.
        known: Vec<String>,
        /// Where it is named, each place once.
        places: Vec<Spot>,
    },
    /// A table or doc string that no step would read.
    Unread {
        /// The step, with its keyword as written.
        step: String,
        /// `table` or `doc string`.
        what: &'static str,
        /// Where it begins, each place once.
        places: Vec<Spot>,
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
            Self::BadValue { value, parameter, places } => {
                let quoted = value.starts_with('"');
                let value = if quoted { value.clone() } else { format!("`{value}`") };
                (format!("{value} is no {}", parameter.noun), places, parameter.rule())
            }
            Self::NoColumn { column, known, places } => {
                let message = format!("the Examples have no column `{column}`");
                (message, places, format!("there are: {}", known.join(", ")))
            }
            Self::Unread { step, what, places } => {
                let help = format!("leave out the {what}; the sentence has to say it all");
                (format!("`{step}` takes no {what}"), places, help)
            }
            Self::BadGroup { tag, places } => {
                let help = format!("write @group(NAME); the name takes {GROUP_NAMES}");
                (format!("`{tag}` names no group"), places, help)
            }
        };
        Shown { message, spots: spots.clone(), help: Some(help) }
    }

    fn places_mut(&mut self) -> Option<&mut Vec<Spot>> {
        match self {
            Self::Broken(_) => None,
            Self::Undefined { places, .. }
            | Self::Ambiguous { places, .. }
            | Self::BadValue { places, .. }
            | Self::NoColumn { places, .. }
            | Self::Unread { places, .. }
            | Self::BadGroup { places, .. } => Some(places),
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

/// What is wrong with steps, one problem for each sentence or value, and tags of bad groups.
#[derive(Default)]
pub(super) struct Problems {
    all: Vec<Problem>,
    /// By kind and what is wrong.
    known: HashMap<(&'static str, String), usize>,
    /// Tags with their files.
    bad_groups: Vec<(String, String)>,
}

impl Problems {
    /// Notes what keeps `step`, of the file `uri`, from being run as `found`.
    pub(super) fn note<W>(
        &mut self,
        catalogue: &Catalogue<W>,
        step: &CaseStep,
        found: &Found,
        uri: &str,
    ) {
        let sentence = format!("{} {}", step.step.keyword.trim(), step.step.value);
        let key = format!("{:?} {}", step.step.ty, step.step.value);
        let shown = |definition: &Definition| (definition.phrase(), definition.place());
        match found {
            Found::One(index, _) => {
                let argument = step.written.argument;
                if let Some(location) = argument.filter(|_| !catalogue.entry(*index).reads) {
                    let what = if step.step.table.is_some() { "table" } else { "doc string" };
                    let unread = |places| Problem::Unread { step: sentence, what, places };
                    self.add((what, key), spot(uri, location, None), unread);
                }
            }
            Found::Several(indices) => {
                let ambiguous = |places| Problem::Ambiguous {
                    step: sentence,
                    places,
                    matches: indices
                        .iter()
                        .map(|&index| shown(&catalogue.entry(index).definition))
                        .collect(),
                };
                self.add(("ambiguous", key), spot(uri, step.location, None), ambiguous);
            }
            Found::Nothing => {
                let wrong = catalogue.wrong_values(&step.step.value);
                if wrong.is_empty() {
                    let text = &step.step.value;
                    let undefined = |places| Problem::Undefined {
                        step: sentence,
                        places,
                        nearest: catalogue.nearest(text).into_iter().map(shown).collect(),
                        snippet: snippet(&format!("{:?}", step.step.ty), text),
                    };
                    self.add(("undefined", key), spot(uri, step.location, None), undefined);
                }
                for wrong in wrong {
                    self.wrong_value(wrong, &step.written, uri);
                }
            }
        }
    }

    fn wrong_value(&mut self, wrong: WrongValue, written: &Written, uri: &str) {
        let (location, length) = written.place(wrong.span);
        let spot = spot(uri, location, Some(length));
        let WrongValue { value, parameter, .. } = wrong;
        let columns = written.columns.as_deref().unwrap_or_default();
        let unknown = |name: &&str| columns.iter().all(|column| column != name);
        let column = written.columns.as_ref().and_then(|_| placeholders(&value).find(unknown));
        match column.map(str::to_owned) {
            Some(column) => {
                let key = ("column", format!("{column} of {}", columns.join(", ")));
                let known = columns.to_vec();
                self.add(key, spot, |places| Problem::NoColumn { column, known, places });
            }
            None => {
                let key = ("value", format!("{value} {}", parameter.noun));
                self.add(key, spot, |places| Problem::BadValue { value, parameter, places });
            }
        }
    }

    /// Adds a problem, or the place to the one that is known by `key`.
    fn add(
        &mut self,
        key: (&'static str, String),
        spot: Spot,
        problem: impl FnOnce(Vec<Spot>) -> Problem,
    ) {
        let index = *self.known.entry(key).or_insert_with(|| {
            self.all.push(problem(Vec::new()));
            self.all.len() - 1
        });
        let places = self.all[index].places_mut();
        if let Some(places) = places.filter(|places| !places.contains(&spot)) {
            places.push(spot);
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
        for spot in all.iter_mut().filter_map(Problem::places_mut).flatten() {
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
                    length: None,
                };
                here.map(spot).collect::<Vec<_>>()
            });
            Problem::BadGroup { places: places.collect(), tag }
        }));
        all
    }
}

fn spot(uri: &str, location: Location, length: Option<u32>) -> Spot {
    Spot { uri: uri.to_owned(), location, line: String::new(), length }
}
