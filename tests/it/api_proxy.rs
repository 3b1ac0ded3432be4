//! Clouds of `clouds.yaml` are asked through the proxies that the environment names.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use whimbrel::api::{RequestError, Session};
use whimbrel::config::clouds::{CloudEntry, CloudsError};

use crate::api_cloud::{Cloud, Setup, quick};
use crate::api_login::{PASSWORD_LOGIN, with_variables};
use crate::api_tls::{Authority, called};
use crate::support::{Bench, Folder, feature};

/// A name that only the proxy can resolve.
const HOST: &str = "cloud.test";

/// A proxy that connects whatever is asked for to one cloud, and notes what it could read of it.
struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    async fn to(cloud: &Cloud) -> Self {
        let (cloud, seen) = (cloud.address(), Arc::<Mutex<Vec<String>>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let notes = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, cloud, notes.clone()));
            }
        });
        Self { address, seen, task }
    }

    /// As a variable names it.
    fn url(&self) -> String {
        format!("http://me:hunter3@{}", self.address)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic while locked").clone()
    }
}

/// Reads the first head of a connection, then only passes on.
async fn pass(client: TcpStream, cloud: SocketAddr, seen: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut client = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        client.read_line(&mut head).await.ok().filter(|read| *read > 0)?;
    }
    let by = head.lines().find(|line| line.to_lowercase().starts_with("proxy-authorization:"));
    let first = head.lines().next()?;
    let note =
        format!("{first}, {}", by.and_then(|line| line.split(' ').next_back()).unwrap_or("nobody"));
    seen.lock().expect("no panic while locked").push(note);
    let mut cloud = TcpStream::connect(cloud).await.ok()?;
    if first.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    } else {
        cloud.write_all(head.as_bytes()).await.ok()?;
    }
    copy_bidirectional(&mut client, &mut cloud).await.ok().map(drop)
}

/// `me:hunter3`, as HTTP encodes it.
const ME: &str = "bWU6aHVudGVyMw==";

async fn plain() -> Cloud {
    Cloud::start(Setup { host: Some(HOST), ..Setup::default() }, |_| None).await
}

fn entry(cloud: &Cloud, variables: &[(&str, &str)]) -> Result<CloudEntry, CloudsError> {
    with_variables(cloud, PASSWORD_LOGIN, "verify: true", variables)
}

async fn login(cloud: &Cloud, variables: &[(&str, &str)]) -> Result<(), RequestError> {
    let entry = entry(cloud, variables).unwrap_or_else(|error| panic!("{error}"));
    cloud.session_with(entry).login().await.map(drop)
}

/// What the error says went wrong.
fn cause(error: &RequestError) -> String {
    error.kind.to_string()
}

#[tokio::test]
async fn a_cloud_is_asked_through_the_proxy_of_the_environment() {
    let cloud = plain().await;
    let proxy = Proxy::to(&cloud).await;
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        login(&cloud, &[(variable, &proxy.url())]).await.expect(variable);
    }
    let login = format!(
        "POST http://{HOST}:{}/identity/v3/auth/tokens HTTP/1.1, {ME}",
        cloud.address().port()
    );
    assert_eq!(proxy.seen(), vec![login; 4]);
}

#[tokio::test]
async fn of_https_a_proxy_reads_nothing_but_the_name() {
    let authority = Authority::new("ours");
    let cloud = called(HOST, &authority).await;
    let proxy = Proxy::to(&cloud).await;
    let entry = entry(&cloud, &[("HTTPS_PROXY", &proxy.url())]).expect("an entry");
    let entry = CloudEntry { tls: authority.tls(), ..entry };
    Session::open(entry, quick()).expect("a session").login().await.expect("a login");
    assert_eq!(proxy.seen(), [format!("CONNECT {HOST}:{} HTTP/1.1, {ME}", cloud.address().port())]);
}

