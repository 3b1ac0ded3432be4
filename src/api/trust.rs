//! TLS as the cloud's entry says: whom we trust, and how we show who we are.
//!
//! The system's roots are read when the first certificate is to be checked, once for the process:
//! it takes tens of milliseconds, and most sessions are with the embedded cloud, over plain HTTP.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::client::OpenError;
use crate::config::clouds::Tls;

/// The settings for all connections of a session.
pub(super) fn config(tls: &Tls) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(ring::default_provider());
    let unusable = |error: Error| OpenError::Client(error.to_string());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match &tls.cacert {
        Some(path) if tls.verify => builder.with_root_certificates(roots(path)?),
        _ => {
            let trust = if tls.verify { Trust::System } else { Trust::Anybody };
            let verifier = Arc::new(Verifier { trust, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
    };
    let Some(path) = &tls.cert else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates("cert", path)?;
    let key_path = tls.key.as_deref().unwrap_or(path);
    let key = PrivateKeyDer::from_pem_slice(&read("key", key_path)?);
    let key = key.map_err(|_| not_pem("key", key_path))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| OpenError::Pair {
        cert: path.clone(),
        key: key_path.to_owned(),
        why: error.to_string(),
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|source| OpenError::File { key, path: path.to_owned(), source })
}

fn not_pem(key: &'static str, path: &Path) -> OpenError {
    OpenError::Pem { key, path: path.to_owned() }
}

/// The certificates in a file, at least one.
fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&read(key, path)?).collect();
    let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
    certificates.ok_or_else(|| not_pem(key, path))
}

fn roots(path: &Path) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("cacert", path)? {
        roots.add(certificate).map_err(|_| not_pem("cacert", path))?;
    }
    Ok(roots)
}

/// Who may be at the other end.
#[derive(Debug)]
enum Trust {
    /// Whoever the system trusts.
    System,
    /// Anybody: the user said `verify: false`.
    Anybody,
}

/// Checks certificates against the system's roots, or not at all. Signatures are checked always.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

/// The check against the system's roots.
fn system(provider: &Arc<CryptoProvider>) -> Result<&'static WebPkiServerVerifier, Error> {
    static SYSTEM: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    let verifier = SYSTEM.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build().ok()
    });
    // Without any roots nobody is known.
    verifier.as_deref().ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.trust {
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
            Trust::System => system(&self.provider)?.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
