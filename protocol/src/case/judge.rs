//! Whether an event holds, judged by what its author had seen (docs/protocol.md section 12.2).
//!
//! The causal past of an event never changes, so its judgement does not either, whatever arrives later. What does not
//! hold stays in the log and is shown with its reason; it changes nothing.

use super::authority::may_write;
use super::dag::Dag;
use super::entry::{Entry, Group, Role};
use super::priority::rating;
use super::status::{Takes, decide, has_ended};
use super::view::{Effect, View, is_cry, opens};
use crate::content::body::{Assignment, Consent, Referral, StandDown, Triage};
use crate::content::vocabulary::{
    AckLevel, Act, CaseStatus, ConsentAct, Part, Priority, Purpose, ReferralState, Status,
};
use crate::content::{Body, EventId};
use crate::wire::card::Fingerprint;

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// The author's role may not write it.
    #[error("the author's role does not allow this; ask somebody whose role does")]
    Role,
    /// It may not be written in a group of this kind.
    #[error("this does not belong into a group of this kind; write it where it belongs")]
    Group,
    /// It takes the place of somebody else's event.
    #[error("only the author can replace an event; write a new one")]
    NotAuthor,
    /// Neither Actual nor Exercise, or an exercise in a case that is in earnest.
    #[error("practice does not change a case that is in earnest; open a drill of its own")]
    NotInEarnest,
    /// No way leads from where the case stood to where it was to go.
    #[error("the case cannot go there from where it stands; see what it can become")]
    Transition,
    /// Nobody had answered yet.
    #[error("no coordinator has answered yet; acknowledge the case first")]
    NotAnswered,
    /// Only the defender may do this.
    #[error("a withdrawal is the defender's alone; ask the defender")]
    DefendersOwn,
    /// There is no priority.
    #[error("the case has no priority; give one with the decision")]
    NoPriority,
    /// There is no lead.
    #[error("the case has no lead; somebody has to take it first")]
    NoLead,
    /// Somebody else leads.
    #[error("somebody leads this case already; ask for a handover")]
    HasLead,
    /// The author has not the part that is passed on, or it was not offered to the author.
    #[error("this part is not the author's to give or to take; ask whoever has it")]
    NotYours,
    /// What is confirmed is not the same decision of another coordinator.
    #[error("a second coordinator has to confirm the same decision of a first one; name it")]
    Confirms,
    /// The case is held because its defender is under duress.
    #[error("the case is held for duress; two coordinators end that, after reaching the defender another way")]
    Held,
    /// It is not said how the defender was reached another way.
    #[error("say how it was made sure, outside of this system, that the defender is free to speak")]
    NotVerified,
    /// No consent stands that covers it.
    #[error("no consent covers this; ask for one, for this recipient and these fields")]
    NoConsent,
    /// A consent that somebody else wrote down was not read back.
    #[error("read the consent back to whoever gave it, and say that it was done")]
    NotReadBack,
    /// There is no such referral, or it cannot go there.
    #[error("the referral cannot go there from where it stands; look at its state")]
    Referral,
    /// What only a desk may read stands where others read it.
    #[error("this note is for the desk alone; leave it out, or write it on the desk")]
    DeskOnly,
}

/// Judges one event before what its author had seen of the case.
pub(super) fn judge(dag: &Dag<'_>, past: &View<'_>, entry: &Entry) -> Result<Effect, Refusal> {
    may_write(entry)?;
    let content = entry.event.content();
    let replaced = content.replaces.and_then(|id| dag.at(dag.place(&id)?));
    if replaced.is_some_and(|replaced| replaced.author() != entry.author()) {
        return Err(Refusal::NotAuthor);
    }
    if opens(entry) {
        return danger(past, entry);
    }
    let status = past.status();
    let held = status == Some(CaseStatus::DuressHold);
    match entry.body() {
        Body::Ack(ack) => {
            let answers = entry.role == Role::Coordinator && ack.level != AckLevel::Device;
            Ok(effect((answers && status == Some(CaseStatus::New)).then_some(CaseStatus::Acked)))
        }
        Body::AllClear(_) if held => Err(Refusal::Held),
        Body::StandDown(stand_down) => stood_down(past, entry, stand_down, status),
        Body::Triage(triage) => triaged(past, entry, triage, status),
        Body::Assignment(part) => assigned(past, entry, part, status),
        Body::Consent(consent) => consented(entry, consent),
        Body::Referral(referral) => referred(past, entry, referral),
        Body::Snapshot(snapshot) => Ok(effect(past.seed(entry).map(|_| snapshot.status.clone()))),
        Body::AllClear(_)
        | Body::ThreatAlert(_)
        | Body::ShelterRequest(_)
        | Body::Notice(_)
        | Body::Offer(_)
        | Body::Match(_)
        | Body::HandoverNote(_)
        | Body::CheckInPlan(_)
        | Body::CheckIn(_)
        | Body::Verification(_)
        | Body::Evidence(_)
        | Body::Duress(_)
        | Body::DeskPolicy(_)
        | Body::ShiftRoster(_)
        | Body::Escalation(_)
        | Body::Leave
        | Body::Unknown { .. } => Ok(Effect::default()),
    }
}

