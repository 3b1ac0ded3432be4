//! Lists of instances: filters, order, pages.

use std::cmp::Reverse;

use regex::Regex;
use serde_json::{Value, json};

use super::{Answer, Call, view};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::{schema, time};
use crate::sim::state::server::{Status, TaskState};
use crate::sim::state::{Rule, Server, State};

/// `[api]max_limit`.
const MAX_LIMIT: usize = 1000;

/// Filters that everybody may use, with the microversion that brought them.
const FILTERS: [(&str, u16); 24] = [
    ("reservation_id", 1),
    ("name", 1),
    ("status", 1),
    ("image", 1),
    ("flavor", 1),
    ("ip", 1),
    ("changes-since", 1),
    ("all_tenants", 1),
    ("ip6", 5),
    ("tags", 26),
    ("tags-any", 26),
    ("not-tags", 26),
    ("not-tags-any", 26),
    ("changes-before", 66),
    ("locked", 73),
    ("availability_zone", 83),
    ("config_drive", 83),
    ("key_name", 83),
    ("power_state", 83),
    ("task_state", 83),
    ("vm_state", 83),
    ("user_id", 83),
    ("launched_at", 83),
    ("created_at", 83),
];
/// Filters that only the operator may use; from others they are dropped without a word.
const OPERATORS_FILTERS: [&str; 18] = [
    "host",
    "node",
    "tenant_id",
    "project_id",
    "deleted",
    "uuid",
    "user_id",
    "vm_state",
    "task_state",
    "power_state",
    "availability_zone",
    "key_name",
    "config_drive",
    "hostname",
    "launch_index",
    "created_at",
    "launched_at",
    "display_description",
];
const OTHERS: [&str; 12] = [
    "limit",
    "marker",
    "sort_key",
    "sort_dir",
    "terminated_at",
    "progress",
    "soft_deleted",
    "instance_type_id",
    "image_ref",
    "access_ip_v4",
    "access_ip_v6",
    "root_device_name",
];

/// Filters that survived, ready to be asked.
struct Filters<'a> {
    call: &'a Call<'a>,
    statuses: Option<Vec<Status>>,
    name: Option<Regex>,
    reservation: Option<Regex>,
    ip: Option<Regex>,
    since: Option<i64>,
    before: Option<i64>,
    project: Option<String>,
    deleted: Option<bool>,
    operator: bool,
}

pub(super) fn index(state: &State, call: &Call<'_>, detail: bool) -> Answer {
    call.need_own(state, if detail { Rule::ServersDetail } else { Rule::ServersIndex })?;
    check_names(call)?;
    let Some(filters) = Filters::read(state, call, detail)? else {
        return Ok(Reply::json(200, json!({"servers": []})));
    };
    let mut found: Vec<&Server> =
        state.servers.with_deleted().filter(|server| filters.pass(state, server)).collect();
    sort(state, call, &mut found);
    let (page, more) = page(call, &found)?;
    // Each is written as soon as it is made: a thousand in memory at once take twice as long.
    let views = page.iter().map(|server| {
        let view =
            if detail { view::full(state, call, server, false) } else { view::basic(call, server) };
        view.to_string()
    });
    let mut body = format!("{{\"servers\":[{}]", joined(views));
    if let (true, Some(last)) = (more, page.last()) {
        let next = next_link(call, last.id.as_str(), detail);
        body.push_str(&format!(",\"servers_links\":[{next}]"));
    }
    body.push('}');
    Ok(Reply::written(200, body))
}

/// With commas between.
fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.fold(String::new(), |mut all, part| {
        if !all.is_empty() {
            all.push(',');
        }
        all + &part
    })
}

fn check_names(call: &Call<'_>) -> Result<(), Fault> {
    let known = |name: &str| {
        FILTERS.iter().any(|(known, _)| *known == name)
            || OPERATORS_FILTERS.contains(&name)
            || OTHERS.contains(&name)
            || name.starts_with('_')
    };
    if !call.since(75) {
        return Ok(());
    }
    match call.ask.query.iter().find(|(name, _)| !known(name)) {
        Some((name, _)) => {
            Err(Fault::bad_request(format!("'{name}' does not match any of the regexes: '^_'")))
        }
        None => Ok(()),
    }
}

