//! What people do with Himaya, step by step, on an in-process relay.

use himaya_tests::sim::{DAY, World};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn an_alert_reaches_everybody_and_an_answer_comes_back() -> Outcome {
    let mut world = World::new(1);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    assert_eq!(dilan.members("home").len(), 3);
    assert_eq!(dilan.members("home"), sara.members("home"));

    let alert = dilan.sos("home");
    assert!(dilan.reach(alert).relayed.is_none(), "saved here, nothing more");
    dilan.sync().await;
    assert!(dilan.reach(alert).relayed.is_some(), "the relay has it");
    rojin.sync().await;
    sara.sync().await;
    assert!(rojin.has(alert) && sara.has(alert));

    rojin.ack(alert);
    rojin.sync().await;
    dilan.sync().await;
    sara.sync().await;
    let reach = dilan.reach(alert);
    assert_eq!(reach.answered.iter().map(|answer| answer.name.as_str()).collect::<Vec<_>>(), ["Rojin"]);
    assert_eq!(reach.others, 2);
    assert_eq!(sara.reach(alert).answered.len(), 1, "the others see who answered");
    Ok(())
}

#[tokio::test]
async fn receipts_leave_later_in_one_batch_and_never_on_arrival() -> Outcome {
    let mut world = World::new(2);
    let mut people = world.circle(&["Dilan", "Rojin"]).await;
    let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
    let first = dilan.sos("home");
    let second = dilan.sos("home");
    dilan.sync().await;
    rojin.sync().await;
    dilan.sync().await;
    assert_eq!(dilan.reach(first).devices, 0, "nothing left on arrival");
    world.clock.advance(10 * 3_600 + 1);
    rojin.sync().await;
    dilan.sync().await;
    assert_eq!((dilan.reach(first).devices, dilan.reach(second).devices), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_removed_member_reads_nothing_after() -> Outcome {
    let mut world = World::new(3);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    dilan.remove("home", "Sara");
    dilan.sync().await;
    let after = dilan.sos("home");
    dilan.sync().await;
    rojin.sync().await;
    sara.sync().await;
    assert!(rojin.has(after));
    assert!(!sara.has(after), "I8: what is sent after the removal stays closed");
    assert!(!sara.follows("home"));
    assert_eq!(rojin.members("home").len(), 2);
    Ok(())
}

#[tokio::test]
async fn clearing_an_alert_reaches_everybody_it_reached() -> Outcome {
    let mut world = World::new(4);
    let mut people = world.circle(&["Dilan", "Rojin"]).await;
    let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
    let alert = dilan.sos("home");
    dilan.sync().await;
    dilan.run(|ctx| himaya::engine::clear(ctx, &alert, None));
    dilan.sync().await;
    rojin.sync().await;
    assert!(rojin.reach(alert).cleared.is_some());
    let refused = rojin.driver.transact(|ctx| himaya::engine::clear(ctx, &alert, None));
    assert!(matches!(refused, Err(himaya::engine::EngineError::NotAuthor)));
    Ok(())
}

#[tokio::test]
async fn an_alert_before_there_is_anybody_waits_for_the_first_who_comes() -> Outcome {
    let mut world = World::new(5);
    let mut dilan = world.person("Dilan");
    let mut rojin = world.person("Rojin");
    dilan.create_circle("home");
    let alert = dilan.sos("home");
    dilan.sync().await;
    assert!(dilan.reach(alert).relayed.is_none(), "nobody could read it");
    dilan.add(&mut rojin, "home").await;
    dilan.sync().await;
    rojin.sync().await;
    assert!(rojin.has(alert));
    Ok(())
}

#[tokio::test]
async fn a_sender_three_epochs_behind_is_heard_and_catches_up() -> Outcome {
    let mut world = World::new(6);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara", "Hêvî"]).await;
    let [dilan, rojin, sara, hevi] = people.as_mut_slice() else { panic!("four were made") };
    for name in ["Aram", "Zana", "Lana"] {
        let mut newcomer = world.person(name);
        dilan.add(&mut newcomer, "home").await;
    }
    rojin.sync().await;
    let behind = hevi.circle("home").epoch;
    assert_eq!(behind + 3, dilan.circle("home").epoch);
    let alert = hevi.sos("home");
    let flushed = hevi.driver.flush().await;
    assert!(flushed.failed.is_none(), "an alert leaves without catching up first");
    dilan.sync().await;
    rojin.sync().await;
    sara.sync().await;
    assert!(dilan.has(alert) && rojin.has(alert) && sara.has(alert));
    hevi.sync().await;
    assert_eq!(hevi.circle("home").epoch, dilan.circle("home").epoch);
    Ok(())
}

#[tokio::test]
async fn a_sender_too_many_epochs_behind_sends_again_once_it_has_caught_up() -> Outcome {
    let mut world = World::new(7);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    for number in 0..7 {
        let mut newcomer = world.person(&format!("newcomer {number}"));
        dilan.add(&mut newcomer, "home").await;
    }
    rojin.sync().await;
    let alert = sara.sos("home");
    assert!(sara.driver.flush().await.failed.is_none());
    rojin.sync().await;
    assert!(!rojin.has(alert), "seven epochs are too many");
    sara.sync().await;
    rojin.sync().await;
    dilan.sync().await;
    assert!(rojin.has(alert) && dilan.has(alert), "I4: what was queued arrives all the same");
    Ok(())
}

#[tokio::test]
async fn whoever_missed_more_than_the_relay_keeps_says_so_and_is_added_again() -> Outcome {
    let mut world = World::with_retention(8, 3);
    let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
    let [dilan, rojin, sara] = people.as_mut_slice() else { panic!("three were made") };
    for _ in 0..6 {
        world.clock.advance(DAY);
        dilan.sync().await;
        rojin.sync().await;
    }
    dilan.remove("home", "Rojin");
    dilan.sync().await;
    for _ in 0..6 {
        world.clock.advance(DAY);
        dilan.sync().await;
    }
    let before = sara.run(|ctx| himaya::engine::members(ctx, &himaya::engine::named(ctx, "home")?.id));
    let alert = sara.sos("home");
    sara.sync().await;
    assert!(!sara.follows("home"), "Sara says that she is out of sync");
    dilan.sync().await;
    assert!(dilan.has(alert), "her alert came by the contact lane");
    dilan.sync().await;
    sara.sync().await;
    sara.sync().await;
    assert!(sara.follows("home"), "she was added again");
    let after = sara.run(|ctx| himaya::engine::members(ctx, &himaya::engine::named(ctx, "home")?.id));
    let own = |members: &[himaya::engine::Member]| members.iter().find(|m| m.me).map(|m| m.fingerprint);
    assert_eq!(own(&before), own(&after), "with the same fingerprint");
    let answer = dilan.sos("home");
    dilan.sync().await;
    sara.sync().await;
    assert!(sara.has(answer));
    Ok(())
}
