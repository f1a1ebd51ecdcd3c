//! I3: many members want to end one epoch at once; one commit does, and nobody's wish is lost.

#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::BTreeSet;

use himaya::engine::{self, Pace, Purpose};
use himaya_protocol::wire::policy::Role;
use himaya_tests::sim::{Ledger, Person, World, play};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Lets a client do what is due, without a word to the relay.
fn stage(person: &mut Person) {
    person.run(engine::tick);
}

fn pending(person: &mut Person) -> u64 {
    person.circle("home").pending
}

/// Everybody syncs until nobody has anything left to do.
async fn settle(world: &World, people: &mut [Person], ledger: &mut Ledger) {
    for _ in 0..3 * people.len() {
        world.clock.advance(400);
        for person in people.iter_mut() {
            person.sync().await;
            ledger.check(person);
        }
        if people.iter_mut().all(|person| pending(person) == 0) {
            break;
        }
    }
    for person in people.iter_mut() {
        person.sync().await;
    }
    ledger.assert_together(people, "home");
}

#[test]
fn eight_updates_race_for_one_epoch() {
    play(|| async {
        let mut world = World::new(101);
        let mut people = world.circle_of(9).await;
        let mut ledger = Ledger::default();
        // Everybody but the owner has joined and owes an update.
        world.clock.advance(11 * 3_600);
        people.iter_mut().for_each(stage);
        let before = people[0].circle("home").epoch;
        let racing = people.iter_mut().filter_map(|person| (pending(person) == 1).then_some(())).count();
        assert_eq!(racing, 8, "all who joined have staged a commit for the same epoch");
        assert!(people.iter_mut().all(|person| person.circle("home").epoch == before));
        // One put each, so that everybody loses many times over.
        let mut rng = ChaCha20Rng::seed_from_u64(101);
        for _ in 0..40 {
            let who = rng.random_range(0..people.len());
            people[who].line.allow(Some(1));
            people[who].driver.flush().await;
            people[who].line.allow(None);
            ledger.check(&mut people[who]);
            world.clock.advance(2);
        }
        settle(&world, &mut people, &mut ledger).await;
        assert!(people[0].circle("home").epoch >= before + 8, "every update happened in an epoch of its own");
        let alert = people[3].sos("home");
        people[3].sync().await;
        for person in &mut people {
            person.sync().await;
            assert!(person.has(alert));
        }
    });
}

#[test]
fn owner_coordinators_and_updates_race() {
    for seed in [201, 202] {
        play(move || race_of_all_kinds(seed));
    }
}

