//! A small cloud on loopback that behaves as badly as a test asks: it hangs, hangs up, refuses,
//! redirects. What a test doesn't script is answered as a healthy cloud would.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use url::Url;
use whimbrel::api::{Session, SessionSettings};
use whimbrel::config::clouds::CloudEntry;
use whimbrel::config::secret::Secret;
use whimbrel::wait::Backoff;

/// The password that no output may show.
pub const PASSWORD: &str = "hunter2-and-more";

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// With the query.
    pub path: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Seen {
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// What the cloud does with a request.
#[derive(Clone)]
pub enum Reaction {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Never answers.
    Hang,
    /// Hangs up without a word.
    HangUp,
    /// Hangs up in the middle of the body.
    Break,
    /// 200 with so many blanks.
    Blanks(usize),
}

impl Reaction {
    pub fn status(code: u16) -> Self {
        Self::Answer(code, Vec::new(), String::new())
    }

    pub fn json(code: u16, body: &Value) -> Self {
        Self::Answer(code, Vec::new(), body.to_string())
    }

    pub fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Answer(code, mut headers, body) => {
                headers.push((name, value.into()));
                Self::Answer(code, headers, body)
            }
            other => other,
        }
    }
}

type Script = Box<dyn Fn(&Seen) -> Option<Reaction> + Send + Sync>;

struct State {
    address: SocketAddr,
    script: Script,
    seen: Mutex<Vec<Seen>>,
    issued: AtomicUsize,
    revoked: Mutex<HashSet<String>>,
    /// How long a token lives, in seconds.
    token_life: u64,
    /// What follows the address in the catalog's compute endpoint.
    compute: &'static str,
    tls: Option<TlsAcceptor>,
    host: Option<&'static str>,
}

impl State {
    /// By its name under HTTPS, because certificates are for names.
    fn url(&self, path: &str) -> String {
        let port = self.address.port();
        match (&self.tls, self.host) {
            (Some(_), host) => format!("https://{}:{port}{path}", host.unwrap_or("localhost")),
            (None, Some(host)) => format!("http://{host}:{port}{path}"),
            (None, None) => format!("http://{}{path}", self.address),
        }
    }
}

/// A cloud; it ends with the value.
pub struct Cloud {
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a cloud is set up.
pub struct Setup {
    pub compute: &'static str,
    pub token_life: u64,
    /// HTTPS with these settings; else plain HTTP.
    pub tls: Option<ServerConfig>,
    /// What it calls itself, known to nobody else; else its address, or `localhost` under HTTPS.
    pub host: Option<&'static str>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { compute: "/compute/v2.1", token_life: 3600, tls: None, host: None }
    }
}

impl Cloud {
    pub async fn healthy() -> Self {
        Self::scripted(|_| None).await
    }

    /// The script answers what it knows; the rest is healthy.
    pub async fn scripted(
        script: impl Fn(&Seen) -> Option<Reaction> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Setup::default(), script).await
    }

    pub async fn start(
        setup: Setup,
        script: impl Fn(&Seen) -> Option<Reaction> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let state = Arc::new(State {
            address: listener.local_addr().expect("an address"),
            script: Box::new(script),
            seen: Mutex::default(),
            issued: AtomicUsize::new(0),
            revoked: Mutex::default(),
            token_life: setup.token_life,
            compute: setup.compute,
            tls: setup.tls.map(|tls| TlsAcceptor::from(Arc::new(tls))),
            host: setup.host,
        });
        let task = tokio::spawn(serve(listener, state.clone()));
        Self { state, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.state.address
    }

    pub fn url(&self, path: &str) -> Url {
        Url::parse(&self.state.url(path)).expect("an address")
    }

    pub fn entry(&self) -> CloudEntry {
        CloudEntry::with_password(
            "test",
            self.url("/identity"),
            "me",
            Secret::new(PASSWORD),
            "mine",
        )
    }

    /// A session that doesn't wait long between tries.
    pub fn session(&self) -> Session {
        self.session_with(self.entry())
    }

    pub fn session_with(&self, entry: CloudEntry) -> Session {
        Session::open(entry, quick()).expect("a session")
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no panic while locked").clone()
    }

    /// How many requests of that method and path there were.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.requests().iter().filter(|seen| seen.is(method, path)).count()
    }

    pub fn logins(&self) -> usize {
        self.count("POST", "/identity/v3/auth/tokens")
    }

    /// Makes the token last given out worthless.
    pub fn revoke_token(&self) {
        let token = format!("token-{}", self.state.issued.load(Ordering::SeqCst));
        self.state.revoked.lock().expect("no panic while locked").insert(token);
    }
}

