//! The step definitions of a World: to match sentences, to list them, to find the nearest ones.

use std::cell::OnceCell;
use std::cmp::Reverse;

use cucumber::codegen::{LazyRegex, StepConstructor, WorldInventory, inventory};
use cucumber::step::Location;
use gherkin::StepType;
use regex::Regex;

use super::phrase::{neutral, readable};
use super::values::{Loose, WrongValue};
use crate::events::messages::run::{Group, StepMatchArgument};

/// A step definition, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Given, When or Then, as its attribute says.
    pub keyword: &'static str,
    /// The regular expression that its sentence becomes; the expression itself is gone after
    /// cucumber's macros.
    pub pattern: String,
    /// The file, as the compiler was given it, with `/`.
    pub path: String,
    /// The line of its attribute.
    pub line: u32,
    /// The column of its attribute.
    pub column: u32,
}

impl Definition {
    /// The sentence as people would write it, with what varies as `…`.
    pub fn phrase(&self) -> String {
        let inner = self.pattern.trim_start_matches('^');
        readable(inner.strip_suffix('$').unwrap_or(inner))
    }

    /// `path:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// All step definitions of the World `W`, in the order of their places.
pub struct Catalogue<W>(Vec<Entry<W>>);

pub(super) struct Entry<W> {
    pub(super) definition: Definition,
    ty: StepType,
    regex: Regex,
    /// Made when it is first asked for, which most never are.
    loose: OnceCell<Option<Loose>>,
    /// Whether it reads a table or a doc string.
    pub(super) reads: bool,
    pub(super) function: cucumber::Step<W>,
}

/// What a sentence means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    Nothing,
    /// The definition's index, and what its groups caught.
    One(usize, Caught),
    Several(Vec<usize>),
}

/// What a pattern's groups caught of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Caught {
    /// For cucumber's step functions: the whole match, then each group, empty if it took no part.
    pub(super) matches: Vec<(Option<String>, String)>,
    /// For Messages.
    pub(super) arguments: Vec<StepMatchArgument>,
}

impl<W: WorldInventory> Catalogue<W> {
    /// Everything that cucumber's attributes registered for `W`.
    pub fn new() -> Self {
        let mut entries = Vec::new();
        for given in inventory::iter::<W::Given> {
            entries.push(entry(StepType::Given, given.inner()));
        }
        for when in inventory::iter::<W::When> {
            entries.push(entry(StepType::When, when.inner()));
        }
        for then in inventory::iter::<W::Then> {
            entries.push(entry(StepType::Then, then.inner()));
        }
        entries.sort_by(|a, b| {
            let key = |definition: &Definition| (definition.path.clone(), definition.line);
            key(&a.definition).cmp(&key(&b.definition))
        });
        Self(entries)
    }
}

impl<W: WorldInventory> Default for Catalogue<W> {
    fn default() -> Self {
        Self::new()
    }
}

fn entry<W>(ty: StepType, inner: (Location, LazyRegex, cucumber::Step<W>)) -> Entry<W> {
    let (location, regex, function) = inner;
    let regex = regex();
    Entry {
        definition: Definition {
            keyword: match ty {
                StepType::Given => "Given",
                StepType::When => "When",
                StepType::Then => "Then",
            },
            pattern: regex.as_str().to_owned(),
            path: location.path.replace('\\', "/"),
            line: location.line,
            column: location.column,
        },
        ty,
        regex,
        loose: OnceCell::new(),
        reads: false,
        function,
    }
}

impl<W> Catalogue<W> {
    /// Says that the steps of this sentence (see [`Definition::phrase`]) read the table or doc string
    /// below them. No others do: what a step's function takes is hidden in cucumber's closure.
    #[must_use]
    pub fn reading(mut self, phrase: &str) -> Self {
        for entry in &mut self.0 {
            entry.reads |= entry.definition.phrase() == phrase;
        }
        self
    }

