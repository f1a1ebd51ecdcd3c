//! Several organisations, and several desks of one: who is asked, and who reads nothing of it.

use himaya::engine::{self, Backup, Draft, EngineError, Place};
use himaya_protocol::content::body::{CheckInPlan, DeskPolicy, LadderStep, Recipient, Referral, Triage};
use himaya_protocol::content::value::{Note, NoticeText};
use himaya_protocol::content::vocabulary::{
    ConsentField, LadderAct, LadderWho, RecipientClass, ReferralState, Service, Status,
};
use himaya_protocol::content::{Body, CaseId, EventId, Notice};
use himaya_protocol::wire::policy::{GroupKind, Role};
use himaya_tests::sim::{Person, World, play, round};

const MINUTE: u64 = 60;
const DESK: &str = "Night desk";
const POOL: &str = "Night desk, women";

fn case(alert: EventId) -> CaseId {
    CaseId::from_slice(alert.as_bytes()).expect("32 bytes are a case's id")
}

fn organisation(name: &str) -> Recipient {
    Recipient::known_as(RecipientClass::Organisation, name).expect("it has a name")
}

fn policy(person: &mut Person, backup: Option<Recipient>) -> DeskPolicy {
    let me = person.run(|ctx| engine::identity(ctx)).fingerprint;
    DeskPolicy { duty_leads: vec![me], services: Vec::new(), backup, plan_b: Vec::new(), women_only: vec![me] }
}

/// Where everything is that somebody has of a kind.
fn groups_of(person: &mut Person, kind: GroupKind) -> Vec<String> {
    let groups = person.run(|ctx| engine::list(ctx));
    groups.into_iter().filter(|group| group.kind == kind).map(|group| group.name).collect()
}

/// A pool is a desk of its own: its lines, cases and notes are its people's, whatever else they are on.
#[test]
fn what_is_said_to_the_women_of_a_desk_stays_with_them() {
    play(|| async {
        let mut world = World::new(91);
        let [mut aram, mut hana, mut sara] = ["Aram", "Hana", "Sara"].map(|name| world.person(name));
        let [mut nora, mut dilan] = ["Nora", "Dilan"].map(|name| world.person(name));
        aram.run(|ctx| engine::new_desk(ctx, DESK));
        hana.run(|ctx| engine::new_desk(ctx, POOL));
        for woman in [&mut hana, &mut sara, &mut nora] {
            aram.add_as(woman, DESK, Role::Coordinator).await;
        }
        for woman in [&mut sara, &mut nora] {
            hana.add_as(woman, POOL, Role::Coordinator).await;
        }
        round(&mut [&mut aram, &mut hana, &mut sara, &mut nora]).await;
        nora.let_in_by(&mut dilan, Some(POOL), GroupKind::Line, Role::Defender).await;
        round(&mut [&mut aram, &mut hana, &mut sara, &mut nora, &mut dilan]).await;
        let line = format!("{POOL}: Dilan");
        assert_eq!(dilan.members(&line), ["Dilan", "Hana", "Nora", "Sara"].map(str::to_owned).into());

        let alert = dilan.sos(&line);
        round(&mut [&mut dilan, &mut hana, &mut sara, &mut nora, &mut aram]).await;
        sara.ack(alert);
        let reason = Note::new("he is her cousin").expect("short");
        let said = sara.run(|ctx| engine::decide(ctx, &case(alert), Triage::new(reason.clone()), Place::Desk));
        let group = sara.run(|ctx| engine::desk_of_case(ctx, &case(alert)));
        assert_eq!(group.name, POOL, "Sara is on two desks");
        let notice = Notice { text: NoticeText::new("who takes it?").expect("short") };
        sara.run(|ctx| engine::say(ctx, &group, notice, &Draft::default()));
        round(&mut [&mut sara, &mut hana, &mut nora, &mut aram, &mut dilan]).await;
        assert!(nora.has(alert) && nora.has(said));
        assert!(!dilan.has(said), "a note of the desk");
        assert!(aram.inbox().is_empty(), "nothing of it comes to the others of the desk: {:?}", aram.event_ids());
        assert!(groups_of(&mut aram, GroupKind::Line).is_empty());

        // Who made the line leaves the pool. Whoever tends it now is on both desks, and lets in nobody of the larger one.
        hana.remove(POOL, "Nora");
        round(&mut [&mut hana, &mut sara, &mut nora, &mut aram, &mut dilan]).await;
        assert_eq!(dilan.members(&line), ["Dilan", "Hana", "Sara"].map(str::to_owned).into());
    });
}

