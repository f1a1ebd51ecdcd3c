//! Every transition of the life of a case, allowed and refused.

use himaya_protocol::case::status::{Takes, decide};
use himaya_protocol::case::{Group, Refusal};
use himaya_protocol::content::body::{Escalation, ThreatAlert, Triage};
use himaya_protocol::content::value::{NoticeText, Text};
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, CaseStatus, ConsentAct, EscalationReason, Part, Priority, ReferralState, Severity, Status, Urgency,
};
use himaya_protocol::content::{Body, CaseId, EventId, Notice};

use crate::story::*;

/// Where a coordinator's decision may take a case.
fn allowed() -> Vec<(CaseStatus, CaseStatus)> {
    use CaseStatus::*;
    let mut allowed = vec![
        (Acked, Triaged),
        (Acked, Declined),
        (Triaged, Declined),
        (Triaged, Active),
        (Active, Monitor),
        (Monitor, Active),
        (DuressHold, Triaged),
        (DuressHold, Active),
    ];
    for from in [Triaged, Active, Monitor] {
        allowed.extend([Closed, Referred, Transferred].map(|to| (from.clone(), to)));
    }
    allowed.extend([Closed, Declined, Referred, Transferred].map(|from| (from, Reopened)));
    allowed
}

fn refusal(story: &Story, event: EventId) -> Option<Refusal> {
    story.reduced().refused.get(&event).copied()
}

/// Puts a case where it is to start, and prepares what the decision takes.
fn prepared(from: &CaseStatus, to: &CaseStatus) -> Story {
    let mut story = Story::at(from);
    match decide(from, to) {
        Ok(Takes::Lead) => {
            // Whoever took the lead would make it active at once: the lead was given up and taken while it was held.
            story = Story::at(&CaseStatus::Triaged);
            story.say(DEFENDER, duress());
            story.say(AMINA, assignment(AMINA, Part::Lead, Act::Take));
            let first = story.say(DILAN, verified(CaseStatus::Triaged));
            story.say(AMINA, Triage { confirms: Some(first), ..verified(CaseStatus::Triaged) });
        }
        Ok(Takes::Referral) => {
            story.accepted_referral();
        }
        Ok(Takes::Priority | Takes::Nothing | Takes::SecondIfUrgent | Takes::CloseOrSecond | Takes::Verified)
        | Err(_) => (),
    }
    assert_eq!(story.status(), *from, "to {to}");
    story
}

#[test]
fn every_decision_between_two_statuses() {
    let (mut holds, mut refused) = (0, 0);
    for from in CaseStatus::ALL.iter().filter(|status| !matches!(status, CaseStatus::Purged | CaseStatus::Reopened)) {
        for to_status in CaseStatus::ALL.iter() {
            // These cannot even be written.
            if matches!(to_status, CaseStatus::New | CaseStatus::Purged | CaseStatus::DuressHold) {
                continue;
            }
            let mut story = prepared(from, to_status);
            let decision = Triage { priority: Some(Priority::P3), ..verified(to_status.clone()) };
            let first = story.say(DILAN, decision.clone());
            if allowed().contains(&(from.clone(), to_status.clone())) {
                let takes_two = story.status() == *from;
                if takes_two {
                    assert!(story.reduced().waiting.contains_key(&first), "{from} to {to_status} waits");
                    story.say(AMINA, Triage { confirms: Some(first), ..decision });
                }
                let reached = if *to_status == CaseStatus::Reopened { &CaseStatus::Triaged } else { to_status };
                assert_eq!(story.status(), *reached, "{from} to {to_status}: {:?}", story.reduced().refused);
                assert!(!story.reduced().waiting.contains_key(&first));
                holds += 1;
            } else {
                assert!(refusal(&story, first).is_some(), "{from} to {to_status}");
                assert_eq!(story.status(), *from, "{from} to {to_status}");
                refused += 1;
            }
        }
    }
    assert_eq!((holds, refused), (allowed().len(), 11 * 10 - allowed().len()));
}

#[test]
fn an_answer_of_a_coordinator_acknowledges_and_a_contacts_does_not() {
    let (mut story, alert) = Story::opened(Urgency::Immediate, Severity::Severe);
    story.say(CONTACT, ack(alert, AckLevel::Acting));
    story.say(DILAN, ack(alert, AckLevel::Device));
    assert_eq!(story.status(), CaseStatus::New);
    let milestones = story.reduced().milestones;
    assert!(milestones.human.is_some() && milestones.ack.is_none());
    let answer = story.say(DILAN.on(Group::Line), ack(alert, AckLevel::Human));
    assert_eq!(story.status(), CaseStatus::Acked);
    assert_eq!(story.reduced().milestones.ack, Some(answer));
    assert_eq!(story.reduced().acks[&alert].len(), 3, "all of them are kept");
}

