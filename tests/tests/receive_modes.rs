//! Reading by lists: what is wanted among as many decoys, named once, and the way out where a list would tell something.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::BTreeSet;

use himaya::driver::DriverError;
use himaya::engine::{self, Mode, NextPick, Reason, WANTED_MOST};
use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_protocol::wire::relay::PICK_CELLS;
use himaya_protocol::wire::{Address, Cell};
use himaya_relay::store::Put;
use himaya_tests::sim::{DAY, Lane, Person, World, play};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Other people's cells, as many as asked for.
async fn crowd(world: &World, rng: &mut ChaCha20Rng, count: usize) -> Vec<Address> {
    let mut addresses = Vec::new();
    for _ in 0..count {
        let mut address = [0; 32];
        rng.fill_bytes(&mut address);
        put(world, Address::new(address)).await;
        addresses.push(Address::new(address));
    }
    addresses
}

async fn put(world: &World, address: Address) {
    let cell = Cell::from_bytes(vec![7; CELL_SIZE]).expect("it has the size of a cell");
    assert_eq!(world.relay.put_cell(address, cell, None).await, Ok(Put::Stored));
}

fn reads(person: &mut Person, mode: Mode) {
    person.run(|ctx| engine::set_mode(ctx, mode));
}

/// A circle of two with everything said that is said at first; the second reads by lists.
async fn pair(world: &mut World) -> (Person, Person) {
    let mut people = world.circle(&["Dilan", "Rojin"]).await;
    for _ in 0..3 {
        for person in &mut people {
            person.sync().await;
        }
        world.clock.advance(6 * 3_600);
    }
    let (mut rojin, dilan) = (people.remove(1), people.remove(0));
    rojin.sync().await;
    reads(&mut rojin, Mode::Pick);
    (rojin, dilan)
}

/// What was named in lists, each list with one length and nothing named twice, ever.
fn named(person: &Person) -> BTreeSet<Prefix> {
    let mut all = BTreeSet::new();
    for list in person.line.lists() {
        assert_eq!(list.len(), PICK_CELLS);
        for prefix in list {
            assert!(all.insert(prefix), "named twice");
        }
    }
    all
}

#[test]
fn an_alert_arrives_among_decoys_and_its_receipt_returns() {
    play(async || {
        let mut world = World::new(71);
        let mut rng = ChaCha20Rng::seed_from_u64(71);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        reads(&mut dilan, Mode::Pick);
        crowd(&world, &mut rng, 150).await;
        let alert = dilan.sos("home");
        dilan.driver.flush().await;
        let written = dilan.line.written().last().expect("the alert was put").address;
        crowd(&world, &mut rng, 150).await;
        let sweeps = rojin.line.sweeps();
        rojin.sync().await;
        assert!(rojin.has(alert));
        assert_eq!(rojin.line.sweeps(), sweeps, "everything was read");
        assert_eq!(rojin.line.lists().len(), 1, "one list");
        assert!(rojin.line.lists()[0].contains(&written.prefix()));
        rojin.ack(alert);
        rojin.run(|ctx| Ok(ctx.execute("UPDATE circle SET receipt_due = 0", &[])?));
        rojin.sync().await;
        crowd(&world, &mut rng, 40).await;
        dilan.sync().await;
        assert_eq!((dilan.reach(alert).answered.len(), dilan.reach(alert).devices), (1, 1));
        for person in [&rojin, &dilan] {
            named(person);
        }
    });
}

#[test]
fn having_mail_and_having_none_look_alike() {
    play(async || {
        let mut world = World::new(72);
        let mut rng = ChaCha20Rng::seed_from_u64(72);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        for round in 0..6 {
            let before = rojin.line.lists().len();
            crowd(&world, &mut rng, 60).await;
            if round % 2 == 0 {
                dilan.sos("home");
                dilan.driver.flush().await;
            }
            rojin.sync().await;
            assert_eq!(rojin.line.lists().len(), before + 1, "round {round}");
        }
        named(&rojin);
        // Nothing came: nothing is asked for. That is everybody's to see.
        rojin.sync().await;
        rojin.sync().await;
        let before = (rojin.line.lists().len(), rojin.line.sweeps());
        rojin.sync().await;
        assert_eq!((rojin.line.lists().len(), rojin.line.sweeps()), before);
    });
}

#[test]
fn where_little_came_all_of_it_is_read() {
    play(async || {
        let mut world = World::new(73);
        let mut rng = ChaCha20Rng::seed_from_u64(73);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        crowd(&world, &mut rng, 8).await;
        let alert = dilan.sos("home");
        dilan.driver.flush().await;
        let sweeps = rojin.line.sweeps();
        rojin.sync().await;
        assert!(rojin.has(alert));
        assert_eq!((rojin.line.lists().len(), rojin.line.sweeps()), (0, sweeps + 1));
    });
}

