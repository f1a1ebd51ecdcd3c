//! Check-ins, plan B and drills, on simulated time: who is missed, who only could not know, and what a device says by itself.

use himaya::engine::{self, Draft, Plan, Signal};
use himaya_protocol::case::check_in::{Light, answerable};
use himaya_protocol::content::body::{CheckInPlan, DeskPolicy, Helpline, LadderStep};
use himaya_protocol::content::value::{NoticeText, Text};
use himaya_protocol::content::vocabulary::{CaseStatus, CheckInAnswer, LadderAct, LadderWho, Priority, Status};
use himaya_protocol::content::{Body, CaseId, EventId, sos};
use himaya_tests::sim::{Person, World, play, round};

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const SECRET: &str = "the blue house, ask for the baker";

fn now(world: &World) -> u64 {
    world.clock.seconds() / MINUTE
}

/// Every day, the first in an hour; at a miss somebody asks, after half an hour more it is an alert.
fn daily(world: &World) -> CheckInPlan {
    let step = |after_min, act| LadderStep { after_min, who: LadderWho::Everybody, act };
    CheckInPlan {
        start: now(world) + 60,
        rrule: "FREQ=DAILY;COUNT=5".parse().expect("a rule"),
        grace: 30,
        remind: 10,
        ladder: vec![step(0, LadderAct::Ask), step(30, LadderAct::Alert)],
        sealed_plan: Some(NoticeText::new(SECRET).expect("a text")),
        offset: None,
    }
}

fn make(person: &mut Person, circle: &str, plan: CheckInPlan) -> EventId {
    let circle = person.circle(circle);
    person.run(|ctx| engine::make_plan(ctx, &circle, plan, Status::Actual))
}

fn plan(person: &mut Person, id: EventId) -> Plan {
    let plans = person.run(|ctx| engine::plans(ctx));
    plans.into_iter().find(|plan| plan.id == id).expect("the plan is known")
}

fn say(person: &mut Person, id: EventId, seq: u64, answer: CheckInAnswer, late: Option<u64>) {
    let plan = plan(person, id);
    person.run(|ctx| engine::check_in(ctx, &plan, seq, answer, late, true));
}

fn signals(person: &mut Person) -> Vec<Signal> {
    person.run(|ctx| engine::signals(ctx)).0.into_iter().collect()
}

/// How many steps of ladders somebody has heard of.
fn escalations(person: &mut Person) -> usize {
    person.inbox().iter().filter(|entry| matches!(entry.event.body(), Body::Escalation(_))).count()
}

#[test]
fn silence_is_a_miss_only_for_whoever_would_have_heard() {
    play(|| async {
        let mut world = World::new(71);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        let start = now(&world) + 60;
        let id = make(dilan, "home", daily(&world));
        dilan.sync().await;
        rojin.sync().await;
        let seen = plan(rojin, id);
        assert_eq!((seen.light, seen.is_plan_open), (Light::Waiting { due: start }, false));
        assert!(plan(dilan, id).is_plan_open, "its author may read it");

        world.clock.advance(91 * MINUTE);
        let seen = plan(rojin, id);
        assert_eq!(seen.light, Light::Unknown { since: start + 30 }, "Rojin has been offline");
        assert!(!seen.is_plan_open, "nobody's plan is opened because somebody else was offline");
        rojin.sync().await;
        let seen = plan(rojin, id);
        assert_eq!(seen.light, Light::Missed { since: start + 30, seq: 0, steps: 1 });
        assert!(seen.is_plan_open, "revealed on the miss");
        assert_eq!(seen.content.sealed_plan.map(|text| text.raw().to_owned()).as_deref(), Some(SECRET));

        say(dilan, id, 0, CheckInAnswer::Ok, None);
        dilan.sync().await;
        rojin.sync().await;
        let seen = plan(rojin, id);
        assert_eq!(seen.light, Light::Waiting { due: start + 24 * 60 });
        assert!(!seen.is_plan_open, "what was revealed by mistake is not shown again");
        assert_eq!(escalations(rojin), 0, "the alarm was still to come");
    });
}

