//! Runs a plan: worker threads pull scenarios from one queue, the run can be cancelled, and what
//! happens is said as it happens.
//!
//! A World need not be `Send`, so a scenario stays on the thread that took it; the I/O below it is
//! done by the shared runtime. Deadlines and hooks of one scenario are in `scenario`.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

use super::cancel::Cancelled;
use super::outcome::{Ended, Outcome, Verdict};
use super::panics;
use super::plan::{Plan, Planned, PlannedScenario};
use super::queue::{Queue, Taken};
use super::refusal::{Introduction, refuse};
use super::scenario::attempt;
use super::stall::Watchdog;
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
    /// How long the run may take; then nothing more is started, and what runs is dropped, fails and
    /// is cleaned up. Default: any time.
    pub run_limit: Option<Duration>,
    /// How long a step may keep its thread before that is told; default 10 seconds.
    pub stall_limit: Duration,
    /// How much there is of what scenarios take ([`Take`](super::Take)); of what is not named here, 1.
    pub capacities: BTreeMap<String, usize>,
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
            run_limit: None,
            stall_limit: Duration::from_secs(10),
            capacities: BTreeMap::new(),
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
    pub(super) watchdog: Watchdog,
    /// When the run's time is over.
    deadline: Option<Instant>,
    queue: Mutex<Queue<Planned<S::World>>>,
    /// Wakes workers for which nothing fitted.
    given_back: Notify,
    enough: AtomicBool,
    /// Whether the run's deadline kept a scenario from starting or ended one.
    pub(super) too_late: AtomicBool,
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
        watchdog: Watchdog::new(settings.workers, settings.stall_limit, teller.speaker().clone()),
        deadline: settings.run_limit.and_then(|limit| Instant::now().checked_add(limit)),
        queue: Mutex::new(Queue::new(&settings.capacities)),
        given_back: Notify::new(),
        settings,
        teller,
        cancelled,
        enough: AtomicBool::new(false),
        too_late: AtomicBool::new(false),
        ended: Mutex::default(),
        internal_errors: Mutex::default(),
    });
    let (serial, parallel): (Vec<_>, Vec<_>) =
        planned.into_iter().partition(|planned| planned.scenario.is_serial());
    thread::scope(|scope| {
        let _stop = StopsWatching(&shared.watchdog);
        scope.spawn(|| shared.watchdog.watch());
        shared.drain(parallel, shared.settings.concurrency, runtime);
        shared.drain(serial, 1, runtime);
    });
    let mut scenarios = std::mem::take(&mut *locked(&shared.ended));
    scenarios.sort_by_key(|(index, _)| *index);
    let mut internal_errors = std::mem::take(&mut *locked(&shared.internal_errors));
    internal_errors.extend(panics::stray_since(stray));
    let scenarios: Vec<Ended> = scenarios.into_iter().map(|(_, ended)| ended).collect();
    let cut = shared.too_late.load(Ordering::Relaxed);
    let outcome = Outcome {
        scenarios,
        out_of_time: shared.settings.run_limit.filter(|_| cut),
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
        for planned in planned {
            let takes = planned.scenario.takes.clone();
            locked(&self.queue).add(planned, &takes);
        }
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
        for left in locked(&self.queue).drain() {
            self.not_started(&left.scenario);
        }
    }

    fn next(&self) -> Option<(Planned<S::World>, Taken)> {
        if self.is_over() { None } else { locked(&self.queue).next() }
    }

    /// Whether nothing more is started.
    fn is_over(&self) -> bool {
        if locked(&self.queue).is_empty() {
            return true;
        }
        let late = self.time_left().is_some_and(|left| left.is_zero());
        if late {
            self.too_late.store(true, Ordering::Relaxed);
        }
        late || self.cancelled.is_cancelled() || self.enough.load(Ordering::Relaxed)
    }

    /// What is left of the run's time; `None`: any.
    pub(super) fn time_left(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_duration_since(Instant::now()))
    }

    fn give_back(&self, taken: Taken) {
        locked(&self.queue).give_back(taken);
        self.given_back.notify_waiters();
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
        // Listens before it looks, so that nothing is given back unheard in between.
        let mut given_back = pin!(shared.given_back.notified());
        given_back.as_mut().enable();
        while running.len() < slots
            && let Some((planned, taken)) = shared.next()
        {
            running.spawn_local(one(shared.clone(), planned, taken, worker));
        }
        shared.watchdog.slot(worker).keeps(running.len());
        // Whatever does not fit now fits once all that runs has ended, here or on other threads.
        let waits = running.len() < slots && !shared.is_over();
        if running.is_empty() && !waits {
            return;
        }
        tokio::select! {
            Some(ended) = running.join_next() => if let Err(error) = ended {
                // Its panics are caught within, and nobody aborts it.
                shared.internal_error(error.to_string());
            },
            () = given_back, if waits => {}
        }
    }
}

/// Ends the watching when the run has, also by a panic.
struct StopsWatching<'a>(&'a Watchdog);

impl Drop for StopsWatching<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn one<S>(shared: Arc<Shared<S>>, planned: Planned<S::World>, taken: Taken, worker: usize)
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
    shared.give_back(taken);
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
