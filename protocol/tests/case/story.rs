//! People who write events, each having seen what the story says.

use std::collections::BTreeSet;

use himaya_protocol::case::{Case, Entry, Group, Role, reduce};
use himaya_protocol::content::body::{
    Ack, AllClear, Assignment, CheckIn, Consent, Duress, Recipient, Referral, StandDown, ThreatAlert, Triage,
};
use himaya_protocol::content::value::{Note, Text};
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, CaseStatus, CheckInAnswer, ConsentAct, ConsentField, ConsentMethod, GivenBy, Part, Priority,
    Purpose, RecipientClass, ReferralState, Service, Severity, Status, Tlp, Urgency, VerifiedBy,
};
use himaya_protocol::content::{Body, CaseId, Content, Event, EventId};
use himaya_protocol::wire::card::Fingerprint;

/// When stories begin, in Unix minutes.
pub(crate) const START: u64 = 29_500_000;

/// Somebody with a role, writing in a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who {
    pub(crate) number: u8,
    pub(crate) role: Role,
    pub(crate) group: Group,
}

pub(crate) const DEFENDER: Who = Who { number: 1, role: Role::Defender, group: Group::Line };
pub(crate) const CONTACT: Who = Who { number: 2, role: Role::Contact, group: Group::Line };
pub(crate) const DILAN: Who = Who { number: 3, role: Role::Coordinator, group: Group::Case };
pub(crate) const AMINA: Who = Who { number: 4, role: Role::Coordinator, group: Group::Case };
pub(crate) const NINO: Who = Who { number: 5, role: Role::Coordinator, group: Group::Case };
pub(crate) const HOST: Who = Who { number: 6, role: Role::Host, group: Group::Case };
pub(crate) const ADMIN: Who = Who { number: 7, role: Role::Admin, group: Group::Desk };

impl Who {
    pub(crate) fn id(self) -> Fingerprint {
        Fingerprint::of(&[self.number])
    }

    pub(crate) fn on(self, group: Group) -> Self {
        Self { group, ..self }
    }
}

/// The events of one case, in the order they were written.
#[derive(Clone, Default)]
pub(crate) struct Story {
    pub(crate) entries: Vec<Entry>,
    pub(crate) case: Option<CaseId>,
    /// Minutes that have passed.
    pub(crate) clock: u64,
}

/// What stands around a body; `default()` is an event in earnest that does not expire.
#[derive(Clone, Default)]
pub(crate) struct Around {
    pub(crate) status: Option<Status>,
    pub(crate) expires: Option<u64>,
    pub(crate) replaces: Option<EventId>,
}

impl Story {
    /// Somebody who has seen everything writes.
    pub(crate) fn say(&mut self, who: Who, body: impl Into<Body>) -> EventId {
        let seen = self.heads();
        self.say_having_seen(who, &seen, body, &Around::default())
    }

    pub(crate) fn say_around(&mut self, who: Who, body: impl Into<Body>, around: &Around) -> EventId {
        let seen = self.heads();
        self.say_having_seen(who, &seen, body, around)
    }

    /// As [`Self::say`], and true.
    fn has(&mut self, who: Who, body: impl Into<Body>) -> bool {
        self.say(who, body);
        true
    }

    /// Somebody who has seen these events, and what those had seen, writes.
    pub(crate) fn say_having_seen(
        &mut self,
        who: Who,
        seen: &BTreeSet<EventId>,
        body: impl Into<Body>,
        around: &Around,
    ) -> EventId {
        self.clock += 1;
        let lamports = self.entries.iter().filter(|entry| seen.contains(&entry.id()));
        let lamport = lamports.map(|entry| entry.event.content().lamport).max().unwrap_or_default() + 1;
        let mut nonce = [who.number; 16];
        nonce[..8].copy_from_slice(&self.clock.to_be_bytes());
        let sent = START + self.clock;
        let content = Content {
            nonce,
            case: self.case.clone(),
            prev: seen.iter().copied().take(8).collect(),
            lamport,
            sent,
            expires: around.expires.map(|minutes| sent + minutes),
            status: around.status.clone().unwrap_or(Status::Actual),
            tlp: Tlp::Red,
            lang: "en".parse().expect("a tag"),
            replaces: around.replaces,
            body: body.into(),
            author: who.id(),
        };
        let event = Event::new(content).expect("an event within its limits");
        let id = event.id();
        if self.case.is_none() {
            self.case = CaseId::from_slice(id.as_bytes());
        }
        self.entries.push(Entry { event, role: who.role, group: who.group, received: sent + 1 });
        id
    }

    /// The events that no other names.
    pub(crate) fn heads(&self) -> BTreeSet<EventId> {
        let named: BTreeSet<_> = self.entries.iter().flat_map(|entry| entry.event.content().prev.clone()).collect();
        self.entries.iter().map(Entry::id).filter(|id| !named.contains(id)).collect()
    }

    pub(crate) fn reduced(&self) -> Case {
        reduce(&self.entries)
    }

    pub(crate) fn status(&self) -> CaseStatus {
        self.reduced().status.expect("something has opened the case")
    }

