//! I4: what was queued arrives at every member in sync, exactly once, however late and in whatever company.

use std::collections::BTreeMap;

use himaya::engine;
use himaya_protocol::content::EventId;
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::policy::Role;
use himaya_tests::sim::{DAY, Ledger, Person, World, play};

/// Every event is in the log once.
fn assert_once(person: &mut Person, events: &[EventId], why: &str) {
    let mut counts: BTreeMap<EventId, usize> = BTreeMap::new();
    for entry in person.inbox() {
        *counts.entry(entry.event.id()).or_default() += 1;
    }
    let missing = events.iter().filter(|event| counts.get(event) != Some(&1)).count();
    assert_eq!(missing, 0, "{}: {missing} of {} are missing; {why}", person.name, events.len());
}

#[test]
fn a_backlog_that_leaves_piece_by_piece_is_read_whole() {
    play(|| async {
        let mut world = World::new(401);
        let mut people = world.circle_of(2).await;
        let [sender, reader] = people.as_mut_slice() else { panic!("two were made") };
        let alerts: Vec<EventId> = (0..24).map(|_| sender.sos("home")).collect();
        // Each try fails and sets one more alert back; then the line works, but not everything is due.
        world.faults.down();
        for _ in 0..12 {
            sender.driver.flush().await;
        }
        world.faults.up();
        sender.driver.flush().await;
        reader.sync().await;
        world.clock.advance(600);
        sender.sync().await;
        reader.sync().await;
        assert_once(reader, &alerts, "what left first must not outrun the reader's look-ahead");
    });
}

#[test]
fn much_from_an_epoch_that_ended_long_ago_is_read_before_its_lanes_go() {
    play(|| async {
        let mut world = World::new(402);
        let mut people = world.circle_of(3).await;
        let [owner, sender, away] = people.as_mut_slice() else { panic!("three were made") };
        let alerts: Vec<EventId> = (0..70).map(|_| sender.sos("home")).collect();
        sender.sync().await;
        for number in 0..8 {
            let mut newcomer = world.person(&format!("newcomer {number}"));
            owner.add(&mut newcomer, "home").await;
        }
        away.sync().await;
        assert_once(away, &alerts, "eight commits and seventy alerts came in one sweep");
    });
}

#[test]
fn what_was_said_between_commit_and_welcome_reaches_the_newcomer() {
    play(|| async {
        let mut world = World::new(403);
        let mut people = world.circle_of(2).await;
        let mut newcomer = world.person("newcomer");
        let [owner, friend] = people.as_mut_slice() else { panic!("two were made") };
        owner.hand_card(&mut newcomer).await;
        owner.sync().await;
        owner.commits_in_chunks();
        owner.approve_newest("home", himaya_protocol::wire::policy::Role::Contact);
        // The commit gets out, the Welcome does not.
        owner.line.allow(Some(1));
        owner.driver.flush().await;
        friend.sync().await;
        assert!(friend.members("home").contains("newcomer"));
        let alert = friend.sos("home");
        friend.sync().await;
        newcomer.sync().await;
        world.clock.advance(2 * DAY);
        newcomer.sync().await;
        owner.line.allow(None);
        owner.sync().await;
        newcomer.sync().await;
        assert!(newcomer.follows("home"));
        newcomer.sync().await;
        assert_once(&mut newcomer, &[alert], "it was sent in an epoch the newcomer is in");
    });
}

#[test]
fn a_commit_does_not_take_a_slot_that_the_relay_has_forgotten() {
    play(|| async {
        let mut world = World::with_retention(404, 3);
        let mut people = world.circle_of(4).await;
        let mut ledger = Ledger::default();
        world.clock.advance(11 * 3_600);
        // The last one stages an update and is cut off; the others go on without it.
        people[3].run(engine::tick);
        assert_eq!(people[3].circle("home").pending, 1);
        for _ in 0..6 {
            for person in &mut people[..3] {
                person.sync().await;
                ledger.check(person);
            }
            world.clock.advance(DAY);
        }
        assert!(people[0].circle("home").epoch > people[3].circle("home").epoch);
        let alert = people[3].sos("home");
        let _out_of_sync = people[3].driver.sync().await;
        ledger.check(&mut people[3]);
        assert!(!people[3].follows("home"), "it has missed what happened");
        for _ in 0..3 {
            for person in &mut people {
                person.sync().await;
                ledger.check(person);
            }
            world.clock.advance(600);
        }
        ledger.assert_together(&mut people, "home");
        assert!(people[3].follows("home"), "it was added again");
        for person in &mut people {
            person.sync().await;
            assert_once(person, &[alert], "it was queued before the absence ended");
        }
    });
}

