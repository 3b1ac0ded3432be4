//! One scenario: hooks and steps in order, each bounded, and clean-up whatever happened before.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::executor::{Failure, Shared, Surroundings, ended};
use super::hook::Hook;
use super::outcome::Ended;
use super::panics::{self, Panic, Unwound};
use super::plan::{Meaning, Planned, PlannedScenario};
use super::so_far::{End, Judged, Limit, SoFar};
use super::stall::Doing;
use crate::events::messages::run::{Exception, Status, TestStepResult};
use crate::events::outcome::{INTERRUPTED, PANIC};
use crate::events::stream::Stage;
use crate::wait;

/// Runs one scenario from `testCaseStarted` to `testCaseFinished`.
pub(super) async fn attempt<S>(
    shared: &Shared<S>,
    planned: Planned<S::World>,
    worker: usize,
) -> Ended
where
    S: Surroundings + Send + Sync + 'static,
{
    let Planned { scenario, meanings } = planned;
    let started = Instant::now();
    shared.teller.case_started(&scenario, Some(worker));
    let stage = Stage::new(shared.teller.speaker().clone(), scenario.started_id.as_str());
    let attempt = Attempt {
        shared,
        scenario: &scenario,
        stage: stage.clone(),
        worker,
        started,
        so_far: SoFar::default(),
    };
    let so_far = match &scenario.skip {
        Some(reason) => attempt.skip(reason),
        None => stage.during(attempt.run(meanings)).await,
    };
    shared.teller.case_finished(&scenario);
    Ended {
        left_behind: so_far.left_behind.clone(),
        took: started.elapsed(),
        ..ended(&scenario, so_far.verdict())
    }
}

struct Attempt<'a, S: Surroundings> {
    shared: &'a Shared<S>,
    scenario: &'a PlannedScenario,
    stage: Stage,
    worker: usize,
    started: Instant,
    so_far: SoFar,
}

