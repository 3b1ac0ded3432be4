//! Keystone v3: what is sent to log in, and the token that comes back.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::catalog::CatalogEntry;
use crate::config::clouds::{ApplicationCredential, CloudEntry, Credential, Domain, Owned, Scope};
use crate::config::secret::Secret;

/// A token is renewed when this much of its life is left, or a tenth of it if that is less.
const EARLY: Duration = Duration::from_secs(120);

/// Who we are, as Keystone said when it made the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's id.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// The project's id, if the token is for a project.
    pub project_id: Option<String>,
    /// The project's name, if the token is for a project.
    pub project_name: Option<String>,
    /// The names of our roles, in lower case (Keystone doesn't tell cases apart).
    pub roles: Vec<String>,
    /// When the token ends, by the cloud's clock.
    pub expires_at: String,
}

/// A token and what came with it. No `Debug`: it holds the token.
pub(super) struct Token {
    pub(super) id: Secret,
    pub(super) login: Login,
    pub(super) catalog: Vec<CatalogEntry>,
    /// When to get a new one, by our own clock; `None`: a new one would end no later.
    renew_at: Option<Instant>,
}

impl Token {
    /// Reads the answer of `POST /v3/auth/tokens`. Its life is counted from `received` on, so
    /// that it doesn't matter whether the cloud's clock agrees with ours.
    pub(super) fn new(
        id: Secret,
        document: TokenDocument,
        received: Instant,
        renewable: bool,
    ) -> Self {
        let TokenDocument { token } = document;
        let renew_at = renewable
            .then(|| token.life())
            .flatten()
            .map(|life| received + life - EARLY.min(life / 10));
        let (project_id, project_name) =
            token.project.map(|project| (project.id, project.name)).unzip();
        let login = Login {
            user_id: token.user.id,
            user_name: token.user.name,
            project_id,
            project_name,
            roles: token.roles.into_iter().map(|role| role.name.to_lowercase()).collect(),
            expires_at: token.expires_at,
        };
        Self { id, login, catalog: token.catalog, renew_at }
    }

    pub(super) fn is_stale(&self) -> bool {
        self.renew_at.is_some_and(|at| Instant::now() >= at)
    }
}

/// The body of Keystone's answer.
#[derive(Deserialize)]
pub(super) struct TokenDocument {
    token: TokenBody,
}

#[derive(Deserialize)]
struct TokenBody {
    expires_at: String,
    #[serde(default)]
    issued_at: String,
    user: Named,
    project: Option<Named>,
    #[serde(default)]
    roles: Vec<Named>,
    #[serde(default)]
    catalog: Vec<CatalogEntry>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
}

impl TokenBody {
    fn life(&self) -> Option<Duration> {
        let expires: Timestamp = self.expires_at.parse().ok()?;
        let issued: Timestamp = self.issued_at.parse().ok()?;
        Duration::try_from(expires.duration_since(issued)).ok()
    }
}

/// The address that all of Keystone's paths are below; `auth_url` may have `/v3` or not.
pub(super) fn root(auth_url: &Url) -> Url {
    let mut url = auth_url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
        if matches!(last.as_str(), "v3" | "v2.0") {
            path.pop();
        }
        path.push("v3");
    }
    url
}

/// The body of `POST /v3/auth/tokens`.
pub(super) fn login_body(entry: &CloudEntry) -> Value {
    let identity = match &entry.credential {
        Credential::Password { user, password } => {
            let mut user = owned(user);
            user["password"] = json!(password.expose());
            json!({ "methods": ["password"], "password": { "user": user } })
        }
        Credential::ApplicationCredential { credential, secret } => {
            let mut credential = match credential {
                ApplicationCredential::Id(id) => json!({ "id": id }),
                ApplicationCredential::Name { name, user } => {
                    json!({ "name": name, "user": owned(user) })
                }
            };
            credential["secret"] = json!(secret.expose());
            json!({ "methods": ["application_credential"], "application_credential": credential })
        }
        Credential::Token(token) => {
            json!({ "methods": ["token"], "token": { "id": token.expose() } })
        }
    };
    let mut auth = json!({ "identity": identity });
    match &entry.scope {
        Scope::Unasked => {}
        Scope::Project(project) => auth["scope"] = json!({ "project": owned(project) }),
        Scope::Domain(domain) => auth["scope"] = json!({ "domain": self::domain(domain) }),
        Scope::System => auth["scope"] = json!({ "system": { "all": true } }),
        Scope::Trust(id) => auth["scope"] = json!({ "OS-TRUST:trust": { "id": id } }),
    }
    json!({ "auth": auth })
}

