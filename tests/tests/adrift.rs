//! Members who cannot follow a commit, by a member's malice or a broken disk: they say so, alerts go on, all heals.

use himaya::engine::{self, News};
use himaya_protocol::wire::cell::Frame;
use himaya_protocol::wire::parts::Parts;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::Spill;
use himaya_tests::sim::{DAY, Lane, Person, World};

/// Makes the next commit of somebody one that nobody can follow: properly signed, but its path is sealed in a group
/// context that only this client has.
fn derange(person: &mut Person) {
    let changed = person.run(|ctx| {
        let sql = "SELECT group_data FROM openmls_group_data WHERE data_type = 'interim_transcript_hash'";
        let mut hash: Vec<u8> = ctx.row(sql, &[], |row| row.get(0))?.expect("the group has a transcript hash");
        *hash.last_mut().expect("a hash has bytes") ^= 1;
        let sql = "UPDATE openmls_group_data SET group_data = ?1 WHERE data_type = 'interim_transcript_hash'";
        Ok(ctx.execute(sql, &[&hash])?)
    });
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn a_commit_nobody_can_follow_is_passed_over_and_the_owners_next_one_heals() {
    let mut world = World::new(31);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara", "Mallory"]).await;
    let [dilan, rojin, sara, mallory] = people.as_mut_slice() else { panic!("four were made") };
    derange(mallory);
    // Whoever has joined updates its leaf within hours.
    world.clock.advance(11 * 3_600);
    mallory.sync().await;
    for person in [&mut *rojin, &mut *dilan] {
        person.sync().await;
        assert!(!person.follows("home"), "{} says that it does not follow", person.name);
    }
    sara.sync().await;
    assert!(sara.follows("home"), "the owner could not follow it: it is void for whoever reads it after that");

    let alert = rojin.sos("home");
    rojin.sync().await;
    dilan.sync().await;
    sara.sync().await;
    assert!(dilan.has(alert) && sara.has(alert), "alerts go on in the epoch all share");

    dilan.remove("home", "Mallory");
    dilan.sync().await;
    rojin.sync().await;
    sara.sync().await;
    assert!(rojin.follows("home") && sara.follows("home"), "the owner's commit could be followed");
    let answer = rojin.sos("home");
    rojin.sync().await;
    dilan.sync().await;
    assert!(dilan.has(answer));
    assert!(dilan.follows("home"), "the owner has heard somebody in the new epoch");
    assert_eq!(dilan.members("home"), sara.members("home"));
}

#[tokio::test]
async fn whoever_could_not_follow_a_commit_does_not_put_its_own_after_it() {
    let mut world = World::new(32);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara", "Mallory"]).await;
    let [dilan, rojin, sara, mallory] = people.as_mut_slice() else { panic!("four were made") };
    world.clock.advance(11 * 3_600);
    rojin.run(engine::tick);
    assert_eq!(rojin.circle("home").pending, 1, "Rojin has staged an update");
    derange(mallory);
    mallory.sync().await;
    let before = rojin.circle("home").epoch;
    rojin.sync().await;
    assert_eq!(
        rojin.circle("home").epoch,
        before,
        "others may have followed Mallory's: a commit beside it would split"
    );
    assert_eq!(rojin.circle("home").pending, 1, "the wish waits");
    dilan.sync().await;
    dilan.remove("home", "Mallory");
    for _ in 0..2 {
        world.clock.advance(400);
        for person in [&mut *dilan, &mut *rojin, &mut *sara] {
            person.sync().await;
        }
    }
    assert!(rojin.follows("home") && sara.follows("home"));
    assert_eq!(rojin.circle("home").pending, 0, "and is fulfilled once all is well");
    assert_eq!(rojin.circle("home").epoch, dilan.circle("home").epoch);
}

/// Everybody syncs, some times, a few hours apart.
async fn days(world: &mut World, people: &mut [&mut Person]) {
    for _ in 0..8 {
        world.clock.advance(6 * 3_600);
        for person in people.iter_mut() {
            person.sync().await;
        }
    }
    // What the last of them changed, the others read.
    for _ in 0..3 {
        world.clock.advance(60);
        for person in people.iter_mut() {
            person.sync().await;
        }
    }
}

/// Everybody follows, in one epoch with the same members.
fn assert_together(people: &mut [&mut Person]) {
    let first = people.first_mut().expect("there are people");
    let (epoch, members) = (first.circle("home").epoch, first.members("home"));
    for person in people {
        assert!(person.follows("home"), "{} follows", person.name);
        assert_eq!(person.circle("home").epoch, epoch, "{}", person.name);
        assert_eq!(person.members("home"), members, "{}", person.name);
    }
}

#[tokio::test]
async fn whoever_followed_what_the_owner_could_not_comes_back_to_the_owner() {
    let mut world = World::new(33);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara", "Mallory"]).await;
    let [dilan, rojin, sara, mallory] = people.as_mut_slice() else { panic!("four were made") };
    // Mallory's commit can be followed by everybody but the owner.
    derange(dilan);
    world.clock.advance(11 * 3_600);
    mallory.sync().await;
    rojin.sync().await;
    let mallorys = rojin.circle("home").epoch;
    assert!(rojin.follows("home") && mallorys > dilan.circle("home").epoch);
    dilan.sync().await;
    assert!(!dilan.follows("home"), "the owner says so");
    dilan.sos("home");
    dilan.sync().await;
    let lost = rojin.sync().await.into_iter().filter(|news| matches!(news, News::OutOfSync { .. })).count();
    assert_eq!(lost, 1, "and whoever has followed learns it, once");
    assert!(!rojin.follows("home"));
    let alert = rojin.sos("home");
    rojin.sync().await;
    dilan.sync().await;
    assert!(dilan.has(alert), "alerts go on between contacts");
    days(&mut world, &mut [&mut *dilan, &mut *rojin, &mut *sara, &mut *mallory]).await;
    assert_together(&mut [&mut *dilan, &mut *rojin, &mut *sara, &mut *mallory]);
    assert!(sara.has(alert) && mallory.has(alert));
}

#[tokio::test]
async fn a_member_who_says_that_it_cannot_follow_leads_nobody_astray() {
    let mut world = World::new(34);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara", "Mallory"]).await;
    let [dilan, rojin, sara, mallory] = people.as_mut_slice() else { panic!("four were made") };
    derange(mallory);
    world.clock.advance(11 * 3_600);
    rojin.sync().await;
    mallory.sync().await;
    assert!(!mallory.follows("home"));
    let alert = mallory.sos("home");
    mallory.sync().await;
    for person in [&mut *dilan, &mut *rojin, &mut *sara] {
        person.sync().await;
        assert!(person.has(alert), "{}", person.name);
        assert!(person.follows("home"), "only an owner's word counts: {}", person.name);
    }
    days(&mut world, &mut [&mut *dilan, &mut *rojin, &mut *sara, &mut *mallory]).await;
    assert_together(&mut [&mut *dilan, &mut *rojin, &mut *sara, &mut *mallory]);
}

#[tokio::test]
async fn a_commit_whose_chunks_or_parts_nobody_has_is_passed_over_after_a_day() {
    let chunks = Spill::cut(Secret::new([9; 32]), &[7; 5_000], || [3; 24]).expect("it is short enough").0;
    let parts = Parts::cut(&[7; 5_000]).expect("it is long enough").0;
    for missing in [Frame::Spill(chunks), Frame::Parts(parts)] {
        passed_over(&missing).await;
    }
}

async fn passed_over(missing: &Frame) {
    let mut world = World::new(35);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    let place = sara.places("home", Lane::Commit).remove(0);
    assert!(world.put_frame(&place, missing).await);
    for person in [&mut *dilan, &mut *rojin, &mut *sara] {
        person.sync().await;
        assert!(person.follows("home"), "chunks may still come: {}", person.name);
    }
    days(&mut world, &mut [&mut *dilan, &mut *rojin, &mut *sara]).await;
    days(&mut world, &mut [&mut *dilan, &mut *rojin, &mut *sara]).await;
    assert_together(&mut [&mut *dilan, &mut *rojin, &mut *sara]);
    let before = dilan.circle("home").epoch;
    dilan.remove("home", "Sara");
    dilan.sync().await;
    rojin.sync().await;
    assert!(rojin.circle("home").epoch > before && !rojin.members("home").contains("Sara"), "the circle lives on");
}

#[tokio::test]
async fn whoever_was_added_again_and_never_gets_the_welcome_asks_anew() {
    let mut world = World::with_retention(36, 4);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    derange(rojin);
    world.clock.advance(11 * 3_600);
    sara.sync().await;
    rojin.sync().await;
    assert!(!rojin.follows("home"));
    // Dilan adds Rojin again; before the relay's answer the line is cut, so that the Welcome has to wait.
    world.faults.lose_answers(100);
    for _ in 0..3 {
        let _cut = dilan.driver.sync().await;
        world.clock.advance(30);
    }
    world.faults.heal();
    rojin.sync().await;
    assert!(rojin.belongs("home"), "it was not removed: it is to be added again");
    assert!(!rojin.follows("home"));
    dilan.sync().await;
    // And when it comes, nobody reads it in time.
    for _ in 0..6 {
        world.clock.advance(DAY);
        dilan.sync().await;
        sara.sync().await;
    }
    days(&mut world, &mut [&mut *dilan, &mut *rojin, &mut *sara]).await;
    assert_together(&mut [&mut *dilan, &mut *rojin, &mut *sara]);
}
