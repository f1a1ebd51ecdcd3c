//! TLS 1.3 to the holder of one pinned key, and what its failures mean.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme, version,
};
use sha2::{Digest, Sha256};

use super::super::error::{TransportError, Unreachable};

/// A configuration that talks to the holder of `pin` and to nobody else.
///
/// Every connection offers the same: TLS 1.3, ALPN `http/1.1`, no server name and no ticket of an earlier session, so
/// neither an observer nor the relay can tell from the handshake what a connection is for or what came before it.
pub(super) fn pinned(pin: [u8; 32]) -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(PinVerifier { pin, provider: Arc::clone(&provider) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|_| TransportError::Setup("no TLS 1.3"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// Accepts a certificate for its public key alone. Names, dates and issuers in it are nobody's word and are not read.
#[derive(Debug)]
struct PinVerifier {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let shown = Sha256::digest(certificate.subject_public_key_info());
        let difference = shown.iter().zip(&self.pin).fold(0, |difference, (shown, pin)| difference | (shown ^ pin));
        if difference == 0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What an error anywhere below a call means. `otherwise` is the meaning when neither TLS nor a timer is in it.
pub(super) fn meaning(error: &(dyn StdError + 'static), otherwise: Unreachable) -> TransportError {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<Error>() {
            return tls_meaning(tls);
        }
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
            return TransportError::Unreachable(Unreachable::Timeout);
        }
        // What an io::Error wraps is not its source(): that is already the source of what it wraps.
        next = match io.and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    TransportError::Unreachable(otherwise)
}

/// A peer that shows another key or cannot sign with the pinned one is the wrong one; any other failure of the
/// handshake is of something that does not speak our TLS.
fn tls_meaning(error: &Error) -> TransportError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is non-exhaustive; one kind differs from all others")]
    match error {
        Error::InvalidCertificate(_) => TransportError::WrongKey,
        _ => TransportError::Insecure,
    }
}
