//! Removing what runs left behind that could not clean up any more: by their journals, or by what
//! the cloud itself says where those are gone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::compute::{Server, ServerFilter, ServiceRecord};
use crate::config::Change;
use crate::control::Cloud;
use crate::events::names::{ComputeName, NAMES, RunId, ServerId};
use crate::journal::{
    Account, JournalError, Left, ServiceBefore, ServiceChanged, Unsettled, run_that_disabled,
};

use super::Problem;
use super::boot::RUN_KEY;
use super::clean_up::{self, Undone, told};
use super::mark::{self, Mark};

/// Undoes what the journal `left` speaks of, and removes it if nothing is left; `cloud` must be
/// opened for the run that wrote it.
///
/// # Errors
///
/// If the journal can't be removed.
pub async fn by_journal(cloud: &Cloud, left: Left) -> Result<Undone, JournalError> {
    let undone = clean_up::undo(cloud, &left.unsettled).await;
    if undone.left.is_empty() {
        left.settled()?;
    }
    Ok(undone)
}

/// What there is of runs on a cloud, whoever may still need it.
#[derive(Debug, Default)]
pub struct Survey {
    /// Of each run that has something there.
    pub remains: Vec<Remains>,
    /// Computes that are forced down, and nothing says by whom.
    pub forced_down: Vec<ComputeName>,
    /// When the look began, by the cloud's clock; `None` if it does not tell.
    pub now: Option<Timestamp>,
}

