//! What a key wants written, and whether the rules of a case would take it.

use std::collections::BTreeSet;

use himaya_protocol::case::status::decide;
use himaya_protocol::case::{Board, Case, Entry, Group, Role, reduce};
use himaya_protocol::content::body::{Ack, Assignment, REFS_MAX, Recipient};
use himaya_protocol::content::event::PREV_MAX;
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, CaseStatus, CheckInAnswer, EscalationReason, Part, Status, Tlp,
};
use himaya_protocol::content::{Body, CaseId, Content, Event, EventId};
use himaya_protocol::wire::card::Fingerprint;

use super::beyond::{Bridge, Offered};
use super::draft::DraftKey;
use super::facts::Facts;
use super::say::Message;
use crate::text::{Text, refused};

/// In which of its groups something about a case is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// Where the case is worked on, with its defender.
    Home,
    /// On the desk.
    Desk,
    /// With the host of an offer.
    Link(EventId),
    /// In a group shared with another organisation.
    Bridge(Vec<u8>),
}

/// What this profile is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which kind of group it is.
    pub group: Group,
    /// What this profile is in it.
    pub role: Role,
}

/// What the board asks of the client while it runs.
pub trait Desk {
    /// What this profile is in the group where a case is worked on, or on the desk; `None` when it is not in it.
    fn place(&mut self, case: &CaseId, at: &Where) -> Option<Place>;

    /// The other coordinators of the group where a case is worked on.
    fn colleagues(&mut self, case: &CaseId) -> Vec<(Fingerprint, String)>;

    /// The free places that fit the newest request for shelter of a case; `None` when it has no request.
    fn places(&mut self, _case: &CaseId) -> Option<Vec<Offered>> {
        None
    }

    /// The groups shared with other organisations.
    fn bridges(&mut self) -> Vec<Bridge> {
        Vec::new()
    }

    /// What a recipient is called here; the beginning of the id where nobody knows.
    fn called(&mut self, recipient: &Recipient) -> String {
        data_encoding::HEXLOWER.encode(&recipient.id).chars().take(8).collect()
    }
}

/// Something to be written about a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Which case.
    pub case: CaseId,
    /// In which group.
    pub at: Where,
    /// What.
    pub body: Body,
    /// Whether the case is practice.
    pub exercise: bool,
    /// What it is, in a few words.
    pub what: Message,
    /// The unfinished text it was made of, which goes when it is written.
    pub draft: Option<(DraftKey, String)>,
}

impl Proposal {
    /// Whether it is meant in earnest.
    pub fn status(&self) -> Status {
        if self.exercise { Status::Exercise } else { Status::Actual }
    }

    /// How far it may be passed on.
    pub fn tlp(&self) -> Tlp {
        match &self.at {
            Where::Home => Tlp::Red,
            Where::Desk | Where::Link(_) | Where::Bridge(_) => Tlp::AmberStrict,
        }
    }
}

/// Whether the rules would take a proposal after what this client knows and `before`, which is not written yet.
///
/// The event is made as it would be written and judged by the same functions that every replica uses, so nothing is
/// refused here that would hold. `Ok(true)` when it would stand there and wait for a second coordinator.
pub fn judge(
    board: &Board,
    facts: &Facts,
    desk: &mut dyn Desk,
    before: &[&Proposal],
    proposal: &Proposal,
    now: u64,
) -> Result<bool, Message> {
    let mut entries = with(board, facts, desk, before, &proposal.case, now);
    let missing = match &proposal.at {
        Where::Home => Text::BoardNoHome,
        Where::Desk => Text::BoardNoDesk,
        Where::Link(_) | Where::Bridge(_) => Text::BoardNoGroup,
    };
    let place = desk.place(&proposal.case, &proposal.at).ok_or_else(|| Message::new(missing))?;
    let entry = entry(&entries, facts, place, proposal, now).ok_or_else(|| Message::new(Text::BoardForm))?;
    let last = entry.id();
    entries.push(entry);
    let case = reduce(&entries);
    match case.refused.get(&last) {
        Some(reason) => Err(Message::new(Text::NotWritten).ours("what", Message::new(refused(*reason)))),
        None => Ok(case.waiting.contains_key(&last)),
    }
}

/// The events of a case, and those that `before` would become.
pub(super) fn with(
    board: &Board,
    facts: &Facts,
    desk: &mut dyn Desk,
    before: &[&Proposal],
    case: &CaseId,
    now: u64,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = board.events(case).cloned().collect();
    for said in before.iter().filter(|said| said.case == *case) {
        let place = desk.place(case, &said.at);
        let made = place.and_then(|place| entry(&entries, facts, place, said, now));
        entries.extend(made);
    }
    entries
}

