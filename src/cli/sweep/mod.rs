//! `whimbrel sweep`.

mod by_journal;
mod by_metadata;
mod stopping;

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use crate::config::read_duration;
use crate::events::names::RunId;
use crate::operations::clean_up::Undone;

use super::settings::Settings;
use super::{Exit, Outcome};
use stopping::Stopping;

/// What `--help` says.
pub(super) const ABOUT: &str = "\
Removes what runs left behind that could not clean up any more.

It goes by the journals of runs that have ended (setting `journal`): instances are deleted if their \
name is in the journal and their metadata names the run; computes that a run took out of use are \
put back, unless somebody else has changed them since, or another run's mark says that it has forced \
them down. A journal that is in use, because its run \
lives or another sweep has it, is passed over.

With --by-metadata it goes by what the cloud itself shows, for when the journal is lost: instances \
whose name and metadata both say of which run they are, computes that are disabled with a run as \
the reason, and computes that are forced down and named in a run's aggregate. Whether that run \
still lives elsewhere can't be known, so it must have been silent for long enough by the cloud's \
clock, or be named.

Ctrl-C finishes the run that is being swept and begins no other; once more leaves at once.";

/// Removes what runs left behind.
#[derive(Debug, Args)]
pub(super) struct Sweep {
    /// Only shows what there is
    #[arg(long)]
    dry_run: bool,
    /// Goes by what the cloud --cloud shows and not by journals
    #[arg(long)]
    by_metadata: bool,
    /// Only this run; with --by-metadata you vouch that it is dead, and it may be of any age
    #[arg(long, value_name = "RUN", value_parser = run_id)]
    run: Option<RunId>,
    /// Only runs that gave no sign of life for so long: nothing was written to the journal, or no
    /// instance was made or changed [default with --by-metadata: 6h; at the least there, without
    /// --run: as long as a scenario and its clean-up may take; else: any]
    #[arg(long, value_name = "SPAN", value_parser = read_duration)]
    older_than: Option<Duration>,
    /// Only journals of runs on this cloud of clouds.yaml; with --by-metadata: the cloud to look
    /// at [default: that of the setting `cloud`, else every cloud that a journal names]
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    cloud: Option<String>,
    /// With --by-metadata: also looks with this cloud's credentials, those of a plain member; a
    /// journal says by itself whose were used
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    member: Option<String>,
    /// With --by-metadata: what may be put back, hosts; what is in a journal is always put back
    #[arg(long, value_name = "WHAT", value_delimiter = ',', help_heading = "Target")]
    allow: Vec<String>,
    /// Settings file [default: whimbrel.toml, if there is one]
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
    /// Sets any setting, such as pace.delete.limit=5m; `whimbrel config` lists them
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Settings")]
    set: Vec<String>,
}

impl Sweep {
    fn settings(&self) -> Settings {
        let Self { cloud, member, allow, config, set, .. } = self;
        Settings {
            cloud: cloud.clone(),
            member: member.clone(),
            allow: allow.clone(),
            config: config.clone(),
            set: set.clone(),
            ..Settings::default()
        }
    }
}

fn run_id(text: &str) -> Result<RunId, String> {
    RunId::read(text).ok_or_else(|| "a run is eight small letters and digits".to_owned())
}

/// Sweeps by journals, all those of ended runs or with `--cloud` those of that cloud; or by
/// metadata. What can't be read or swept does not keep the rest from it.
pub(super) fn sweep(sweep: &Sweep) -> Outcome {
    let resolved = sweep.settings().resolve(&[])?;
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(async {
        let stopping = Stopping::listen();
        if sweep.by_metadata {
            by_metadata::sweep(sweep, &resolved, stopping).await
        } else {
            by_journal::sweep(sweep, &resolved, stopping).await
        }
    });
    // The answer to a name that is being looked up is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Prints a line, if that can be: an output that is full or closed is no reason to leave things
/// behind.
fn say(line: fmt::Arguments<'_>) {
    drop(writeln!(anstream::stdout(), "{line}"));
}

/// How long before `now` it was; nothing, if that is still to come.
fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or(Duration::ZERO)
}

/// A span in words, to the second.
fn span(span: Duration) -> String {
    let whole = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(whole))
}

/// Says what came of a run.
fn tell(undone: Undone) -> Exit {
    for note in &undone.notes {
        say(format_args!("  {note}"));
    }
    match undone.settled() {
        Ok(()) => {
            say(format_args!("  all of it is gone"));
            Exit::Passed
        }
        Err(behind) => {
            say(format_args!("  {behind}"));
            Exit::LeftBehind
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_to_come_is_no_time_ago() {
        let hour = SignedDuration::from_hours(1);
        let now = Timestamp::now();
        assert_eq!(age(now - hour, now), Duration::from_secs(3600));
        assert_eq!(age(now + hour, now), Duration::ZERO);
    }

    #[test]
    fn spans_are_told_to_the_second() {
        assert_eq!(span(Duration::from_millis(21_599_900)), "5h 59m 59s");
        assert_eq!(span(Duration::from_millis(300)), "0s");
    }
}
