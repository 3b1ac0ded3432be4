//! The command line: one file a subcommand, and one list of exit codes.

mod cloud;
mod cloud_log;
mod config;
mod doctor;
mod exit;
mod features;
mod github;
mod output;
mod report;
mod run;
mod settings;
mod signals;
mod spared;
mod surroundings;
mod sweep;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::control::OpenError;

pub use exit::Exit;

/// Behaviour suite for OpenStack compute clouds: boots instances together, live-migrates one, and
/// proves that nothing else moved.
///
/// Without a subcommand it runs features, as `whimbrel run` does.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs features on a cloud
    #[command(after_help = exit::HELP)]
    Run(run::Run),
    /// Looks whether a target is fit for a run, and says what to do where it isn't
    #[command(after_help = doctor::EXITS, after_long_help = doctor::HELP)]
    Doctor(doctor::Doctor),
    /// Makes the reports of a run from its record
    #[command(after_help = report::HELP)]
    Report(report::Report),
    /// Serves an embedded cloud to other programs, on loopback
    #[command(after_long_help = cloud::HELP)]
    Cloud(cloud::Serve),
    /// Removes what runs left behind that could not clean up any more
    #[command(after_help = exit::HELP, long_about = sweep::ABOUT)]
    Sweep(sweep::Sweep),
    /// Prints every setting with its value and where that comes from
    Config(config::Show),
}

/// Does what the command line says and returns the exit code, which is that of a bug of ours
/// where nobody else caught a panic.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    or_internal(|| act(arguments)).into()
}

/// What `work` comes to; if it panics, the panic's own message is on standard error already.
fn or_internal(work: impl FnOnce() -> Exit) -> Exit {
    // Nothing of what the panic left half done is looked at again.
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        output::tell("whimbrel: a bug: it panicked");
        Exit::Internal
    })
}

fn act(arguments: Arguments) -> Exit {
    let outcome = match arguments.command {
        None => run::run(&arguments.run),
        Some(Command::Run(run)) => run::run(&run),
        Some(Command::Doctor(doctor)) => doctor::doctor(&doctor),
        Some(Command::Report(report)) => report::report(&report),
        Some(Command::Cloud(serve)) => cloud::serve(&serve),
        Some(Command::Sweep(sweep)) => sweep::sweep(&sweep),
        Some(Command::Config(show)) => config::show(&show),
    };
    outcome.unwrap_or_else(Stop::tell)
}

/// A reason to stop, with the exit code for it.
#[derive(Debug)]
struct Stop {
    exit: Exit,
    message: String,
}

impl Stop {
    /// Stops with an error and what it came from, a line each.
    fn new(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self { exit, message: with_causes(error) }
    }

    /// Stops because a target can't be opened.
    fn target(error: OpenError) -> Self {
        let exit = if error.is_configuration() { Exit::Usage } else { Exit::Target };
        Self::new(exit, &error)
    }

    /// Stops with several errors at once, each with what it came from.
    fn with_all<E: std::error::Error>(exit: Exit, errors: &[E]) -> Self {
        let messages: Vec<String> = errors.iter().map(|error| with_causes(error)).collect();
        Self { exit, message: messages.join("\n") }
    }

    fn tell(self) -> Exit {
        output::tell(format_args!("whimbrel: {}", self.message));
        self.exit
    }
}

/// An error and what it came from, a line each.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}\n  because {cause}");
        source = cause.source();
    }
    message
}

/// What a subcommand comes to.
type Outcome = Result<Exit, Stop>;

/// The runtime that all requests and timers run on.
fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Stop::new(Exit::Internal, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_exits_as_a_bug_of_ours() {
        assert_eq!(or_internal(|| panic!("a table without legs")), Exit::Internal);
        assert_eq!(or_internal(|| Exit::NothingRan), Exit::NothingRan);
    }
}
