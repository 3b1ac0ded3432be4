//! How values are read from text; each error says what would be right.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use url::{Host, Url};

/// What a run may change on a target that is not embedded, beyond the instances that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Compute services: disable, enable, force down. Other people's instances feel that.
    Hosts,
}

impl Change {
    const ALL: [Self; 1] = [Self::Hosts];
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hosts => "hosts",
        })
    }
}

/// In which order scenarios are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they stand in the files.
    Written,
    /// Shuffled by this seed; `None`: by one that is drawn.
    Random(Option<u64>),
}

/// What is right for an order.
const ORDERS: &str = "written, random, or random:SEED with a whole number";

/// Reads an order.
pub(super) fn order(text: &str) -> Result<Order, String> {
    match text.trim() {
        "written" => Ok(Order::Written),
        "random" => Ok(Order::Random(None)),
        other => other
            .strip_prefix("random:")
            .and_then(|seed| seed.trim().parse().ok())
            .map(|seed| Order::Random(Some(seed)))
            .ok_or_else(|| ORDERS.to_owned()),
    }
}

/// What is right for the name of a group.
pub const GROUP_NAMES: &str = "lower-case letters, digits and dashes, beginning with a letter";

/// Whether a group of scenarios may be called so: `WHIMBREL_GROUPS_NAME` has to be one name only.
pub fn is_group_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(known)
}

/// What instances are connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing: no scenario depends on it, and so the cloud needs no network.
    #[default]
    None,
    /// A network that the cloud makes if need be (microversion 2.37).
    Auto,
    /// The network with this id, else with this name.
    Named(String),
}

/// Reads a span such as `90s`, `1m 30s` or `500ms`; zero and less are refused.
///
/// # Errors
///
/// What would be right.
pub fn read_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a duration above zero, such as 90s, 1m 30s or 500ms".to_owned();
    let span: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    Duration::try_from(span).ok().filter(|span| !span.is_zero()).ok_or_else(wrong)
}

/// Reads a whole number from 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "a whole number from 1".to_owned())
}

/// Reads how a pause grows: from 1.
pub(super) fn growth(text: &str) -> Result<f64, String> {
    number(text, 1.0..=100.0, "a number from 1 to 100, such as 1.5")
}

/// Reads the part of a pause that is left to chance.
pub(super) fn share(text: &str) -> Result<f64, String> {
    number(text, 0.0..=1.0, "a number from 0 to 1, such as 0.2")
}

/// Reads how many there may be a second; nothing means any number.
pub(super) fn rate(text: &str) -> Result<Option<f64>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    number(text, 0.01..=100_000.0, "a number from 0.01 to 100000, such as 20").map(Some)
}

fn number(text: &str, range: std::ops::RangeInclusive<f64>, right: &str) -> Result<f64, String> {
    text.trim().parse().ok().filter(|number| range.contains(number)).ok_or_else(|| right.to_owned())
}

/// Reads what instances are connected to.
pub(super) fn network(text: &str) -> Result<Network, String> {
    match text.trim() {
        "" => Err("none, auto, or a network's name or id".to_owned()),
        "none" => Ok(Network::None),
        "auto" => Ok(Network::Auto),
        name => Ok(Network::Named(name.to_owned())),
    }
}

/// Reads where a cloud is controlled beyond its API: on this machine only, because whoever reaches
/// such an address may break what is behind it. A bare address is completed with `/control`.
pub(super) fn control(text: &str) -> Result<Url, String> {
    let right = "http://127.0.0.1:PORT/control, as `whimbrel cloud --control` prints it; only on \
                 loopback";
    let url: Option<Url> = text.trim().parse().ok();
    let is_loopback = |url: &Url| match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let mut url = url
        .filter(|url| url.scheme() == "http" && is_loopback(url))
        .ok_or_else(|| right.to_owned())?;
    if url.path() == "/" {
        url.set_path("/control");
    }
    Ok(url)
}

/// Reads what may be changed, separated by commas.
pub(super) fn changes(text: &str) -> Result<BTreeSet<Change>, String> {
    let known = Change::ALL.map(|change| change.to_string()).join(", ");
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| {
            let found = Change::ALL.into_iter().find(|change| change.to_string() == word);
            found.ok_or_else(|| format!("any of: {known}"))
        })
        .collect()
}