fn effect(status: Option<CaseStatus>) -> Effect {
    Effect { status, reopens: false }
}

/// An alert, a request, `help`, a missed check-in, duress: opens a case, or wakes it.
fn danger(past: &View<'_>, entry: &Entry) -> Result<Effect, Refusal> {
    match entry.event.content().status {
        Status::Actual => {}
        Status::Exercise if past.is_exercise() != Some(false) => {}
        Status::Exercise | Status::System | Status::Test | Status::Draft => return Err(Refusal::NotInEarnest),
        // A word of a newer version: whatever it means, somebody may be in danger.
        Status::Other(_) => {}
    }
    if matches!(entry.body(), Body::Duress(_)) {
        return Ok(effect(Some(CaseStatus::DuressHold)));
    }
    Ok(match past.status() {
        None => effect(Some(CaseStatus::New)),
        Some(CaseStatus::Monitor) if is_cry(entry) => effect(Some(CaseStatus::Active)),
        Some(status) if has_ended(&status) => Effect { status: Some(CaseStatus::Triaged), reopens: true },
        Some(_) => Effect::default(),
    })
}

fn stood_down(
    past: &View<'_>,
    entry: &Entry,
    stand_down: &StandDown,
    status: Option<CaseStatus>,
) -> Result<Effect, Refusal> {
    let about_case = stand_down.refs.iter().any(|id| past.entry(id).is_some_and(|(_, named)| opens(named)));
    let Some(status) = status.filter(|status| about_case && !has_ended(status)) else { return Ok(Effect::default()) };
    let leads = past.lead().is_some_and(|(_, lead)| lead == entry.author());
    match entry.role {
        _ if status == CaseStatus::DuressHold => Err(Refusal::Held),
        Role::Defender => Ok(effect(Some(CaseStatus::Withdrawn))),
        Role::Coordinator if leads && past.is_exercise() == Some(true) => Ok(effect(Some(CaseStatus::Closed))),
        Role::Contact | Role::Coordinator | Role::Host | Role::Admin => Err(Refusal::DefendersOwn),
    }
}

fn triaged(past: &View<'_>, entry: &Entry, triage: &Triage, status: Option<CaseStatus>) -> Result<Effect, Refusal> {
    if triage.note.is_some() && entry.group != Group::Desk {
        return Err(Refusal::DeskOnly);
    }
    let from = status.ok_or(Refusal::Transition)?;
    let Some(to) = &triage.status else {
        return if from == CaseStatus::New {
            Err(Refusal::NotAnswered)
        } else if has_ended(&from) {
            Err(Refusal::Transition)
        } else {
            Ok(Effect::default())
        };
    };
    let takes = decide(&from, to)?;
    let holds = match takes {
        Takes::Nothing => true,
        Takes::Priority => {
            let before =
                past.entries().any(|(_, entry)| matches!(entry.body(), Body::Triage(t) if t.priority.is_some()));
            if triage.priority.is_none() && !before {
                return Err(Refusal::NoPriority);
            }
            true
        }
        Takes::Lead => past.lead().map(|_| true).ok_or(Refusal::NoLead)?,
        Takes::SecondIfUrgent => {
            let urgent = matches!(past.priority(), Some(Priority::P1 | Priority::P2));
            !urgent || confirmed(past, entry, triage)?
        }
        Takes::Referral => {
            let accepted = past.referrals().into_values().any(|state| state == ReferralState::Accepted);
            if accepted { true } else { return Err(Refusal::Referral) }
        }
        Takes::CloseOrSecond => {
            let leads = past.lead().is_some_and(|(_, lead)| lead == entry.author());
            (leads && past.is_clear()) || confirmed(past, entry, triage)?
        }
        Takes::Verified => {
            let confirms = triage.confirms.and_then(|id| past.entry(&id));
            let first =
                confirms.is_none_or(|(_, first)| matches!(first.body(), Body::Triage(t) if t.verified.is_some()));
            if triage.verified.is_none() || !first {
                return Err(Refusal::NotVerified);
            }
            confirmed(past, entry, triage)?
        }
    };
    // A decision that takes two stands there and waits for the second.
    let reopens = holds && *to == CaseStatus::Reopened;
    let to = if reopens { CaseStatus::Triaged } else { to.clone() };
    Ok(Effect { status: holds.then_some(to), reopens })
}

/// Whether this decision bears out the same one of another coordinator; `Ok(false)` when it is the first.
fn confirmed(past: &View<'_>, entry: &Entry, triage: &Triage) -> Result<bool, Refusal> {
    let Some(first) = triage.confirms else { return Ok(false) };
    let (_, first) = past.entry(&first).ok_or(Refusal::Confirms)?;
    let same = matches!(first.body(), Body::Triage(decided) if decided.status == triage.status);
    if same && first.author() != entry.author() { Ok(true) } else { Err(Refusal::Confirms) }
}

