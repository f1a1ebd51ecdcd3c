//! A check-in under duress: the others know, and the device it came from shows nothing.

use himaya::engine::{self, EngineError};
use himaya_protocol::case::Case;
use himaya_protocol::content::body::{Assignment, CheckInPlan, Triage};
use himaya_protocol::content::value::{Note, Text};
use himaya_protocol::content::vocabulary::{AckLevel, Act, CaseStatus, CheckInAnswer, Part, Status, VerifiedBy};
use himaya_protocol::content::{Body, CaseId, EventId, Notice};
use himaya_protocol::wire::policy::Role;
use himaya_tests::sim::{Person, World, play, round};

const HOUR: u64 = 3_600;

/// A plan whose first time has come.
fn plan(person: &mut Person, world: &World, circle: &str) -> EventId {
    let content = CheckInPlan {
        start: world.clock.seconds() / 60,
        rrule: "FREQ=DAILY;COUNT=3".parse().expect("a rule"),
        grace: 30,
        remind: 10,
        ladder: Vec::new(),
        sealed_plan: None,
        offset: None,
    };
    let circle = person.circle(circle);
    person.run(|ctx| engine::make_plan(ctx, &circle, content, Status::Actual))
}

/// `ok` with words, as the command line says it.
fn ok(person: &mut Person, plan: EventId, words: &str) -> EventId {
    answer(person, plan, 0, CheckInAnswer::Ok, words)
}

/// An answer to a time of a plan.
fn answer(person: &mut Person, plan: EventId, seq: u64, answer: CheckInAnswer, words: &str) -> EventId {
    person.run(|ctx| {
        let plan = engine::plans(ctx)?.into_iter().find(|known| known.id == plan).expect("it is known");
        let freely = !engine::is_duress_word(ctx, words)?;
        engine::check_in(ctx, &plan, seq, answer, None, freely)
    })
}

fn case(person: &mut Person, id: &CaseId) -> Case {
    person.run(|ctx| Ok(engine::board(ctx)?.case(id).cloned())).expect("the case is known")
}

/// Everything that a device can be made to show of a case, as text.
fn shown(person: &mut Person, id: &CaseId) -> String {
    let log = person.run(|ctx| engine::case_log(ctx, id));
    let said = |body: &Body| format!("{body:?} {:?}", body.words().unwrap_or_default());
    let bodies: Vec<String> = log.iter().map(|entry| said(entry.event.body())).collect();
    format!("{bodies:?} {:?}", case(person, id).status)
}

fn decision(status: CaseStatus, verified: VerifiedBy, confirms: Option<EventId>) -> Triage {
    let reason = Note::new("her brother met her").expect("short");
    Triage { status: Some(status), verified: Some(verified), confirms, ..Triage::new(reason) }
}

