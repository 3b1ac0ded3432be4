//! Whether there is a Keystone where the entry says, before any credentials are sent.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::api::{Answer, RequestError, Service};
use crate::control::{Party, Site};
use crate::journal::Account;

use super::trouble::{self, Asked};
use super::{Check, Finding, not_checked};

/// A clock that is further off than this is told of; below lies what the header leaves open (it
/// has whole seconds) and the way there.
const SKEW: Duration = Duration::from_secs(5);

/// Tells what the entries say and whether they lead to a Keystone; `false` if it is of no use to
/// send credentials there.
pub async fn reach(site: &Site) -> (Vec<Finding>, bool) {
    let mut findings = entries(site);
    let mut all = true;
    let mut asked = Vec::new();
    for party in site.parties() {
        let url = &party.compute.session().cloud().auth_url;
        if asked.contains(&url) {
            continue;
        }
        asked.push(url);
        let (found, reached) = identity(party).await;
        findings.extend(found);
        all &= reached;
    }
    if !all {
        let why = "there is no identity service to log in to";
        findings.extend(not_checked(Check::Clock..=Check::Placement, why));
    }
    (findings, all)
}

fn entries(site: &Site) -> Vec<Finding> {
    if site.is_embedded() {
        let found = "no cloud is named, so each scenario gets an embedded cloud of its own, with 3 \
                     computes or as many as it asks for; this is one of them";
        return vec![Finding::good(Check::Entry, found)];
    }
    let mut findings = Vec::new();
    for party in site.parties() {
        let entry = party.compute.session().cloud();
        let role = match party.account {
            Account::Operator => "the operator",
            Account::Member => "the plain member",
        };
        let found =
            format!("{} is {role}: {}, from {}", entry.name, trouble::who(entry), entry.origin);
        findings.push(Finding::good(Check::Entry, found));
        let odd = entry.warnings.iter().map(|warning| {
            Finding::warning(Check::Entry, warning, format!("correct it in {}", entry.origin))
        });
        findings.extend(odd);
    }
    findings
}

/// Asks for the version document, without a token.
async fn identity(party: &Party) -> (Vec<Finding>, bool) {
    let session = party.compute.session();
    let entry = session.cloud();
    let asked = Asked { service: Service::Identity, url: Some(entry.auth_url.clone()), entry };
    let url = &entry.auth_url;
    let answer: Answer = match session.before_login().await {
        Err(error) => {
            let found = format!("{url}: {}", why(&error));
            return (vec![Finding::problem(Check::Identity, found, asked.remedy(&error))], false);
        }
        Ok(answer) => answer,
    };
    let clock = clock(&answer);
    let with_clock = |finding| std::iter::once(finding).chain(clock.clone()).collect();
    let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let version = document.as_ref().and_then(version);
    match (answer.status, version) {
        (200 | 300, Some(version)) if version.starts_with("v3") => (
            with_clock(Finding::good(Check::Identity, format!("{url} is Keystone {version}"))),
            true,
        ),
        (200..=299 | 300..=399 | 404..=405, version) => {
            let found = match version {
                Some(version) => format!("{url} speaks identity {version}, not v3"),
                None => format!("{url} is no Keystone: {}", shown(&answer)),
            };
            let remedy = format!(
                "correct `auth_url` in {}: it is the address of the identity service, such as \
                 https://HOST:5000/v3 or https://HOST/identity/v3",
                trouble::entry(entry)
            );
            (vec![Finding::problem(Check::Identity, found, remedy)], false)
        }
        (status, _) => {
            let found = format!("{url} answers {status} where it would tell its version");
            let remedy = "none, if the login works all the same";
            (with_clock(Finding::warning(Check::Identity, found, remedy)), true)
        }
    }
}

fn why(error: &RequestError) -> String {
    error.kind.to_string()
}

/// The version in Keystone's document of one version.
fn version(document: &Value) -> Option<String> {
    let id = document.get("version")?.get("id")?;
    Some(id.as_str()?.to_owned())
}

/// What answered instead, in short.
fn shown(answer: &Answer) -> String {
    let kind = answer.header("content-type").unwrap_or("something without a type");
    let kind = kind.split(';').next().unwrap_or_default();
    let words = answer.fault().message;
    let words = if words.is_empty() { String::new() } else { format!(", {words:?}") };
    format!("it answers {} with {kind}{words}", answer.status)
}

/// Compares the cloud's clock with ours.
fn clock(answer: &Answer) -> Option<Finding> {
    Some(skew(answer.date()?, Timestamp::now()))
}

fn skew(theirs: Timestamp, ours: Timestamp) -> Finding {
    let off = theirs.duration_since(ours);
    if off.unsigned_abs() <= SKEW {
        return Finding::good(Check::Clock, "the cloud's clock agrees with ours");
    }
    let seconds = off.unsigned_abs().as_secs();
    let side = if off.is_positive() { "ahead of" } else { "behind" };
    Finding::warning(
        Check::Clock,
        format!("the cloud's clock is {seconds} s {side} ours"),
        "set both by NTP; a run does not go by them, but its times won't match those in the \
         cloud's logs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::diagnosis::State;

    #[test]
    fn a_clock_that_is_off_by_more_than_the_header_leaves_open_is_told_of() {
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let told = |theirs, ours| skew(at(theirs), at(ours)).found;
        assert_eq!(skew(at(0), at(5)).state, State::Good);
        assert_eq!(skew(at(5), at(0)).state, State::Good);
        insta::assert_snapshot!(told(0, 90), @"the cloud's clock is 90 s behind ours");
        insta::assert_snapshot!(told(3600, 0), @"the cloud's clock is 3600 s ahead of ours");
    }
}