/// A desk of two with a line, and a bridge to Zana of the River desk.
async fn with_backup(world: &mut World) -> [Person; 4] {
    let [mut sara, mut nora, mut zana, mut dilan] = ["Sara", "Nora", "Zana", "Dilan"].map(|name| world.person(name));
    sara.run(|ctx| engine::new_desk(ctx, DESK));
    sara.add_as(&mut nora, DESK, Role::Coordinator).await;
    round(&mut [&mut sara, &mut nora]).await;
    sara.open_line(&mut dilan).await;
    round(&mut [&mut sara, &mut nora, &mut dilan]).await;
    sara.let_in(&mut zana, GroupKind::Bridge, Role::Coordinator).await;
    round(&mut [&mut sara, &mut nora, &mut zana, &mut dilan]).await;
    let said = policy(&mut sara, Some(organisation("River desk")));
    sara.run(|ctx| {
        let bridge =
            engine::list(ctx)?.into_iter().find(|group| group.kind == GroupKind::Bridge).expect("there is one");
        engine::lead(ctx, &bridge, &organisation("river  DESK"))?;
        engine::announce_policy(ctx, &engine::desk(ctx, None)?, said)
    });
    round(&mut [&mut sara, &mut nora, &mut zana, &mut dilan]).await;
    [sara, nora, zana, dilan]
}

/// How often somebody was asked for help with a case, and what came with it.
fn asked(person: &mut Person) -> (usize, String) {
    let log = person.inbox();
    let asked = log.iter().filter(|entry| matches!(entry.event.body(), Body::Referral(_))).count();
    let told = log.iter().filter_map(|entry| {
        let Body::Notice(notice) = entry.event.body() else { return None };
        Some(notice.text.raw().to_owned())
    });
    (asked, told.collect())
}

#[test]
fn the_backup_organisation_is_asked_at_the_second_step_if_the_defender_agreed() {
    play(|| async {
        let mut world = World::new(92);
        let [mut sara, mut nora, mut zana, mut dilan] = with_backup(&mut world).await;
        let line = format!("{DESK}: Dilan");

        // Without agreement nobody is told anything.
        dilan.sos(&line);
        round(&mut [&mut dilan, &mut sara, &mut nora, &mut zana]).await;
        world.clock.advance(40 * MINUTE);
        round(&mut [&mut sara, &mut nora, &mut zana, &mut dilan]).await;
        assert_eq!(asked(&mut zana).0, 0, "nobody agreed");

        let agreed = Backup { to: organisation("River desk"), fields: vec![ConsentField::Kind, ConsentField::Urgency] };
        dilan.run(|ctx| engine::set_backup(ctx, Some(&agreed)));
        assert_eq!(dilan.run(|ctx| engine::backup(ctx)), Some(agreed));
        let alert = dilan.sos(&line);
        round(&mut [&mut dilan, &mut sara, &mut nora, &mut zana]).await;
        world.clock.advance(20 * MINUTE);
        round(&mut [&mut sara, &mut nora, &mut zana, &mut dilan]).await;
        assert_eq!(asked(&mut zana).0, 0, "the first step is the desk's");
        world.clock.advance(20 * MINUTE);
        for _ in 0..2 {
            round(&mut [&mut sara, &mut nora, &mut zana, &mut dilan]).await;
        }
        let (count, told) = asked(&mut zana);
        assert_eq!(count, 1, "once, whoever ticks how often");
        assert!(told.contains("unspecified") && told.contains("Immediate"), "what was agreed to comes along: {told}");
        assert!(!zana.has(alert), "and nothing else");
    });
}

