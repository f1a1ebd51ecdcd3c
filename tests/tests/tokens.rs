//! Rights to write: drawn, kept, shown. A relay that takes nothing new without a token, people with and without invites,
//! answers that are lost, and clients that die in between.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::{BTreeMap, BTreeSet};

use himaya::driver::DriverError;
use himaya::engine::{self, InviteState, RESERVE, Stock};
use himaya_protocol::content::EventId;
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::relay::Descriptor;
use himaya_tests::sim::{DAY, Line, Person, World, play};

fn stock(person: &mut Person) -> Stock {
    person.run(|ctx| engine::stock(ctx)).expect("the relay asks for tokens")
}

fn waiting(person: &mut Person) -> u64 {
    person.run(|ctx| engine::waiting(ctx)).0
}

/// Two people with an invite each, in a circle that the first owns.
async fn pair(world: &mut World) -> (Person, Person) {
    let mut dilan = world.invited("Dilan", 0);
    let mut rojin = world.invited("Rojin", 1);
    dilan.create_circle("home");
    dilan.add(&mut rojin, "home").await;
    settle(world, &mut [&mut dilan, &mut rojin]).await;
    (dilan, rojin)
}

/// Everybody syncs until nobody has anything to send.
async fn settle(world: &World, people: &mut [&mut Person]) {
    for _ in 0..4 {
        for person in people.iter_mut() {
            person.sync().await;
        }
        world.clock.advance(1);
    }
}

/// Uses tokens up until this many are left, as writing would.
fn use_up(person: &mut Person, left: u64) {
    person.run(|ctx| {
        let sql = "DELETE FROM token WHERE address IS NULL AND bytes NOT IN
            (SELECT bytes FROM token WHERE address IS NULL ORDER BY bytes LIMIT ?1)";
        ctx.execute(sql, &[&i64::try_from(left).expect("few")])?;
        Ok(())
    });
    assert_eq!(stock(person).left, left);
}

/// No token was shown with two addresses: that would tell the relay that one person wrote both.
fn audit(line: &Line) {
    let mut places = BTreeMap::<_, BTreeSet<_>>::new();
    for (address, token) in line.shown() {
        places.entry(token).or_default().insert(*address.as_bytes());
    }
    assert!(places.values().all(|addresses| addresses.len() == 1), "a token was shown with two addresses");
}

/// How many different tokens were shown.
fn tokens_shown(line: &Line) -> usize {
    line.shown().into_iter().map(|(_, token)| token).collect::<BTreeSet<_>>().len()
}

fn arrived(person: &mut Person, event: EventId) -> bool {
    person.has(event)
}

#[test]
fn people_with_invites_write_and_a_batch_a_window_is_drawn() {
    play(async || {
        let mut world = World::with_tokens(1, 14, 2);
        let (mut dilan, mut rojin) = pair(&mut world).await;
        let alert = dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        assert!(arrived(&mut rojin, alert));
        let draws = dilan.line.draws();
        assert_eq!(draws.len(), 1, "one batch a window, whatever was used");
        assert_eq!(stock(&mut dilan).invite, InviteState::Good);
        // Through the next two windows: one more each.
        world.clock.advance(DAY - world.clock.seconds() % DAY);
        for draws in 2..4 {
            for wait in [DAY / 4, DAY / 4, DAY / 4, DAY / 4 - 2, 1] {
                dilan.sync().await;
                world.clock.advance(wait);
            }
            dilan.sync().await;
            world.clock.advance(1);
            assert_eq!(dilan.line.draws().len(), draws);
        }
        audit(&dilan.line);
        audit(&rojin.line);
    });
}

#[test]
fn without_an_invite_everything_waits_and_leaves_once_there_is_one() {
    play(async || {
        let mut world = World::with_tokens(2, 14, 2);
        let mut sara = world.person("Sara");
        sara.create_circle("home");
        sara.run(|ctx| engine::new_card(ctx, CardKind::Single));
        sara.sync().await;
        assert_eq!((waiting(&mut sara), stock(&mut sara).invite), (1, InviteState::Missing));
        assert!(matches!(sara.driver.flush().await.failed, Some(DriverError::NoTokens)));
        let invite = world.invite(0).clone();
        sara.run(|ctx| engine::add_invite(ctx, &invite));
        sara.sync().await;
        assert_eq!((waiting(&mut sara), stock(&mut sara).left), (0, 127));
    });
}

