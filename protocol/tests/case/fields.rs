//! Two people act at the same time: what every field becomes.

use std::collections::BTreeSet;

use himaya_protocol::case::Case;
use himaya_protocol::content::body::{Consent, Notice, ThreatAlert, Triage};
use himaya_protocol::content::value::NoticeText;
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, CaseStatus, ConsentAct, Kind, Part, Priority, Severity, Urgency,
};
use himaya_protocol::content::{Body, EventId};

use crate::story::*;

fn text(words: &str) -> Notice {
    Notice { text: NoticeText::new(words).expect("a text") }
}

/// A case in which every field is set: active, no lead, an alert that is cleared, a consent, a notice.
struct Desk {
    story: Story,
    alert: EventId,
    grant: EventId,
    notices: [EventId; 2],
}

fn desk() -> Desk {
    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    let grant = story.say_around(DEFENDER, consent(ConsentAct::Grant), &in_minutes(10_000));
    let notices = [story.say_around(DILAN, text("one"), &in_minutes(5_000)), story.say(AMINA, text("two"))];
    story.say(DEFENDER, all_clear(alert));
    story.say(DILAN, assignment(DILAN, Part::Lead, Act::Release));
    Desk { story, alert, grant, notices }
}

/// One thing that a coordinator can do to one field, and whether the field has what it should.
struct Action {
    name: &'static str,
    act: fn(&Desk, Who) -> (Body, Around),
    holds: fn(&Desk, &Case, by: [EventId; 2], other: &str) -> bool,
}

fn own(desk: &Desk, who: Who) -> EventId {
    desk.notices[usize::from(who.number == AMINA.number)]
}

const ACTIONS: &[Action] = &[
    Action {
        name: "monitor",
        act: |_, _| (to(CaseStatus::Monitor).into(), Around::default()),
        holds: |_, case, _, other| {
            let expected = match other {
                "alert" => CaseStatus::Active,
                "duress" => CaseStatus::DuressHold,
                _ => CaseStatus::Monitor,
            };
            case.status == Some(expected)
        },
    },
    Action {
        name: "close",
        act: |desk, _| {
            // Nino has asked for it; each of the two bears it out.
            let asked = desk.story.reduced().waiting.into_keys().next();
            (Triage { confirms: asked, ..to(CaseStatus::Closed) }.into(), Around::default())
        },
        holds: |_, case, _, other| {
            let expected = match other {
                "monitor" => CaseStatus::Monitor,
                "duress" => CaseStatus::DuressHold,
                _ => CaseStatus::Active,
            };
            case.status == Some(expected)
        },
    },
    Action {
        name: "alert",
        act: |_, _| (ThreatAlert { kind: Kind::Arrest, ..ThreatAlert::default() }.into(), Around::default()),
        holds: |_, case, _, _| {
            case.own_rating == Some(Priority::P1) && case.priority == Some(Priority::P1) && !case.clear
        },
    },
    Action {
        name: "duress",
        act: |_, _| (duress().into(), Around::default()),
        holds: |_, case, _, _| case.status == Some(CaseStatus::DuressHold) && case.priority == Some(Priority::P1),
    },
    Action {
        name: "raise",
        act: |_, _| (Triage { priority: Some(Priority::P2), ..Triage::new(note("worse")) }.into(), Around::default()),
        holds: |_, case, _, other| {
            let expected = if matches!(other, "alert" | "duress") { Priority::P1 } else { Priority::P2 };
            case.priority == Some(expected)
        },
    },
    Action {
        name: "lower",
        act: |_, _| (Triage { priority: Some(Priority::P4), ..Triage::new(note("better")) }.into(), Around::default()),
        holds: |_, case, by, other| {
            let expected = match other {
                "alert" | "duress" => Priority::P1,
                "raise" => Priority::P2,
                _ => Priority::P4,
            };
            let own = if matches!(other, "alert" | "duress") { Priority::P1 } else { Priority::P3 };
            case.priority == Some(expected) && case.own_rating == Some(own) && case.lowered_by.contains(&by[0])
        },
    },
    Action {
        name: "take",
        act: |_, who| (assignment(who, Part::Lead, Act::Take).into(), Around::default()),
        holds: |desk, case, by, other| {
            if other != "take" {
                return case.lead.is_some() && case.to_be_told.is_empty();
            }
            let author = |id| desk.story.entries.iter().find(|entry| entry.id() == id).map(|entry| entry.author());
            let in_order: Vec<_> = case.order.iter().filter(|id| by.contains(id)).map(|id| author(*id)).collect();
            let told = case.to_be_told.first().copied();
            in_order == [case.lead, told] && told.is_some_and(|told| case.backups.contains(&told))
        },
    },
    Action {
        name: "withdraw consent",
        act: |_, _| (consent(ConsentAct::Withdraw).into(), Around::default()),
        holds: |desk, case, by, other| {
            let again = other == "grant" && case.consents.contains_key(&by[1]);
            !case.consents.contains_key(&desk.grant) && !again
        },
    },
    Action {
        name: "grant",
        act: |_, _| (consent(ConsentAct::Grant).into(), in_minutes(500)),
        holds: |_, case, by, other| case.consents.contains_key(&by[0]) == (other != "withdraw consent"),
    },
    Action {
        name: "edit",
        act: |desk, who| {
            let around = Around { replaces: Some(own(desk, who)), expires: Some(100), ..Around::default() };
            (text("three").into(), around)
        },
        holds: |desk, case, by, _| {
            let edited = &case.texts[&desk.notices[0]];
            edited.shown() == Some(by[0]) || desk.notices.iter().any(|id| case.texts[id].shown() == Some(by[0]))
        },
    },
    Action {
        name: "redact",
        act: |desk, who| {
            let around = Around { replaces: Some(own(desk, who)), ..Around::default() };
            (stand_down(own(desk, who)).into(), around)
        },
        holds: |desk, case, _, _| {
            desk.notices.iter().any(|id| case.texts[id].redacted && case.texts[id].shown().is_none())
        },
    },
    Action {
        name: "acknowledge",
        act: |desk, _| (ack(desk.alert, AckLevel::Acting).into(), Around::default()),
        holds: |desk, case, _, other| {
            let acting = case.acks[&desk.alert].iter().filter(|(_, level)| *level == AckLevel::Acting).count();
            acting == if other == "acknowledge" { 2 } else { 1 }
        },
    },
];

