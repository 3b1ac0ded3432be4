//! The lines at the bottom of a terminal: what runs just now and what it waits for; and, where there
//! is no terminal, a sign of life after a long silence.
//!
//! They are drawn below what is told for good, erased before the next of it is written, and drawn
//! again. One event makes one write, so nothing flickers.

use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr;

use crate::report::fold::{At, Verdict};
use crate::report::text::{Paint, ends_at, fitted, span, squeezed};

/// How many running scenarios are shown.
const SHOWN: usize = 8;
/// The shortest time between two drawings of the same lines.
const REST: Duration = Duration::from_millis(50);
/// The longest silence in a log, so that CI systems and their readers know that something goes on.
const SILENCE: Duration = Duration::from_secs(30);
/// The frames of a turning mark.
const TURNING: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

pub(super) struct Live {
    on: bool,
    width: usize,
    /// Rows of the terminal; lines above its first can't be erased.
    height: usize,
    paint: Paint,
    clock: fn() -> Instant,
    began: Instant,
    /// When something was last told for good.
    told_at: Instant,
    drawn_at: Option<Instant>,
    /// Lines that stand on the terminal now.
    drawn: usize,
    running: Vec<Running>,
    planned: usize,
    ended: usize,
    passed: usize,
    failed: usize,
    left_behind: usize,
    skipped: usize,
}

struct Running {
    at: At,
    since: Instant,
    name: String,
    /// Where it is written.
    place: String,
    /// Its step or hook, and since when it runs.
    step: Option<(String, Instant)>,
    /// Where that is written; empty for a hook.
    step_place: String,
    /// What that waits for, and since when that is so.
    waits: Option<(String, Instant)>,
}

impl Running {
    /// What it waits for, or else its step.
    fn doing(&self) -> &str {
        self.waits.as_ref().or(self.step.as_ref()).map_or("", |(doing, _)| doing)
    }
}

impl Live {
    pub(super) fn new(on: bool, width: usize, paint: Paint, clock: fn() -> Instant) -> Self {
        Self {
            on,
            width: width.max(20),
            height: usize::MAX,
            paint,
            clock,
            began: clock(),
            told_at: clock(),
            drawn_at: None,
            drawn: 0,
            running: Vec::new(),
            planned: 0,
            ended: 0,
            passed: 0,
            failed: 0,
            left_behind: 0,
            skipped: 0,
        }
    }

    pub(super) fn planned(&mut self, scenarios: usize) {
        self.planned = scenarios;
    }