#[test]
fn whoever_was_answered_is_not_passed_on() {
    play(|| async {
        let mut world = World::new(93);
        let [mut sara, mut nora, mut zana, mut dilan] = with_backup(&mut world).await;
        let agreed = Backup { to: organisation("River desk"), fields: vec![ConsentField::Kind] };
        dilan.run(|ctx| engine::set_backup(ctx, Some(&agreed)));
        let alert = dilan.sos(&format!("{DESK}: Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut nora, &mut zana]).await;
        nora.ack(alert);
        round(&mut [&mut nora, &mut sara, &mut zana, &mut dilan]).await;
        world.clock.advance(60 * MINUTE);
        round(&mut [&mut sara, &mut nora, &mut zana, &mut dilan]).await;
        assert_eq!(asked(&mut zana).0, 0);
    });
}

#[test]
fn what_is_for_one_organisation_does_not_go_over_the_bridge_to_another() {
    play(|| async {
        let mut world = World::new(94);
        let [mut sara, mut nora, mut zana, mut dilan] = with_backup(&mut world).await;
        let agreed = Backup { to: organisation("Lake desk"), fields: vec![ConsentField::Kind] };
        dilan.run(|ctx| engine::set_backup(ctx, Some(&agreed)));
        let alert = dilan.sos(&format!("{DESK}: Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut nora, &mut zana]).await;
        let consent = sara.run(|ctx| engine::case_log(ctx, &case(alert)));
        let consent = consent.into_iter().find(|entry| matches!(entry.event.body(), Body::Consent(_)));
        let consent = consent.expect("it was written into the case").event.id();
        let refused = sara.driver.transact(|ctx| {
            let bridge = engine::list(ctx)?.into_iter().find(|group| group.kind == GroupKind::Bridge);
            let referral = Referral {
                to: organisation("Lake desk"),
                services: vec![Service::Legal],
                fields_shared: vec![ConsentField::Kind],
                consent,
                reply_by: None,
                state: ReferralState::InProgress,
                reject_reason: None,
                referral: None,
            };
            engine::refer(ctx, &case(alert), &bridge.expect("there is one"), referral)
        });
        assert!(matches!(refused, Err(EngineError::OtherBridge(_))), "{refused:?}");
        round(&mut [&mut sara, &mut nora, &mut zana, &mut dilan]).await;
        assert!(zana.inbox().is_empty(), "nothing went");
    });
}

#[test]
fn an_admin_takes_the_place_of_an_owner_whose_device_is_gone() {
    play(|| async {
        let mut world = World::new(95);
        let [mut sara, mut nora] = ["Sara", "Nora"].map(|name| world.person(name));
        let [mut hana, mut dilan] = ["Hana", "Dilan"].map(|name| world.person(name));
        sara.run(|ctx| engine::new_desk(ctx, DESK));
        sara.add_as(&mut nora, DESK, Role::Coordinator).await;
        sara.add_as(&mut hana, DESK, Role::Admin).await;
        round(&mut [&mut sara, &mut nora, &mut hana]).await;
        nora.let_in(&mut dilan, GroupKind::Line, Role::Defender).await;
        round(&mut [&mut sara, &mut nora, &mut hana, &mut dilan]).await;
        let line = format!("{DESK}: Dilan");
        assert_eq!(dilan.members(&line), ["Dilan", "Nora", "Sara"].map(str::to_owned).into(), "an admin reads no line");

        hana.remove(DESK, "Sara");
        round(&mut [&mut hana, &mut nora, &mut dilan, &mut sara]).await;
        let alert = dilan.sos(&line);
        round(&mut [&mut dilan, &mut hana, &mut nora, &mut sara]).await;
        assert!(nora.has(alert) && !sara.has(alert));
        let mut aram = world.person("Aram");
        hana.add_as(&mut aram, DESK, Role::Coordinator).await;
        round(&mut [&mut hana, &mut nora, &mut aram, &mut dilan]).await;
        assert!(dilan.members(&line).contains("Aram"), "the desk goes on: {:?}", dilan.members(&line));
    });
}

/// A line's Welcome may come before the desk's: it is read first.
#[test]
fn whoever_comes_to_a_line_before_its_desk_is_not_taken_for_another_desks() {
    play(|| async {
        let mut world = World::new(96);
        let [mut aram, mut hana, mut sara] = ["Aram", "Hana", "Sara"].map(|name| world.person(name));
        let [mut nora, mut dilan] = ["Nora", "Dilan"].map(|name| world.person(name));
        aram.run(|ctx| engine::new_desk(ctx, DESK));
        hana.run(|ctx| engine::new_desk(ctx, POOL));
        for woman in [&mut sara, &mut nora] {
            aram.add_as(woman, DESK, Role::Coordinator).await;
        }
        hana.add_as(&mut nora, POOL, Role::Coordinator).await;
        round(&mut [&mut aram, &mut hana, &mut sara, &mut nora]).await;
        nora.let_in_by(&mut dilan, Some(POOL), GroupKind::Line, Role::Defender).await;
        round(&mut [&mut nora, &mut hana, &mut dilan]).await;

        // Sara asks to come, and is away while she is let in: to the pool by Hana, and then to its line by Nora.
        hana.hand_card(&mut sara).await;
        hana.sync().await;
        hana.approve_newest(POOL, Role::Coordinator);
        for _ in 0..2 {
            round(&mut [&mut hana, &mut nora, &mut dilan]).await;
        }
        assert!(nora.members(&format!("{POOL}: Dilan")).contains("Sara"));
        let alert = dilan.sos(&format!("{POOL}: Dilan"));
        round(&mut [&mut dilan, &mut sara, &mut hana, &mut nora]).await;
        assert!(sara.has(alert));
        assert_eq!(sara.run(|ctx| engine::desk_of_case(ctx, &case(alert))).name, POOL);
    });
}

#[test]
fn the_backup_organisation_is_asked_about_a_missed_check_in_too() {
    play(|| async {
        let mut world = World::new(97);
        let [mut sara, mut nora, mut zana, mut dilan] = with_backup(&mut world).await;
        let agreed = Backup { to: organisation("River desk"), fields: vec![ConsentField::Place] };
        dilan.run(|ctx| engine::set_backup(ctx, Some(&agreed)));
        let start = world.clock.seconds() / 60 + 60;
        let step = |after_min, act| LadderStep { after_min, who: LadderWho::Everybody, act };
        let plan = CheckInPlan {
            start,
            rrule: "FREQ=DAILY;COUNT=1".parse().expect("a rule"),
            grace: 30,
            remind: 10,
            ladder: vec![step(0, LadderAct::Ask), step(30, LadderAct::Alert)],
            sealed_plan: None,
            offset: None,
        };
        let line = dilan.circle(&format!("{DESK}: Dilan"));
        dilan.run(|ctx| engine::make_plan(ctx, &line, plan, Status::Actual));
        round(&mut [&mut dilan, &mut sara, &mut nora, &mut zana]).await;
        // It is missed, an alarm after half an hour, and nobody answers for the rest of the night.
        for _ in 0..16 {
            world.clock.advance(30 * MINUTE);
            round(&mut [&mut sara, &mut nora, &mut zana]).await;
        }
        let (count, told) = asked(&mut zana);
        assert_eq!(
            (count, told.as_str()),
            (1, ""),
            "nothing of a place is known, and somebody needs help all the same"
        );
    });
}