/// Each pair of actions, each of the two by one of two coordinators (alerts and duress by the defender's side), neither
/// knowing of the other's: both rules hold, whichever comes first.
#[test]
fn two_coordinators_act_on_every_pair_of_fields_at_once() {
    for first in ACTIONS {
        for second in ACTIONS {
            for swapped in [false, true] {
                let mut desk = desk();
                desk.story.say(NINO, to(CaseStatus::Closed));
                let seen = desk.story.heads();
                let mut by = Vec::new();
                for (action, who) in [(first, DILAN), (second, AMINA)] {
                    let (body, around) = (action.act)(&desk, who);
                    let author = match action.name {
                        "duress" => DEFENDER,
                        "alert" => CONTACT,
                        "grant" | "withdraw consent" => who.on(himaya_protocol::case::Group::Line),
                        _ => who,
                    };
                    by.push(desk.story.say_having_seen(author, &seen, body, &around));
                }
                if swapped {
                    desk.story.entries.reverse();
                }
                let case = desk.story.reduced();
                let pair = format!("{} and {}: {:?}", first.name, second.name, case.refused);
                assert!(!case.refused.contains_key(&by[0]) && !case.refused.contains_key(&by[1]), "{pair}");
                assert!(
                    (first.holds)(&desk, &case, [by[0], by[1]], second.name),
                    "{pair}: the first, {:?}",
                    case.status
                );
                assert!(
                    (second.holds)(&desk, &case, [by[1], by[0]], first.name),
                    "{pair}: the second, {:?}",
                    case.status
                );
            }
        }
    }
}

/// The acceptance case: one coordinator closes while offline, another receives a new alert meanwhile.
#[test]
fn a_close_offline_loses_to_an_alert_that_came_meanwhile() {
    for from in [CaseStatus::Active, CaseStatus::Monitor] {
        let mut story = Story::at(&from);
        let alert = story.reduced().opened_by.expect("an alert opened it");
        story.say(DEFENDER, all_clear(alert));
        let seen = story.heads();
        let closed = story.say_having_seen(DILAN, &seen, to(CaseStatus::Closed), &Around::default());
        assert_eq!(story.status(), CaseStatus::Closed, "as the one who is offline sees it");
        let new = story.say_having_seen(DEFENDER, &seen, ThreatAlert::default(), &Around::default());
        story.say_having_seen(AMINA, &BTreeSet::from([new]), ack(new, AckLevel::Human), &Around::default());
        assert_eq!(story.status(), CaseStatus::Active, "everywhere, from {from}");
        let mut backwards = story.clone();
        backwards.entries.reverse();
        assert_eq!(backwards.reduced(), story.reduced());
        assert!(!story.reduced().refused.contains_key(&closed), "it was right when it was written");
        story.say(DEFENDER, all_clear(new));
        story.say(DILAN, to(CaseStatus::Closed));
        assert_eq!(story.status(), CaseStatus::Closed, "once all of it was seen");
    }
}

