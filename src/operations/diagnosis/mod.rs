//! What is right and wrong with a target before a run, in words that say what to do about it.
//!
//! `whimbrel doctor` calls this. It only looks: every request is a GET, but for the login. A check
//! that failed keeps only those from being made that depend on it.

mod cloud;
mod reach;
mod rights;
mod room;
mod trouble;

use std::fmt;
use std::ops::RangeInclusive;

use crate::config::Config;
use crate::control::{Need, Site, Survey};

pub use reach::reach;
pub use room::from as booted_from;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// How it is.
    pub state: State,
    /// What was found, in one line.
    pub found: String,
    /// What to do about it; only where something is not good.
    pub remedy: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// Not looked at, because of another problem.
    NotChecked,
    /// The target can be used, but not for everything, or not as it seems.
    Warning,
    /// The target can't be used.
    Problem,
}

/// What is checked, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The entry of `clouds.yaml`.
    Entry,
    /// The identity service, without credentials.
    Identity,
    /// The clock, against ours.
    Clock,
    /// The logins.
    Login,
    /// The catalog.
    Services,
    /// The compute API's microversions.
    ComputeApi,
    /// What the operator and the member may do.
    Rights,
    /// The computes.
    Computes,
    /// Image and flavor.
    Boot,
    /// What the quotas leave.
    Quota,
    /// Placement, which the audit reads.
    Placement,
    /// What controls the cloud beyond its API.
    Control,
    /// What may be changed.
    Allow,
    /// Journals of runs that were not cleaned up.
    Journals,
}

impl Check {
    /// All checks, in their order.
    pub const ALL: [Self; 14] = [
        Self::Entry,
        Self::Identity,
        Self::Clock,
        Self::Login,
        Self::Services,
        Self::ComputeApi,
        Self::Rights,
        Self::Computes,
        Self::Boot,
        Self::Quota,
        Self::Placement,
        Self::Control,
        Self::Allow,
        Self::Journals,
    ];

    /// Its name, which stays the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Identity => "identity",
            Self::Clock => "clock",
            Self::Login => "login",
            Self::Services => "services",
            Self::ComputeApi => "compute-api",
            Self::Rights => "rights",
            Self::Computes => "computes",
            Self::Boot => "boot",
            Self::Quota => "quota",
            Self::Placement => "placement",
            Self::Control => "control",
            Self::Allow => "allow",
            Self::Journals => "journals",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl State {
    /// Its name, which stays the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::NotChecked => "not-checked",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    /// It is as it should be.
    pub fn good(check: Check, found: impl Into<String>) -> Self {
        Self { check, state: State::Good, found: found.into(), remedy: None }
    }

    /// The target can be used all the same.
    pub fn warning(check: Check, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { check, state: State::Warning, found: found.into(), remedy }
    }

    /// The target can't be used.
    pub fn problem(check: Check, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { check, state: State::Problem, found: found.into(), remedy }
    }
}

/// What a run is to do on the target, as far as that matters here.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    /// What each scenario needs.
    pub needs: Vec<Vec<Need>>,
    /// How many of them run side by side.
    pub concurrency: usize,
}

/// Tells what `survey`, which is of `site`, found, and looks at what only a diagnosis looks at.
pub async fn examine(site: &Site, survey: &Survey, intent: &Intent) -> Vec<Finding> {
    let mut findings = rights::logins(site, survey);
    findings.extend(room::member(site, intent));
    let parties: Vec<_> = site.parties().collect();
    let logged_in = survey.parties.first().is_some_and(|operator| operator.login.is_ok());
    let Some(operator) = parties.first().filter(|_| logged_in) else {
        let why = "the operator could not log in";
        findings.extend(not_checked(Check::Services..=Check::Control, why));
        return findings;
    };
    findings.extend(cloud::services(operator).await);
    findings.push(cloud::compute_api(operator, survey).await);
    if matches!(survey.version, Some(Ok(_))) {
        findings.extend(rights::rights(&parties, survey).await);
        findings.push(cloud::computes(survey, intent, site.config().zone.as_deref()));
        findings.extend(room::boots(site, survey).await);
        findings.extend(room::quotas(site, survey, intent));
    } else {
        let why = "the compute API does not answer";
        findings.extend(not_checked(Check::Rights..=Check::Quota, why));
    }
    findings.push(cloud::placement(operator).await);
    findings.push(room::control(survey, intent));
    findings
}

/// These checks were not made.
pub fn not_checked(
    checks: RangeInclusive<Check>,
    why: impl fmt::Display,
) -> impl Iterator<Item = Finding> {
    let found = format!("not checked, because {why}");
    let among = Check::ALL.into_iter().filter(move |check| checks.contains(check));
    among.map(move |check| Finding {
        check,
        state: State::NotChecked,
        found: found.clone(),
        remedy: None,
    })
}

/// Tells what needs no cloud to be asked: what may be changed, and what earlier runs left behind.
pub fn at_home(config: &Config, intent: &Intent) -> Vec<Finding> {
    vec![room::allowed(config, intent), room::journals(config)]
}

/// At most this many names are listed.
const LISTED: usize = 10;

/// Names with commas, the first ten of them.
fn listed<T: fmt::Display>(names: impl ExactSizeIterator<Item = T>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let mut listed: Vec<String> = names.take(LISTED).map(|name| name.to_string()).collect();
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    listed.join(", ")
}
