//! Certificates by ACME (RFC 8555), always for the relay's own key, so that the relay link holds.
//!
//! The authority is shown that the name is ours by TLS-ALPN (RFC 8737), on the relay's own port: it connects to port 443 of
//! the name, offers `acme-tls/1` and nothing else, and is shown a certificate with the proof.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Limited;
use hyper::header::HOST;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{
    Account, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, HttpClient, Identifier, NewAccount,
    NewOrder, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::tls::{Shown, TlsError};

/// The longest answer of an authority that is read.
const ANSWER_MAX: usize = 1 << 20;
/// How long all of an order may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why there is no certificate from the authority.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// What vouches for the authority cannot be read.
    #[error("what vouches for the authority holds no certificate in PEM")]
    Roots,
    /// The authority cannot be talked to, or refuses.
    #[error("{0}")]
    Authority(#[from] instant_acme::Error),
    /// It does not look at TLS-ALPN.
    #[error("the authority offers no proof by tls-alpn-01")]
    NoChallenge,
    /// It did not accept the proof.
    #[error("the authority did not accept the proof: it must reach this relay at port 443 of its name")]
    NotProven,
    /// It took too long.
    #[error("the authority did not answer in time")]
    Late,
    /// The proof or the request could not be made.
    #[error("{0}")]
    Make(#[from] rcgen::Error),
    /// The proof cannot be shown.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The account's record cannot be read or written.
    #[error("the account's file is damaged; remove it and the next try makes a new account")]
    Account(#[from] serde_json::Error),
}

/// An authority that gives certificates.
pub struct Authority {
    directory: String,
    tls: Arc<ClientConfig>,
}

impl Authority {
    /// Takes the address of the authority's directory and, in PEM, what vouches for it; nothing is what the system trusts.
    pub fn new(directory: &str, roots_pem: Option<&[u8]>) -> Result<Self, AcmeError> {
        let mut roots = RootCertStore::empty();
        let _ignored = match roots_pem {
            Some(pem) => roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok)),
            None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        };
        if roots.is_empty() {
            return Err(AcmeError::Roots);
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::from)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { directory: directory.to_owned(), tls: Arc::new(tls) })
    }

    /// Makes an account, accepting the authority's terms. What comes back is a secret; it is what [`Authority::order`] takes.
    pub async fn account(&self) -> Result<Zeroizing<String>, AcmeError> {
        let new = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
        let made = Account::builder_with_http(self.client()).create(&new, self.directory.clone(), None);
        let (_, credentials) = timeout(PATIENCE, made).await.map_err(|_| AcmeError::Late)??;
        Ok(Zeroizing::new(serde_json::to_string(&credentials)?))
    }

    /// Orders a certificate for a name and a key. The proof is shown as long as it is needed. Answers the chain in PEM.
    pub async fn order(&self, account: &str, name: &str, key_pem: &str, shown: &Shown) -> Result<String, AcmeError> {
        let ordered = timeout(PATIENCE, self.settle(account, name, key_pem, shown)).await;
        // Taking a proof away cannot fail.
        let _ = shown.prove(None);
        ordered.map_err(|_| AcmeError::Late)?
    }

    async fn settle(&self, account: &str, name: &str, key_pem: &str, shown: &Shown) -> Result<String, AcmeError> {
        let account =
            Account::builder_with_http(self.client()).from_credentials(serde_json::from_str(account)?).await?;
        let identifiers = [Identifier::Dns(name.to_owned())];
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization.challenge(ChallengeType::TlsAlpn01).ok_or(AcmeError::NoChallenge)?;
            let (key, certificate) = proof(name, challenge.key_authorization().digest().as_ref())?;
            shown.prove(Some((key.as_bytes(), certificate.as_bytes())))?;
            challenge.set_ready().await?;
        }
        let retries = RetryPolicy::new().timeout(PATIENCE);
        if order.poll_ready(&retries).await? != OrderStatus::Ready {
            return Err(AcmeError::NotProven);
        }
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&KeyPair::from_pem(key_pem)?)?;
        order.finalize_csr(request.der()).await?;
        Ok(order.poll_certificate(&retries).await?)
    }

    fn client(&self) -> Box<Client> {
        Box::new(Client(self.tls.clone()))
    }
}

/// A key and a certificate for it with the proof (RFC 8737 section 3), both in PEM.
fn proof(name: &str, digest: &[u8]) -> Result<(Zeroizing<String>, String), AcmeError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    Ok((Zeroizing::new(key.serialize_pem()), params.self_signed(&key)?.pem()))
}

/// What asks the authority: a connection a request, TLS 1.3.
struct Client(Arc<ClientConfig>);

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let tls = TlsConnector::from(self.0.clone());
        Box::pin(async move { ask(tls, request).await.map_err(instant_acme::Error::Other) })
    }
}

async fn ask(
    tls: TlsConnector,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Box<dyn std::error::Error + Send + Sync>> {
    let uri = request.uri();
    let authority =
        uri.authority().filter(|_| uri.scheme_str() == Some("https")).ok_or("the address is not https://")?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((host.as_str(), authority.port_u16().unwrap_or(443))).await?;
    let stream = tls.connect(ServerName::try_from(host)?, stream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let host = authority.as_str().parse()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).parse::<Uri>()?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = path;
    let answer = sender.send_request(request).await?;
    Ok(answer.map(|body| Limited::new(body, ANSWER_MAX)).into())
}