#[test]
fn two_who_were_away_do_not_take_each_other_for_the_circle() {
    play(|| async {
        let mut world = World::with_retention(405, 3);
        let mut people = world.circle_of(5).await;
        let mut ledger = Ledger::default();
        for _ in 0..6 {
            world.clock.advance(DAY);
            for person in &mut people[..3] {
                person.sync().await;
            }
        }
        assert!(people[0].circle("home").epoch > people[3].circle("home").epoch, "keys were updated meanwhile");
        // Both come back while the owner is away, and hear each other in the epoch they left.
        for who in [3, 4] {
            people[who].sos("home");
            people[who].sync().await;
        }
        for who in [3, 4, 3, 4] {
            people[who].sync().await;
            assert!(!people[who].follows("home"), "only somebody who missed nothing can say that nothing was missed");
        }
        world.clock.advance(600);
        for _ in 0..3 {
            for person in &mut people {
                person.sync().await;
                ledger.check(person);
            }
        }
        ledger.assert_together(&mut people, "home");
        assert!(people.iter_mut().all(|person| person.follows("home")));
    });
}

#[test]
fn who_was_away_while_nothing_changed_hears_so_and_goes_on() {
    play(|| async {
        let mut world = World::with_retention(406, 3);
        let mut people = world.circle_of(2).await;
        let [owner, friend] = people.as_mut_slice() else { panic!("two were made") };
        owner.sync().await;
        // The owner reads every day, but no commit of anybody leaves.
        for _ in 0..6 {
            world.clock.advance(DAY);
            owner.line.allow(Some(0));
            let _cut = owner.driver.sync().await;
        }
        owner.line.allow(None);
        world.faults.restart_relay();
        let many: Vec<EventId> = (0..12).map(|_| friend.sos("home")).collect();
        friend.line.allow(Some(0));
        let _cut = friend.driver.sync().await;
        assert!(!friend.follows("home"), "it cannot know that nothing was missed");
        friend.line.allow(None);
        world.clock.advance(400);
        friend.sync().await;
        owner.sync().await;
        assert_once(owner, &many, "the lane has no gap although everything was sent to contacts too");
        for _ in 0..3 {
            world.clock.advance(600);
            owner.sync().await;
            friend.sync().await;
        }
        assert!(friend.follows("home"));
        let after = friend.sos("home");
        friend.sync().await;
        owner.sync().await;
        assert_once(owner, &[after], "the lane goes on");
    });
}

#[test]
fn when_everybody_was_cut_off_everybodys_word_brings_the_circle_back() {
    play(|| async {
        let mut world = World::with_retention(408, 3);
        let mut people = world.circle_of(3).await;
        world.clock.advance(9 * DAY);
        world.faults.restart_relay();
        for who in [1, 2, 1] {
            people[who].sos("home");
            people[who].sync().await;
            assert!(!people[who].follows("home"), "one other who was away as well proves nothing");
        }
        let last = people[0].sos("home");
        // The device receipts for what arrived tell it, in their time.
        for _ in 0..4 {
            for person in &mut people {
                person.sync().await;
            }
            world.clock.advance(5 * 3_600);
        }
        assert!(people.iter_mut().all(|person| person.follows("home")), "everybody said where everybody is");
        let mut ledger = Ledger::default();
        ledger.assert_together(&mut people, "home");
        assert!(people.iter_mut().all(|person| person.has(last)));
    });
}

#[test]
fn a_message_of_the_day_before_is_read_with_the_commit_that_was_held() {
    play(|| async {
        let mut world = World::new(407);
        let mut people = world.circle_of(7).await;
        people[6].sync().await;
        // The owner's commit goes in chunks, which the relay does not give out for now.
        people[0].commits_in_chunks();
        people[0].remove("home", "person 5");
        world.faults.hide_chunks(true);
        people[0].sync().await;
        let alert = {
            world.faults.hide_chunks(false);
            people[1].sync().await;
            world.faults.hide_chunks(true);
            let alert = people[1].sos("home");
            people[1].sync().await;
            alert
        };
        // Read after midnight with the cursor of the day before.
        world.clock.advance(DAY);
        people[6].sync().await;
        assert!(!people[6].has(alert), "the commit waits for its chunks");
        let old = people[6].sos("home");
        people[6].sync().await;
        people[0].sync().await;
        assert!(people[0].has(old), "alerts go on meanwhile");
        world.faults.hide_chunks(false);
        people[6].sync().await;
        people[6].sync().await;
        assert_once(&mut people[6], &[alert], "what came after the held commit is read again, the day before too");
    });
}