/// Three tries with hardly a pause.
pub fn quick() -> SessionSettings {
    let backoff = Backoff { attempts: 3, first: Duration::from_millis(1), ..Backoff::default() };
    SessionSettings { retries: backoff.into(), ..SessionSettings::default() }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            match &state.tls {
                None => converse(stream, &state).await,
                Some(tls) => converse(tls.accept(stream).await.ok()?, &state).await,
            }
        });
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let seen = read_request(&mut stream).await?;
        state.seen.lock().expect("no panic while locked").push(seen.clone());
        match (state.script)(&seen).unwrap_or_else(|| healthy(state, &seen)) {
            Reaction::Answer(code, headers, body) => {
                let mut text =
                    format!("HTTP/1.1 {code} Word\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                text.push_str("x-openstack-request-id: req-test\r\n\r\n");
                stream.write_all((text + &body).as_bytes()).await.ok()?;
            }
            Reaction::Hang => std::future::pending().await,
            Reaction::HangUp => return None,
            Reaction::Break => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"serv")
                    .await
                    .ok()?;
                return None;
            }
            Reaction::Blanks(count) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {count}\r\n\r\n");
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(&vec![b' '; count]).await.ok()?;
            }
        }
    }
}

async fn read_request(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    // Through a proxy the whole address may come (RFC 9112, 3.2.2).
    let path = target.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
    let path = path.map_or_else(|| target.to_owned(), |(_, path)| format!("/{path}"));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.trim().to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).expect("a text");
    Some(Seen { method, path, headers, body })
}

fn healthy(state: &State, seen: &Seen) -> Reaction {
    if seen.is("POST", "/identity/v3/auth/tokens") {
        let number = state.issued.fetch_add(1, Ordering::SeqCst) + 1;
        return Reaction::json(201, &token(state))
            .with("x-subject-token", format!("token-{number}"));
    }
    let token = seen.header("x-auth-token");
    if token.is_empty() || state.revoked.lock().expect("no panic while locked").contains(token) {
        let error =
            json!({ "error": { "code": 401, "message": "The request requires authentication." } });
        return Reaction::json(401, &error);
    }
    match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/compute/v2.1/") => {
            Reaction::json(200, &json!({ "version": version_document("2.96") }))
        }
        ("GET", "/placement/") => {
            let document = json!({ "id": "v1.0", "min_version": "1.0", "max_version": "1.39" });
            Reaction::json(200, &json!({ "versions": [document] }))
        }
        ("GET", "/compute/v2.1/servers/detail") => Reaction::json(200, &json!({ "servers": [] })),
        ("POST", "/compute/v2.1/servers") => {
            Reaction::json(202, &json!({ "reservation_id": "r-1" }))
        }
        _ => Reaction::json(
            404,
            &json!({ "itemNotFound": { "code": 404, "message": "Nothing here." } }),
        ),
    }
}

pub fn version_document(newest: &str) -> Value {
    json!({ "id": "v2.1", "status": "CURRENT", "version": newest, "min_version": "2.1" })
}

fn token(state: &State) -> Value {
    let endpoint = |path: &str| {
        let url = state.url(path);
        json!([{ "interface": "public", "region": "one", "region_id": "one", "url": url }])
    };
    let (minutes, seconds) = (state.token_life / 60, state.token_life % 60);
    let expires = match minutes {
        60.. => "2001-01-01T01:00:00.000000Z".to_owned(),
        _ => format!("2001-01-01T00:{minutes:02}:{seconds:02}.000000Z"),
    };
    json!({ "token": {
        "issued_at": "2001-01-01T00:00:00.000000Z",
        "expires_at": expires,
        "user": { "id": "u", "name": "me" },
        "project": { "id": "p", "name": "mine" },
        "roles": [{ "name": "admin" }],
        "catalog": [
            { "type": "compute", "endpoints": endpoint(state.compute) },
            { "type": "image", "endpoints": endpoint("/image") },
            { "type": "network", "endpoints": endpoint("/network") },
            { "type": "placement", "endpoints": endpoint("/placement") },
        ],
    }})
}