#[test]
fn more_than_half_a_list_goes_into_the_next() {
    play(async || {
        let mut world = World::new(74);
        let mut rng = ChaCha20Rng::seed_from_u64(74);
        let mut people = world.circle_of(4).await;
        for _ in 0..3 {
            for person in &mut people {
                person.sync().await;
            }
            world.clock.advance(6 * 3_600);
        }
        people[0].sync().await;
        reads(&mut people[0], Mode::Pick);
        let mut alerts = Vec::new();
        for person in &mut people[1..] {
            for _ in 0..7 {
                alerts.push(person.sos("home"));
            }
            person.driver.flush().await;
        }
        assert!(alerts.len() > WANTED_MOST);
        crowd(&world, &mut rng, 200).await;
        people[0].sync().await;
        assert!(alerts.into_iter().all(|alert| people[0].has(alert)));
        assert!(people[0].line.lists().len() >= 2);
        named(&people[0]);
    });
}

#[test]
fn a_list_that_was_not_answered_is_sent_again_as_it_is() {
    play(async || {
        let mut world = World::new(75);
        let mut rng = ChaCha20Rng::seed_from_u64(75);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        crowd(&world, &mut rng, 90).await;
        let alert = dilan.sos("home");
        dilan.driver.flush().await;
        rojin.line.lose_lists(2);
        for _ in 0..2 {
            assert!(rojin.driver.sync().await.is_err(), "the answer was lost");
            assert!(!rojin.has(alert));
        }
        rojin.sync().await;
        assert!(rojin.has(alert));
        let lists = rojin.line.lists();
        assert!(lists[0] == lists[1] && lists[1] == lists[2], "the same bytes");
        let others: BTreeSet<_> = lists[3..].iter().flatten().collect();
        assert!(lists[0].iter().all(|prefix| !others.contains(prefix)));
    });
}

/// Two cells under one prefix: no list can tell them apart, so everything that came is read; whoever wants neither does not
/// notice.
#[test]
fn two_cells_under_one_prefix_lose_nothing() {
    play(async || {
        for real_is_first in [true, false] {
            let mut world = World::new(76);
            let mut rng = ChaCha20Rng::seed_from_u64(76);
            let (mut rojin, mut dilan) = pair(&mut world).await;
            let place = rojin.places("home", Lane::Member("Dilan"))[0].clone();
            let mut twin = *place.slot.address.as_bytes();
            twin[31] = twin[31].wrapping_add(1);
            twin[8] = if real_is_first { 0xFF } else { 0 };
            let strangers = crowd(&world, &mut rng, 90).await;
            let mut stranger = *strangers[0].as_bytes();
            stranger[31] ^= 1;
            put(&world, Address::new(stranger)).await;
            put(&world, Address::new(twin)).await;
            let alert = dilan.sos("home");
            dilan.driver.flush().await;
            let (lists, sweeps) = (rojin.line.lists().len(), rojin.line.sweeps());
            rojin.sync().await;
            assert!(rojin.has(alert), "first: {real_is_first}");
            assert_eq!((rojin.line.lists().len(), rojin.line.sweeps()), (lists, sweeps + 1));
            assert!(!named(&rojin).contains(&strangers[0].prefix()));
        }
    });
}

/// The twin came first and was asked for; when the real one comes, its prefix is not named a second time.
#[test]
fn a_prefix_that_was_named_before_is_named_no_more() {
    play(async || {
        let mut world = World::new(77);
        let mut rng = ChaCha20Rng::seed_from_u64(77);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        let place = rojin.places("home", Lane::Member("Dilan"))[0].clone();
        let mut twin = *place.slot.address.as_bytes();
        twin[31] ^= 1;
        put(&world, Address::new(twin)).await;
        crowd(&world, &mut rng, 90).await;
        rojin.sync().await;
        assert!(named(&rojin).contains(&place.slot.address.prefix()));
        let sweeps = rojin.line.sweeps();
        let alert = dilan.sos("home");
        dilan.driver.flush().await;
        crowd(&world, &mut rng, 90).await;
        rojin.sync().await;
        assert!(rojin.has(alert));
        assert_eq!(rojin.line.sweeps(), sweeps + 1);
        named(&rojin);
    });
}

#[test]
fn days_away_are_read_by_lists_window_by_window() {
    play(async || {
        let mut world = World::new(78);
        let mut rng = ChaCha20Rng::seed_from_u64(78);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        let mut alerts = Vec::new();
        for _ in 0..4 {
            crowd(&world, &mut rng, 80).await;
            alerts.push(dilan.sos("home"));
            dilan.sync().await;
            world.clock.advance(DAY);
        }
        crowd(&world, &mut rng, 80).await;
        let sweeps = rojin.line.sweeps();
        rojin.sync().await;
        assert!(alerts.into_iter().all(|alert| rojin.has(alert)));
        assert_eq!(rojin.line.sweeps(), sweeps);
        assert!(rojin.line.lists().len() >= 4);
        named(&rojin);
    });
}

