//! What depends on time: priorities, deadlines, the ladder, check-ins, retention, statistics.

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::case::check_in::{Light, Line, answers, is_plan_open, is_relay_suspect, light, steps};
use himaya_protocol::case::deadline::{
    Due, Rung, TURN_MINUTES, deadlines, is_skewed, is_told, rank, rungs, standing, wait,
};
use himaya_protocol::case::priority::{of_alert, of_request, of_words};
use himaya_protocol::case::retention::{CaseEnd, Remnant, case_end, event_end, lifetime, remnant};
use himaya_protocol::case::statistics::{Cell, tabulate};
use himaya_protocol::case::{Group, Role};
use himaya_protocol::content::body::{
    CheckIn, CheckInPlan, CustodyEntry, Escalation, Evidence, HandoverNote, LadderStep, ShelterRequest, ThreatAlert,
    Triage,
};
use himaya_protocol::content::value::{NoticeText, Text};
use himaya_protocol::content::vocabulary::{
    AckLevel, CaseStatus, Certainty, CheckInAnswer, ConsentAct, Custody, EscalationReason, Kind, LadderAct, LadderWho,
    NeededBy, Priority, Severity, Urgency,
};
use himaya_protocol::content::{CaseId, EventId, Notice};
use himaya_protocol::wire::card::Fingerprint;

use crate::story::*;

const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;

#[test]
fn priorities_by_urgency_and_severity() {
    use Priority::{P1, P2, P3, P4};
    let severities = [Severity::Extreme, Severity::Severe, Severity::Moderate, Severity::Minor, Severity::Unknown];
    for (urgency, expected) in [
        (Urgency::Immediate, [P1, P1, P2, P4, P1]),
        (Urgency::Expected, [P2, P2, P3, P4, P2]),
        (Urgency::Unknown, [P2, P2, P3, P4, P2]),
        (Urgency::Future, [P3, P3, P4, P4, P3]),
        (Urgency::Past, [P4, P4, P4, P4, P4]),
    ] {
        for (severity, expected) in severities.iter().zip(expected) {
            assert_eq!(of_words(&urgency, severity), expected, "{urgency} {severity}");
            for certainty in Certainty::ALL {
                let (urgency, severity, certainty) = (urgency.clone(), severity.clone(), certainty.clone());
                let alert = ThreatAlert { urgency, severity, certainty, ..ThreatAlert::default() };
                assert_eq!(of_alert(&alert), expected, "certainty lowers nothing");
            }
        }
    }
    for kind in [Kind::Arrest, Kind::Abduction, Kind::Disappearance] {
        let of = |urgency| {
            of_alert(&ThreatAlert { kind: kind.clone(), urgency, severity: Severity::Minor, ..ThreatAlert::default() })
        };
        assert_eq!((of(Urgency::Immediate), of(Urgency::Past)), (P1, P4), "in progress or not");
    }
    let request = |needed_by, date| ShelterRequest { date, ..ShelterRequest::new(needed_by, plan()) };
    for (needed_by, date, expected) in [
        (NeededBy::Tonight, None, P2),
        (NeededBy::TwoDays, None, P2),
        (NeededBy::Week, None, P3),
        (NeededBy::Date, Some(2 * DAY), P2),
        (NeededBy::Date, Some(7 * DAY), P3),
        (NeededBy::Date, Some(7 * DAY + 1), P4),
    ] {
        assert_eq!(
            of_request(&request(needed_by.clone(), date.map(|after| START + after)), START),
            expected,
            "{needed_by}"
        );
    }
}

#[test]
fn the_table_of_deadlines() {
    for (priority, ack, lead, reply, escalate) in [
        (Priority::P1, 15, HOUR, HOUR, &[15, 30, 45][..]),
        (Priority::P2, 60, 3 * HOUR, 2 * HOUR, &[60, 90, 120]),
        (Priority::P3, 3 * HOUR, 12 * HOUR, 24 * HOUR, &[3 * HOUR, 6 * HOUR, 12 * HOUR]),
        (Priority::P4, 24 * HOUR, 48 * HOUR, 72 * HOUR, &[24 * HOUR, 48 * HOUR]),
    ] {
        let times = deadlines(&priority);
        assert_eq!((times.ack, times.lead, times.reply, times.escalate), (ack, lead, reply, escalate));
        let told: Vec<_> =
            (0..=times.escalate.len()).flat_map(|step| rungs(&priority, u64::try_from(step).expect("few"))).collect();
        assert_eq!(told, [&Rung::Shift, &Rung::Desk, &Rung::DutyLead, &Rung::PlanB], "{priority}");
    }
}