#[test]
fn a_receipt_of_a_device_keeps_no_case_open() {
    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    story.say(DEFENDER, all_clear(alert));
    let seen = story.heads();
    story.say_having_seen(DILAN, &seen, to(CaseStatus::Closed), &Around::default());
    story.say_having_seen(DEFENDER, &seen, ack(alert, AckLevel::Device), &Around::default());
    assert_eq!(story.status(), CaseStatus::Closed);
    story.say_having_seen(CONTACT, &seen, ack(alert, AckLevel::Human), &Around::default());
    assert_eq!(story.status(), CaseStatus::Active, "a person's word does");
}

#[test]
fn a_withdrawal_stands_against_a_desk_and_not_against_a_cry() {
    let mut story = Story::at(&CaseStatus::Triaged);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    let seen = story.heads();
    story.say_having_seen(DEFENDER, &seen, stand_down(alert), &Around::default());
    story.say_having_seen(DILAN, &seen, assignment(DILAN, Part::Lead, Act::Take), &Around::default());
    assert_eq!(story.status(), CaseStatus::Withdrawn);
    story.say_having_seen(CONTACT, &seen, ThreatAlert::default(), &Around::default());
    assert_eq!(story.status(), CaseStatus::Active);
}

#[test]
fn the_desks_lower_priority_and_the_defenders_rating_both_stay() {
    let (mut story, alert) = Story::opened(Urgency::Immediate, Severity::Extreme);
    story.say(DILAN, ack(alert, AckLevel::Human));
    let lower = story.say(DILAN, Triage { priority: Some(Priority::P3), ..to(CaseStatus::Triaged) });
    let case = story.reduced();
    assert_eq!((case.priority, case.own_rating), (Some(Priority::P3), Some(Priority::P1)));
    assert_eq!(case.lowered_by, BTreeSet::from([lower]));
    let mut edited = story.clone();
    let milder = ThreatAlert { urgency: Urgency::Future, severity: Severity::Minor, ..ThreatAlert::default() };
    edited.say_around(DEFENDER, milder, &Around { replaces: Some(alert), ..Around::default() });
    assert_eq!(edited.reduced().own_rating, Some(Priority::P4), "an edit of one's own takes the place of it");
}

#[test]
fn consent_once_withdrawn_can_be_given_again() {
    let mut story = Story::at(&CaseStatus::Active);
    let first = story.say_around(DEFENDER, consent(ConsentAct::Grant), &in_minutes(100));
    story.say(CONTACT, consent(ConsentAct::Withdraw));
    assert!(story.reduced().consents.is_empty());
    let again = story.say_around(DEFENDER, consent(ConsentAct::Grant), &in_minutes(100));
    assert_eq!(story.reduced().consents.keys().copied().collect::<Vec<_>>(), [again]);
    story.say(DEFENDER, Consent { withdraws: Some(first), ..consent(ConsentAct::Withdraw) });
    assert!(story.reduced().consents.contains_key(&again), "only the one that was named");
}

#[test]
fn texts_have_their_history_and_expiry_its_shortest() {
    let mut story = Story::at(&CaseStatus::Active);
    let first = story.say_around(DILAN, text("one"), &in_minutes(1_000));
    let seen = story.heads();
    let edit = |expires| Around { replaces: Some(first), expires: Some(expires), ..Around::default() };
    let a = story.say_having_seen(DILAN, &seen, text("two"), &edit(500));
    let b = story.say_having_seen(DILAN, &seen, text("three"), &edit(2_000));
    let case = story.reduced();
    let history = &case.texts[&first];
    assert_eq!((history.versions.len(), history.versions[0]), (3, first));
    assert_eq!(history.shown(), case.order.iter().rev().find(|id| [a, b].contains(id)).copied(), "the last writer");
    let times: Vec<_> = story.entries.iter().filter_map(|entry| entry.event.content().expires).collect();
    assert_eq!(case.expires.get(&first), times.iter().min());
    let stolen = story.say_around(AMINA, text("mine"), &edit(10));
    assert!(story.reduced().refused.contains_key(&stolen));
}