    /// A case that a defender opened with an alert of this urgency and severity.
    pub(crate) fn opened(urgency: Urgency, severity: Severity) -> (Self, EventId) {
        let mut story = Self::default();
        let alert = story.say(DEFENDER, ThreatAlert { urgency, severity, ..ThreatAlert::default() });
        (story, alert)
    }

    /// A case in a status, with Dilan as its lead where it has one.
    pub(crate) fn at(status: &CaseStatus) -> Self {
        let (mut story, alert) = Self::opened(Urgency::Expected, Severity::Moderate);
        if *status == CaseStatus::New {
            return story;
        }
        story.say(DILAN, ack(alert, AckLevel::Human));
        let ended = match status {
            CaseStatus::Acked => true,
            CaseStatus::Declined => story.has(DILAN, to(CaseStatus::Declined)),
            CaseStatus::Withdrawn => story.has(DEFENDER, stand_down(alert)),
            CaseStatus::DuressHold => story.has(DEFENDER, duress()),
            CaseStatus::New
            | CaseStatus::Triaged
            | CaseStatus::Active
            | CaseStatus::Monitor
            | CaseStatus::Closed
            | CaseStatus::Purged
            | CaseStatus::Referred
            | CaseStatus::Transferred
            | CaseStatus::Reopened
            | CaseStatus::Other(_) => false,
        };
        if ended {
            return story;
        }
        story.say(DILAN, Triage { priority: Some(Priority::P3), ..to(CaseStatus::Triaged) });
        if *status == CaseStatus::Triaged {
            return story;
        }
        story.say(DILAN, assignment(DILAN, Part::Lead, Act::Take));
        if *status == CaseStatus::Monitor {
            story.say(DILAN, to(CaseStatus::Monitor));
        } else if *status == CaseStatus::Closed {
            story.say(DEFENDER, all_clear(alert));
            story.say(DILAN, to(CaseStatus::Closed));
        } else if matches!(status, CaseStatus::Referred | CaseStatus::Transferred) {
            story.accepted_referral();
            story.say(DILAN, to(status.clone()));
        }
        story
    }

    /// Dilan refers the case with the defender's consent, and Nino's organisation accepts.
    pub(crate) fn accepted_referral(&mut self) -> EventId {
        let consent = self.say_around(DEFENDER, consent(ConsentAct::Grant), &in_minutes(1_000));
        let referral = self.say(DILAN, referral(consent, ReferralState::InProgress, None));
        self.say(NINO.on(Group::Bridge), self::referral(consent, ReferralState::Accepted, Some(referral)));
        referral
    }
}

pub(crate) fn in_minutes(minutes: u64) -> Around {
    Around { expires: Some(minutes), ..Around::default() }
}

pub(crate) fn note(text: &str) -> Note {
    Note::new(text).expect("a note")
}

pub(crate) fn ack(event: EventId, level: AckLevel) -> Ack {
    Ack { refs: BTreeSet::from([event]), level, note: None }
}

/// A decision with everything that any decision has to say.
pub(crate) fn to(status: CaseStatus) -> Triage {
    Triage {
        alternative: (status == CaseStatus::Declined).then(|| note("ask the neighbours")),
        status: Some(status),
        ..Triage::new(note("because"))
    }
}

pub(crate) fn verified(status: CaseStatus) -> Triage {
    Triage { verified: Some(VerifiedBy::InPerson), ..to(status) }
}

pub(crate) fn assignment(who: Who, part: Part, act: Act) -> Assignment {
    Assignment { member: who.id(), part, act }
}

pub(crate) fn stand_down(event: EventId) -> StandDown {
    StandDown { refs: BTreeSet::from([event]), reason: None }
}

pub(crate) fn all_clear(event: EventId) -> AllClear {
    AllClear { refs: BTreeSet::from([event]), note: None }
}

pub(crate) fn plan() -> EventId {
    EventId::of(b"a plan")
}

pub(crate) fn duress() -> Duress {
    Duress { plan: plan(), seq: 1, answer: CheckInAnswer::Ok, late: None }
}

pub(crate) fn help() -> CheckIn {
    CheckIn { plan: plan(), seq: 1, answer: CheckInAnswer::Help, late: None }
}

pub(crate) fn neighbours() -> Recipient {
    Recipient { class: RecipientClass::Organisation, id: [9; 32] }
}

pub(crate) fn consent(act: ConsentAct) -> Consent {
    let fields = if act == ConsentAct::Grant { vec![ConsentField::Kind, ConsentField::Needs] } else { Vec::new() };
    Consent {
        act,
        purpose: Purpose::Referral,
        recipient: neighbours(),
        fields,
        withheld: Vec::new(),
        given_by: GivenBy::Myself,
        method: ConsentMethod::Message,
        readback: true,
        withdraws: None,
    }
}

pub(crate) fn referral(consent: EventId, state: ReferralState, referral: Option<EventId>) -> Referral {
    Referral {
        to: neighbours(),
        services: vec![Service::Legal],
        fields_shared: vec![ConsentField::Kind],
        consent,
        reply_by: None,
        reject_reason: (state == ReferralState::Rejected).then(|| Text::new("no").expect("a text")),
        state,
        referral,
    }
}