#[test]
fn a_miss_climbs_its_ladder_once_however_many_see_it() {
    play(|| async {
        let mut world = World::new(72);
        let mut people = world.circle(&["Dilan", "Rojin", "Sara", "Nora"]).await;
        let [dilan, others @ ..] = people.as_mut_slice() else { panic!("four were made") };
        let id = make(dilan, "home", daily(&world));
        dilan.sync().await;
        for person in others.iter_mut() {
            person.sync().await;
        }
        // Due after an hour, late after 30 minutes, an alert 30 minutes after that.
        world.clock.advance(2 * HOUR - MINUTE);
        for person in others.iter_mut() {
            person.sync().await;
            assert_eq!(escalations(person), 0, "{}", person.name);
        }
        for _ in 0..15 {
            world.clock.advance(MINUTE);
            for person in others.iter_mut() {
                person.sync().await;
            }
        }
        dilan.sync().await;
        assert_eq!(escalations(dilan), 1, "one told it, the others held back");
        let case = CaseId::from_slice(id.as_bytes()).expect("32 bytes are a case's id");
        for person in others.iter_mut() {
            let known = person.run(|ctx| Ok(engine::board(ctx)?.case(&case).cloned()));
            let known = known.expect("the miss opened a case");
            assert_eq!((known.status, known.priority), (Some(CaseStatus::New), Some(Priority::P2)), "{}", person.name);
            assert_eq!(plan(person, id).told, [2].into());
        }
    });
}

#[test]
fn late_help_and_an_end_are_understood() {
    play(|| async {
        let mut world = World::new(73);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        let start = now(&world) + 60;
        let id = make(dilan, "home", daily(&world));
        let own = plan(dilan, id);
        assert_eq!(answerable(&own.content, &own.answers, now(&world)), None, "one too many answers nothing to come");
        assert_eq!(answerable(&own.content, &own.answers, start - 10), Some(0), "from the reminder on");

        say(dilan, id, 0, CheckInAnswer::Delay, Some(60));
        dilan.sync().await;
        world.clock.advance(2 * HOUR);
        rojin.sync().await;
        assert_eq!(plan(rojin, id).light, Light::Due { until: start + 90 });
        say(dilan, id, 0, CheckInAnswer::Help, None);
        dilan.sync().await;
        rojin.sync().await;
        assert_eq!(plan(rojin, id).light, Light::Help);
        let case = CaseId::from_slice(id.as_bytes()).expect("32 bytes are a case's id");
        let known =
            rojin.run(|ctx| Ok(engine::board(ctx)?.case(&case).cloned())).expect("a call for help opens a case");
        assert_eq!(known.priority, Some(Priority::P1));

        let own = plan(dilan, id);
        assert_eq!(answerable(&own.content, &own.answers, now(&world)), Some(0), "a call for help can be taken back");
        say(dilan, id, 0, CheckInAnswer::Ok, None);
        dilan.sync().await;
        rojin.sync().await;
        assert_eq!(plan(rojin, id).light, Light::Waiting { due: start + 24 * 60 });

        let own = plan(dilan, id);
        dilan.run(|ctx| engine::end_plan(ctx, &own));
        dilan.sync().await;
        world.clock.advance(48 * HOUR);
        rojin.sync().await;
        let seen = plan(rojin, id);
        assert!(seen.is_over() && !seen.is_plan_open, "{:?}", seen.light);
        assert_eq!(escalations(rojin), 0);
        let foreign = plan(rojin, id);
        let refused = rojin.driver.transact(|ctx| engine::end_plan(ctx, &foreign));
        assert!(refused.is_err(), "only its author ends a plan");
    });
}

