//! Version documents: what a service says it can do.

use serde::Deserialize;
use serde_json::Value;

use super::service::Service;
use super::version::Microversion;

/// The microversions that a service offers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) oldest: Microversion,
    pub(super) newest: Microversion,
}

#[derive(Deserialize)]
struct VersionDocument {
    #[serde(default)]
    id: String,
    /// The newest, in Nova's words.
    version: Option<String>,
    /// The newest, in placement's words.
    max_version: Option<String>,
    min_version: Option<String>,
}

impl VersionDocument {
    /// A version without microversions says "" or nothing.
    fn offered(&self) -> Option<Offered> {
        let newest = self.max_version.as_deref().or(self.version.as_deref())?.parse().ok()?;
        let oldest = self.min_version.as_deref()?.parse().ok()?;
        Some(Offered { oldest, newest })
    }
}

/// Reads a version document in any of its shapes: one `version`, a list of `versions` (bare, or
/// under `values`), or the `choices` of a 300. `None` if it is no version document; `Some(None)`
/// if the version that we speak is there, but without microversions.
pub(super) fn read(service: Service, body: &[u8]) -> Option<Option<Offered>> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let list = ["version", "versions", "choices"].iter().find_map(|key| document.get(key))?;
    let list = list.get("values").unwrap_or(list);
    let versions = match list {
        Value::Array(items) => items.clone(),
        one @ Value::Object(_) => vec![one.clone()],
        _ => return None,
    };
    let versions: Vec<VersionDocument> =
        versions.into_iter().filter_map(|version| serde_json::from_value(version).ok()).collect();
    let ours = |version: &&VersionDocument| service.major().is_none_or(|major| version.id == major);
    versions.iter().find(ours).map(VersionDocument::offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(service: Service, body: &str) -> Option<Option<String>> {
        read(service, body.as_bytes())
            .map(|offered| offered.map(|offered| offered.newest.to_string()))
    }

    #[test]
    fn every_shape_of_version_document_is_read() {
        let found = Some(Some("2.93".to_owned()));
        let v21 = r#"{"id":"v2.1","status":"CURRENT","version":"2.93","min_version":"2.1"}"#;
        let v20 = r#"{"id":"v2.0","status":"DEPRECATED","version":"","min_version":""}"#;
        for body in [
            format!(r#"{{"version":{v21}}}"#),
            format!(r#"{{"versions":[{v20},{v21}]}}"#),
            format!(r#"{{"versions":{{"values":[{v20},{v21}]}}}}"#),
            format!(r#"{{"choices":[{v20},{v21}]}}"#),
        ] {
            assert_eq!(newest(Service::Compute, &body), found, "{body}");
        }
        let placement = r#"{"versions":[{"id":"v1.0","min_version":"1.0","max_version":"1.39"}]}"#;
        assert_eq!(newest(Service::Placement, placement), Some(Some("1.39".to_owned())));
    }

    #[test]
    fn a_version_without_microversions_is_told_from_no_version() {
        let old = r#"{"version":{"id":"v2.1","version":"","min_version":""}}"#;
        assert_eq!(newest(Service::Compute, old), Some(None));
        let other = r#"{"versions":[{"id":"v2.0","version":"","min_version":""}]}"#;
        assert_eq!(newest(Service::Compute, other), None);
        assert_eq!(newest(Service::Compute, "<html>"), None);
    }
}
