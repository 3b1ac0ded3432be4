//! Whether a name of `clouds.yaml` still means what it meant to the run that wrote a journal.

use url::Url;

use crate::config::Config;
use crate::config::clouds::Clouds;
use crate::events::names::RunId;
use crate::journal::{Access, Journal, Left, Used};

use super::OpenError;
use super::cloud::Party;
use super::target::Shared;

/// A journal's cloud is another one now; nothing is looked for there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the journal of run {run} is not swept: its cloud {cloud} was {then}, and now that name means \
     {now}; sweep it where clouds.yaml is as it was"
)]
pub struct Elsewhere {
    /// The run.
    pub run: RunId,
    /// The name in `clouds.yaml`.
    pub cloud: String,
    /// What the name meant to the run.
    pub then: String,
    /// What it means now.
    pub now: String,
}

/// Begins the journal of a run on a shared cloud.
pub(super) async fn begin_journal(
    config: &Config,
    run: RunId,
    name: &str,
    shared: &Shared,
) -> Result<Journal, OpenError> {
    let operator = of(&shared.operator, name).await?;
    let member = match (&shared.member, &config.member) {
        (Some(party), Some(name)) => Some((name, of(party, name).await?)),
        _ => None,
    };
    let operator = Used { cloud: name, access: &operator };
    let member = member.as_ref().map(|(cloud, access)| Used { cloud, access });
    Ok(Journal::create(&config.journal, run, operator, member)?)
}

/// Demands that the names lead to where they led; nobody has to be asked for that.
pub(super) fn same_urls(left: &Left, clouds: &Clouds) -> Result<(), OpenError> {
    for (cloud, then) in names(left) {
        let Some(then) = then else { continue };
        let now = bare(&clouds.cloud(cloud)?.auth_url);
        same(left, cloud, &then.auth_url, &now)?;
    }
    Ok(())
}

/// Demands that the logins are for the projects for which they were.
pub(super) async fn same_projects(left: &Left, shared: &Shared) -> Result<(), OpenError> {
    let parties = [Some(&shared.operator), shared.member.as_ref()];
    for ((cloud, then), party) in names(left).zip(parties.into_iter().flatten()) {
        let Some(then) = then else { continue };
        let now = of(party, cloud).await?;
        same(left, cloud, &project(then), &project(&now))?;
    }
    Ok(())
}

/// The names of a journal with what they meant, the operator's first.
fn names(left: &Left) -> impl Iterator<Item = (&str, Option<&Access>)> {
    let operator = (left.cloud.as_str(), left.access.as_ref());
    let member = left.member.as_deref().map(|member| (member, left.member_access.as_ref()));
    std::iter::once(operator).chain(member)
}

fn same(left: &Left, cloud: &str, then: &str, now: &str) -> Result<(), Elsewhere> {
    if then == now {
        return Ok(());
    }
    let (then, now) = (then.to_owned(), now.to_owned());
    Err(Elsewhere { run: left.run.clone(), cloud: cloud.to_owned(), then, now })
}

fn project(access: &Access) -> String {
    match &access.project {
        Some(id) => format!("project {id} at {}", access.auth_url),
        None => format!("no project at {}", access.auth_url),
    }
}

/// What a party's name means.
async fn of(party: &Party, name: &str) -> Result<Access, OpenError> {
    let session = party.compute.session();
    let failed = |source| OpenError::Request { name: name.to_owned(), source };
    let login = session.login().await.map_err(failed)?;
    Ok(Access { auth_url: bare(&session.cloud().auth_url), project: login.project_id })
}

/// The address without what may be written or left out, and without credentials.
fn bare(url: &Url) -> String {
    let address = format!("{}{}", url.origin().ascii_serialization(), url.path());
    let address = address.trim_end_matches('/');
    address.strip_suffix("/v3").unwrap_or(address).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_an_address_are_the_same() {
        let bare = |text: &str| bare(&text.parse().unwrap());
        assert_eq!(bare("https://lab:443/identity/v3/"), "https://lab/identity");
        assert_eq!(bare("https://me:pw@lab/identity"), "https://lab/identity");
        assert_ne!(bare("http://lab/identity"), bare("https://lab/identity"));
    }
}
