//! A cloud's entry as it is shown to people and programs: what it comes to, and where each value
//! was written.

use serde::Serialize;

use super::entry::{
    ApplicationCredential, CloudEntry, Credential, Domain, Interface, Owned, Scope,
};
use super::node::Place;
use super::proxies::Proxies;
use crate::config::secret::Secret;

/// A value of an entry. Secrets are `•••`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its key in `clouds.yaml`, in the present spelling and place: `auth.username`, `verify`. A
    /// proxy's is its variable in lower case: `https_proxy`.
    pub key: String,
    /// As it is used; a list is joined with commas.
    pub value: String,
    /// File and line, or variable; `default` if nobody said anything.
    pub origin: String,
}

impl CloudEntry {
    /// Every value that counts, in the order in which one would ask for them.
    pub fn told(&self) -> Vec<Told> {
        let mut teller = Teller { entry: self, told: Vec::new() };
        teller.say("auth.auth_url", self.auth_url.as_str());
        teller.credential();
        teller.scope();
        teller.say("region_name", self.region.as_deref().unwrap_or_default());
        teller.say("interface", &joined(&self.interfaces));
        teller.services();
        teller.connection();
        teller.told
    }
}

struct Teller<'a> {
    entry: &'a CloudEntry,
    told: Vec<Told>,
}

impl Teller<'_> {
    fn say(&mut self, key: &str, value: &str) {
        self.say_from(key, value, &[key]);
    }

    /// Says a value that may have been written under any of these keys; the first counts.
    fn say_from(&mut self, key: &str, value: &str, written: &[&str]) {
        let place = written.iter().find_map(|key| self.entry.places.get(*key));
        let origin = place.map_or_else(|| "default".to_owned(), Place::to_string);
        self.told.push(Told { key: key.to_owned(), value: value.to_owned(), origin });
    }

    fn secret(&mut self, key: &str, secret: &Secret) {
        self.say(key, &secret.to_string());
    }

    fn credential(&mut self) {
        match &self.entry.credential {
            Credential::Password { user, password } => {
                self.say("auth_type", "password");
                self.user(user);
                self.secret("auth.password", password);
            }
            Credential::ApplicationCredential { credential, secret } => {
                self.say("auth_type", "v3applicationcredential");
                match credential {
                    ApplicationCredential::Id(id) => {
                        self.say("auth.application_credential_id", id);
                    }
                    ApplicationCredential::Name { name, user } => {
                        self.say("auth.application_credential_name", name);
                        self.user(user);
                    }
                }
                self.secret("auth.application_credential_secret", secret);
            }
            Credential::Token(token) => {
                self.say("auth_type", "token");
                self.secret("auth.token", token);
            }
        }
    }

    fn user(&mut self, user: &Owned) {
        self.owned(user, "user", "auth.username");
    }

    fn owned(&mut self, owned: &Owned, kind: &str, name_key: &str) {
        match owned {
            Owned::Id(id) => self.say(&format!("auth.{kind}_id"), id),
            Owned::Name { name, domain } => {
                self.say(name_key, name);
                let (part, text) = match domain {
                    Domain::Id(id) => ("id", id),
                    Domain::Name(name) => ("name", name),
                };
                let key = format!("auth.{kind}_domain_{part}");
                let default = format!("auth.default_domain_{part}");
                self.say_from(&key, text, &[&key, &default]);
            }
        }
    }

    fn scope(&mut self) {
        match &self.entry.scope {
            Scope::Unasked => {}
            Scope::Project(project) => self.owned(project, "project", "auth.project_name"),
            Scope::Domain(Domain::Id(id)) => self.say("auth.domain_id", id),
            Scope::Domain(Domain::Name(name)) => self.say("auth.domain_name", name),
            Scope::System => self.say("auth.system_scope", "all"),
            Scope::Trust(id) => self.say("auth.trust_id", id),
        }
    }

    /// What holds for single services.
    fn services(&mut self) {
        let entry = self.entry;
        let key = |service: &str, what: &str| format!("{}_{what}", service.replace('-', "_"));
        for (service, interfaces) in &entry.service_interfaces {
            self.say(&key(service, "interface"), &joined(interfaces));
        }
        for (service, region) in &entry.service_regions {
            self.say(&key(service, "region_name"), region);
        }
        for (service, url) in &entry.endpoint_overrides {
            let (now, before) = (key(service, "endpoint_override"), key(service, "endpoint"));
            self.say_from(&now, url.as_str(), &[&now, &before]);
        }
    }

    fn connection(&mut self) {
        let tls = &self.entry.tls;
        let verify: &[&str] = if tls.verify { &["verify"] } else { &["insecure", "verify"] };
        self.say_from("verify", &tls.verify.to_string(), verify);
        for (key, path) in [("cacert", &tls.cacert), ("cert", &tls.cert), ("key", &tls.key)] {
            if let Some(path) = path {
                self.say(key, &path.to_string_lossy());
            }
        }
        if let Some(limit) = self.entry.api_timeout {
            self.say("api_timeout", &limit.as_secs_f64().to_string());
        }
        self.proxies();
    }

    fn proxies(&mut self) {
        let Proxies { http, https, except } = &self.entry.proxies;
        for (key, proxy) in [("http_proxy", http), ("https_proxy", https)] {
            if let Some(proxy) = proxy {
                self.say(key, &proxy.to_string());
            }
        }
        if http.is_some() || https.is_some() {
            self.say("no_proxy", except);
        }
    }
}

fn joined(interfaces: &[Interface]) -> String {
    interfaces.iter().map(|interface| interface.as_str()).collect::<Vec<_>>().join(",")
}
