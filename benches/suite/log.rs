//! What a cloud's own log says of a run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::thread::JoinHandle;

/// The log of a cloud that runs, being read.
pub struct Log(JoinHandle<Vec<Entry>>);

/// A line of it.
enum Entry {
    Request { at: f64, method: String, path: String },
    Server { at: f64, state: String },
    Migration { at: f64, status: String },
}

impl Log {
    pub fn read(out: BufReader<ChildStdout>) -> Self {
        Self(std::thread::spawn(move || {
            out.lines().map_while(Result::ok).filter_map(|line| entry(&line)).collect()
        }))
    }

    /// All lines, once the cloud has ended.
    pub fn lines(self) -> Lines {
        Lines(self.0.join().expect("it only reads"))
    }
}

fn entry(line: &str) -> Option<Entry> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.first()?.parse().ok()?;
    Some(match words.as_slice() {
        [_, "server", _, state] => Entry::Server { at, state: (*state).to_owned() },
        [_, "migration", _, status, _] => Entry::Migration { at, status: (*status).to_owned() },
        [_, method, path, _, _, _] => {
            Entry::Request { at, method: (*method).to_owned(), path: (*path).to_owned() }
        }
        _ => return None,
    })
}

/// A log that is complete. Times are in seconds.
pub struct Lines(Vec<Entry>);

impl Lines {
    fn requests_to(&self, wanted: &str, part: &str) -> impl Iterator<Item = f64> {
        self.0.iter().filter_map(move |entry| match entry {
            Entry::Request { at, method, path } if method == wanted && path.contains(part) => {
                Some(*at)
            }
            _ => None,
        })
    }

    fn last_server(&self, wanted: &str) -> f64 {
        let at = self.0.iter().filter_map(|entry| match entry {
            Entry::Server { at, state } if state.starts_with(wanted) => Some(*at),
            _ => None,
        });
        at.fold(0.0, f64::max)
    }

    /// From the first request until the last instance was ACTIVE for the first time: no later than
    /// the first live migration.
    pub fn boots(&self) -> f64 {
        let moves = self.requests_to("POST", "/action").fold(f64::INFINITY, f64::min);
        let active = self.0.iter().filter_map(|entry| match entry {
            Entry::Server { at, state } if state.starts_with("ACTIVE/-") && *at < moves => {
                Some(*at)
            }
            _ => None,
        });
        active.fold(0.0, f64::max) - self.requests_to("POST", "/servers").fold(0.0, f64::min)
    }

    /// From the first live migration's request until the last record was completed.
    pub fn moves(&self) -> f64 {
        let completed = self.0.iter().filter_map(|entry| match entry {
            Entry::Migration { at, status } if status == "completed" => Some(*at),
            _ => None,
        });
        completed.fold(0.0, f64::max)
            - self.requests_to("POST", "/action").fold(f64::INFINITY, f64::min)
    }

    /// From the first deletion's request until the last instance was gone.
    pub fn deletes(&self) -> f64 {
        self.last_server("DELETED")
            - self.requests_to("DELETE", "/servers/").fold(f64::INFINITY, f64::min)
    }

    pub fn requests(&self) -> usize {
        self.0.iter().filter(|entry| matches!(entry, Entry::Request { .. })).count()
    }

    /// How many of each method and kind of path, the most frequent first.
    pub fn by_kind(&self) -> String {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for entry in &self.0 {
            if let Entry::Request { method, path, .. } = entry {
                let path = path.split('?').next().unwrap_or_default();
                let words = path.split('/').skip(1).map(|word| match word.len() {
                    32.. => "ID",
                    _ => word,
                });
                let words: Vec<&str> = words.collect();
                *kinds.entry(format!("{method} {}", words.join("/"))).or_default() += 1;
            }
        }
        let mut kinds: Vec<(String, usize)> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let kinds = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
        kinds.collect::<Vec<_>>().join(", ")
    }

    fn first_active(&self) -> f64 {
        let at = self.0.iter().filter_map(|entry| match entry {
            Entry::Server { at, state } if state.starts_with("ACTIVE/-") => Some(*at),
            _ => None,
        });
        at.fold(f64::INFINITY, f64::min)
    }

    /// The most lists of instances or records in any second from 1 s after the last create request
    /// to the first instance's becoming ACTIVE.
    pub fn busiest_second_of_waiting(&self) -> usize {
        let from = self.requests_to("POST", "/servers").fold(0.0, f64::max) + 1.0;
        let until = self.first_active();
        let lists = self.requests_to("GET", "/servers/detail");
        let mut lists: Vec<f64> = lists
            .chain(self.requests_to("GET", "/os-migrations"))
            .filter(|at| (from..until).contains(at))
            .collect();
        lists.sort_by(f64::total_cmp);
        let in_a_second =
            |first: &f64| lists.iter().filter(|at| (*first..first + 1.0).contains(*at)).count();
        lists.iter().map(in_a_second).max().unwrap_or(0)
    }

    /// From an instance's becoming ACTIVE to the next look at it, the longest. A list of instances
    /// looks at all.
    pub fn noticed(&self) -> f64 {
        let mut looks: Vec<f64> = self.requests_to("GET", "/servers/").collect();
        looks.sort_by(f64::total_cmp);
        let waits = self.0.iter().filter_map(|entry| match entry {
            Entry::Server { at, state } if state.starts_with("ACTIVE/-") => {
                let next = looks.partition_point(|look| look < at);
                looks.get(next).map(|look| look - at)
            }
            _ => None,
        });
        waits.fold(0.0, f64::max)
    }
}
