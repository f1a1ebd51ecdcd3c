//! Garbage in every lane: an insider writes ahead of the real ones whatever can be written. Everybody skips the same
//! cells, everything real arrives exactly once, and nobody falls out of the circle.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::BTreeMap;

use himaya::driver::DriverError;
use himaya::engine;
use himaya_protocol::content::EventId;
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::cell::{CELL_SIZE, Frame, open_cell};
use himaya_protocol::wire::policy::Role;
use himaya_protocol::wire::spill::Spill;
use himaya_protocol::wire::{Cell, secret::Secret};
use himaya_tests::sim::{DAY, Lane, Ledger, Person, Place, World, cell_at, flip, play};
use openmls::prelude::tls_codec::Serialize as _;

fn counts(person: &mut Person) -> BTreeMap<EventId, usize> {
    let mut counts = BTreeMap::new();
    for entry in person.inbox() {
        *counts.entry(entry.event.id()).or_default() += 1;
    }
    counts
}

async fn sync_all(people: &mut [Person], ledger: &mut Ledger) {
    for person in people.iter_mut() {
        person.sync().await;
        ledger.check(person);
    }
}

fn noise(byte: u8) -> Cell {
    Cell::from_bytes(vec![byte; CELL_SIZE]).expect("it has the size of a cell")
}

/// What lies at a place, opened.
async fn payload_at(world: &World, place: &Place) -> Option<Vec<u8>> {
    let cell = cell_at(&world.relay, &place.slot.address).await?;
    match open_cell(&place.slot.key, &place.slot.address, &cell).ok()? {
        Frame::Inline(payload) => Some(payload),
        Frame::Spill(_) | Frame::Parts(_) => None,
    }
}

/// An application message and a commit that the insider makes with its own keys; nothing of it is kept.
fn own_messages(insider: &mut Person) -> (Vec<u8>, Vec<u8>) {
    insider.misuse("home", |mls, group, signer| {
        let message = group.create_message(mls, signer, b"no event at all").expect("a member can write");
        let commit = group.self_update(mls, signer, Default::default()).expect("a member can update");
        let commit = commit.into_commit().tls_serialize_detached().expect("a commit can be encoded");
        (message.tls_serialize_detached().expect("a message can be encoded"), commit)
    })
}

/// A commit that adds somebody, by a member who may not.
fn forbidden_commit(insider: &mut Person, key_package: &openmls::prelude::KeyPackage) -> Vec<u8> {
    insider.misuse("home", |mls, group, signer| {
        let (commit, _, _) =
            group.add_members(mls, signer, std::slice::from_ref(key_package)).expect("MLS itself lets any member add");
        commit.tls_serialize_detached().expect("a commit can be encoded")
    })
}

/// A KeyPackage of the insider's, under another name.
fn stranger(insider: &mut Person) -> openmls::prelude::KeyPackage {
    use openmls::prelude::{BasicCredential, Capabilities, Ciphersuite, CredentialWithKey, ExtensionType, Lifetime};
    use openmls_basic_credential::SignatureKeyPair;
    let suite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;
    insider.misuse("home", |mls, _, _| {
        let keys = SignatureKeyPair::new(suite.signature_algorithm()).expect("a key pair can be made");
        let capabilities =
            Capabilities::builder().ciphersuites(vec![suite]).extensions(vec![ExtensionType::Unknown(0xF1A1)]).build();
        let credential = CredentialWithKey {
            credential: BasicCredential::new(b"a stranger".to_vec()).into(),
            signature_key: keys.public().into(),
        };
        openmls::prelude::KeyPackage::builder()
            .leaf_node_capabilities(capabilities)
            .key_package_lifetime(Lifetime::init(0, u64::MAX))
            .build(suite, mls, &keys, credential)
            .expect("a KeyPackage can be made")
            .key_package()
            .clone()
    })
}

