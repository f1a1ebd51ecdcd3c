//! A case in one line.

use std::collections::BTreeMap;

use himaya_protocol::case::check_in::Light;
use himaya_protocol::case::deadline::{Due, is_skewed, standing};
use himaya_protocol::case::status::has_ended;
use himaya_protocol::case::{Board, Case, Entry, Group, Role};
use himaya_protocol::content::event::SHORT_ID;
use himaya_protocol::content::vocabulary::{AckLevel, CaseStatus, Count, EscalationReason, Kind, Priority};
use himaya_protocol::content::{Body, CaseId};
use himaya_protocol::wire::card::Fingerprint;

use super::facts::Facts;

/// What is due next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A coordinator's answer.
    Ack,
    /// A lead.
    Lead,
    /// A reply to the defender.
    Reply,
}

/// The nearest deadline that nothing has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Countdown {
    /// What is due.
    pub step: Step,
    /// When, in Unix minutes.
    pub due: u64,
    /// Whether that is over.
    pub overdue: bool,
}

/// How many people it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// Adults and children who need shelter.
    Guests(u64, u64),
    /// As an alert said it.
    Class(Count),
}

/// A case in one line. Names are as people wrote them, not cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which case.
    pub id: CaseId,
    /// Where it stands.
    pub status: CaseStatus,
    /// Whether nobody works on it any more.
    pub ended: bool,
    /// Whether all of it is practice.
    pub exercise: bool,
    /// How urgent it is.
    pub priority: Priority,
    /// The nearest deadline that nothing has met.
    pub due: Option<Countdown>,
    /// How far the ladder has come.
    pub step: u64,
    /// Whether the defender was told to open plan B.
    pub plan_b: bool,
    /// Who leads.
    pub lead: Option<String>,
    /// Whether this profile leads.
    pub mine: bool,
    /// Whether the lead was handed over and has not said yes.
    pub unconfirmed: bool,
    /// Who else works on it.
    pub backups: Vec<String>,
    /// Whom it is about.
    pub defender: Option<String>,
    /// Since when it stands open, in Unix minutes.
    pub since: u64,
    /// What happened; `None` when only shelter was asked for.
    pub kind: Option<Kind>,
    /// In which region.
    pub place: Option<String>,
    /// How many people it is about.
    pub party: Option<Party>,
    /// When a person last said something that the defender reads or wrote, in Unix minutes.
    pub contact: Option<u64>,
    /// How the defender's check-ins stand.
    pub light: Option<Light>,
    /// How many consents stand.
    pub consents: usize,
    /// How many events are missing here.
    pub gaps: usize,
    /// How the item that opened it is graded, such as `B2`.
    pub grade: Option<String>,
    /// Whether a decision waits for a second coordinator.
    pub waits: bool,
    /// Whether a clock is wrong.
    pub skewed: bool,
}

impl Row {
    /// Reads a case at a minute. `None` before anything has opened it.
    pub fn of(
        board: &mut Board,
        id: &CaseId,
        facts: &Facts,
        lights: &BTreeMap<Fingerprint, Light>,
        now: u64,
    ) -> Option<Self> {
        let case = board.case(id)?.clone();
        let status = case.status.clone()?;
        let events: BTreeMap<_, &Entry> = board.events(id).map(|entry| (entry.id(), entry)).collect();
        let written = |event: &_| events.get(event).map(|entry| entry.written());
        let clock = standing(&case, written, now);
        let since = case.since.as_ref().and_then(written).unwrap_or(now);
        let grade = case.opened_by.and_then(|event| case.grades.get(&event)).or_else(|| case.grades.values().next());
        let name = |who: &Fingerprint| facts.name(who);
        let light = case.defender.as_ref().and_then(|who| lights.get(who)).cloned();
        Some(Self {
            id: id.clone(),
            ended: has_ended(&status),
            status,
            exercise: case.exercise,
            priority: case.priority.clone().unwrap_or(Priority::P4),
            due: clock.and_then(|clock| nearest([clock.ack, clock.lead, clock.reply])),
            step: clock.map_or(0, |clock| clock.step),
            // A defender under duress is told nothing.
            plan_b: clock.is_some_and(|clock| clock.plan_b) && case.status != Some(CaseStatus::DuressHold),
            lead: case.lead.as_ref().map(name),
            mine: case.lead.as_ref().is_some_and(|who| facts.is_me(who)),
            unconfirmed: case.lead_unconfirmed,
            backups: case.backups.iter().map(name).collect(),
            defender: case.defender.as_ref().map(name),
            since,
            kind: case.assessment.kind.clone(),
            place: case.assessment.place.as_ref().map(|place| place.as_str().to_owned()),
            party: party(&case, &events),
            contact: events.values().filter(|entry| is_contact(entry)).map(|entry| entry.written()).max(),
            light: light.or_else(|| missed(&events)),
            consents: case.consents.values().filter(|ends| ends.is_none_or(|ends| now < ends)).count(),
            gaps: case.gaps.len(),
            grade: grade.map(|grade| format!("{}{}", grade.reliability, grade.credibility)),
            waits: !case.waiting.is_empty(),
            skewed: events.values().any(|entry| is_skewed(entry)),
        })
    }

    /// The beginning of the case's id, as commands take it.
    pub fn number(&self) -> String {
        short_id(&self.id)
    }

    /// Whether it is held because its defender is under duress.
    pub fn duress(&self) -> bool {
        self.status == CaseStatus::DuressHold
    }

    /// Whether a deadline is over that nothing has met.
    pub fn overdue(&self) -> bool {
        self.due.is_some_and(|due| due.overdue)
    }
}

/// The beginning of a case's id, as commands take it.
pub fn short_id(id: &CaseId) -> String {
    data_encoding::HEXLOWER.encode(id.as_bytes()).chars().take(SHORT_ID).collect()
}

fn nearest(dues: [Due; 3]) -> Option<Countdown> {
    let steps = [Step::Ack, Step::Lead, Step::Reply];
    let open = steps.into_iter().zip(dues).filter_map(|(step, due)| match due {
        Due::Open { due, overdue } => Some(Countdown { step, due, overdue }),
        Due::Met { .. } => None,
    });
    open.min_by_key(|countdown| countdown.due)
}

fn party<K: Ord>(case: &Case, events: &BTreeMap<K, &Entry>) -> Option<Party> {
    let class = |entry: &&Entry| {
        if let Body::ThreatAlert(alert) = entry.body() { alert.count.clone() } else { None }
    };
    let guests = case.assessment.party.map(|(adults, children)| Party::Guests(adults, children));
    guests.or_else(|| events.values().find_map(class).map(Party::Class))
}

/// Whether a person wrote it, and the defender did or reads it. Receipts, the ladder and summaries are no contact.
fn is_contact(entry: &Entry) -> bool {
    let receipt = matches!(entry.body(), Body::Ack(ack) if ack.level == AckLevel::Device);
    let automatic = receipt || matches!(entry.body(), Body::Escalation(_) | Body::Snapshot(_));
    let together = matches!(entry.group, Group::Circle | Group::Line | Group::Case);
    !automatic && together && entry.role != Role::Admin
}

/// Whoever has not the plan knows of a miss by those who have.
fn missed<K: Ord>(events: &BTreeMap<K, &Entry>) -> Option<Light> {
    let of_miss = |entry: &&&Entry| matches!(entry.body(), Body::Escalation(told) if told.reason == EscalationReason::MissedCheckIn);
    let told = events.values().filter(of_miss).map(|entry| entry.written());
    told.min().map(|since| Light::Missed { since, seq: 0, steps: 0 })
}
