//! A relay that lies is seen to lie. That none of this is said of an honest one, whatever is cut, lost or dies, is asserted
//! after every sync of every simulation (`Person::sync`).

use std::ops::ControlFlow;

use himaya::driver::Watched;
use himaya::engine::{self, News, Reason};
use himaya_protocol::wire::oblivious::{GatewayKey, PUBLIC_KEY_SIZE};
use himaya_protocol::wire::relay::Descriptor;
use himaya_tests::sim::{DAY, Lane, Person, World, play};
use tokio::sync::Notify;

fn reasons(person: &mut Person) -> Vec<Reason> {
    person.suspicions().into_iter().map(|suspicion| suspicion.reason).collect()
}

fn told(news: &[News]) -> Vec<Reason> {
    news.iter().filter_map(|news| if let News::RelaySuspect(reason) = news { Some(*reason) } else { None }).collect()
}

#[test]
fn a_slot_that_the_relay_took_and_hides_is_missed() {
    play(async || {
        let mut world = World::new(801);
        let mut people = world.circle_of(3).await;
        let first = people[2].places("home", Lane::Member("person 1"))[0].slot.address;
        people[2].lies.hide(first);
        people[1].sos("home");
        people[1].sync().await;
        let heard = people[1].sos("home");
        people[1].sync().await;
        people[2].sync().await;
        assert!(people[2].has(heard) && reasons(&mut people[2]).is_empty(), "the window is not closed yet");
        world.clock.advance(DAY);
        let news = people[2].sync().await;
        assert_eq!(told(&news), [Reason::Gap]);
        let suspicion = people[2].suspicions().remove(0);
        assert_eq!((suspicion.reason, suspicion.circle.as_deref()), (Reason::Gap, Some("home")));
        for honest in [0, 1] {
            people[honest].sync().await;
            assert!(people[honest].suspicions().is_empty(), "nobody else was lied to");
        }
        // Words compared by voice say whether it is the group that was split.
        let words = |person: &mut Person| {
            let circle = person.circle("home");
            person.run(|ctx| engine::circle_words(ctx, &circle))
        };
        assert_eq!(words(&mut people[2]), words(&mut people[0]));
        // It stays until somebody says that it is explained, and is told once.
        world.clock.advance(3 * DAY);
        assert!(told(&people[2].sync().await).is_empty());
        assert_eq!(reasons(&mut people[2]), [Reason::Gap]);
        people[2].run(|ctx| engine::forget_suspicions(ctx));
        people[2].lies.end();
        people[2].sync().await;
    });
}

#[test]
fn a_commit_slot_that_is_passed_over_is_missed() {
    play(async || {
        let mut world = World::new(802);
        let mut people = world.circle_of(3).await;
        // Something void comes first, so the owner's commit lies in the second slot.
        let place = people[2].places("home", Lane::Commit)[0].clone();
        assert!(world.put(&place, b"not a commit").await);
        people[2].lies.hide(place.slot.address);
        people[0].remove("home", "person 1");
        people[0].sync().await;
        people[2].sync().await;
        world.clock.advance(DAY);
        people[2].sync().await;
        assert_eq!(reasons(&mut people[2]), [Reason::Gap]);
        assert_eq!(people[2].circle("home").epoch + 1, people[0].circle("home").epoch, "it is kept from following");
        people[2].lies.end();
        people[2].run(|ctx| engine::forget_suspicions(ctx));
    });
}

#[test]
fn a_closed_window_that_changes_is_noticed() {
    play(async || {
        for changes in [true, false] {
            let mut world = World::new(803);
            let mut people = world.circle_of(5).await;
            let [owner, member, ..] = people.as_mut_slice() else { panic!("five were made") };
            // A commit whose chunks come late is what has a client read a window again.
            world.faults.hide_chunks(true);
            let alert = owner.sos("home");
            owner.sync().await;
            let place = owner.line.written().last().expect("the alert was put").address;
            owner.commits_in_chunks();
            owner.remove("home", "person 4");
            owner.sync().await;
            world.clock.advance(DAY);
            world.faults.restart_relay();
            member.sync().await;
            assert!(member.has(alert) && member.circle("home").epoch < owner.circle("home").epoch);
            if changes {
                member.lies.hide(place);
            }
            world.faults.hide_chunks(false);
            world.clock.advance(4_000);
            member.sync().await;
            assert!(member.circle("home").epoch >= owner.circle("home").epoch, "it has read on, and again");
            let expected: &[Reason] = if changes { &[Reason::WindowChanged] } else { &[] };
            assert_eq!(reasons(member), expected);
        }
    });
}

