//! From the events of a case to the case.
//!
//! A function of the set of events and of nothing else: not of their order of arrival, of repeats, of clocks. So all
//! replicas that have the same events have the same case (invariant I10).

use std::collections::{BTreeMap, BTreeSet};

use super::dag::{Dag, Places};
use super::entry::{Entry, Role};
use super::judge::{Refusal, judge, lowers, waits};
use super::text::{TextHistory, texts};
use super::view::{Effect, View, opens};
use crate::content::body::Verification;
use crate::content::value::Place;
use crate::content::vocabulary::{
    AckLevel, CaseStatus, Certainty, EscalationReason, Kind, Priority, ReferralState, Severity, Urgency,
};
use crate::content::{Body, EventId};
use crate::wire::card::Fingerprint;

/// Where a case stands, and how it came there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Where it stands; `None` before anything has opened it.
    pub status: Option<CaseStatus>,
    /// How often it was opened again.
    pub reopened: usize,
    /// Whether all of it is practice.
    pub exercise: bool,
    /// The event that opened it.
    pub opened_by: Option<EventId>,
    /// The event from which its clocks run: the last that opened it again or from which it was held for duress, or the one that
    /// opened it.
    pub since: Option<EventId>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// How urgent it is by what the defender's side said alone. Stays visible when a desk decides otherwise.
    pub own_rating: Option<Priority>,
    /// The decisions that made it less urgent than that; their reasons stand in them.
    pub lowered_by: BTreeSet<EventId>,
    /// Whom it is about, as far as the defender wrote anything.
    pub defender: Option<Fingerprint>,
    /// Who leads.
    pub lead: Option<Fingerprint>,
    /// Whether the lead was handed the case at the end of a shift and has not said yes.
    pub lead_unconfirmed: bool,
    /// Who else works on it.
    pub backups: BTreeSet<Fingerprint>,
    /// Who took the lead at the same time as the lead, became backup, and has to be told.
    pub to_be_told: BTreeSet<Fingerprint>,
    /// What happened, and how soon, bad and sure it is, as the last one to say so said.
    pub assessment: Assessment,
    /// Who acknowledged which event how far: the union of all that was said.
    pub acks: BTreeMap<EventId, BTreeSet<(Fingerprint, AckLevel)>>,
    /// The first answers: what stops the clocks of section 12.6.
    pub milestones: Milestones,
    /// Whether the defender has said that all is clear, of all that stands.
    pub clear: bool,
    /// Decisions that wait for a second coordinator.
    pub waiting: BTreeMap<EventId, CaseStatus>,
    /// The consents that stand; each ends at its own `expires`.
    pub consents: BTreeMap<EventId, Option<u64>>,
    /// Referrals and how far they are.
    pub referrals: BTreeMap<EventId, ReferralState>,
    /// How items are graded, each by its last grade.
    pub grades: BTreeMap<EventId, Verification>,
    /// Texts and their histories.
    pub texts: BTreeMap<EventId, TextHistory>,
    /// When events end: of concurrent versions of one the shortest time holds.
    pub expires: BTreeMap<EventId, u64>,
    /// The steps of the ladder that were told since the clocks run, each with the event that counts.
    pub escalated: BTreeMap<u64, EventId>,
    /// Events that change nothing, and why.
    pub refused: BTreeMap<EventId, Refusal>,
    /// Events that are missing, each with those who have seen them.
    pub gaps: BTreeMap<EventId, BTreeSet<Fingerprint>>,
    /// Events that hold something of a newer version.
    pub update_needed: BTreeSet<EventId>,
    /// All events in their order.
    pub order: Vec<EventId>,
}

/// What happened, and how soon, bad and sure it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assessment {
    /// What happened.
    pub kind: Option<Kind>,
    /// How soon.
    pub urgency: Option<Urgency>,
    /// How bad.
    pub severity: Option<Severity>,
    /// How sure.
    pub certainty: Option<Certainty>,
    /// In which region.
    pub place: Option<Place>,
    /// How many adults and children need shelter.
    pub party: Option<(u64, u64)>,
}

