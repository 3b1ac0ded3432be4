//! `whimbrel config`.

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::config::Setting;
use crate::config::clouds::{CloudEntry, Clouds, Told};

use super::output::print;
use super::settings::{Resolved, Settings};
use super::{Exit, Outcome, Stop};

/// Prints every setting with its value and where that comes from, and with a cloud chosen what its
/// entry in clouds.yaml comes to. Secrets are •••.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line each: key, value, origin
    Text,
    /// One JSON object
    Json,
}

/// Prints the settings, then the entries of the cloud and of the member's.
pub(super) fn show(show: &Show) -> Outcome {
    let resolved = show.settings.resolve(&[])?;
    let entries = entries(&resolved);
    match show.format {
        // A cloud that can't be read is told of after what can.
        Format::Text => {
            print(&lines(&settings(&resolved)))?;
            print(&entries?.iter().map(shown).collect::<String>())?;
        }
        Format::Json => print(&format!("{}\n", json(&resolved, &entries?)))?,
    }
    Ok(Exit::Passed)
}

/// A cloud that the run would log in to, with the setting that names it.
type Named = (&'static str, CloudEntry);

fn entries(resolved: &Resolved) -> Result<Vec<Named>, Stop> {
    let usage = |error| Stop::new(Exit::Usage, &error);
    let Resolved { config, environment, folder, .. } = resolved;
    let Some(cloud) = &config.cloud else { return Ok(Vec::new()) };
    let clouds = Clouds::find(environment, folder).map_err(usage)?;
    let named = [("cloud", Some(cloud)), ("member", config.member.as_ref())];
    let named = named.into_iter().filter_map(|(setting, name)| Some((setting, name?)));
    named.map(|(setting, name)| Ok((setting, clouds.cloud(name).map_err(usage)?))).collect()
}

fn shown((setting, entry): &Named) -> String {
    let heading = format!("\n{setting} {} ({})\n", entry.name, entry.origin);
    let warnings = entry.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    heading + &lines(&entry.told()) + &warnings.collect::<String>()
}

/// One line each, in three columns.
fn lines(all: &[Told]) -> String {
    let width = all.iter().map(|told| told.key.len()).max().unwrap_or_default();
    let line = |Told { key, value, origin }: &Told| {
        let value = if value.is_empty() { "-" } else { value };
        format!("{key:<width$} {value:<12} {origin}\n")
    };
    all.iter().map(line).collect()
}

fn settings(resolved: &Resolved) -> Vec<Told> {
    let told = |Setting { key, value, origin }: &Setting| Told {
        key: key.clone(),
        value: value.clone(),
        origin: origin.to_string(),
    };
    resolved.config.settings.iter().map(told).collect()
}

fn json(resolved: &Resolved, entries: &[Named]) -> String {
    #[derive(Serialize)]
    struct All<'a> {
        settings: Vec<Told>,
        clouds: Vec<Cloud<'a>>,
    }
    #[derive(Serialize)]
    struct Cloud<'a> {
        setting: &'static str,
        name: &'a str,
        values: Vec<Told>,
        warnings: &'a [String],
    }
    let clouds = entries.iter().map(|(setting, entry)| Cloud {
        setting,
        name: &entry.name,
        values: entry.told(),
        warnings: &entry.warnings,
    });
    let all = All { settings: settings(resolved), clouds: clouds.collect() };
    serde_json::to_string_pretty(&all).expect("text is always JSON")
}
