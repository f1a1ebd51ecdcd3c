//! The crate that seals requests and answers does what RFC 9458 says.
//!
//! It takes no secret key and no randomness from outside, so the published vectors cannot be put into it. They are put into
//! a second composition, made here from the RFC's text over HPKE, and that one talks to the crate, both ways.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes128Gcm, Key, Nonce};
use anyhow::{Context as _, anyhow};
use hkdf::Hkdf;
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem as KemTrait, X25519HkdfSha256};
use hpke::{Deserializable as _, OpModeR, OpModeS, Serializable as _, setup_receiver, setup_sender};
use ohttp::hpke::{Aead, Kdf, Kem};
use ohttp::{ClientRequest, KeyConfig, Server, SymmetricSuite};
use sha2::Sha256;

type X25519 = X25519HkdfSha256;
type SecretKey = <X25519 as KemTrait>::PrivateKey;

const FILE: &str = include_str!("../../protocol/vectors/rfc9458.txt");
const HEAD: usize = 7;
const ENC: usize = 32;
const NONCE: usize = 16;

fn vectors() -> anyhow::Result<BTreeMap<&'static str, Vec<u8>>> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    let mut name = "";
    for line in FILE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_suffix(':') {
            Some(next) => name = next,
            None => found.entry(name).or_default().push_str(line.trim()),
        }
    }
    let read = |(name, hex): (_, String)| Ok((name, data_encoding::HEXLOWER.decode(hex.as_bytes())?));
    found.into_iter().map(read).collect()
}

/// Section 4.3: the info is a label, a zero and the head of the request.
fn info(head: &[u8]) -> Vec<u8> {
    [b"message/bhttp request\0", head].concat()
}

/// Section 4.3, the gateway's side: what was sealed, and the secret for the answer.
fn open_request(key: &SecretKey, sealed: &[u8]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let (head, rest) = sealed.split_at_checked(HEAD).context("too short")?;
    let (enc, sealed) = rest.split_at_checked(ENC).context("too short")?;
    let enc = <X25519 as KemTrait>::EncappedKey::from_bytes(enc).map_err(|error| anyhow!("{error}"))?;
    let receiver = setup_receiver::<AesGcm128, HkdfSha256, X25519>(&OpModeR::Base, key, &enc, &info(head));
    let mut receiver = receiver.map_err(|error| anyhow!("{error}"))?;
    let opened = receiver.open(sealed, &[]).map_err(|error| anyhow!("{error}"))?;
    let mut secret = vec![0; NONCE];
    receiver.export(b"message/bhttp response", &mut secret).map_err(|error| anyhow!("{error}"))?;
    Ok((opened, secret))
}

/// Section 4.4: key and nonce of an answer.
fn answer_key(secret: &[u8], enc: &[u8], nonce: &[u8]) -> anyhow::Result<(Aes128Gcm, [u8; 12])> {
    let (_, expand) = Hkdf::<Sha256>::extract(Some(&[enc, nonce].concat()), secret);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    expand.expand(b"key", &mut key).map_err(|error| anyhow!("{error}"))?;
    expand.expand(b"nonce", &mut nonce).map_err(|error| anyhow!("{error}"))?;
    Ok((Aes128Gcm::new(&Key::<Aes128Gcm>::from(key)), nonce))
}

fn seal_answer(secret: &[u8], enc: &[u8], nonce: &[u8], answer: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (key, iv) = answer_key(secret, enc, nonce)?;
    let sealed = key.encrypt(&Nonce::from(iv), answer).map_err(|_| anyhow!("not sealed"))?;
    Ok([nonce, &sealed].concat())
}

#[test]
fn the_published_key_request_and_answer() -> anyhow::Result<()> {
    let vectors = vectors()?;
    let key = SecretKey::from_bytes(&vectors["secret_key"]).map_err(|error| anyhow!("{error}"))?;
    let public = <X25519 as KemTrait>::sk_to_pk(&key).to_bytes();
    assert_eq!(vectors["key_config"][3..3 + ENC], public[..]);
    let sealed = &vectors["encapsulated_request"];
    let (request, secret) = open_request(&key, sealed)?;
    assert_eq!((&request, &secret), (&vectors["request"], &vectors["secret"]));
    let enc = &sealed[HEAD..HEAD + ENC];
    let answer = seal_answer(&secret, enc, &vectors["response_nonce"], &vectors["response"])?;
    assert_eq!(answer, vectors["encapsulated_response"]);
    Ok(())
}

#[test]
fn what_the_crate_seals_for_the_published_key_opens_as_published() -> anyhow::Result<()> {
    let vectors = vectors()?;
    let key = SecretKey::from_bytes(&vectors["secret_key"]).map_err(|error| anyhow!("{error}"))?;
    let config = KeyConfig::decode(&vectors["key_config"])?;
    assert_eq!(config.encode()?, vectors["key_config"]);
    let (sealed, opener) =
        ClientRequest::from_encoded_config(&vectors["key_config"])?.encapsulate(&vectors["request"])?;
    assert_eq!(sealed[..HEAD], vectors["encapsulated_request"][..HEAD]);
    let (request, secret) = open_request(&key, &sealed)?;
    assert_eq!(request, vectors["request"]);
    let answer = seal_answer(&secret, &sealed[HEAD..HEAD + ENC], &[7; NONCE], &vectors["response"])?;
    assert_eq!(opener.decapsulate(&answer)?, vectors["response"]);
    Ok(())
}

#[test]
fn the_crate_opens_and_answers_what_is_sealed_as_published() -> anyhow::Result<()> {
    let vectors = vectors()?;
    let suite = SymmetricSuite::new(Kdf::HkdfSha256, Aead::Aes128Gcm);
    let config = KeyConfig::derive(1, Kem::X25519Sha256, vec![suite], &[5; 32])?;
    let public = config.encode()?[3..3 + ENC].to_vec();
    let public = <X25519 as KemTrait>::PublicKey::from_bytes(&public).map_err(|error| anyhow!("{error}"))?;
    let head = &vectors["encapsulated_request"][..HEAD];
    let sender = setup_sender::<AesGcm128, HkdfSha256, X25519>(&OpModeS::Base, &public, &info(head));
    let (enc, mut sender) = sender.map_err(|error| anyhow!("{error}"))?;
    let enc = enc.to_bytes().to_vec();
    let sealed = sender.seal(&vectors["request"], &[]).map_err(|error| anyhow!("{error}"))?;
    let (request, sealer) = Server::new(config)?.decapsulate(&[head, &enc, &sealed].concat())?;
    assert_eq!(request, vectors["request"]);
    let answer = sealer.encapsulate(&vectors["response"])?;
    let mut secret = vec![0; NONCE];
    sender.export(b"message/bhttp response", &mut secret).map_err(|error| anyhow!("{error}"))?;
    let (nonce, sealed) = answer.split_at(NONCE);
    let (key, iv) = answer_key(&secret, &enc, nonce)?;
    let opened = key.decrypt(&Nonce::from(iv), sealed).map_err(|_| anyhow!("not opened"))?;
    assert_eq!(opened, vectors["response"]);
    Ok(())
}