/// What one run has on a cloud, as far as that proves by itself to be the run's.
#[derive(Debug)]
pub struct Remains {
    /// The run.
    pub run: RunId,
    /// Its instances, with whose credentials they are seen.
    pub instances: Vec<(Account, Server)>,
    /// The computes whose service it has disabled, by the reason that stands with it.
    pub disabled: Vec<ComputeName>,
    /// Its marks of computes that it has forced down.
    pub marks: Vec<Mark>,
    /// Its marks of computes that are not forced down, with what they are instead.
    pub idle_marks: Vec<(Mark, &'static str)>,
}

impl Remains {
    /// When anything of the run was last made or changed, by the cloud's clock; `None` if nothing
    /// tells, or one thing does not. A disabled service never does.
    pub fn last_sign_of_life(&self) -> Option<Timestamp> {
        let read = |time: &Option<String>| time.as_deref()?.parse::<Timestamp>().ok();
        let instances = self.instances.iter().map(|(_, server)| {
            // Both: a clock that was put back must not make a run look dead.
            read(&server.updated).max(read(&server.created))
        });
        let idle = self.idle_marks.iter().map(|(mark, _)| mark);
        let times = instances.chain(self.marks.iter().chain(idle).map(|mark| mark.made));
        times.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// What it is, one line each.
    pub fn lines(&self) -> Vec<String> {
        let instances = self.instances.iter().map(|(_, server)| {
            format!("instance {} ({}), {}", server.name, server.id, server.state_line())
        });
        let idle = self
            .idle_marks
            .iter()
            .map(|(mark, instead)| format!("a mark of {}, which {instead}", mark.compute));
        instances.chain(self.services("which the run has")).chain(idle).collect()
    }

    /// The services that the run has taken out of use; `verb` stands between.
    fn services(&self, verb: &str) -> Vec<String> {
        let line = |compute, how| format!("the service of {compute}, {verb} {how}");
        let disabled = self.disabled.iter().map(|compute| line(compute, "disabled"));
        let down = self.marks.iter().map(|mark| line(&mark.compute, "forced down"));
        disabled.chain(down).collect()
    }

    /// The instances by the name that each request can have carried, so that those booted together
    /// are looked for together.
    fn requests(&self) -> Vec<(Account, String, Vec<ServerId>)> {
        let mut requests: BTreeMap<(Account, &str), Vec<ServerId>> = BTreeMap::new();
        for (account, server) in &self.instances {
            let (name, number) = server.name.rsplit_once('-').unwrap_or((&server.name, ""));
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let name = if is_number { name } else { &server.name };
            requests.entry((*account, name)).or_default().push(server.id.clone());
        }
        let requests = requests.into_iter();
        requests.map(|((account, name), ids)| (account, name.to_owned(), ids)).collect()
    }

    /// What the run has changed. It takes only such computes out of use as are in use, so that is
    /// what they were.
    fn changed(&self) -> BTreeMap<ComputeName, ServiceChanged> {
        let before = ServiceBefore { enabled: true, disabled_reason: None, forced_down: false };
        let untouched =
            || ServiceChanged { before: before.clone(), disabled: false, forced_down: false };
        let mut changed = BTreeMap::new();
        for compute in &self.disabled {
            changed.entry(compute.clone()).or_insert_with(untouched).disabled = true;
        }
        for mark in &self.marks {
            changed.entry(mark.compute.clone()).or_insert_with(untouched).forced_down = true;
        }
        changed
    }
}

/// Looks for what runs have in the operator's and the member's own projects, and for the services
/// that they have disabled or forced down.
///
/// An instance is a run's only if its name *and* its metadata say so. Other projects are not
/// listed, although an operator could: what is there was not made with these credentials.
///
/// # Errors
///
/// If the cloud can't be asked.
pub async fn survey(cloud: &Cloud) -> Result<Survey, Problem> {
    let now = cloud.operator.compute.session().before_login().await?.date();
    let mut runs = BTreeMap::new();
    for party in cloud.parties() {
        let project = party.compute.session().login().await?.project_id;
        let named = ServerFilter::name(format!("^{NAMES}"));
        for server in party.compute.servers(&named).await? {
            let Some(run) = run_of(&server) else { continue };
            let instances = &mut of(&mut runs, run).instances;
            let known = instances.iter().any(|(_, known)| known.id == server.id);
            if server.tenant_id == project && !known {
                instances.push((party.account, server));
            }
        }
    }
    let operator = &cloud.operator.compute;
    let marks = mark::shown(operator).await?;
    let services = operator.services().await?;
    let mut forced_down = Vec::new();
    for service in &services {
        if let Some(run) = run_that_took_out(service) {
            of(&mut runs, run).disabled.push(service.host.clone());
        }
        let explained = marks.iter().any(|mark| mark.compute == service.host);
        if service.forced_down == Some(true) && !explained {
            forced_down.push(service.host.clone());
        }
    }
    for mark in marks {
        let remains = of(&mut runs, mark.run.clone());
        match instead_of_forced_down(&services, &mark.compute) {
            None => remains.marks.push(mark),
            Some(instead) => remains.idle_marks.push((mark, instead)),
        }
    }
    let remains = runs.into_values().filter(|remains| !remains.lines().is_empty()).collect();
    Ok(Survey { remains, forced_down, now })
}

/// What a compute is that is not forced down.
fn instead_of_forced_down(
    services: &[ServiceRecord],
    compute: &ComputeName,
) -> Option<&'static str> {
    match services.iter().find(|service| service.host == *compute) {
        None => Some("has no compute service any more"),
        Some(service) if service.forced_down == Some(true) => None,
        Some(service) if service.is_up() => Some("is up"),
        Some(_) => Some("is down by itself"),
    }
}

fn of(runs: &mut BTreeMap<RunId, Remains>, run: RunId) -> &mut Remains {
    runs.entry(run.clone()).or_insert_with(|| Remains {
        run,
        instances: Vec::new(),
        disabled: Vec::new(),
        marks: Vec::new(),
        idle_marks: Vec::new(),
    })
}

/// The run that an instance is of, if name and metadata agree.
fn run_of(server: &Server) -> Option<RunId> {
    let run = RunId::named_in(&server.name)?;
    (server.metadata.get(RUN_KEY)? == run.as_str()).then_some(run)
}

fn run_that_took_out(service: &ServiceRecord) -> Option<RunId> {
    let reason = service.disabled_reason.as_deref().filter(|_| !service.is_enabled())?;
    run_that_disabled(reason)
}

/// Undoes what a survey found of a run; `cloud` must be [`Cloud::of_run`] of it. Computes are put
/// back only if the target allows that (setting `allow`): a journal would prove more. A mark of one
/// that is not forced down is nobody's but ours, and is removed in any case.
pub async fn by_metadata(cloud: &Cloud, remains: &Remains) -> Undone {
    let mut unsettled = Unsettled { instances: remains.requests(), ..Unsettled::default() };
    let mut lines = Vec::new();
    if cloud.facts.allow.contains(&Change::Hosts) {
        unsettled.computes = remains.changed().into_iter().collect();
    } else {
        lines.extend(remains.services("which stays").into_iter().map(|service| {
            format!("{service}, because this target does not allow to change it (--allow hosts)")
        }));
    }
    for (mark, _) in &remains.idle_marks {
        if let Err(problem) = mark::remove(cloud, &mark.compute).await {
            lines.push(format!("a mark of {}: {}", mark.compute, told(&problem)));
        }
    }
    let mut undone = clean_up::undo(cloud, &unsettled).await;
    undone.left.splice(..0, lines);
    undone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, metadata: &str, times: [Option<&str>; 2]) -> Server {
        let [created, updated] = times;
        let text = serde_json::json!({
            "id": "s1", "name": name, "status": "ACTIVE", "created": created, "updated": updated,
            "metadata": { RUN_KEY: metadata },
        });
        serde_json::from_value(text).expect("a server")
    }

