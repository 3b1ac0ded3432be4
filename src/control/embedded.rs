//! The embedded cloud as a target: one for each scenario.

use url::Url;

use crate::config::clouds::CloudEntry;
use crate::config::secret::Secret;
use crate::sim;

use super::OpenError;

/// A simulated cloud, and how its operator and a plain member log in.
pub(super) struct Embedded {
    pub(super) cloud: sim::Cloud,
    pub(super) operator: CloudEntry,
    pub(super) member: CloudEntry,
}

/// Starts a cloud with so many computes.
pub(super) async fn start(computes: usize) -> Result<Embedded, OpenError> {
    // A scenario may boot as many instances as it says: its cloud is its own.
    let quotas = sim::Quotas { instances: -1, cores: -1, ram: -1, ..sim::Quotas::default() };
    let settings = sim::Settings { computes, quotas, ..sim::Settings::default() };
    let cloud = sim::Cloud::start(settings).await.map_err(OpenError::Embedded)?;
    let url: Url = cloud.auth_url().parse().expect("the embedded cloud's own address is a URL");
    let accounts = cloud.accounts();
    let entry = |name: &str, account: &sim::Account| {
        let password = Secret::new(account.password.clone());
        CloudEntry::with_password(name, url.clone(), &account.user, password, &account.project)
    };
    let operator = entry("embedded", &accounts.admin);
    let member = entry("embedded-member", &accounts.member);
    Ok(Embedded { cloud, operator, member })
}