#[test]
fn an_answer_that_comes_late_is_not_taken_for_another_jobs() {
    play(|| async {
        let mut world = World::new(411);
        let mut people = world.circle_of(2).await;
        let [sender, reader] = people.as_mut_slice() else { panic!("two were made") };
        sender.sync().await;
        let first = sender.sos("home");
        // Two processes of one profile take the same job; one of them waits long for its answer.
        let slow = sender.run(|ctx| engine::next_job(ctx, engine::Pace::All)).expect("the alert waits");
        sender.driver.flush().await;
        let second = sender.sos("home");
        sender.run(|ctx| engine::stored(ctx, slow.id));
        assert_eq!(sender.reach(second).relayed, None, "the relay has only the first");
        sender.sync().await;
        reader.sync().await;
        assert_once(reader, &[first, second], "both were sent");
    });
}

#[test]
fn a_number_that_was_approved_never_names_somebody_else() {
    play(|| async {
        let mut world = World::new(412);
        let mut people = world.circle_of(2).await;
        let owner = people.first_mut().expect("two were made");
        let mut wanted = world.person("wanted");
        let mut unwanted = world.person("unwanted");
        owner.hand_card(&mut wanted).await;
        owner.sync().await;
        let request = owner.run(|ctx| engine::requests(ctx)).pop().expect("a request has come").id;
        owner.approve_newest("home", himaya_protocol::wire::policy::Role::Contact);
        owner.hand_card(&mut unwanted).await;
        owner.sync().await;
        let circle = owner.circle("home");
        let again = owner
            .driver
            .transact(|ctx| engine::approve(ctx, request, &circle, himaya_protocol::wire::policy::Role::Contact));
        assert!(again.is_err(), "saying it twice does not let in whoever came in between");
    });
}

#[tokio::test]
async fn an_alert_that_was_there_before_its_sender_was_removed_is_read_by_all() {
    let mut world = World::new(77);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    // Dilan decides without having heard of it.
    dilan.remove("home", "Sara");
    let alert = sara.sos("home");
    assert!(sara.driver.flush().await.failed.is_none());
    dilan.sync().await;
    rojin.sync().await;
    assert!(dilan.has(alert), "the owner reads what was there before the removal");
    assert!(rojin.has(alert), "and so do the others");
    sara.sync().await;
    assert!(!sara.follows("home"));
    // What is written into the old lanes after everybody has read on is nobody's business any more.
    assert_eq!(dilan.members("home").len(), 2);
}

#[tokio::test]
async fn nobody_sends_on_somebody_elses_event_as_its_own() {
    let mut world = World::new(91);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    let alert = rojin.sos("home");
    rojin.sync().await;
    sara.sync().await;
    sara.run(|ctx| {
        // What a changed client would do: the same bytes once more, in its own lane.
        let circle = himaya::engine::named(ctx, "home")?.id;
        let sql = "UPDATE event SET own = 1 WHERE circle = ?1 AND own = 0";
        assert_eq!(ctx.execute(sql, &[&circle])?, 1);
        let sql = "INSERT INTO outgoing (event, urgent) SELECT id, 1 FROM event WHERE own = 1";
        assert_eq!(ctx.execute(sql, &[])?, 1);
        himaya::engine::tick(ctx)
    });
    sara.sync().await;
    dilan.sync().await;
    let entries = dilan.inbox();
    let entry = entries.iter().find(|entry| entry.event.id() == alert).expect("Rojin's alert is there");
    assert_eq!(entries.len(), 1);
    assert_eq!(entry.author_name, "Rojin");
}

#[tokio::test]
async fn whoever_was_removed_cannot_keep_somebody_who_was_away() {
    let mut world = World::with_retention(92, 3);
    let mut people = world.circle(&["Dilan", "Rojin", "Mallory"]).await;
    let [dilan, rojin, mallory] = people.as_mut_slice() else { panic!("three were made") };
    // Mallory's line is down when she is removed, so she stays in the old epoch and has missed nothing she knows of.
    dilan.remove("home", "Mallory");
    dilan.sync().await;
    for _ in 0..6 {
        world.clock.advance(DAY);
        dilan.sync().await;
    }
    // She says so, as a changed client would, in the lane Rojin still reads.
    mallory.run(|ctx| {
        ctx.set_number(himaya::engine::READ_WINDOW, u64::from(u32::MAX))?;
        Ok(())
    });
    mallory.sos("home");
    assert!(mallory.driver.flush().await.failed.is_none());
    let alert = rojin.sos("home");
    rojin.sync().await;
    dilan.sync().await;
    assert!(dilan.has(alert), "Rojin's alert came by the contact lane");
    rojin.sync().await;
    rojin.sync().await;
    assert!(rojin.follows("home"), "the owner added Rojin again");
    assert_eq!(rojin.members("home"), dilan.members("home"));
}