/// The first events of each sort since the clocks of the case run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Milestones {
    /// A coordinator answered.
    pub ack: Option<EventId>,
    /// Somebody leads.
    pub lead: Option<EventId>,
    /// A coordinator wrote to the defender.
    pub reply: Option<EventId>,
    /// Somebody answered, contact or coordinator: shows, and stops no clock of the desk.
    pub human: Option<EventId>,
}

/// Reduces the events of one case. Their order and repeats do not matter.
pub fn reduce(entries: &[Entry]) -> Case {
    let mut once: BTreeMap<EventId, Entry> = BTreeMap::new();
    for entry in entries {
        once.entry(entry.id()).and_modify(|known| known.merge(entry)).or_insert_with(|| entry.clone());
    }
    reduce_once(&once)
}

/// Reduces the events of one case, each of which stands once.
pub(super) fn reduce_once(once: &BTreeMap<EventId, Entry>) -> Case {
    let dag = Dag::new(once.values());
    let (mut accepted, mut effects, mut refused) = (Places::default(), Vec::new(), BTreeMap::new());
    for place in 0..dag.len() {
        let Some(entry) = dag.at(place) else { continue };
        let verdict = judge(&dag, &View { dag: &dag, set: dag.past(place).both(&accepted), effects: &effects }, entry);
        effects.push(verdict.as_ref().map_or_else(|_| Effect::default(), Clone::clone));
        match verdict {
            Ok(_) => accepted.insert(place),
            Err(refusal) => {
                refused.insert(entry.id(), refusal);
            }
        }
    }
    let view = View { dag: &dag, set: accepted, effects: &effects };
    Case { refused, ..case(&view) }
}

fn case(view: &View<'_>) -> Case {
    let own_rating = view.own_rating();
    let first =
        |what: &dyn Fn(&Entry) -> bool| view.entries().find(|(_, entry)| what(entry)).map(|(_, entry)| entry.id());
    let waiting =
        view.entries().filter_map(|(place, entry)| Some((entry.id(), waits(entry, view.effects.get(place)?)?)));
    let defender = view.entries().find(|(_, entry)| entry.role == Role::Defender).map(|(_, entry)| entry.author());
    let seeded = view.entries().find_map(|(_, entry)| view.seed(entry)?.defender);
    Case {
        status: view.status(),
        reopened: view.reopened(),
        exercise: view.is_exercise() == Some(true),
        opened_by: first(&opens),
        since: view.since(),
        priority: view.priority(),
        lowered_by: view.entries().filter_map(|(_, entry)| lowers(entry, own_rating.as_ref())).collect(),
        own_rating,
        defender: defender.or(seeded),
        lead: view.lead().map(|(_, lead)| lead),
        lead_unconfirmed: view.is_lead_unconfirmed(),
        backups: view.backups(),
        to_be_told: view.to_be_told(),
        assessment: assessment(view),
        acks: acks(view),
        milestones: milestones(view),
        clear: view.is_clear(),
        waiting: waiting.filter(|(id, to)| !is_settled(view, id, to)).collect(),
        consents: view.grants().into_iter().map(|(id, _, expires)| (id, expires)).collect(),
        referrals: view.referrals(),
        grades: grades(view),
        texts: texts(view),
        expires: expires(view),
        escalated: escalated(view),
        refused: BTreeMap::new(),
        gaps: view.dag.gaps(),
        update_needed: view.dag.order().filter(|entry| entry.event.needs_update()).map(Entry::id).collect(),
        order: view.dag.order().map(Entry::id).collect(),
    }
}

/// Whether somebody bore a decision out, or the case is where it was to go.
fn is_settled(view: &View<'_>, id: &EventId, to: &CaseStatus) -> bool {
    let confirms = |entry: &Entry| matches!(entry.body(), Body::Triage(triage) if triage.confirms == Some(*id));
    view.status().as_ref() == Some(to) || view.entries().any(|(_, entry)| confirms(entry))
}

