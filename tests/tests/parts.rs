//! Commits in parts: everybody follows them by sweeping alone, whatever becomes of the parts on their way.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::ops::ControlFlow;

use himaya::driver::Watched;
use himaya::engine::{self, News};
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE, Frame};
use himaya_protocol::wire::parts::{PART_SLOTS, Parts};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::Spill;
use himaya_protocol::wire::{Address, Cell};
use himaya_tests::sim::{Lane, Person, World, play, round};

const HOUR: u64 = 3_600;

/// A circle in which everything has been said that is said at first.
async fn settled(world: &mut World, count: usize) -> Vec<Person> {
    let mut people = world.circle_of(count).await;
    for _ in 0..3 {
        round(&mut people.iter_mut().collect::<Vec<_>>()).await;
        world.clock.advance(HOUR);
    }
    people
}

/// How many boxes of a size somebody has put since, repeats included.
fn put_since(person: &Person, before: usize, size: usize) -> usize {
    person.line.written().iter().skip(before).filter(|written| written.bytes.len() == size).count()
}

fn kept(person: &mut Person) -> i64 {
    person.run(|ctx| Ok(ctx.row("SELECT count(*) FROM part", &[], |row| row.get(0))?)).unwrap_or_default()
}

/// Makes somebody's next update of the own key due, and stages it.
fn stage_update(person: &mut Person) {
    person.run(|ctx| Ok(ctx.execute("UPDATE circle SET update_due = 0", &[])?));
    person.run(engine::tick);
}

async fn all_follow(people: &mut [Person], epoch: u64) {
    for person in people {
        person.sync().await;
        assert_eq!(person.circle("home").epoch, epoch, "{}", person.name);
        assert!(person.follows("home"), "{}", person.name);
    }
}

#[test]
fn a_commit_in_parts_is_followed_by_sweeping_alone() {
    play(|| async {
        let mut world = World::new(1_001);
        let mut people = settled(&mut world, 6).await;
        world.faults.hide_chunks(true);
        for leaver in ["person 5", "person 4"] {
            let (before, epoch) = (people[0].line.written().len(), people[0].circle("home").epoch);
            people[0].remove("home", leaver);
            let parts = usize::try_from(kept(&mut people[0])).expect("a few");
            assert!(parts > 0, "the commit is cut");
            people[0].sync().await;
            assert!(put_since(&people[0], before, CELL_SIZE) > parts);
            assert_eq!(put_since(&people[0], before, CHUNK_SIZE), 0);
            all_follow(&mut people[..4], epoch + 1).await;
            assert!(people[..4].iter_mut().all(|person| kept(person) == 0), "parts go with their epoch");
        }
        assert_eq!(people[3].members("home").len(), 4);
    });
}

#[test]
fn the_first_key_update_of_some_dozens_fits_its_parts() {
    play(|| async {
        let mut world = World::new(1_006);
        let mut people = world.circle_of(32).await;
        round(&mut people.iter_mut().collect::<Vec<_>>()).await;
        world.faults.hide_chunks(true);
        let (before, epoch) = (people[5].line.written().len(), people[5].circle("home").epoch);
        // Nobody else has a key of their own in the tree, so the commit is sealed to one after the other.
        stage_update(&mut people[5]);
        assert!(kept(&mut people[5]) > 8, "it is long");
        people[5].sync().await;
        assert_eq!(put_since(&people[5], before, CHUNK_SIZE), 0);
        all_follow(&mut people, epoch + 1).await;
    });
}

