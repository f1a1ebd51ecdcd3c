//! I9: what lies at an expected address, sealed as it should be, is hostile inside. Whatever parser it reaches: no panic,
//! nothing half written, nothing queued is lost, and the next real message is read.
//!
//! Each case comes from a fixed seed; a failure says which case it was.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::BTreeMap;

use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use himaya::engine::{self, Fetched, Received};
use himaya_protocol::wire::Cell;
use himaya_protocol::wire::card::{Card, CardKind};
use himaya_protocol::wire::cell::{CELL_PLAIN, Frame, open_cell, seal_cell};
use himaya_protocol::wire::contact::{ContactMessage, HELLO_INFO, Hello};
use himaya_protocol::wire::policy::Role;
use himaya_protocol::wire::relay::Pick;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::Spill;
use himaya_tests::sim::{Lane, Person, Place, World, cell_at, flip, play};
use openmls::prelude::Ciphersuite;
use openmls::prelude::tls_codec::Serialize as _;
use openmls_traits::OpenMlsProvider as _;
use openmls_traits::crypto::OpenMlsCrypto as _;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

const SUITE: Ciphersuite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;

/// Everything in the profile but where the next cells are expected.
fn dump(person: &mut Person) -> BTreeMap<String, Vec<String>> {
    const MOVING: [&str; 5] = ["slot", "lane", "held", "setting", "sqlite_sequence"];
    person.run(|ctx| {
        let names =
            ctx.rows("SELECT name FROM sqlite_master WHERE type = 'table'", &[], |row| row.get::<_, String>(0))?;
        let mut dump = BTreeMap::new();
        for name in names.into_iter().filter(|name| !MOVING.contains(&name.as_str())) {
            let columns =
                ctx.rows("SELECT name FROM pragma_table_info(?1)", &[&name], |row| row.get::<_, String>(0))?;
            let columns: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
            let sql = format!("SELECT {} FROM {name} ORDER BY 1", columns.join(" || ',' || "));
            dump.insert(name, ctx.rows(&sql, &[], |row| row.get::<_, String>(0))?);
        }
        Ok(dump)
    })
}

/// What a hostile cell may lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// The state stays as it was but for the slot.
    Nothing,
    /// Nothing worse than an error of its own kind: no panic, and what was queued stays.
    NoHarm,
}

/// Hands cells in as a sweep does; the outcome of the last.
fn hand_in(person: &mut Person, place: &Place, cell: &Cell, chunks: &Fetched, expect: Expect, case: &str) -> Received {
    let before = dump(person);
    let received = person
        .driver
        .transact(|ctx| engine::receive(ctx, 20_700, &place.slot.address, cell, chunks))
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    let after = dump(person);
    for (table, rows) in &before {
        let queued = matches!(table.as_str(), "job" | "chunk" | "outgoing" | "event" | "intent");
        if expect == Expect::Nothing {
            assert_eq!(rows, &after[table], "{case}: {table} changed");
        } else if queued {
            assert!(rows.iter().all(|row| after[table].contains(row)), "{case}: {table} lost something");
        }
    }
    received
}

fn inline(place: &Place, payload: &[u8]) -> Cell {
    seal_cell(&place.slot.key, &place.slot.address, [3; 24], &Frame::Inline(payload.to_vec())).expect("it fits")
}

/// Any plaintext of a cell, sealed.
fn sealed(place: &Place, plain: &[u8]) -> Cell {
    let mut plain = plain.to_vec();
    plain.resize(CELL_PLAIN, 0);
    let tag = XChaCha20Poly1305::new(place.slot.key.expose().into())
        .encrypt_in_place_detached(&XNonce::from([4; 24]), place.slot.address.as_bytes(), &mut plain)
        .expect("a cell's plaintext can be encrypted");
    let bytes: Vec<u8> = [&[4; 24][..], &plain, &tag].concat();
    Cell::from_bytes(bytes).expect("it has the size of a cell")
}

/// Bytes near these: a bit turned, cut, longer, or something random in the middle.
fn near(bytes: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let at = rng.random_range(0..bytes.len().max(1));
    match rng.random_range(0..6) {
        0..3 => flip(bytes, rng.random_range(0..bytes.len().max(1) * 8)),
        3 => bytes[..at].to_vec(),
        4 => [bytes, &[0][..]].concat(),
        _ => {
            let mut bytes = bytes.to_vec();
            let end = bytes.len().min(at + 4);
            rng.fill_bytes(&mut bytes[at..end]);
            bytes
        }
    }
}

/// What was put for a place in the open lanes of a world, opened.
async fn lying(world: &World, place: &Place) -> Vec<u8> {
    let cell = cell_at(&world.relay, &place.slot.address).await.expect("it was put");
    match open_cell(&place.slot.key, &place.slot.address, &cell).expect("it is sealed for its place") {
        Frame::Inline(payload) => payload,
        Frame::Spill(_) | Frame::Parts(_) => panic!("the payload fits a cell"),
    }
}

