//! Members who cannot follow a commit, by a member's malice or a broken disk: they say so, alerts go on, all heals.

use himaya::engine;
use himaya_tests::sim::{Person, World};

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
async fn a_commit_nobody_can_follow_sets_everybody_adrift_and_the_owners_next_one_heals() {
    let mut world = World::new(31);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara", "Mallory"]).await;
    let [dilan, rojin, sara, mallory] = people.as_mut_slice() else { panic!("four were made") };
    derange(mallory);
    // Whoever has joined updates its leaf within hours.
    world.clock.advance(11 * 3_600);
    mallory.sync().await;
    for person in [&mut *dilan, &mut *rojin, &mut *sara] {
        person.sync().await;
        assert!(!person.follows("home"), "{} says that it does not follow", person.name);
    }

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