#[test]
fn a_commit_waits_for_parts_that_come_after_it() {
    play(|| async {
        let mut world = World::new(1_002);
        let mut people = settled(&mut world, 4).await;
        let epoch = people[1].circle("home").epoch;
        stage_update(&mut people[1]);
        let sql = "SELECT address, cell FROM job WHERE purpose = 'commit'";
        let commit = people[1]
            .run(|ctx| Ok(ctx.row(sql, &[], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?));
        let (address, cell) = commit.expect("a commit is staged");
        let (address, cell) = (Address::from_slice(&address).unwrap(), Cell::from_bytes(cell).unwrap());
        world.relay.put_cell(address, cell, None).await.expect("the relay in memory takes it");
        people[2].sync().await;
        assert_eq!(people[2].circle("home").epoch, epoch, "it cannot be judged yet");
        let alert = people[2].sos("home");
        people[2].sync().await;
        people[1].driver.flush().await;
        people[1].sync().await;
        people[2].sync().await;
        world.clock.advance(HOUR);
        all_follow(&mut people, epoch + 1).await;
        assert!(people.iter_mut().all(|person| person.has(alert)));
    });
}

#[test]
fn whoever_fills_the_lane_for_parts_delays_nothing() {
    play(|| async {
        let mut world = World::new(1_003);
        let mut people = settled(&mut world, 6).await;
        let places = people[4].places("home", Lane::Parts("person 0"));
        let noise = Cell::from_bytes(vec![3; CELL_SIZE]).expect("it has the size of a cell");
        assert!(world.put_cell(&places[0], noise).await);
        assert!(world.put(&places[1], b"something else").await);
        let (spill, _) = Spill::cut(Secret::new([1; 32]), &[7; 9_000], || [0; 24]).expect("it is short enough");
        assert!(world.put_frame(&places[2], &Frame::Spill(spill)).await);
        let (record, _) = Parts::cut(&[7; 9_000]).expect("it is cut");
        assert!(world.put_frame(&places[3], &Frame::Parts(record)).await);
        let (before, epoch) = (people[0].line.written().len(), people[0].circle("home").epoch);
        people[0].remove("home", "person 5");
        people[0].sync().await;
        assert_eq!(put_since(&people[0], before, CHUNK_SIZE), 0, "it found free slots");
        all_follow(&mut people[..5], epoch + 1).await;

        let mut filled = 0;
        loop {
            let places = people[4].places("home", Lane::Parts("person 0"));
            if places.is_empty() {
                break;
            }
            for place in &places {
                filled += 1;
                assert!(world.put(place, format!("rubbish {filled}").as_bytes()).await);
            }
            people[4].sync().await;
            people[3].sync().await;
        }
        assert_eq!(filled, PART_SLOTS, "a lane for parts ends");
        assert!(kept(&mut people[3]) <= i64::try_from(PART_SLOTS).expect("a few"));
        let before = people[0].line.written().len();
        people[0].remove("home", "person 4");
        people[0].sync().await;
        people[0].sync().await;
        assert!(put_since(&people[0], before, CHUNK_SIZE) > 0, "it goes in chunks then");
        all_follow(&mut people[..4], epoch + 2).await;
    });
}

#[test]
fn a_key_update_leaves_part_by_part_in_the_schedule() {
    play(|| async {
        let mut world = World::new(1_004);
        let mut people = settled(&mut world, 6).await;
        let epoch = people[1].circle("home").epoch;
        people[1].run(|ctx| engine::set_cover_mean(ctx, 600));
        people[1].driver.begin_watching().expect("the profile works");
        stage_update(&mut people[1]);
        let (before, parts) = (people[1].line.written().len(), kept(&mut people[1]));
        assert!(parts > 0, "the update is cut");
        for _ in 0..14 * 24 * 60 {
            let written = people[1].line.written().len();
            world.clock.advance(60);
            people[1].driver.look_around(false).await.expect("the line works");
            assert!(people[1].line.written().len() <= written + 1, "one at a time");
            if people[1].circle("home").epoch > epoch {
                break;
            }
        }
        assert_eq!(put_since(&people[1], before, CHUNK_SIZE), 0);
        all_follow(&mut people, epoch + 1).await;
    });
}

#[test]
fn whoever_follows_the_feed_reads_nothing_around_a_key_update() {
    play(|| async {
        let mut world = World::new(1_005);
        let mut people = settled(&mut world, 4).await;
        let epoch = people[1].circle("home").epoch;
        let line = people[1].line.clone();
        people[1].run(|ctx| engine::set_cover_mean(ctx, 0));
        let mut reads = None;
        let watched = people[1].driver.watch(|driver, watched| match watched {
            Watched::Connected => {
                reads = Some(line.sweeps());
                let staged = driver.transact(|ctx| {
                    ctx.execute("UPDATE circle SET update_due = 0", &[])?;
                    engine::tick(ctx)?;
                    Ok(ctx.execute("UPDATE job SET spread = 0", &[])?)
                });
                assert!(staged.is_ok_and(|jobs| jobs > 1), "an update is staged, in parts");
                ControlFlow::Continue(())
            }
            Watched::News(News::Epoch { .. }) => ControlFlow::Break(()),
            Watched::News(_) | Watched::Lost(_) | Watched::Signal(_) => ControlFlow::Continue(()),
        });
        watched.await.expect("the profile works");
        assert_eq!(Some(line.sweeps()), reads, "the feed brings everything");
        all_follow(&mut people, epoch + 1).await;
        // A command has no feed: it reads before it commits, and after.
        let reads = line.sweeps();
        stage_update(&mut people[1]);
        people[1].driver.flush().await;
        assert!(line.sweeps() >= reads + 2);
    });
}