/// The event that a proposal would become; `None` when its parts do not fit together.
fn entry(entries: &[Entry], facts: &Facts, place: Place, proposal: &Proposal, now: u64) -> Option<Entry> {
    // What is said where the defender, a host or a partner reads along names nothing of the desk.
    let seen = || entries.iter().filter(|entry| proposal.at == Where::Desk || entry.group != Group::Desk);
    let named: BTreeSet<&EventId> = seen().flat_map(|entry| &entry.event.content().prev).collect();
    let mut heads: Vec<&Entry> = seen().filter(|entry| !named.contains(&entry.id())).collect();
    heads.sort_by_key(|entry| std::cmp::Reverse(entry.event.content().lamport));
    let lamport = entries.iter().map(|entry| entry.event.content().lamport).max().unwrap_or_default();
    let mut nonce = [0; 16];
    for (slot, byte) in nonce.iter_mut().zip(lamport.to_be_bytes()) {
        *slot = byte;
    }
    let content = Content {
        nonce,
        case: Some(proposal.case.clone()),
        prev: heads.iter().take(PREV_MAX).map(|entry| entry.id()).collect(),
        lamport: lamport.saturating_add(1),
        sent: now,
        expires: None,
        status: proposal.status(),
        tlp: proposal.tlp(),
        lang: "en".parse().ok()?,
        replaces: None,
        body: proposal.body.clone(),
        author: facts.me?,
    };
    let event = Event::new(content).ok()?;
    Some(Entry { event, role: place.role, group: place.group, received: now })
}

/// An acknowledgement of every cry and request of a case that this profile has not answered; `None` when there is none.
pub(super) fn acknowledge(board: &Board, id: &CaseId, case: &Case, facts: &Facts) -> Option<Body> {
    let human = |level: &AckLevel| *level != AckLevel::Device;
    let answered = |event: &EventId| {
        let acks = case.acks.get(event).into_iter().flatten();
        acks.filter(|(_, level)| human(level)).any(|(who, _)| facts.is_me(who))
    };
    let open = board.events(id).filter(|entry| calls(entry.body()) && !facts.is_me(&entry.author()));
    let refs: BTreeSet<EventId> = open.map(Entry::id).filter(|event| !answered(event)).take(REFS_MAX).collect();
    (!refs.is_empty()).then(|| Ack { refs, level: AckLevel::Human, note: None }.into())
}

/// Whether an event asks for an answer.
fn calls(body: &Body) -> bool {
    let missed = matches!(body, Body::Escalation(told) if told.reason == EscalationReason::MissedCheckIn);
    let help = matches!(body, Body::CheckIn(said) if said.answer == CheckInAnswer::Help);
    missed || help || matches!(body, Body::ThreatAlert(_) | Body::ShelterRequest(_) | Body::Duress(_))
}

/// What taking a case would be: its lead, the yes to a handover, or a place as backup.
pub(super) fn take(case: &Case, facts: &Facts) -> Result<(Body, Text), Text> {
    let Some(me) = facts.me else { return Err(Text::BoardNoHome) };
    let (part, act, what) = match case.lead {
        None => (Part::Lead, Act::Take, Text::BoardDoTake),
        Some(lead) if lead == me && case.lead_unconfirmed => (Part::Lead, Act::Accept, Text::BoardDoAccept),
        Some(lead) if lead == me => return Err(Text::BoardLeadYours),
        Some(_) if case.backups.contains(&me) => return Err(Text::BoardBackupYours),
        Some(_) => (Part::Backup, Act::Take, Text::BoardDoBack),
    };
    Ok((Assignment { member: me, part, act }.into(), what))
}

/// Handing this profile's part over to somebody; `None` without a part.
pub(super) fn hand_over(case: &Case, facts: &Facts, to: Fingerprint) -> Option<Body> {
    let me = facts.me?;
    let part = if case.lead == Some(me) {
        Part::Lead
    } else if case.backups.contains(&me) {
        Part::Backup
    } else {
        return None;
    };
    Some(Assignment { member: to, part, act: Act::ShiftHandover }.into())
}

/// The states to which a coordinator's decision may take a case from where it stands.
pub(super) fn ways(from: &CaseStatus) -> Vec<CaseStatus> {
    CaseStatus::ALL.iter().filter(|to| decide(from, to).is_ok()).cloned().collect()
}

/// The same decision of another coordinator that waits to be confirmed.
pub(super) fn to_confirm(board: &Board, id: &CaseId, case: &Case, facts: &Facts, to: &CaseStatus) -> Option<EventId> {
    let others = |event: &EventId| board.events(id).any(|e| e.id() == *event && !facts.is_me(&e.author()));
    case.waiting.iter().find(|(event, waits)| *waits == to && others(event)).map(|(event, _)| *event)
}
