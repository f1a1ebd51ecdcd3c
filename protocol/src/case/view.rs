//! What a set of accepted events says: the reduction, field by field (docs/protocol.md section 12.3).
//!
//! The same questions are asked of an author's causal past, when an event is judged, and of everything, for the result.
//! Every answer depends on the set alone. A field is said by events that set it; an event no longer counts once another
//! that sets the field comes after it. Of those left, which are concurrent, each field has its rule.

use std::collections::{BTreeMap, BTreeSet};

use super::dag::{Dag, Places};
use super::entry::{Entry, Group, Role, goes_first};
use super::priority::rating;
use super::status::{is_close, protection};
use crate::content::body::{Consent, Recipient, Snapshot};
use crate::content::vocabulary::{
    AckLevel, Act, CaseStatus, ConsentAct, EscalationReason, Part, Priority, Purpose, ReferralState, Status,
};
use crate::content::{Body, EventId};
use crate::wire::card::Fingerprint;

/// What judging has found out about an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// The status that it gives the case.
    pub(super) status: Option<CaseStatus>,
    /// Whether it opens again what had ended.
    pub(super) reopens: bool,
}

/// A set of accepted events.
pub(super) struct View<'a> {
    pub(super) dag: &'a Dag<'a>,
    pub(super) set: Places,
    pub(super) effects: &'a [Effect],
}

impl<'a> View<'a> {
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &'a Entry)> + '_ {
        self.set.iter().filter_map(|place| self.dag.at(place).map(|entry| (place, entry)))
    }

    pub(super) fn entry(&self, id: &EventId) -> Option<(usize, &'a Entry)> {
        let place = self.dag.place(id).filter(|place| self.set.holds(*place))?;
        self.dag.at(place).map(|entry| (place, entry))
    }

    fn effect(&self, place: usize) -> Option<&Effect> {
        self.effects.get(place)
    }

    /// Those that no other of them comes after.
    fn newest(&self, places: &[usize]) -> Vec<usize> {
        let over = |place: usize| places.iter().any(|later| self.dag.before(place, *later));
        places.iter().copied().filter(|place| !over(*place)).collect()
    }

    fn concurrent(&self, a: usize, b: usize) -> bool {
        a != b && !self.dag.before(a, b) && !self.dag.before(b, a)
    }

    /// The events that say where the case stands.
    fn standing(&self) -> Vec<CaseStatus> {
        let said = self.set.iter().filter_map(|place| Some((place, self.effect(place)?.status.as_ref()?)));
        let said: Vec<_> = said.filter(|(place, status)| !self.is_overruled(*place, status)).collect();
        let newest = self.newest(&said.iter().map(|(place, _)| *place).collect::<Vec<_>>());
        let left = said.into_iter().filter(|(place, _)| newest.contains(place));
        left.map(|(place, status)| self.woken(place, status)).collect()
    }

    /// Whoever decided only to watch a case did not know of a cry that came meanwhile.
    fn woken(&self, place: usize, status: &CaseStatus) -> CaseStatus {
        let cried = self.entries().any(|(other, entry)| self.concurrent(place, other) && is_cry(entry));
        if *status == CaseStatus::Monitor && cried { CaseStatus::Active } else { status.clone() }
    }

    /// A close loses to whatever somebody else said meanwhile, a withdrawal to a cry for help.
    fn is_overruled(&self, place: usize, status: &CaseStatus) -> bool {
        let Some(author) = self.dag.at(place).map(Entry::author) else { return false };
        let meanwhile = |what: fn(&Entry) -> bool| {
            self.entries()
                .any(|(other, entry)| entry.author() != author && self.concurrent(place, other) && what(entry))
        };
        if is_close(status) {
            meanwhile(|entry| !is_automatic(entry) && !vanishes(entry) && is_told_to_all(entry))
        } else {
            *status == CaseStatus::Withdrawn && meanwhile(is_cry)
        }
    }

    /// Where the case stands; `None` before anything has opened it.
    pub(super) fn status(&self) -> Option<CaseStatus> {
        self.standing().into_iter().max_by_key(protection)
    }

    /// The event from which its clocks run: the last one that opened it again or said that its defender is not free to speak, or
    /// the one that opened it.
    pub(super) fn since(&self) -> Option<EventId> {
        let first = || self.entries().find(|(_, entry)| opens(entry)).map(|(place, _)| place);
        self.restart().or_else(first).and_then(|place| self.dag.at(place)).map(Entry::id)
    }