#[test]
fn an_invite_that_the_relay_does_not_know_is_said_and_replaced() {
    play(async || {
        let mut world = World::with_tokens(3, 14, 1);
        let other = World::with_tokens(4, 14, 1);
        let mut sara = world.person("Sara");
        let unknown = other.invite(0).clone();
        sara.run(|ctx| engine::add_invite(ctx, &unknown));
        sara.run(|ctx| engine::new_card(ctx, CardKind::Single));
        sara.sync().await;
        assert_eq!((waiting(&mut sara), stock(&mut sara).invite), (1, InviteState::Refused));
        sara.sync().await;
        assert_eq!(sara.line.draws().len(), 1, "a refused invite is not tried again");
        let invite = world.invite(0).clone();
        sara.run(|ctx| engine::add_invite(ctx, &invite));
        sara.sync().await;
        assert_eq!((waiting(&mut sara), stock(&mut sara).invite), (0, InviteState::Good));
    });
}

#[test]
fn the_reserve_is_for_alerts_answers_and_removals() {
    play(async || {
        let mut world = World::with_tokens(5, 14, 2);
        let (mut dilan, mut rojin) = pair(&mut world).await;
        let alert = dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        use_up(&mut dilan, RESERVE);
        // A card can wait.
        dilan.run(|ctx| engine::new_card(ctx, CardKind::Single));
        dilan.sync().await;
        assert_eq!((waiting(&mut dilan), stock(&mut dilan).left), (1, RESERVE));
        // An alert cannot, nor can an answer or a removal.
        let second = dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        assert!(arrived(&mut rojin, second));
        assert_eq!((waiting(&mut dilan), stock(&mut dilan).left), (1, RESERVE - 1));
        use_up(&mut rojin, 1);
        rojin.ack(alert);
        rojin.sync().await;
        dilan.sync().await;
        assert_eq!(dilan.reach(alert).answered.len(), 1);
        use_up(&mut dilan, 4);
        dilan.remove("home", "Rojin");
        dilan.sync().await;
        assert_eq!(dilan.members("home").len(), 1);
        assert_eq!(waiting(&mut dilan), 1, "the card still waits");
        assert!(stock(&mut dilan).left < 4);
    });
}

#[test]
fn a_long_removal_leaves_half_of_the_reserve_and_waits_for_alerts() {
    play(async || {
        let mut world = World::with_tokens(15, 14, 7);
        let mut people: Vec<Person> = (0..7).map(|number| world.invited(&format!("person {number}"), number)).collect();
        let (dilan, others) = people.split_first_mut().expect("there are some");
        dilan.create_circle("home");
        for other in others.iter_mut() {
            dilan.add(other, "home").await;
        }
        settle(&world, &mut people.iter_mut().collect::<Vec<_>>()).await;
        let dilan = &mut people[0];
        use_up(dilan, RESERVE / 2);
        let before = dilan.line.written().len();
        dilan.remove("home", "person 6");
        let parts = |person: &mut Person| {
            let sql = "SELECT count(*) FROM job WHERE purpose = 'part'";
            person.run(|ctx| Ok(ctx.row(sql, &[], |row| row.get::<_, i64>(0))?)).unwrap_or_default()
        };
        let long = parts(dilan);
        assert!(long > 1, "it is cut");
        let alert = dilan.sos("home");
        dilan.sync().await;
        assert_eq!(dilan.line.written().len(), before + 1, "the alert went alone");
        assert_eq!((parts(dilan), stock(dilan).left), (long, RESERVE / 2 - 1));
        people[1].sync().await;
        assert!(arrived(&mut people[1], alert));
        world.clock.advance(DAY - world.clock.seconds() % DAY);
        let dilan = &mut people[0];
        for wait in [DAY / 4, DAY / 4, DAY / 4, DAY / 4 - 2] {
            dilan.sync().await;
            world.clock.advance(wait);
        }
        assert_eq!((waiting(dilan), dilan.members("home").len()), (0, 6), "the next draw pays for it");
        audit(&dilan.line);
    });
}

#[test]
fn an_empty_stock_keeps_an_alert_and_the_next_draw_sends_it_first() {
    play(async || {
        let mut world = World::with_tokens(6, 14, 2);
        let (mut dilan, mut rojin) = pair(&mut world).await;
        use_up(&mut dilan, 0);
        dilan.run(|ctx| engine::new_card(ctx, CardKind::Single));
        let alert = dilan.sos("home");
        let flushed = dilan.driver.flush().await;
        assert!(matches!(flushed.failed, Some(DriverError::NoTokens)));
        assert_eq!(waiting(&mut dilan), 2, "both are saved");
        dilan.sync().await;
        assert_eq!(dilan.line.draws().len(), 1, "this window's batch was drawn before");
        // When a window begins, an alert does not wait for the random time in it.
        world.clock.advance(DAY - world.clock.seconds() % DAY);
        let before = dilan.line.written().len();
        let of_alert = dilan.run(|ctx| {
            let sql = "SELECT address FROM job WHERE purpose = 'event'";
            Ok(ctx.row(sql, &[], |row| row.get::<_, Vec<u8>>(0))?)
        });
        dilan.sync().await;
        rojin.sync().await;
        assert!(arrived(&mut rojin, alert));
        assert_eq!((waiting(&mut dilan), stock(&mut dilan).left), (0, 126));
        let first = dilan.line.written()[before].address;
        assert_eq!(of_alert.as_deref(), Some(&first.as_bytes()[..]), "the alert leaves before the card");
        audit(&dilan.line);
    });
}