#[test]
fn whoever_leaves_says_everything_first_and_stays_when_invited_again() {
    play(|| async {
        let mut world = World::new(409);
        let mut people = world.circle_of(3).await;
        let circle = people[2].circle("home");
        let before = people[2].sos("home");
        people[2].run(|ctx| engine::leave(ctx, &circle));
        let after = people[2].sos("home");
        // The Leave gets out, what was said after it does not yet.
        people[2].line.allow(Some(2));
        let _cut = people[2].driver.sync().await;
        people[2].line.allow(None);
        world.clock.advance(400);
        people[2].sync().await;
        assert!(!people[2].follows("home"), "it has left");
        for who in [0, 1] {
            people[who].sync().await;
            assert_once(&mut people[who], &[before, after], "both were said before it left");
        }
        assert_eq!(people[0].members("home").len(), 2);
        let (first, rest) = people.split_at_mut(1);
        first[0].add(&mut rest[1], "home").await;
        for _ in 0..2 {
            for person in &mut people {
                person.sync().await;
            }
        }
        assert!(people[2].follows("home") && people[0].members("home").len() == 3, "an old Leave is not said again");
    });
}

#[test]
fn what_could_only_be_read_and_not_written_for_days_is_sent_anew() {
    play(|| async {
        let mut world = World::new(410);
        let mut people = world.circle_of(3).await;
        let draft = engine::Draft { expires_hours: Some(720), ..engine::Draft::default() };
        let alert = people[2].run(|ctx| {
            let circle = engine::named(ctx, "home")?;
            let alert = himaya_protocol::content::sos::alert(None).expect("sos without a word is an alert");
            engine::raise(ctx, Some(&circle), alert, &draft)
        });
        let mut newcomer = world.person("newcomer");
        people[0].add(&mut newcomer, "home").await;
        people[2].line.allow(Some(0));
        // It reads on the fifth day for the last time; what it puts on the eighth is of an epoch nobody reads any more.
        for day in 1..=8 {
            world.clock.advance(DAY);
            for person in &mut people[..2] {
                person.line.allow(Some(0));
                let _no_updates = person.driver.sync().await;
                person.line.allow(None);
            }
            if day <= 5 {
                let _cut = people[2].driver.sync().await;
            }
        }
        people[2].line.allow(None);
        for _ in 0..2 {
            for who in [2, 0, 1] {
                people[who].sync().await;
            }
        }
        assert_once(&mut people[1], &[alert], "the epoch it was written in is not read any more");
    });
}

#[test]
fn whoever_is_added_while_the_sender_is_behind_reads_it_too() {
    play(|| async {
        let mut world = World::new(411);
        let mut people = world.circle_of(3).await;
        let mut newcomer = world.person("newcomer");
        people[0].add(&mut newcomer, "home").await;
        // Somebody is added again at once, in the same leaf.
        let group = people[0].circle("home").id;
        people[1].sync().await;
        let before = people[1].circle("home").epoch;
        people[1].run(|ctx| {
            let sql = "UPDATE circle SET adrift = 'missed', adrift_epoch = epoch, missed_to = 4000000, rejoin_at = 0";
            Ok(ctx.execute(&format!("{sql} WHERE id = ?1"), &[&group])?)
        });
        people[1].sync().await;
        people[0].sync().await;
        people[1].sync().await;
        assert!(people[1].follows("home") && people[1].circle("home").epoch > before);
        newcomer.sync().await;
        let alert = people[2].sos("home");
        people[2].sync().await;
        newcomer.sync().await;
        people[1].sync().await;
        people[0].sync().await;
        assert_once(&mut people[0], &[alert], "it was there all the time");
        assert_once(&mut newcomer, &[alert], "the sender did not know yet that it is there");
        assert_once(&mut people[1], &[alert], "the sender did not know yet that it was added again");
    });
}

