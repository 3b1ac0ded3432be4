//! What keeps a run from starting although it was asked for rightly: all of it, at once.

use std::collections::HashMap;
use std::fmt;

use gherkin::StepType;

use super::broken::Broken;
use super::catalogue::{Catalogue, Definition, Found};
use super::phrase::snippet;

/// Why nothing is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A feature file can't be read.
    Broken(Broken),
    /// No definition matches a step.
    Undefined {
        /// The step, with its keyword as written.
        step: String,
        /// Where it stands, `uri:line`, each place once.
        places: Vec<String>,
        /// Sentences that are most like it, each with the place of its definition.
        nearest: Vec<(String, String)>,
        /// A definition to start from.
        snippet: String,
    },
    /// More than one definition matches a step.
    Ambiguous {
        /// The step, with its keyword as written.
        step: String,
        /// Where it stands, `uri:line`, each place once.
        places: Vec<String>,
        /// The sentences that match, each with the place of its definition.
        matches: Vec<(String, String)>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Undefined { step, places, nearest, snippet } => {
                write!(f, "{}: no step is defined for `{step}`", places.join(", "))?;
                if !nearest.is_empty() {
                    f.write_str("\n  did you mean")?;
                    listed(f, nearest)?;
                    return Ok(());
                }
                f.write_str("\n  nothing is like it; a definition could start with")?;
                snippet.lines().try_for_each(|line| write!(f, "\n    {line}"))
            }
            Self::Ambiguous { step, places, matches } => {
                write!(f, "{}: `{step}` is defined more than once", places.join(", "))?;
                listed(f, matches)
            }
        }
    }
}

fn listed(f: &mut fmt::Formatter<'_>, sentences: &[(String, String)]) -> fmt::Result {
    sentences.iter().try_for_each(|(sentence, place)| write!(f, "\n    {sentence}  ({place})"))
}

/// Undefined and ambiguous steps, one problem for each sentence.
#[derive(Default)]
pub(super) struct Problems {
    pub(super) all: Vec<Problem>,
    known: HashMap<(StepType, String), usize>,
}

impl Problems {
    pub(super) fn note<W>(
        &mut self,
        catalogue: &Catalogue<W>,
        step: &gherkin::Step,
        found: &Found,
        uri: &str,
        line: u32,
    ) {
        if matches!(found, Found::One(..)) {
            return;
        }
        let place = format!("{uri}:{line}");
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