#[test]
fn an_answer_stops_the_ladder_and_nothing_else_does() {
    let (mut story, alert) = Story::opened(Urgency::Immediate, Severity::Severe);
    let times: BTreeMap<EventId, u64> = story.entries.iter().map(|entry| (entry.id(), entry.written())).collect();
    let from = times[&alert];
    let at = |story: &Story, after: u64| {
        let written: BTreeMap<EventId, u64> = story.entries.iter().map(|entry| (entry.id(), entry.written())).collect();
        standing(&story.reduced(), |id| written.get(id).copied(), from + after).expect("it is open")
    };
    for (after, step, plan_b) in
        [(0, 0, false), (14, 0, false), (15, 1, false), (30, 2, false), (45, 3, true), (900, 3, true)]
    {
        let now = at(&story, after);
        assert_eq!((now.step, now.plan_b), (step, plan_b), "after {after}");
        assert_eq!(now.ack, Due::Open { due: from + 15, overdue: after > 15 });
    }
    assert_eq!(at(&story, 15).next, Some(from + 30));
    story.say(CONTACT, ack(alert, AckLevel::Human));
    assert!(at(&story, 45).plan_b, "a contact's answer does not stop the desk's clock");
    story.say(DILAN, ack(alert, AckLevel::Human));
    let now = at(&story, 45);
    assert_eq!((now.step, now.plan_b), (0, false));
    assert!(matches!(now.ack, Due::Met { late: false, .. }));
    assert_eq!(now.lead, Due::Open { due: from + 60, overdue: false });
    story.say(DEFENDER, stand_down(alert));
    assert_eq!(standing(&story.reduced(), |_| Some(from), from), None, "nothing is due any more");
}

#[test]
fn one_speaks_first_and_one_is_enough() {
    let case = CaseId::from_slice(&[7; 16]).expect("16 bytes");
    let members: Vec<Fingerprint> = (0..6u8).map(|n| Fingerprint::of(&[n])).collect();
    let mut firsts = BTreeSet::new();
    for step in 1..=40 {
        let waits: Vec<u64> = members.iter().map(|me| wait(&members, me, &case, step, 2).expect("a member")).collect();
        let first: Vec<_> = waits.iter().enumerate().filter(|(_, wait)| **wait == 0).map(|(at, _)| at).collect();
        assert_eq!(first.len(), 1, "one does not wait");
        assert_eq!(waits.iter().collect::<BTreeSet<_>>().len(), 6, "no two at once");
        assert!(waits.iter().all(|wait| *wait <= 5 * TURN_MINUTES + 2));
        firsts.extend(first);
    }
    assert!(firsts.len() > 3, "it is not always the same");
    assert_eq!(wait(&members, &Fingerprint::of(b"somebody else"), &case, 1, 0), None);
    let mut story = Story::at(&CaseStatus::New);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    let tell = || Escalation { step: 1, reason: EscalationReason::NoAck, about: alert };
    assert!(!is_told(&story.reduced(), 1));
    let seen = story.heads();
    for who in [DILAN, AMINA] {
        story.say_having_seen(who, &seen, tell(), &Around::default());
    }
    let case = story.reduced();
    assert!(is_told(&case, 1) && !is_told(&case, 2));
    assert_eq!(case.escalated[&1], case.order[1], "of two the first in order");
}

#[test]
fn ranks_are_those_of_the_document() {
    let member = Fingerprint::from_slice(&[0xC0; 32]).expect("32 bytes");
    let case = CaseId::from_slice(&[0x09; 16]).expect("16 bytes");
    // printf of 32 × c0, 16 × 09 and u64(2), through sha256sum, its first 16 digits.
    assert_eq!(format!("{:016x}", rank(&member, &case, 2)), RANK);
}

const RANK: &str = "768a9782c934b238";

#[test]
fn a_clock_that_is_ahead_is_noticed() {
    let (story, _) = Story::opened(Urgency::Immediate, Severity::Severe);
    let mut entry = story.entries[0].clone();
    assert!(!is_skewed(&entry));
    entry.received = entry.sent() - 11;
    assert!(is_skewed(&entry));
    assert_eq!(entry.written(), entry.received, "it is not later than it came");
}

fn daily(ladder: Vec<LadderStep>) -> CheckInPlan {
    CheckInPlan {
        start: START,
        rrule: "FREQ=DAILY;COUNT=3".parse().expect("a rule"),
        grace: 30,
        remind: 10,
        ladder,
        sealed_plan: Some(NoticeText::new("look there").expect("a text")),
        offset: None,
    }
}

