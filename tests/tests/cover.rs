//! The cover schedule: a client that watches writes at random times, whether or not it has something to say.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use himaya::engine::{self, Pace, RESERVE};
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_tests::sim::{Person, World, play};

const HOUR: u64 = 3_600;
/// How much time passes between two looks of a simulated watcher.
const STEP: u64 = 60;
/// How many tokens noise leaves at most: the reserve, and a key update with all of its parts.
const KEPT: u64 = RESERVE + 17;

/// Watches for so many hours; when something was written, in seconds from the start.
async fn watch(world: &World, person: &mut Person, hours: u64) -> Vec<u64> {
    let mut times = Vec::new();
    let start = world.clock.seconds();
    for step in 1..=hours * HOUR / STEP {
        world.clock.advance(STEP);
        let before = person.line.written().len();
        // Once an hour a watcher syncs as well.
        if step.is_multiple_of(HOUR / STEP) {
            person.sync().await;
        }
        person.driver.look_around(false).await.expect("the line works");
        times.extend(std::iter::repeat_n(world.clock.seconds() - start, person.line.written().len() - before));
    }
    times
}

/// A watcher in a circle of two with everything said that is said at first, and the other.
async fn watcher(world: &mut World, mean: u64) -> (Person, Person) {
    let mut people = world.circle(&["Dilan", "Rojin"]).await;
    for _ in 0..3 {
        for person in &mut people {
            person.sync().await;
        }
        world.clock.advance(12 * HOUR);
    }
    let (mut rojin, dilan) = (people.remove(1), people.remove(0));
    rojin.sync().await;
    rojin.run(|ctx| engine::set_cover_mean(ctx, mean));
    rojin.driver.begin_watching().expect("the profile works");
    (rojin, dilan)
}

#[test]
fn whoever_watches_writes_at_random_times() {
    play(async || {
        let mut world = World::new(31);
        let (mut rojin, _dilan) = watcher(&mut world, HOUR).await;
        let before = rojin.line.written().len();
        let times = watch(&world, &mut rojin, 400).await;
        // Of a Poisson process with 400 expected, more than four standard deviations away is once in 10,000 seeds.
        assert!((320..480).contains(&times.len()), "{}", times.len());
        // Half of the waits are shorter than the mean times ln 2.
        let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let short = waits.iter().filter(|wait| **wait * 10 < HOUR * 7).count();
        assert!((waits.len() * 2 / 5..waits.len() * 3 / 5).contains(&short), "{short} of {}", waits.len());
        // What the relay gets is a cell at an address of its own, each time.
        let written = rojin.line.written().split_off(before);
        let mut addresses: Vec<_> = written.iter().map(|box_| *box_.address.as_bytes()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), written.len());
        assert!(written.iter().filter(|box_| box_.bytes.len() == CELL_SIZE).count() > times.len() - 20);
    });
}

#[test]
fn what_is_not_urgent_takes_the_place_of_noise() {
    play(async || {
        let mut world = World::new(32);
        let (mut rojin, mut dilan) = watcher(&mut world, HOUR).await;
        let alert = dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        rojin.run(|ctx| Ok(ctx.execute("UPDATE circle SET receipt_due = 0", &[])?));
        let before = rojin.line.written().len();
        rojin.sync().await;
        assert_eq!(rojin.line.written().len(), before, "a receipt left before its time");
        assert_eq!(rojin.run(|ctx| engine::waiting(ctx)).0, 1, "the receipt waits");
        // The first thing that leaves is the receipt, alone.
        for _ in 0..10 * HOUR / STEP {
            world.clock.advance(STEP);
            rojin.driver.look_around(false).await.expect("the line works");
            let written = rojin.line.written().len() - before;
            if written > 0 {
                assert_eq!((written, rojin.run(|ctx| engine::waiting(ctx)).0), (1, 0));
                dilan.sync().await;
                assert_eq!(dilan.reach(alert).devices, 1);
                return;
            }
        }
        panic!("the receipt never left");
    });
}