#[test]
fn races_lost_one_after_the_other_do_not_run_past_what_was_said_between_them() {
    play(|| async {
        let mut world = World::new(412);
        let mut people = world.circle_of(3).await;
        world.clock.advance(11 * 3_600);
        people[2].run(engine::tick);
        assert_eq!(people[2].circle("home").pending, 1, "it has a commit of its own staged");
        let mut newcomer = world.person("first");
        people[0].add(&mut newcomer, "home").await;
        people[1].sync().await;
        let alert = people[1].sos("home");
        people[1].sync().await;
        for number in 0..8 {
            let mut newcomer = world.person(&format!("newcomer {number}"));
            people[0].add(&mut newcomer, "home").await;
        }
        people[2].sync().await;
        assert_once(&mut people[2], &[alert], "it was said in an epoch that ended while it was away");
    });
}

#[test]
fn commits_won_one_after_the_other_do_not_run_past_what_was_said_before() {
    play(|| async {
        let mut world = World::new(413);
        let mut people = world.circle_of(3).await;
        let mut newcomers: Vec<Person> = (0..7).map(|number| world.person(&format!("newcomer {number}"))).collect();
        for newcomer in &mut newcomers {
            people[0].hand_card(newcomer).await;
        }
        people[0].sync().await;
        let alert = people[1].sos("home");
        people[1].sync().await;
        // Seven additions are queued at once, by somebody who has not read the alert.
        for _ in 0..7 {
            people[0].approve_newest("home", himaya_protocol::wire::policy::Role::Contact);
        }
        people[0].sync().await;
        assert_eq!(people[0].members("home").len(), 10);
        assert_once(&mut people[0], &[alert], "it was said in the epoch that the first of them ended");
    });
}

#[test]
fn nothing_is_settled_while_a_commit_waits_for_its_chunks() {
    play(|| async {
        let mut world = World::new(77);
        let mut people = world.circle_of(10).await;
        // Six epochs go by, of which person 3 sees that they begin and no more.
        for name in 4..10 {
            people[0].commits_in_chunks();
            people[0].remove("home", &format!("person {name}"));
            people[0].sync().await;
            people[1].sync().await;
        }
        world.faults.hide_chunks(true);
        people[3].sync().await;
        let alert = people[3].sos("home");
        people[3].sync().await;
        people[3].sync().await;
        world.faults.hide_chunks(false);
        for _ in 0..3 {
            world.clock.advance(400);
            people[3].sync().await;
        }
        assert!(people[3].circle("home").epoch >= people[0].circle("home").epoch);
        people[0].sync().await;
        people[1].sync().await;
        assert!(people[0].has(alert) && people[1].has(alert), "it went out again in an epoch that they still read");
    });
}

#[test]
fn whoever_says_twice_that_it_leaves_leaves_once() {
    play(|| async {
        let mut world = World::new(78);
        let mut people = world.circle_of(3).await;
        for _ in 0..2 {
            people[1].run(|ctx| engine::leave(ctx, &engine::named(ctx, "home")?));
        }
        for _ in 0..2 {
            people[1].sync().await;
            people[0].sync().await;
        }
        assert!(!people[1].belongs("home"));
        assert!(!people[0].members("home").contains("person 1"));
        let events = people[0].run(|ctx| engine::log(ctx)).len();
        assert_eq!(events, 1, "one Leave is enough");
    });
}

#[test]
fn whoever_was_removed_and_invited_again_while_away_comes_back() {
    play(|| async {
        let mut world = World::new(79);
        let mut people = world.circle_of(2).await;
        let mut away = world.person("away");
        let owner = &mut people[0];
        // One request is approved, and the person removed; another, made meanwhile, is approved. "away" reads it all at once.
        owner.hand_card(&mut away).await;
        owner.sync().await;
        owner.approve_newest("home", Role::Contact);
        owner.sync().await;
        let card = owner.run(|ctx| engine::new_card(ctx, CardKind::Single));
        owner.sync().await;
        let key = away.driver.card_key(&card).await.expect("the card's key is on the relay");
        away.run(|ctx| engine::accept_card(ctx, &card, &key, None));
        away.driver.flush().await;
        owner.remove("home", "away");
        owner.sync().await;
        owner.approve_newest("home", Role::Contact);
        owner.sync().await;
        for _ in 0..3 {
            away.sync().await;
            owner.sync().await;
        }
        assert!(owner.members("home").contains("away"));
        assert!(away.follows("home"), "the second Welcome counts, read before or after the removal");
        let alert = owner.sos("home");
        owner.sync().await;
        away.sync().await;
        assert!(away.has(alert));
    });
}