    /// The definitions, by place.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.0.iter().map(|entry| &entry.definition)
    }

    pub(super) fn entry(&self, index: usize) -> &Entry<W> {
        &self.0[index]
    }

    /// What `text` means behind a keyword of type `ty`.
    ///
    /// A definition of the same keyword wins, as in cucumber's own runner, so that Given and Then
    /// may share a sentence. If there is none, the others count too, as in official Cucumber.
    pub(super) fn find(&self, ty: StepType, text: &str) -> Found {
        let hits: Vec<usize> =
            (0..self.0.len()).filter(|&index| self.0[index].regex.is_match(text)).collect();
        let (own, others): (Vec<usize>, Vec<usize>) =
            hits.into_iter().partition(|&index| self.0[index].ty == ty);
        let candidates = if own.is_empty() { self.without_twins(others) } else { own };
        match candidates[..] {
            [] => Found::Nothing,
            [index] => Found::One(index, self.caught(index, text)),
            _ => Found::Several(candidates),
        }
    }

    /// Two attributes on one function are two definitions. They are known by standing on adjacent
    /// lines with the same pattern: what a definition calls is hidden in a closure of its own.
    fn without_twins(&self, indices: Vec<usize>) -> Vec<usize> {
        let mut left: Vec<usize> = Vec::new();
        for index in indices {
            let this = &self.0[index].definition;
            let twin = left.last().is_some_and(|&before| {
                let before = &self.0[before].definition;
                before.pattern == this.pattern
                    && before.path == this.path
                    && this.line - before.line <= 2
            });
            if !twin {
                left.push(index);
            }
        }
        left
    }

    fn caught(&self, index: usize, text: &str) -> Caught {
        let regex = &self.0[index].regex;
        let captures = regex.captures(text);
        let groups: Vec<(Option<String>, Option<regex::Match<'_>>)> = regex
            .capture_names()
            .map(|name| name.map(str::to_owned))
            .enumerate()
            .map(|(at, name)| (name, captures.as_ref().and_then(|it| it.get(at))))
            .collect();
        let arguments = arguments(&groups[1..], text);
        let matches = groups
            .into_iter()
            .map(|(name, group)| (name, group.map_or("", |it| it.as_str()).to_owned()))
            .collect();
        Caught { matches, arguments }
    }

    /// The values that keep `text` from being a sentence that is known, by the definition of which
    /// it gets most right; empty if more than values do.
    pub(super) fn wrong_values(&self, text: &str) -> Vec<WrongValue> {
        let tried = self.0.iter().filter_map(|entry| {
            let loose = entry.loose.get_or_init(|| Loose::of(&entry.definition.pattern));
            let loose = loose.as_ref()?;
            Some((loose.parameters(), loose.wrong_in(text)?))
        });
        let best = tried.min_by_key(|(all, wrong)| (wrong.len(), Reverse(*all)));
        best.map(|(_, wrong)| wrong).unwrap_or_default()
    }

    /// The definitions whose sentences are most like `text`, the likest first, at most three.
    pub(super) fn nearest(&self, text: &str) -> Vec<&Definition> {
        let text = neutral(text);
        let mut like: Vec<(f64, &Definition)> = self
            .definitions()
            .map(|it| (strsim::sorensen_dice(&text, &it.phrase()), it))
            .filter(|(likeness, _)| *likeness >= 0.5)
            .collect();
        like.sort_by(|a, b| b.0.total_cmp(&a.0));
        like.dedup_by(|a, b| a.1.phrase() == b.1.phrase());
        like.into_iter().take(3).map(|(_, it)| it).collect()
    }
}

/// One argument for each parameter: the groups of one parameter are named `__N_…`, a group within
/// another is its child.
fn arguments(
    groups: &[(Option<String>, Option<regex::Match<'_>>)],
    text: &str,
) -> Vec<StepMatchArgument> {
    let mut arguments: Vec<StepMatchArgument> = Vec::new();
    let mut parameter: Option<&str> = None;
    let mut end = 0;
    for (name, found) in groups {
        let of = name.as_deref().and_then(parameter_number);
        let group = found.map_or_else(Group::default, |found| Group {
            start: u32::try_from(text[..found.start()].chars().count()).ok(),
            value: Some(found.as_str().to_owned()),
            children: None,
        });
        let same = of.is_some() && of == parameter;
        let within = found.is_some_and(|found| found.end() <= end && !found.is_empty());
        match arguments.last_mut() {
            Some(last) if same => {
                if last.group.value.as_ref().is_none_or(String::is_empty) {
                    last.group = group;
                }
            }
            Some(last) if within => last.group.children.get_or_insert_default().push(group),
            _ => arguments.push(StepMatchArgument { group, parameter_type_name: None }),
        }
        parameter = of;
        end = found.map_or(end, |found| end.max(found.end()));
    }
    arguments
}

fn parameter_number(name: &str) -> Option<&str> {
    name.strip_prefix("__")?.split('_').next()
}
