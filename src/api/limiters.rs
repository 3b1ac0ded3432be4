//! One limiter for each cloud and project, however many sessions, scenarios and users go there.
//!
//! Nova has had no limiter of its own for years; the old one answered 413 with `Retry-After`.
//! Providers put proxies in front that count for a project or a user and answer 429, often with a
//! body that is no fault of Nova's: OVHcloud publishes 20 requests a second for compute, image and
//! network, and 60 a minute for identity. A suite that runs scenarios side by side meets such a
//! limit with all of them at once, so what one of them learns from a refusal holds for all.
//!
//! - At most [`Limits::at_once`] requests are on their way, at most [`Limits::per_second`] start.
//!   The others wait in the order of coming; their own deadlines begin when they are sent.
//! - After 429, or 413 with `Retry-After`, nothing is sent before `Retry-After` has passed (without
//!   one: the pause of the refused request's own retries), and then less at once and a second than
//!   was refused, growing evenly until the limit is lifted: see [`crate::wait::Limiter`].
//! - A pause longer than `retry.total` is not waited out: requests fail at once, unsent, and say so.
//! - A permit is held while one request is on its way and never while a login is waited for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use crate::wait::{Limiter, Limits};

/// The limiters of all who share them; clones are the same ones.
#[derive(Clone, Default)]
pub struct Limiters {
    limits: Limits,
    known: Arc<Mutex<HashMap<Key, Limiter>>>,
}

/// A cloud, by its identity service, and a project of it.
type Key = (Url, Option<String>);

impl Limiters {
    /// No limiter yet; each will begin with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, known: Arc::default() }
    }

    /// The limiter of a project of the cloud with this identity service. `None`: of what is asked
    /// there without a project or before it is known, the first login above all.
    pub(super) fn of(&self, cloud: &Url, project: Option<&str>) -> Limiter {
        let key = (cloud.clone(), project.map(str::to_owned));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert_with(|| Limiter::new(self.limits)).clone()
    }
}

impl fmt::Debug for Limiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Limiters({:?}, {} in use)", self.limits, known.len())
    }
}
