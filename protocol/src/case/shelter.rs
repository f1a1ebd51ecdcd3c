//! Shelter: requests, offers, and how one is brought to the other (docs/protocol.md section 12.10).
//!
//! ```text
//! REQUESTED → SEARCHING → PROPOSED → HOST_OK → GUEST_OK → HANDOVER → SHELTERED → DEPARTING → ENDED
//! ```
//!
//! | to | by | and it takes |
//! |---|---|---|
//! | SEARCHING | a coordinator's answer of level acting to the request, or a proposal that came to nothing | |
//! | PROPOSED | a coordinator's Match | a consent of purpose shelter that stands; an open offer with a place left |
//! | HOST_OK | a Match of the offer's own host | PROPOSED, before the hold runs out, a place left |
//! | GUEST_OK | a Match of the guest | HOST_OK |
//! | HANDOVER | a HandoverNote | GUEST_OK |
//! | SHELTERED | the guest's AllClear | GUEST_OK or HANDOVER: the note may be gone |
//! | DEPARTING | a StandDown that names the match | SHELTERED |
//! | ENDED | the host's next Offer | DEPARTING |
//!
//! The host's client alone writes how much room there is, so of two desks that want one place the host's first yes wins.
//! A match is named by its request and its offer, an offer by its first event.

use std::collections::BTreeMap;

use super::authority::may_write;
use super::dag::{Dag, Places};
use super::entry::{Entry, Role};
use super::judge::Refusal;
use super::view::{Effect, View};
use crate::content::body::{HOLD_MINUTES, Match, Offer, ShelterRequest};
use crate::content::vocabulary::{AckLevel, MatchState, Need, OfferState, Purpose};
use crate::content::{Body, EventId};
use crate::wire::card::Fingerprint;

/// How far a request has come with an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nobody has taken it up.
    Requested,
    /// A desk looks for a place.
    Searching,
    /// A place is proposed and held.
    Proposed,
    /// The host said yes.
    HostOk,
    /// The guest said yes: now the host may join the case.
    GuestOk,
    /// It was said where to meet.
    Handover,
    /// The guest is there and well.
    Sheltered,
    /// The guest leaves.
    Departing,
    /// The place is free again.
    Ended,
}

impl Stage {
    /// Whether host and guest may know more of each other than needs and features.
    pub fn is_open(self) -> bool {
        self >= Self::GuestOk
    }

    /// What comes after it.
    fn next(self) -> Option<Self> {
        match self {
            Self::Requested => Some(Self::Searching),
            Self::Searching => Some(Self::Proposed),
            Self::Proposed => Some(Self::HostOk),
            Self::HostOk => Some(Self::GuestOk),
            Self::GuestOk => Some(Self::Handover),
            Self::Handover => Some(Self::Sheltered),
            Self::Sheltered => Some(Self::Departing),
            Self::Departing => Some(Self::Ended),
            Self::Ended => None,
        }
    }

    /// Whether it takes one of the offer's places.
    pub fn takes_place(self) -> bool {
        (Self::HostOk..Self::Ended).contains(&self)
    }
}

/// An offer as its host last wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The host.
    pub host: Fingerprint,
    /// What the host last said.
    pub offer: Offer,
    /// How many more matches it takes: what the host last said, less what the host has said yes to since.
    pub free: u64,
}

/// All that is known of shelter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelter {
    /// Every request, with how far it is.
    pub requests: BTreeMap<EventId, Stage>,
    /// Every offer.
    pub places: BTreeMap<EventId, Place>,
    /// Every match by request and offer, with how far it is; `None` once it came to nothing.
    pub matches: BTreeMap<(EventId, EventId), Option<Stage>>,
    /// Events that change nothing, and why.
    pub refused: BTreeMap<EventId, NoMatch>,
}

/// Why an event changes nothing about shelter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoMatch {
    /// Its author may not write it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The request or the offer is not known here.
    #[error("the request or the offer is not here yet; sync and try again")]
    Unknown,
    /// The match is not where this would lead on from.
    #[error("the match cannot go there from where it stands; look at it again")]
    Stage,
    /// No consent stands.
    #[error("no consent to look for shelter stands; ask the guest for one")]
    NoConsent,
    /// No place is left, or the offer is not open.
    #[error("no place is left there; propose another")]
    Full,
    /// The hold has run out.
    #[error("the hold has run out; propose it again")]
    Expired,
}