    /// From now on the terminal has so many columns and rows.
    pub(super) fn fit(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width.max(20), height);
    }

    pub(super) fn begin(&mut self, at: At, name: String, place: String) {
        let since = (self.clock)();
        self.running.push(Running {
            at,
            since,
            name,
            place,
            step: None,
            step_place: String::new(),
            waits: None,
        });
    }

    /// The step or hook that runs from now on, and where it is written.
    pub(super) fn step(&mut self, at: At, step: String, place: Option<String>) {
        let now = (self.clock)();
        if let Some(running) = self.find(at) {
            running.step_place = place.map(|place| format!("  {place}")).unwrap_or_default();
            (running.step, running.waits) = (Some((step, now)), None);
        }
    }

    /// What the step waits for and saw last.
    pub(super) fn waits(&mut self, at: At, what: String) {
        let now = (self.clock)();
        if let Some(running) = self.find(at) {
            // Each look says what it saw, also where that is nothing new.
            let known = running.waits.take().filter(|(before, _)| *before == what);
            running.waits = known.or(Some((what, now)));
        }
    }

    fn find(&mut self, at: At) -> Option<&mut Running> {
        self.running.iter_mut().find(|own| own.at == at)
    }

    /// Who waits for what, for somebody who asks.
    pub(super) fn who_waits(&self) -> Vec<String> {
        let now = (self.clock)();
        let ago = |since: Instant| whole(now.saturating_duration_since(since));
        let mut lines = vec![self.counter(now).trim_start().to_owned()];
        for Running { since, name, place, step, step_place, waits, .. } in &self.running {
            lines.push(format!("  {name}  {place}, for {}", ago(*since)));
            if let Some((step, since)) = step {
                lines.push(format!("    {step}{step_place}, for {}", ago(*since)));
            }
            if let Some((what, since)) = waits {
                lines.push(format!("    waits for {what}, unchanged for {}", ago(*since)));
            }
        }
        lines
    }

    pub(super) fn end(&mut self, at: At, verdict: &Verdict, will_be_retried: bool) {
        self.running.retain(|own| own.at != at);
        if will_be_retried {
            return;
        }
        self.ended += 1;
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::LeftBehind => self.left_behind += 1,
            Verdict::Skipped(_) => self.skipped += 1,
            Verdict::Unfinished | Verdict::NotStarted => {}
        }
    }

    /// From now on nothing is drawn.
    pub(super) fn stop(&mut self) {
        self.running.clear();
        self.planned = 0;
    }

    /// `text` for good, with the live lines moved below it.
    pub(super) fn around(&mut self, text: &str) -> String {
        if text.is_empty() {
            return self.redrawn();
        }
        self.told_at = (self.clock)();
        format!("{}{text}{}", self.erased(), self.drawn())
    }

    /// What has run longest and what it waits for, if nothing was told for a long time; never on a
    /// terminal, where that is seen anyway.
    pub(super) fn sign_of_life(&mut self) -> String {
        let now = (self.clock)();
        let silent = now.saturating_duration_since(self.told_at) >= SILENCE;
        let Some(longest) = self.running.first().filter(|_| silent && !self.on) else {
            return String::new();
        };
        self.told_at = now;
        format!("  … {}: {}\n{}\n", longest.name, longest.doing(), self.counter(now))
    }

    /// The live lines anew, unless they were drawn just now.
    pub(super) fn redrawn(&mut self) -> String {
        let now = (self.clock)();
        let rests = self.drawn_at.is_some_and(|at| now.saturating_duration_since(at) < REST);
        if !self.on || rests {
            return String::new();
        }
        format!("{}{}", self.erased(), self.drawn())
    }

    fn erased(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            // Up to the first of them, then clear to the end of the screen.
            lines => format!("\x1b[{lines}F\x1b[J"),
        }
    }

    fn drawn(&mut self) -> String {
        if !self.on || self.planned == 0 {
            return String::new();
        }
        let now = (self.clock)();
        self.drawn_at = Some(now);
        let lines = self.lines(now);
        self.drawn = lines.len();
        // Without wrapping, a line stays one line on a terminal that has become narrower.
        format!("\x1b[?7l{}\n\x1b[?7h", lines.join("\n"))
    }

    fn lines(&self, now: Instant) -> Vec<String> {
        // Below them: how many more there are, the counter, and the row of the cursor.
        let room = SHOWN.min(self.height.saturating_sub(3));
        let shown = self.running.iter().take(room);
        let mut lines: Vec<String> = shown.map(|own| self.running_line(own, now)).collect();
        if self.running.len() > room {
            let more = format!("  … and {} more", self.running.len() - room);
            lines.push(self.paint.quiet(&more));
        }
        lines.push(self.counter(now));
        lines
    }

    fn running_line(&self, own: &Running, now: Instant) -> String {
        let turned = now.saturating_duration_since(self.began).as_millis() / 100;
        let turning = TURNING[usize::try_from(turned % 10).unwrap_or(0)];
        let since = whole(now.saturating_duration_since(own.since));
        let room = self.width.saturating_sub(since.width() + 9);
        let name_room = (room / 2).max(room.saturating_sub(own.doing().width()));
        let name = fitted(&own.name, name_room);
        // The end of a wait's line is the state that was seen last.
        let doing = squeezed(own.doing(), room.saturating_sub(name.width()));
        let plain = format!("  {turning} {name}  {doing}");
        let turning = self.paint.odd(turning);
        let line = format!("  {turning} {name}  {}", self.paint.quiet(&doing));
        ends_at(self.width - 1, &line, &plain, &since, str::to_owned)
    }

    /// How many are still to start.
    fn queued(&self) -> usize {
        self.planned.saturating_sub(self.ended + self.running.len())
    }

    fn counter(&self, now: Instant) -> String {
        let done = self.passed + self.failed + self.left_behind + self.skipped;
        let mut parts = vec![format!("{done} of {} done", self.planned)];
        let counts = [
            (self.passed, "passed"),
            (self.failed, "failed"),
            (self.left_behind, "left something behind"),
            (self.skipped, "skipped"),
            (self.running.len(), "running"),
            (self.queued(), "queued"),
        ];
        let told = counts.into_iter().filter(|&(count, _)| count > 0);
        parts.extend(told.map(|(count, what)| format!("{count} {what}")));
        parts.push(whole(now.saturating_duration_since(self.began)));
        let line = parts.join(" · ");
        format!("  {}", fitted(&line, self.width.saturating_sub(3)))
    }
}

/// Without fractions, which would only flicker.
fn whole(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        _ => span(time),
    }
}
