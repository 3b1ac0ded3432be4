//! A failed request in one line, and what its reader can do about it.

use std::error::Error;

use url::Url;

use crate::api::{RequestError, RequestErrorKind, Service};
use crate::config::clouds::{ApplicationCredential, CloudEntry, Credential, Domain, Owned, Scope};

use super::{Check, Finding};

/// What was asked, and how it was reached.
pub(super) struct Asked<'a> {
    pub(super) service: Service,
    /// The service's address, if it came to that.
    pub(super) url: Option<Url>,
    /// The entry whose login was used.
    pub(super) entry: &'a CloudEntry,
}

impl Asked<'_> {
    /// The request could not be made good for anything.
    pub(super) fn problem(&self, check: Check, error: &RequestError) -> Finding {
        Finding::problem(check, line(error), self.remedy(error))
    }

    /// What to do about a failed request.
    pub(super) fn remedy(&self, error: &RequestError) -> String {
        let entry = entry(self.entry);
        match &error.kind {
            RequestErrorKind::Connect(why) => self.no_connection(why),
            RequestErrorKind::Certificate(_) => format!(
                "name the certificate of the authority that signed it with `cacert: FILE` in \
                 {entry}; `verify: false` there trusts anybody, and is for a try only"
            ),
            RequestErrorKind::TimedOut(_) => format!(
                "see why {} answers so late, or give it longer with `--set request.read=3m`",
                self.service
            ),
            RequestErrorKind::Lost(_) => format!(
                "see whether {} is served there by HTTP, and whether https:// or http:// is right",
                self.place()
            ),
            RequestErrorKind::Status { got: 401, .. } => self.unauthorised(),
            RequestErrorKind::Status { got: 403, .. } => {
                "use credentials with the role `admin`, or have the policy changed".to_owned()
            }
            RequestErrorKind::Body(_) | RequestErrorKind::Status { got: 300..=404, .. }
                if self.service != Service::Identity =>
            {
                format!("see whether {} leads to the {} service", self.place(), self.service)
            }
            RequestErrorKind::Catalog(_) => format!(
                "choose `region_name` and `interface` in {entry} from what there is, or say where \
                 it is with `{}_endpoint_override: URL`",
                self.service
            ),
            RequestErrorKind::Login(inner) => {
                let url = Some(self.entry.auth_url.clone());
                Asked { service: Service::Identity, url, entry: self.entry }.remedy(inner)
            }
            RequestErrorKind::OnHold { .. } | RequestErrorKind::Status { got: 429, .. } => {
                "wait; the cloud limits how often it may be asked".to_owned()
            }
            RequestErrorKind::Status { got: 500.., .. } => format!(
                "look for request {} in the log of {}, or ask who runs it",
                error.request_id, self.service
            ),
            RequestErrorKind::Status { .. }
            | RequestErrorKind::Body(_)
            | RequestErrorKind::Unsupported { .. }
            | RequestErrorKind::Malformed(_) => format!(
                "try the same with `openstack --os-cloud {} --debug token issue`",
                self.entry.name
            ),
        }
    }

    /// Nothing was sent. The words are the operating system's.
    fn no_connection(&self, why: &str) -> String {
        let host = self.url.as_ref().and_then(Url::host_str).unwrap_or("the host");
        let place = self.place();
        let first = if why.contains("lookup address") {
            format!("correct {place}, or see why `getent hosts {host}` finds nothing here")
        } else if why.contains("refused") {
            format!("see whether the port in {place} is right, and whether the service runs")
        } else if why.contains("corrupt message") {
            format!("write http:// instead of https:// in {place}, or see what is served there")
        } else {
            format!(
                "see why {host} can't be reached from here (network, firewall, VPN; no proxy is \
                 used), and whether {place} is right"
            )
        };
        match self.service {
            _ if self.overridden() => first,
            Service::Identity => first,
            service => format!(
                "{first}; another `interface`, or `{service}_endpoint_override: URL`, can be set in \
                 {}",
                entry(self.entry)
            ),
        }
    }

    /// Where the address comes from.
    fn place(&self) -> String {
        match self.service {
            Service::Identity => format!("`auth_url` in {}", entry(self.entry)),
            service if self.overridden() => {
                format!("`{service}_endpoint_override` in {}", entry(self.entry))
            }
            service => format!("the catalog's {service} endpoint"),
        }
    }

    fn overridden(&self) -> bool {
        self.entry.endpoint_overrides.contains_key(self.service.name())
    }

    fn unauthorised(&self) -> String {
        let entry = entry(self.entry);
        match &self.entry.credential {
            Credential::Password { .. } => format!(
                "correct user, password, project and their domains in {entry}; `openstack \
                 --os-cloud {} token issue` must work",
                self.entry.name
            ),
            Credential::ApplicationCredential { .. } => format!(
                "see with `openstack application credential list` whether it has expired or is \
                 gone; make a new one and write it into {entry}"
            ),
            Credential::Token(_) => format!(
                "the token has ended or was revoked: get one with `openstack token issue` and \
                 write it into {entry}, or a password or application credential instead"
            ),
        }
    }
}

