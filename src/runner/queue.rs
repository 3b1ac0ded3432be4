//! The scenarios that wait to be started, and what they take of what there is not enough of.
//!
//! A resource is a name with a capacity: a group of scenarios, the instances that a quota leaves
//! room for. A scenario takes its amounts when it starts and gives them back when it has ended. The
//! next to start is the first in order that fits. What did not fit for want of a resource keeps
//! those behind it from that resource until it has started, so that small ones never starve a big
//! one, while those that want something else still pass.

use std::collections::{BTreeMap, VecDeque};

/// What a scenario takes while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The resource's name; one without a capacity in [`Settings`](super::Settings) has 1.
    pub resource: String,
    /// How much of it; what is more than there ever is counts as all of it.
    pub amount: usize,
}

/// The resource that a scenario tagged `@group(NAME)` takes 1 of.
pub fn group_resource(name: &str) -> String {
    format!("group {name}")
}

/// Scenarios in their order, until they start.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<Waiting<T>>,
    capacities: BTreeMap<String, usize>,
    resources: Vec<Resource>,
}

#[derive(Debug)]
struct Resource {
    name: String,
    capacity: usize,
    free: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    takes: Amounts,
    /// The resources that it found wanting; nobody behind it gets of them.
    awaited: Vec<usize>,
}

/// What of which resource, by index.
type Amounts = Vec<(usize, usize)>;

/// What a started scenario has taken, to be given back at its end.
#[derive(Debug)]
#[must_use]
pub(super) struct Taken(Amounts);

impl<T> Queue<T> {
    /// An empty queue for resources of these capacities.
    pub(super) fn new(capacities: &BTreeMap<String, usize>) -> Self {
        Self { waiting: VecDeque::new(), capacities: capacities.clone(), resources: Vec::new() }
    }

    /// Adds `item` behind all others.
    pub(super) fn add(&mut self, item: T, takes: &[Take]) {
        let mut amounts: BTreeMap<usize, usize> = BTreeMap::new();
        for take in takes.iter().filter(|take| take.amount > 0) {
            let amount = amounts.entry(self.index(&take.resource)).or_default();
            *amount = amount.saturating_add(take.amount);
        }
        let most = |(at, amount): (usize, usize)| (at, amount.min(self.resources[at].capacity));
        let takes = amounts.into_iter().map(most).collect();
        self.waiting.push_back(Waiting { item, takes, awaited: Vec::new() });
    }

    fn index(&mut self, name: &str) -> usize {
        let known = self.resources.iter().position(|resource| resource.name == name);
        known.unwrap_or_else(|| {
            let capacity = self.capacities.get(name).copied().unwrap_or(1);
            self.resources.push(Resource { name: name.to_owned(), capacity, free: capacity });
            self.resources.len() - 1
        })
    }

    /// The next that fits, with what it takes from now on.
    pub(super) fn next(&mut self) -> Option<(T, Taken)> {
        let mut closed = vec![false; self.resources.len()];
        let mut chosen = None;
        for (place, waiting) in self.waiting.iter_mut().enumerate() {
            let wanting =
                |&&(at, amount): &&(usize, usize)| closed[at] || self.resources[at].free < amount;
            let lacking: Vec<usize> =
                waiting.takes.iter().filter(wanting).map(|(at, _)| *at).collect();
            if lacking.is_empty() {
                chosen = Some(place);
                break;
            }
            for at in lacking {
                if !waiting.awaited.contains(&at) {
                    waiting.awaited.push(at);
                }
            }
            waiting.awaited.iter().for_each(|&at| closed[at] = true);
        }
        let Waiting { item, takes, .. } = self.waiting.remove(chosen?)?;
        takes.iter().for_each(|&(at, amount)| self.resources[at].free -= amount);
        Some((item, Taken(takes)))
    }

    /// Takes back what a scenario had that has ended.
    pub(super) fn give_back(&mut self, taken: Taken) {
        taken.0.into_iter().for_each(|(at, amount)| self.resources[at].free += amount);
    }

