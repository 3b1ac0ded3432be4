//! A running cloud: its port, its accounts, and a look at what it holds.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::clock::Shared;
use super::control::Control;
use super::facade;
use super::settings::Settings;
use super::snapshot::Snapshot;
use super::state::State;
use super::state::identity::DOMAIN;
use crate::events::names::ComputeName;

/// An embedded cloud. It ends when it is stopped or dropped.
pub struct Cloud {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

/// A user with password and project, all that a client needs beside [`Cloud::auth_url`].
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's name; its domain is `domain`.
    pub user: String,
    /// The user's id.
    pub user_id: String,
    /// Random in each cloud.
    pub password: String,
    /// The project's name; its domain is `domain`.
    pub project: String,
    /// The project's id.
    pub project_id: String,
    /// `Default`, whose id is `default`.
    pub domain: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({} in {})", self.user, self.project)
    }
}

/// The accounts of a cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// The operator: role `admin`, in project `admin`.
    pub admin: Account,
    /// Role `manager` in project `demo`.
    pub manager: Account,
    /// Role `member` in project `demo`.
    pub member: Account,
    /// Role `reader` in project `demo`.
    pub reader: Account,
    /// Role `member` in project `alt`.
    pub stranger: Account,
}

impl Cloud {
    /// Starts a cloud on 127.0.0.1; must be called within a tokio runtime, which it then runs on.
    ///
    /// # Errors
    ///
    /// If the port cannot be opened.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let shared = Shared::new(State::new(settings), format!("http://{address}"));
        let tasks = vec![
            tokio::spawn(Arc::clone(&shared).drive()),
            tokio::spawn(facade::serve(Arc::clone(&shared), listener)),
        ];
        Ok(Self { shared, address, tasks })
    }

    /// Where Keystone is, with its version: `http://127.0.0.1:PORT/identity/v3`.
    pub fn auth_url(&self) -> String {
        format!("{}/identity/v3", self.shared.base_url)
    }

    /// The port it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who may use it.
    pub fn accounts(&self) -> Accounts {
        let account =
            |user: &str, project: &str| self.shared.with(|state| account(state, user, project));
        Accounts {
            admin: account("admin", "admin"),
            manager: account("manager", "demo"),
            member: account("member", "demo"),
            reader: account("reader", "demo"),
            stranger: account("stranger", "alt"),
        }
    }

    /// Adds a user in a project of its own, both under `name`, which must be new: an operator
    /// (role `admin`) or a member.
    pub fn add_account(&self, name: &str, operator: bool) -> Account {
        self.shared.with(|state| {
            state.identity.add_user(name, name, if operator { "admin" } else { "member" });
            account(state, name, name)
        })
    }

    /// The computes in order.
    pub fn computes(&self) -> Vec<ComputeName> {
        self.shared
            .with(|state| state.computes.hosts().map(|service| service.host.clone()).collect())
    }

    /// What may be asked of it beyond its API.
    pub fn control(&self) -> Control {
        Control(Arc::clone(&self.shared))
    }

    /// What it holds now.
    pub fn snapshot(&self) -> Snapshot {
        self.control().snapshot()
    }

    /// Ends it: closes the port, ends its tasks and waits for that.
    pub async fn stop(mut self) {
        self.shared.close();
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // An error here says that the task was aborted, which is what was asked for.
            drop(task.await);
        }
    }
}

fn account(state: &State, user: &str, project: &str) -> Account {
    let identity = &state.identity;
    let (user_id, password) = identity
        .user(user)
        .map(|user| (user.id.clone(), user.password.clone()))
        .unwrap_or_default();
    let project_id = identity.project(project).map(|project| project.id.clone());
    Account {
        user: user.to_owned(),
        user_id,
        password,
        project: project.to_owned(),
        project_id: project_id.unwrap_or_default(),
        domain: DOMAIN.1.to_owned(),
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.shared.close();
        for task in &self.tasks {
            task.abort();
        }
    }
}