#[test]
fn garbage_in_member_lanes_is_skipped_alike() {
    play(|| async {
        let mut world = World::new(501);
        let mut people = world.circle_of(4).await;
        let mut ledger = Ledger::default();
        let victim = people[1].name.clone();
        // A real alert of somebody else, to copy.
        let other = people[2].sos("home");
        let copied = people[3].places("home", Lane::Member("person 2"))[0].clone();
        people[2].sync().await;
        let copied = payload_at(&world, &copied).await.expect("it lies there");
        let (message, commit) = own_messages(&mut people[3]);

        let places = people[3].places("home", Lane::Member(&victim));
        assert!(world.put_cell(&places[0], noise(0)).await, "random bytes");
        assert!(world.put(&places[1], b"sealed garbage").await);
        assert!(world.put(&places[2], &copied).await, "another member's message in the wrong lane");
        assert!(world.put(&places[3], &message).await, "the insider's own message in the wrong lane");
        let (spill, chunks) = Spill::cut(Secret::new([6; 32]), &commit, || [0; 24]).expect("it is short enough");
        for (address, chunk) in chunks {
            world.relay.put_chunk(address, chunk, None).await.expect("the relay in memory takes it");
        }
        assert!(world.put_frame(&places[4], &Frame::Spill(spill)).await, "a commit in a member lane");
        assert!(world.put(&places[5], &flip(&copied, 4_001)).await);
        let absent = Spill::cut(Secret::new([5; 32]), &vec![7; 9_000], || [0; 24]).expect("it is short enough").0;
        assert!(world.put_frame(&places[6], &Frame::Spill(absent)).await, "chunks that never were");

        let alerts = [people[1].sos("home"), people[1].sos("home")];
        people[1].sync().await;
        assert!(people[1].reach(alerts[1]).relayed.is_some(), "the sender found free slots");
        let written: Vec<_> = people[1].line.written().iter().map(|written| written.address).collect();
        assert!(places[..7].iter().all(|place| written.contains(&place.slot.address)), "every slot was tried");
        for _ in 0..2 {
            sync_all(&mut people, &mut ledger).await;
        }
        for person in &mut people {
            let counts = counts(person);
            for alert in alerts.iter().chain([&other]) {
                assert_eq!(counts.get(alert), Some(&1), "{} has every alert once", person.name);
            }
        }
        ledger.assert_together(&mut people, "home");
        // A replay of what was heard, ahead of the next one.
        // (The first place is that of the chunks that never were.)
        let heard = people[3].places("home", Lane::Member(&victim))[1].clone();
        assert!(world.put(&heard, &copied).await);
        let next = people[1].sos("home");
        people[1].sync().await;
        sync_all(&mut people, &mut ledger).await;
        assert!(people.iter_mut().all(|person| counts(person).get(&next) == Some(&1)));
        assert!(people.iter_mut().all(|person| person.follows("home")));
    });
}

#[test]
fn a_message_copied_ahead_of_itself_is_read_once() {
    play(|| async {
        let mut world = World::new(502);
        let mut people = world.circle_of(3).await;
        let mut ledger = Ledger::default();
        let alert = people[1].sos("home");
        let places = people[2].places("home", Lane::Member("person 1"));
        people[1].driver.flush().await;
        let message = payload_at(&world, &places[0]).await.expect("it lies there");
        for place in &places[1..6] {
            assert!(world.put(place, &message).await);
        }
        let next = people[1].sos("home");
        people[1].sync().await;
        sync_all(&mut people, &mut ledger).await;
        for person in &mut people {
            assert_eq!(counts(person), BTreeMap::from([(alert, 1), (next, 1)]), "{}", person.name);
        }
    });
}