fn owned(owned: &Owned) -> Value {
    match owned {
        Owned::Id(id) => json!({ "id": id }),
        Owned::Name { name, domain } => json!({ "name": name, "domain": self::domain(domain) }),
    }
}

fn domain(domain: &Domain) -> Value {
    match domain {
        Domain::Id(id) => json!({ "id": id }),
        Domain::Name(name) => json!({ "name": name }),
    }
}

/// The secret that was sent, to be taken out of whatever the cloud repeats of it.
pub(super) fn secret_of(entry: &CloudEntry) -> &Secret {
    match &entry.credential {
        Credential::Password { password, .. } => password,
        Credential::ApplicationCredential { secret, .. } => secret,
        Credential::Token(token) => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> CloudEntry {
        let url = Url::parse("http://cloud.example/identity").expect("an address");
        CloudEntry::with_password("c", url, "me", Secret::new("pw"), "mine")
    }

    #[test]
    fn a_password_login_names_user_project_and_their_domains() {
        insta::assert_snapshot!(
            login_body(&entry()),
            @r#"{"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"Default"},"name":"me","password":"pw"}}},"scope":{"project":{"domain":{"name":"Default"},"name":"mine"}}}}"#
        );
    }

    #[test]
    fn an_application_credential_asks_for_no_scope() {
        let mut entry = entry();
        entry.credential = Credential::ApplicationCredential {
            credential: ApplicationCredential::Id("ac".into()),
            secret: Secret::new("pw"),
        };
        entry.scope = Scope::Unasked;
        insta::assert_snapshot!(
            login_body(&entry),
            @r#"{"auth":{"identity":{"application_credential":{"id":"ac","secret":"pw"},"methods":["application_credential"]}}}"#
        );
    }

    #[test]
    fn every_scope_has_its_shape() {
        let scopes = [
            (Scope::Domain(Domain::Id("d".into())), r#"{"domain":{"id":"d"}}"#),
            (Scope::System, r#"{"system":{"all":true}}"#),
            (Scope::Trust("t".into()), r#"{"OS-TRUST:trust":{"id":"t"}}"#),
            (Scope::Project(Owned::Id("p".into())), r#"{"project":{"id":"p"}}"#),
        ];
        for (scope, shape) in scopes {
            let entry = CloudEntry { scope, ..entry() };
            assert_eq!(login_body(&entry)["auth"]["scope"].to_string(), shape);
        }
    }

    #[test]
    fn auth_url_may_have_a_version_or_not() {
        for (given, root_is) in [
            ("http://c/identity", "http://c/identity/v3"),
            ("http://c/identity/", "http://c/identity/v3"),
            ("http://c:5000/v3/", "http://c:5000/v3"),
            ("http://c:5000", "http://c:5000/v3"),
            ("http://c:5000/v2.0", "http://c:5000/v3"),
        ] {
            assert_eq!(root(&Url::parse(given).expect("an address")).as_str(), root_is);
        }
    }

    fn token(issued: &str, expires: &str, renewable: bool) -> Token {
        let document = json!({ "token": {
            "issued_at": issued, "expires_at": expires, "user": { "id": "u", "name": "me" },
            "project": { "id": "p", "name": "mine" }, "roles": [{ "id": "r", "name": "Admin" }],
        }});
        let document = serde_json::from_value(document).expect("a token document");
        Token::new(Secret::new("t"), document, Instant::now(), renewable)
    }

    #[test]
    fn a_token_is_renewed_a_little_before_its_end_by_our_own_clock() {
        let long = token("2001-01-01T00:00:00.000000Z", "2001-01-01T01:00:00.000000Z", true);
        assert!(!long.is_stale(), "its times are long past, but it was received just now");
        let over = token("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z", true);
        assert!(over.is_stale());
        let given = token("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z", false);
        assert!(!given.is_stale(), "a new one would end at the same time");
        assert_eq!(
            (long.login.project_id.as_deref(), long.login.roles),
            (Some("p"), vec!["admin".to_owned()])
        );
    }
}
