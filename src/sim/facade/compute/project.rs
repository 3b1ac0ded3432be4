//! What belongs to a project: server groups, quotas, limits.

use serde_json::{Value, json};

use super::{Answer, Call, lists};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, Is, NAME, Shape};
use crate::sim::settings::Quotas;
use crate::sim::state::groups::{Group, Policy};
use crate::sim::state::{Rule, State};

static GROUP: Shape =
    Shape { required: &["server_group"], fields: &[("server_group", Is::Any)], open: false };
const STRICT: &[&str] = &["anti-affinity", "affinity"];
const ALL: &[&str] = &["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"];
static GROUP_1: Shape = Shape {
    required: &["name", "policies"],
    fields: &[("name", NAME), ("policies", Is::List(&Is::Word(STRICT)))],
    open: false,
};
static GROUP_15: Shape = Shape {
    required: &["name", "policies"],
    fields: &[("name", NAME), ("policies", Is::List(&Is::Word(ALL)))],
    open: false,
};
static GROUP_64: Shape = Shape {
    required: &["name", "policy"],
    fields: &[("name", NAME), ("policy", Is::Word(ALL)), ("rules", Is::Object(&RULES))],
    open: false,
};
static RULES: Shape =
    Shape { required: &[], fields: &[("max_server_per_host", Is::Count)], open: false };

pub(super) fn groups(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => group_list(state, call),
        ("GET", [id]) => {
            let group = find(state, call, id)?;
            call.need(state, Rule::GroupsShow, &group.project)?;
            Ok(Reply::json(200, json!({"server_group": view(state, call, group)})))
        }
        ("POST", []) => create_group(state, call),
        ("DELETE", [id]) => {
            let group = find(state, call, id)?;
            call.need(state, Rule::GroupsDelete, &group.project)?;
            let id = group.id.clone();
            state.groups.remove(&id);
            Ok(Reply::status(204))
        }
        _ => Err(Fault::no_resource()),
    }
}

