//! Instance actions: what was asked of an instance, and what the cloud's services did for it.

use std::time::Duration;

use super::policy::Caller;

/// An action with its events, as `os-instance-actions` shows it.
#[derive(Clone, Debug)]
pub struct Action {
    /// `create`, `live-migration`, …
    pub name: &'static str,
    /// The request that asked for it.
    pub request_id: String,
    /// Who asked.
    pub user: String,
    /// For which project.
    pub project: String,
    /// Virtual time.
    pub started: Duration,
    /// Virtual time of the last change.
    pub updated: Duration,
    /// Whether one of its events failed; shown as message `Error`.
    pub failed: bool,
    /// What was done for it, oldest first.
    pub events: Vec<ActionEvent>,
}

/// One step of an action on one host.
#[derive(Clone, Debug)]
pub struct ActionEvent {
    /// `conductor_live_migrate_instance`, …
    pub name: &'static str,
    /// Where it ran.
    pub host: String,
    /// Virtual time.
    pub started: Duration,
    /// Virtual time; `None` while it runs, and for ever if its host died.
    pub finished: Option<Duration>,
    /// Whether it failed; meaningless before it is finished.
    pub failed: bool,
    /// Why it failed, for the operator.
    pub details: Option<String>,
}

impl Action {
    /// Whether all that was begun for it has ended.
    fn is_over(&self) -> bool {
        !self.events.is_empty() && self.events.iter().all(|event| event.finished.is_some())
    }
}

/// How many actions of an instance are remembered.
pub(super) const KEPT: usize = 250;

/// All actions of one instance, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Actions(Vec<Action>);

impl Actions {
    /// Opens an action; the oldest that is over goes if there are too many.
    pub fn open(&mut self, name: &'static str, by: &Caller, now: Duration) {
        if self.0.len() >= KEPT {
            // None is over where hosts died under them: then the oldest.
            let place = self.0.iter().position(Action::is_over).unwrap_or(0);
            self.0.remove(place);
        }
        self.0.push(Action {
            name,
            request_id: by.request_id.clone(),
            user: by.user.clone(),
            project: by.project.clone(),
            started: now,
            updated: now,
            failed: false,
            events: Vec::new(),
        });
    }

    /// Oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Action> {
        self.0.iter()
    }

    /// The action of a request.
    pub fn of_request(&self, request_id: &str) -> Option<&Action> {
        self.0.iter().find(|action| action.request_id == request_id)
    }

    /// Begins an event of the newest action called `action`.
    pub fn begin(&mut self, action: &str, event: &'static str, host: &str, now: Duration) {
        let Some(action) = self.newest(action) else {
            return;
        };
        action.updated = now;
        action.events.push(ActionEvent {
            name: event,
            host: host.to_owned(),
            started: now,
            finished: None,
            failed: false,
            details: None,
        });
    }

    /// Ends the newest unfinished event of that name; an error marks the action, too.
    pub fn end(&mut self, action: &str, event: &str, error: Option<&str>, now: Duration) {
        let Some(action) = self.newest(action) else {
            return;
        };
        let open = |known: &&mut ActionEvent| known.name == event && known.finished.is_none();
        let Some(found) = action.events.iter_mut().rev().find(open) else {
            return;
        };
        found.finished = Some(now);
        found.failed = error.is_some();
        found.details = error.map(str::to_owned);
        action.failed |= error.is_some();
        action.updated = now;
    }

    /// Begins and ends an event that takes no time.
    pub fn once(&mut self, action: &str, event: &'static str, host: &str, now: Duration) {
        self.begin(action, event, host, now);
        self.end(action, event, None, now);
    }

    fn newest(&mut self, name: &str) -> Option<&mut Action> {
        self.0.iter_mut().rev().find(|action| action.name == name)
    }
}
