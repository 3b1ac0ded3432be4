//! What is still to happen: events in the order of their virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::build::BuildEvent;
use super::migration::MoveEvent;
use super::power::Task;
use crate::events::names::{MigrationNumber, ServerId};

/// Something that happens by itself when its time has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A request for instances reaches the scheduler.
    Schedule(Vec<ServerId>),
    /// A build goes on.
    Build(ServerId, BuildEvent),
    /// A live migration goes on.
    Move(MigrationNumber, MoveEvent),
    /// A task such as pausing is done.
    TaskDone(ServerId, Task),
    /// A deletion is done.
    Deleted(ServerId),
}

/// Which event an instance or migration waits for. An event whose ticket is no longer the one that
/// is waited for is stale: something else came first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// An event with its time and ticket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Virtual time since the cloud's start.
    pub at: Duration,
    /// In the order in which they were planned, which also orders what is due at once.
    pub ticket: Ticket,
    /// What happens.
    pub event: Event,
}

/// The events that are planned.
#[derive(Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Due>>,
    tickets: u64,
}

impl Queue {
    /// Plans `event` for the virtual time `at`.
    pub fn plan(&mut self, at: Duration, event: Event) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.heap.push(Reverse(Due { at, ticket, event }));
        ticket
    }

    /// Plans what was held back, under the ticket that it had.
    pub fn put_back(&mut self, due: Due) {
        self.heap.push(Reverse(due));
    }

    /// When the next event is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(due)| due.at)
    }

    /// Takes the next event if it is due at `now`.
    pub fn take_due(&mut self, now: Duration) -> Option<Due> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(due)| due)
    }
}
