//! The groups of an organisation: a desk, its lines, groups of cases, and who comes and goes.

use std::collections::BTreeSet;

use himaya::engine::{self, Draft};
use himaya_protocol::case::Case;
use himaya_protocol::content::body::{Assignment, Triage};
use himaya_protocol::content::value::Note;
use himaya_protocol::content::vocabulary::{AckLevel, Act, CaseStatus, Part, Priority};
use himaya_protocol::content::{Body, CaseId, EventId};
use himaya_protocol::wire::policy::Role;
use himaya_tests::sim::{Person, World, play, round};

const DESK: &str = "Night desk";

/// A desk of the first two, and a line with the third.
async fn desk(world: &mut World) -> [Person; 3] {
    let [mut sara, mut nora, mut dilan] = ["Sara", "Nora", "Dilan"].map(|name| world.person(name));
    sara.run(|ctx| engine::new_desk(ctx, DESK));
    sara.add_as(&mut nora, DESK, Role::Coordinator).await;
    round(&mut [&mut sara, &mut nora]).await;
    sara.open_line(&mut dilan).await;
    round(&mut [&mut sara, &mut nora, &mut dilan]).await;
    [sara, nora, dilan]
}

fn line(name: &str) -> String {
    format!("{DESK}: {name}")
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn case(person: &mut Person, alert: EventId) -> Case {
    let id = CaseId::from_slice(alert.as_bytes()).expect("32 bytes are a case's id");
    person.run(|ctx| Ok(engine::board(ctx)?.case(&id).expect("the case is known").clone()))
}

fn say(person: &mut Person, alert: EventId, body: impl Into<Body>) -> EventId {
    let id = CaseId::from_slice(alert.as_bytes()).expect("32 bytes are a case's id");
    let body = body.into();
    person.run(|ctx| {
        let home = engine::home(ctx, &id)?;
        engine::say(ctx, &home, body, &Draft { case: Some(id), ..Draft::default() })
    })
}

fn note(text: &str) -> Note {
    Note::new(text).expect("a short note")
}

#[test]
fn a_line_holds_the_whole_desk_without_a_card_between_its_people() {
    play(|| async {
        let mut world = World::new(31);
        let [mut sara, mut nora, mut dilan] = desk(&mut world).await;
        for person in [&mut sara, &mut nora, &mut dilan] {
            assert_eq!(person.members(&line("Dilan")), names(&["Sara", "Nora", "Dilan"]));
            assert!(person.follows(&line("Dilan")));
        }
        let alert = dilan.sos(&line("Dilan"));
        round(&mut [&mut dilan, &mut nora]).await;
        assert!(nora.has(alert), "whoever was never contacted by the defender reads the alert");
        assert!(!sara.has(alert), "and the one who let the defender in may be asleep");
        nora.ack(alert);
        round(&mut [&mut nora, &mut dilan, &mut sara]).await;
        for person in [&mut sara, &mut nora, &mut dilan] {
            assert_eq!(case(person, alert).status, Some(CaseStatus::Acked));
        }
    });
}

#[test]
fn whoever_comes_to_the_desk_comes_to_its_lines_and_whoever_goes_goes_from_them() {
    play(|| async {
        let mut world = World::new(32);
        let [mut sara, mut nora, mut dilan] = desk(&mut world).await;
        let before = dilan.sos(&line("Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        sara.ack(before);
        let mut aram = world.person("Aram");
        sara.add_as(&mut aram, DESK, Role::Coordinator).await;
        round(&mut [&mut aram, &mut sara, &mut nora, &mut dilan]).await;
        assert_eq!(dilan.members(&line("Dilan")), names(&["Sara", "Nora", "Dilan", "Aram"]));
        assert!(!aram.has(before), "newcomers get no history");
        assert_eq!(case(&mut aram, before).status, Some(CaseStatus::Acked), "but where things stand");

        sara.remove(DESK, "Nora");
        round(&mut [&mut sara, &mut nora, &mut dilan, &mut aram]).await;
        let after = dilan.sos(&line("Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut nora, &mut aram]).await;
        assert!(sara.has(after) && aram.has(after));
        assert!(!nora.has(after), "I8 holds for every line of the desk");
        assert_eq!(dilan.members(&line("Dilan")), names(&["Sara", "Dilan", "Aram"]));
    });
}

#[test]
fn a_line_outlives_the_coordinator_who_made_it() {
    play(|| async {
        let mut world = World::new(33);
        let mut zana = world.person("Zana");
        let [mut sara, mut nora, mut dilan] = ["Sara", "Nora", "Dilan"].map(|name| world.person(name));
        zana.run(|ctx| engine::new_desk(ctx, DESK));
        for other in [&mut sara, &mut nora] {
            zana.add_as(other, DESK, Role::Coordinator).await;
        }
        round(&mut [&mut zana, &mut sara, &mut nora]).await;
        sara.open_line(&mut dilan).await;
        round(&mut [&mut zana, &mut sara, &mut nora, &mut dilan]).await;
        assert_eq!(dilan.members(&line("Dilan")), names(&["Zana", "Sara", "Nora", "Dilan"]));

        // Sara's device is taken.
        zana.remove(DESK, "Sara");
        round(&mut [&mut zana, &mut nora, &mut dilan]).await;
        let alert = dilan.sos(&line("Dilan"));
        round(&mut [&mut dilan, &mut zana, &mut nora, &mut sara]).await;
        assert!(nora.has(alert) && zana.has(alert) && !sara.has(alert));
        assert_eq!(nora.members(&line("Dilan")), names(&["Zana", "Nora", "Dilan"]));
        let owners = |person: &mut Person| {
            let line = person.circle(&line("Dilan"));
            let members = person.run(|ctx| engine::members(ctx, &line.id));
            members.into_iter().filter(|member| member.role == Some(Role::Owner)).count()
        };
        assert_eq!((owners(&mut nora), owners(&mut dilan)), (1, 1), "the line has an owner");
    });
}

#[test]
fn a_case_gets_a_group_of_its_own_for_those_who_work_on_it() {
    play(|| async {
        let mut world = World::new(34);
        let [mut sara, mut nora, mut dilan] = desk(&mut world).await;
        let mut aram = world.person("Aram");
        sara.add_as(&mut aram, DESK, Role::Coordinator).await;
        round(&mut [&mut aram, &mut sara, &mut nora, &mut dilan]).await;
        let alert = dilan.sos(&line("Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        nora.run(|ctx| engine::acknowledge(ctx, &alert, AckLevel::Human, None));
        let triage = Triage {
            status: Some(CaseStatus::Triaged),
            priority: Some(Priority::P1),
            ..Triage::new(note("arrest in progress"))
        };
        say(&mut nora, alert, triage);
        let me = nora.run(|ctx| Ok(engine::identity(ctx)?.fingerprint));
        say(&mut nora, alert, Assignment { member: me, part: Part::Lead, act: Act::Take });
        round(&mut [&mut nora, &mut sara, &mut dilan, &mut aram]).await;
        assert_eq!(case(&mut dilan, alert).status, Some(CaseStatus::Active));

        let id = CaseId::from_slice(alert.as_bytes()).expect("an id");
        let group = nora.run(|ctx| engine::open_case(ctx, &id)).name;
        round(&mut [&mut nora, &mut dilan, &mut sara, &mut aram]).await;
        assert_eq!(dilan.members(&group), names(&["Nora", "Dilan"]), "nobody who does not work on it");
        assert!(!sara.belongs(&group) && !aram.belongs(&group));
        let word = say(
            &mut dilan,
            alert,
            himaya_protocol::content::Notice {
                text: himaya_protocol::content::value::NoticeText::new("they let me call").expect("a short text"),
            },
        );
        round(&mut [&mut dilan, &mut nora, &mut sara, &mut aram]).await;
        assert!(nora.has(word), "the case goes on in its group");
        assert!(!sara.has(word), "and only there");

        // A second one is brought in.
        let fellow = nora.run(|ctx| engine::fellow(ctx, "Sara"));
        let circle = nora.circle(&group);
        nora.run(|ctx| engine::bring_in(ctx, &circle, &fellow, Role::Coordinator));
        round(&mut [&mut nora, &mut sara, &mut dilan]).await;
        assert!(sara.follows(&group));
        assert_eq!(case(&mut sara, alert).lead, Some(me));
    });
}

/// Whoever leaves the desk reads no more of its cases, not even of those that they opened a group for.
#[test]
fn whoever_goes_from_the_desk_goes_from_the_groups_of_its_cases() {
    play(|| async {
        let mut world = World::new(37);
        let [mut sara, mut nora, mut dilan] = desk(&mut world).await;
        let alert = dilan.sos(&line("Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        nora.ack(alert);
        let id = CaseId::from_slice(alert.as_bytes()).expect("an id");
        let group = nora.run(|ctx| engine::open_case(ctx, &id)).name;
        round(&mut [&mut nora, &mut dilan, &mut sara]).await;
        let fellow = nora.run(|ctx| engine::fellow(ctx, "Sara"));
        let circle = nora.circle(&group);
        nora.run(|ctx| engine::bring_in(ctx, &circle, &fellow, Role::Coordinator));
        round(&mut [&mut nora, &mut sara, &mut dilan]).await;
        let mut nino = world.person("Nino");
        sara.add_as(&mut nino, &group, Role::Coordinator).await;
        round(&mut [&mut sara, &mut nino, &mut nora, &mut dilan]).await;
        assert_eq!(dilan.members(&group), names(&["Nora", "Sara", "Dilan", "Nino"]));

        sara.remove(DESK, "Nora");
        round(&mut [&mut sara, &mut nora, &mut dilan, &mut nino]).await;
        assert_eq!(dilan.members(&group), names(&["Sara", "Dilan", "Nino"]), "who never was on the desk stays");
        let text = himaya_protocol::content::value::NoticeText::new("they let me call").expect("a short text");
        let word = say(&mut dilan, alert, himaya_protocol::content::Notice { text });
        round(&mut [&mut dilan, &mut sara, &mut nora, &mut nino]).await;
        assert!(sara.has(word) && nino.has(word) && !nora.has(word));
    });
}

/// What a desk says among itself has no part in what a defender's client works out.
#[test]
fn a_note_on_the_desk_leaves_no_gap_where_the_defender_is() {
    play(|| async {
        let mut world = World::new(35);
        let [mut sara, mut nora, mut dilan] = desk(&mut world).await;
        let alert = dilan.sos(&line("Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut nora]).await;
        sara.ack(alert);
        let id = CaseId::from_slice(alert.as_bytes()).expect("an id");
        let remark = Triage {
            note: Some(himaya_protocol::content::value::Text::new("call first").expect("short")),
            ..Triage::new(note("a note"))
        };
        sara.run(|ctx| engine::decide(ctx, &id, remark, engine::Place::Desk));
        let triage = Triage {
            status: Some(CaseStatus::Triaged),
            priority: Some(Priority::P1),
            ..Triage::new(note("arrest in progress"))
        };
        sara.run(|ctx| engine::decide(ctx, &id, triage, engine::Place::Home));
        round(&mut [&mut sara, &mut nora, &mut dilan]).await;
        let (theirs, desks) = (case(&mut dilan, alert), case(&mut nora, alert));
        assert_eq!((theirs.status, desks.status), (Some(CaseStatus::Triaged), Some(CaseStatus::Triaged)));
        assert!(theirs.gaps.is_empty() && theirs.refused.is_empty() && desks.refused.is_empty());
    });
}

/// Nobody answers a P1: the steps are told at 15, 30 and 45 minutes, each once, by whoever's turn it is.
#[test]
fn every_step_of_the_ladder_is_told_once_and_an_answer_stops_it() {
    play(|| async {
        let mut world = World::new(36);
        let [mut sara, mut nora, mut dilan] = desk(&mut world).await;
        let mut told = Vec::new();
        for answered in [false, true] {
            let alert = dilan.sos(&line("Dilan"));
            round(&mut [&mut dilan, &mut sara, &mut nora]).await;
            for minute in 1..=60 {
                world.clock.advance(60);
                if answered && minute == 20 {
                    nora.ack(alert);
                }
                round(&mut [&mut sara, &mut nora]).await;
            }
            round(&mut [&mut dilan]).await;
            let case = case(&mut dilan, alert);
            told.push(case.escalated.keys().copied().collect::<Vec<_>>());
            let escalations = dilan
                .inbox()
                .into_iter()
                .filter(|entry| matches!(entry.event.body(), Body::Escalation(said) if said.about == alert));
            assert_eq!(escalations.count(), case.escalated.len(), "nobody repeats what was told");
        }
        assert_eq!(told, [vec![1, 2, 3], vec![1]]);
    });
}
