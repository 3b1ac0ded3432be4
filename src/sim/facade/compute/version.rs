//! Versions and microversions: the only place that reads and writes their headers.

use serde_json::{Value, json};

use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::{Ask, Reply};

/// What came of a request's microversion.
pub(super) struct Chosen {
    /// The minor number, or why there is none.
    pub(super) minor: Result<u16, Fault>,
    /// What the answer's headers say: what was asked for, even if it does not exist.
    pub(super) echo: String,
}

/// Reads the microversion that a request asks for; without any it is 2.1.
pub(super) fn negotiate(ask: &Ask, newest: u16) -> Chosen {
    let new_style = ask.header("openstack-api-version").and_then(|header| {
        header.split(',').find_map(|part| {
            part.trim().strip_prefix("compute ").map(|version| version.trim().to_owned())
        })
    });
    let asked = new_style.or_else(|| ask.header("x-openstack-nova-api-version").map(str::to_owned));
    let Some(asked) = asked else {
        return Chosen { minor: Ok(1), echo: "2.1".to_owned() };
    };
    if asked == "latest" {
        return Chosen { minor: Ok(newest), echo: format!("2.{newest}") };
    }
    let minor = parse(&asked).ok_or_else(|| {
        Fault::bad_request(format!(
            "API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum."
        ))
    });
    let minor = minor.and_then(|(major, minor)| match u16::try_from(minor) {
        Ok(known) if major == 2 && (1..=newest).contains(&known) => Ok(known),
        _ => Err(Fault::new(
            406,
            format!("Version {asked} is not supported by the API. Minimum is 2.1 and maximum is 2.{newest}."),
        )),
    });
    Chosen { minor, echo: asked }
}

/// `MAJOR.MINOR`, neither with a leading zero.
fn parse(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    let plain = |part: &str| part == "0" || !part.starts_with('0');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    if ![major, minor].iter().all(|part| plain(part) && digits(part)) {
        return None;
    }
    Some((major.parse().ok()?, minor.parse().unwrap_or(u32::MAX)))
}

/// Adds the headers that name the microversion.
pub(super) fn echo(reply: Reply, version: &str) -> Reply {
    reply
        .header("openstack-api-version", format!("compute {version}"))
        .header("x-openstack-nova-api-version", version.to_owned())
        .header("vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version".to_owned())
}

/// The documents of all versions.
pub(super) fn documents(base: &str, newest: u16) -> Value {
    json!([summary_of_old(base), summary(base, newest)])
}

fn summary(base: &str, newest: u16) -> Value {
    json!({
        "id": "v2.1",
        "status": "CURRENT",
        "version": format!("2.{newest}"),
        "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": format!("{base}/compute/v2.1/")}],
    })
}

/// The document of v2.1.
pub(super) fn current(base: &str, newest: u16) -> Value {
    let mut document = summary(base, newest);
    document["media-types"] = json!([{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}]);
    document
}

fn summary_of_old(base: &str) -> Value {
    json!({
        "id": "v2.0",
        "status": "SUPPORTED",
        "version": "",
        "min_version": "",
        "updated": "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": format!("{base}/compute/v2/")}],
    })
}

/// The document of v2, which has no microversions.
pub(super) fn old(base: &str) -> Value {
    let mut document = summary_of_old(base);
    document["media-types"] = json!([{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2"}]);
    document
}
