//! When things go (docs/protocol.md section 12.8). Every client applies it to what it has; nothing asks a server.
//!
//! | what | goes |
//! |---|---|
//! | CheckIn of `ok` and `delay` | 72 h after it was written |
//! | CheckIn of `help`, Duress | with the case; without one 72 h after it was written |
//! | HandoverNote | when it expires, 24 h after it was written at the latest |
//! | an event of a case | with the case: 90 d after its end, not before 14 d after the defender's last word if that came in the last 7 d |
//! | an alert without a case that is open, and everything else | 30 d after it was written |
//! | Evidence | when its consent ends; without one like the rest |
//! | Consent | with the case, not before it has run out |
//! | Offer, CheckInPlan, ShiftRoster | 30 d after what they tell of is over |
//! | DeskPolicy | 30 d after another took its place |
//!
//! What stays of a case is its [`Remnant`]. A photo of a screen cannot be called back.

use super::entry::Entry;
use super::reduce::Case;
use super::status::has_ended;
use crate::content::Body;
use crate::content::vocabulary::{CaseStatus, CheckInAnswer, Priority};

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
