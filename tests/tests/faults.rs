//! A line that loses calls and answers, repeats and reorders cells, and a relay that forgets every cursor: each event
//! is logged once, and what the relay stored without the answer arriving is not sent in another form.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::content::EventId;
use himaya_protocol::wire::Address;
use himaya_tests::sim::{Ledger, Person, World, play};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn assert_once(people: &mut [Person], events: &BTreeSet<EventId>, seed: u64) {
    for person in people {
        let mut counts: BTreeMap<EventId, usize> = BTreeMap::new();
        for entry in person.inbox() {
            *counts.entry(entry.event.id()).or_default() += 1;
        }
        for event in events {
            assert_eq!(counts.get(event), Some(&1), "seed {seed}: {} has event {} once", person.name, event.short());
        }
    }
}

/// I5 on the wire: whatever a client puts at an address, it puts again byte for byte.
fn assert_identical(people: &[Person], seed: u64) {
    for person in people {
        let mut seen: BTreeMap<Address, Vec<u8>> = BTreeMap::new();
        for written in person.line.written() {
            let first = seen.entry(written.address).or_insert_with(|| written.bytes.clone());
            assert!(*first == written.bytes, "seed {seed}: {} put two boxes at one address", person.name);
        }
    }
}

async fn heal(world: &World, people: &mut [Person], ledger: &mut Ledger) {
    world.faults.heal();
    // In the last round no time passes: a key update that fell due in the one before reaches those who synced before it.
    for wait in [400, 400, 400, 400, 0] {
        world.clock.advance(wait);
        for person in people.iter_mut() {
            person.sync().await;
            ledger.check(person);
        }
    }
    ledger.assert_together(people, "home");
}

#[test]
fn on_a_bad_line_everything_arrives_once() {
    for seed in [601, 602, 603] {
        play(move || bad_line(seed));
    }
}

async fn bad_line(seed: u64) {
    let mut world = World::new(seed);
    let mut people = world.circle_of(5).await;
    let mut ledger = Ledger::default();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut events = BTreeSet::new();
    world.faults.bad_line();
    for step in 0..120 {
        let who = rng.random_range(0..people.len());
        match rng.random_range(0..10) {
            0..4 => {
                events.insert(people[who].sos("home"));
            }
            4 if step == 60 => world.faults.restart_relay(),
            5 => world.clock.advance(rng.random_range(1..9_000)),
            _ => {
                let _lost = people[who].driver.sync().await;
                ledger.check(&mut people[who]);
            }
        }
    }
    heal(&world, &mut people, &mut ledger).await;
    assert_once(&mut people, &events, seed);
    assert_identical(&people, seed);
}

#[test]
fn answers_that_are_lost_after_the_relay_stored_cost_nothing() {
    play(|| async {
        let seed = 611;
        let mut world = World::new(seed);
        let mut people = world.circle_of(3).await;
        let mut ledger = Ledger::default();
        world.faults.lose_answers(100);
        world.clock.advance(11 * 3_600);
        let mut events = BTreeSet::new();
        for _ in 0..6 {
            for person in &mut people {
                events.insert(person.sos("home"));
                let _lost = person.driver.sync().await;
                ledger.check(person);
                let _lost = person.driver.sync().await;
            }
            world.clock.advance(61);
        }
        let stored: BTreeSet<Address> =
            people.iter().flat_map(|person| person.line.written()).map(|written| written.address).collect();
        heal(&world, &mut people, &mut ledger).await;
        assert_once(&mut people, &events, seed);
        assert_identical(&people, seed);
        assert!(stored.len() >= events.len(), "the relay had all of them before any answer came");
    });
}

#[test]
fn cells_twice_and_in_any_order_and_no_cursor_known() {
    play(|| async {
        let seed = 621;
        let mut world = World::new(seed);
        let mut people = world.circle_of(4).await;
        let mut ledger = Ledger::default();
        let mut events = BTreeSet::new();
        world.faults.shuffle(100);
        for round in 0..10 {
            for (who, person) in people.iter_mut().enumerate() {
                events.insert(person.sos("home"));
                if round % 3 == who {
                    person.sync().await;
                    ledger.check(person);
                } else {
                    let flushed = person.driver.flush().await;
                    assert!(flushed.failed.is_none());
                }
            }
            world.faults.restart_relay();
            world.clock.advance(20_000);
        }
        heal(&world, &mut people, &mut ledger).await;
        assert_once(&mut people, &events, seed);
        assert_identical(&people, seed);
    });
}

#[test]
fn first_contact_survives_a_bad_line() {
    for seed in [631, 632] {
        play(move || first_contact(seed));
    }
}

async fn first_contact(seed: u64) {
    use himaya::engine;
    use himaya_protocol::wire::card::CardKind;
    use himaya_protocol::wire::policy::Role;
    let mut world = World::new(seed);
    let mut people = vec![world.person("owner")];
    people[0].create_circle("home");
    let alert = people[0].sos("home");
    world.faults.bad_line();
    for number in 0..3 {
        let mut newcomer = world.person(&format!("newcomer {number}"));
        let card = people[0].run(|ctx| engine::new_card(ctx, CardKind::Single));
        let key = loop {
            let _lost = people[0].driver.sync().await;
            world.clock.advance(60);
            if let Ok(key) = newcomer.driver.card_key(&card).await {
                break key;
            }
        };
        newcomer.run(|ctx| engine::accept_card(ctx, &card, &key, None));
        while people[0].run(|ctx| engine::requests(ctx)).is_empty() {
            let _lost = newcomer.driver.sync().await;
            let _lost = people[0].driver.sync().await;
            world.clock.advance(60);
        }
        people[0].approve_newest("home", Role::Contact);
        while !newcomer.follows("home") {
            let _lost = people[0].driver.sync().await;
            let _lost = newcomer.driver.sync().await;
            world.clock.advance(60);
        }
        people.push(newcomer);
    }
    let mut ledger = Ledger::default();
    heal(&world, &mut people, &mut ledger).await;
    assert_eq!(people[0].members("home").len(), 4, "seed {seed}");
    assert_identical(&people, seed);
    assert!(people[1].has(alert), "seed {seed}: what waited for somebody to read it reached the first");
}
