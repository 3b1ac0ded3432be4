//! Projects, users, their roles, tokens and application credentials.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::sim::ids;

/// The id and name of the one domain.
pub const DOMAIN: (&str, &str) = ("default", "Default");

/// Roles from the strongest to the weakest; each implies those after it.
pub const ROLES: [&str; 4] = ["admin", "manager", "member", "reader"];

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A user with a password and a role in some projects.
#[derive(Clone)]
pub struct User {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Random in each cloud.
    pub password: String,
    /// Project id and a role there.
    pub roles: Vec<(String, &'static str)>,
}

/// A token.
#[derive(Clone)]
pub struct Token {
    /// The secret itself.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// The project that it is for; `None` if it is unscoped.
    pub project: Option<String>,
    /// `password`, `token`, `application_credential`.
    pub methods: Vec<&'static str>,
    /// Virtual time.
    pub issued: Duration,
    /// Virtual time.
    pub expires: Duration,
    /// Shown as `audit_ids`.
    pub audit: String,
    /// The application credential that it came from.
    pub credential: Option<String>,
}

/// An application credential.
#[derive(Clone)]
pub struct Credential {
    /// Its id.
    pub id: String,
    /// Its name, unique for its user.
    pub name: String,
    /// Its secret.
    pub secret: String,
    /// Whose it is.
    pub user: String,
    /// The project that it is for.
    pub project: String,
}

/// All of them.
#[derive(Default)]
pub struct Identity {
    /// In the order of their creation.
    pub projects: Vec<Project>,
    /// In the order of their creation.
    pub users: Vec<User>,
    /// In the order of their creation.
    pub credentials: Vec<Credential>,
    /// Roles' ids in the order of [`ROLES`].
    pub role_ids: Vec<String>,
    tokens: HashMap<String, Token>,
    /// Their ids, oldest first, and those of revoked ones for a while.
    issued: VecDeque<String>,
}

/// How many tokens are good at a time.
pub(super) const TOKENS: usize = 20_000;

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("projects", &self.projects).finish_non_exhaustive()
    }
}

impl Identity {
    /// Projects `admin`, `demo` and `alt` with a user for each role that scenarios play.
    pub fn stocked() -> Self {
        let mut identity =
            Self { role_ids: ROLES.iter().map(|_| ids::plain_uuid()).collect(), ..Self::default() };
        let [admin, demo, alt] = ["admin", "demo", "alt"].map(|name| identity.add_project(name));
        for (name, roles) in [
            ("admin", vec![(&admin, "admin"), (&demo, "admin"), (&alt, "admin")]),
            ("manager", vec![(&demo, "manager")]),
            ("member", vec![(&demo, "member")]),
            ("reader", vec![(&demo, "reader")]),
            ("stranger", vec![(&alt, "member")]),
        ] {
            let roles = roles.into_iter().map(|(project, role)| (project.clone(), role)).collect();
            let (id, password) = (ids::plain_uuid(), ids::plain_uuid());
            identity.users.push(User { id, name: name.to_owned(), password, roles });
        }
        identity
    }

    /// Adds a project under a name that is new, and returns its id.
    pub fn add_project(&mut self, name: &str) -> String {
        let id = ids::plain_uuid();
        self.projects.push(Project { id: id.clone(), name: name.to_owned() });
        id
    }

    /// Adds a user with a role in a project, which is made if there is none of that name.
    pub fn add_user(&mut self, name: &str, project: &str, role: &'static str) {
        let known = self.project(project).map(|project| project.id.clone());
        let project = known.unwrap_or_else(|| self.add_project(project));
        self.add_person(name, None);
        if let Some(user) = self.users.last_mut() {
            user.roles.push((project, role));
        }
    }

    /// Adds a user without any role under a name that is new, and returns its id; without a
    /// password it gets a random one.
    pub fn add_person(&mut self, name: &str, password: Option<&str>) -> String {
        let id = ids::plain_uuid();
        let password = password.map_or_else(ids::plain_uuid, str::to_owned);
        self.users.push(User { id: id.clone(), name: name.to_owned(), password, roles: vec![] });
        id
    }

    /// Deletes a project with its roles and tokens; `false` if there is none of that id.
    pub fn delete_project(&mut self, id: &str) -> bool {
        let before = self.projects.len();
        self.projects.retain(|project| project.id != id);
        for user in &mut self.users {
            user.roles.retain(|(project, _)| project != id);
        }
        self.credentials.retain(|credential| credential.project != id);
        self.tokens.retain(|_, token| token.project.as_deref() != Some(id));
        self.projects.len() < before
    }

    /// Deletes a user with what proves who it is; `false` if there is none of that id.
    pub fn delete_user(&mut self, id: &str) -> bool {
        let before = self.users.len();
        self.users.retain(|user| user.id != id);
        self.credentials.retain(|credential| credential.user != id);
        self.tokens.retain(|_, token| token.user != id);
        self.users.len() < before
    }

    /// The project with this id or name.
    pub fn project(&self, id_or_name: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id_or_name || project.name == id_or_name)
    }

    /// The user with this id or name.
    pub fn user(&self, id_or_name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id_or_name || user.name == id_or_name)
    }

    /// The roles that a user has in a project, implied ones included; empty if none.
    pub fn roles(&self, user: &str, project: &str) -> &'static [&'static str] {
        let held = self.user(user).into_iter().flat_map(|user| &user.roles);
        let here = held.filter(|(there, _)| there == project);
        let strongest =
            here.filter_map(|(_, role)| ROLES.iter().position(|known| known == role)).min();
        strongest.map_or(&[], |place| &ROLES[place..])
    }

    /// Makes a token that lasts until `expires`. The expired ones go, and if there are too many the
    /// oldest, so that a cloud that runs for days does not fill up.
    pub fn issue(&mut self, token: Token) -> &Token {
        while let Some(oldest) = self.issued.front() {
            let good = self.tokens.get(oldest).is_some_and(|known| known.expires > token.issued);
            if good && self.issued.len() < TOKENS {
                break;
            }
            if let Some(oldest) = self.issued.pop_front() {
                self.tokens.remove(&oldest);
            }
        }
        self.issued.push_back(token.id.clone());
        self.tokens.entry(token.id.clone()).or_insert(token)
    }

    /// The token if it is still good.
    pub fn token(&self, id: &str, now: Duration) -> Option<&Token> {
        self.tokens.get(id).filter(|token| token.expires > now)
    }

    /// Revokes a token; `false` if there was none.
    pub fn revoke(&mut self, id: &str) -> bool {
        self.tokens.remove(id).is_some()
    }

    /// Revokes all tokens, as if they had expired.
    pub fn revoke_all(&mut self) {
        self.tokens.clear();
        self.issued.clear();
    }
}
