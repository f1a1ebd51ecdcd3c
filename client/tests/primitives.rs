//! The primitives that the client composes, against published vectors, and the sealed hello against ours.

use argon2::{Algorithm, Argon2, ParamsBuilder, Version};
use data_encoding::HEXLOWER_PERMISSIVE;
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::contact::{HELLO_INFO, Hello};
use openmls_libcrux_crypto::CryptoProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{AeadType, Ciphersuite, HpkeCiphertext, SignatureScheme};

#[path = "../../protocol/tests/protocol/vector_file.rs"]
#[expect(dead_code, reason = "the protocol's own tests use all of it")]
mod vector_file;

const SUITE: Ciphersuite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;

fn hex(digits: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).expect("the test writes hexadecimal digits")
}

#[test]
fn argon2id_is_rfc_9106_section_5_3() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let argon = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    argon.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    assert_eq!(tag[..], hex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
}

#[test]
fn x_wing_is_draft_connolly_cfrg_xwing_kem_appendix_c() {
    // The first vector: its seeds are the first 96 bytes of SHAKE128 of nothing.
    let seed = hex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
    let eseed = hex("3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75\
         ab916a58d974918835d25e6a435085b2");
    let secret = hex("d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384");
    let algorithm = libcrux_kem::Algorithm::XWingKemDraft06;
    let (private, public) = libcrux_kem::key_gen_derand(algorithm, &seed).unwrap();
    let (sender, ciphertext) = public.encapsulate_derand(&eseed).unwrap();
    assert_eq!(sender.encode(), secret);
    assert_eq!(ciphertext.decapsulate(&private).unwrap().encode(), secret);
}

#[test]
fn chacha20_poly1305_is_rfc_8439_section_2_8_2() {
    let crypto = CryptoProvider::new().unwrap();
    let sealed = crypto
        .aead_encrypt(
            AeadType::ChaCha20Poly1305,
            &hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"),
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
              sunscreen would be it.",
            &hex("070000004041424344454647"),
            &hex("50515253c0c1c2c3c4c5c6c7"),
        )
        .unwrap();
    assert_eq!(sealed[..16], hex("d31a8d34648e60db7b86afbc53ef7ec2"));
    assert_eq!(sealed[sealed.len() - 16..], hex("1ae10b594f09e26a7e902ecbd0600691"));
}

#[test]
fn ed25519_is_rfc_8032_section_7_1() {
    let crypto = CryptoProvider::new().unwrap();
    let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let signature =
        hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
         d25bf5f0595bbe24655141438e7a100b");
    crypto.verify_signature(SignatureScheme::ED25519, &[], &public, &signature).unwrap();
    assert!(crypto.verify_signature(SignatureScheme::ED25519, b"x", &public, &signature).is_err());
}

#[test]
fn the_words_are_those_of_bip_39() {
    let words = bip39::Mnemonic::from_entropy(&[0; 16]).unwrap();
    let expected = "abandon ".repeat(11) + "about";
    assert_eq!(words.to_string(), expected);
}

#[test]
fn a_sealed_hello_opens_as_the_protocol_says() {
    let vectors = vector_file::VectorFile::read("hello.txt");
    let crypto = CryptoProvider::new().unwrap();
    let keys = crypto.derive_hpke_keypair(SUITE.hpke_config(), vectors.bytes("seed")).unwrap();
    assert_eq!(keys.public, vectors.bytes("public_key"));
    let (kem_output, ciphertext) = vectors.bytes("sealed").split_at(1_120);
    let sealed = HpkeCiphertext { kem_output: kem_output.to_vec().into(), ciphertext: ciphertext.to_vec().into() };
    let owner = Fingerprint::from_slice(vectors.bytes("owner")).unwrap();
    let open = |owner: &Fingerprint| {
        crypto.hpke_open(SUITE.hpke_config(), &sealed, &keys.private, HELLO_INFO, Hello::associated_data(owner))
    };
    let plain = open(&owner).unwrap();
    assert_eq!(plain, vectors.bytes("hello"));
    assert!(Hello::from_bytes(&plain).is_ok());
    assert!(open(&Fingerprint::from_slice(&[0; 32]).unwrap()).is_err(), "it opens only for the card's owner");
}