/// Reduces everything that is known of shelter: of all host links, lines, desks and cases. Order and repeats do not matter.
pub fn reduce_shelter(entries: &[Entry]) -> Shelter {
    let mut once: BTreeMap<EventId, Entry> = BTreeMap::new();
    for entry in entries {
        once.entry(entry.id()).and_modify(|known| known.merge(entry)).or_insert_with(|| entry.clone());
    }
    let dag = Dag::new(once.values());
    let mut accepted = Places::default();
    let mut refused = BTreeMap::new();
    for place in 0..dag.len() {
        let Some(entry) = dag.at(place) else { continue };
        // What its author had seen decides. A host with two devices has seen what it said itself, in the order of all.
        let past = Known { dag: &dag, set: dag.past(place).both(&accepted) };
        let mut own = past.set.clone();
        let words = accepted.iter().filter(|place| dag.at(*place).is_some_and(|said| said.author() == entry.author()));
        words.for_each(|place| own.insert(place));
        match judge(&past, &Known { dag: &dag, set: own }, entry) {
            Ok(()) => accepted.insert(place),
            Err(reason) => {
                refused.insert(entry.id(), reason);
            }
        }
    }
    Shelter { refused, ..Known { dag: &dag, set: accepted }.shelter() }
}

/// A set of accepted events.
struct Known<'a> {
    dag: &'a Dag<'a>,
    set: Places,
}

fn judge(past: &Known<'_>, own: &Known<'_>, entry: &Entry) -> Result<(), NoMatch> {
    may_write(entry)?;
    let replaced = entry.event.content().replaces.and_then(|id| past.entry(&id));
    if replaced.is_some_and(|replaced| replaced.author() != entry.author()) {
        return Err(Refusal::NotAuthor.into());
    }
    let Body::Match(said) = entry.body() else { return Ok(()) };
    if let Some(first) = said.carries {
        return carried(past, entry, said, &first);
    }
    let (request, (host, offer)) = past.request(&said.request).zip(past.offer(&said.offer)).ok_or(NoMatch::Unknown)?;
    let stage = past.stage(&said.request, &said.offer);
    let by_host = entry.role == Role::Host && entry.author() == host;
    match said.state {
        MatchState::Proposed if entry.role == Role::Coordinator => {
            let open = matches!(offer.state, OfferState::Open | OfferState::Held) && past.free(&said.offer) > 0;
            let consented = past.consents(&request.consent, entry.sent());
            match stage {
                Some(_) => Err(NoMatch::Stage),
                None if !consented => Err(NoMatch::NoConsent),
                None if !open => Err(NoMatch::Full),
                None => Ok(()),
            }
        }
        MatchState::HostOk if by_host => match stage {
            Some(Stage::Proposed) if past.held_until(said).is_none_or(|until| entry.sent() > until) => {
                Err(NoMatch::Expired)
            }
            Some(Stage::Proposed) if own.free(&said.offer) == 0 => Err(NoMatch::Full),
            Some(Stage::Proposed) => Ok(()),
            _ => Err(NoMatch::Stage),
        },
        MatchState::GuestOk if entry.role == Role::Defender => {
            if stage == Some(Stage::HostOk) {
                Ok(())
            } else {
                Err(NoMatch::Stage)
            }
        }
        MatchState::Declined if by_host || entry.role == Role::Defender => ends(stage, Stage::HostOk),
        MatchState::Expired if entry.role == Role::Coordinator => ends(stage, Stage::Proposed),
        MatchState::Cancelled if by_host || entry.role != Role::Host => ends(stage, Stage::Handover),
        MatchState::Other(_) => Ok(()),
        MatchState::Proposed
        | MatchState::HostOk
        | MatchState::GuestOk
        | MatchState::Declined
        | MatchState::Expired
        | MatchState::Cancelled => Err(Refusal::Role.into()),
    }
}

/// A coordinator tells host or guest what the other said, in the words that were said.
fn carried(past: &Known<'_>, entry: &Entry, said: &Match, first: &EventId) -> Result<(), NoMatch> {
    let Some(Body::Match(first)) = past.entry(first).map(Entry::body) else { return Err(NoMatch::Unknown) };
    let same = same(first, &said.request, &said.offer) && first.state == said.state && first.carries.is_none();
    if same && entry.role == Role::Coordinator { Ok(()) } else { Err(Refusal::Role.into()) }
}