#[test]
fn a_newcomer_who_reads_by_lists_finds_what_was_said_before_it_came() {
    play(async || {
        let mut world = World::new(79);
        let mut rng = ChaCha20Rng::seed_from_u64(79);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let mut zin = world.person("Zin");
        crowd(&world, &mut rng, 70).await;
        zin.sync().await;
        reads(&mut zin, Mode::Pick);
        for person in &mut people {
            reads(person, Mode::Pick);
        }
        people[0].add(&mut zin, "home").await;
        let early = people[0].sos("home");
        people[0].sync().await;
        crowd(&world, &mut rng, 70).await;
        zin.sync().await;
        zin.sync().await;
        assert!(zin.has(early));
    });
}

/// What a plan says of a window, as the engine alone sees it.
#[test]
fn an_index_is_taken_in_once() {
    play(async || {
        let mut world = World::new(80);
        let mut dilan = world.person("Dilan");
        let prefixes: Vec<Prefix> = (0..40u64).map(u64::to_be_bytes).collect();
        dilan.run(|ctx| engine::take_index(ctx, 9, &prefixes, engine::Covers::Closed));
        assert!(dilan.run(|ctx| engine::has_index(ctx, 9)));
        let NextPick::List(list) = dilan.run(|ctx| engine::next_pick(ctx, 9, true)) else { panic!("a list") };
        assert_eq!(dilan.run(|ctx| engine::unanswered_list(ctx)), Some((9, list)));
        assert_eq!(dilan.run(|ctx| engine::next_pick(ctx, 9, false)), NextPick::Done);
        dilan.run(|ctx| engine::list_answered(ctx));
        dilan.run(|ctx| engine::index_read(ctx, 9));
        // Looked through again, too little is left that no list has named.
        dilan.run(|ctx| engine::look_again(ctx, 9, 0));
        assert_eq!(dilan.run(|ctx| engine::next_pick(ctx, 9, true)), NextPick::Sweep);
        dilan.run(|ctx| engine::forget_indexes(ctx, 10));
        assert!(!dilan.run(|ctx| engine::has_index(ctx, 9)));
        assert_eq!(dilan.run(|ctx| engine::next_pick(ctx, 9, true)), NextPick::Done);
    });
}

#[test]
fn a_budget_reads_everything_until_lists_are_all_it_pays_for() {
    play(async || {
        let mut world = World::new(81);
        let mut rng = ChaCha20Rng::seed_from_u64(81);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        let mut tomorrow = async |world: &World, rojin: &mut Person, count: usize| {
            world.clock.advance(DAY);
            crowd(world, &mut rng, count).await;
            let before = (rojin.line.lists().len(), rojin.line.sweeps());
            rojin.sync().await;
            (rojin.line.lists().len() - before.0, rojin.line.sweeps() - before.1)
        };
        // Lists for a day take about 4.5 MB, 300 cells 1.2 MB.
        rojin.run(|ctx| engine::set_budget(ctx, 7_000_000));
        reads(&mut rojin, Mode::Auto);
        let (lists, sweeps) = tomorrow(&world, &mut rojin, 300).await;
        assert!(lists == 0 && sweeps > 0, "{lists} {sweeps}");
        assert!(rojin.run(|ctx| engine::spent_today(ctx)) > 300 * 4_128);
        let (lists, _) = tomorrow(&world, &mut rojin, 2_000).await;
        assert!(lists > 0, "2,000 cells are 8 MB");
        rojin.run(|ctx| engine::set_budget(ctx, 20_000_000));
        let (lists, sweeps) = tomorrow(&world, &mut rojin, 2_000).await;
        assert!(lists == 0 && sweeps > 0, "{lists} {sweeps}");
        let alert = dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        assert!(rojin.has(alert));
    });
}

