//! I9: whatever somebody hostile sends who holds the right keys: no panic, nothing lost, nothing half written.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use himaya::engine;
use himaya_protocol::wire::cell::Frame;
use himaya_protocol::wire::contact::ContactMessage;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::Spill;
use himaya_tests::sim::{DAY, Lane, World, play};
use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, CredentialType, CredentialWithKey, ExtensionType, KeyPackage, Lifetime,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_traits::signatures::Signer as _;

const SUITE: Ciphersuite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;

#[test]
fn a_key_package_that_cannot_be_added_stops_nobody() {
    play(|| async {
        let mut world = World::new(901);
        let mut people = world.circle_of(3).await;
        let group = people[0].circle("home").id;
        let places = people[2].places("home", Lane::To("person 0"));
        // Signed by the asking member, but its leaf does not support the credentials that the others have.
        let key_package = people[2].misuse("home", |mls, group, signer| {
            let capabilities = Capabilities::builder()
                .ciphersuites(vec![SUITE])
                .extensions(vec![ExtensionType::Unknown(0xF1A1)])
                .credentials(vec![CredentialType::X509])
                .build();
            let me = CredentialWithKey {
                credential: BasicCredential::new(b"person 2".to_vec()).into(),
                signature_key: signer.public().into(),
            };
            let _group = group;
            KeyPackage::builder()
                .leaf_node_capabilities(capabilities)
                .key_package_lifetime(Lifetime::init(0, u64::MAX))
                .build(SUITE, mls, signer, me)
                .expect("openmls makes whatever it is told")
                .key_package()
                .tls_serialize_detached()
                .expect("a KeyPackage can be encoded")
        });
        let rejoin = ContactMessage::Rejoin { group, key_package }.to_bytes();
        assert!(world.put(&places[0], &rejoin).await);
        let alert = people[1].sos("home");
        people[1].sync().await;
        people[0].sync().await;
        assert!(people[0].has(alert), "the owner reads on");
        assert_eq!(people[0].circle("home").pending, 0, "what cannot be done is not wished for ever");
        people[0].run(|ctx| engine::remove(ctx, &engine::named(ctx, "home")?, "person 2"));
        people[0].sync().await;
        world.clock.advance(DAY);
        people[1].sync().await;
        assert_eq!(people[1].members("home").len(), 2);
    });
}

#[test]
fn a_key_package_whose_keys_are_too_short_crashes_nobody() {
    play(|| async {
        let mut world = World::new(902);
        let mut people = world.circle_of(3).await;
        let group = people[0].circle("home").id;
        let places = people[2].places("home", Lane::To("person 0"));
        let key_package = people[2].misuse("home", |mls, group, signer| {
            let capabilities = Capabilities::builder()
                .ciphersuites(vec![SUITE])
                .extensions(vec![ExtensionType::Unknown(0xF1A1)])
                .build();
            let me = CredentialWithKey {
                credential: BasicCredential::new(b"person 2".to_vec()).into(),
                signature_key: signer.public().into(),
            };
            let _group = group;
            let whole = KeyPackage::builder()
                .leaf_node_capabilities(capabilities)
                .key_package_lifetime(Lifetime::init(0, u64::MAX))
                .build(SUITE, mls, signer, me)
                .expect("openmls makes whatever it is told")
                .key_package()
                .tls_serialize_detached()
                .expect("a KeyPackage can be encoded");
            with_short_init_key(&whole, signer)
        });
        let rejoin = ContactMessage::Rejoin { group, key_package }.to_bytes();
        assert!(world.put(&places[0], &rejoin).await);
        let alert = people[1].sos("home");
        people[1].sync().await;
        people[0].sync().await;
        assert!(people[0].has(alert), "the owner reads on");
        assert_eq!(people[0].circle("home").pending, 0);
    });
}

/// The same KeyPackage with an init key of 32 bytes, signed as it should be (RFC 9420 sections 5.1.2 and 10).
fn with_short_init_key(whole: &[u8], signer: &SignatureKeyPair) -> Vec<u8> {
    // version 2 ‖ suite 2 ‖ length 2 ‖ init key 1,216 ‖ … ‖ length 2 ‖ signature 64
    let (head, rest) = whole.split_at(4);
    let tail = &rest[2 + 1_216..rest.len() - 66];
    let mut package = [head, &[32], &[7; 32], tail].concat();
    let label = b"MLS 1.0 KeyPackageTBS";
    let mut content = vec![u8::try_from(label.len()).expect("a short label")];
    content.extend_from_slice(label);
    let length = u16::try_from(package.len()).expect("a short KeyPackage") | 0x4000;
    content.extend_from_slice(&length.to_be_bytes());
    content.extend_from_slice(&package);
    let signature = signer.sign(&content).expect("the key signs");
    package.extend_from_slice(&[0x40, 0x40]);
    package.extend_from_slice(&signature);
    package
}

#[test]
fn cells_without_their_chunks_silence_nobody() {
    play(|| async {
        let mut world = World::new(903);
        let mut people = world.circle_of(3).await;
        // Whoever is in the circle knows the places of everybody's next cells.
        for (seed, place) in (0u8..).zip(people[2].places("home", Lane::Member("person 1"))) {
            let (spill, _) = Spill::cut(Secret::new([seed; 32]), b"withheld", || [0; 24]).expect("it is short");
            assert!(world.put_frame(&place, &Frame::Spill(spill)).await);
        }
        let alert = people[1].sos("home");
        people[1].sync().await;
        people[0].sync().await;
        assert!(people[0].has(alert), "read in the sweep in which the others were held");
        let other = people[1].sos("home");
        people[1].sync().await;
        people[0].sync().await;
        assert!(people[0].has(other), "and later ones too");
    });
}

#[test]
fn a_used_card_leaves_nothing_to_open_its_hello_with() {
    play(|| async {
        let mut world = World::new(904);
        let mut people = world.circle_of(1).await;
        let mut other = world.person("other");
        people[0].hand_card(&mut other).await;
        people[0].sync().await;
        let sql = "SELECT length(secret) + length(hpke_private) FROM card";
        let left: Option<i64> = people[0].run(|ctx| Ok(ctx.row(sql, &[], |row| row.get(0))?));
        assert_eq!(left, Some(0));
    });
}
