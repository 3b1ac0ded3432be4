//! The report on a terminal or in a CI log.
//!
//! Scenarios appear whole as they finish, under the name of their feature; a failure appears as
//! soon as its step has failed, while clean-up still runs, and once more in the list at the end.
//! On a terminal a few lines at the bottom show what runs just now and what it waits for.

mod ending;
mod labels;
mod lines;
mod live;

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use anstream::ColorChoice;

use super::failure::{self, indented};
use super::fold::{At, Change, Run, Verdict, What};
use super::text::{Paint, clean, clean_line};
use crate::events::stream::{self, Event, Listener};
use labels::Labels;
use lines::{Shape, also, failed, finished};
use live::Live;

/// How a [`Console`] tells.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to colour. `Auto` means no: who knows the terminal and the environment decides
    /// (`anstream::AutoStream::choice` reads both).
    pub colour: ColorChoice,
    /// Whether to show what runs just now; only for a terminal that moves its cursor.
    pub live: bool,
    /// Whether to print the steps of scenarios that passed or were skipped, too.
    pub verbose: bool,
    /// Columns. Live lines are cut to it, times end at it (at most at column 100).
    pub width: usize,
}

impl Default for Options {
    /// Plain text for a log, 100 columns wide.
    fn default() -> Self {
        Self { colour: ColorChoice::Never, live: false, verbose: false, width: 100 }
    }
}

/// Tells a run on `W` while it happens.
pub struct Console<W> {
    out: W,
    options: Options,
    paint: Paint,
    run: Run,
    live: Live,
    /// The feature file whose name was printed last.
    under: Option<String>,
    /// What lines call their feature files, where they do.
    labels: Labels,
    /// For attempts that failed: up to which step they have been told.
    told: HashMap<At, usize>,
    ended: bool,
}

impl<W: io::Write> Console<W> {
    /// Tells on `out`. Nothing is written before the first event.
    pub fn new(out: W, options: Options) -> Self {
        Self::with_clock(out, options, Instant::now)
    }

    pub(super) fn with_clock(out: W, options: Options, clock: fn() -> Instant) -> Self {
        let paint = Paint::of(options.colour);
        Self {
            out,
            paint,
            run: Run::default(),
            live: Live::new(options.live, options.width, paint, clock),
            options,
            under: None,
            labels: Labels::default(),
            told: HashMap::new(),
            ended: false,
        }
    }

    /// The run, as far as it was heard.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Moves the live lines on; call it about ten times a second while nothing is heard. Without
    /// a terminal it gives a sign of life after half a minute of silence.
    ///
    /// # Errors
    ///
    /// If `out` can't be written.
    pub fn tick(&mut self) -> io::Result<()> {
        let frame = self.live.redrawn() + &self.live.sign_of_life();
        self.put(&frame)
    }