#[test]
fn alerts_and_answers_do_not_wait_for_the_schedule() {
    play(async || {
        let mut world = World::new(33);
        let (mut rojin, mut dilan) = watcher(&mut world, 86_400).await;
        let alert = dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        rojin.ack(alert);
        rojin.driver.look_around(false).await.expect("the line works");
        dilan.sync().await;
        assert_eq!(dilan.reach(alert).answered.len(), 1);

        // However many receipts wait before it in its lane: they leave with it.
        for _ in 0..6 {
            dilan.sos("home");
            dilan.sync().await;
            rojin.sync().await;
            rojin.run(|ctx| Ok(ctx.execute("UPDATE circle SET receipt_due = 0 WHERE receipt_due IS NOT NULL", &[])?));
            rojin.sync().await;
        }
        assert!(rojin.run(|ctx| engine::waiting(ctx)).0 > 4, "receipts wait");
        let own = rojin.sos("home");
        rojin.driver.look_around(false).await.expect("the line works");
        dilan.sync().await;
        assert!(dilan.has(own));
    });
}

#[test]
fn without_a_schedule_nothing_is_written_but_what_is_said() {
    play(async || {
        let mut world = World::new(34);
        let (mut rojin, mut dilan) = watcher(&mut world, 0).await;
        let before = rojin.line.written().len();
        let alert = dilan.sos("home");
        dilan.sync().await;
        watch(&world, &mut rojin, 20).await;
        dilan.sync().await;
        assert_eq!(dilan.reach(alert).devices, 1, "the receipt left in its own time");
        let cells = rojin.line.written().split_off(before);
        assert!(cells.len() <= 4, "{} boxes for a receipt and a key update", cells.len());
    });
}

#[test]
fn noise_leaves_tokens_for_what_is_real() {
    play(async || {
        let mut world = World::with_tokens(35, 14, 1);
        let mut dilan = world.invited("Dilan", 0);
        dilan.sync().await;
        dilan.run(|ctx| engine::set_cover_mean(ctx, 60));
        dilan.driver.begin_watching().expect("the profile works");
        // A minute between two writes uses a day's tokens up in two hours.
        watch(&world, &mut dilan, 6).await;
        let stock = dilan.run(|ctx| engine::stock(ctx)).expect("the relay asks for tokens");
        assert!((RESERVE..=KEPT).contains(&stock.left), "{}", stock.left);
    });
}

/// What was put at each look of a watcher, by size, until it has put everything that was queued.
async fn trickle(world: &World, person: &mut Person, hours: u64) -> Vec<Vec<usize>> {
    let mut looks = Vec::new();
    for _ in 0..hours * HOUR / STEP {
        world.clock.advance(STEP);
        let before = person.line.written().len();
        person.driver.look_around(false).await.expect("the line works");
        let new = person.line.written().split_off(before);
        if !new.is_empty() {
            looks.push(new.iter().map(|written| written.bytes.len()).collect());
        }
    }
    looks
}

/// Somebody who watches from the morning on, with a key update queued, whose commit takes a chunk, and another member.
async fn updater(world: &mut World) -> (Person, Person) {
    let mut people = world.circle_of(5).await;
    for _ in 0..3 {
        for person in &mut people {
            person.sync().await;
        }
        world.clock.advance(12 * HOUR);
    }
    world.clock.advance(4 * HOUR);
    let (mut rojin, mut dilan) = (people.remove(1), people.remove(0));
    dilan.sync().await;
    rojin.sync().await;
    rojin.run(|ctx| engine::set_cover_mean(ctx, HOUR));
    rojin.driver.begin_watching().expect("the profile works");
    rojin.run(|ctx| Ok(ctx.execute("UPDATE circle SET update_due = 1", &[])?));
    rojin.commits_in_chunks();
    rojin.run(engine::tick);
    assert_eq!(chunks_waiting(&mut rojin), 1);
    (rojin, dilan)
}

fn chunks_waiting(person: &mut Person) -> i64 {
    let sql = "SELECT count(*) FROM chunk WHERE NOT stored";
    person.run(|ctx| Ok(ctx.row(sql, &[], |row| row.get(0))?)).expect("a count")
}