#[test]
fn a_priority_then_a_lead() {
    let mut story = Story::at(&CaseStatus::Acked);
    let early = story.say(DILAN, to(CaseStatus::Triaged));
    assert_eq!(refusal(&story, early), Some(Refusal::NoPriority));
    let early = story.say(DILAN, assignment(DILAN, Part::Lead, Act::Take));
    assert_eq!(refusal(&story, early), Some(Refusal::NoPriority));
    story.say(DILAN, Triage { priority: Some(Priority::P2), ..to(CaseStatus::Triaged) });
    let early = story.say(DILAN, to(CaseStatus::Active));
    assert_eq!(refusal(&story, early), Some(Refusal::NoLead));
    story.say(AMINA, assignment(AMINA, Part::Lead, Act::Take));
    assert_eq!(story.status(), CaseStatus::Active);
    let second = story.say(DILAN, assignment(DILAN, Part::Lead, Act::Take));
    assert_eq!(refusal(&story, second), Some(Refusal::HasLead));
}

#[test]
fn what_wakes_a_case() {
    let missed = || Escalation { step: 1, reason: EscalationReason::MissedCheckIn, about: plan() };
    let wake: [fn(&mut Story) -> EventId; 3] = [
        |story| story.say(DEFENDER, ThreatAlert::default()),
        |story| story.say(DEFENDER, help()),
        |story| story.say(DILAN, Escalation { step: 1, reason: EscalationReason::MissedCheckIn, about: plan() }),
    ];
    for wake in wake {
        for (from, reached) in [
            (CaseStatus::Monitor, CaseStatus::Active),
            (CaseStatus::Closed, CaseStatus::Triaged),
            (CaseStatus::Declined, CaseStatus::Triaged),
            (CaseStatus::Referred, CaseStatus::Triaged),
            (CaseStatus::Transferred, CaseStatus::Triaged),
            (CaseStatus::Withdrawn, CaseStatus::Triaged),
            (CaseStatus::Acked, CaseStatus::Acked),
            (CaseStatus::Triaged, CaseStatus::Triaged),
            (CaseStatus::Active, CaseStatus::Active),
            (CaseStatus::DuressHold, CaseStatus::DuressHold),
        ] {
            let mut story = Story::at(&from);
            wake(&mut story);
            assert_eq!(story.status(), reached, "{from}");
        }
    }
    let mut story = Story { case: CaseId::from_slice(plan().as_bytes()), ..Story::default() };
    story.say(DILAN, missed());
    assert_eq!((story.status(), story.reduced().priority), (CaseStatus::New, Some(Priority::P2)));
    story.say(DILAN, Escalation { step: 3, ..missed() });
    assert_eq!(story.reduced().priority, Some(Priority::P1), "past step 2");
}

#[test]
fn closing_takes_the_lead_and_the_defenders_word_or_two() {
    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    let alone = story.say(DILAN, to(CaseStatus::Closed));
    assert_eq!(story.status(), CaseStatus::Active);
    assert_eq!(story.reduced().waiting.get(&alone), Some(&CaseStatus::Closed));
    let mut two = story.clone();
    let own = two.say(DILAN, Triage { confirms: Some(alone), ..to(CaseStatus::Closed) });
    assert_eq!(refusal(&two, own), Some(Refusal::Confirms), "nobody is two people");
    let other = two.say(AMINA, Triage { confirms: Some(alone), ..to(CaseStatus::Monitor) });
    assert_eq!(refusal(&two, other), None, "monitoring takes nobody else");
    two.say(AMINA, to(CaseStatus::Active));
    two.say(AMINA, Triage { confirms: Some(alone), ..to(CaseStatus::Closed) });
    assert_eq!(two.status(), CaseStatus::Closed);

    story.say(CONTACT, all_clear(alert));
    story.say(DILAN, to(CaseStatus::Closed));
    assert_eq!(story.status(), CaseStatus::Active, "a contact cannot say that all is clear");
    story.say(DEFENDER, all_clear(alert));
    let mut newer = story.clone();
    newer.say(DEFENDER, ThreatAlert::default());
    newer.say(DILAN, to(CaseStatus::Closed));
    assert_eq!(newer.status(), CaseStatus::Active, "not clear of the newer alert");
    story.say(AMINA, to(CaseStatus::Closed));
    assert_eq!(story.status(), CaseStatus::Active, "not the lead");
    story.say(DILAN, to(CaseStatus::Closed));
    assert_eq!(story.status(), CaseStatus::Closed);
}

