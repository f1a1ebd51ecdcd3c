//! What the reducer is given: an event, and what MLS said about it when it came.

use crate::content::vocabulary::CheckInAnswer;
use crate::content::{Body, CaseId, Event, EventId};
use crate::wire::card::Fingerprint;
use crate::wire::policy::{self, GroupKind};

/// What its author was to the group when the event was written. See [`Role::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Whom the group protects.
    Defender,
    /// Whom a defender trusts.
    Contact,
    /// Somebody of an organisation's desk.
    Coordinator,
    /// Somebody who gives shelter.
    Host,
    /// Who manages an organisation's members and policy, and sees no case by that.
    Admin,
}

impl Role {
    /// What a member of a group acts as when it writes an event. The owner of a circle is whom it protects; elsewhere the
    /// owner is the coordinator who made the group, and on a desk also its admin where only an admin may write.
    pub fn of(member: policy::Role, kind: GroupKind, body: &Body) -> Self {
        match member {
            policy::Role::Owner if kind == GroupKind::Circle => Self::Defender,
            policy::Role::Owner if kind == GroupKind::Desk && matches!(body, Body::DeskPolicy(_)) => Self::Admin,
            policy::Role::Owner | policy::Role::Coordinator => Self::Coordinator,
            policy::Role::Contact => Self::Contact,
            policy::Role::Defender => Self::Defender,
            policy::Role::Host => Self::Host,
            policy::Role::Admin => Self::Admin,
        }
    }
}

/// Which kind of group it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// A defender and trusted contacts.
    Circle,
    /// A defender and a desk.
    Line,
    /// The coordinators of an organisation.
    Desk,
    /// Those who work on a case, and the defender.
    Case,
    /// A host and a desk.
    HostLink,
    /// Delegates of two organisations.
    Bridge,
}

impl From<GroupKind> for Group {
    fn from(kind: GroupKind) -> Self {
        match kind {
            GroupKind::Circle => Self::Circle,
            GroupKind::Line => Self::Line,
            GroupKind::Desk => Self::Desk,
            GroupKind::Case => Self::Case,
            GroupKind::HostLink => Self::HostLink,
            GroupKind::Bridge => Self::Bridge,
        }
    }
}

/// An event of the log. Author and content are the event's own; the rest comes from MLS and from the local clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event. Its author has been compared with whom MLS authenticated.
    pub event: Event,
    /// What the author was to the group in the epoch it was written in.
    pub role: Role,
    /// Which kind of group it came in.
    pub group: Group,
    /// When this device received it, in Unix minutes. Nothing that replicas must agree on depends on it.
    pub received: u64,
}

impl Entry {
    /// The event's id.
    pub fn id(&self) -> EventId {
        self.event.id()
    }

    /// Who wrote it.
    pub fn author(&self) -> Fingerprint {
        self.event.content().author
    }

    /// What it says.
    pub fn body(&self) -> &Body {
        self.event.body()
    }

    /// When its author says it was written, in Unix minutes.
    pub fn sent(&self) -> u64 {
        self.event.content().sent
    }

    /// When it was written as far as this device can tell: never later than it came.
    pub fn written(&self) -> u64 {
        self.sent().min(self.received)
    }

    /// Of two records of one event the one that all replicas keep that have both, with the earlier time of receipt.
    pub(super) fn merge(&mut self, other: &Self) {
        let received = self.received.min(other.received);
        if (other.group, other.role) < (self.group, self.role) {
            *self = other.clone();
        }
        self.received = received;
    }
}

/// The case that an event belongs to: the one it names. Without one, an alert or a request opens a case of its own id,
/// and what is about a check-in plan belongs to the case of the plan's id, so that all clients find the same one.
pub fn case_of(event: &Event) -> Option<CaseId> {
    let id = match event.body() {
        Body::ThreatAlert(_) | Body::ShelterRequest(_) | Body::CheckInPlan(_) => Some(event.id()),
        Body::CheckIn(check_in) => Some(check_in.plan),
        Body::Duress(duress) => Some(duress.plan),
        Body::Escalation(escalation) => Some(escalation.about),
        Body::Ack(_)
        | Body::AllClear(_)
        | Body::Notice(_)
        | Body::Offer(_)
        | Body::Match(_)
        | Body::HandoverNote(_)
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
    };
    event.content().case.clone().or_else(|| CaseId::from_slice(id?.as_bytes()))
}

/// Whether retention takes it before its case: nothing that stays may depend on it, and no `prev` names it.
pub fn goes_first(body: &Body) -> bool {
    let routine = matches!(body, Body::CheckIn(said) if said.answer != CheckInAnswer::Help);
    routine || matches!(body, Body::HandoverNote(_) | Body::Evidence(_))
}