#[test]
fn a_lost_answer_to_a_draw_is_asked_for_again_with_the_same_bytes() {
    play(async || {
        let mut world = World::with_tokens(7, 14, 1);
        let mut dilan = world.invited("Dilan", 0);
        dilan.run(|ctx| engine::new_card(ctx, CardKind::Single));
        world.faults.lose_answers(100);
        for _ in 0..3 {
            assert!(dilan.driver.flush().await.failed.is_some(), "the answer is lost");
            dilan.driver.retry_now().expect("the profile is there");
        }
        world.faults.heal();
        dilan.sync().await;
        let draws = dilan.line.draws();
        assert!(draws.len() == 4 && draws.iter().all(|draw| *draw == draws[0]), "{}", draws.len());
        assert_eq!((waiting(&mut dilan), stock(&mut dilan).left), (0, 127), "the allotment of one draw was enough");
    });
}

#[test]
fn a_lost_answer_to_a_put_costs_no_second_token() {
    play(async || {
        let mut world = World::with_tokens(8, 14, 2);
        let (mut dilan, mut rojin) = pair(&mut world).await;
        let before = (stock(&mut dilan).left, tokens_shown(&dilan.line));
        let alert = dilan.sos("home");
        world.faults.lose_answers(100);
        for _ in 0..3 {
            assert!(dilan.driver.flush().await.failed.is_some());
            dilan.driver.retry_now().expect("the profile is there");
        }
        world.faults.heal();
        dilan.sync().await;
        rojin.sync().await;
        assert!(arrived(&mut rojin, alert));
        assert_eq!((stock(&mut dilan).left, tokens_shown(&dilan.line)), (before.0 - 1, before.1 + 1));
        audit(&dilan.line);
    });
}

#[test]
fn a_put_that_was_refused_costs_nothing() {
    play(async || {
        let mut world = World::with_tokens(9, 14, 2);
        let (mut dilan, mut rojin) = pair(&mut world).await;
        let before = (stock(&mut dilan).left, tokens_shown(&dilan.line));
        let alert = dilan.sos("home");
        world.relay.announce_sunset(Some(0));
        for _ in 0..3 {
            assert!(dilan.driver.flush().await.failed.is_some(), "the relay takes nothing new");
            dilan.driver.retry_now().expect("the profile is there");
        }
        world.relay.announce_sunset(None);
        dilan.sync().await;
        rojin.sync().await;
        assert!(arrived(&mut rojin, alert));
        assert_eq!((stock(&mut dilan).left, tokens_shown(&dilan.line)), (before.0 - 1, before.1 + 1));
        audit(&dilan.line);
    });
}

#[test]
fn tokens_that_the_relay_does_not_take_are_dropped_a_few_at_a_time() {
    play(async || {
        let mut world = World::with_tokens(10, 14, 2);
        let (mut dilan, mut rojin) = pair(&mut world).await;
        let before = stock(&mut dilan).left;
        dilan.run(|ctx| {
            // None that the relay has made.
            ctx.execute(
                "UPDATE token SET bytes = CAST(substr(bytes, 1, 160) || x'0000' AS BLOB) WHERE address IS NULL",
                &[],
            )?;
            Ok(())
        });
        let alert = dilan.sos("home");
        assert!(dilan.driver.flush().await.failed.is_some());
        let left = stock(&mut dilan).left;
        assert!(left < before && before - left < 6, "{before} {left}");
        use_up(&mut dilan, 0);
        world.clock.advance(DAY);
        dilan.sync().await;
        rojin.sync().await;
        assert!(arrived(&mut rojin, alert));
        audit(&dilan.line);
    });
}

#[test]
fn tokens_go_with_their_key() {
    play(async || {
        let mut world = World::with_tokens(13, 2, 1);
        let mut dilan = world.invited("Dilan", 0);
        dilan.sync().await;
        assert_eq!(stock(&mut dilan).left, 128);
        world.clock.advance(2 * DAY);
        let old = dilan.run(|ctx| Ok(ctx.rows("SELECT bytes FROM token", &[], |row| row.get::<_, Vec<u8>>(0))?));
        dilan.sync().await;
        assert_eq!(stock(&mut dilan).left, 128, "those of the new key");
        let new = dilan.run(|ctx| Ok(ctx.rows("SELECT bytes FROM token", &[], |row| row.get::<_, Vec<u8>>(0))?));
        assert!(new.iter().all(|token| !old.contains(token)));
        assert!(!stock(&mut dilan).key_changed);
    });
}