impl<'a> Filters<'a> {
    /// Reads the query; `None` if nothing can match.
    fn read(state: &State, call: &'a Call<'a>, detail: bool) -> Result<Option<Self>, Fault> {
        let operator = call.may(state, Rule::ServersAdminFilters, "");
        let get = |name: &str| call.ask.query(name);
        let statuses: Vec<&str> = call.ask.query_all("status").collect();
        let statuses = (!statuses.is_empty()).then(|| read_statuses(&statuses));
        if statuses.as_ref().is_some_and(Vec::is_empty) {
            return if call.since(38) {
                Err(Fault::bad_request("Invalid status value"))
            } else {
                Ok(None)
            };
        }
        if statuses.as_ref().is_some_and(|all| all.contains(&Status::Deleted)) && !operator {
            return Err(Fault::new(403, "Only administrators may list deleted instances"));
        }
        let (since, before) = (date(call, "changes-since")?, date(call, "changes-before")?);
        if let (Some(since), Some(before)) = (since, before)
            && before < since
        {
            return Err(Fault::bad_request(
                "The value of changes-since must be less than or equal to changes-before.",
            ));
        }
        let all = get("all_tenants").is_some_and(|all| all.is_empty() || is_true(all));
        let deleted_status = statuses.as_ref().is_some_and(|all| all.contains(&Status::Deleted));
        if all {
            call.need_own(
                state,
                if detail { Rule::ServersDetailAll } else { Rule::ServersIndexAll },
            )?;
        }
        let asked_deleted =
            get("deleted").filter(|_| operator).map(is_true).or(deleted_status.then_some(true));
        let deleted = match asked_deleted {
            None if since.is_some() || before.is_some() => None,
            asked => Some(asked.unwrap_or(false)),
        };
        let project = if all {
            get("tenant_id").or(get("project_id")).map(str::to_owned)
        } else {
            Some(call.caller.project.clone())
        };
        Ok(Some(Self {
            call,
            statuses,
            name: pattern(get("name"))?,
            reservation: pattern(get("reservation_id"))?,
            ip: pattern(get("ip"))?,
            since,
            before,
            project,
            deleted,
            operator,
        }))
    }

    fn pass(&self, state: &State, server: &Server) -> bool {
        let changed = time::seconds(state.date(server.updated));
        let fits = |pattern: &Option<Regex>, text: &str| {
            pattern.as_ref().is_none_or(|known| known.is_match(text))
        };
        self.project.as_ref().is_none_or(|project| server.project == *project)
            && self.deleted.is_none_or(|deleted| deleted != server.is_there())
            && self.statuses.as_ref().is_none_or(|all| all.contains(&server.status()))
            && self.since.is_none_or(|since| changed >= since)
            && self.before.is_none_or(|before| changed <= before)
            && fits(&self.name, &server.name)
            && fits(&self.reservation, server.reservation.as_str())
            && self.ip.as_ref().is_none_or(|ip| {
                state.catalog.ports_of(&server.id).any(|port| ip.is_match(&port.ip))
            })
            && self
                .call
                .ask
                .query
                .iter()
                .all(|(name, value)| self.passes_plain(state, server, name, value))
    }

    /// The filters that compare one value.
    fn passes_plain(&self, state: &State, server: &Server, name: &str, value: &str) -> bool {
        let operators = self.operator || self.call.since(83);
        let host = server.host.as_ref().map_or("", |host| host.as_str());
        match name {
            "flavor" => server.flavor.id == value,
            "image" => server.image == value,
            "host" | "node" if self.operator => host == value,
            "uuid" if self.operator => server.id.as_str() == value,
            "launch_index" if self.operator => server.launch_index.to_string() == value,
            "hostname" if self.operator => server.hostname == value,
            "user_id" if operators => server.user == value,
            "vm_state" if operators => server.vm_state.as_str() == value,
            "task_state" if operators => server.task_state.map_or("", TaskState::as_str) == value,
            "power_state" if operators => server.power_state().to_string() == value,
            "key_name" if operators => server.request.key_name.as_deref() == Some(value),
            "config_drive" if operators => server.request.config_drive == is_true(value),
            "availability_zone" if operators => {
                server.host.as_ref().is_some_and(|host| state.computes.zone(host) == value)
            }
            "locked" if self.call.since(73) => server.locked.is_some() == is_true(value),
            "tags" if self.call.since(26) => value.split(',').all(|tag| has_tag(server, tag)),
            "tags-any" if self.call.since(26) => value.split(',').any(|tag| has_tag(server, tag)),
            "not-tags" if self.call.since(26) => !value.split(',').all(|tag| has_tag(server, tag)),
            "not-tags-any" if self.call.since(26) => {
                !value.split(',').any(|tag| has_tag(server, tag))
            }
            _ => true,
        }
    }
}

fn has_tag(server: &Server, tag: &str) -> bool {
    server.tags.iter().any(|known| known == tag)
}

fn is_true(text: &str) -> bool {
    schema::truth(&json!(text)) || text == "t" || text == "y"
}