    /// The last of [`Self::restarts`], of those that did not know of each other rather duress.
    fn restart(&self) -> Option<usize> {
        let is_duress =
            |place: &usize| self.dag.at(*place).is_some_and(|entry| matches!(entry.body(), Body::Duress(_)));
        self.restarts().into_iter().max_by_key(|place| (is_duress(place), *place))
    }

    /// Where its clocks began anew and no later time did: what had ended was opened again, or the case was held for duress. A duress
    /// begins nothing anew while the case is held for one before it.
    pub(super) fn restarts(&self) -> Vec<usize> {
        let duress = |entry: &Entry| matches!(entry.body(), Body::Duress(_));
        let held: Vec<usize> = self.entries().filter(|(_, entry)| duress(entry)).map(|(place, _)| place).collect();
        // What ends a hold is said on the desk, which the defender does not read: her next word does not come after it.
        let ended: Vec<usize> =
            self.entries().filter(|(place, entry)| self.ends_hold(*place, entry)).map(|(place, _)| place).collect();
        let holds = |earlier: usize, later: usize| {
            let ends = |end: &usize| self.dag.before(earlier, *end) && !self.dag.before(later, *end);
            self.dag.before(earlier, later) && !ended.iter().any(ends)
        };
        let anew = held.iter().copied().filter(|place| !held.iter().any(|earlier| holds(*earlier, *place)));
        let again = self.set.iter().filter(|place| self.effect(*place).is_some_and(|effect| effect.reopens));
        let all: Vec<usize> = again.chain(anew).collect();
        self.newest(&all)
    }

    /// Whether this is the second of two decisions that end a hold for duress.
    pub(super) fn ends_hold(&self, place: usize, entry: &Entry) -> bool {
        let decided = || self.effect(place).is_some_and(|effect| effect.status.is_some());
        matches!(entry.body(), Body::Triage(triage) if triage.verified.is_some()) && decided()
    }

    pub(super) fn reopened(&self) -> usize {
        self.set.iter().filter(|place| self.effect(*place).is_some_and(|effect| effect.reopens)).count()
    }

    /// Whether all that was said of danger was said in an exercise.
    pub(super) fn is_exercise(&self) -> Option<bool> {
        let mut dangers = self.entries().filter(|(_, entry)| opens(entry)).peekable();
        dangers.peek().is_some().then(|| dangers.all(|(_, entry)| entry.event.content().status == Status::Exercise))
    }

    /// The most urgent of what the events of danger make of the case by themselves, edits taking the place of what they
    /// replace.
    pub(super) fn own_rating(&self) -> Option<Priority> {
        self.entries()
            .filter(|(place, _)| !self.is_replaced(*place))
            .filter_map(|(_, entry)| rating(&entry.event))
            .min()
    }

    /// How urgent the case is: a decision stands for what its author had seen, and of what is left the most urgent holds.
    pub(super) fn priority(&self) -> Option<Priority> {
        let decided: Vec<(usize, Priority)> =
            self.entries().filter_map(|(place, entry)| Some((place, self.decided(entry)?))).collect();
        let own = self.entries().filter(|(place, _)| !self.is_replaced(*place));
        let own = own.filter_map(|(place, entry)| Some((place, rating(&entry.event)?)));
        let said: Vec<_> = own.chain(decided.iter().cloned()).collect();
        let over = |place: usize| decided.iter().any(|(later, _)| self.dag.before(place, *later));
        said.into_iter().filter(|(place, _)| !over(*place)).map(|(_, priority)| priority).min()
    }

    fn is_replaced(&self, place: usize) -> bool {
        let Some(id) = self.dag.at(place).map(Entry::id) else { return false };
        self.entries().any(|(_, entry)| entry.event.content().replaces == Some(id))
    }

    /// Events that make somebody the lead, with whom, or nobody.
    fn leads(&self) -> Vec<(usize, Option<Fingerprint>)> {
        self.entries().filter_map(|(place, entry)| Some((place, self.makes_lead(entry)?))).collect()
    }

    /// Who leads, and by which event: the first in order of those that were made lead without knowing of each other.
    pub(super) fn lead(&self) -> Option<(usize, Fingerprint)> {
        let leads = self.leads();
        let newest = self.newest(&leads.iter().map(|(place, _)| *place).collect::<Vec<_>>());
        leads.into_iter().filter(|(place, _)| newest.contains(place)).find_map(|(place, who)| Some((place, who?)))
    }

