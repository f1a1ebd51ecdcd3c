//! Who may write what where (the first of two judgements; the second, in `judge`, looks at the causal past).
//!
//! | type | who | where |
//! |---|---|---|
//! | ThreatAlert | defender, contact, coordinator; host in a case | circle, line, case |
//! | ShelterRequest, Consent, Evidence | defender, contact, coordinator | circle (not requests), line, case; consent also bridge |
//! | Offer | host | host link |
//! | Match | coordinator, host, defender | host link, line, case, desk |
//! | HandoverNote | defender, coordinator, host | case |
//! | CheckInPlan, CheckIn, Duress | defender | circle, line, case |
//! | Ack, Notice, Leave | everybody | everywhere |
//! | AllClear, StandDown | defender, contact, coordinator; host in a case | circle, line, case, host link |
//! | Triage, Assignment | coordinator | line, desk, case |
//! | Referral | coordinator | desk, case, bridge |
//! | Verification | coordinator | desk |
//! | Snapshot | coordinator; defender in a circle | everywhere |
//! | DeskPolicy | admin; coordinator in a line, for the defender's client | desk, line |
//! | ShiftRoster | admin, coordinator | desk |
//! | Escalation | defender, contact, coordinator | circle, line, desk, case |
//!
//! An admin has no part in cases by that role.

use super::entry::{Entry, Group, Role};
use super::judge::Refusal;
use crate::content::Body;

/// Whether a role may write an event of this type in a group of this kind.
pub fn may_write(entry: &Entry) -> Result<(), Refusal> {
    let Some((who, place)) = rule(entry.body(), entry.group) else { return Ok(()) };
    if !who.contains(&entry.role) {
        Err(Refusal::Role)
    } else if !place.contains(&entry.group) {
        Err(Refusal::Group)
    } else {
        Ok(())
    }
}

type Rule = (&'static [Role], &'static [Group]);

/// `None` for what everybody may write everywhere.
fn rule(body: &Body, group: Group) -> Option<Rule> {
    use Group::{Bridge, Case, Circle, Desk, HostLink, Line};
    use Role::{Admin, Contact, Coordinator, Defender, Host};
    let people: &[Role] =
        if group == Case { &[Defender, Contact, Coordinator, Host] } else { &[Defender, Contact, Coordinator] };
    let rule: Rule = match body {
        Body::ThreatAlert(_) => (people, &[Circle, Line, Case]),
        Body::ShelterRequest(_) => (&[Defender, Contact, Coordinator], &[Line, Case]),
        Body::Consent(_) => (&[Defender, Contact, Coordinator], &[Circle, Line, Case, Bridge]),
        Body::Evidence(_) => (&[Defender, Contact, Coordinator], &[Circle, Line, Case]),
        Body::Offer(_) => (&[Host], &[HostLink]),
        Body::Match(_) => (&[Coordinator, Host, Defender], &[HostLink, Line, Case, Desk]),
        Body::HandoverNote(_) => (&[Defender, Coordinator, Host], &[Case]),
        Body::CheckInPlan(_) | Body::CheckIn(_) | Body::Duress(_) => (&[Defender], &[Circle, Line, Case]),
        Body::AllClear(_) => (people, &[Circle, Line, Case]),
        Body::StandDown(_) => (&[Defender, Contact, Coordinator, Host], &[Circle, Line, Case, HostLink]),
        Body::Triage(_) | Body::Assignment(_) => (&[Coordinator], &[Line, Desk, Case]),
        Body::Referral(_) => (&[Coordinator], &[Desk, Case, Bridge]),
        Body::Verification(_) => (&[Coordinator], &[Desk]),
        Body::Snapshot(_) if group == Circle => (&[Defender, Coordinator], &[Circle]),
        Body::Snapshot(_) => (&[Coordinator], &[Line, Desk, Case, HostLink, Bridge]),
        Body::DeskPolicy(_) if group == Line => (&[Coordinator], &[Line]),
        Body::DeskPolicy(_) => (&[Admin], &[Desk]),
        Body::ShiftRoster(_) => (&[Admin, Coordinator], &[Desk]),
        Body::Escalation(_) => (&[Defender, Contact, Coordinator], &[Circle, Line, Desk, Case]),
        Body::Ack(_) | Body::Notice(_) | Body::Leave | Body::Unknown { .. } => return None,
    };
    Some(rule)
}