#[test]
fn declining_what_is_urgent_takes_two() {
    for (urgency, alone) in [(Urgency::Immediate, false), (Urgency::Expected, false), (Urgency::Future, true)] {
        let (mut story, alert) = Story::opened(urgency, Severity::Severe);
        story.say(DILAN, ack(alert, AckLevel::Human));
        let first = story.say(DILAN, to(CaseStatus::Declined));
        assert_eq!(story.status() == CaseStatus::Declined, alone);
        if !alone {
            story.say(AMINA, Triage { confirms: Some(first), ..to(CaseStatus::Declined) });
            assert_eq!(story.status(), CaseStatus::Declined);
        }
    }
}

#[test]
fn a_withdrawal_is_the_defenders_always() {
    for from in [CaseStatus::New, CaseStatus::Acked, CaseStatus::Triaged, CaseStatus::Active, CaseStatus::Monitor] {
        let mut story = Story::at(&from);
        let alert = story.reduced().opened_by.expect("an alert opened it");
        let refused = story.say(CONTACT, stand_down(alert));
        assert_eq!(refusal(&story, refused), Some(Refusal::DefendersOwn), "{from}");
        let refused = story.say(DILAN, stand_down(alert));
        assert_eq!(refusal(&story, refused), Some(Refusal::DefendersOwn), "{from}");
        story.say(DEFENDER, stand_down(alert));
        assert_eq!(story.status(), CaseStatus::Withdrawn, "{from}");
        let refused = story.say(DILAN, to(CaseStatus::Reopened));
        assert_eq!(refusal(&story, refused), Some(Refusal::DefendersOwn), "{from}");
    }
}

#[test]
fn duress_holds_until_two_have_made_sure() {
    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    story.say(DEFENDER, duress());
    assert_eq!((story.status(), story.reduced().priority), (CaseStatus::DuressHold, Some(Priority::P1)));
    for refused in [story.say(DEFENDER, all_clear(alert)), story.say(DEFENDER, stand_down(alert))] {
        assert_eq!(refusal(&story, refused), Some(Refusal::Held), "not from that device");
    }
    let unsure = story.say(DILAN, to(CaseStatus::Active));
    assert_eq!(refusal(&story, unsure), Some(Refusal::NotVerified));
    let first = story.say(DILAN, verified(CaseStatus::Active));
    assert_eq!(story.status(), CaseStatus::DuressHold);
    let unsure = story.say(AMINA, Triage { confirms: Some(first), ..to(CaseStatus::Active) });
    assert_eq!(refusal(&story, unsure), Some(Refusal::NotVerified));
    let again = story.say(DILAN, Triage { confirms: Some(first), ..verified(CaseStatus::Active) });
    assert_eq!(refusal(&story, again), Some(Refusal::Confirms));
    story.say(AMINA, Triage { confirms: Some(first), ..verified(CaseStatus::Active) });
    assert_eq!(story.status(), CaseStatus::Active);
}

