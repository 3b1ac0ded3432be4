//! From layers to an entry: what is missing, contradictory or misspelt is found here, and not at
//! the first request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::entry::{
    ApplicationCredential, CloudEntry, Credential, Domain, Interface, Owned, Scope, Tls,
};
use super::error::CloudsError;
use super::layers::Layered;
use super::node::{Map, Node, Scalar};
use super::proxies::Proxies;
use crate::config::secret::Secret;

/// Reads the layers.
pub(super) fn judge(layers: Layered, home: Option<&Path>) -> Result<CloudEntry, CloudsError> {
    let mut judge = Judge { layers, home, warnings: Vec::new() };
    judge.warn_of_other_readings();
    let auth_url = judge.auth_url()?;
    let credential = judge.credential()?;
    let scope = judge.scope(&credential)?;
    let settings = judge.layers.settings.clone();
    let tls = judge.tls()?;
    let mut entry = CloudEntry {
        name: judge.layers.name.clone(),
        origin: judge.layers.origin.clone(),
        auth_url,
        credential,
        scope,
        region: judge.setting("region_name")?.map(|region| region.text),
        interfaces: settings
            .get("interface")
            .map_or(Ok(vec![Interface::Public]), |node| judge.interfaces(node))?,
        endpoint_overrides: BTreeMap::new(),
        service_interfaces: BTreeMap::new(),
        service_regions: BTreeMap::new(),
        tls,
        api_timeout: judge.timeout()?,
        proxies: Proxies::default(),
        warnings: Vec::new(),
        places: judge.layers.places(),
    };
    for (key, node) in &settings {
        if let Some(service) =
            key.strip_suffix("_endpoint_override").or_else(|| key.strip_suffix("_endpoint"))
        {
            let url = judge.url(&judge.filled_in(judge.scalar(key, node)?, key)?, key)?;
            entry.endpoint_overrides.insert(service.replace('_', "-"), url);
        } else if let Some(service) = key.strip_suffix("_interface") {
            entry.service_interfaces.insert(service.replace('_', "-"), judge.interfaces(node)?);
        } else if let Some(service) = key.strip_suffix("_region_name") {
            entry.service_regions.insert(service.replace('_', "-"), judge.scalar(key, node)?.text);
        }
    }
    entry.warnings = judge.layers.warnings;
    entry.warnings.append(&mut judge.warnings);
    Ok(entry)
}

struct Judge<'a> {
    layers: Layered,
    home: Option<&'a Path>,
    warnings: Vec<String>,
}