/// Whoever has a card names its key once, among others of its window, and reads the window when no answer came.
#[test]
fn a_card_is_accepted_by_one_list() {
    play(async || {
        for answers_lost in [0, 1] {
            let mut world = World::new(82);
            let mut rng = ChaCha20Rng::seed_from_u64(82);
            let (mut dilan, mut zin) = (world.person("Dilan"), world.person("Zin"));
            zin.sync().await;
            reads(&mut zin, Mode::Pick);
            crowd(&world, &mut rng, 70).await;
            let card = dilan.run(|ctx| engine::new_card(ctx, CardKind::Single));
            dilan.sync().await;
            crowd(&world, &mut rng, 70).await;
            world.clock.advance(DAY);
            crowd(&world, &mut rng, 70).await;
            let (before, sweeps) = (zin.line.lists().len(), zin.line.sweeps());
            zin.line.lose_lists(answers_lost);
            if answers_lost > 0 {
                assert!(zin.driver.card_key(&card).await.is_err(), "the answer was lost");
            }
            let key = zin.driver.card_key(&card).await.expect("the card's key is on the relay");
            assert_eq!(zin.line.lists().len(), before + 1);
            assert_eq!(zin.line.sweeps() > sweeps, answers_lost > 0);
            zin.run(|ctx| engine::accept_card(ctx, &card, &key, None));
            zin.sync().await;
            let mut late = world.person("Hêvî");
            late.sync().await;
            reads(&mut late, Mode::Pick);
            assert!(matches!(late.driver.card_key(&card).await, Err(DriverError::CardUsed)));
            assert!(late.line.lists().is_empty());
            named(&zin);
        }
    });
}

/// A decoy in the list for a card that turns out to be wanted: it is not named again, and not lost.
#[test]
fn a_decoy_beside_a_card_that_is_wanted_is_read_with_all_that_came() {
    play(async || {
        let mut world = World::new(83);
        let (mut rojin, _dilan) = pair(&mut world).await;
        let wanted = rojin.places("home", Lane::Member("Dilan"))[0].slot.address.prefix();
        let mut index: Vec<Prefix> = (0..31u64).map(u64::to_be_bytes).chain([wanted]).collect();
        index.sort_unstable();
        let (window, key) = (90_000, 7u64.to_be_bytes());
        let list = rojin.run(|ctx| engine::pick_one(ctx, window, &index, key)).expect("they are enough");
        assert!(list.contains(&wanted) && list.contains(&key));
        assert_eq!(rojin.run(|ctx| engine::pick_one(ctx, window, &index, key)), None, "named before");
        rojin.run(|ctx| engine::take_index(ctx, window, &index, engine::Covers::Closed));
        assert_eq!(rojin.run(|ctx| engine::next_pick(ctx, window, true)), NextPick::Sweep);
    });
}

/// Whoever reads by lists misses what the relay hides, of its own and of others, as whoever sweeps does.
#[test]
fn a_relay_that_hides_something_from_whoever_reads_by_lists_is_suspected() {
    play(async || {
        let mut world = World::new(84);
        let mut rng = ChaCha20Rng::seed_from_u64(84);
        let (mut rojin, mut dilan) = pair(&mut world).await;
        crowd(&world, &mut rng, 80).await;
        rojin.sos("home");
        rojin.driver.flush().await;
        let own = rojin.line.written().last().expect("the alert was put").address;
        rojin.sync().await;
        assert!(rojin.suspicions().is_empty(), "it was listed");
        rojin.sos("home");
        rojin.driver.flush().await;
        let hidden = rojin.line.written().last().expect("the alert was put").address;
        assert_ne!(own, hidden);
        rojin.lies.hide(hidden);
        crowd(&world, &mut rng, 80).await;
        rojin.sync().await;
        let reasons: Vec<_> = rojin.suspicions().iter().map(|suspicion| suspicion.reason).collect();
        assert_eq!(reasons, [Reason::Silent]);
        dilan.sync().await;
        assert!(dilan.suspicions().is_empty());
    });
}

#[test]
fn whoever_polls_asks_what_the_relay_says_of_itself_once_an_hour_and_misses_nothing() {
    play(async || {
        let mut world = World::new(640);
        let mut people = world.circle_of(2).await;
        let [rojin, dilan] = people.as_mut_slice() else { panic!("two were made") };
        dilan.sync().await;
        let mut asked = Vec::new();
        // Past midnight, and past a restart after which the relay knows no cursor.
        for hour in 0..18 {
            let before = dilan.line.descriptors();
            if hour == 17 {
                world.faults.restart_relay();
            }
            for _ in 0..4 {
                world.clock.advance(900);
                let alert = rojin.sos("home");
                rojin.sync().await;
                dilan.driver.poll().await.expect("the line works");
                assert!(dilan.has(alert), "hour {hour}");
                dilan.assert_trusts();
            }
            asked.push(dilan.line.descriptors() - before);
        }
        assert!(asked.iter().all(|asked| (1..=2).contains(asked)), "{asked:?}");
        assert!(asked.iter().filter(|asked| **asked == 2).count() <= 2, "{asked:?}");
        // Whoever syncs asks each time.
        let before = dilan.line.descriptors();
        dilan.sync().await;
        dilan.sync().await;
        assert!(dilan.line.descriptors() >= before + 2);
    });
}