#[test]
fn the_desk_knows_and_the_device_of_the_defender_shows_nothing() {
    play(|| async {
        let mut world = World::new(81);
        let (mut sara, mut nora, mut dilan) = (world.person("Sara"), world.person("Nora"), world.person("Dilan"));
        sara.run(|ctx| engine::new_desk(ctx, "Night desk"));
        sara.add_as(&mut nora, "Night desk", Role::Coordinator).await;
        round(&mut [&mut sara, &mut nora]).await;
        sara.open_line(&mut dilan).await;
        round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        dilan.run(|ctx| engine::set_duress_word(ctx, "Blue tree"));
        let line = dilan.run(|ctx| engine::own_line(ctx, None)).name;
        let id = plan(&mut dilan, &world, &line);
        let about = CaseId::from_slice(id.as_bytes()).expect("an id");

        let said = ok(&mut dilan, id, " blue  TREE");
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        for coordinator in [&mut sara, &mut nora] {
            assert_eq!(case(coordinator, &about).status, Some(CaseStatus::DuressHold), "{}", coordinator.name);
        }

        // What the desk does about it stays on the desk: answers, the ladder, notes, decisions.
        sara.run(|ctx| engine::acknowledge(ctx, &said, AckLevel::Human, None));
        world.clock.advance(2 * HOUR);
        round(&mut [&mut nora, &mut sara]).await;
        let refused = sara.driver.transact(|ctx| engine::open_case(ctx, &about));
        assert!(matches!(refused, Err(EngineError::Held)), "{refused:?}");
        let note = Text::new("the bench by the gate").expect("short");
        let refused = sara.driver.transact(|ctx| engine::hand_over(ctx, &about, note, 6));
        assert!(matches!(refused, Err(EngineError::Held)), "{refused:?}");
        let first = sara.run(|ctx| {
            let to = decision(CaseStatus::Triaged, VerifiedBy::InPerson, None);
            engine::decide(ctx, &about, to, engine::Place::Home)
        });
        round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        let seen = shown(&mut dilan, &about);
        for word in ["Duress", "Triage", "Escalation", "brother"] {
            assert!(!seen.contains(word), "{word} is on the device: {seen}");
        }
        assert!(seen.contains("CheckIn {"), "{seen}");
        let acks = dilan.inbox().iter().filter(|entry| matches!(entry.event.body(), Body::Ack(_))).count();
        assert_eq!(acks, 0, "nobody's answer tells that it was more than a check-in");

        // Two coordinators end it; from then on the defender reads along again.
        nora.run(|ctx| {
            let to = decision(CaseStatus::Triaged, VerifiedBy::InPerson, Some(first));
            engine::decide(ctx, &about, to, engine::Place::Home)
        });
        round(&mut [&mut nora, &mut sara, &mut dilan]).await;
        assert_eq!(case(&mut sara, &about).status, Some(CaseStatus::Triaged));
        let words = Notice { text: Text::new("we are here").expect("short") };
        sara.run(|ctx| engine::decide(ctx, &about, words, engine::Place::Home));
        round(&mut [&mut sara, &mut dilan]).await;
        let seen = shown(&mut dilan, &about);
        assert!(seen.contains("we are here") && !seen.contains("Duress"), "{seen}");
    });
}

#[test]
fn after_the_hold_the_case_goes_on_and_a_later_duress_holds_it_anew() {
    play(|| async {
        let mut world = World::new(85);
        let (mut sara, mut nora, mut dilan) = (world.person("Sara"), world.person("Nora"), world.person("Dilan"));
        sara.run(|ctx| engine::new_desk(ctx, "Night desk"));
        sara.add_as(&mut nora, "Night desk", Role::Coordinator).await;
        round(&mut [&mut sara, &mut nora]).await;
        sara.open_line(&mut dilan).await;
        round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        dilan.run(|ctx| engine::set_duress_word(ctx, "blue tree"));
        let line = dilan.run(|ctx| engine::own_line(ctx, None)).name;
        let id = plan(&mut dilan, &world, &line);
        let about = CaseId::from_slice(id.as_bytes()).expect("an id");
        let first = answer(&mut dilan, id, 0, CheckInAnswer::Ok, "blue tree");
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        // Nobody says that they have seen it; two make sure of her at once.
        let one = sara.run(|ctx| {
            let to = decision(CaseStatus::Triaged, VerifiedBy::InPerson, None);
            engine::decide(ctx, &about, to, engine::Place::Home)
        });
        round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        nora.run(|ctx| {
            let to = decision(CaseStatus::Triaged, VerifiedBy::InPerson, Some(one));
            engine::decide(ctx, &about, to, engine::Place::Home)
        });
        // She says nothing new, so what she says next does not come after what was said on the desk.
        round(&mut [&mut nora, &mut sara]).await;
        let ended = case(&mut sara, &about);
        assert_eq!((ended.status, ended.since), (Some(CaseStatus::Triaged), Some(first)));
        for _ in 0..3 {
            world.clock.advance(20 * 60);
            round(&mut [&mut sara, &mut nora]).await;
        }
        assert!(case(&mut sara, &about).escalated.is_empty(), "who makes sure has answered");
        let me = sara.run(|ctx| engine::identity(ctx)).fingerprint;
        sara.run(|ctx| {
            let lead = Assignment { member: me, part: Part::Lead, act: Act::Take };
            engine::decide(ctx, &about, lead, engine::Place::Home)
        });
        assert_eq!(case(&mut sara, &about).status, Some(CaseStatus::Active), "the case goes on in the line");

        world.clock.advance(23 * HOUR);
        let again = answer(&mut dilan, id, 1, CheckInAnswer::Ok, "blue tree");
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        let held = case(&mut nora, &about);
        assert_eq!((held.status, held.since), (Some(CaseStatus::DuressHold), Some(again)));
        assert!(held.milestones.ack.is_none());
        for _ in 0..3 {
            world.clock.advance(20 * 60);
            round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        }
        assert_eq!(case(&mut nora, &about).escalated.len(), 3);
        let seen = shown(&mut dilan, &about);
        for word in ["Duress", "Escalation"] {
            assert!(!seen.contains(word), "{word} is on the device: {seen}");
        }
        assert_eq!(case(&mut dilan, &about).gaps.len(), 0, "nothing is missing there");
    });
}

