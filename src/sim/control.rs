//! What a test may ask of a cloud beyond its API.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::clock::Shared;
use super::snapshot::Snapshot;
pub use super::state::{BuildPhase as BootPhase, FailStep, MigrationPhase};
use crate::events::names::{ComputeName, ServerId};

/// One of the cloud's services, by the path that it is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `/identity`
    Identity,
    /// `/compute`
    Compute,
    /// `/image`
    Image,
    /// `/network`
    Network,
    /// `/placement`
    Placement,
}

impl Service {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Identity, Self::Compute, Self::Image, Self::Network, Self::Placement];

    /// The first segment of its paths.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Compute => "compute",
            Self::Image => "image",
            Self::Network => "network",
            Self::Placement => "placement",
        }
    }
}

/// What is done to the next requests to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// They are answered with this status by something in front of the service, unhandled.
    Answer {
        /// The status code, e.g. 503.
        status: u16,
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// They are handled after this much real time.
    Delay(Duration),
    /// The connection is cut before they are handled.
    CutBefore,
    /// They are handled, and the connection is cut instead of an answer.
    CutAfter,
    /// They are handled, and the answer is replaced by this status, as a proxy does it that gave up.
    AnswerAfter {
        /// The status code, e.g. 504.
        status: u16,
    },
}

/// A disturbance with whom it meets.
#[derive(Clone, Debug)]
struct Planned {
    service: Service,
    method: Option<String>,
    left: usize,
    what: Disturbance,
}

/// What is planned, in the order in which it was asked for.
#[derive(Debug, Default)]
pub(super) struct Disturbances(Vec<Planned>);

impl Disturbances {
    /// What is to be done to this request.
    pub(super) fn take(&mut self, service: Service, method: &str) -> Option<Disturbance> {
        let meets = |planned: &Planned| {
            planned.service == service
                && planned.method.as_deref().is_none_or(|only| only == method)
        };
        let place = self.0.iter().position(meets)?;
        let planned = &mut self.0[place];
        let what = planned.what.clone();
        planned.left -= 1;
        if planned.left == 0 {
            self.0.remove(place);
        }
        Some(what)
    }
}

/// A handle on a running cloud; cheap to clone. It does nothing any more once the cloud stopped.
#[derive(Clone)]
pub struct Control(pub(super) Arc<Shared>);

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("base_url", &self.0.base_url).finish()
    }
}

impl Control {
    /// Keeps every live migration that is or comes in `phase` there until it is released.
    pub fn hold_migrations(&self, phase: MigrationPhase) {
        self.0.with(|state| state.hold_moves(phase));
    }

    /// Keeps the live migrations of one instance that are or come in `phase` there until they are
    /// released.
    pub fn hold_migrations_of(&self, id: &ServerId, phase: MigrationPhase) {
        self.0.with(|state| state.hold_moves_of(id, phase));
    }

    /// Lets the live migrations of one instance go on, as far as nothing holds all of them.
    pub fn release_migrations_of(&self, id: &ServerId) {
        self.0.with(|state| state.release_moves_of(id));
    }

    /// Lets all live migrations go on, also those of single instances.
    pub fn release_migrations(&self) {
        self.0.with(super::state::State::release_moves);
    }

    /// Keeps every build that is or comes in `phase` there until it is released.
    pub fn hold_boots(&self, phase: BootPhase) {
        self.0.with(|state| state.hold_boots(phase));
    }

    /// Lets all builds go on.
    pub fn release_boots(&self) {
        self.0.with(super::state::State::release_boots);
    }

    /// Makes the next live migration fail at `step`; asked for again, the one after that.
    pub fn fail_next_migration(&self, step: FailStep) {
        self.0.with(|state| state.fail_next_move(step, None));
    }

    /// Makes the next live migration of one instance fail at `step`.
    pub fn fail_next_migration_of(&self, id: &ServerId, step: FailStep) {
        self.0.with(|state| state.fail_next_move(step, Some(id.clone())));
    }

    /// Makes the next build fail on its first `computes` computes; 3 or more leave it in ERROR.
    pub fn fail_next_build(&self, computes: usize) {
        self.0.with(|state| state.fail_next_build(computes));
    }

    /// Takes a compute away as if its power failed; the cloud sees it at once. `false` if there is
    /// no such compute.
    pub fn compute_down(&self, name: &ComputeName) -> bool {
        self.0.with(|state| state.compute_down(name))
    }

    /// Brings a compute back; it cleans up what it had begun. `false` if there is no such compute.
    pub fn compute_up(&self, name: &ComputeName) -> bool {
        self.0.with(|state| state.compute_up(name))
    }

    /// Disturbs the next `requests` requests to a service, of one method only if it is given.
    pub fn disturb(
        &self,
        service: Service,
        method: Option<&str>,
        requests: usize,
        what: Disturbance,
    ) {
        if requests == 0 {
            return;
        }
        let planned = Planned { service, method: method.map(str::to_owned), left: requests, what };
        self.0.disturbances.lock().unwrap_or_else(PoisonError::into_inner).0.push(planned);
    }

    /// Takes back all disturbances.
    pub fn calm(&self) {
        self.0.disturbances.lock().unwrap_or_else(PoisonError::into_inner).0.clear();
    }

    /// What the cloud holds now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.with(|state| Snapshot::of(state))
    }

    /// Makes every token invalid now, as if it had expired.
    pub fn expire_tokens(&self) {
        self.0.with(|state| state.identity.revoke_all());
    }
}