#[tokio::test]
async fn a_variable_in_lower_case_goes_before_even_if_it_is_empty() {
    let cloud = plain().await;
    let proxy = Proxy::to(&cloud).await;
    let dead = "http://127.0.0.1:1";
    login(&cloud, &[("http_proxy", &proxy.url()), ("HTTP_PROXY", dead)]).await.expect("a login");
    let none = login(&cloud, &[("http_proxy", ""), ("HTTP_PROXY", &proxy.url())]).await;
    let told = cause(&none.expect_err("nobody knows the name"));
    assert!(told.contains(&format!("server {HOST}")), "{told}");
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn what_no_proxy_excepts_is_asked_directly() {
    let cloud = plain().await;
    let proxy = Proxy::to(&cloud).await;
    for except in ["cloud.test", ".test", "example.org, test", "*"] {
        let variables = [("HTTP_PROXY", &*proxy.url()), ("NO_PROXY", except)];
        let told = cause(&login(&cloud, &variables).await.expect_err("nobody knows the name"));
        assert!(told.contains(&format!("server {HOST}")), "{told}");
    }
    assert_eq!(proxy.seen(), [""; 0]);
    let variables = [("HTTP_PROXY", &*proxy.url()), ("NO_PROXY", "loud.test,10.0.0.0/8")];
    login(&cloud, &variables).await.expect("a login");
}

#[tokio::test]
async fn this_machine_is_asked_directly() {
    let cloud = Cloud::healthy().await;
    login(&cloud, &[("HTTP_PROXY", "http://127.0.0.1:1")]).await.expect("a login");
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_is_named_without_its_password() {
    let error = login(&plain().await, &[("ALL_PROXY", "me:hunter3@127.0.0.1:1")]).await;
    let told = cause(&error.expect_err("nobody listens there"));
    let (before, after) = told.split_once("cloud.test:").expect("the server");
    assert_eq!(
        before,
        "no connection to the proxy http://127.0.0.1:1 (variable ALL_PROXY) for the server "
    );
    assert!(after.ends_with(": Connection refused (os error 111)"), "{told}");
}

#[tokio::test]
async fn a_proxy_of_another_kind_is_refused_and_its_password_not_told() {
    let cloud = plain().await;
    let told = |value| entry(&cloud, &[("all_proxy", value)]).expect_err(value).to_string();
    insta::assert_snapshot!(told("socks5://me:hunter3@proxy.example:1080"), @"variable all_proxy: `all_proxy` is a proxy of the kind `socks5`, but should be an HTTP proxy, such as http://proxy.example:3128");
    insta::assert_snapshot!(told("http://me:hunter3@:x"), @"variable all_proxy: `all_proxy` is no address, but should be an HTTP proxy, such as http://proxy.example:3128");
}

#[test]
fn the_proxies_of_a_cloud_are_shown_without_their_passwords() {
    let bench = Bench::new();
    let variables =
        [("HTTPS_PROXY", "http://me:hunter3@proxy.example:3128"), ("no_proxy", ".example.org")];
    let told = bench.folder.run_with(&variables, &["config", "--cloud", "sim"]).exits(0);
    let told = told.never_says("hunter3");
    let lines: Vec<&str> = told.out.lines().filter(|line| line.contains("_proxy")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    https_proxy              http://proxy.example:3128 variable HTTPS_PROXY
    no_proxy                 .example.org variable no_proxy
    ");
}

/// Neither the cloud in the process nor one beside it.
#[test]
fn no_cloud_on_this_machine_is_asked_through_a_proxy() {
    let bench = Bench::new();
    let dead = [("HTTP_PROXY", "http://127.0.0.1:1"), ("all_proxy", "http://127.0.0.1:1")];
    bench.folder.write("one.feature", &feature("Given a cloud with several computes"));
    bench.folder.run_with(&dead, &["run", "one.feature", "--cloud", "sim"]).exits(0);
    let folder = Folder::quick();
    folder.write("one.feature", &feature("Given a cloud with several computes"));
    folder.run_with(&dead, &["run", "one.feature"]).exits(0);
}
