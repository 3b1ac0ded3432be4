//! Who logs in, with which roles, and what the cloud lets them do: found by asking.

use crate::api::compute::MigrationFilter;
use crate::api::{Login, RequestError, Service};
use crate::control::{Party, PartySurvey, Site, Survey};
use crate::events::names::ServerId;
use crate::journal::Account;

use super::trouble::{self, Asked};
use super::{Check, Finding};

/// One line a login.
pub(super) fn logins(site: &Site, survey: &Survey) -> Vec<Finding> {
    site.parties().zip(&survey.parties).map(|(party, found)| login(party, found)).collect()
}

fn login(party: &Party, found: &PartySurvey) -> Finding {
    let entry = party.compute.session().cloud();
    let login = match &found.login {
        Ok(login) => login,
        Err(error) => {
            let url = Some(entry.auth_url.clone());
            let asked = Asked { service: Service::Identity, url, entry };
            let found = format!("{} can't log in: {}", trouble::who(entry), trouble::line(error));
            return Finding::problem(Check::Login, found, asked.remedy(error));
        }
    };
    if login.project_id.is_none() {
        let found = format!("{} is logged in for no project", login.user_name);
        let remedy = format!(
            "add `project_name` and `project_domain_name` to {}; nothing can be booted without a \
             project",
            trouble::entry(entry)
        );
        return Finding::problem(Check::Login, found, remedy);
    }
    Finding::good(Check::Login, told(login))
}

fn told(login: &Login) -> String {
    let project = login.project_name.as_deref().unwrap_or("no project");
    let roles = login.roles.join(", ");
    format!("{} in project {project}, roles: {roles}", login.user_name)
}

/// What operator and member may do.
pub(super) async fn rights(parties: &[&Party], survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (party, found) in parties.iter().zip(&survey.parties) {
        if found.login.is_ok() {
            findings.push(match party.account {
                Account::Operator => operator(party, found, survey).await,
                Account::Member => member(party, found, survey).await,
            });
        }
    }
    findings
}

async fn operator(party: &Party, found: &PartySurvey, survey: &Survey) -> Finding {
    let who = who(found);
    if let Some(Err(error)) = &survey.computes {
        return refused(party, &who, "list computes", error);
    }
    // Of an instance that nobody has, so that the answer is short.
    let nobody = ServerId::new("00000000-0000-0000-0000-000000000000");
    match party.compute.migrations(&MigrationFilter::server(&nobody)).await {
        Ok(_) => Finding::good(
            Check::Rights,
            format!("{who} may list computes and migration records, as an operator must"),
        ),
        Err(error) => refused(party, &who, "list migration records", &error),
    }
}

fn refused(party: &Party, who: &str, what: &str, error: &RequestError) -> Finding {
    let entry = party.compute.session().cloud();
    if error.status() != Some(403) {
        let asked = Asked { service: Service::Compute, url: None, entry };
        return asked.problem(Check::Rights, error);
    }
    Finding::problem(
        Check::Rights,
        format!("{who} may not {what}: {}", error.message().unwrap_or("403")),
        format!(
            "point --cloud at an entry with the role `admin` (`openstack role add --user USER \
             --project PROJECT admin`; `manager` is not enough); {} may be the plain member \
             (--member)",
            entry.name
        ),
    )
}

/// A plain member is one whom the cloud refuses what operators may do.
async fn member(party: &Party, found: &PartySurvey, survey: &Survey) -> Finding {
    let who = who(found);
    let same = survey.parties.first().is_some_and(|operator| operator.project() == found.project());
    let project = if same {
        "in the operator's project, whose quota they share"
    } else {
        "in a project apart from the operator's"
    };
    match party.compute.services().await {
        Err(error) if error.status() == Some(403) => Finding::good(
            Check::Rights,
            format!("{who} may not list computes, as for a plain member is right; {project}"),
        ),
        Ok(_) => Finding::warning(
            Check::Rights,
            format!("{who} may list computes, and so is no plain member; {project}"),
            "point --member at an entry with the role `member` and no other; scenarios about what \
             members may not do fail otherwise",
        ),
        Err(error) => {
            let entry = party.compute.session().cloud();
            let asked = Asked { service: Service::Compute, url: None, entry };
            asked.problem(Check::Rights, &error)
        }
    }
}

fn who(found: &PartySurvey) -> String {
    found.login.as_ref().map_or_else(|_| "nobody".to_owned(), |login| login.user_name.clone())
}