/// A failed request and why, in one line.
pub(super) fn line(error: &RequestError) -> String {
    let mut text = format!("{} {}", error.method, error.path);
    let mut next: Option<&dyn Error> = Some(&error.kind);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Which entry, and where it stands.
pub(super) fn entry(entry: &CloudEntry) -> String {
    format!("the entry `{}` ({})", entry.name, entry.origin)
}

/// Who logs in, and for what.
pub(super) fn who(entry: &CloudEntry) -> String {
    let user = match &entry.credential {
        Credential::Password { user, .. } => format!("user {}", owned(user)),
        Credential::ApplicationCredential { credential, .. } => match credential {
            ApplicationCredential::Id(id) => format!("application credential {id}"),
            ApplicationCredential::Name { name, user } => {
                format!("application credential {name} of user {}", owned(user))
            }
        },
        Credential::Token(_) => "a token".to_owned(),
    };
    let scope = match &entry.scope {
        Scope::Unasked => String::new(),
        Scope::Project(project) => format!(", project {}", owned(project)),
        Scope::Domain(domain) => format!(", domain {}", self::domain(domain)),
        Scope::System => ", the whole system".to_owned(),
        Scope::Trust(id) => format!(", trust {id}"),
    };
    format!("{user}{scope}")
}

fn owned(owned: &Owned) -> String {
    match owned {
        Owned::Id(id) => id.clone(),
        Owned::Name { name, domain } => format!("{name} (domain {})", self::domain(domain)),
    }
}

fn domain(domain: &Domain) -> &str {
    match domain {
        Domain::Id(name) | Domain::Name(name) => name,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config::secret::Secret;

    fn entry() -> CloudEntry {
        let url = "https://cloud.example/identity".parse().unwrap();
        let entry = CloudEntry::with_password("mine", url, "me", Secret::new("pw"), "demo");
        CloudEntry { origin: "clouds.yaml".to_owned(), ..entry }
    }

    fn error(kind: RequestErrorKind) -> RequestError {
        let (path, request_id) = ("/servers".to_owned(), "req-5f1c".to_owned());
        RequestError { method: "GET", path, request_id, attempts: 1, kind }
    }

    fn status(got: u16) -> RequestErrorKind {
        RequestErrorKind::Status { got, expected: &[200], message: String::new() }
    }

    fn remedy(service: Service, entry: &CloudEntry, kind: RequestErrorKind) -> String {
        let url = "https://cloud.example/compute".parse().ok();
        Asked { service, url, entry }.remedy(&error(kind))
    }

    #[test]
    fn each_trouble_with_a_service_says_what_to_do() {
        let entry = entry();
        let connect = |why: &str| RequestErrorKind::Connect(why.to_owned());
        let kinds = [
            connect("server cloud.example:443: operation timed out"),
            RequestErrorKind::TimedOut(Duration::from_secs(70)),
            RequestErrorKind::Lost("reset".to_owned()),
            RequestErrorKind::Body("no version document".to_owned()),
            status(301),
            status(403),
            status(404),
            status(429),
            status(503),
            RequestErrorKind::Login(Arc::new(error(status(401)))),
        ];
        let told = kinds.map(|kind| remedy(Service::Compute, &entry, kind));
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn who_is_not_known_is_told_by_the_kind_of_credentials() {
        let told = [
            entry().credential,
            Credential::ApplicationCredential {
                credential: ApplicationCredential::Id("ac".to_owned()),
                secret: Secret::new("pw"),
            },
            Credential::Token(Secret::new("pw")),
        ]
        .map(|credential| {
            let entry = CloudEntry { credential, scope: Scope::Unasked, ..entry() };
            format!("{}: {}", who(&entry), remedy(Service::Identity, &entry, status(401)))
        });
        insta::assert_snapshot!(told.join("\n"));
    }
}