fn group_list(state: &State, call: &Call<'_>) -> Answer {
    call.need_own(state, Rule::GroupsIndex)?;
    let all = call.ask.query("all_projects").is_some() && call.caller.is_admin();
    let mut found: Vec<&Group> =
        state.groups.values().filter(|group| all || group.project == call.caller.project).collect();
    found.sort_by_key(|group| group.number);
    let offset: usize =
        call.ask.query("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let page = found.into_iter().skip(offset).take(lists::limit(call)?);
    let list: Vec<Value> = page.map(|group| view(state, call, group)).collect();
    Ok(Reply::json(200, json!({"server_groups": list})))
}

fn find<'s>(state: &'s State, call: &Call<'_>, id: &str) -> Result<&'s Group, Fault> {
    let group = state
        .groups
        .get(id)
        .filter(|group| call.caller.is_admin() || group.project == call.caller.project);
    group.ok_or_else(|| Fault::not_found(format!("Instance group {id} could not be found.")))
}

fn view(state: &State, call: &Call<'_>, group: &Group) -> Value {
    let members: Vec<_> =
        group.members.iter().filter(|id| state.servers.get(id).is_some()).collect();
    let mut view = json!({"id": group.id, "name": group.name, "members": members});
    if call.since(13) {
        view["project_id"] = json!(group.project);
        view["user_id"] = json!(group.user);
    }
    if call.since(64) {
        view["policy"] = json!(group.policy.as_str());
        view["rules"] = match group.max_server_per_host {
            Some(max) => json!({"max_server_per_host": max}),
            None => json!({}),
        };
    } else {
        view["policies"] = json!([group.policy.as_str()]);
        view["metadata"] = json!({});
    }
    view
}

fn create_group(state: &mut State, call: &Call<'_>) -> Answer {
    let body = call.body()?;
    schema::check(&body, &GROUP)?;
    let shape = match call.minor {
        ..15 => &GROUP_1,
        15..64 => &GROUP_15,
        _ => &GROUP_64,
    };
    let asked = &body["server_group"];
    schema::check_field("server_group", asked, Is::Object(shape))?;
    let named = if call.since(64) {
        asked["policy"].as_str()
    } else {
        let list = asked["policies"].as_array().map_or(&[][..], Vec::as_slice);
        match list {
            [one] => one.as_str(),
            list => {
                let problem = if list.is_empty() { "is too short" } else { "is too long" };
                let shown = schema::python(&asked["policies"]);
                return Err(Fault::bad_request(format!(
                    "Invalid input for field/attribute policies. Value: {shown}. {shown} {problem}"
                )));
            }
        }
    };
    let policy =
        named.and_then(Policy::named).ok_or_else(|| Fault::bad_request("Invalid policy"))?;
    let rules = asked.get("rules").filter(|_| call.since(64));
    if policy != Policy::AntiAffinity
        && rules.and_then(Value::as_object).is_some_and(|rules| !rules.is_empty())
    {
        return Err(Fault::bad_request("Only anti-affinity policy supports rules."));
    }
    let max = rules.and_then(|rules| schema::number(&rules["max_server_per_host"]));
    call.need_own(state, Rule::GroupsCreate)?;
    let name = asked["name"].as_str().unwrap_or_default();
    let group = state.create_group(
        &call.caller,
        name,
        policy,
        max.and_then(|max| u64::try_from(max).ok()),
    )?;
    Ok(Reply::json(200, json!({"server_group": view(state, call, &group)})))
}

/// The limits by Nova's names.
fn limits_by_name(quotas: &mut Quotas) -> [(&'static str, &mut i64); 14] {
    let bygone = &mut quotas.bygone;
    [
        ("instances", &mut quotas.instances),
        ("cores", &mut quotas.cores),
        ("ram", &mut quotas.ram),
        ("metadata_items", &mut quotas.metadata_items),
        ("key_pairs", &mut quotas.key_pairs),
        ("server_groups", &mut quotas.server_groups),
        ("server_group_members", &mut quotas.server_group_members),
        ("fixed_ips", &mut bygone.fixed_ips),
        ("floating_ips", &mut bygone.floating_ips),
        ("security_groups", &mut bygone.security_groups),
        ("security_group_rules", &mut bygone.security_group_rules),
        ("injected_files", &mut bygone.injected_files),
        ("injected_file_content_bytes", &mut bygone.injected_file_content_bytes),
        ("injected_file_path_bytes", &mut bygone.injected_file_path_bytes),
    ]
}

/// The limits that a quota set has at this microversion: those of networks until 2.35, those of
/// injected files until 2.56.
fn shown(call: &Call<'_>, mut quotas: Quotas, networks_until: u16) -> Vec<(&'static str, i64)> {
    let there = |name: &str| match name {
        "fixed_ips" | "floating_ips" | "security_groups" | "security_group_rules" => {
            call.minor <= networks_until
        }
        name => !name.starts_with("injected") || !call.since(57),
    };
    let all = limits_by_name(&mut quotas);
    all.into_iter().filter(|(name, _)| there(name)).map(|(name, limit)| (name, *limit)).collect()
}

pub(super) fn quotas(state: &mut State, call: &Call<'_>, project: &str, rest: &[&str]) -> Answer {
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => {
            call.need(state, Rule::QuotaShow, project)?;
            Ok(quota_set(call, Some(project), state.quotas_of(project)))
        }
        ("GET", ["defaults"]) => Ok(quota_set(call, Some(project), state.default_quotas())),
        ("GET", ["detail"]) => {
            call.need(state, Rule::QuotaDetail, project)?;
            let usage = state.usage_of(project);
            let mut set = json!({"id": project});
            for (name, limit) in shown(call, state.quotas_of(project), 35) {
                let used = match name {
                    "instances" => usage.instances,
                    "cores" => usage.cores,
                    "ram" => usage.ram,
                    "server_groups" => usage.server_groups,
                    _ => 0,
                };
                set[name] = json!({"limit": limit, "in_use": used, "reserved": 0});
            }
            Ok(Reply::json(200, json!({"quota_set": set})))
        }
        ("PUT", []) => update_quotas(state, call, project),
        ("DELETE", []) => {
            call.need(state, Rule::QuotaDelete, project)?;
            state.quotas.remove(project);
            Ok(Reply::status(202))
        }
        _ => Err(Fault::no_resource()),
    }
}

/// `/os-quota-class-sets/{class}`: the limits of projects that have none of their own. Only the
/// class `default` has ever had a meaning.
pub(super) fn quota_class(state: &mut State, call: &Call<'_>, class: &str) -> Answer {
    match call.ask.method.as_str() {
        "GET" => {
            call.need_own(state, Rule::QuotaClassShow)?;
            Ok(class_set(call, Some(class), state.default_quotas()))
        }
        "PUT" => {
            let body = call.body()?;
            call.need_own(state, Rule::QuotaClassUpdate)?;
            let known: Vec<_> = shown(call, Quotas::default(), 49);
            let quotas = changed(state.default_quotas(), "quota_class_set", &known, &body)?;
            if class == "default" {
                state.default_quotas = Some(quotas);
            }
            Ok(class_set(call, None, quotas))
        }
        _ => Err(Fault::no_resource()),
    }
}

/// Groups are among them since 2.50, networks until then.
fn class_set(call: &Call<'_>, class: Option<&str>, quotas: Quotas) -> Reply {
    let mut set = json!({});
    for (name, limit) in shown(call, quotas, 49) {
        if call.since(50) || !name.starts_with("server_group") {
            set[name] = json!(limit);
        }
    }
    if let Some(class) = class {
        set["id"] = json!(class);
    }
    Reply::json(200, json!({"quota_class_set": set}))
}

fn quota_set(call: &Call<'_>, project: Option<&str>, quotas: Quotas) -> Reply {
    let mut set = json!({});
    for (name, limit) in shown(call, quotas, 35) {
        set[name] = json!(limit);
    }
    if let Some(project) = project {
        set["id"] = json!(project);
    }
    Reply::json(200, json!({"quota_set": set}))
}

fn update_quotas(state: &mut State, call: &Call<'_>, project: &str) -> Answer {
    let body = call.body()?;
    call.need(state, Rule::QuotaUpdate, project)?;
    if call.ask.query("user_id").is_some() {
        return Err(Fault::not_simulated("PUT", "/os-quota-sets/{project}?user_id="));
    }
    if !state.identity.projects.iter().any(|known| known.id == project) {
        return Err(Fault::bad_request(format!("Project ID {project} is not a valid project.")));
    }
    let known: Vec<_> = shown(call, Quotas::default(), 35);
    let quotas = changed(state.quotas_of(project), "quota_set", &known, &body)?;
    state.quotas.insert(project.to_owned(), quotas);
    Ok(quota_set(call, None, quotas))
}

/// The limits with what a request changes of them, which must be among the known ones.
fn changed(
    mut quotas: Quotas,
    key: &str,
    known: &[(&'static str, i64)],
    body: &Value,
) -> Result<Quotas, Fault> {
    let Some(asked) = body[key].as_object() else {
        return Err(Fault::bad_request(format!("'{key}' is a required property")));
    };
    for (name, value) in
        asked.iter().filter(|(name, _)| !matches!(name.as_str(), "force" | "tenant_id"))
    {
        let mut fields = limits_by_name(&mut quotas).into_iter();
        let allowed = known.iter().any(|(known, _)| known == name);
        let field = fields.find(|(known, _)| allowed && known == name);
        let Some((_, field)) = field else {
            return Err(Fault::bad_request(format!(
                "Invalid input for field/attribute {key}. Value: {}. Additional properties are not allowed ('{name}' was unexpected)",
                schema::python(&body[key])
            )));
        };
        schema::check_field(name, value, Is::Whole { min: -1, max: i64::from(i32::MAX) })?;
        *field = schema::number(value).unwrap_or(-1);
    }
    Ok(quotas)
}

pub(super) fn limits(state: &State, call: &Call<'_>) -> Answer {
    let project = match call.ask.query("tenant_id") {
        Some(project) if project != call.caller.project => {
            call.need(state, Rule::LimitsOtherProject, project)?;
            project
        }
        _ => &call.caller.project,
    };
    let (quotas, usage) = (state.quotas_of(project), state.usage_of(project));
    let mut absolute = json!({
        "maxTotalInstances": quotas.instances,
        "maxTotalCores": quotas.cores,
        "maxTotalRAMSize": quotas.ram,
        "maxTotalKeypairs": quotas.key_pairs,
        "maxServerMeta": quotas.metadata_items,
        "maxServerGroups": quotas.server_groups,
        "maxServerGroupMembers": quotas.server_group_members,
        "totalInstancesUsed": usage.instances,
        "totalCoresUsed": usage.cores,
        "totalRAMUsed": usage.ram,
        "totalServerGroupsUsed": usage.server_groups,
    });
    if !call.since(36) {
        for name in ["maxTotalFloatingIps", "maxSecurityGroups", "maxSecurityGroupRules"] {
            absolute[name] = json!(-1);
        }
        absolute["totalFloatingIpsUsed"] = json!(0);
        absolute["totalSecurityGroupsUsed"] = json!(0);
    }
    if !call.since(39) {
        absolute["maxImageMeta"] = json!(quotas.metadata_items);
    }
    if !call.since(57) {
        absolute["maxPersonality"] = json!(5);
        absolute["maxPersonalitySize"] = json!(10240);
    }
    Ok(Reply::json(200, json!({"limits": {"rate": [], "absolute": absolute}})))
}
