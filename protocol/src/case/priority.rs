//! How urgent a case is (docs/protocol.md section 12.5): the first rule that matches.
//!
//! | | |
//! |---|---|
//! | P1 | duress; arrest, abduction or disappearance in progress; Immediate with Extreme or Severe; `help`; a check-in missed past step 2 |
//! | P2 | Immediate with Moderate; Expected with Extreme or Severe; shelter tonight or in 48 h; a missed check-in |
//! | P3 | Expected with Moderate; Future with Extreme or Severe; shelter in 7 days |
//! | P4 | the rest |
//!
//! Unknown urgency counts as Expected, unknown severity as Severe. Certainty lowers nothing.

use crate::content::body::{Escalation, ShelterRequest, ThreatAlert};
use crate::content::vocabulary::{EscalationReason, Kind, NeededBy, Priority, Severity, Urgency};
use crate::content::{Body, Event};

/// How long the day of a request may be off to count as 48 hours or as 7 days, in minutes.
const TWO_DAYS: u64 = 2 * 24 * 60;
const WEEK: u64 = 7 * 24 * 60;

/// What an event alone makes of a case; `None` for what says nothing about urgency.
pub fn rating(event: &Event) -> Option<Priority> {
    match event.body() {
        Body::ThreatAlert(alert) => Some(of_alert(alert)),
        Body::ShelterRequest(request) => Some(of_request(request, event.content().sent)),
        Body::Duress(_) => Some(Priority::P1),
        Body::CheckIn(check_in) if check_in.answer.as_str() == "help" => Some(Priority::P1),
        Body::Escalation(escalation) => of_escalation(escalation),
        Body::CheckIn(_)
        | Body::Ack(_)
        | Body::AllClear(_)
        | Body::Notice(_)
        | Body::Offer(_)
        | Body::Match(_)
        | Body::HandoverNote(_)
        | Body::CheckInPlan(_)
        | Body::Triage(_)
        | Body::Assignment(_)
        | Body::Referral(_)
        | Body::Consent(_)
        | Body::Verification(_)
        | Body::Evidence(_)
        | Body::StandDown(_)
        | Body::Snapshot(_)
        | Body::DeskPolicy(_)
        | Body::ShiftRoster(_)
        | Body::Leave
        | Body::Unknown { .. } => None,
    }
}

/// What an alert makes of a case.
pub fn of_alert(alert: &ThreatAlert) -> Priority {
    let in_progress = alert.urgency == Urgency::Immediate;
    if in_progress && matches!(alert.kind, Kind::Arrest | Kind::Abduction | Kind::Disappearance) {
        return Priority::P1;
    }
    of_words(&alert.urgency, &alert.severity)
}

/// What urgency and severity make of a case.
pub fn of_words(urgency: &Urgency, severity: &Severity) -> Priority {
    let grave = matches!(severity, Severity::Extreme | Severity::Severe | Severity::Unknown | Severity::Other(_));
    let moderate = *severity == Severity::Moderate;
    match urgency {
        Urgency::Immediate if grave => Priority::P1,
        Urgency::Immediate if moderate => Priority::P2,
        Urgency::Expected | Urgency::Unknown | Urgency::Other(_) if grave => Priority::P2,
        Urgency::Expected | Urgency::Unknown | Urgency::Other(_) if moderate => Priority::P3,
        Urgency::Future if grave => Priority::P3,
        Urgency::Immediate
        | Urgency::Expected
        | Urgency::Future
        | Urgency::Past
        | Urgency::Unknown
        | Urgency::Other(_) => Priority::P4,
    }
}

/// What a request for shelter that was sent at a minute makes of a case.
pub fn of_request(request: &ShelterRequest, sent: u64) -> Priority {
    let left = request.date.map(|date| date.saturating_sub(sent));
    match (&request.needed_by, left) {
        (NeededBy::Tonight | NeededBy::TwoDays | NeededBy::Other(_), _) => Priority::P2,
        (NeededBy::Date, Some(left)) if left <= TWO_DAYS => Priority::P2,
        (NeededBy::Week, _) => Priority::P3,
        (NeededBy::Date, Some(left)) if left <= WEEK => Priority::P3,
        (NeededBy::Date, _) => Priority::P4,
    }
}

fn of_escalation(escalation: &Escalation) -> Option<Priority> {
    let priority = if escalation.step > 2 { Priority::P1 } else { Priority::P2 };
    (escalation.reason == EscalationReason::MissedCheckIn).then_some(priority)
}