fn said(answers: &[(u64, CheckInAnswer, u64)]) -> BTreeMap<u64, (CheckInAnswer, u64)> {
    answers.iter().map(|(seq, answer, late)| (*seq, (answer.clone(), *late))).collect()
}

#[test]
fn a_check_in_is_missed_only_by_whoever_would_have_heard() {
    let plan = daily(Vec::new());
    let none = said(&[]);
    let at = |synced, now| light(&plan, &none, synced, now);
    assert_eq!(at(None, START - 11), Light::Waiting { due: START });
    assert_eq!(at(None, START - 10), Light::Remind { due: START });
    assert_eq!(at(None, START + 30), Light::Due { until: START + 30 });
    let since = START + 30;
    assert_eq!(at(None, START + 31), Light::Unknown { since });
    assert_eq!(at(Some(since), START + 500), Light::Unknown { since }, "that sync was too early");
    assert_eq!(at(Some(since + 1), START + 500), Light::Missed { since, seq: 0, steps: 0 });
    let ok = said(&[(0, CheckInAnswer::Ok, 0)]);
    assert_eq!(light(&plan, &ok, Some(START + 500), START + 500), Light::Waiting { due: START + DAY });
    let late = said(&[(0, CheckInAnswer::Delay, 60)]);
    assert_eq!(light(&plan, &late, Some(START + 80), START + 80), Light::Due { until: START + 90 });
    assert!(matches!(light(&plan, &late, Some(START + 91), START + 91), Light::Missed { seq: 0, .. }));
    let help = said(&[(0, CheckInAnswer::Ok, 0), (1, CheckInAnswer::Help, 0)]);
    assert_eq!(light(&plan, &help, None, START), Light::Help);
    let all = said(&[(2, CheckInAnswer::Ok, 0)]);
    assert_eq!(light(&plan, &all, None, START + 9 * DAY), Light::Over, "the last one answers for those before it");
}

#[test]
fn the_ladder_of_a_plan_and_what_was_sealed() {
    let step = |after_min, act| LadderStep { after_min, who: LadderWho::Contacts, act };
    let plan = daily(vec![step(0, LadderAct::Ask), step(30, LadderAct::Alert), step(60, LadderAct::OpenPlan)]);
    let at = |after: u64| light(&plan, &said(&[]), Some(START + 30 + after), START + 30 + after);
    for (after, count, open) in [(1, 1, false), (30, 2, false), (59, 2, false), (60, 3, true)] {
        let light = at(after);
        assert_eq!((steps(&plan, &light).len(), is_plan_open(&plan, &light)), (count, open), "{after}");
    }
    let plain = daily(Vec::new());
    let missed = light(&plain, &said(&[]), Some(START + 31), START + 31);
    assert!(is_plan_open(&plain, &missed), "with the miss, if no step says otherwise");
    let offline = light(&plain, &said(&[]), None, START + 31);
    assert!(!is_plan_open(&plain, &offline), "nobody's plan is opened because somebody else was offline");
}

#[test]
fn answers_are_the_defenders() {
    let mut story = Story { case: CaseId::from_slice(plan().as_bytes()), ..Story::default() };
    let ok = |seq| CheckIn { plan: plan(), seq, answer: CheckInAnswer::Ok, late: None };
    story.say(DEFENDER, ok(0));
    story.say(CONTACT, ok(1));
    story.say(DEFENDER, duress());
    let found = answers(&plan(), &story.entries);
    assert_eq!(
        found,
        said(&[(0, CheckInAnswer::Ok, 0), (1, CheckInAnswer::Ok, 0)]),
        "the second was written under duress"
    );
    assert!(answers(&EventId::of(b"another"), &story.entries).is_empty());
}

#[test]
fn several_silent_lines_are_the_relays_silence() {
    let line = |missed_since, heard| Line { missed_since, heard };
    assert!(!is_relay_suspect(&[]));
    assert!(!is_relay_suspect(&[line(Some(100), Some(50)), line(None, Some(60))]), "one is one");
    assert!(is_relay_suspect(&[line(Some(100), Some(50)), line(Some(110), None), line(None, Some(60))]));
    assert!(!is_relay_suspect(&[line(Some(100), Some(50)), line(Some(110), None), line(None, Some(105))]));
}

