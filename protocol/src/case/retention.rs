//! When things go (docs/protocol.md section 12.8). Every client applies it to what it has; nothing asks a server.
//!
//! | what | goes |
//! |---|---|
//! | CheckIn of `ok` and `delay` | 72 h after it was written |
//! | CheckIn of `help`, Duress | with the case; without one 72 h after it was written |
//! | HandoverNote | when it expires, 24 h after it was written at the latest |
//! | an event of a case | with the case: 90 d after its end, not before 14 d after the defender's last word if that came in the last 7 d |
//! | an alert that no desk has seen, and everything else | 30 d after it was written |
//! | Evidence | when its consent ends; without one, or as the record of an export, like the rest |
//! | Consent | with the case, not before it has run out |
//! | Offer, CheckInPlan, ShiftRoster | 30 d after what they tell of is over |
//! | DeskPolicy | 30 d after another took its place |
//!
//! What stays of a case is its [`Remnant`]. A photo of a screen cannot be called back.

use std::collections::BTreeMap;

use super::entry::{Entry, Group, Role};
use super::reduce::Case;
use super::status::has_ended;
use super::view::is_automatic;
use crate::content::body::Triage;
use crate::content::vocabulary::{CaseStatus, CheckInAnswer, Custody, Priority};
use crate::content::{Body, EventId};

const DAY: u64 = 24 * 60;
/// How long check-ins stay, in minutes.
pub const CHECK_IN_MINUTES: u64 = 3 * DAY;
/// How long handover notes stay at most, in minutes.
pub const HANDOVER_MINUTES: u64 = DAY;
/// How long alerts and everything else stay, in minutes.
pub const ALERT_MINUTES: u64 = 30 * DAY;
/// How long a case stays after its end, in minutes.
pub const CASE_MINUTES: u64 = 90 * DAY;
/// How near to the end of a case a word of its defender delays it, in minutes.
pub const LAST_WORD_MINUTES: u64 = 7 * DAY;
/// How long after that word it stays, in minutes.
pub const EXTENSION_MINUTES: u64 = 14 * DAY;

/// When a case goes as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseEnd {
    /// There is none: the event belongs to no case, or to one that nothing has opened.
    None,
    /// It is open.
    Open,
    /// It goes at this minute.
    At(u64),
}

/// When a case goes. `ended` is when it came to its end as this device can tell, `last_word` when its defender last wrote.
pub fn case_end(case: &Case, ended: u64, last_word: Option<u64>) -> CaseEnd {
    let Some(status) = &case.status else { return CaseEnd::None };
    if !has_ended(status) {
        return CaseEnd::Open;
    }
    let end = ended.saturating_add(CASE_MINUTES);
    let last = last_word.filter(|word| word.saturating_add(LAST_WORD_MINUTES) >= end);
    CaseEnd::At(last.map_or(end, |word| end.max(word.saturating_add(EXTENSION_MINUTES))))
}

/// When one event goes; `None` while that is not known. `consent_ends` is when the consent of a piece of evidence ends:
/// when it expires or was withdrawn. `replaced` is when another event took this one's place.
pub fn event_end(entry: &Entry, case: CaseEnd, consent_ends: Option<u64>, replaced: Option<u64>) -> Option<u64> {
    let written = entry.written();
    let content = entry.event.content();
    let with_case = |alone: u64| match case {
        CaseEnd::None => Some(written.saturating_add(alone)),
        CaseEnd::Open => None,
        CaseEnd::At(end) => Some(end),
    };
    let after = |over: u64| Some(over.saturating_add(ALERT_MINUTES));
    match entry.body() {
        Body::CheckIn(said) if said.answer != CheckInAnswer::Help => Some(written.saturating_add(CHECK_IN_MINUTES)),
        Body::CheckIn(_) | Body::Duress(_) => with_case(CHECK_IN_MINUTES),
        Body::HandoverNote(_) => {
            let last = written.saturating_add(HANDOVER_MINUTES);
            Some(content.expires.map_or(last, |expires| expires.min(last)))
        }
        Body::Evidence(_) if is_export(entry) => with_case(ALERT_MINUTES),
        Body::Evidence(_) => consent_ends.or_else(|| with_case(ALERT_MINUTES)),
        Body::Consent(_) => with_case(ALERT_MINUTES).map(|end| content.expires.map_or(end, |expires| end.max(expires))),
        Body::Offer(offer) => after(offer.until),
        Body::CheckInPlan(plan) => after(plan.times().last().unwrap_or(written)),
        Body::ShiftRoster(roster) => after(roster.shifts.iter().map(|shift| shift.until).max().unwrap_or(written)),
        Body::DeskPolicy(_) => replaced.and_then(after),
        Body::ThreatAlert(_)
        | Body::Ack(_)
        | Body::AllClear(_)
        | Body::Notice(_)
        | Body::ShelterRequest(_)
        | Body::Match(_)
        | Body::Triage(_)
        | Body::Assignment(_)
        | Body::Referral(_)
        | Body::Verification(_)
        | Body::StandDown(_)
        | Body::Snapshot(_)
        | Body::Escalation(_)
        | Body::Leave
        | Body::Unknown { .. } => with_case(ALERT_MINUTES),
    }
}