#[test]
fn only_whom_a_circle_protects_makes_plans_in_it() {
    play(|| async {
        let mut world = World::new(74);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let plan = daily(&world);
        let [_, rojin] = people.as_mut_slice() else { panic!("two were made") };
        let circle = rojin.circle("home");
        let refused = rojin.driver.transact(|ctx| engine::make_plan(ctx, &circle, plan, Status::Actual));
        assert!(matches!(refused, Err(engine::EngineError::NotDefender)));
    });
}

#[test]
fn several_who_fall_silent_together_make_the_relay_suspect() {
    play(|| async {
        let mut world = World::new(75);
        let mut sara = world.person("Sara");
        let mut defenders = Vec::new();
        for (name, circle) in [("Dilan", "north"), ("Rojin", "south")] {
            let mut person = world.person(name);
            person.create_circle(circle);
            person.add(&mut sara, circle).await;
            let id = make(&mut person, circle, daily(&world));
            person.sync().await;
            defenders.push((person, id));
        }
        sara.sync().await;
        world.clock.advance(92 * MINUTE);
        sara.sync().await;
        assert!(signals(&mut sara).contains(&Signal::RelaySuspect));
        let (dilan, id) = defenders.first_mut().expect("two were made");
        let id = *id;
        say(dilan, id, 0, CheckInAnswer::Ok, None);
        dilan.sync().await;
        sara.sync().await;
        let told = signals(&mut sara);
        assert!(!told.contains(&Signal::RelaySuspect), "somebody was heard: {told:?}");
        assert!(told.iter().any(|signal| matches!(signal, Signal::Missed(missed, ..) if *missed != id)));
    });
}

#[test]
fn a_device_reminds_its_person_without_any_network() {
    play(|| async {
        let mut world = World::new(76);
        let mut people = world.circle(&["Dilan"]).await;
        let [dilan] = people.as_mut_slice() else { panic!("one was made") };
        let start = now(&world) + 60;
        let id = make(dilan, "home", daily(&world));
        assert_eq!(signals(dilan), []);
        let (_, next) = dilan.run(|ctx| engine::signals(ctx));
        assert_eq!(next, Some((start - 10) * MINUTE), "it knows when to look again");
        world.clock.advance(50 * MINUTE);
        assert_eq!(signals(dilan), [Signal::Remind(id, start)]);
        world.clock.advance(10 * MINUTE);
        assert_eq!(signals(dilan), [Signal::Due(id, start + 30)]);
        world.clock.advance(31 * MINUTE);
        assert_eq!(signals(dilan), [Signal::Missed(id, start + 30, 1)]);
    });
}

#[test]
fn plan_b_is_opened_by_the_own_clock_when_no_human_answers() {
    play(|| async {
        let mut world = World::new(77);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        dilan.run(|ctx| engine::set_plan_b(ctx, Some("the neighbours, then the lawyer")));
        let alert = dilan.sos("home");
        dilan.sync().await;
        rojin.sync().await;
        let plan_b = |dilan: &mut Person| dilan.run(|ctx| engine::plan_b(ctx)).0;
        world.clock.advance(44 * MINUTE);
        assert_eq!(plan_b(dilan), None);
        world.clock.advance(MINUTE);
        let opened = plan_b(dilan).expect("a P1 that nobody answered for 45 minutes");
        assert_eq!((opened.alerts.as_slice(), opened.exercise), (&[alert][..], false));
        assert_eq!(opened.own.as_deref(), Some("the neighbours, then the lawyer"));
        assert_eq!(signals(dilan), [Signal::PlanB(alert)]);

        rojin.ack(alert);
        rojin.sync().await;
        dilan.sync().await;
        assert_eq!(plan_b(dilan), None, "a person has answered");
    });
}