#[test]
fn when_things_go() {
    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.entries[0].clone();
    let ok = story.say(DEFENDER, CheckIn { plan: plan(), seq: 0, answer: CheckInAnswer::Ok, late: None });
    let cry = story.say(DEFENDER, help());
    let note = HandoverNote { text: Text::new("by the gate").expect("a text") };
    let note = story.say_around(DILAN, note, &in_minutes(DAY));
    let grant = story.say_around(DEFENDER, consent(ConsentAct::Grant), &in_minutes(80 * DAY));
    let entry = |id| story.entries.iter().find(|entry| entry.id() == id).expect("it was said");
    let (ok, cry, note, grant) = (entry(ok), entry(cry), entry(note), entry(grant));
    let after = |entry: &himaya_protocol::case::Entry, minutes: u64| Some(entry.written() + minutes);
    assert_eq!(event_end(ok, CaseEnd::Open, None, None), after(ok, 3 * DAY), "72 hours, whatever the case");
    assert_eq!(event_end(cry, CaseEnd::None, None, None), after(cry, 3 * DAY));
    assert_eq!(event_end(cry, CaseEnd::Open, None, None), None, "a cry stays with its case");
    assert_eq!(event_end(note, CaseEnd::Open, None, None), after(note, DAY));
    assert_eq!(event_end(&alert, CaseEnd::None, None, None), after(&alert, 30 * DAY));
    assert_eq!(event_end(&alert, CaseEnd::Open, None, None), None);
    assert_eq!(event_end(&alert, CaseEnd::At(7), None, None), Some(7));
    assert_eq!(event_end(grant, CaseEnd::None, None, None), grant.event.content().expires, "not before it has run out");

    let case = story.reduced();
    assert_eq!(case_end(&case, START, None), CaseEnd::Open);
    assert_eq!(remnant(&case, START), None);
    let closed = Story::at(&CaseStatus::Closed).reduced();
    let end = START + 90 * DAY;
    assert_eq!(case_end(&closed, START, None), CaseEnd::At(end));
    assert_eq!(case_end(&closed, START, Some(end - 7 * DAY - 1)), CaseEnd::At(end));
    assert_eq!(case_end(&closed, START, Some(end - 7 * DAY)), CaseEnd::At(end + 7 * DAY));
    assert_eq!(case_end(&closed, START, Some(end - 1)), CaseEnd::At(end + 14 * DAY - 1));
    let left = remnant(&closed, 29_459_520).expect("it has ended");
    assert_eq!((left.month, left.outcome), (56 * 12, CaseStatus::Closed), "January 2026");
    assert_eq!(remnant(&closed, 29_459_520 - 5 * DAY - 1).map(|left| left.month), Some(56 * 12 - 1), "December 2025");
    assert_eq!(remnant(&closed, 0).map(|left| left.month), Some(0));
}

#[test]
fn when_all_of_a_case_goes() {
    let of = |story: &Story| lifetime(&story.reduced(), &story.entries.iter().collect::<Vec<_>>());
    let goes = |story: &Story, id: EventId| of(story).events.get(&id).copied().flatten();
    let written = |story: &Story, id: EventId| {
        story.entries.iter().find(|entry| entry.id() == id).map(himaya_protocol::case::Entry::written)
    };
    let open = Story::at(&CaseStatus::Active);
    assert_eq!((of(&open).case, of(&open).remnant), (CaseEnd::Open, None));

    let mut closed = Story::at(&CaseStatus::Closed);
    let end =
        written(&closed, closed.entries[closed.entries.len() - 1].id()).expect("the last one closed it") + 90 * DAY;
    assert_eq!(of(&closed).case, CaseEnd::At(end));
    assert_eq!(of(&closed).remnant.map(|left| left.outcome), Some(CaseStatus::Closed));
    assert!(of(&closed).events.values().all(|goes| *goes == Some(end)), "as a whole");
    closed.clock = end - START - DAY;
    let last = closed.say(CONTACT, Notice { text: NoticeText::new("thank you").expect("a text") });
    assert_eq!(goes(&closed, last), Some(end), "others do not keep it");
    let last = closed.say(DEFENDER, Notice { text: NoticeText::new("thank you").expect("a text") });
    assert_eq!(goes(&closed, last), written(&closed, last).map(|word| word + 14 * DAY));

    // A circle has nobody who could close a case: what it knows goes like everything else.
    let mut circle = Story::default();
    let alert = circle.say(DEFENDER.on(Group::Circle), ThreatAlert::default());
    assert_eq!(of(&circle).case, CaseEnd::None);
    assert_eq!(goes(&circle, alert), written(&circle, alert).map(|word| word + 30 * DAY));
    let seen = circle.heads();
    circle.say_having_seen(DILAN, &seen, ack(alert, AckLevel::Human), &Around::default());
    assert_eq!((of(&circle).case, goes(&circle, alert)), (CaseEnd::Open, None), "a desk has it");
}