/// Whether a match can still come to nothing.
fn ends(stage: Option<Stage>, last: Stage) -> Result<(), NoMatch> {
    if stage.is_some_and(|stage| stage <= last) { Ok(()) } else { Err(NoMatch::Stage) }
}

impl<'a> Known<'a> {
    fn entries(&self) -> impl Iterator<Item = (usize, &'a Entry)> + '_ {
        self.set.iter().filter_map(|place| self.dag.at(place).map(|entry| (place, entry)))
    }

    fn entry(&self, id: &EventId) -> Option<&'a Entry> {
        let place = self.dag.place(id).filter(|place| self.set.holds(*place))?;
        self.dag.at(place)
    }

    fn request(&self, id: &EventId) -> Option<&'a ShelterRequest> {
        if let Body::ShelterRequest(request) = self.entry(id)?.body() { Some(request) } else { None }
    }

    /// The versions of an offer, in order.
    fn versions(&self, id: &EventId) -> Vec<(usize, &'a Entry, &'a Offer)> {
        let mut names = vec![*id];
        let mut versions = Vec::new();
        for (place, entry) in self.entries() {
            let Body::Offer(offer) = entry.body() else { continue };
            let later = entry.event.content().replaces.is_some_and(|before| names.contains(&before));
            if entry.id() == *id || later {
                names.push(entry.id());
                versions.push((place, entry, offer.as_ref()));
            }
        }
        versions
    }

    fn offer(&self, id: &EventId) -> Option<(Fingerprint, &'a Offer)> {
        self.versions(id).last().map(|(_, entry, offer)| (entry.author(), *offer))
    }

    /// What the host last said, less what the host has said yes to since and that stands.
    fn free(&self, id: &EventId) -> u64 {
        let Some((last, _, offer)) = self.versions(id).pop() else { return 0 };
        let taken = self.entries().filter(|(place, entry)| {
            let Body::Match(said) = entry.body() else { return false };
            let yes = said.offer == *id && is_own(said, &MatchState::HostOk) && !self.dag.before(*place, last);
            yes && self.stage(&said.request, id).is_some_and(Stage::takes_place)
        });
        offer.slots.saturating_sub(u64::try_from(taken.count()).unwrap_or(u64::MAX))
    }

    fn consents(&self, id: &EventId, minute: u64) -> bool {
        let effects: &[Effect] = &[];
        let view = View { dag: self.dag, set: self.set.clone(), effects };
        view.consents(id, &Purpose::Shelter, None, minute).is_some()
    }

    /// Until when the last proposal of a match holds the place.
    fn held_until(&self, of: &Match) -> Option<u64> {
        let holds = self.entries().filter_map(|(_, entry)| {
            let Body::Match(said) = entry.body() else { return None };
            let proposes = same(said, &of.request, &of.offer) && said.state == MatchState::Proposed;
            proposes.then(|| said.hold_until.unwrap_or(entry.sent().saturating_add(HOLD_MINUTES)))
        });
        holds.last()
    }

    /// How far a match is; `None` when it was never proposed or came to nothing. Of a yes and a no that did not know of
    /// each other, the no wins.
    fn stage(&self, request: &EventId, offer: &EventId) -> Option<Stage> {
        let mut stage = None;
        let (mut named, mut told) = (Vec::new(), Vec::new());
        for (place, entry) in self.entries() {
            if let Body::Match(said) = entry.body() {
                if same(said, request, offer) && said.carries.is_some() {
                    told.push(entry.id());
                } else if same(said, request, offer) {
                    named.push(entry.id());
                    stage = after(stage, &said.state);
                }
            } else if let Some(now) = stage {
                stage = Some(self.goes_on(now, place, entry, (&named, &told), offer).unwrap_or(now));
            }
        }
        stage
    }

    /// The stage to which an event that is no Match takes one on. A handover note is gone after a day, and what stays must
    /// not hang on it: whoever says that all is well got there.
    fn goes_on(
        &self,
        stage: Stage,
        place: usize,
        entry: &Entry,
        (named, told): (&[EventId], &[EventId]),
        offer: &EventId,
    ) -> Option<Stage> {
        let goes_on = match stage {
            Stage::GuestOk | Stage::Handover => {
                let safe = matches!(entry.body(), Body::AllClear(_)) && entry.role == Role::Defender;
                if safe && self.follows(place, named) {
                    return Some(Stage::Sheltered);
                }
                let note = stage == Stage::GuestOk && matches!(entry.body(), Body::HandoverNote(_));
                note && self.follows(place, named)
            }
            Stage::Sheltered => {
                let of_it = || named.iter().chain(told);
                matches!(entry.body(), Body::StandDown(down) if of_it().any(|id| down.refs.contains(id)))
            }
            Stage::Departing => self.versions(offer).iter().any(|(version, ..)| *version == place),
            Stage::Requested | Stage::Searching | Stage::Proposed | Stage::HostOk | Stage::Ended => false,
        };
        if goes_on { stage.next() } else { None }
    }

    /// Whether an event's author had seen the last that was said of a match.
    fn follows(&self, place: usize, named: &[EventId]) -> bool {
        named.last().and_then(|id| self.dag.place(id)).is_some_and(|last| self.dag.before(last, place))
    }

    fn shelter(&self) -> Shelter {
        let mut shelter = Shelter::default();
        for (_, entry) in self.entries() {
            if let Body::ShelterRequest(_) = entry.body() {
                shelter.requests.entry(entry.id()).or_insert(Stage::Requested);
            } else if let (Body::Offer(_), None) = (entry.body(), entry.event.content().replaces) {
                let (id, known) = (entry.id(), self.offer(&entry.id()));
                let place = known.map(|(host, offer)| Place { host, offer: offer.clone(), free: self.free(&id) });
                shelter.places.extend(place.map(|place| (id, place)));
            } else if let Body::Match(said) = entry.body() {
                let stage = self.stage(&said.request, &said.offer);
                shelter.matches.insert((said.request, said.offer), stage);
                let far = stage.unwrap_or(Stage::Searching);
                shelter.requests.entry(said.request).and_modify(|best| *best = far.max(*best)).or_insert(far);
            } else if let Body::Ack(ack) = entry.body()
                && entry.role == Role::Coordinator
                && ack.level == AckLevel::Acting
            {
                for id in ack.refs.iter().filter(|id| self.request(id).is_some()) {
                    let stage = shelter.requests.entry(*id).or_insert(Stage::Searching);
                    *stage = Stage::Searching.max(*stage);
                }
            }
        }
        shelter
    }
}

