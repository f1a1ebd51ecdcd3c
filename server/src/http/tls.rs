//! The relay's TLS identity: a self-signed key that clients pin.

use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Why there is no usable TLS identity.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The PEM of key or certificate is damaged.
    #[error("the PEM of the TLS key or certificate is damaged")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// Key and certificate cannot be used.
    #[error("the TLS key and certificate cannot be used: {0}")]
    Use(#[from] rustls::Error),
}

/// A new TLS key with its certificate, as PEM, and its pin.
pub struct Identity {
    /// The private key. A secret.
    pub key_pem: Zeroizing<String>,
    /// The self-signed certificate.
    pub certificate_pem: String,
    /// SHA-256 of the DER SubjectPublicKeyInfo (RFC 7469 section 2.4).
    pub pin: [u8; 32],
}

impl Identity {
    /// Makes a P-256 key. The certificate names nothing that would tell a scanner what it is for.
    pub fn make() -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        Ok(Self {
            certificate_pem: params.self_signed(&key)?.pem(),
            pin: Sha256::digest(key.subject_public_key_info()).into(),
            key_pem: Zeroizing::new(key.serialize_pem()),
        })
    }
}

/// TLS 1.3 only, without tickets or sessions that would link connections, HTTP/2 before HTTP/1.1.
pub(super) fn server_config(key_pem: &[u8], certificate_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(certificate_pem).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key_pem)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}