#[test]
fn the_clocks_begin_anew_with_duress_and_with_what_opens_a_case_again() {
    for (from, restarts) in [
        (CaseStatus::Acked, true),
        (CaseStatus::Active, true),
        (CaseStatus::Monitor, true),
        (CaseStatus::Closed, true),
        (CaseStatus::DuressHold, false),
    ] {
        let mut story = Story::at(&from);
        let before = story.reduced();
        let held = story.say(DEFENDER, duress());
        let case = story.reduced();
        assert_eq!(case.since == Some(held), restarts, "{from}");
        assert_eq!(case.since == before.since, !restarts, "{from}: what is held is not begun anew with each check-in");
        assert_eq!(case.reopened, before.reopened, "{from}");
    }

    let mut story = Story::at(&CaseStatus::Active);
    let alert = story.reduced().opened_by.expect("an alert opened it");
    let tell = |about| Escalation { step: 1, reason: EscalationReason::NoAck, about };
    story.say(DILAN, tell(alert));
    assert_eq!(story.reduced().escalated.len(), 1);
    let seen = story.heads();
    let held = story.say(DEFENDER, duress());
    // Amina answers what she knows of, which is not the duress.
    story.say_having_seen(AMINA, &seen, ack(alert, AckLevel::Human), &Around::default());
    let case = story.reduced();
    assert!(case.milestones.ack.is_none() && case.escalated.is_empty());
    story.say(DILAN, tell(held));
    let answer = story.say(AMINA, ack(held, AckLevel::Human));
    let case = story.reduced();
    assert_eq!((case.milestones.ack, case.escalated.len()), (Some(answer), 1));

    let mut story = Story::at(&CaseStatus::Closed);
    let again = story.say(DEFENDER, ThreatAlert::default());
    let case = story.reduced();
    assert_eq!((case.since, case.milestones.ack, case.reopened), (Some(again), None, 1));

    // One opens the case again and answers; the defender, who is offline, says that she is not free to speak.
    let mut story = Story::at(&CaseStatus::Closed);
    let seen = story.heads();
    let again = story.say(DILAN, to(CaseStatus::Reopened));
    story.say(DILAN, ack(again, AckLevel::Human));
    let held = story.say_having_seen(DEFENDER, &seen, duress(), &Around::default());
    let case = story.reduced();
    assert_eq!((case.status, case.since), (Some(CaseStatus::DuressHold), Some(held)));
    assert!(case.milestones.ack.is_none(), "nobody has answered the duress");
}

#[test]
fn a_duress_after_a_hold_that_the_desk_ended_begins_anew() {
    let mut story = Story::at(&CaseStatus::Active);
    let first = story.say(DEFENDER, duress());
    // What ends a hold is said on the desk: the defender has not seen it when she speaks again.
    let home = story.heads();
    let one = story.say(DILAN.on(Group::Desk), verified(CaseStatus::Active));
    story.say(AMINA.on(Group::Desk), Triage { confirms: Some(one), ..verified(CaseStatus::Active) });
    let ended = story.reduced();
    assert_eq!((ended.status, ended.since), (Some(CaseStatus::Active), Some(first)));
    assert!(ended.milestones.ack.is_some(), "who makes sure has answered");
    let second = story.say_having_seen(DEFENDER, &home, duress(), &Around::default());
    let case = story.reduced();
    assert_eq!((case.status, case.since, case.milestones.ack), (Some(CaseStatus::DuressHold), Some(second), None));
    let third = story.say_having_seen(DEFENDER, &[second].into(), duress(), &Around::default());
    assert_eq!(story.reduced().since, Some(second), "not with each check-in");
    // Two end that too, and she speaks once more.
    let one = story.say(DILAN.on(Group::Desk), verified(CaseStatus::Active));
    story.say(AMINA.on(Group::Desk), Triage { confirms: Some(one), ..verified(CaseStatus::Active) });
    assert_eq!(story.status(), CaseStatus::Active);
    let fourth = story.say_having_seen(DEFENDER, &[third].into(), duress(), &Around::default());
    assert_eq!(story.reduced().since, Some(fourth));
}

#[test]
fn roles_and_groups() {
    let mut story = Story::at(&CaseStatus::Triaged);
    let notice = || Notice { text: NoticeText::new("hello").expect("a text") };
    let desk_note = Triage { note: Some(Text::new("for us").expect("a text")), ..Triage::new(note("because")) };
    for (who, body, refused) in [
        (ADMIN, Body::from(to(CaseStatus::Active)), Some(Refusal::Role)),
        (ADMIN, assignment(ADMIN, Part::Lead, Act::Take).into(), Some(Refusal::Role)),
        (ADMIN, notice().into(), None),
        (CONTACT, to(CaseStatus::Active).into(), Some(Refusal::Role)),
        (DEFENDER, assignment(DEFENDER, Part::Lead, Act::Take).into(), Some(Refusal::Role)),
        (HOST, ThreatAlert::default().into(), None),
        (HOST.on(Group::HostLink), ThreatAlert::default().into(), Some(Refusal::Role)),
        (CONTACT, duress().into(), Some(Refusal::Role)),
        (DILAN.on(Group::Circle), to(CaseStatus::Active).into(), Some(Refusal::Group)),
        (DILAN, desk_note.clone().into(), Some(Refusal::DeskOnly)),
        (DILAN.on(Group::Desk), desk_note.into(), None),
    ] {
        let event = story.say(who, body);
        assert_eq!(refusal(&story, event), refused, "{who:?}");
    }
}