#[test]
fn whoever_is_shown_a_key_of_their_own_is_told_by_the_others() {
    play(async || {
        let mut world = World::with_tokens(804, 14, 2);
        let (mut dilan, mut rojin) = (world.invited("Dilan", 0), world.invited("Rojin", 1));
        dilan.create_circle("home");
        dilan.add(&mut rojin, "home").await;
        let other = World::with_tokens(805, 14, 1).relay.descriptor().await.token_keys;
        rojin.lies.show_keys(other);
        dilan.lies.blame();
        // As if the relay had shown it from the beginning: a key that changes would be noticed at once.
        rojin.run(|ctx| Ok(ctx.execute("DELETE FROM token_key", &[])?));
        rojin.sync().await;
        rojin.sos("home");
        rojin.sync().await;
        let news = dilan.sync().await;
        assert_eq!((told(&news), reasons(&mut dilan)), (vec![Reason::KeyDiffers], vec![Reason::KeyDiffers]));
        dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        assert_eq!(reasons(&mut rojin), [Reason::KeyDiffers]);
        rojin.lies.show_keys(World::with_tokens(806, 14, 1).relay.descriptor().await.token_keys);
        rojin.sync().await;
        assert_eq!(reasons(&mut rojin), [Reason::KeyChanged, Reason::KeyDiffers]);
        dilan.run(|ctx| engine::forget_suspicions(ctx));
        assert!(dilan.suspicions().is_empty());
    });
}

/// A key for forwarders as a descriptor shows it.
fn gateway_key(first: u32, byte: u8) -> GatewayKey {
    GatewayKey { first, public: Box::new([byte; PUBLIC_KEY_SIZE]) }
}

/// What another member is shown, and whether it differs: the same key, another for its window, one of a window without any, and
/// the same with that one before it.
fn shown_to_another(window: u32) -> [(Vec<GatewayKey>, bool); 4] {
    let own = gateway_key(window, 1);
    [
        (vec![own.clone()], false),
        (vec![gateway_key(window, 2)], true),
        (vec![gateway_key(window - 1, 1)], true),
        (vec![gateway_key(window - 1, 1), own], false),
    ]
}

#[test]
fn whoever_is_shown_a_key_for_forwarders_of_their_own_is_told_by_the_others() {
    play(async || {
        for case in 0..4 {
            for seen_before in [true, false] {
                let mut world = World::new(808);
                let mut people = world.circle_of(2).await;
                let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
                for _ in 0..2 {
                    world.clock.advance(DAY);
                    rojin.sync().await;
                    dilan.sync().await;
                }
                let window = world.relay.descriptor().await.current_window;
                let (theirs, differs) = shown_to_another(window)[case].clone();
                rojin.lies.show_gateway_keys(theirs);
                dilan.lies.show_gateway_keys(if seen_before { vec![gateway_key(window, 1)] } else { Vec::new() });
                rojin.sync().await;
                rojin.sos("home");
                rojin.sync().await;
                dilan.sync().await;
                if !seen_before {
                    assert!(reasons(dilan).is_empty(), "there is nothing to compare with yet");
                    dilan.lies.show_gateway_keys(vec![gateway_key(window, 1)]);
                    dilan.sync().await;
                }
                let expected = if differs { vec![Reason::KeyDiffers] } else { Vec::new() };
                assert_eq!(reasons(dilan), expected, "{case} {seen_before}");
                dilan.run(|ctx| engine::forget_suspicions(ctx));
                assert!(dilan.suspicions().is_empty());
                dilan.lies.show_gateway_keys(vec![gateway_key(window, 3)]);
                dilan.sync().await;
                assert_eq!(reasons(dilan), [Reason::KeyChanged]);
            }
        }
    });
}

/// Three people of a circle sync, write and sync again, two of them twice.
async fn talk(people: &mut [Person]) {
    for person in people.iter_mut() {
        person.sync().await;
        person.sos("home");
        person.sync().await;
    }
    for person in people.iter_mut() {
        person.sync().await;
    }
}

#[test]
fn whoever_is_told_other_terms_is_told_so_by_the_others() {
    play(async || {
        let lies: [fn(&mut Descriptor); 3] = [
            |relay| relay.sunset = Some(30_000),
            |relay| relay.retention = 30,
            |relay| relay.oldest_window = relay.current_window.min(relay.oldest_window + 1),
        ];
        for lie in lies {
            let mut world = World::new(809);
            let mut people = world.circle_of(3).await;
            people[1].lies.show_terms(lie);
            people[0].lies.blame();
            people[2].lies.blame();
            let mut seen = Vec::new();
            for _ in 0..4 {
                world.clock.advance(DAY);
                talk(&mut people).await;
                seen.push(people.iter_mut().map(reasons).collect::<Vec<_>>());
            }
            let (none, all) = (vec![vec![]; 3], vec![vec![Reason::TermsDiffer]; 3]);
            assert_eq!(seen.first(), Some(&none), "it may have been changed and the change taken back");
            assert_eq!(seen.last(), Some(&all));
            // It stays until somebody says that it is explained, and is seen anew while it goes on.
            people[0].run(|ctx| engine::forget_suspicions(ctx));
            let mut again = Vec::new();
            for _ in 0..5 {
                world.clock.advance(DAY);
                again.push(reasons(&mut people[0]));
                talk(&mut people).await;
            }
            assert_eq!((again.first(), reasons(&mut people[0])), (Some(&vec![]), vec![Reason::TermsDiffer]));
        }
    });
}