#[test]
fn garbage_in_the_commit_lane_is_skipped_alike() {
    play(|| async {
        let mut world = World::new(503);
        let mut people = world.circle_of(5).await;
        let mut ledger = Ledger::default();
        let stranger = stranger(&mut people[4]);
        let forbidden = forbidden_commit(&mut people[4], &stranger);
        assert!(forbidden.len() > 4_053, "it is longer than a cell");
        let (message, _) = own_messages(&mut people[4]);
        let places = people[4].places("home", Lane::Commit);
        assert!(world.put_cell(&places[0], noise(1)).await);
        assert!(world.put(&places[1], b"sealed garbage").await);
        assert!(world.put(&places[2], &message).await, "an application message in the commit lane");
        let (spill, chunks) = Spill::cut(Secret::new([9; 32]), &forbidden, || [1; 24]).expect("it is short enough");
        for (address, chunk) in chunks {
            world.relay.put_chunk(address, chunk, None).await.expect("the relay in memory takes it");
        }
        assert!(world.put_frame(&places[3], &Frame::Spill(spill)).await, "a contact who adds somebody");
        let (spill, chunks) = Spill::cut(Secret::new([8; 32]), &forbidden, || [2; 24]).expect("it is short enough");
        for (address, chunk) in chunks {
            let wrong = himaya_protocol::wire::Chunk::from_bytes(flip(chunk.as_bytes(), 77)).expect("same size");
            world.relay.put_chunk(address, wrong, None).await.expect("the relay in memory takes it");
        }
        assert!(world.put_frame(&places[4], &Frame::Spill(spill)).await, "chunks that are not what the record says");

        // Two commits, staged before and after the garbage is seen.
        people[0].remove("home", "person 3");
        people[0].sync().await;
        assert_eq!(people[0].circle("home").pending, 0, "the owner's commit found its slot");
        let alert = people[1].sos("home");
        for _ in 0..2 {
            sync_all(&mut people, &mut ledger).await;
        }
        let mut gone = people.remove(3);
        assert!(!gone.follows("home"), "the removal reached the removed one");
        ledger.assert_together(&mut people, "home");
        for person in &mut people {
            assert_eq!(counts(person).get(&alert), Some(&1));
            assert_eq!(person.members("home").len(), 4);
        }
    });
}

#[test]
fn commits_out_of_order_wait_for_the_slots_before_them() {
    play(|| async {
        let mut world = World::new(504);
        let mut people = world.circle_of(4).await;
        let mut ledger = Ledger::default();
        let places = people[3].places("home", Lane::Commit);
        // Slot 0 is taken by noise, the owner's commit lands in slot 1; a reader meets slot 1 first.
        assert!(world.put_cell(&places[0], noise(2)).await);
        people[0].remove("home", "person 2");
        people[0].sync().await;
        world.faults.shuffle(100);
        let mut removed = people.remove(2);
        for _ in 0..3 {
            sync_all(&mut people, &mut ledger).await;
        }
        world.faults.heal();
        removed.sync().await;
        ledger.assert_together(&mut people, "home");
        assert_eq!(people[1].members("home").len(), 3);
    });
}

#[test]
fn a_commit_whose_chunks_come_late_is_waited_for_and_everything_after_it_is_read() {
    play(|| async {
        let mut world = World::new(505);
        let mut people = world.circle_of(5).await;
        let mut ledger = Ledger::default();
        world.faults.hide_chunks(true);
        people[0].commits_in_chunks();
        people[0].remove("home", "person 4");
        people[0].sync().await;
        let in_new = people[0].sos("home");
        people[0].sync().await;
        let epoch = people[1].circle("home").epoch;
        for round in 0..3 {
            let alert = people[1].sos("home");
            for person in &mut people[..4] {
                person.sync().await;
                ledger.check(person);
                if round > 0 {
                    person.sync().await;
                }
            }
            people[0].sync().await;
            assert!(people[..4].iter_mut().all(|person| person.has(alert)), "alerts go on meanwhile");
            world.clock.advance(20_000);
        }
        assert_eq!(people[1].circle("home").epoch, epoch, "absent chunks are no void");
        assert!(people[1].follows("home") && !people[1].has(in_new));
        // Somebody else's commit has to wait as well, and loses.
        world.faults.hide_chunks(false);
        for _ in 0..3 {
            sync_all(&mut people[..4], &mut ledger).await;
            world.clock.advance(400);
        }
        ledger.assert_together(&mut people[..4], "home");
        assert!(people[..4].iter_mut().all(|person| counts(person).get(&in_new) == Some(&1)));
    });
}