    #[test]
    fn an_instance_is_a_runs_only_if_name_and_metadata_agree() {
        let of = |name, metadata| run_of(&server(name, metadata, [None, None]));
        assert_eq!(of("wb-abcdefgh-1-web", "abcdefgh"), Some(RunId::new("abcdefgh")));
        assert_eq!(of("wb-abcdefgh-1-web", "bcdefghj"), None);
        assert_eq!(of("web", "abcdefgh"), None);
        let mut bare = server("wb-abcdefgh-1-web", "abcdefgh", [None, None]);
        bare.metadata.clear();
        assert_eq!(run_of(&bare), None);
    }

    #[test]
    fn instances_booted_together_are_looked_for_together() {
        let names =
            ["wb-abcdefgh-1-web-1", "wb-abcdefgh-1-web-2", "wb-abcdefgh-1-db", "wb-abcdefgh-1-x-"];
        let servers = names.map(|name| (Account::Operator, server(name, "abcdefgh", [None, None])));
        let mut runs = BTreeMap::new();
        let remains = of(&mut runs, RunId::new("abcdefgh"));
        remains.instances = servers.into();
        let requests = remains.requests();
        let seen: Vec<_> = requests.iter().map(|(_, name, ids)| (&name[14..], ids.len())).collect();
        assert_eq!(seen, [("db", 1), ("web", 2), ("x-", 1)]);
    }

    #[test]
    fn the_newest_time_of_any_instance_is_the_sign_of_life_and_one_without_hides_it() {
        const EARLY: Option<&str> = Some("2026-11-23T10:00:00Z");
        const LATE: Option<&str> = Some("2026-11-23T12:00:00Z");
        let sign = |times: &[[Option<&str>; 2]]| {
            let servers = times.iter().map(|times| server("wb", "x", *times));
            let instances = servers.map(|server| (Account::Operator, server)).collect();
            let mut runs = BTreeMap::new();
            let remains = of(&mut runs, RunId::random());
            remains.instances = instances;
            remains.last_sign_of_life().map(|time| time.to_string())
        };
        assert_eq!(sign(&[[EARLY, LATE], [EARLY, EARLY]]).as_deref(), LATE);
        assert_eq!(sign(&[[LATE, EARLY]]).as_deref(), LATE);
        assert_eq!(sign(&[[EARLY, None]]).as_deref(), EARLY);
        assert_eq!(sign(&[[EARLY, LATE], [None, None]]), None);
        assert_eq!(sign(&[]), None);
    }
}
