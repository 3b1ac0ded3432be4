//! Who hears a run: its record first, then the console, and in the end the other reports.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use crate::config::ci::ci;
use crate::config::clouds::Clouds;
use crate::events::evidence::About;
use crate::events::messages::run::Ci;
use crate::events::outcome::Ending;
use crate::events::stream::{Event, Speaker};
use crate::report::Run as Told;
use crate::runner::{Cancelled, Introduction, Outcome as Ran, Plan, cancel, refuse};
use crate::world::ComputeWorld;

use super::super::github::OnGitHub;
use super::super::settings::Resolved;
use super::super::spared::spare;
use super::super::{Exit, Outcome, Stop};
use super::Run;
use super::fitting::title;
use super::kept::Kept;
use super::record::{Broken, Record, speaker};
use super::reports::{Reports, Shown};

/// All who will hear a run, their files open.
pub(super) struct Telling<'a> {
    reports: &'a Reports,
    record: Option<Record>,
    shown: Shown,
    kept: Vec<Kept<'a>>,
    github: Option<OnGitHub>,
    ci: Option<Ci>,
}

/// A run that has been told, but for the reports that are written when all is over.
pub(super) struct ToldRun<'a> {
    told: Told,
    broken: Broken,
    console: io::Result<()>,
    shown: Shown,
    kept: Vec<Kept<'a>>,
    github: Option<OnGitHub>,
}

impl<'a> Telling<'a> {
    /// Opens all files: what can't be written is known before anything is run. None of `read`, the
    /// feature files, nor any other file that the run goes by is written over.
    pub(super) fn open(run: &'a Run, resolved: &Resolved, read: &[String]) -> Result<Self, Stop> {
        let outputs: Vec<_> = run.recording.file().into_iter().chain(run.reports.files()).collect();
        if !outputs.is_empty() {
            spare(&outputs, &inputs(resolved, read))?;
        }
        Ok(Self {
            reports: &run.reports,
            record: run.recording.open(resolved.config.deadlines.stall)?,
            shown: run.recording.shown(),
            kept: run.reports.open()?,
            github: OnGitHub::of(&resolved.environment, resolved.folder.clone()),
            ci: ci(&resolved.environment),
        })
    }

    /// What the run says of itself.
    pub(super) fn introduction(&self, about: About) -> Introduction {
        Introduction { ci: self.ci.clone(), about: Some(about) }
    }

    /// Runs `work` on a thread of its own and tells what it says while it does; whenever it is
    /// `asked`, who waits for what.
    pub(super) fn during(
        self,
        asked: &Receiver<()>,
        cancelled: &Cancelled,
        work: impl FnOnce(Speaker) -> Ran + Send + 'static,
    ) -> Result<(Ran, ToldRun<'a>), Stop> {
        let (say, hear) = channel();
        let (speaker, broken) = speaker(self.record, say, cancelled.clone())?;
        let running = std::thread::spawn(move || work(speaker));
        let (told, console) = self.reports.tell(&hear, asked, self.shown, self.github.as_ref());
        let ran = running.join().map_err(|_| Stop {
            exit: Exit::Internal,
            message: "the runner panicked; that is a bug".to_owned(),
        })?;
        let Self { shown, kept, github, .. } = self;
        Ok((ran, ToldRun { told, broken, console, shown, kept, github }))
    }

    /// Tells a plan of which nothing is run, everywhere but on the console, where `stop` will stand
    /// alone; `why`, if the reason is not in the plan.
    pub(super) fn refused(self, plan: Plan<ComputeWorld>, why: Option<Ending>, stop: Stop) -> Stop {
        let introduction = self.introduction(About { heading: vec![title()], ..About::default() });
        let (say, hear) = channel();
        // Nothing is run, so nobody waits long for a reader.
        let (canceller, cancelled) = cancel::channel();
        canceller.cancel();
        let (speaker, broken) = match speaker(self.record, say, cancelled) {
            Ok(both) => both,
            Err(unwritable) => return Stop { exit: stop.exit.or(unwritable.tell()), ..stop },
        };
        refuse(plan, why.map(|why| (why, stop.message.clone())), &introduction, speaker);
        let mut told = Told::default();
        for event in hear {
            if let Event::Said(envelope) = event {
                told.hear(&envelope);
            }
        }
        let Self { shown, kept, github, .. } = self;
        let console = github.as_ref().map_or(Ok(()), |github| github.begin(shown));
        let ends = ToldRun { told, broken, console, shown, kept, github }.write();
        let ends = ends.map(|end| end.unwrap_or_else(Stop::tell));
        Stop { exit: ends.fold(stop.exit, Exit::or), ..stop }
    }
}

/// The files that a run goes by, and what they are to it.
fn inputs(resolved: &Resolved, read: &[String]) -> Vec<(PathBuf, String)> {
    let Resolved { environment, folder, settings_file, .. } = resolved;
    let features =
        read.iter().map(|uri| (folder.join(uri), "a feature file of this run".to_owned()));
    let settings = settings_file.iter().map(|path| (path.clone(), "the settings file".to_owned()));
    // What is wrong with them is told where a cloud is looked up.
    let clouds = Clouds::find(environment, folder);
    let clouds = clouds.iter().flat_map(Clouds::files);
    let clouds = clouds.map(|path| (folder.join(path), "a file that describes clouds".to_owned()));
    features.chain(settings).chain(clouds).collect()
}

impl ToldRun<'_> {
    /// Writes the reports of the whole run, whatever becomes of each.
    pub(super) fn write(self) -> impl Iterator<Item = Outcome> {
        let Self { told, broken, console, shown, kept, github } = self;
        if let Some(github) = github {
            github.end(&told, shown);
        }
        let console = console.map_err(|error| shown.cannot_take(&error));
        let kept: Vec<Outcome> = kept.into_iter().map(|kept| kept.write(&told)).collect();
        [broken.outcome(), console.map(|()| Exit::Passed)].into_iter().chain(kept)
    }
}