#[test]
fn member_lanes() {
    play(|| async {
        let mut world = World::new(951);
        let mut people = world.circle_of(3).await;
        let mut rng = ChaCha20Rng::seed_from_u64(951);
        let queued = people[0].sos("home");
        // A real message, spoiled.
        let alert = people[2].sos("home");
        let place = people[0].places("home", Lane::Member("person 2"))[0].clone();
        people[2].driver.flush().await;
        let message = lying(&world, &place).await;
        for number in 0..150 {
            let place = people[0].places("home", Lane::Member("person 2"))[1].clone();
            let hostile = near(&message, &mut rng);
            if hostile == message {
                continue;
            }
            let cell = inline(&place, &hostile);
            let case = format!("spoiled message, case {number}");
            let received = hand_in(&mut people[0], &place, &cell, &Fetched::new(), Expect::Nothing, &case);
            assert!(matches!(received, Received::Void), "{case}: {received:?}");
        }
        // MLS of the member itself, with something in it that is no event.
        let event = people[2].run(|ctx| engine::log(ctx)).pop().expect("there is an alert").event.as_bytes().to_vec();
        for number in 0..60 {
            let hostile = near(&event, &mut rng);
            let place = people[0].places("home", Lane::Member("person 2"))[1].clone();
            let message = people[2].misuse("home", |mls, group, signer| {
                let message = group.create_message(mls, signer, &hostile).expect("a member can write anything");
                message.tls_serialize_detached().expect("a message can be encoded")
            });
            let cell = inline(&place, &message);
            let case = format!("hostile event, case {number}");
            hand_in(&mut people[0], &place, &cell, &Fetched::new(), Expect::NoHarm, &case);
        }
        people[0].sync().await;
        people[1].sync().await;
        assert!(people[1].has(queued) && people[1].has(alert));
        assert!(people[0].run(|ctx| engine::inbox(ctx)).len() < 100, "and it can all be looked at");
    });
}

#[test]
fn frames_and_spill_records() {
    play(|| async {
        let mut world = World::new(952);
        let mut people = world.circle_of(2).await;
        let mut rng = ChaCha20Rng::seed_from_u64(952);
        let record = |length: u32, rng: &mut ChaCha20Rng| {
            let mut record = vec![0; 68];
            rng.fill_bytes(&mut record);
            record[32..36].copy_from_slice(&length.to_be_bytes());
            record
        };
        let lengths = [0, 1, 65_496, 65_497, 4 << 20, (4 << 20) + 1, u32::MAX];
        let mut plains: Vec<(bool, Vec<u8>)> = Vec::new();
        for length in lengths {
            let valid = (1..=4 << 20).contains(&length);
            plains.push((!valid, [&[2, 0, 68][..], &record(length, &mut rng)].concat()));
            plains.push((true, [&[2, 0, 67][..], &record(length, &mut rng)[1..]].concat()));
        }
        for kind in [0, 3, 255] {
            plains.push((true, vec![kind, 0, 1, 1]));
        }
        plains.push((true, vec![1, 255, 255]));
        plains.push((true, vec![1, 0, 0, 1]));
        plains.push((true, vec![1, 0, 0]));
        for (number, (void, plain)) in plains.into_iter().enumerate() {
            for lane in [Lane::Member("person 1"), Lane::Commit] {
                let place = people[0].places("home", lane)[0].clone();
                let case = format!("frame {number} in {lane:?}");
                let cell = sealed(&place, &plain);
                let received = hand_in(&mut people[0], &place, &cell, &Fetched::new(), Expect::Nothing, &case);
                assert_eq!(void, matches!(received, Received::Void), "{case}: {received:?}");
                if let Received::Needs(addresses) = received {
                    assert!(addresses.len() <= 65, "{case}: it asks for no more than a spill may have");
                }
            }
        }
        // A record of parts that never were waits where commits lie, and is void elsewhere.
        let records =
            [(0, 33u16, false), (17, 600, false), (1, 32, false), (16, 512, false), (1, 33, true), (16, 513, true)];
        for lane in [Lane::Member("person 1"), Lane::Parts("person 1"), Lane::Commit] {
            for (count, length, valid) in records {
                let place = people[0].places("home", lane)[0].clone();
                let case = format!("{count} parts in {length} B in {lane:?}");
                let [high, low] = length.to_be_bytes();
                let plain = [&[3, high, low, count][..], &vec![7; usize::from(length) - 1]].concat();
                let cell = sealed(&place, &plain);
                let received = hand_in(&mut people[0], &place, &cell, &Fetched::new(), Expect::Nothing, &case);
                let waits = valid && matches!(lane, Lane::Commit);
                assert_eq!(waits, matches!(received, Received::Held), "{case}: {received:?}");
                assert_eq!(!waits, matches!(received, Received::Void), "{case}: {received:?}");
            }
        }
        // The slots of the other's lane are spent here, though nothing was ever put there: the way back is free.
        let alert = people[0].sos("home");
        people[0].sync().await;
        people[1].sync().await;
        assert!(people[1].has(alert) && people[0].follows("home"));
    });
}

