//! The relay's TLS identity: a key that clients pin, and the certificate shown with it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What an authority offers that asks for a proof, and nobody else (RFC 8737 section 4).
pub(super) const ALPN_ACME: &[u8] = b"acme-tls/1";

/// Why there is no usable TLS identity.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The PEM of key or certificate is damaged.
    #[error("the PEM of the TLS key or certificate is damaged")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// There is no certificate in the file.
    #[error("the TLS certificate's file holds no certificate in PEM")]
    Empty,
    /// The certificate is not X.509.
    #[error("the TLS certificate is damaged")]
    Damaged,
    /// The certificate is for another key than the one that clients pin.
    #[error("the new certificate is for another key; renew it with the key that the relay link names")]
    OtherKey,
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

/// What a certificate says that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER SubjectPublicKeyInfo (RFC 7469 section 2.4): what clients look at, and nothing else.
    pub pin: [u8; 32],
    /// From when on it counts, in seconds since the Unix epoch.
    pub not_before: i64,
    /// Until when it counts, in seconds since the Unix epoch.
    pub not_after: i64,
    /// Whether nobody vouches for it.
    pub self_signed: bool,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    pub fn read(certificate_pem: &[u8]) -> Result<Self, TlsError> {
        let certificate = CertificateDer::pem_slice_iter(certificate_pem).next().ok_or(TlsError::Empty)??;
        Self::of(&certificate)
    }

    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, TlsError> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| TlsError::Damaged)?;
        let validity = parsed.validity();
        Ok(Self {
            pin: Sha256::digest(&key).into(),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            self_signed: parsed.issuer() == parsed.subject(),
        })
    }
}

/// The certificate and key that a running relay shows. They can be exchanged while it runs.
pub struct Shown {
    current: RwLock<Arc<CertifiedKey>>,
    /// What an authority that asks for a proof is shown (RFC 8737).
    proof: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Shown {
    /// Takes a key and a certificate with what vouches for it, in PEM.
    pub fn new(key_pem: &[u8], certificate_pem: &[u8]) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(certified(key_pem, certificate_pem)?), proof: RwLock::default() })
    }

    /// Shows another certificate from the next connection on. One for another key is refused: no client would connect.
    pub fn exchange(&self, key_pem: &[u8], certificate_pem: &[u8]) -> Result<(), TlsError> {
        let new = certified(key_pem, certificate_pem)?;
        if Certificate::of(new.end_entity_cert()?)?.pin != self.certificate()?.pin {
            return Err(TlsError::OtherKey);
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Shows an authority a proof from now on, or none any more: key and certificate in PEM.
    pub(super) fn prove(&self, proof: Option<(&[u8], &[u8])>) -> Result<(), TlsError> {
        let proof = proof.map(|(key, certificate)| proving(key, certificate)).transpose()?;
        *self.proof.write().unwrap_or_else(PoisonError::into_inner) = proof;
        Ok(())
    }

    /// What the certificate says that is shown now.
    pub fn certificate(&self) -> Result<Certificate, TlsError> {
        Certificate::of(self.current().end_entity_cert()?)
    }

    fn current(&self) -> Arc<CertifiedKey> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|names| names.eq([ALPN_ACME])) {
            return self.proof.read().unwrap_or_else(PoisonError::into_inner).clone();
        }
        Some(self.current())
    }
}

/// A key and the certificates for it. Refuses a pair that does not fit.
fn certified(key_pem: &[u8], certificate_pem: &[u8]) -> Result<Arc<CertifiedKey>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(certificate_pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err(TlsError::Empty);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem)?;
    Ok(Arc::new(CertifiedKey::from_der(certificates, key, &aws_lc_rs::default_provider())?))
}

/// A key and a certificate with a proof in it, which rustls would refuse to look at: it is marked as critical.
fn proving(key_pem: &[u8], certificate_pem: &[u8]) -> Result<Arc<CertifiedKey>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(certificate_pem).collect::<Result<Vec<_>, _>>()?;
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(PrivateKeyDer::from_pem_slice(key_pem)?)?;
    Ok(Arc::new(CertifiedKey::new(certificates, key)))
}

/// TLS 1.3 only, without tickets or sessions that would link connections, HTTP/2 before HTTP/1.1.
pub(super) fn server_config(shown: Arc<Shown>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), ALPN_ACME.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewed(key_pem: &str) -> String {
        let key = KeyPair::from_pem(key_pem).unwrap();
        let mut params = CertificateParams::new(vec!["relay.example.org".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 1, 31);
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_renewed_certificate_keeps_the_pin_and_another_key_is_refused() {
        let (first, other) = (Identity::make().unwrap(), Identity::make().unwrap());
        let shown = Shown::new(first.key_pem.as_bytes(), first.certificate_pem.as_bytes()).unwrap();
        assert_eq!(shown.certificate().unwrap().pin, first.pin);
        let renewed = renewed(&first.key_pem);
        shown.exchange(first.key_pem.as_bytes(), renewed.as_bytes()).unwrap();
        let now = shown.certificate().unwrap();
        assert_eq!((now.pin, now.not_after), (first.pin, 1_927_584_000));
        let refused = shown.exchange(other.key_pem.as_bytes(), other.certificate_pem.as_bytes());
        assert!(matches!(refused, Err(TlsError::OtherKey)));
        let mixed = shown.exchange(first.key_pem.as_bytes(), other.certificate_pem.as_bytes());
        assert!(matches!(mixed, Err(TlsError::Use(_))), "{mixed:?}");
        assert!(matches!(shown.exchange(first.key_pem.as_bytes(), b""), Err(TlsError::Empty)));
        assert_eq!(shown.certificate().unwrap(), now, "what was refused changed nothing");
    }

    #[test]
    fn a_new_certificate_does_not_run_out() {
        let made = Certificate::read(Identity::make().unwrap().certificate_pem.as_bytes()).unwrap();
        assert!(made.not_before < 0 || made.not_before < 1_600_000_000);
        assert!(made.not_after > 60_000_000_000);
    }
}