#[test]
fn evidence_goes_with_its_consent_and_the_record_of_an_export_with_its_case() {
    let mut story = Story::at(&CaseStatus::Active);
    let grant = story.say_around(DEFENDER, consent(ConsentAct::Grant), &in_minutes(20 * DAY));
    let until = START + story.clock + 20 * DAY;
    let piece = |what, consent| Evidence {
        commitment: [1; 32],
        shared_sha256: [2; 32],
        stripped: true,
        mime: None,
        size: None,
        captured: None,
        derivations: Vec::new(),
        custody: vec![CustodyEntry { what, at: START, by: DILAN.id() }],
        consent,
    };
    let kept = story.say(DEFENDER, piece(Custody::Collected, Some(grant)));
    let free = story.say(DEFENDER, piece(Custody::Collected, None));
    let unknown = story.say(DEFENDER, piece(Custody::Collected, Some(EventId::of(b"elsewhere"))));
    let export = story.say(DILAN, piece(Custody::Exported, Some(grant)));
    let goes = |story: &Story| lifetime(&story.reduced(), &story.entries.iter().collect::<Vec<_>>()).events;
    let before = goes(&story);
    assert_eq!([kept, free, unknown, export].map(|id| before[&id]), [Some(until), None, None, None]);
    story.say(DEFENDER, consent(ConsentAct::Withdraw));
    let after = goes(&story);
    assert_eq!([kept, free, unknown, export].map(|id| after[&id]), [Some(0), None, None, None]);
}

/// What retention takes before its case changes nothing of what stays.
#[test]
fn what_goes_early_leaves_no_trace() {
    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    story.say(DEFENDER, all_clear(alert));
    let seen = story.heads();
    let note = HandoverNote { text: Text::new("by the gate").expect("a text") };
    story.say_having_seen(DILAN, &seen, to(CaseStatus::Closed), &Around::default());
    let gone = [
        story.say_having_seen(AMINA, &seen, note, &in_minutes(60)),
        story.say_having_seen(DEFENDER, &seen, CheckIn { answer: CheckInAnswer::Ok, ..help() }, &Around::default()),
    ];
    assert_eq!(story.status(), CaseStatus::Closed, "neither keeps a case open");
    let before = story.reduced();
    story.entries.retain(|entry| !gone.contains(&entry.id()));
    let after = story.reduced();
    assert_eq!(
        (before.status, before.lead, before.priority, before.gaps),
        (after.status, after.lead, after.priority, after.gaps)
    );
}

#[test]
fn small_numbers_are_not_told() {
    let of =
        |month, count: usize| vec![Remnant { month, priority: Some(Priority::P1), outcome: CaseStatus::Closed }; count];
    let table = |counts: &[(u64, usize)]| {
        let cases: Vec<Remnant> = counts.iter().flat_map(|(month, count)| of(*month, *count)).collect();
        tabulate(cases.iter().map(|case| (case, true)), |case| case.month)
    };
    let plain = table(&[(1, 5), (2, 9)]);
    assert_eq!(plain.cells, BTreeMap::from([(1, Cell::Told(5)), (2, Cell::Told(9))]));
    assert_eq!(plain.total, Cell::Told(14));
    let one = table(&[(1, 4), (2, 9), (3, 20)]);
    assert_eq!(one.cells, BTreeMap::from([(1, Cell::Held), (2, Cell::Held), (3, Cell::Told(20))]), "or 4 = 33 - 29");
    assert_eq!(one.total, Cell::Told(33));
    let few = table(&[(1, 1), (2, 2)]);
    assert_eq!((few.cells[&1], few.total), (Cell::Held, Cell::Held));
    let alone = table(&[(1, 4)]);
    assert_eq!(alone.total, Cell::Held);
    let cases = of(1, 9);
    let consented = tabulate(cases.iter().enumerate().map(|(at, case)| (case, at < 5)), |case| case.month);
    assert_eq!(consented.total, Cell::Told(5), "only with consent");
}

/// A board of 2,000 cases with 50 events each is reduced; not how fast, but that it is.
#[test]
fn a_large_board_is_reduced() {
    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    while story.entries.len() < 50 {
        let text = NoticeText::new("words").expect("a text");
        story.say(DILAN.on(Group::Line), Notice { text });
        story.say(AMINA, ack(alert, AckLevel::Human));
        story.say(DILAN, Triage { priority: Some(Priority::P2), ..Triage::new(note("because")) });
    }
    for _ in 0..2_000 {
        let case = himaya_protocol::case::reduce(&story.entries);
        assert_eq!((case.status, case.priority), (Some(CaseStatus::Active), Some(Priority::P2)));
    }
    assert_eq!(story.entries[0].role, Role::Defender);
}