#[test]
fn contact_lanes() {
    play(|| async {
        let mut world = World::new(953);
        let mut people = world.circle_of(2).await;
        let mut newcomer = world.person("newcomer");
        let mut rng = ChaCha20Rng::seed_from_u64(953);
        // A real Welcome, held back.
        people[0].hand_card(&mut newcomer).await;
        people[0].sync().await;
        people[0].approve_newest("home", Role::Contact);
        let to = people[0].places("home", Lane::To("newcomer"))[0].clone();
        people[0].sync().await;
        let message = lying(&world, &to).await;
        let ContactMessage::Welcome { welcome, tree, since } =
            ContactMessage::from_bytes(&message).expect("it is a Welcome")
        else {
            panic!("it is a Welcome")
        };
        let list = tree.addresses();
        let bytes = world.relay.pick(Pick::Chunks(list.clone())).await.all_bytes().expect("the relay answers");
        let chunks = himaya_protocol::wire::relay::parse_picked_chunks(&bytes, list.len()).expect("chunks");
        let chunks: Vec<_> = chunks.into_iter().map(|chunk| chunk.expect("it is there")).collect();
        let whole = tree.join(&chunks).expect("it is the tree");
        let fetched: Fetched = list.into_iter().zip(chunks.into_iter().map(Some)).collect();
        let place = |newcomer: &mut Person| newcomer.places("home", Lane::From(""))[1].clone();
        for number in 0..40 {
            let spoiled = ContactMessage::Welcome { welcome: near(&welcome, &mut rng), tree: tree.clone(), since };
            let case = format!("spoiled Welcome, case {number}");
            let place = place(&mut newcomer);
            let spoiled = inline(&place, &spoiled.to_bytes());
            if spoiled != inline(&place, &message) {
                let received = hand_in(&mut newcomer, &place, &spoiled, &fetched, Expect::Nothing, &case);
                assert!(matches!(received, Received::Void), "{case}: {received:?}");
            }
        }
        for number in 0..40 {
            let spoiled = near(&whole, &mut rng);
            if spoiled.is_empty() || spoiled == whole {
                continue;
            }
            let (spill, chunks) = Spill::cut(Secret::new([7; 32]), &spoiled, || [1; 24]).expect("it is short enough");
            let fetched: Fetched = chunks.into_iter().map(|(address, chunk)| (address, Some(chunk))).collect();
            let message = ContactMessage::Welcome { welcome: welcome.clone(), tree: spill, since };
            let case = format!("spoiled tree, case {number}");
            let place = place(&mut newcomer);
            let cell = inline(&place, &message.to_bytes());
            let received = hand_in(&mut newcomer, &place, &cell, &fetched, Expect::Nothing, &case);
            assert!(matches!(received, Received::Void), "{case}: {received:?}");
        }
        for number in 0..60 {
            let mut random = vec![0; rng.random_range(0..200)];
            rng.fill_bytes(&mut random);
            let spoiled = if number % 2 == 0 { near(&message, &mut rng) } else { random };
            if spoiled == message {
                continue;
            }
            let case = format!("hostile contact message, case {number}");
            let place = place(&mut newcomer);
            let cell = inline(&place, &spoiled);
            hand_in(&mut newcomer, &place, &cell, &fetched, Expect::NoHarm, &case);
        }
        assert!(newcomer.driver.transact(|ctx| engine::named(ctx, "home")).is_err(), "nothing of it let anybody in");
        newcomer.sync().await;
        assert!(newcomer.follows("home"), "the real Welcome does");

        // What the owner reads from a contact: requests to be added again, and events.
        let group = people[0].circle("home").id;
        let event = people[1].sos("home");
        let event = people[1].run(|ctx| engine::by_id(ctx, &event)).event.as_bytes().to_vec();
        let rejoin = ContactMessage::Rejoin { group: group.clone(), key_package: key_package(&mut people[1]) };
        for (what, real) in [("Rejoin", rejoin), ("Event", ContactMessage::Event { group, event })] {
            let real = real.to_bytes();
            for number in 0..60 {
                let place = people[0].places("home", Lane::From("person 1"))[0].clone();
                let case = format!("spoiled {what}, case {number}");
                let cell = inline(&place, &near(&real, &mut rng));
                hand_in(&mut people[0], &place, &cell, &Fetched::new(), Expect::NoHarm, &case);
            }
        }
        for _ in 0..3 {
            world.clock.advance(400);
            for person in &mut people {
                person.sync().await;
            }
            newcomer.sync().await;
        }
        assert!(people[1].follows("home") && newcomer.follows("home"));
        assert_eq!(people[0].members("home").len(), 3);
    });
}