async fn race_of_all_kinds(seed: u64) {
    let mut world = World::with_retention(seed, 5);
    let mut people: Vec<Person> = Vec::new();
    let mut owner = world.person("owner");
    owner.create_circle("home");
    for name in ["one", "two"] {
        let mut coordinator = world.person(name);
        owner.add_as(&mut coordinator, "home", Role::Coordinator).await;
        people.push(coordinator);
    }
    for number in 0..2 {
        let mut contact = world.person(&format!("contact {number}"));
        owner.add(&mut contact, "home").await;
        people.push(contact);
    }
    // The lost one knows owner and coordinators, is away for longer than the relay remembers, and asks them all.
    let mut lost = world.person("lost");
    owner.add(&mut lost, "home").await;
    for coordinator in people.iter_mut().take(2) {
        coordinator.hand_card(&mut lost).await;
        coordinator.sync().await;
        befriend(coordinator);
    }
    people.insert(0, owner);
    let mut ledger = Ledger::default();
    for _ in 0..8 {
        world.clock.advance(86_400);
        for person in &mut people {
            person.sync().await;
        }
    }
    // Two have joined just now and owe an update.
    for number in 2..4 {
        let mut contact = world.person(&format!("contact {number}"));
        people[0].add(&mut contact, "home").await;
        people.push(contact);
    }
    let mut newcomer = world.person("newcomer");
    people[0].hand_card(&mut newcomer).await;
    for _ in 0..3 {
        lost.sync().await;
        world.clock.advance(86_400 + 1);
    }
    assert!(!lost.follows("home"), "seed {seed}: the lost one knows that it is lost");
    // A newcomer and a removal for the owner, an addition again for the coordinators, updates for everybody.
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..people.len()).collect();
    order.shuffle(&mut rng);
    for &who in &order {
        people[who].line.allow(Some(0));
        let _cut = people[who].driver.sync().await;
    }
    people[0].approve_newest("home", Role::Contact);
    people[0].remove("home", "contact 1");
    assert!(
        people[1..3].iter_mut().all(|one| pending(one) > 0),
        "seed {seed}: both coordinators want the lost one back"
    );
    let staged = people.iter_mut().map(pending).filter(|&count| count > 0).count();
    assert!(staged >= 5, "seed {seed}: owner, coordinators and others have staged commits, {staged} of them");
    for _ in 0..60 {
        let who = rng.random_range(0..people.len());
        people[who].line.allow(Some(1));
        people[who].driver.flush().await;
        world.clock.advance(2);
        if people[who].circle("home").state == engine::CircleState::Active {
            ledger.check(&mut people[who]);
        }
    }
    people.iter_mut().for_each(|person| person.line.allow(None));
    let removed = people.iter().position(|person| person.name == "contact 1").expect("there is such a person");
    let mut removed = people.remove(removed);
    people.push(newcomer);
    people.push(lost);
    for _ in 0..6 {
        world.clock.advance(400);
        for person in &mut people {
            person.sync().await;
        }
    }
    removed.sync().await;
    assert!(!removed.follows("home"), "seed {seed}: the removal happened");
    settle(&world, &mut people, &mut ledger).await;
    assert!(people.iter_mut().all(|person| person.follows("home")), "seed {seed}: all others follow");
    let members = people[0].members("home");
    assert_eq!(members, people.iter().map(|person| person.name.clone()).collect::<BTreeSet<_>>(), "seed {seed}");
    assert!(people.iter_mut().all(|person| pending(person) == 0), "seed {seed}: no wish is left over");
}

/// A coordinator who has approved somebody in a circle of its own has lanes to that person.
fn befriend(coordinator: &mut Person) {
    coordinator.create_circle("aside");
    coordinator.approve_newest("aside", Role::Contact);
}

#[test]
fn wishes_that_lost_their_sense_are_dropped() {
    play(|| async {
        let mut world = World::new(301);
        let mut people = world.circle_of(4).await;
        let mut ledger = Ledger::default();
        world.clock.advance(11 * 3_600);
        // Somebody who is being removed has an update staged; somebody asked to leave while being removed.
        stage(&mut people[3]);
        assert_eq!(pending(&mut people[3]), 1);
        people[0].remove("home", "person 3");
        people[0].sync().await;
        let circle = people[2].circle("home");
        people[2].run(|ctx| engine::leave(ctx, &circle));
        people[0].remove("home", "person 2");
        people[2].sync().await;
        people[0].sync().await;
        people[3].sync().await;
        assert!(!people[3].follows("home"), "the removed one's update went nowhere");
        settle(&world, &mut people[..2], &mut ledger).await;
        assert_eq!(people[0].members("home").len(), 2);
        assert_eq!(pending(&mut people[0]), 0, "the leaver is removed once");
    });
}

/// The relay tells both of two members that their commit won the slot.
#[test]
fn members_whom_the_relay_has_split_see_different_words() {
    play(async || {
        let mut world = World::new(77);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let words = |person: &mut Person| {
            let circle = person.circle("home");
            person.run(|ctx| engine::circle_words(ctx, &circle))
        };
        for person in &mut people {
            person.sync().await;
        }
        let [first, second] = [0, 1].map(|number| words(&mut people[number]));
        assert_eq!(first, second, "members who agree see the same");
        for person in &mut people {
            person.run(|ctx| Ok(ctx.execute("UPDATE circle SET update_due = 0", &[])?));
            person.run(engine::tick);
            let job = person.run(|ctx| engine::next_job(ctx, Pace::All)).expect("an update waits");
            assert_eq!(job.purpose, Purpose::Commit);
            person.run(|ctx| engine::stored(ctx, job.id));
        }
        let [one, other] = [0, 1].map(|number| words(&mut people[number]));
        assert_eq!(one.0, other.0, "both are in the next epoch");
        assert_ne!(one.1, other.1, "and in different groups");
        assert_ne!(one.1, first.1);
    });
}
