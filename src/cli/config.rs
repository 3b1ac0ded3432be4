//! `whimbrel config`.

use clap::Args;

use super::settings::Settings;
use super::{Exit, Outcome};

/// Prints every setting with its value and where that comes from.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    settings: Settings,
}

/// One line a setting: key, value, origin.
pub(super) fn show(show: &Show) -> Outcome {
    let resolved = show.settings.resolve(&[])?;
    for setting in &resolved.config.settings {
        let value = if setting.value.is_empty() { "-" } else { &setting.value };
        anstream::println!("{:<24} {value:<12} {}", setting.key, setting.origin);
    }
    Ok(Exit::Passed)
}