#[test]
fn chunks_go_one_at_a_time_and_alerts_do_not_wait_for_them() {
    play(async || {
        let mut world = World::new(36);
        let (mut rojin, mut dilan) = updater(&mut world).await;
        let alert = rojin.sos("home");
        let before = rojin.line.written().len();
        rojin.driver.look_around(false).await.expect("the line works");
        let sent = rojin.line.written().split_off(before);
        assert!(sent.iter().all(|written| written.bytes.len() == CELL_SIZE), "the alert waited for a chunk");
        dilan.sync().await;
        assert!(dilan.has(alert));
        let epoch = rojin.circle("home").epoch;
        let looks = trickle(&world, &mut rojin, 14).await;
        assert!(looks.iter().all(|boxes| boxes.len() == 1), "{looks:?}");
        assert_eq!(looks.iter().filter(|boxes| boxes[0] == CHUNK_SIZE).count(), 1, "{looks:?}");
        assert_eq!(rojin.circle("home").epoch, epoch + 1, "the commit followed its chunk");
        dilan.sync().await;
        // An update of its own may have been due as well.
        assert!(dilan.circle("home").epoch > epoch && dilan.follows("home"));
    });
}

/// Or a watcher would be busy every second until it leaves.
#[test]
fn a_key_update_that_waits_for_its_turn_makes_nothing_due() {
    play(async || {
        let mut world = World::new(39);
        let (mut rojin, _dilan) = updater(&mut world).await;
        let now = world.clock.seconds();
        let due = rojin.run(|ctx| engine::next_due(ctx, Pace::Urgent));
        assert!(due.is_none_or(|due| due > now), "{due:?} at {now}");
    });
}

#[test]
fn a_chunk_from_a_window_that_has_closed_goes_again_with_its_cell() {
    play(async || {
        let mut world = World::new(37);
        let (mut rojin, mut dilan) = updater(&mut world).await;
        let epoch = rojin.circle("home").epoch;
        while chunks_waiting(&mut rojin) > 0 {
            world.clock.advance(STEP);
            rojin.driver.look_around(false).await.expect("the line works");
        }
        assert_eq!(rojin.circle("home").epoch, epoch);
        world.clock.advance(24 * HOUR);
        rojin.sync().await;
        let looks = trickle(&world, &mut rojin, 14).await;
        assert!(looks.contains(&vec![CHUNK_SIZE, CELL_SIZE]), "{looks:?}");
        let ended = rojin.circle("home").epoch;
        assert!(ended > epoch);
        dilan.sync().await;
        // An update of its own may have been due as well.
        assert!(dilan.circle("home").epoch >= ended && dilan.follows("home"));
    });
}

#[test]
fn noise_leaves_tokens_for_chunks_too() {
    play(async || {
        let mut world = World::with_tokens(38, 14, 1);
        let mut dilan = world.invited("Dilan", 0);
        dilan.sync().await;
        dilan.run(|ctx| {
            ctx.execute(
                "INSERT INTO job (id, purpose, frame, address, cell, urgent, not_before)
                 VALUES (99, 'aside', x'', randomblob(32), randomblob(4096), 0, 9999999999)",
                &[],
            )?;
            for n in 0..20 {
                let sql =
                    "INSERT INTO chunk (job, n, address, bytes) VALUES (99, ?1, randomblob(32), randomblob(65536))";
                ctx.execute(sql, &[&n])?;
            }
            Ok(())
        });
        dilan.run(|ctx| engine::set_cover_mean(ctx, 60));
        dilan.driver.begin_watching().expect("the profile works");
        watch(&world, &mut dilan, 6).await;
        let stock = dilan.run(|ctx| engine::stock(ctx)).expect("the relay asks for tokens");
        // 20 chunks and their cell, beside what noise leaves anyway.
        assert!((RESERVE + 21..=KEPT + 21).contains(&stock.left), "{}", stock.left);
    });
}