fn read_statuses(texts: &[&str]) -> Vec<Status> {
    use Status as S;
    const ALL: [Status; 10] = [
        S::Build,
        S::Active,
        S::Paused,
        S::Suspended,
        S::Shutoff,
        S::Error,
        S::Deleted,
        S::Migrating,
        S::Reboot,
        S::HardReboot,
    ];
    ALL.into_iter()
        .filter(|status| texts.iter().any(|text| text.eq_ignore_ascii_case(status.as_str())))
        .collect()
}

/// Databases search for the pattern anywhere in the value.
fn pattern(text: Option<&str>) -> Result<Option<Regex>, Fault> {
    let Some(text) = text else { return Ok(None) };
    // The length is bounded, so that nobody can make the cloud compile a monster.
    let compiled = Regex::new(text).ok().filter(|_| text.len() <= 1000);
    compiled.map(Some).ok_or_else(|| Fault::bad_request(format!("Invalid filter value: {text}")))
}

fn date(call: &Call<'_>, name: &str) -> Result<Option<i64>, Fault> {
    if name == "changes-before" && !call.since(66) {
        return Ok(None);
    }
    let Some(text) = call.ask.query(name) else {
        return Ok(None);
    };
    let parsed = time::parse(text).map(time::seconds);
    parsed.map(Some).ok_or_else(|| {
        Fault::bad_request(format!("Invalid input for query parameters {name}. Value: {text}. '{text}' is not a 'date-time'"))
    })
}

/// Newest first; those of one second stand in any order, as a database leaves them.
fn sort(state: &State, call: &Call<'_>, found: &mut [&Server]) {
    found.sort_by_cached_key(|server| {
        (Reverse(time::seconds(state.date(server.created))), server.id.clone())
    });
    let keys: Vec<&str> = call.ask.query_all("sort_key").collect();
    let dirs: Vec<&str> = call.ask.query_all("sort_dir").collect();
    for (place, key) in keys.iter().enumerate().rev() {
        let ascending = dirs.get(place).or(dirs.last()) == Some(&"asc");
        found.sort_by_cached_key(|server| sort_value(server, key));
        if !ascending {
            found.reverse();
        }
    }
}

fn sort_value(server: &Server, key: &str) -> String {
    match key {
        "display_name" | "name" => server.name.clone(),
        "uuid" | "id" => server.id.to_string(),
        "host" | "node" => server.host.as_ref().map_or_else(String::new, ToString::to_string),
        "vm_state" => server.vm_state.as_str().to_owned(),
        "task_state" => server.task_state.map_or("", TaskState::as_str).to_owned(),
        "launch_index" => format!("{:08}", server.launch_index),
        "updated_at" => format!("{:020}", server.updated.as_micros()),
        "created_at" => format!("{:020}", server.created.as_micros()),
        _ => String::new(),
    }
}

/// The page that is asked for, and whether there may be another one.
fn page<'s>(call: &Call<'_>, found: &[&'s Server]) -> Result<(Vec<&'s Server>, bool), Fault> {
    let limit = limit(call)?;
    let start = match call.ask.query("marker") {
        Some(marker) => match found.iter().position(|server| server.id.as_str() == marker) {
            Some(place) => place + 1,
            None => return Err(Fault::bad_request(format!("marker [{marker}] not found"))),
        },
        None => 0,
    };
    let page: Vec<&Server> = found.iter().skip(start).take(limit).copied().collect();
    let full = page.len() == limit && limit > 0;
    Ok((page, full && (call.ask.query("limit").is_some() || found.len() > start + limit)))
}

/// How many entries a page has at most.
pub(super) fn limit(call: &Call<'_>) -> Result<usize, Fault> {
    let Some(text) = call.ask.query("limit") else {
        return Ok(MAX_LIMIT);
    };
    let parsed: Option<usize> = text.parse().ok();
    parsed.map(|limit| limit.min(MAX_LIMIT)).ok_or_else(|| {
        Fault::bad_request(format!("Invalid input for query parameters limit. Value: {text}. '{text}' does not match '^[0-9]*$'"))
    })
}

fn next_link(call: &Call<'_>, marker: &str, detail: bool) -> Value {
    let path = if detail { "servers/detail" } else { "servers" };
    next(call, path, marker)
}

/// The link to the page behind `marker`.
pub(super) fn next(call: &Call<'_>, path: &str, marker: &str) -> Value {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.ask.query.iter().filter(|(name, _)| name != "marker") {
        query.append_pair(name, value);
    }
    query.append_pair("marker", marker);
    json!({"rel": "next", "href": format!("{}/compute/v2.1/{path}?{}", call.ask.base, query.finish())})
}
