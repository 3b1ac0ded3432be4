//! Runs a plan: worker threads pull scenarios from one queue, the run can be cancelled, and what
//! happens is said as it happens.
//!
//! A World need not be `Send`, so a scenario stays on the thread that took it; the I/O below it is
//! done by the shared runtime. Deadlines and hooks of one scenario are in `scenario`.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, LocalSet};

use super::cancel::Cancelled;
use super::outcome::{Ended, Outcome, Verdict};
use super::panics;
use super::plan::{Plan, Planned, PlannedScenario};
use super::refusal::{Introduction, refuse};
use super::scenario::attempt;
use super::telling::Teller;
use crate::events::stream::Speaker;

/// What surrounds a scenario's steps. One value serves the whole run, from all its threads.
///
/// Where a method does not come back in time or panics, its future is dropped; a panic in one of
/// them is a bug of ours, and the run says so.
#[async_trait(?Send)]
pub trait Surroundings {
    /// What the steps are called with.
    type World: cucumber::World;

    /// Opens the scenario's cloud: hook [`TARGET`](crate::events::hooks::TARGET). What it made
    /// before it fails it removes itself, for there is no World yet to clean up with.
    async fn open(&self, scenario: &PlannedScenario) -> Result<Self::World, Failure>;

    /// Looks at the cloud's books before clean-up: hook [`BOOKS`](crate::events::hooks::BOOKS).
    /// Called after a failed step too, but not after one that was dropped.
    async fn books(&self, world: &mut Self::World) -> Result<(), Failure>;

    /// Removes or puts back what the scenario made or changed: hook
    /// [`CLEAN_UP`](crate::events::hooks::CLEAN_UP). Called whenever there is a World.
    async fn clean_up(&self, world: &mut Self::World) -> Result<(), Failure>;

    /// Looks for what is left after clean-up: hook
    /// [`LEFTOVERS`](crate::events::hooks::LEFTOVERS). Called whenever there is a World.
    async fn leftovers(&self, world: &mut Self::World) -> Result<(), Failure>;

    /// Attaches the evidence of a failure. Called once, at the scenario's first failure, while the
    /// step or hook that failed is still the current one. It should ask nothing of the cloud.
    async fn failed(&self, world: &mut Self::World);
}

/// Why a step or a hook failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong; the first line stands alone in short reports.
    pub message: String,
    /// The kind of the error, as reports group it.
    pub kind: String,
    /// `path:line` in our code, if there is one to look at.
    pub place: Option<String>,
    /// Frames below that place, if they are known.
    pub backtrace: Option<String>,
}

impl Failure {
    /// A failure without a place.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: kind.into(), place: None, backtrace: None }
    }
}

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Scenarios in flight at once, over all threads; default 64. Zero counts as one.
    pub concurrency: usize,
    /// Worker threads; default: one for each core, at most 8. Zero counts as one.
    pub workers: usize,
    /// How long one step, or one of the hooks before clean-up, may take; default 5 minutes.
    pub step_limit: Duration,
    /// How long a scenario may take from its opening to its last step; default 20 minutes.
    pub scenario_limit: Duration,
    /// How long clean-up may take, and how long the look for leftovers; default 2 minutes each.
    pub grace: Duration,
    /// Whether no more scenarios are started after one has failed; default no.
    pub fail_fast: bool,
    /// What the run says of itself before it begins.
    pub introduction: Introduction,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            concurrency: 64,
            workers: cores.min(8),
            step_limit: Duration::from_secs(5 * 60),
            scenario_limit: Duration::from_secs(20 * 60),
            grace: Duration::from_secs(2 * 60),
            fail_fast: false,
            introduction: Introduction::default(),
        }
    }
}

/// What all workers share.
pub(super) struct Shared<S: Surroundings> {
    pub(super) surroundings: Arc<S>,
    pub(super) settings: Settings,
    pub(super) teller: Teller,
    pub(super) cancelled: Cancelled,
    queue: Mutex<VecDeque<Planned<S::World>>>,
    enough: AtomicBool,
    ended: Mutex<Vec<(usize, Ended)>>,
    internal_errors: Mutex<Vec<String>>,
}

