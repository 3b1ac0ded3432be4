//! Scenarios of an earlier run, found again in files that may have changed since.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::document::{Case, Library};
use super::outcome::Ended;

/// A scenario as it is remembered from one run to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Remembered {
    /// The file, as reports show it.
    pub path: String,
    /// The line of the scenario, or of the outline's row.
    pub line: u32,
    /// Its name, with a row's values in.
    pub name: String,
}

impl From<&Ended> for Remembered {
    fn from(ended: &Ended) -> Self {
        let (path, line) = ended.place.rsplit_once(':').unwrap_or((&ended.place, ""));
        Self { path: path.to_owned(), line: line.parse().unwrap_or(0), name: ended.name.clone() }
    }
}

impl From<&Case> for Remembered {
    fn from(case: &Case) -> Self {
        Self {
            path: case.pickle.uri.clone(),
            line: case.pickle.location.map_or(0, |location| location.line),
            name: case.pickle.name.clone(),
        }
    }
}

impl Library {
    /// Narrows what may run to `remembered`, and returns those that can't be found any more.
    pub fn keep_only<'a>(&mut self, remembered: &'a [Remembered]) -> Vec<&'a Remembered> {
        let cases: Vec<Remembered> =
            self.documents.iter().flat_map(|it| &it.cases).map(Remembered::from).collect();
        let mut lines: HashMap<&str, Vec<u32>> = HashMap::new();
        let mut missing = Vec::new();
        for (remembered, found) in remembered.iter().zip(paired(remembered, &cases)) {
            match found {
                Some(at) => lines.entry(&cases[at].path).or_default().push(cases[at].line),
                None => missing.push(remembered),
            }
        }
        self.documents.retain_mut(|document| {
            let lines = lines.remove(document.source.uri.as_str());
            lines.map(|lines| document.source.lines = lines).is_some()
        });
        missing
    }
}

/// For each of `remembered` the index of what it is among `now`: the same file and name on the same
/// line, or, where lines have moved, on the nearest that keeps those of one name in their order.
pub fn paired(remembered: &[Remembered], now: &[Remembered]) -> Vec<Option<usize>> {
    let mut found = vec![None; remembered.len()];
    let (then, now_by) = (by_name(remembered), by_name(now));
    for (name, then) in then {
        let Some(now_here) = now_by.get(&name) else { continue };
        let line = |at: usize| now[at].line;
        let exact: Vec<Option<usize>> = then
            .iter()
            .map(|&at| now_here.iter().copied().find(|&it| line(it) == remembered[at].line))
            .collect();
        if exact.iter().all(Option::is_some) {
            then.iter().zip(exact).for_each(|(&at, is)| found[at] = is);
            continue;
        }
        let mut rest = now_here.as_slice();
        for (before, &at) in then.iter().enumerate() {
            // Those that come after this one need a place each.
            let after = then.len() - before - 1;
            let free = &rest[..rest.len().saturating_sub(after).max(rest.len().min(1))];
            let distance = |&(_, &it): &(usize, &usize)| line(it).abs_diff(remembered[at].line);
            let Some((index, &it)) = free.iter().enumerate().min_by_key(distance) else { break };
            found[at] = Some(it);
            rest = &rest[index + 1..];
        }
    }
    found
}

/// The indices of those with the same file and name, by line.
fn by_name(all: &[Remembered]) -> HashMap<(&str, &str), Vec<usize>> {
    let mut by_name: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (index, it) in all.iter().enumerate() {
        by_name.entry((&it.path, &it.name)).or_default().push(index);
    }
    by_name.values_mut().for_each(|indices| indices.sort_by_key(|&index| all[index].line));
    by_name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(scenarios: &[(&str, u32)]) -> Vec<Remembered> {
        let one = |(name, line): &(&str, u32)| Remembered {
            path: "a.feature".to_owned(),
            line: *line,
            name: (*name).to_owned(),
        };
        scenarios.iter().map(one).collect()
    }

    fn found(then: &[(&str, u32)], now: &[(&str, u32)]) -> Vec<Option<u32>> {
        let now = all(now);
        let lines = paired(&all(then), &now).into_iter().map(|at| at.map(|at| now[at].line));
        lines.collect()
    }

    #[test]
    fn a_scenario_is_found_where_it_was_or_where_it_moved() {
        assert_eq!(found(&[("x", 3)], &[("y", 3), ("x", 9)]), [Some(9)]);
        assert_eq!(found(&[("x", 3), ("gone", 7)], &[("x", 3), ("x", 4)]), [Some(3), None]);
    }

    #[test]
    fn rows_of_one_name_keep_their_order_when_they_move() {
        let now = [("row", 12), ("row", 13), ("row", 14)];
        assert_eq!(found(&[("row", 12), ("row", 14)], &now), [Some(12), Some(14)]);
        assert_eq!(found(&[("row", 10), ("row", 11)], &now), [Some(12), Some(13)]);
        let moved = [("row", 14), ("row", 15), ("row", 16)];
        assert_eq!(found(&[("row", 12), ("row", 14)], &moved), [Some(14), Some(15)]);
        assert_eq!(found(&[("row", 20), ("row", 21)], &now), [Some(13), Some(14)]);
        assert_eq!(found(&[("row", 1), ("row", 2)], &now[..1]), [Some(12), None]);
    }
}
