//! Months pass on simulated time: what is due goes from everybody's client, and nothing brings it back.

use himaya::engine::{self, Draft};
use himaya_protocol::case::case_of;
use himaya_protocol::content::body::StandDown;
use himaya_protocol::content::vocabulary::{AckLevel, CaseStatus};
use himaya_protocol::content::{CaseId, EventId};
use himaya_tests::sim::{DAY, Person, World, play};

/// Everybody connects every other day.
async fn days(world: &World, people: &mut [Person], days: u64) {
    for _ in 0..days / 2 {
        world.clock.advance(2 * DAY);
        for _ in 0..2 {
            for person in people.iter_mut() {
                person.sync().await;
            }
        }
    }
}

#[test]
fn an_alert_of_a_circle_goes_from_everybody_after_30_days() {
    play(|| async {
        let mut world = World::new(501);
        let mut people = world.circle(&["Dilan", "Rojin", "Sara"]).await;
        let alert = people[0].sos("home");
        days(&world, &mut people, 28).await;
        assert!(people.iter_mut().all(|person| person.has(alert)));
        days(&world, &mut people, 4).await;
        assert!(people.iter_mut().all(|person| !person.has(alert)));
        let next = people[0].sos("home");
        days(&world, &mut people, 4).await;
        assert!(people.iter_mut().all(|person| person.has(next) && !person.has(alert)), "the circle goes on");
    });
}

fn case(person: &mut Person, alert: EventId) -> CaseId {
    let entry = person.run(|ctx| engine::by_id(ctx, &alert));
    case_of(&entry.event).expect("an alert belongs to a case")
}

fn status(person: &mut Person, case: &CaseId) -> Option<CaseStatus> {
    person.run(|ctx| engine::board(ctx)).case(case).and_then(|case| case.status.clone())
}

#[test]
fn a_case_goes_from_everybody_90_days_after_its_end() {
    play(|| async {
        let mut world = World::new(502);
        let mut people: Vec<Person> = ["Sara", "Dilan"].map(|name| world.person(name)).into();
        let [sara, dilan] = people.as_mut_slice() else { panic!("two were made") };
        sara.run(|ctx| engine::new_desk(ctx, "Night desk"));
        sara.open_line(dilan).await;
        days(&world, &mut people, 2).await;
        let alert = people[1].sos("Night desk: Dilan");
        days(&world, &mut people, 2).await;
        let id = case(&mut people[0], alert);
        people[0].run(|ctx| engine::acknowledge(ctx, &alert, AckLevel::Human, None));
        days(&world, &mut people, 120).await;
        assert!(people.iter_mut().all(|person| status(person, &id) == Some(CaseStatus::Acked)), "it is open");
        people[1].run(|ctx| {
            let draft = Draft { case: Some(id.clone()), ..Draft::default() };
            let home = engine::home(ctx, &id)?;
            engine::say(ctx, &home, StandDown { refs: [alert].into(), reason: None }, &draft)
        });
        days(&world, &mut people, 88).await;
        assert!(people.iter_mut().all(|person| status(person, &id) == Some(CaseStatus::Withdrawn)));
        days(&world, &mut people, 4).await;
        for person in &mut people {
            assert!(person.run(|ctx| engine::case_log(ctx, &id)).is_empty(), "{} keeps some of it", person.name);
        }
    });
}