#[test]
fn a_commit_whose_chunks_never_come_is_waited_for_a_day() {
    play(|| async {
        let mut world = World::new(509);
        let mut people = world.circle_of(5).await;
        let mut ledger = Ledger::default();
        people[0].commits_in_chunks();
        people[0].remove("home", "person 4");
        people[0].sync().await;
        people[1].sync().await;
        // For one of them the chunks are gone before it comes.
        world.faults.hide_chunks(true);
        people[2].sync().await;
        assert!(people[2].follows("home"), "they may be on their way");
        world.clock.advance(DAY + 1);
        people[2].sync().await;
        assert!(!people[2].follows("home"), "others have gone on: it says so, and asks to be added again");
        world.faults.hide_chunks(false);
        for _ in 0..3 {
            world.clock.advance(400);
            sync_all(&mut people[..4], &mut ledger).await;
        }
        ledger.assert_together(&mut people[..4], "home");
        assert!(people[2].follows("home"));
    });
}

#[test]
fn garbage_in_inboxes_and_contact_lanes_is_skipped() {
    play(|| async {
        let mut world = World::new(506);
        let mut people = world.circle_of(2).await;
        let [owner, friend] = people.as_mut_slice() else { panic!("two were made") };
        let mut newcomer = world.person("newcomer");
        // An intake card's inbox, written to by somebody who holds the card.
        let card = owner.run(|ctx| engine::new_card(ctx, CardKind::Intake));
        owner.sync().await;
        let inbox = Person::inbox_places(&card);
        assert!(world.put_cell(&inbox[0], noise(3)).await);
        assert!(world.put(&inbox[1], b"no hello").await);
        assert!(world.put(&inbox[2], &vec![4; 3_000]).await);
        let key = newcomer.driver.card_key(&card).await.expect("the card's key is on the relay");
        newcomer.run(|ctx| engine::accept_card(ctx, &card, &key, None));
        newcomer.sync().await;
        owner.sync().await;
        assert_eq!(owner.run(|ctx| engine::requests(ctx)).len(), 1, "the hello found a free slot");
        let hello = payload_at(&world, &inbox[3]).await.expect("the hello lies there");
        assert!(world.put(&inbox[4], &flip(&hello, 12_345)).await);
        owner.sync().await;
        assert_eq!(owner.run(|ctx| engine::requests(ctx)).len(), 1, "a spoiled copy of it is void");

        // The lane in which the owner is about to write the Welcome: both ends can write there.
        let places = newcomer.places("home", Lane::From("")).len();
        assert_eq!(places, 8);
        let lane = newcomer.places("home", Lane::From(""));
        assert!(world.put_cell(&lane[0], noise(4)).await);
        assert!(world.put(&lane[1], b"\xa1\x00\x01").await, "a Welcome without anything");
        assert!(world.put(&lane[2], b"\xa1\x00\x18\x63").await, "of a kind that is not known");
        owner.approve_newest("home", Role::Contact);
        owner.sync().await;
        for _ in 0..2 {
            newcomer.sync().await;
            friend.sync().await;
        }
        assert!(newcomer.follows("home"), "the Welcome came in a later slot");
        let alert = newcomer.sos("home");
        newcomer.sync().await;
        friend.sync().await;
        owner.sync().await;
        assert!(friend.has(alert) && owner.has(alert));
    });
}

#[test]
fn a_single_card_spoiled_by_garbage_is_given_up() {
    play(|| async {
        let mut world = World::new(507);
        let mut owner = world.person("owner");
        let mut newcomer = world.person("newcomer");
        owner.create_circle("home");
        let card = owner.run(|ctx| engine::new_card(ctx, CardKind::Single));
        owner.sync().await;
        let key = newcomer.driver.card_key(&card).await.expect("the card's key is on the relay");
        assert!(world.put_cell(&Person::inbox_places(&card)[0], noise(5)).await);
        assert!(
            matches!(newcomer.driver.card_key(&card).await, Err(DriverError::CardUsed)),
            "whoever comes later is told"
        );
        newcomer.run(|ctx| engine::accept_card(ctx, &card, &key, None));
        let flushed = newcomer.driver.flush().await;
        assert_eq!(flushed.cards_used.len(), 1, "the person is told to ask for another card");
        owner.sync().await;
        assert!(owner.run(|ctx| engine::requests(ctx)).is_empty());
        owner.add(&mut newcomer, "home").await;
        assert!(newcomer.follows("home"), "another card works");
    });
}