fn assigned(past: &View<'_>, entry: &Entry, part: &Assignment, status: Option<CaseStatus>) -> Result<Effect, Refusal> {
    let status = status.ok_or(Refusal::Transition)?;
    if has_ended(&status) {
        return Err(Refusal::Transition);
    }
    if matches!(status, CaseStatus::New) {
        return Err(Refusal::NotAnswered);
    }
    let author = entry.author();
    let lead = past.lead().map(|(_, lead)| lead);
    let own = part.member == author;
    let may = match (&part.part, &part.act) {
        (Part::Lead, Act::Take) if own && status == CaseStatus::Acked => return Err(Refusal::NoPriority),
        (Part::Lead, Act::Take) if own && lead.is_some() => return Err(Refusal::HasLead),
        (_, Act::Take) => own,
        (Part::Lead, Act::Offer) => !own && lead.is_none_or(|lead| lead == author),
        (_, Act::Offer) => !own,
        (_, Act::Accept) => own && offered(past, part, author),
        (Part::Lead, Act::Release) => own && lead == Some(author),
        (_, Act::Release) => own && past.backups().contains(&author),
        (Part::Lead, Act::ShiftHandover) => !own && lead == Some(author),
        (_, Act::ShiftHandover) => !own && past.backups().contains(&author),
        (_, Act::Other(_)) => return Ok(Effect::default()),
    };
    if !may {
        return Err(Refusal::NotYours);
    }
    let begins =
        part.part == Part::Lead && matches!(part.act, Act::Take | Act::Accept) && status == CaseStatus::Triaged;
    Ok(effect(begins.then_some(CaseStatus::Active)))
}

/// Whether a part was offered or handed over to somebody.
fn offered(past: &View<'_>, part: &Assignment, to: Fingerprint) -> bool {
    past.entries().any(|(_, entry)| {
        let Body::Assignment(offer) = entry.body() else { return false };
        offer.part == part.part && offer.member == to && matches!(offer.act, Act::Offer | Act::ShiftHandover)
    })
}

fn consented(entry: &Entry, consent: &Consent) -> Result<Effect, Refusal> {
    let by_others = entry.role != Role::Defender;
    if consent.act == ConsentAct::Grant && by_others && !consent.readback {
        return Err(Refusal::NotReadBack);
    }
    Ok(Effect::default())
}

fn referred(past: &View<'_>, entry: &Entry, referral: &Referral) -> Result<Effect, Refusal> {
    let Some(id) = referral.referral else {
        return covered(past, entry, referral).map(|()| Effect::default());
    };
    let before = past.referrals().remove(&id).ok_or(Refusal::Referral)?;
    let own = past.entry(&id).is_some_and(|(_, first)| first.author() == entry.author());
    let may = match (&before, &referral.state) {
        (ReferralState::InProgress, ReferralState::Accepted | ReferralState::Rejected)
        | (ReferralState::Accepted, ReferralState::Done) => !own,
        (ReferralState::InProgress | ReferralState::Accepted, ReferralState::Revoked) => own,
        (_, ReferralState::Other(_)) => true,
        (
            ReferralState::InProgress
            | ReferralState::Accepted
            | ReferralState::Rejected
            | ReferralState::Done
            | ReferralState::Revoked
            | ReferralState::Other(_),
            _,
        ) => false,
    };
    if may { Ok(Effect::default()) } else { Err(Refusal::Referral) }
}

/// A referral passes on what a consent for exactly this recipient has, and no more. Over a bridge the others do not see
/// the consent; where it is not known there, the referral stands.
fn covered(past: &View<'_>, entry: &Entry, referral: &Referral) -> Result<(), Refusal> {
    if entry.group == Group::Bridge && past.dag.place(&referral.consent).is_none() {
        return Ok(());
    }
    let consent = past
        .consents(&referral.consent, &Purpose::Referral, Some(&referral.to), entry.sent())
        .ok_or(Refusal::NoConsent)?;
    let all = referral.fields_shared.iter().all(|field| consent.fields.contains(field));
    if all { Ok(()) } else { Err(Refusal::NoConsent) }
}

/// Whether an accepted decision waits for a second coordinator, and what it is about.
pub(super) fn waits(entry: &Entry, effect: &Effect) -> Option<CaseStatus> {
    let Body::Triage(triage) = entry.body() else { return None };
    triage.status.clone().filter(|_| effect.status.is_none() && triage.confirms.is_none())
}

/// Whether a decision makes a case less urgent than what its defender said.
pub(super) fn lowers(entry: &Entry, own: Option<&Priority>) -> Option<EventId> {
    let Body::Triage(triage) = entry.body() else { return None };
    let lower = triage.priority.as_ref().zip(own).is_some_and(|(decided, own)| decided > own);
    (lower && rating(&entry.event).is_none()).then(|| entry.id())
}
