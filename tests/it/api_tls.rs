//! Whom a session trusts, and how it shows who it is.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use whimbrel::api::{OpenError, Outcome, RequestError, RequestErrorKind, Session};
use whimbrel::config::clouds::{CloudEntry, Tls};

use crate::api_cloud::{Cloud, Setup, quick};
use crate::api_login::{PASSWORD_LOGIN, in_clouds_yaml};

/// An authority that makes certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        Self { issuer, folder: tempfile::tempdir().expect("a folder") }
    }

    /// A certificate for a name, good until the end of the year given.
    fn certificate(&self, name: &str, until: i32) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    /// A file in PEM form.
    fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub fn tls(&self) -> Tls {
        Tls { cacert: Some(self.file("ca.pem", &self.issuer.pem())), ..Tls::default() }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A server that shows this certificate; with `clients` it wants to see one of theirs.
fn shows(shown: (rcgen::Certificate, KeyPair), clients: Option<&Authority>) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("protocol versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.issuer.der().clone()).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let (certificate, key) = shown;
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    builder.with_single_cert(vec![certificate.der().clone()], key).expect("settings")
}

/// A cloud that is such a server.
async fn cloud(shown: (rcgen::Certificate, KeyPair), clients: Option<&Authority>) -> Cloud {
    let tls = Some(shows(shown, clients));
    Cloud::start(Setup { tls, ..Setup::default() }, |_| None).await
}

/// A cloud with HTTPS that calls itself so.
pub async fn called(host: &'static str, authority: &Authority) -> Cloud {
    let tls = Some(shows(authority.certificate(host, 2999), None));
    Cloud::start(Setup { tls, host: Some(host), ..Setup::default() }, |_| None).await
}

/// A cloud whose certificate is signed by nobody whom anybody knows.
pub async fn of_unknown_authority() -> Cloud {
    cloud(Authority::new("nobody's").certificate("localhost", 2999), None).await
}

/// What becomes of a login with these settings.
async fn login(cloud: &Cloud, tls: Tls) -> Result<(), RequestError> {
    let session = cloud.session_with(CloudEntry { tls, ..cloud.entry() });
    session.login().await.map(drop)
}

/// The login was refused over the certificate, at once, for a reason with these words.
fn refused_for(result: Result<(), RequestError>, words: &str) {
    let error = result.expect_err("a bad certificate");
    assert_eq!((error.outcome(), error.attempts), (Outcome::NotDone, 1));
    match error.kind {
        RequestErrorKind::Certificate(why) if why.contains(words) => {}
        other => panic!("not refused for {words}: {other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_of_the_authority_named_in_cacert_is_accepted() {
    let authority = Authority::new("ours");
    let cloud = cloud(authority.certificate("localhost", 2999), None).await;
    login(&cloud, authority.tls()).await.expect("trusted");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let authority = Authority::new("ours");
    let cloud = cloud(authority.certificate("localhost", 2999), None).await;
    refused_for(login(&cloud, Authority::new("other").tls()).await, "UnknownIssuer");
    refused_for(login(&cloud, Tls::default()).await, "UnknownIssuer");
    assert!(cloud.requests().is_empty(), "a password was sent to who knows whom");
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_name_are_refused() {
    let authority = Authority::new("ours");
    let expired = cloud(authority.certificate("localhost", 2001), None).await;
    refused_for(login(&expired, authority.tls()).await, "expired");
    let other = cloud(authority.certificate("other.example", 2999), None).await;
    refused_for(login(&other, authority.tls()).await, "not valid for name");
}

#[tokio::test]
async fn with_verify_false_any_certificate_will_do() {
    let expired = cloud(Authority::new("ours").certificate("other.example", 2001), None).await;
    login(&expired, Tls { verify: false, ..Tls::default() }).await.expect("the user said so");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_wanted() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("clients'"));
    let cloud = cloud(authority.certificate("localhost", 2999), Some(&clients)).await;
    let error = login(&cloud, authority.tls()).await.expect_err("nothing shown");
    assert!(matches!(error.kind, RequestErrorKind::Lost(_)), "{error:?}");
    let (certificate, key) = clients.certificate("me", 2999);
    let cert = clients.file("me.pem", &certificate.pem());
    let key = clients.file("me.key", &key.serialize_pem());
    let apart = Tls { cert: Some(cert), key: Some(key.clone()), ..authority.tls() };
    login(&cloud, apart).await.expect("certificate and key in two files");
    let key = std::fs::read_to_string(key).expect("a key");
    let both = clients.file("both.pem", &(certificate.pem() + &key));
    let together = Tls { cert: Some(both.clone()), ..authority.tls() };
    login(&cloud, together).await.expect("certificate and key in one file");
}

#[tokio::test]
async fn a_client_certificate_that_the_cloud_does_not_know_sends_nothing() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("clients'"));
    let cloud = cloud(authority.certificate("localhost", 2999), Some(&clients)).await;
    let (certificate, key) = Authority::new("strangers'").certificate("me", 2999);
    let both = clients.file("both.pem", &(certificate.pem() + &key.serialize_pem()));
    let error = login(&cloud, Tls { cert: Some(both), ..authority.tls() }).await;
    error.expect_err("a stranger's certificate");
    assert!(cloud.requests().is_empty());
}

#[tokio::test]
async fn a_key_that_belongs_to_another_certificate_is_named() {
    let clients = Authority::new("clients'");
    let (certificate, _) = clients.certificate("me", 2999);
    let (_, other) = clients.certificate("other", 2999);
    let cert = clients.file("me.pem", &certificate.pem());
    let key = clients.file("other.key", &other.serialize_pem());
    let tls = Tls { cert: Some(cert), key: Some(key), ..Tls::default() };
    let entry = CloudEntry { tls, ..Cloud::healthy().await.entry() };
    let error = Session::open(entry, quick()).expect_err("they do not match");
    assert!(matches!(error, OpenError::Pair { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("me.pem") && text.contains("other.key"), "{text}");
}

#[tokio::test]
async fn what_clouds_yaml_says_of_certificates_is_what_counts() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("clients'"));
    let cloud = cloud(authority.certificate("localhost", 2999), Some(&clients)).await;
    authority.file("ca.pem", &authority.issuer.pem());
    let (certificate, key) = clients.certificate("me", 2999);
    authority.file("me.pem", &certificate.pem());
    authority.file("me.key", &key.serialize_pem());
    let shown = "cert: FOLDER/me.pem\n    key: FOLDER/me.key";
    let folder = authority.folder.path().to_str().expect("a UTF-8 path");
    for (lines, trusted) in [
        ("cacert: FOLDER/ca.pem", true),
        ("verify: true", false),
        ("verify: false", true),
        ("insecure: true", true),
        ("insecure: true\n    verify: true", true),
        ("insecure: false\n    cacert: FOLDER/ca.pem", true),
    ] {
        let lines = format!("{lines}\n    {shown}").replace("FOLDER", folder);
        let result = cloud.session_with(in_clouds_yaml(&cloud, PASSWORD_LOGIN, &lines));
        match result.login().await {
            Ok(_) => assert!(trusted, "{lines}"),
            refused if !trusted => refused_for(refused.map(drop), "UnknownIssuer"),
            Err(error) => panic!("{lines}: {error:?}"),
        }
    }
}