impl Judge<'_> {
    /// Unquoted values that YAML readers with types read differently.
    fn warn_of_other_readings(&mut self) {
        let region = self.layers.settings.get_key_value("region_name");
        for (key, node) in self.layers.auth.iter().chain(region) {
            if let Node::Scalar(scalar) = node
                && let Some(other) = scalar.other_reading()
            {
                let place = &scalar.place;
                self.warnings.push(format!(
                    "{place}: `{key}` is not quoted; it is read as written, but other tools may take it for {other}"
                ));
            }
        }
    }

    fn missing(&self, missing: &str, help: &str) -> CloudsError {
        CloudsError::Missing {
            cloud: self.layers.name.clone(),
            origin: self.layers.origin.clone(),
            missing: missing.to_owned(),
            help: help.to_owned(),
        }
    }

    fn unusable(&self, problem: String) -> CloudsError {
        CloudsError::Unusable {
            cloud: self.layers.name.clone(),
            origin: self.layers.origin.clone(),
            problem,
        }
    }

    fn scalar(&self, key: &str, node: &Node) -> Result<Scalar, CloudsError> {
        match node {
            Node::Scalar(scalar) => Ok(scalar.clone()),
            other => Err(CloudsError::Shape {
                place: other.place().clone(),
                key: format!("{}.{key}", self.layers.name),
                is: other.shape().to_owned(),
                should: "a single value",
            }),
        }
    }

    fn value(&self, map: &Map, key: &str) -> Result<Option<Scalar>, CloudsError> {
        let value = map.get(key).map(|node| self.scalar(key, node)).transpose()?;
        Ok(value.filter(|scalar| !scalar.text.is_empty()))
    }

    fn setting(&self, key: &str) -> Result<Option<Scalar>, CloudsError> {
        self.value(&self.layers.settings, key)
    }

    fn auth(&self, key: &str) -> Result<Option<String>, CloudsError> {
        Ok(self.value(&self.layers.auth, key)?.map(|scalar| scalar.text))
    }

    fn secret(&self, key: &str, help: &str) -> Result<Secret, CloudsError> {
        self.auth(key)?
            .map(Secret::new)
            .ok_or_else(|| self.missing(&format!("`{key}` under `auth`"), help))
    }

    fn shape(&self, scalar: &Scalar, key: &str, should: &'static str) -> CloudsError {
        CloudsError::Shape {
            place: scalar.place.clone(),
            key: format!("{}.{key}", self.layers.name),
            is: format!("`{}`", scalar.text),
            should,
        }
    }

    fn auth_url(&self) -> Result<Url, CloudsError> {
        let help = "the address of the identity service, such as https://cloud.example:5000/v3";
        let url = self
            .value(&self.layers.auth, "auth_url")?
            .ok_or_else(|| self.missing("`auth_url` under `auth`", help))?;
        self.url(&self.filled_in(url, "auth.auth_url")?, "auth.auth_url")
    }

    /// Replaces `{region_name}` and the like by the cloud's other settings.
    fn filled_in(&self, scalar: Scalar, of: &str) -> Result<Scalar, CloudsError> {
        let mut filled = String::new();
        let mut rest = scalar.text.as_str();
        while let Some((before, tail)) = rest.split_once('{') {
            let (key, after) = tail.split_once('}').ok_or_else(|| {
                self.shape(&scalar, of, "an address with `{key}` in whole braces")
            })?;
            let value = self.setting(key)?.ok_or_else(|| {
                self.missing(
                    &format!("`{key}`"),
                    &format!("`{of}` at {} refers to it in braces", scalar.place),
                )
            })?;
            filled.push_str(before);
            filled.push_str(&value.text);
            rest = after;
        }
        filled.push_str(rest);
        Ok(Scalar { text: filled, ..scalar })
    }

    fn url(&self, scalar: &Scalar, key: &str) -> Result<Url, CloudsError> {
        let url = Url::parse(scalar.text.trim()).ok();
        match url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            // What stands before an @ may be a password, so it is not shown.
            _ if scalar.text.contains('@') => Err(CloudsError::Shape {
                place: scalar.place.clone(),
                key: format!("{}.{key}", self.layers.name),
                is: "an address with a user or password in it".to_owned(),
                should: "an address alone; name and password go under `auth`",
            }),
            Some(url) => Ok(url),
            None => Err(self.shape(scalar, key, "an address that begins with http:// or https://")),
        }
    }

    fn domain(&self, owner: &str) -> Result<Option<Domain>, CloudsError> {
        for prefix in [owner, "default"] {
            if let Some(id) = self.auth(&format!("{prefix}_domain_id"))? {
                return Ok(Some(Domain::Id(id)));
            }
            if let Some(name) = self.auth(&format!("{prefix}_domain_name"))? {
                return Ok(Some(Domain::Name(name)));
            }
        }
        Ok(None)
    }

    fn domain_of(&self, owner: &str) -> Result<Domain, CloudsError> {
        self.domain(owner)?.ok_or_else(|| {
            let keys = format!("`{owner}_domain_name` or `{owner}_domain_id` under `auth`");
            self.missing(
                &keys,
                &format!("the name of a {owner} is unique only in its domain, often `Default`"),
            )
        })
    }

    fn user(&self) -> Result<Option<Owned>, CloudsError> {
        if let Some(id) = self.auth("user_id")? {
            return Ok(Some(Owned::Id(id)));
        }
        let Some(name) = self.auth("username")? else {
            return Ok(None);
        };
        Ok(Some(Owned::Name { name, domain: self.domain_of("user")? }))
    }

    fn credential(&self) -> Result<Credential, CloudsError> {
        let kind =
            self.setting("auth_type")?.map_or_else(|| "password".to_owned(), |scalar| scalar.text);
        match kind.as_str() {
            "password" | "v3password" => self.password(),
            "v3applicationcredential" => self.application_credential(),
            "token" | "v3token" => {
                Ok(Credential::Token(self.secret("token", "`auth_type: token` logs in with a token")?))
            }
            other => Err(self.unusable(format!(
                "`auth_type: {other}` is not supported; there are password, v3applicationcredential and token"
            ))),
        }
    }

    fn password(&self) -> Result<Credential, CloudsError> {
        let by_credential = self.layers.auth.contains_key("application_credential_secret");
        if by_credential && !self.layers.auth.contains_key("password") {
            let help = "without it the cloud is logged in to with a password, but `auth` has an application credential";
            return Err(self.missing("`auth_type: v3applicationcredential`", help));
        }
        let help = "`auth_type: password` (the default) logs in with `username` or `user_id`";
        let user = self.user()?.ok_or_else(|| self.missing("`username` under `auth`", help))?;
        let password = self.secret("password", "it may stand in secure.yaml")?;
        Ok(Credential::Password { user, password })
    }

    fn application_credential(&self) -> Result<Credential, CloudsError> {
        let secret = self.secret("application_credential_secret", "it may stand in secure.yaml")?;
        let credential = match (
            self.auth("application_credential_id")?,
            self.auth("application_credential_name")?,
        ) {
            (Some(id), _) => ApplicationCredential::Id(id),
            (None, Some(name)) => {
                let help = "an application credential's name is unique only for its user; its id needs no user";
                let user = self
                    .user()?
                    .ok_or_else(|| self.missing("`username` or `user_id` under `auth`", help))?;
                ApplicationCredential::Name { name, user }
            }
            (None, None) => {
                let help = "`auth_type: v3applicationcredential` names the credential by id, or by name and user";
                return Err(self.missing("`application_credential_id` under `auth`", help));
            }
        };
        Ok(Credential::ApplicationCredential { credential, secret })
    }

    fn scope(&self, credential: &Credential) -> Result<Scope, CloudsError> {
        if matches!(credential, Credential::ApplicationCredential { .. }) {
            return Ok(Scope::Unasked);
        }
        let mut scopes = Vec::new();
        if let Some(id) = self.auth("project_id")? {
            scopes.push(("a project", Scope::Project(Owned::Id(id))));
        } else if let Some(name) = self.auth("project_name")? {
            let domain = self.domain_of("project")?;
            scopes.push(("a project", Scope::Project(Owned::Name { name, domain })));
        }
        if let Some(id) = self.auth("domain_id")? {
            scopes.push(("a domain", Scope::Domain(Domain::Id(id))));
        } else if let Some(name) = self.auth("domain_name")? {
            scopes.push(("a domain", Scope::Domain(Domain::Name(name))));
        }
        if let Some(system) = self.auth("system_scope")? {
            if system != "all" {
                return Err(
                    self.unusable(format!("`system_scope` is `{system}`, but can only be `all`"))
                );
            }
            scopes.push(("the system", Scope::System));
        }
        if let Some(trust) = self.auth("trust_id")? {
            scopes.push(("a trust", Scope::Trust(trust)));
        }
        if scopes.len() > 1 {
            let named: Vec<_> = scopes.iter().map(|(name, _)| *name).collect();
            return Err(
                self.unusable(format!("a token is for one thing, not for {}", named.join(" and ")))
            );
        }
        Ok(scopes.pop().map_or(Scope::Unasked, |(_, scope)| scope))
    }

    fn interfaces(&self, node: &Node) -> Result<Vec<Interface>, CloudsError> {
        let one = |scalar: &Scalar| match scalar.text.trim_end_matches("URL") {
            "public" => Ok(Interface::Public),
            "internal" => Ok(Interface::Internal),
            "admin" => Ok(Interface::Admin),
            _ => Err(self.shape(scalar, "interface", "public, internal or admin")),
        };
        match node {
            Node::List(items, _) if !items.is_empty() => {
                items.iter().map(|item| one(&self.scalar("interface", item)?)).collect()
            }
            other => Ok(vec![one(&self.scalar("interface", other)?)?]),
        }
    }

    fn truth(&self, key: &str) -> Result<Option<bool>, CloudsError> {
        self.setting(key)?
            .map(|scalar| scalar.truth().ok_or_else(|| self.shape(&scalar, key, "true or false")))
            .transpose()
    }

    fn path(&self, key: &str) -> Result<Option<PathBuf>, CloudsError> {
        Ok(self.setting(key)?.map(|scalar| match (scalar.text.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(scalar.text),
        }))
    }

    fn tls(&mut self) -> Result<Tls, CloudsError> {
        let insecure = self.truth("insecure")?.unwrap_or(false);
        let verify = self.truth("verify")?.unwrap_or(true) && !insecure;
        let (mut cacert, cert) = (self.path("cacert")?, self.path("cert")?);
        let key = self.path("key")?;
        if !verify && cacert.take().is_some() {
            self.warnings
                .push("`cacert` has no effect, because certificates are not verified".to_owned());
        }
        if cert.is_none() && key.is_some() {
            return Err(self.missing("`cert`", "`key` is the key of a client certificate"));
        }
        Ok(Tls { verify, cacert, cert, key })
    }

    fn timeout(&self) -> Result<Option<Duration>, CloudsError> {
        let Some(scalar) = self.setting("api_timeout")? else {
            return Ok(None);
        };
        let seconds =
            scalar.text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match seconds.filter(|span| !span.is_zero()) {
            Some(span) => Ok(Some(span)),
            None => Err(self.shape(&scalar, "api_timeout", "a number of seconds above 0")),
        }
    }
}