#[test]
fn two_keys_for_one_window_are_noticed() {
    play(async || {
        let mut world = World::with_tokens(14, 14, 1);
        let mut dilan = world.invited("Dilan", 0);
        dilan.sync().await;
        let mut relay = world.relay.descriptor().await;
        let other = World::with_tokens(15, 14, 1).relay.descriptor().await;
        relay.token_keys = other.token_keys;
        assert!(!stock(&mut dilan).key_changed);
        dilan.run(|ctx| engine::note_relay_tokens(ctx, &relay));
        assert!(stock(&mut dilan).key_changed);
    });
}

/// The relay's descriptor, with another relay's token key made to begin `ahead` windows after the relay's newest.
async fn with_key(world: &World, other: u64, ahead: u32) -> Descriptor {
    let mut relay = world.relay.descriptor().await;
    let newest = relay.token_keys.last().expect("a key").first;
    let mut keys = World::with_tokens(other, 14, 1).relay.descriptor().await.token_keys;
    let key = keys.first_mut().expect("a key");
    key.first = newest + ahead;
    relay.token_keys = keys;
    relay
}

#[test]
fn members_who_are_shown_different_keys_hear_of_it() {
    play(async || {
        for (key_of_dilan, key_of_rojin, differs) in [(21, 22, true), (21, 21, false)] {
            for ahead in [0, 1] {
                let mut world = World::with_tokens(16, 14, 2);
                let (mut dilan, mut rojin) = pair(&mut world).await;
                assert!(!stock(&mut rojin).key_differs && !stock(&mut dilan).key_differs);
                dilan.lies.blame();
                rojin.lies.blame();
                // As if neither had seen an earlier key.
                for person in [&mut dilan, &mut rojin] {
                    person.run(|ctx| Ok(ctx.execute("DELETE FROM token_key", &[])?));
                }
                let theirs = with_key(&world, key_of_dilan, ahead).await;
                dilan.run(|ctx| engine::note_relay_tokens(ctx, &theirs));
                dilan.sos("home");
                dilan.sync().await;
                let own = with_key(&world, key_of_rojin, ahead).await;
                // Whether the own key is seen before the member's or after it.
                if ahead == 0 {
                    rojin.run(|ctx| engine::note_relay_tokens(ctx, &own));
                }
                rojin.sync().await;
                if ahead == 1 {
                    assert!(!stock(&mut rojin).key_differs, "there is nothing to compare with yet");
                    rojin.run(|ctx| engine::note_relay_tokens(ctx, &own));
                }
                assert_eq!(stock(&mut rojin).key_differs, differs, "{key_of_dilan} {key_of_rojin} {ahead}");
            }
        }
    });
}

#[cfg(debug_assertions)]
mod crashes {
    use himaya::store::Moment;

    use super::*;

    /// Dies before and after every commit of drawing and spending, one a run: everything arrives once, one batch is drawn,
    /// and no token is shown with two addresses.
    #[test]
    fn a_client_that_dies_around_a_draw_or_a_put_loses_nothing() {
        play(async || {
            let mut deaths = 0;
            for moment in [Moment::BeforeCommit, Moment::AfterCommit] {
                for commit in 0.. {
                    if !dies(commit, moment).await {
                        break;
                    }
                    deaths += 1;
                }
            }
            assert!(deaths > 8, "{deaths}");
        });
    }

    /// Plays once; whether the client died.
    async fn dies(commit: u64, moment: Moment) -> bool {
        let case = format!("{moment:?} {commit}");
        let mut world = World::with_tokens(16, 14, 1);
        let mut dilan = world.invited("Dilan", 0);
        let card = dilan.run(|ctx| engine::new_card(ctx, CardKind::Single));
        dilan.die_at(commit, moment);
        let mut died = false;
        for _ in 0..4 {
            let _dead = dilan.driver.sync().await;
            died |= dilan.restart();
            world.clock.advance(600);
            dilan.driver.retry_now().expect("it lives again");
        }
        assert_eq!(waiting(&mut dilan), 0, "{case}");
        let mut reader = world.person("Reader");
        reader.driver.card_key(&card).await.unwrap_or_else(|error| panic!("{case}: {error}"));
        let draws = dilan.line.draws();
        assert!(draws.iter().all(|draw| *draw == draws[0]), "{case}: another draw was made");
        assert_eq!((stock(&mut dilan).left, tokens_shown(&dilan.line)), (127, 1), "{case}");
        audit(&dilan.line);
        died
    }
}