/// Where a match stands after something was said of it.
fn after(stage: Option<Stage>, said: &MatchState) -> Option<Stage> {
    match (said, stage) {
        (MatchState::Proposed, None) => Some(Stage::Proposed),
        (MatchState::HostOk, Some(Stage::Proposed)) => Some(Stage::HostOk),
        (MatchState::GuestOk, Some(Stage::HostOk)) => Some(Stage::GuestOk),
        (MatchState::Declined | MatchState::Expired | MatchState::Cancelled, _) => None,
        (MatchState::Proposed | MatchState::HostOk | MatchState::GuestOk | MatchState::Other(_), stage) => stage,
    }
}

/// Whether somebody said this, and does not only tell that it was said.
fn is_own(said: &Match, state: &MatchState) -> bool {
    said.state == *state && said.carries.is_none()
}

fn same(said: &Match, request: &EventId, offer: &EventId) -> bool {
    said.request == *request && said.offer == *offer
}

/// Why an offer does not fit a request. Features and regions only: nothing else is known of either to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// The offer is not open, or has no place left.
    Full,
    /// It does not hold at the time.
    Time,
    /// The region is one to keep away from, or none of those that are fine.
    Area,
    /// It lacks this.
    Lacks(Need),
}

/// All that speaks against an offer for a request that begins at a minute; empty when it fits.
pub fn misfits(request: &ShelterRequest, place: &Place, begins: u64) -> Vec<Misfit> {
    let offer = &place.offer;
    let mut misfits = Vec::new();
    if offer.state != OfferState::Open || place.free == 0 {
        misfits.push(Misfit::Full);
    }
    if !(offer.from..offer.until).contains(&begins) {
        misfits.push(Misfit::Time);
    }
    let fine = request.area_ok.is_empty() || request.area_ok.contains(&offer.place);
    if !fine || request.area_avoid.contains(&offer.place) {
        misfits.push(Misfit::Area);
    }
    let lacks = request.needs.iter().filter(|need| !offer.features.contains(need));
    misfits.extend(lacks.map(|need| Misfit::Lacks(need.clone())));
    misfits
}