    /// Whether all have started.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes out all that have not started.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.waiting.drain(..).map(|waiting| waiting.item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of names, each with what it takes as `RESOURCE AMOUNT`.
    fn queue(
        capacities: &[(&str, usize)],
        items: &[(&'static str, &[(&str, usize)])],
    ) -> Queue<&'static str> {
        let capacities =
            capacities.iter().map(|(name, capacity)| ((*name).to_owned(), *capacity)).collect();
        let mut queue = Queue::new(&capacities);
        for (item, takes) in items {
            let take = |(resource, amount): &(&str, usize)| Take {
                resource: (*resource).to_owned(),
                amount: *amount,
            };
            queue.add(*item, &takes.iter().map(take).collect::<Vec<_>>());
        }
        queue
    }

    /// Starts all that fit.
    fn started(queue: &mut Queue<&'static str>) -> Vec<(&'static str, Taken)> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    fn names(started: &[(&'static str, Taken)]) -> Vec<&'static str> {
        started.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn as_many_start_as_fit_and_the_others_pass_nobody_by() {
        let mut queue = queue(
            &[("room", 10)],
            &[
                ("a", &[("room", 5)]),
                ("b", &[("room", 4)]),
                ("free", &[]),
                ("c", &[("room", 2)]),
                ("d", &[("room", 1)]),
            ],
        );
        let mut running = started(&mut queue);
        assert_eq!(names(&running), ["a", "b", "free"], "d waits behind c");
        queue.give_back(running.remove(1).1);
        assert_eq!(names(&started(&mut queue)), ["c", "d"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_big_one_is_not_starved_by_small_ones_that_keep_coming() {
        let mut queue =
            queue(&[("room", 2)], &[("small", &[("room", 1)]), ("big", &[("room", 2)])]);
        let mut running = started(&mut queue);
        assert_eq!(names(&running), ["small"]);
        queue.add("later", &[Take { resource: "room".to_owned(), amount: 1 }]);
        assert!(queue.next().is_none(), "room is kept for the big one");
        queue.give_back(running.remove(0).1);
        assert_eq!(names(&started(&mut queue)), ["big"]);
    }

    #[test]
    fn who_waits_for_one_thing_does_not_hold_up_those_who_want_another() {
        let mut queue = queue(
            &[("room", 4)],
            &[
                ("x1", &[("group x", 1), ("room", 2)]),
                ("x2", &[("group x", 1), ("room", 2)]),
                ("other", &[("room", 2)]),
            ],
        );
        let mut running = started(&mut queue);
        assert_eq!(names(&running), ["x1", "other"], "a group has room for one by default");
        // What x2 found wanting it keeps closed, also while it waits for the other thing.
        queue.add("x3", &[Take { resource: "group x".to_owned(), amount: 1 }]);
        queue.add("more", &[Take { resource: "room".to_owned(), amount: 3 }]);
        assert!(queue.next().is_none());
        queue.give_back(running.remove(0).1);
        assert_eq!(names(&started(&mut queue)), ["x2"]);
    }

    #[test]
    fn who_lacked_two_things_in_turn_is_not_passed_by_in_either() {
        let mut queue =
            queue(&[("a", 1), ("b", 1)], &[("has a", &[("a", 1)]), ("has b", &[("b", 1)])]);
        let mut running = started(&mut queue);
        let take = |resource: &str| Take { resource: resource.to_owned(), amount: 1 };
        queue.add("both", &[take("a"), take("b")]);
        queue.add("b again", &[take("b")]);
        assert!(queue.next().is_none());
        queue.give_back(running.remove(1).1);
        assert!(queue.next().is_none(), "b is kept for who wants both");
        queue.give_back(running.remove(0).1);
        assert_eq!(names(&started(&mut queue)), ["both"]);
    }

    #[test]
    fn who_wants_more_than_there_is_gets_all_of_it() {
        let mut queue = queue(&[("room", 3)], &[("huge", &[("room", 9), ("room", usize::MAX)])]);
        assert_eq!(names(&started(&mut queue)), ["huge"]);
    }
}
