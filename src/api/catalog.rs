//! Where a service is: the configured address, else the catalog's.

use serde::Deserialize;
use url::Url;

use super::service::Service;
use crate::config::clouds::{CloudEntry, Interface};

/// A service in the catalog.
#[derive(Deserialize)]
pub(super) struct CatalogEntry {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<CatalogEndpoint>,
}

#[derive(Deserialize)]
struct CatalogEndpoint {
    #[serde(default)]
    interface: String,
    region: Option<String>,
    region_id: Option<String>,
    url: String,
}

impl CatalogEndpoint {
    fn region(&self) -> &str {
        self.region_id.as_deref().or(self.region.as_deref()).unwrap_or_default()
    }

    fn is_in(&self, region: &str) -> bool {
        self.region.as_deref() == Some(region) || self.region_id.as_deref() == Some(region)
    }
}

/// The service's endpoint that the configuration names.
pub(super) fn overridden(entry: &CloudEntry, service: Service) -> Option<&Url> {
    configured(&entry.endpoint_overrides, service)
}

/// The service's endpoint as the configuration or the catalog gives it.
///
/// # Errors
///
/// A sentence that says what was looked for and what there is.
pub(super) fn endpoint(
    catalog: &[CatalogEntry],
    entry: &CloudEntry,
    service: Service,
) -> Result<Url, String> {
    if let Some(url) = overridden(entry, service) {
        return Ok(url.clone());
    }
    let region = configured(&entry.service_regions, service).or(entry.region.as_ref());
    let interfaces = configured(&entry.service_interfaces, service).unwrap_or(&entry.interfaces);
    for alias in service.aliases() {
        for interface in interfaces {
            if let Some(found) = find(catalog, alias, *interface, region.map(String::as_str)) {
                let url = Url::parse(&found.url).ok().filter(Url::has_host);
                return url.ok_or_else(|| {
                    format!("the catalog's {service} endpoint `{}` is no address", found.url)
                });
            }
        }
    }
    Err(nothing(catalog, service, interfaces, region.map(String::as_str)))
}

fn configured<T>(
    by_service: &std::collections::BTreeMap<String, T>,
    service: Service,
) -> Option<&T> {
    service.aliases().iter().find_map(|alias| by_service.get(*alias))
}

fn find<'a>(
    catalog: &'a [CatalogEntry],
    kind: &str,
    interface: Interface,
    region: Option<&str>,
) -> Option<&'a CatalogEndpoint> {
    // Catalogs of Keystone v2's time say `publicURL`.
    let of_interface = |endpoint: &&CatalogEndpoint| {
        endpoint.interface.trim_end_matches("URL") == interface.as_str()
    };
    catalog
        .iter()
        .filter(|entry| entry.kind == kind)
        .flat_map(|entry| &entry.endpoints)
        .filter(of_interface)
        .find(|endpoint| region.is_none_or(|region| endpoint.is_in(region)))
}

fn nothing(
    catalog: &[CatalogEntry],
    service: Service,
    interfaces: &[Interface],
    region: Option<&str>,
) -> String {
    let interfaces: Vec<_> = interfaces.iter().map(|interface| interface.as_str()).collect();
    let region = region.map_or_else(String::new, |region| format!(" in region {region}"));
    // Other services are of interest only where nothing of this one is there.
    let is_it = |entry: &&CatalogEntry| service.aliases().contains(&entry.kind.as_str());
    let there = catalog.iter().any(|entry| is_it(&entry));
    let mut has = Vec::new();
    for entry in catalog.iter().filter(|entry| !there || is_it(entry)) {
        for endpoint in &entry.endpoints {
            has.push(format!("{} ({}, {})", entry.kind, endpoint.interface, endpoint.region()));
        }
    }
    has.sort();
    has.dedup();
    let has = if has.is_empty() { "nothing".to_owned() } else { has.join(", ") };
    format!(
        "the catalog has no {} endpoint for {service}{region}; it has: {has}",
        interfaces.join(" or ")
    )
}

/// An endpoint cut at its version: what stands before, and the address that paths are added to.
pub(super) struct Rooted {
    /// Before the version; its document lists all versions.
    pub(super) unversioned: Url,
    /// Up to and with the version; its document describes this one.
    pub(super) versioned: Url,
    /// The whole endpoint, with a project if it has one: paths are added here.
    pub(super) base: Url,
}

/// Takes an endpoint that ends in a version, in a version and a project, or in neither.
pub(super) fn rooted(service: Service, endpoint: &Url) -> Rooted {
    let mut base = endpoint.clone();
    base.set_query(None);
    base.set_fragment(None);
    let parts: Vec<String> =
        base.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let version = parts.iter().rposition(|part| is_version(part));
    let (before, with) = match (version, service.major()) {
        (Some(at), _) => (&parts[..at], parts[..=at].to_vec()),
        (None, Some(major)) => (&parts[..], [&parts[..], &[major.to_owned()]].concat()),
        (None, None) => (&parts[..], parts.clone()),
    };
    let (unversioned, versioned) = (placed(&base, before), placed(&base, &with));
    let base = if version.is_some() { placed(&base, &parts) } else { versioned.clone() };
    Rooted { unversioned, versioned, base }
}

/// `url` with this path and no slash at its end.
fn placed(url: &Url, parts: &[String]) -> Url {
    let mut url = url.clone();
    url.set_path(&format!("/{}", parts.join("/")));
    url
}