#[test]
fn the_numbers_of_plan_b_are_the_desks_and_nobody_elses() {
    play(|| async {
        let mut world = World::new(78);
        let mut people = world.circle(&["Dilan", "Mallory"]).await;
        let [dilan, mallory] = people.as_mut_slice() else { panic!("two were made") };
        let mut sara = world.person("Sara");
        sara.run(|ctx| engine::new_desk(ctx, "Night desk"));
        sara.open_line(dilan).await;
        let me = sara.run(|ctx| engine::identity(ctx)).fingerprint;
        let policy = |number: &str| DeskPolicy {
            duty_leads: vec![me],
            services: Vec::new(),
            backup: None,
            plan_b: vec![Helpline {
                name: Text::new("Night desk").expect("a name"),
                number: Text::new(number).expect("a number"),
            }],
            women_only: Vec::new(),
        };
        round(&mut [&mut sara, &mut *dilan]).await;
        sara.run(|ctx| {
            let desk = engine::desk(ctx, None)?;
            engine::announce_policy(ctx, &desk, policy("112"))
        });
        let home = mallory.circle("home");
        mallory.run(|ctx| engine::say(ctx, &home, policy("666"), &Draft::default()));
        let alert = dilan.sos("home");
        for _ in 0..2 {
            sara.sync().await;
            mallory.sync().await;
            dilan.sync().await;
        }
        assert!(dilan.has(alert));
        world.clock.advance(45 * MINUTE);
        let opened = dilan.run(|ctx| engine::plan_b(ctx)).0.expect("nobody has answered");
        let numbers: Vec<&str> = opened.helplines.iter().map(|line| line.number.as_str()).collect();
        assert_eq!(numbers, ["112"], "what a contact calls a policy is none");
    });
}

#[test]
fn a_drill_is_an_exercise_from_the_alert_to_plan_b() {
    play(|| async {
        let mut world = World::new(79);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        let home = dilan.circle("home");
        let alert = sos::alert(Some("raid")).expect("a word of sos");
        let draft = Draft { status: Status::Exercise, ..Draft::default() };
        let drill = dilan.run(|ctx| engine::raise(ctx, Some(&home), alert, &draft));
        dilan.sync().await;
        rojin.sync().await;
        world.clock.advance(45 * MINUTE);
        assert!(dilan.run(|ctx| engine::plan_b(ctx)).0.expect("nobody has answered").exercise);
        rojin.ack(drill);
        rojin.sync().await;
        dilan.sync().await;
        let answers: Vec<Status> = dilan
            .run(|ctx| engine::log(ctx))
            .iter()
            .filter(|entry| matches!(entry.event.body(), Body::Ack(_)))
            .map(|entry| entry.event.content().status.clone())
            .collect();
        assert_eq!(answers, [Status::Exercise], "what is said about an exercise is one");
        let case = CaseId::from_slice(drill.as_bytes()).expect("32 bytes are a case's id");
        assert!(dilan.run(|ctx| Ok(engine::board(ctx)?.case(&case).cloned())).expect("a case").exercise);
    });
}

#[test]
fn a_plan_by_the_week_is_not_missed_once_its_check_ins_are_gone() {
    play(|| async {
        let mut world = World::new(80);
        let mut people = world.circle(&["Dilan", "Rojin"]).await;
        let [dilan, rojin] = people.as_mut_slice() else { panic!("two were made") };
        let weekly = CheckInPlan { rrule: "FREQ=WEEKLY;COUNT=5".parse().expect("a rule"), ..daily(&world) };
        let id = make(dilan, "home", weekly);
        world.clock.advance(HOUR);
        say(dilan, id, 0, CheckInAnswer::Ok, None);
        dilan.sync().await;
        rojin.sync().await;
        let said = rojin.inbox().into_iter().find(|entry| matches!(entry.event.body(), Body::CheckIn(_)));
        let said = said.expect("a check-in came").event.id();
        world.clock.advance(96 * HOUR);
        for person in [&mut *dilan, &mut *rojin] {
            person.sync().await;
            person.run(engine::destroy_due);
            assert!(person.run(|ctx| engine::was_purged(ctx, &said)), "three days are over");
        }
        assert!(matches!(plan(rojin, id).light, Light::Waiting { .. }), "{:?}", plan(rojin, id).light);
        assert!(matches!(plan(dilan, id).light, Light::Waiting { .. }));
    });
}