/// Runs `plan` and says everything to `speaker`, from `meta` to `testRunFinished`.
///
/// Blocks the calling thread until the last scenario is cleaned up, so call it from a thread that
/// no future needs. `runtime` must be running elsewhere: it drives timers and I/O. Scenarios tagged
/// `@serial` run one by one after all others. With problems in the plan nothing is run: see
/// [`refuse`].
pub fn run<S>(
    plan: Plan<S::World>,
    surroundings: Arc<S>,
    settings: Settings,
    speaker: Speaker,
    cancelled: Cancelled,
    runtime: &Handle,
) -> Outcome
where
    S: Surroundings + Send + Sync + 'static,
{
    if !plan.problems().is_empty() {
        return refuse(plan, None, &settings.introduction, speaker);
    }
    panics::install();
    let stray = panics::stray_count();
    let teller = Teller::new(speaker);
    teller.head(&plan, &settings.introduction);
    let Plan { planned, run_id, .. } = plan;
    let shared = Arc::new(Shared {
        surroundings,
        settings,
        teller,
        cancelled,
        queue: Mutex::default(),
        enough: AtomicBool::new(false),
        ended: Mutex::default(),
        internal_errors: Mutex::default(),
    });
    let (serial, parallel): (Vec<_>, Vec<_>) =
        planned.into_iter().partition(|planned| planned.scenario.is_serial());
    shared.drain(parallel, shared.settings.concurrency, runtime);
    shared.drain(serial, 1, runtime);
    let mut scenarios = std::mem::take(&mut *locked(&shared.ended));
    scenarios.sort_by_key(|(index, _)| *index);
    let mut internal_errors = std::mem::take(&mut *locked(&shared.internal_errors));
    internal_errors.extend(panics::stray_since(stray));
    let outcome = Outcome {
        scenarios: scenarios.into_iter().map(|(_, ended)| ended).collect(),
        problems: Vec::new(),
        interrupted: shared.cancelled.is_cancelled(),
        internal_errors,
    };
    shared.teller.run_finished(run_id, outcome.is_success(), outcome.ending());
    outcome
}

impl<S> Shared<S>
where
    S: Surroundings + Send + Sync + 'static,
{
    /// Runs all of `planned`, at most `concurrency` at once, and comes back when the last has ended.
    fn drain(
        self: &Arc<Self>,
        planned: Vec<Planned<S::World>>,
        concurrency: usize,
        runtime: &Handle,
    ) {
        let count = planned.len();
        let concurrency = concurrency.clamp(1, count.max(1));
        let workers = self.settings.workers.clamp(1, concurrency);
        locked(&self.queue).extend(planned);
        thread::scope(|scope| {
            let mut started = Vec::new();
            for worker in 0..workers {
                // The first workers take one more each where the division leaves a rest.
                let slots = concurrency / workers + usize::from(worker < concurrency % workers);
                let shared = self.clone();
                let work = move || {
                    let work = work(shared, worker, slots);
                    runtime.block_on(LocalSet::new().run_until(work));
                };
                let name = format!("scenarios-{worker}");
                match thread::Builder::new().name(name).spawn_scoped(scope, work) {
                    Ok(thread) => started.push(thread),
                    Err(error) => {
                        self.internal_error(format!("worker {worker} did not start: {error}"));
                    }
                }
            }
            for thread in started {
                // Its panic is among the stray ones; unless somebody looks, the scope panics too.
                if thread.join().is_err() {
                    self.internal_error("a worker broke; its scenarios are lost".to_owned());
                }
            }
        });
        for left in locked(&self.queue).drain(..) {
            self.not_started(&left.scenario);
        }
    }

    fn next(&self) -> Option<Planned<S::World>> {
        if self.cancelled.is_cancelled() || self.enough.load(Ordering::Relaxed) {
            return None;
        }
        locked(&self.queue).pop_front()
    }

    fn not_started(&self, scenario: &PlannedScenario) {
        let ended = ended(scenario, Verdict::NotStarted);
        locked(&self.ended).push((scenario.index, ended));
    }

    fn note(&self, index: usize, ended: Ended) {
        let failed = matches!(ended.verdict, Verdict::Failed { .. }) || ended.left_behind.is_some();
        if failed && self.settings.fail_fast {
            self.enough.store(true, Ordering::Relaxed);
        }
        locked(&self.ended).push((index, ended));
    }

    pub(super) fn internal_error(&self, error: String) {
        locked(&self.internal_errors).push(error);
    }
}

/// One worker: keeps up to `slots` scenarios going until there are no more.
async fn work<S>(shared: Arc<Shared<S>>, worker: usize, slots: usize)
where
    S: Surroundings + Send + Sync + 'static,
{
    let mut running = JoinSet::new();
    loop {
        while running.len() < slots {
            let Some(planned) = shared.next() else { break };
            running.spawn_local(one(shared.clone(), planned, worker));
        }
        match running.join_next().await {
            None => return,
            // Its panics are caught within, and nobody aborts it.
            Some(Err(error)) => shared.internal_error(error.to_string()),
            Some(Ok(())) => {}
        }
    }
}

async fn one<S>(shared: Arc<Shared<S>>, planned: Planned<S::World>, worker: usize)
where
    S: Surroundings + Send + Sync + 'static,
{
    let (index, place) = (planned.scenario.index, planned.scenario.place());
    let broken = ended(
        &planned.scenario,
        Verdict::Failed { at: place, message: "the runner itself panicked".to_owned() },
    );
    let attempt = AssertUnwindSafe(attempt(&shared, planned, worker)).catch_unwind();
    // Its panic is among the stray ones already.
    let ended = attempt.await.unwrap_or(broken);
    shared.note(index, ended);
}

pub(super) fn ended(scenario: &PlannedScenario, verdict: Verdict) -> Ended {
    Ended {
        place: scenario.place(),
        name: scenario.name().to_owned(),
        verdict,
        left_behind: None,
        took: Duration::ZERO,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