impl<S> Attempt<'_, S>
where
    S: Surroundings + Send + Sync + 'static,
{
    /// The target can't run it: everything is skipped, the first hook with the reason.
    fn skip(self, reason: &str) -> SoFar {
        self.not_run(self.scenario.hook_step(Hook::Needs), Some(reason));
        self.not_run(self.scenario.hook_step(Hook::Target), None);
        for step in &self.scenario.steps {
            self.not_run(&step.id, None);
        }
        for hook in [Hook::Books, Hook::CleanUp, Hook::Leftovers] {
            self.not_run(self.scenario.hook_step(hook), None);
        }
        SoFar { skipped: Some(reason.to_owned()), ..SoFar::default() }
    }

    async fn run(mut self, meanings: Vec<Meaning<S::World>>) -> SoFar {
        let needs = self.scenario.hook_step(Hook::Needs);
        self.shared.teller.step_started(self.scenario, needs);
        self.finish(needs, Duration::ZERO, &Judged::Passed);
        let mut world = self.open().await;
        for (step, meaning) in self.scenario.steps.iter().zip(meanings) {
            match (&mut world, meaning) {
                (Some(world), Meaning::Defined(call)) if self.so_far.goes_on() => {
                    let sentence = format!("{} {}", step.keyword, step.text);
                    let began = self.begin(&step.id);
                    let what = format!(
                        "{sentence}  {}:{}  {}",
                        self.scenario.pickle.uri, step.line, call.place
                    );
                    let call_step = (call.function)(world, call.context);
                    let end = self.bounded(what, self.limit(), call_step).await;
                    let judged = self.judge_step(end, &call.place, &sentence);
                    self.note(&judged, sentence);
                    self.evidence(world, &judged).await;
                    self.finish(&step.id, began.elapsed(), &judged);
                }
                _ => self.not_run(&step.id, None),
            }
        }
        self.after(world).await;
        self.so_far
    }

    async fn open(&mut self) -> Option<S::World> {
        let id = self.scenario.hook_step(Hook::Target);
        let began = self.begin(id);
        let surroundings = &self.shared.surroundings;
        let opening = surroundings.open(self.scenario);
        let end = self.bounded(hook_words(Hook::Target), self.limit(), opening).await;
        let (world, end) = match end {
            End::Done(Ok(world)) => (Some(world), End::Done(Ok(()))),
            End::Done(Err(failure)) => (None, End::Done(Err(failure))),
            End::Unwound(unwound) => (None, End::Unwound(unwound)),
            End::TimedOut(limit) => (None, End::TimedOut(limit)),
            End::Cancelled => (None, End::Cancelled),
        };
        let judged = self.judge_hook(Hook::Target, end);
        self.note(&judged, Hook::Target.name().to_owned());
        self.finish(id, began.elapsed(), &judged);
        world
    }

    /// The hooks behind the steps.
    async fn after(&mut self, world: Option<S::World>) {
        let Some(mut world) = world else {
            for hook in [Hook::Books, Hook::CleanUp, Hook::Leftovers] {
                self.not_run(self.scenario.hook_step(hook), None);
            }
            return;
        };
        let surroundings = self.shared.surroundings.clone();
        let grace = Limit::Grace(self.shared.settings.grace);
        if self.so_far.dropped || self.so_far.interrupted {
            self.not_run(self.scenario.hook_step(Hook::Books), None);
        } else {
            let began = self.begin(self.scenario.hook_step(Hook::Books));
            let limit = self.limit_of_run(Limit::Own(self.shared.settings.step_limit));
            let books = surroundings.books(&mut world);
            let end = self.bounded(hook_words(Hook::Books), limit, books).await;
            self.end_hook(Hook::Books, end, began, &mut world).await;
        }
        let began = self.begin(self.scenario.hook_step(Hook::CleanUp));
        let clean_up = surroundings.clean_up(&mut world);
        let end = self.bounded(hook_words(Hook::CleanUp), grace, clean_up).await;
        self.end_hook(Hook::CleanUp, end, began, &mut world).await;

        let began = self.begin(self.scenario.hook_step(Hook::Leftovers));
        let leftovers = surroundings.leftovers(&mut world);
        let end = self.bounded(hook_words(Hook::Leftovers), grace, leftovers).await;
        self.end_hook(Hook::Leftovers, end, began, &mut world).await;
        self.stage.enter(None);
    }

    async fn end_hook(
        &mut self,
        hook: Hook,
        end: End<Result<(), Failure>>,
        began: Instant,
        world: &mut S::World,
    ) {
        let judged = self.judge_hook(hook, end);
        match &judged {
            Judged::Failed(failure) if matches!(hook, Hook::CleanUp | Hook::Leftovers) => {
                let left = self.so_far.left_behind.get_or_insert_default();
                if !left.is_empty() {
                    left.push('\n');
                }
                left.push_str(&failure.message);
            }
            _ => self.note(&judged, hook.name().to_owned()),
        }
        self.evidence(world, &judged).await;
        self.finish(self.scenario.hook_step(hook), began.elapsed(), &judged);
    }

    /// How long the next step or hook may take: its own limit, or what is left of the scenario's or
    /// the run's.
    fn limit(&self) -> Limit {
        let settings = &self.shared.settings;
        let left = settings.scenario_limit.saturating_sub(self.started.elapsed());
        let own = settings.step_limit;
        self.limit_of_run(if left < own { Limit::Left(left) } else { Limit::Own(own) })
    }

    /// `limit`, or what is left of the run's, if that is less.
    fn limit_of_run(&self, limit: Limit) -> Limit {
        let left = self.shared.time_left().filter(|left| *left < limit.span());
        left.map_or(limit, Limit::Run)
    }

    /// Lets `future` run for at most `limit`, and, unless that is grace, until the run is cancelled.
    /// With no time left it is not begun.
    async fn bounded<T>(
        &self,
        what: String,
        limit: Limit,
        future: impl Future<Output = T>,
    ) -> End<T> {
        let span = limit.span();
        if span.is_zero() {
            return End::TimedOut(limit);
        }
        let doing = Doing {
            scenario: format!("{}  {}", self.scenario.name(), self.scenario.place()),
            what,
            limit: span,
            deadline: Instant::now().checked_add(span),
        };
        let future = panics::watch(future);
        let watched = self.shared.watchdog.watched(self.worker, doing, future);
        let watched = wait::deadline(span, watched);
        let cancelled = async {
            match limit {
                Limit::Grace(_) => std::future::pending().await,
                Limit::Own(_) | Limit::Left(_) | Limit::Run(_) => {
                    self.shared.cancelled.wait().await;
                }
            }
        };
        tokio::select! {
            biased;
            () = cancelled => End::Cancelled,
            end = watched => match end {
                Ok(Ok(value)) => End::Done(value),
                Ok(Err(unwound)) => End::Unwound(unwound),
                Err(_) => End::TimedOut(limit),
            },
        }
    }

    fn judge_step(&mut self, end: End<()>, definition: &str, sentence: &str) -> Judged {
        match end {
            End::Done(()) => Judged::Passed,
            End::Unwound(Unwound::Skip(skip)) => Judged::Skipped(skip.0),
            // cucumber's macro panics for a step that returned an error, at its attribute: the
            // frames below are the runner's, and no news.
            End::Unwound(Unwound::Panic(panic)) if panic.place.as_deref() == Some(definition) => {
                Judged::Failed(failure("StepError", Panic { backtrace: None, ..panic }))
            }
            End::Unwound(Unwound::Panic(panic)) => Judged::Failed(failure(PANIC, panic)),
            End::TimedOut(limit) => {
                self.so_far.dropped = true;
                let message = self.timed_out(limit, &format!("step `{sentence}`"));
                Judged::Failed(Failure {
                    place: Some(definition.to_owned()),
                    ..Failure::new("timeout", message)
                })
            }
            End::Cancelled => {
                self.so_far.dropped = true;
                Judged::Cancelled
            }
        }
    }

    fn judge_hook(&self, hook: Hook, end: End<Result<(), Failure>>) -> Judged {
        match end {
            End::Done(Ok(())) => Judged::Passed,
            End::Done(Err(failure)) => Judged::Failed(failure),
            End::Unwound(Unwound::Skip(skip)) => Judged::Skipped(skip.0),
            End::Unwound(Unwound::Panic(panic)) => {
                let failure = failure(PANIC, panic);
                let place = failure.place.as_deref().unwrap_or("an unknown place");
                self.shared.internal_error(format!(
                    "hook {}: panic at {place}: {}",
                    hook.name(),
                    failure.message
                ));
                Judged::Failed(failure)
            }
            End::TimedOut(limit) => {
                let message = self.timed_out(limit, &format!("hook `{}`", hook.name()));
                Judged::Failed(Failure::new("timeout", message))
            }
            End::Cancelled => Judged::Cancelled,
        }
    }

    fn timed_out(&self, limit: Limit, what: &str) -> String {
        match limit {
            Limit::Own(span) | Limit::Grace(span) => {
                format!("timed out after {span:?}: {what} has not come back")
            }
            Limit::Left(_) => {
                let whole = self.shared.settings.scenario_limit;
                format!("timed out after {whole:?}, the whole scenario's limit, in {what}")
            }
            Limit::Run(_) => {
                self.shared.too_late.store(true, Ordering::Relaxed);
                let whole = self.shared.settings.run_limit.unwrap_or_default();
                format!("the run's deadline of {whole:?} has passed, in {what}")
            }
        }
    }

    fn note(&mut self, judged: &Judged, at: String) {
        match judged {
            Judged::Passed => {}
            Judged::Skipped(reason) => {
                self.so_far.skipped.get_or_insert_with(|| reason.clone());
            }
            Judged::Failed(failure) => {
                let failed = || (at, failure.message.clone());
                self.so_far.failed.get_or_insert_with(failed);
            }
            Judged::Cancelled => self.so_far.interrupted = true,
        }
    }

    /// Attaches evidence to the current step or hook, at the first failure.
    async fn evidence(&mut self, world: &mut S::World, judged: &Judged) {
        if !matches!(judged, Judged::Failed(_)) || self.so_far.evident {
            return;
        }
        self.so_far.evident = true;
        let surroundings = self.shared.surroundings.clone();
        let grace = Limit::Grace(self.shared.settings.grace);
        let end = self.bounded("its evidence".to_owned(), grace, surroundings.failed(world)).await;
        if let End::Unwound(Unwound::Panic(panic)) = end {
            let place = panic.place.unwrap_or_default();
            self.shared.internal_error(format!("evidence: panic at {place}: {}", panic.message));
        }
    }

    fn begin(&self, id: &str) -> Instant {
        self.stage.enter(Some(id.to_owned()));
        self.shared.teller.step_started(self.scenario, id);
        Instant::now()
    }

    fn finish(&self, id: &str, took: Duration, judged: &Judged) {
        let (status, message, exception) = match judged {
            Judged::Passed => (Status::Passed, None, None),
            Judged::Skipped(reason) => (Status::Skipped, Some(reason.clone()), None),
            Judged::Cancelled => (Status::Skipped, Some(INTERRUPTED.to_owned()), None),
            Judged::Failed(failure) => {
                (Status::Failed, Some(failure.message.clone()), Some(self.exception(id, failure)))
            }
        };
        let result = TestStepResult { duration: took.into(), status, message, exception };
        self.shared.teller.step_finished(self.scenario, id, result);
        self.stage.enter(None);
    }

    /// The failure with its frames: our code first, then the line of the feature.
    fn exception(&self, id: &str, failure: &Failure) -> Exception {
        let step = self.scenario.steps.iter().find(|step| step.id == id);
        let line = step.map_or(self.scenario.line(), |step| step.line);
        let mut trace = format!("{}: {}", failure.kind, failure.message);
        if let Some(place) = &failure.place {
            trace.push_str(&format!("\n    at {place}"));
        }
        trace.push_str(&format!("\n    at {}:{line}", self.scenario.pickle.uri));
        if let Some(backtrace) = &failure.backtrace {
            trace.push('\n');
            trace.push_str(backtrace.trim_end());
        }
        Exception {
            r#type: failure.kind.clone(),
            message: Some(failure.message.clone()),
            stack_trace: Some(trace),
        }
    }

    fn not_run(&self, id: &str, why: Option<&str>) {
        self.shared.teller.not_run(self.scenario, id, Status::Skipped, why);
    }
}

fn hook_words(hook: Hook) -> String {
    format!("hook `{}`", hook.name())
}

fn failure(kind: &str, panic: Panic) -> Failure {
    Failure {
        message: panic.message,
        kind: kind.to_owned(),
        place: panic.place,
        backtrace: panic.backtrace,
    }
}