    /// Who else works on the case: all who were ever given a part and did not release it since.
    pub(super) fn backups(&self) -> BTreeSet<Fingerprint> {
        let lead = self.lead().map(|(_, who)| who);
        let taken =
            self.entries().flat_map(|(place, entry)| self.gives_part(entry).into_iter().map(move |who| (place, who)));
        let released: Vec<_> = self.entries().filter_map(|(place, entry)| Some((place, releases(entry)?))).collect();
        let kept = taken
            .filter(|(place, who)| !released.iter().any(|(later, by)| by == who && self.dag.before(*place, *later)));
        kept.map(|(_, who)| who).filter(|who| Some(*who) != lead).collect()
    }

    /// Who took the lead at the same time as the one who has it now, and has to be told.
    pub(super) fn to_be_told(&self) -> BTreeSet<Fingerprint> {
        let Some((first, lead)) = self.lead() else { return BTreeSet::new() };
        let others = self.leads().into_iter().filter(|(place, _)| self.concurrent(first, *place));
        let told = others.filter_map(|(_, who)| who).filter(|who| *who != lead);
        told.filter(|who| self.backups().contains(who)).collect()
    }

    /// Whether the lead was handed the case over and has not said yes.
    pub(super) fn is_lead_unconfirmed(&self) -> bool {
        let by = self.lead().and_then(|(place, _)| self.dag.at(place));
        by.is_some_and(|entry| matches!(entry.body(), Body::Assignment(part) if part.act == Act::ShiftHandover))
    }

    /// Whether a defender has said that all is clear, of every cry that stands.
    pub(super) fn is_clear(&self) -> bool {
        let clears = self.entries().filter(|(_, entry)| entry.role == Role::Defender).filter_map(|(place, entry)| {
            if let Body::AllClear(clear) = entry.body() { Some((place, &clear.refs)) } else { None }
        });
        let clears: Vec<_> = clears.collect();
        let cleared = |place: usize, id: &EventId| {
            clears.iter().any(|(later, refs)| refs.contains(id) || self.dag.before(place, *later))
        };
        !clears.is_empty()
            && self.entries().filter(|(_, entry)| is_cry(entry)).all(|(place, entry)| cleared(place, &entry.id()))
    }

    /// The grants that stand: nothing withdrew or refused them that their author had not seen.
    pub(super) fn grants(&self) -> Vec<(EventId, &'a Consent, Option<u64>)> {
        let consents: Vec<(usize, &Entry, &Consent)> = self
            .entries()
            .filter_map(|(place, entry)| {
                if let Body::Consent(consent) = entry.body() { Some((place, entry, consent.as_ref())) } else { None }
            })
            .collect();
        let ended = |place: usize, id: EventId, grant: &Consent| {
            consents.iter().any(|(other, _, consent)| ends(consent, id, grant) && !self.dag.before(*other, place))
        };
        let grants = consents.iter().filter(|(_, _, consent)| consent.act == ConsentAct::Grant);
        let stand = grants.filter(|(place, entry, grant)| !ended(*place, entry.id(), grant));
        stand.map(|(_, entry, grant)| (entry.id(), *grant, entry.event.content().expires)).collect()
    }

    /// Whether one consent stands at a minute, for this purpose and recipient.
    pub(super) fn consents(
        &self,
        id: &EventId,
        purpose: &Purpose,
        to: Option<&Recipient>,
        minute: u64,
    ) -> Option<&'a Consent> {
        let stands = |grant: &(EventId, &Consent, Option<u64>)| {
            grant.0 == *id
                && grant.1.purpose == *purpose
                && to.is_none_or(|to| grant.1.recipient == *to)
                && grant.2.is_none_or(|expires| minute < expires)
        };
        self.grants().into_iter().find(stands).map(|(_, consent, _)| consent)
    }

    /// The referrals by their first event, with how far they are: a rejection or revocation wins over what was concurrent.
    pub(super) fn referrals(&self) -> BTreeMap<EventId, ReferralState> {
        let mut said: BTreeMap<EventId, Vec<(usize, &ReferralState)>> = BTreeMap::new();
        for (place, entry) in self.entries() {
            if let Body::Referral(referral) = entry.body() {
                said.entry(referral.referral.unwrap_or(entry.id())).or_default().push((place, &referral.state));
            }
        }
        let newest = |said: Vec<(usize, &ReferralState)>| {
            let newest = self.newest(&said.iter().map(|(place, _)| *place).collect::<Vec<_>>());
            let left = said.into_iter().filter(|(place, _)| newest.contains(place)).map(|(_, state)| state);
            left.max().cloned()
        };
        said.into_iter().filter_map(|(id, said)| Some((id, newest(said)?))).collect()
    }
}