#[test]
fn parts_are_offered_accepted_released_and_handed_over() {
    let mut story = Story::at(&CaseStatus::Triaged);
    let lead = |who, act| assignment(who, Part::Lead, act);
    for refused in [
        story.say(DILAN, lead(AMINA, Act::Take)),
        story.say(DILAN, lead(DILAN, Act::Release)),
        story.say(AMINA, lead(AMINA, Act::Accept)),
        story.say(DILAN, lead(AMINA, Act::ShiftHandover)),
        story.say(DILAN, assignment(DILAN, Part::Backup, Act::Release)),
    ] {
        assert_eq!(refusal(&story, refused), Some(Refusal::NotYours));
    }
    story.say(DILAN, lead(AMINA, Act::Offer));
    assert_eq!(story.reduced().lead, None, "an offer is none yet");
    story.say(AMINA, lead(AMINA, Act::Accept));
    assert_eq!((story.reduced().lead, story.status()), (Some(AMINA.id()), CaseStatus::Active));
    story.say(AMINA, lead(NINO, Act::ShiftHandover));
    let handed = story.reduced();
    assert_eq!((handed.lead, handed.lead_unconfirmed), (Some(NINO.id()), true));
    assert!(handed.backups.contains(&AMINA.id()), "until she lets go");
    story.say(NINO, lead(NINO, Act::Accept));
    assert!(!story.reduced().lead_unconfirmed);
    story.say(AMINA, assignment(AMINA, Part::Backup, Act::Release));
    assert!(story.reduced().backups.is_empty());
    story.say(NINO, lead(NINO, Act::Release));
    assert_eq!(story.reduced().lead, None);
}

#[test]
fn referrals_pass_on_what_a_consent_has() {
    let mut story = Story::at(&CaseStatus::Active);
    let without = story.say(DILAN, referral(EventId::of(b"none"), ReferralState::InProgress, None));
    assert_eq!(refusal(&story, without), Some(Refusal::NoConsent));
    let grant = story.say_around(DEFENDER, consent(ConsentAct::Grant), &in_minutes(30));
    let first = story.say(DILAN, referral(grant, ReferralState::InProgress, None));
    assert_eq!(refusal(&story, first), None);
    let mut more = referral(grant, ReferralState::InProgress, None);
    more.fields_shared.push(himaya_protocol::content::vocabulary::ConsentField::Note);
    let more = story.say(DILAN, more);
    assert_eq!(refusal(&story, more), Some(Refusal::NoConsent), "the note was not consented to");
    let own = story.say(DILAN, referral(grant, ReferralState::Accepted, Some(first)));
    assert_eq!(refusal(&story, own), Some(Refusal::Referral), "nobody answers for the others");
    let done = story.say(NINO, referral(grant, ReferralState::Done, Some(first)));
    assert_eq!(refusal(&story, done), Some(Refusal::Referral), "not accepted yet");
    story.say(NINO, referral(grant, ReferralState::Accepted, Some(first)));
    story.say(NINO, referral(grant, ReferralState::Done, Some(first)));
    assert_eq!(story.reduced().referrals[&first], ReferralState::Done);
    story.clock += 30;
    let late = story.say(DILAN, referral(grant, ReferralState::InProgress, None));
    assert_eq!(refusal(&story, late), Some(Refusal::NoConsent), "it has run out");
    let unread = himaya_protocol::content::body::Consent { readback: false, ..consent(ConsentAct::Grant) };
    let unread = story.say_around(DILAN.on(Group::Line), unread, &in_minutes(30));
    assert_eq!(refusal(&story, unread), Some(Refusal::NotReadBack));
}

#[test]
fn practice_stays_practice() {
    let drill = Around { status: Some(Status::Exercise), ..Around::default() };
    let mut story = Story::default();
    let alert = story.say_around(DEFENDER, ThreatAlert::default(), &drill);
    assert!(story.reduced().exercise);
    story.say(DILAN, ack(alert, AckLevel::Human));
    story.say(DILAN, Triage { priority: Some(Priority::P4), ..to(CaseStatus::Triaged) });
    story.say(DILAN, assignment(DILAN, Part::Lead, Act::Take));
    let mut real = story.clone();
    real.say(DEFENDER, ThreatAlert::default());
    assert!(!real.reduced().exercise, "in a drill somebody was really in danger");
    let refused = real.say_around(DEFENDER, ThreatAlert::default(), &drill);
    assert_eq!(refusal(&real, refused), Some(Refusal::NotInEarnest));
    story.say(DILAN, stand_down(alert));
    assert_eq!(story.status(), CaseStatus::Closed, "the lead ends a drill");
}