#[test]
fn duress_in_a_case_that_was_answered_before_climbs_the_ladder_anew() {
    play(|| async {
        let mut world = World::new(84);
        let (mut sara, mut nora, mut dilan) = (world.person("Sara"), world.person("Nora"), world.person("Dilan"));
        sara.run(|ctx| engine::new_desk(ctx, "Night desk"));
        sara.add_as(&mut nora, "Night desk", Role::Coordinator).await;
        round(&mut [&mut sara, &mut nora]).await;
        sara.open_line(&mut dilan).await;
        round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        dilan.run(|ctx| engine::set_duress_word(ctx, "blue tree"));
        let line = dilan.run(|ctx| engine::own_line(ctx, None)).name;
        let id = plan(&mut dilan, &world, &line);
        let about = CaseId::from_slice(id.as_bytes()).expect("an id");
        let cry = answer(&mut dilan, id, 0, CheckInAnswer::Help, "");
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        world.clock.advance(20 * 60);
        round(&mut [&mut sara, &mut nora]).await;
        world.clock.advance(20 * 60);
        round(&mut [&mut sara, &mut nora]).await;
        assert!(case(&mut sara, &about).escalated.contains_key(&1), "nobody has answered the cry");
        sara.ack(cry);
        round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        assert!(case(&mut nora, &about).milestones.ack.is_some());

        let told = |person: &mut Person| {
            person.inbox().iter().filter(|entry| matches!(entry.event.body(), Body::Escalation(_))).count()
        };
        let before = told(&mut dilan);
        world.clock.advance(24 * HOUR);
        answer(&mut dilan, id, 1, CheckInAnswer::Ok, "blue tree");
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        let held = case(&mut nora, &about);
        assert_eq!(held.status, Some(CaseStatus::DuressHold));
        assert!(held.milestones.ack.is_none() && held.escalated.is_empty(), "what was answered was something else");
        for _ in 0..3 {
            world.clock.advance(20 * 60);
            round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        }
        let steps: Vec<u64> = case(&mut nora, &about).escalated.into_keys().collect();
        assert_eq!(steps, [1, 2, 3]);
        let mut own = case(&mut dilan, &about);
        assert!(own.milestones.ack.take().is_some(), "the device takes its cry for answered");
        assert_eq!(told(&mut dilan), before, "the ladder of the duress is told on the desk alone");
    });
}

#[test]
fn other_words_are_a_check_in_like_any_other() {
    play(|| async {
        let mut world = World::new(82);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        let id = plan(dilan, &world, "home");
        let about = CaseId::from_slice(id.as_bytes()).expect("an id");
        assert!(!dilan.run(|ctx| engine::is_duress_word(ctx, "blue tree")), "none is set");
        dilan.run(|ctx| engine::set_duress_word(ctx, "blue tree"));
        ok(dilan, id, "all good here");
        round(&mut [&mut *dilan, &mut *rojin]).await;
        assert_ne!(case(rojin, &about).status, Some(CaseStatus::DuressHold));
        dilan.run(|ctx| engine::set_duress_word(ctx, ""));
        assert!(!dilan.run(|ctx| engine::is_duress_word(ctx, "blue tree")), "it was taken away");
    });
}

#[test]
fn in_a_circle_without_a_desk_nobody_can_answer_into_the_wrong_hands() {
    play(|| async {
        let mut world = World::new(83);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        dilan.run(|ctx| engine::set_duress_word(ctx, "blue tree"));
        let id = plan(dilan, &world, "home");
        let said = ok(dilan, id, "blue tree");
        round(&mut [&mut *dilan, &mut *rojin]).await;
        let about = CaseId::from_slice(id.as_bytes()).expect("an id");
        assert_eq!(case(rojin, &about).status, Some(CaseStatus::DuressHold));
        let refused = rojin.driver.transact(|ctx| engine::acknowledge(ctx, &said, AckLevel::Human, None));
        assert!(matches!(refused, Err(EngineError::Held)), "{refused:?}");
    });
}