/// Whether an event is about danger or need, and so can open a case.
pub(super) fn opens(entry: &Entry) -> bool {
    is_cry(entry) || matches!(entry.body(), Body::ShelterRequest(_))
}

/// Whether somebody cries for help, or is missed.
pub(super) fn is_cry(entry: &Entry) -> bool {
    if let Body::Escalation(escalation) = entry.body() {
        return escalation.reason == EscalationReason::MissedCheckIn;
    }
    !matches!(entry.body(), Body::ShelterRequest(_)) && rating(&entry.event).is_some()
}

/// Whether retention takes an event before its case.
pub(super) fn vanishes(entry: &Entry) -> bool {
    goes_first(entry.body())
}

/// Whether it was written where everybody of the case reads. What a desk says among itself is named by nothing that others
/// read, so that it would be concurrent with all of it.
fn is_told_to_all(entry: &Entry) -> bool {
    match entry.group {
        Group::Circle | Group::Line | Group::Case => true,
        Group::Desk | Group::HostLink | Group::Bridge => false,
    }
}

/// Whether a client wrote it by itself, so that it says nothing of what a person wants.
pub(super) fn is_automatic(entry: &Entry) -> bool {
    let receipt = matches!(entry.body(), Body::Ack(ack) if ack.level == AckLevel::Device);
    let ladder = matches!(entry.body(), Body::Escalation(_)) && !is_cry(entry);
    receipt || ladder || matches!(entry.body(), Body::Snapshot(_))
}

fn releases(entry: &Entry) -> Option<Fingerprint> {
    if let Body::Assignment(part) = entry.body() { (part.act == Act::Release).then_some(part.member) } else { None }
}

/// Whether a withdrawal or refusal is about a grant.
fn ends(consent: &Consent, id: EventId, grant: &Consent) -> bool {
    match consent.act {
        ConsentAct::Grant => false,
        ConsentAct::Refuse | ConsentAct::Withdraw | ConsentAct::Other(_) => consent.withdraws.map_or_else(
            || consent.purpose == grant.purpose && consent.recipient == grant.recipient,
            |withdrawn| withdrawn == id,
        ),
    }
}

impl View<'_> {
    /// A snapshot counts for those alone who do not have all that it takes account of.
    pub(super) fn seed<'e>(&self, entry: &'e Entry) -> Option<&'e Snapshot> {
        let Body::Snapshot(snapshot) = entry.body() else { return None };
        let known = snapshot.heads.iter().all(|id| self.dag.place(id).is_some());
        (!known).then_some(snapshot)
    }

    fn decided(&self, entry: &Entry) -> Option<Priority> {
        if let Body::Triage(triage) = entry.body() {
            triage.priority.clone()
        } else {
            self.seed(entry).and_then(|snapshot| snapshot.priority.clone())
        }
    }

    /// Whom an event makes lead: somebody, or with `Some(None)` nobody.
    fn makes_lead(&self, entry: &Entry) -> Option<Option<Fingerprint>> {
        let Body::Assignment(part) = entry.body() else {
            return self.seed(entry).and_then(|snapshot| snapshot.lead).map(Some);
        };
        match part.act {
            _ if part.part != Part::Lead => None,
            Act::Take | Act::Accept | Act::ShiftHandover => Some(Some(part.member)),
            Act::Release => Some(None),
            Act::Offer | Act::Other(_) => None,
        }
    }

    /// Who has a part by an event.
    fn gives_part(&self, entry: &Entry) -> Vec<Fingerprint> {
        if let Body::Assignment(part) = entry.body() {
            let gives = matches!(part.act, Act::Take | Act::Accept | Act::ShiftHandover);
            return gives.then_some(part.member).into_iter().collect();
        }
        let of = |snapshot: &Snapshot| snapshot.lead.into_iter().chain(snapshot.backups.iter().copied()).collect();
        self.seed(entry).map(of).unwrap_or_default()
    }
}