/// `v2`, `v2.1`, `v3` …
fn is_version(part: &str) -> bool {
    let number = part.strip_prefix('v').unwrap_or_default();
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// `base` with a request's path and query added.
pub(super) fn join(base: &Url, path: &str, query: &[(String, String)]) -> Result<Url, String> {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let whole = format!("{}{path}", base.as_str().trim_end_matches('/'));
    let mut url =
        Url::parse(&whole).map_err(|error| format!("`{path}` makes no address: {error}"))?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::secret::Secret;

    fn catalog() -> Vec<CatalogEntry> {
        let endpoint = |interface: &str, region: &str, url: &str| json!({ "interface": interface, "region": region, "region_id": region, "url": url });
        serde_json::from_value(json!([
            { "type": "compute", "name": "nova", "endpoints": [
                endpoint("public", "one", "http://pub.one/v2.1"),
                endpoint("internal", "one", "http://int.one/v2.1"),
                endpoint("public", "two", "http://pub.two/v2.1/p1"),
            ]},
            { "type": "neutron", "endpoints": [endpoint("publicURL", "one", "http://net.one/")] },
        ]))
        .expect("a catalog")
    }

    fn entry() -> CloudEntry {
        let url = Url::parse("http://cloud.example/identity").expect("an address");
        CloudEntry::with_password("c", url, "me", Secret::new("pw"), "mine")
    }

    fn found(entry: &CloudEntry, service: Service) -> Result<String, String> {
        endpoint(&catalog(), entry, service).map(String::from)
    }

    #[test]
    fn region_interface_alias_and_override_choose_the_endpoint() {
        let mut entry = entry();
        assert_eq!(found(&entry, Service::Compute), Ok("http://pub.one/v2.1".to_owned()));
        assert_eq!(found(&entry, Service::Network), Ok("http://net.one/".to_owned()));
        entry.region = Some("two".to_owned());
        assert_eq!(found(&entry, Service::Compute), Ok("http://pub.two/v2.1/p1".to_owned()));
        entry.region = None;
        entry.interfaces = vec![Interface::Admin, Interface::Internal];
        assert_eq!(found(&entry, Service::Compute), Ok("http://int.one/v2.1".to_owned()));
        entry.service_interfaces.insert("compute".to_owned(), vec![Interface::Public]);
        entry.service_regions.insert("compute".to_owned(), "two".to_owned());
        assert_eq!(found(&entry, Service::Compute), Ok("http://pub.two/v2.1/p1".to_owned()));
        let own = Url::parse("http://own/").expect("an address");
        entry.endpoint_overrides.insert("nova".to_owned(), own);
        assert_eq!(found(&entry, Service::Compute), Ok("http://own/".to_owned()));
    }

    #[test]
    fn a_missing_endpoint_lists_what_there_is() {
        let entry = CloudEntry { region: Some("three".to_owned()), ..entry() };
        insta::assert_snapshot!(
            found(&entry, Service::Compute).unwrap_err(),
            @"the catalog has no public endpoint for compute in region three; it has: compute (internal, one), compute (public, one), compute (public, two)"
        );
    }

    #[test]
    fn a_service_that_is_nowhere_in_the_catalog_is_told_with_all_that_is() {
        insta::assert_snapshot!(
            found(&entry(), Service::Image).unwrap_err(),
            @"the catalog has no public endpoint for image; it has: compute (internal, one), compute (public, one), compute (public, two), neutron (publicURL, one)"
        );
    }

    #[test]
    fn an_endpoint_may_end_in_a_version_a_project_or_neither() {
        for (service, given, unversioned, versioned, base) in [
            (
                Service::Compute,
                "http://c/compute/v2.1",
                "http://c/compute",
                "http://c/compute/v2.1",
                "http://c/compute/v2.1",
            ),
            (
                Service::Compute,
                "http://c:8774/v2.1/p1/",
                "http://c:8774/",
                "http://c:8774/v2.1",
                "http://c:8774/v2.1/p1",
            ),
            (
                Service::Compute,
                "http://c/compute",
                "http://c/compute",
                "http://c/compute/v2.1",
                "http://c/compute/v2.1",
            ),
            (
                Service::Image,
                "http://c:9292",
                "http://c:9292/",
                "http://c:9292/v2",
                "http://c:9292/v2",
            ),
            (
                Service::Network,
                "http://c:9696/",
                "http://c:9696/",
                "http://c:9696/v2.0",
                "http://c:9696/v2.0",
            ),
            (
                Service::Placement,
                "http://c/placement",
                "http://c/placement",
                "http://c/placement",
                "http://c/placement",
            ),
            (
                Service::Placement,
                "http://c:8778/",
                "http://c:8778/",
                "http://c:8778/",
                "http://c:8778/",
            ),
        ] {
            let rooted = rooted(service, &Url::parse(given).expect("an address"));
            let seen =
                [rooted.unversioned.as_str(), rooted.versioned.as_str(), rooted.base.as_str()];
            assert_eq!(seen, [unversioned, versioned, base], "{given}");
        }
    }

    #[test]
    fn paths_and_queries_are_added_to_the_endpoint() {
        let base = Url::parse("http://c:8778/").expect("an address");
        let query = [("name".to_owned(), "^a b$".to_owned())];
        let url = join(&base, "/servers/detail", &query).expect("an address");
        assert_eq!(url.as_str(), "http://c:8778/servers/detail?name=%5Ea+b%24");
    }
}