    /// Tells the end of the run, when all of its stream was heard. Once it has, it does nothing.
    ///
    /// # Errors
    ///
    /// If `out` can't be written.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        let lines = self.ending();
        self.print(&lines)
    }

    /// From now on the terminal has so many columns and rows.
    pub fn fit(&mut self, columns: usize, rows: usize) {
        self.options.width = columns.max(20);
        self.live.fit(columns, rows);
    }

    /// Tells who waits for what just now.
    ///
    /// # Errors
    ///
    /// If `out` can't be written.
    pub fn tell_who_waits(&mut self) -> io::Result<()> {
        let mut lines = vec![String::new(), self.paint.strong("Who waits for what")];
        lines.extend(indented(2, self.live.who_waits()));
        self.print(&lines)
    }

    fn ending(&mut self) -> Vec<String> {
        self.ended = true;
        self.live.stop();
        ending::lines(&self.run, self.paint)
    }

    fn lines_for(&mut self, change: Change) -> Vec<String> {
        match change {
            Change::Introduced => self.run.about.heading.iter().map(|it| clean_line(it)).collect(),
            Change::Began(at) => {
                if let Some((scenario, _)) = self.run.at(at) {
                    let place = clean_line(&scenario.place.to_string());
                    self.live.begin(at, clean_line(&scenario.title), place);
                }
                Vec::new()
            }
            Change::StepBegan(at, step) => {
                if let Some((_, attempt)) = self.run.at(at) {
                    let step = &attempt.steps[step];
                    let place = match &step.what {
                        What::Step { place, .. } => Some(clean_line(&place.to_string())),
                        What::Hook { .. } => None,
                    };
                    self.live.step(at, clean_line(&step.sentence()), place);
                }
                Vec::new()
            }
            Change::StepEnded(at, step) => self.failed_step(at, step),
            Change::Ended(at) => self.ended(at),
            Change::Unreadable => self.unreadable(),
            Change::RunHookEnded(hook) => self.run_hook(hook),
            Change::RunAttached => self.note(),
            Change::RunEnded | Change::Nothing => Vec::new(),
        }
    }

    /// A failure is told at once; what clean-up leaves, with the scenario's end.
    fn failed_step(&mut self, at: At, step: usize) -> Vec<String> {
        let Some((scenario, attempt)) = self.run.at(at) else {
            return Vec::new();
        };
        let own = &attempt.steps[step];
        if !own.failed() || own.left_something() || self.told.contains_key(&at) {
            return Vec::new();
        }
        let shape = shape(&mut self.labels, &self.run, &self.options, at);
        let lines = failed(scenario, attempt, at, &shape);
        let (uri, feature) = (scenario.place.uri.clone(), scenario.feature.clone());
        self.told.insert(at, step + 1);
        self.under(&uri, &feature, lines)
    }

    fn ended(&mut self, at: At) -> Vec<String> {
        let Some((scenario, attempt)) = self.run.at(at) else {
            return Vec::new();
        };
        let paint = self.paint;
        let shape = shape(&mut self.labels, &self.run, &self.options, at);
        let verdict = attempt.verdict();
        let mut lines = match (&verdict, self.told.get(&at)) {
            (Verdict::Failed | Verdict::LeftBehind, Some(&told)) => {
                also(scenario, attempt, told, paint)
            }
            (Verdict::Failed | Verdict::LeftBehind, None) => failed(scenario, attempt, at, &shape),
            (verdict, _) => {
                let mut lines = vec![finished(scenario, attempt, at, verdict, &shape)];
                if self.options.verbose {
                    lines.extend(indented(6, failure::steps(attempt, 0, paint)));
                }
                lines
            }
        };
        if attempt.will_be_retried {
            let name = clean_line(&scenario.title);
            lines.push(format!("  {} {name} will be tried again", paint.odd("↻")));
        }
        let uri = scenario.place.uri.clone();
        let feature = scenario.feature.clone();
        self.live.end(at, &verdict, attempt.will_be_retried);
        self.under(&uri, &feature, lines)
    }

    fn unreadable(&mut self) -> Vec<String> {
        let Some(error) = self.run.parse_errors.last() else {
            return Vec::new();
        };
        let place = error.place.as_ref().map(ToString::to_string);
        let place = clean_line(place.as_deref().unwrap_or("a feature file"));
        let title = format!("{} {place} can't be read", self.paint.bad("✘"));
        let message = clean(&error.message);
        self.outside(title, &message)
    }

    fn run_hook(&mut self, index: usize) -> Vec<String> {
        let hook = &self.run.hooks[index];
        if !hook.failed() {
            return Vec::new();
        }
        let when = if hook.after { "after" } else { "before" };
        let title =
            format!("{} {when} all scenarios: {}", self.paint.bad("✘"), clean_line(&hook.name));
        let result = hook.result.as_ref();
        let message = result.and_then(|own| own.message.as_deref());
        let message = clean(message.unwrap_or("it failed without a message"));
        self.outside(title, &message)
    }

    fn note(&mut self) -> Vec<String> {
        let evidence = self.run.evidence.last();
        let logged = evidence.filter(|own| own.media_type == stream::LOG && !own.is_base64);
        let Some(note) = logged.map(|own| clean(&own.body)) else {
            return Vec::new();
        };
        self.outside("The run notes:".to_owned(), &note)
    }

    /// What stands under no feature.
    fn outside(&mut self, title: String, text: &str) -> Vec<String> {
        self.under = None;
        let text = text.lines().map(str::to_owned).collect();
        let block = [String::new(), title];
        block.into_iter().chain(indented(4, text)).collect()
    }

    /// `lines`, after their feature's name unless it stands above already, or in each line.
    fn under(&mut self, uri: &str, feature: &str, mut lines: Vec<String>) -> Vec<String> {
        let labelled = self.run.about.side_by_side && self.labels.of(&self.run, uri).is_some();
        let above = if labelled { "" } else { uri };
        if lines.is_empty() || self.under.as_deref() == Some(above) {
            return lines;
        }
        self.under = Some(above.to_owned());
        lines.insert(0, String::new());
        if !labelled {
            let (name, file) = (clean_line(feature), clean_line(uri));
            let title = format!("{}  {}", self.paint.strong(&name), self.paint.quiet(&file));
            lines.insert(1, title);
        }
        lines
    }

    fn print(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let frame = self.live.around(&text);
        self.put(&frame)
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// How the line of an attempt is laid out.
fn shape(labels: &mut Labels, run: &Run, options: &Options, at: At) -> Shape {
    let uri = run.at(at).map(|(scenario, _)| scenario.place.uri.as_str());
    let uri = uri.filter(|_| run.about.side_by_side);
    Shape {
        label: uri.and_then(|uri| labels.of(run, uri)).map(str::to_owned),
        paint: Paint::of(options.colour),
        column: options.width.min(100),
        cuts: options.live,
    }
}

impl<W: io::Write> Listener for Console<W> {
    fn hear(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Said(envelope) => {
                let change = self.run.hear(envelope);
                self.live.planned(self.run.scenarios.len());
                let lines = self.lines_for(change);
                self.print(&lines)
            }
            Event::Waiting { test_case_started_id, what } => {
                if let Some(at) = self.run.attempt_of(test_case_started_id) {
                    self.live.waits(at, clean_line(what));
                }
                self.print(&[])
            }
            Event::Noted(text) => {
                let lines = clean(text).lines().map(str::to_owned).collect();
                let mut lines: Vec<String> = indented(2, lines).collect();
                if let Some(first) = lines.first_mut() {
                    *first = self.paint.odd(first);
                }
                self.print(&lines)
            }
        }
    }
}