fn key_package(person: &mut Person) -> Vec<u8> {
    use openmls::prelude::{BasicCredential, Capabilities, CredentialWithKey, ExtensionType, KeyPackage, Lifetime};
    let name = person.name.clone();
    person.misuse("home", |mls, _, signer| {
        let capabilities =
            Capabilities::builder().ciphersuites(vec![SUITE]).extensions(vec![ExtensionType::Unknown(0xF1A1)]).build();
        let me = CredentialWithKey {
            credential: BasicCredential::new(name.into_bytes()).into(),
            signature_key: signer.public().into(),
        };
        KeyPackage::builder()
            .leaf_node_capabilities(capabilities)
            .key_package_lifetime(Lifetime::init(0, u64::MAX))
            .build(SUITE, mls, signer, me)
            .expect("a KeyPackage can be made")
            .key_package()
            .tls_serialize_detached()
            .expect("a KeyPackage can be encoded")
    })
}

/// Seals a hello's plaintext to a card, whatever it is.
fn hello(person: &mut Person, card: &Card, key: &[u8], plain: &[u8]) -> Vec<u8> {
    person.misuse("home", |mls, _, _| {
        let associated = Hello::associated_data(&card.fingerprint);
        let sealed = mls.crypto().hpke_seal(SUITE.hpke_config(), key, HELLO_INFO, associated, plain);
        let sealed = sealed.expect("the card's key is one");
        [sealed.kem_output.as_slice(), sealed.ciphertext.as_slice()].concat()
    })
}

#[test]
fn card_inboxes() {
    play(|| async {
        let mut world = World::new(954);
        let mut people = world.circle_of(2).await;
        let mut newcomer = world.person("newcomer");
        let mut rng = ChaCha20Rng::seed_from_u64(954);
        let card = people[0].run(|ctx| engine::new_card(ctx, CardKind::Intake));
        people[0].sync().await;
        let key = newcomer.driver.card_key(&card).await.expect("the card's key is on the relay");
        let real = Hello {
            key_package: key_package(&mut people[1]),
            name: "person 1".to_owned(),
            reply_secret: Secret::new([8; 32]),
            note: Some("it is me".to_owned()),
        };
        let plain = real.to_bytes();
        let payload = hello(&mut people[1], &card, &key, &plain);
        // The seal spoiled.
        for number in 0..80 {
            let spoiled = near(&payload, &mut rng);
            if spoiled == payload {
                continue;
            }
            let place = open_place(&mut people[0], &card);
            let case = format!("spoiled hello, case {number}");
            let cell = inline(&place, &spoiled);
            let received = hand_in(&mut people[0], &place, &cell, &Fetched::new(), Expect::Nothing, &case);
            assert!(matches!(received, Received::Void), "{case}: {received:?}");
        }
        // The seal right, the hello inside spoiled.
        for number in 0..80 {
            let spoiled = near(&plain, &mut rng);
            let payload = hello(&mut people[1], &card, &key, &spoiled);
            if payload.len() > 4_053 {
                continue;
            }
            let place = open_place(&mut people[0], &card);
            let cell = inline(&place, &payload);
            let case = format!("hostile hello, case {number}");
            hand_in(&mut people[0], &place, &cell, &Fetched::new(), Expect::NoHarm, &case);
        }
        let requests = people[0].run(|ctx| engine::requests(ctx));
        for request in requests {
            let _refused = people[0]
                .driver
                .transact(|ctx| engine::approve(ctx, request.id, &engine::named(ctx, "home")?, Role::Contact));
        }
        people[0].sync().await;
        people[1].sync().await;
        people[0].sync().await;
        assert_eq!(people[0].circle("home").pending, 0, "whatever was approved is done or dropped");
        people[0].add(&mut newcomer, "home").await;
        assert!(newcomer.follows("home"), "a real hello is read after all that");
    });
}

/// The next place of a card's inbox, as its owner expects it.
fn open_place(owner: &mut Person, card: &Card) -> Place {
    let places = Person::inbox_places_to(card, 400);
    let mut open = places.into_iter().filter(|place| {
        owner.driver.transact(|ctx| engine::is_expected(ctx, &place.slot.address)).is_ok_and(|expected| expected)
    });
    open.next().expect("an inbox is never full")
}