/// Follows the feed until an event has come that the others write meanwhile.
async fn follow(person: &mut Person, meanwhile: impl Future<Output = ()>) {
    let (connected, mut follows) = (Notify::new(), false);
    let watched = person.driver.watch(|_, watched| match watched {
        Watched::Connected => {
            follows = true;
            connected.notify_one();
            ControlFlow::Continue(())
        }
        // What came before is told as well.
        Watched::News(News::Event(_)) if follows => ControlFlow::Break(()),
        Watched::News(_) | Watched::Lost(_) | Watched::Signal(_) => ControlFlow::Continue(()),
    });
    let others = async {
        connected.notified().await;
        meanwhile.await;
    };
    let (watched, ()) = tokio::join!(watched, others);
    watched.expect("the profile works");
}

// `sync` asserts that nobody suspects anything.
#[test]
fn terms_that_change_for_everybody_are_suspected_by_nobody() {
    play(async || {
        // Before whose turn the operator changes something, and whether the person in the middle reads seldom.
        for (turn, slow) in [(0, false), (1, false), (2, false), (1, true)] {
            let mut world = World::new(810);
            let mut people = world.circle_of(3).await;
            let mut old_words = 0;
            for day in 0..8_u32 {
                world.clock.advance(DAY);
                for (round, at) in [0, 1].into_iter().flat_map(|round| [0, 1, 2].map(|at| (round, at))) {
                    if (round, at) == (0, turn) {
                        // Announced, put off, taken back, and announced again as it was.
                        world.relay.announce_sunset((day != 4).then_some(30_000 + day.min(3)));
                    }
                    // What is written before it has read anew says what it had read before.
                    people[at].sos("home");
                    let known = people[at].run(|ctx| engine::relay_sunset(ctx));
                    let now = world.relay.descriptor().await.sunset.map(u64::from);
                    old_words += usize::from(known != now);
                    if !slow || at != 1 || day % 3 == 0 {
                        people[at].sync().await;
                    }
                }
            }
            assert!(old_words >= 8, "what was written says other terms than the relay's");
        }
    });
}

#[test]
fn whoever_follows_the_feed_hears_of_new_terms_first_and_suspects_nobody() {
    play(async || {
        let mut world = World::new(811);
        let mut people = world.circle_of(3).await;
        for day in 0..6_u32 {
            world.clock.advance(DAY);
            for person in &mut people {
                person.sync().await;
            }
            people.rotate_left(1);
            let [watcher, writer, other] = people.as_mut_slice() else { panic!("three were made") };
            let relay = world.relay.clone();
            follow(watcher, async {
                relay.announce_sunset(Some(30_000 + day));
                writer.sync().await;
                writer.sos("home");
                writer.sync().await;
            })
            .await;
            let doubts = watcher.run(|ctx| engine::doubted_terms(ctx));
            assert!(doubts.is_some(), "it was told of terms that it has not read");
            watcher.sync().await;
            other.sync().await;
            assert_eq!(watcher.run(|ctx| engine::doubted_terms(ctx)), None);
        }
    });
}

#[test]
fn what_an_operator_takes_back_once_is_no_reason_for_suspicion_and_twice_is() {
    play(async || {
        let mut world = World::new(814);
        let mut people = world.circle_of(2).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        for times in 0..2 {
            world.clock.advance(DAY);
            assert!(reasons(dilan).is_empty(), "{times}");
            world.relay.announce_sunset(Some(30_000));
            rojin.sync().await;
            rojin.sos("home");
            rojin.sync().await;
            // Dilan has read only before and after.
            world.relay.announce_sunset(None);
            if times == 1 {
                dilan.lies.blame();
            }
            dilan.sync().await;
            dilan.sync().await;
            // Whoever reads the other ones too sees that they change, for everybody.
            rojin.sync().await;
        }
        assert_eq!(reasons(dilan), [Reason::TermsDiffer]);
        assert!(reasons(rojin).is_empty());
    });
}

#[test]
fn a_relay_that_is_silent_where_cover_should_be_is_noticed() {
    play(async || {
        for swallows in [true, false] {
            let mut world = World::new(807);
            let mut people = world.circle_of(2).await;
            let [owner, _] = people.as_mut_slice() else { panic!("two were made") };
            owner.driver.begin_watching().expect("the profile works");
            let before = owner.line.written().len();
            if swallows {
                owner.lies.swallow(usize::MAX);
            }
            for _ in 0..48 {
                world.clock.advance(1_800);
                owner.driver.look_around(false).await.expect("the line works");
            }
            assert!(owner.line.written().len() > before, "a day of cover was written");
            assert!(reasons(owner).is_empty(), "it has not read since");
            owner.sync().await;
            let expected: &[Reason] = if swallows { &[Reason::Silent] } else { &[] };
            assert_eq!(reasons(owner), expected);
        }
    });
}

#[test]
fn an_alert_that_the_relay_takes_and_throws_away_is_noticed() {
    play(async || {
        let mut world = World::new(808);
        let mut people = world.circle_of(2).await;
        people[1].lies.swallow(1);
        let alert = people[1].sos("home");
        let news = people[1].sync().await;
        assert!(people[1].reach(alert).relayed.is_some(), "the relay said that it has it");
        assert_eq!(told(&news), [Reason::Silent]);
    });
}