fn assessment(view: &View<'_>) -> Assessment {
    let mut all = Assessment::default();
    for (_, entry) in view.entries() {
        if let Body::ThreatAlert(alert) = entry.body() {
            all.kind = Some(alert.kind.clone());
            all.urgency = Some(alert.urgency.clone());
            all.severity = Some(alert.severity.clone());
            all.certainty = Some(alert.certainty.clone());
            all.place = alert.place.clone().or(all.place);
        } else if let Body::Triage(triage) = entry.body() {
            all.urgency = triage.urgency.clone().or(all.urgency);
            all.severity = triage.severity.clone().or(all.severity);
            all.certainty = triage.certainty.clone().or(all.certainty);
        } else if let Body::ShelterRequest(request) = entry.body() {
            all.party = Some((request.adults, request.children));
        } else if let Some(snapshot) = view.seed(entry) {
            all.kind = snapshot.kind.clone().or(all.kind);
            all.urgency = snapshot.urgency.clone().or(all.urgency);
            all.severity = snapshot.severity.clone().or(all.severity);
            all.certainty = snapshot.certainty.clone().or(all.certainty);
            all.place = snapshot.place.clone().or(all.place);
        }
    }
    all
}

fn acks(view: &View<'_>) -> BTreeMap<EventId, BTreeSet<(Fingerprint, AckLevel)>> {
    let mut acks: BTreeMap<EventId, BTreeSet<(Fingerprint, AckLevel)>> = BTreeMap::new();
    for (_, entry) in view.entries() {
        if let Body::Ack(ack) = entry.body() {
            for id in &ack.refs {
                acks.entry(*id).or_default().insert((entry.author(), ack.level.clone()));
            }
        }
    }
    acks
}

fn milestones(view: &View<'_>) -> Milestones {
    let (mut first, restarts) = (Milestones::default(), view.restarts());
    for (place, entry) in view.entries().filter(|(place, _)| knows(view, &restarts, *place)) {
        let human =
            matches!(entry.body(), Body::Ack(ack) if ack.level != AckLevel::Device) || view.ends_hold(place, entry);
        let words = matches!(entry.body(), Body::Notice(_));
        if human || (words && entry.role != Role::Defender) {
            first.human = first.human.or(Some(entry.id()));
        }
        if entry.role == Role::Coordinator {
            first.ack = first.ack.or(human.then(|| entry.id()));
            first.reply = first.reply.or((words || human).then(|| entry.id()));
        }
    }
    Milestones { lead: view.lead().and_then(|(place, _)| view.dag.at(place)).map(Entry::id), ..first }
}

/// Whether an event knew of everything from which the clocks run: whoever did not has answered what was before.
fn knows(view: &View<'_>, restarts: &[usize], place: usize) -> bool {
    restarts.iter().all(|restart| view.dag.before(*restart, place))
}

fn grades(view: &View<'_>) -> BTreeMap<EventId, Verification> {
    let mut grades = BTreeMap::new();
    for (_, entry) in view.entries() {
        if let Body::Verification(grade) = entry.body() {
            grades.insert(grade.about, grade.as_ref().clone());
        }
    }
    grades
}

/// By the first event of each. Evidence ends with its consent, which retention knows.
fn expires(view: &View<'_>) -> BTreeMap<EventId, u64> {
    let mut first: BTreeMap<EventId, EventId> = BTreeMap::new();
    let mut expires: BTreeMap<EventId, u64> = BTreeMap::new();
    for (_, entry) in view.entries() {
        let content = entry.event.content();
        let root = content.replaces.map_or(entry.id(), |id| first.get(&id).copied().unwrap_or(id));
        first.insert(entry.id(), root);
        if let Some(time) = content.expires.filter(|_| !matches!(entry.body(), Body::Evidence(_))) {
            expires.entry(root).and_modify(|least| *least = (*least).min(time)).or_insert(time);
        }
    }
    expires
}

/// Of several that say the same step, the first in order counts.
fn escalated(view: &View<'_>) -> BTreeMap<u64, EventId> {
    let (mut steps, restarts) = (BTreeMap::new(), view.restarts());
    for (_, entry) in view.entries().filter(|(place, _)| knows(view, &restarts, *place)) {
        if let Body::Escalation(escalation) = entry.body()
            && escalation.reason != EscalationReason::MissedCheckIn
        {
            steps.entry(escalation.step).or_insert(entry.id());
        }
    }
    steps
}
