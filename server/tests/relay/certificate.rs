//! Certificates of an operator's own, and what a connection is agreed on.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{ClientConfig, NamedGroup, ProtocolVersion, SupportedProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Pinned, get};
use crate::operator::{run, said};
use crate::process::{Home, Relay};

/// A certificate of a year for a key, as a renewal makes it.
fn certificate(key_pem: &str, year: i32) -> String {
    let mut params = CertificateParams::new(vec!["relay.example.org".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 31);
    params.self_signed(&KeyPair::from_pem(key_pem).unwrap()).unwrap().pem()
}

async fn handshake(
    relay: &Relay,
    version: &'static SupportedProtocolVersion,
    groups: Vec<&'static dyn SupportedKxGroup>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = CryptoProvider { kx_groups: groups, ..aws_lc_rs::default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(relay.pin)))
        .with_no_client_auth();
    let stream = TcpStream::connect(relay.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// The certificate that a new connection is shown.
pub async fn shown(relay: &Relay) -> Vec<u8> {
    let stream = handshake(relay, &rustls::version::TLS13, aws_lc_rs::default_provider().kx_groups).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_while_the_relay_runs_and_the_link_holds() {
    let home = Home::new();
    let link = said(&run(&home, &["link", "DIR"]));
    let folder = tempfile::tempdir().unwrap();
    let (key, chain) = (folder.path().join("privkey.pem"), folder.path().join("fullchain.pem"));
    let key_pem = std::fs::read_to_string(home.dir.join("tls-key.pem")).unwrap();
    std::fs::write(&key, &key_pem).unwrap();
    std::fs::write(&chain, certificate(&key_pem, 2031)).unwrap();
    home.configure("certificate = \"tls-certificate.pem\"", &format!("certificate = {chain:?}"));
    home.configure("key = \"tls-key.pem\"", &format!("key = {key:?}"));
    assert_eq!(said(&run(&home, &["link", "DIR"])), link);

    let mut relay = home.serve();
    let first = shown(&relay).await;
    std::fs::write(&chain, certificate(&key_pem, 2032)).unwrap();
    relay.hang_up();
    while shown(&relay).await == first {}
    let second = shown(&relay).await;

    // A renewal that made a new key would lock every client out: the old certificate stays.
    let other = KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(&key, &other).unwrap();
    std::fs::write(&chain, certificate(&other, 2033)).unwrap();
    relay.hang_up();
    assert_eq!(shown(&relay).await, second);
    relay.terminate();
    let end = relay.wait();
    assert!(end.log.contains("the certificate was renewed"), "{}", end.log);
}

#[test]
fn a_certificate_that_cannot_be_used_is_said_at_the_start() {
    let home = Home::new();
    std::fs::write(home.dir.join("tls-certificate.pem"), "nothing in here").unwrap();
    let Err(end) = home.try_serve(&[]) else { panic!("it runs without a certificate") };
    assert!(end.log.contains("holds no certificate"), "{}", end.log);
    home.configure("certificate = \"tls-certificate.pem\"", "certificate = \"gone.pem\"");
    let Err(end) = home.try_serve(&[]) else { panic!("it runs without a certificate") };
    assert!(end.log.contains("gone.pem"), "{}", end.log);
}

#[tokio::test]
async fn keys_are_agreed_on_with_x25519mlkem768_over_tls_1_3() {
    let home = Home::new();
    let relay = home.serve();
    // As Himaya's clients ask: with the order that rustls has in this build. A server of rustls follows the client's order.
    let all = aws_lc_rs::default_provider().kx_groups;
    let stream = handshake(&relay, &rustls::version::TLS13, all).await.unwrap();
    let agreed = stream.get_ref().1;
    assert_eq!(agreed.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = agreed.negotiated_key_exchange_group().map(|group| group.name());
    assert_eq!(group, Some(NamedGroup::X25519MLKEM768));
    let classic = handshake(&relay, &rustls::version::TLS13, vec![aws_lc_rs::kx_group::X25519]).await.unwrap();
    let group = classic.get_ref().1.negotiated_key_exchange_group().map(|group| group.name());
    assert_eq!(group, Some(NamedGroup::X25519), "a client without it is served too");
    assert!(get(&relay, "/v1/relay").await.status.is_success());
}

/// rustls is built here without TLS 1.2, so its hello is written by hand: RFC 5246 section 7.4.1.2.
#[tokio::test]
async fn tls_1_2_is_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let home = Home::new();
    let relay = home.serve();
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    // No session; TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256; no compression; signature_algorithms, supported_groups.
    hello.extend([0, 0, 2, 0xC0, 0x2B, 1, 0, 0, 18]);
    hello.extend([0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 6, 0, 4, 0, 29, 0, 23]);
    let length = u8::try_from(hello.len()).unwrap();
    let handshake = [&[1, 0, 0, length], &hello[..]].concat();
    let record = [&[22, 3, 1, 0, length + 4], &handshake[..]].concat();
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    // A fatal alert protocol_version (70), RFC 8446 section 6.2.
    assert_eq!(answer.get(..1), Some(&[21][..]), "{answer:?}");
    assert_eq!(answer.get(5..7), Some(&[2, 70][..]), "{answer:?}");
}