/// Whether it is no piece of evidence but the record of an export: what happened to it first is that it was exported.
/// It stays with its case, so that a consent that is withdrawn does not take the knowledge along of who has what.
pub fn is_export(entry: &Entry) -> bool {
    let Body::Evidence(evidence) = entry.body() else { return false };
    evidence.custody.first().is_some_and(|first| first.what == Custody::Exported)
}

/// When the events of a case go, and what stays of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetime {
    /// When the case goes as a whole.
    pub case: CaseEnd,
    /// When each event goes; `None` while that is not known.
    pub events: BTreeMap<EventId, Option<u64>>,
    /// What stays of it, once it has ended.
    pub remnant: Option<Remnant>,
}

/// When the events of one case go. A case that was never outside of circles is nobody's work: its events go as if they
/// belonged to none.
pub fn lifetime(case: &Case, events: &[&Entry]) -> Lifetime {
    let held = || events.iter().filter(|entry| !case.refused.contains_key(&entry.id()));
    let worked_on = events.iter().any(|entry| entry.group != Group::Circle);
    let last_word = held().filter(|entry| entry.role == Role::Defender && !is_automatic(entry));
    let last_word = last_word.map(|entry| entry.written()).max();
    let ends = |entry: &&&Entry| {
        let decided = |triage: &Triage| triage.status.as_ref().is_some_and(has_ended);
        matches!(entry.body(), Body::Triage(triage) if decided(triage)) || matches!(entry.body(), Body::StandDown(_))
    };
    // As far as this device can tell: at the last word that could have ended it, or at its last word of all.
    let ended = held().filter(ends).map(|entry| entry.written()).max();
    let ended = ended.or_else(|| held().map(|entry| entry.written()).max()).unwrap_or_default();
    let end = if worked_on { case_end(case, ended, last_word) } else { CaseEnd::None };
    let goes = |entry: &&Entry| (entry.id(), event_end(entry, end, consent_end(case, entry, events), None));
    let began = case.opened_by.and_then(|id| events.iter().find(|entry| entry.id() == id));
    let remnant = began.filter(|_| worked_on).and_then(|began| remnant(case, began.written()));
    Lifetime { case: end, events: events.iter().map(goes).collect(), remnant }
}

/// When the consent ends under which a piece of evidence is kept: at once when it was withdrawn or refused. `None` if the
/// piece names none, or one that is not here.
fn consent_end(case: &Case, entry: &Entry, events: &[&Entry]) -> Option<u64> {
    let Body::Evidence(evidence) = entry.body() else { return None };
    let id = evidence.consent?;
    match case.consents.get(&id) {
        Some(expires) => *expires,
        None => events.iter().any(|entry| entry.id() == id).then_some(0),
    }
}

/// What stays of a case once it is PURGED: the month it began, how urgent it was, how it ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remnant {
    /// Months since January 1970.
    pub month: u64,
    /// How urgent it was.
    pub priority: Option<Priority>,
    /// How it ended.
    pub outcome: CaseStatus,
}

/// What stays of a case that has ended, with the minute at which it began; `None` for one that has not.
pub fn remnant(case: &Case, began: u64) -> Option<Remnant> {
    let outcome = case.status.clone().filter(has_ended)?;
    Some(Remnant { month: month(began), priority: case.priority.clone(), outcome })
}

/// Months since January 1970 of a Unix minute (civil-from-days of the proleptic Gregorian calendar).
fn month(minute: u64) -> u64 {
    let days = minute / DAY + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    // Years of this reckoning begin in March.
    let (year, month) = (era * 400 + year_of_era, shifted + 2);
    (year * 12 + month).saturating_sub(1970 * 12)
}
