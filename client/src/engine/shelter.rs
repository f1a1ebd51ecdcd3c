//! Shelter: who needs a place, who has one, and how the two are brought together without knowing of each other.
//!
//! | who | writes | where |
//! |---|---|---|
//! | a defender | consent and request; yes or no to what the host agreed to | the own line, the case |
//! | a host | offers; yes or no to a proposal | the own links |
//! | a coordinator | proposals; what host and guest said, carried to the other | links; the case |
//!
//! A host's client alone counts the places. An offer stands in every link that the host has; a yes in one takes a place in
//! all of them, so that of two desks that want the last place one gets it.

use std::collections::BTreeSet;

use himaya_protocol::case::shelter::{Misfit, Shelter, Stage, misfits, reduce_shelter};
use himaya_protocol::case::{Entry, case_of};
use himaya_protocol::content::body::{
    Consent, HANDOVER_MINUTES_MAX, HandoverNote, Match, Offer, Recipient, ShelterRequest, StandDown,
};
use himaya_protocol::content::value::Text;
use himaya_protocol::content::vocabulary::{
    ConsentAct, ConsentField, ConsentMethod, GivenBy, MatchState, OfferState, Purpose, RecipientClass, Status,
};
use himaya_protocol::content::{Body, CaseId, EventId};
use himaya_protocol::wire::policy::{GroupKind, Role};
use sha2::{Digest, Sha256};

use super::circles::{self, Circle, CircleState};
use super::error::EngineError;
use super::events::{self, Draft};
use super::{backup, cases, retention, views};
use crate::store::Ctx;

/// How long a consent to look for shelter stands, in hours: 30 days.
const CONSENT_HOURS: u64 = 30 * 24;

/// The setting that holds the newest event that was looked at for words to carry.
const CARRIED: &str = "carried to";

/// Asks for shelter: consents to what hosts have to know, and says what is needed. The request's id.
pub fn ask_for_shelter(
    ctx: &mut Ctx<'_>,
    line: &Circle,
    status: Status,
    request: impl FnOnce(EventId) -> ShelterRequest,
) -> Result<EventId, EngineError> {
    let asked = [
        ConsentField::NeededBy,
        ConsentField::Adults,
        ConsentField::Children,
        ConsentField::Duration,
        ConsentField::Needs,
        ConsentField::Place,
    ];
    let consent = Consent {
        act: ConsentAct::Grant,
        purpose: Purpose::Shelter,
        recipient: Recipient { class: RecipientClass::Desk, id: Sha256::digest(&line.id).into() },
        fields: asked.to_vec(),
        withheld: Vec::new(),
        given_by: GivenBy::Myself,
        method: ConsentMethod::Message,
        readback: false,
        withdraws: None,
    };
    let draft = Draft { status, ..Draft::default() };
    let consent = events::say(ctx, line, consent, &Draft { expires_hours: Some(CONSENT_HOURS), ..draft.clone() })?;
    let id = events::say(ctx, line, request(consent), &draft)?;
    backup::consent(ctx, line, &id, &draft.status, false)?;
    Ok(id)
}

/// The only line in which this profile is the defender, or the one of a name.
pub fn own_line(ctx: &Ctx<'_>, name: Option<&str>) -> Result<Circle, EngineError> {
    own_group(ctx, name, GroupKind::Line, Role::Defender, EngineError::NoLine)
}

fn own_group(
    ctx: &Ctx<'_>,
    name: Option<&str>,
    kind: GroupKind,
    role: Role,
    none: EngineError,
) -> Result<Circle, EngineError> {
    let mut groups = Vec::new();
    for group in circles::list(ctx)? {
        let fits = group.kind == kind && group.state == CircleState::Active;
        if fits && circles::role(ctx, &group.id)? == Some(role) && name.is_none_or(|name| group.name == name) {
            groups.push(group);
        }
    }
    let group = groups.pop().ok_or(none)?;
    let several = EngineError::Ambiguous { what: "lines", name: group.name.clone() };
    if groups.is_empty() { Ok(group) } else { Err(several) }
}

/// Offers a place in every link of this host; the ids, one a link.
pub fn put_up_offer(ctx: &mut Ctx<'_>, offer: &Offer) -> Result<Vec<EventId>, EngineError> {
    let links = own_links(ctx)?;
    if links.is_empty() {
        return Err(EngineError::NoLink);
    }
    let place: Option<i64> = ctx.row("SELECT max(place) FROM own_place", &[], |row| row.get(0))?.flatten();
    let place = place.unwrap_or_default() + 1;
    let mut ids = Vec::new();
    for link in links {
        let id = events::say(ctx, &link, offer.clone(), &Draft::default())?;
        ctx.execute(
            "INSERT INTO own_place (first, place, newest) VALUES (?1, ?2, ?1)",
            &[&&id.as_bytes()[..], &place],
        )?;
        ids.push(id);
    }
    Ok(ids)
}

fn own_links(ctx: &Ctx<'_>) -> Result<Vec<Circle>, EngineError> {
    let mut links = Vec::new();
    for group in circles::list(ctx)? {
        let link = group.kind == GroupKind::HostLink && group.state == CircleState::Active;
        if link && circles::role(ctx, &group.id)? == Some(Role::Host) {
            links.push(group);
        }
    }
    Ok(links)
}

/// A place that this host has, as it was last said.
#[derive(Debug, Clone)]
pub struct OwnPlace {
    /// The offer's first event, in one of the links.
    pub first: EventId,
    /// What was last said of it.
    pub offer: Offer,
}

/// The places of this host, one entry each however many links know of it.
pub fn own_places(ctx: &Ctx<'_>) -> Result<Vec<OwnPlace>, EngineError> {
    let sql = "SELECT min(first), newest FROM own_place GROUP BY place ORDER BY place";
    let rows = ctx.rows(sql, &[], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut places = Vec::new();
    for (first, newest) in rows {
        let ids = EventId::from_slice(&first).zip(EventId::from_slice(&newest));
        let Some((first, newest)) = ids else { continue };
        if let Ok(entry) = views::by_id(ctx, &newest)
            && let Body::Offer(offer) = entry.event.body()
        {
            places.push(OwnPlace { first, offer: offer.as_ref().clone() });
        }
    }
    Ok(places)
}

/// Says something new of a place, in every link: `first` is the offer's first event in any of them.
pub fn change_offer(ctx: &mut Ctx<'_>, first: &EventId, change: impl Fn(&mut Offer)) -> Result<(), EngineError> {
    let rows = ctx.rows(
        "SELECT first, newest FROM own_place WHERE place = (SELECT place FROM own_place WHERE first = ?1)",
        &[&&first.as_bytes()[..]],
        |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)),
    )?;
    if rows.is_empty() {
        return Err(EngineError::Unknown { what: "offer", name: first.short() });
    }
    for (first, newest) in rows {
        let Some(before) = EventId::from_slice(&newest) else { continue };
        let entry = views::by_id(ctx, &before)?;
        let Body::Offer(offer) = entry.event.body() else { continue };
        let group = entry.circle.as_deref().map_or(Ok(None), |id| circles::by_id(ctx, id))?;
        let Some(link) = group.filter(|link| link.state == CircleState::Active) else { continue };
        let mut offer = offer.as_ref().clone();
        change(&mut offer);
        let id = events::say(ctx, &link, offer, &Draft { replaces: Some(before), ..Draft::default() })?;
        ctx.execute("UPDATE own_place SET newest = ?2 WHERE first = ?1", &[&first, &&id.as_bytes()[..]])?;
    }
    Ok(())
}

/// All that is known of shelter here.
pub fn shelter(ctx: &Ctx<'_>) -> Result<Shelter, EngineError> {
    let entries = cases::entries(ctx)?;
    let asks = |entry: &&Entry| matches!(entry.body(), Body::ShelterRequest(_) | Body::Match(_));
    let about: BTreeSet<CaseId> = entries.iter().filter(asks).filter_map(|entry| case_of(&entry.event)).collect();
    let matters = |entry: &Entry| {
        matches!(entry.body(), Body::Offer(_) | Body::Consent(_))
            || case_of(&entry.event).is_some_and(|case| about.contains(&case))
    };
    let entries: Vec<Entry> = entries.into_iter().filter(matters).collect();
    Ok(reduce_shelter(&entries))
}

/// A place, and what speaks against it.
pub type Candidate = (EventId, himaya_protocol::case::shelter::Place, Vec<Misfit>);

/// The places that this client knows, those that fit a request first.
pub fn search(ctx: &Ctx<'_>, request: &EventId) -> Result<Vec<Candidate>, EngineError> {
    let entry = views::by_id(ctx, request)?;
    let Body::ShelterRequest(asked) = entry.event.body() else { return Err(EngineError::Kind) };
    let begins = asked.date.unwrap_or(ctx.now / 60);
    let mut found: Vec<Candidate> = shelter(ctx)?
        .places
        .into_iter()
        .map(|(id, place)| {
            let against = misfits(asked, &place, begins);
            (id, place, against)
        })
        .collect();
    found.sort_by_key(|(_, _, against)| against.len());
    Ok(found)
}

/// Proposes a place for a request to its host. What does not hold is refused, and the transaction with it.
pub fn propose(
    ctx: &mut Ctx<'_>,
    request: &EventId,
    offer: &EventId,
    hold_hours: Option<u64>,
) -> Result<EventId, EngineError> {
    let case = case_of(&views::by_id(ctx, request)?.event).ok_or(EngineError::Kind)?;
    let hold_until = hold_hours.map(|hours| ctx.now / 60 + hours * 60);
    let body = Match { request: *request, offer: *offer, hold_until, state: MatchState::Proposed, carries: None };
    let link = link_of(ctx, offer)?;
    let draft = cases::draft(ctx, &case)?;
    write_match(ctx, &link, &draft, body)
}

/// The link in which an offer stands.
pub fn link_of(ctx: &Ctx<'_>, offer: &EventId) -> Result<Circle, EngineError> {
    let entry = views::by_id(ctx, offer)?;
    if !matches!(entry.event.body(), Body::Offer(_)) {
        return Err(EngineError::Kind);
    }
    let group = entry.circle.as_deref().map_or(Ok(None), |id| circles::by_id(ctx, id))?;
    group.ok_or(EngineError::NotMember)
}

/// Writes a word about a match, if it holds as far as this client can tell: neither host nor guest know both sides.
fn write_match(ctx: &mut Ctx<'_>, group: &Circle, draft: &Draft, body: Match) -> Result<EventId, EngineError> {
    let works = matches!(circles::role(ctx, &group.id)?, Some(Role::Owner | Role::Coordinator));
    let id = events::say(ctx, group, body, draft)?;
    match shelter(ctx)?.refused.get(&id) {
        Some(why) if works => Err(EngineError::NoMatch(*why)),
        Some(_) | None => Ok(id),
    }
}

/// A host or a guest answers a match: `of` is the Match event that this client was told of.
pub fn answer_match(ctx: &mut Ctx<'_>, of: &EventId, yes: bool) -> Result<EventId, EngineError> {
    let entry = views::by_id(ctx, of)?;
    let Body::Match(said) = entry.event.body() else { return Err(EngineError::Kind) };
    let said = said.as_ref();
    let draft = events::about(&entry.event);
    let case = draft.case.clone().ok_or(EngineError::Kind)?;
    let group = entry.circle.as_deref().map_or(Ok(None), |id| circles::by_id(ctx, id))?;
    let group = group.ok_or(EngineError::NotMember)?;
    let answered = answered(ctx, said)?;
    let (state, asked) = match circles::role(ctx, &group.id)? {
        Some(Role::Host) => (MatchState::HostOk, MatchState::Proposed),
        Some(Role::Defender) => (MatchState::GuestOk, MatchState::HostOk),
        _ => return Err(EngineError::NotAsked),
    };
    if entry.own || answered || said.state != asked {
        return Err(EngineError::NotAsked);
    }
    let state = if yes { state } else { MatchState::Declined };
    if state == MatchState::HostOk {
        take_place(ctx, said, &group, &draft, entry.event.content().sent)
    } else {
        // The defender goes on where the case is: its group may have been opened since.
        let group = if group.kind == GroupKind::HostLink { group } else { cases::home(ctx, &case)? };
        let body = Match { hold_until: None, state, carries: None, ..said.clone() };
        write_match(ctx, &group, &draft, body)
    }
}

/// Whether this profile has said yes or no to a match.
fn answered(ctx: &Ctx<'_>, of: &Match) -> Result<bool, EngineError> {
    let own = |entry: &views::Entry| {
        entry.own
            && matches!(entry.event.body(), Body::Match(said) if said.request == of.request && said.offer == of.offer
                && said.carries.is_none() && said.state != MatchState::Proposed)
    };
    Ok(views::log(ctx)?.iter().any(own))
}

/// The host says yes: in all links there is one place less.
fn take_place(
    ctx: &mut Ctx<'_>,
    said: &Match,
    link: &Circle,
    draft: &Draft,
    proposed: u64,
) -> Result<EventId, EngineError> {
    use himaya_protocol::case::shelter::NoMatch;
    let hold = said.hold_until.unwrap_or(proposed + himaya_protocol::content::body::HOLD_MINUTES);
    if ctx.now / 60 > hold {
        return Err(EngineError::NoMatch(NoMatch::Expired));
    }
    let sql = "SELECT newest FROM own_place WHERE first = ?1";
    let newest = ctx.row(sql, &[&&said.offer.as_bytes()[..]], |row| row.get::<_, Vec<u8>>(0))?;
    let newest = newest.as_deref().and_then(EventId::from_slice).ok_or(EngineError::NotAsked)?;
    let entry = views::by_id(ctx, &newest)?;
    let free = if let Body::Offer(offer) = entry.event.body() { offer.slots } else { 0 };
    if free == 0 {
        return Err(EngineError::NoMatch(NoMatch::Full));
    }
    let body = Match { hold_until: None, state: MatchState::HostOk, carries: None, ..said.clone() };
    let id = write_match(ctx, link, draft, body)?;
    change_offer(ctx, &said.offer, |offer| {
        offer.slots = free - 1;
        offer.state = if free == 1 { OfferState::Full } else { offer.state.clone() };
    })?;
    Ok(id)
}

/// Carries what hosts and guests said to the other, as far as this client proposed it. Whoever proposed may be away:
/// [`carry`] does it for one match, from any coordinator.
pub(super) fn carry_all(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let newest = u64::try_from(views::last_event(ctx)?).unwrap_or_default();
    if ctx.number(CARRIED)? == Some(newest) {
        return Ok(());
    }
    ctx.set_number(CARRIED, newest)?;
    let me = super::identity(ctx)?.fingerprint;
    let log = views::log(ctx)?;
    let words = log.iter().filter_map(|entry| {
        if let Body::Match(said) = entry.event.body() { Some((entry, said.as_ref())) } else { None }
    });
    let words: Vec<(&views::Entry, &Match)> = words.collect();
    let mine = |of: &Match| {
        words.iter().any(|(entry, said)| {
            said.request == of.request
                && said.offer == of.offer
                && said.state == MatchState::Proposed
                && entry.author == me
        })
    };
    let open: Vec<EventId> = words
        .iter()
        .filter(|(entry, said)| {
            let id = entry.event.id();
            let told = words.iter().any(|(_, other)| other.carries == Some(id));
            !entry.own && said.carries.is_none() && said.state != MatchState::Proposed && !told && mine(said)
        })
        .map(|(entry, _)| entry.event.id())
        .collect();
    for id in open {
        // What the rules refuse is nobody's word.
        let tried = ctx.attempt(|ctx| match carry(ctx, &id) {
            Ok(id) => Ok(Ok(id)),
            Err(EngineError::Store(error)) => Err(EngineError::Store(error)),
            Err(error) => Ok(Err(error)),
        })?;
        if let Err(error) = tried {
            tracing::debug!(%error, "a word about a match was not carried");
        }
    }
    Ok(())
}

/// Carries what a host said into the case, or what a guest said to the host.
pub fn carry(ctx: &mut Ctx<'_>, word: &EventId) -> Result<EventId, EngineError> {
    let entry = views::by_id(ctx, word)?;
    let Body::Match(said) = entry.event.body() else { return Err(EngineError::Kind) };
    let said = said.as_ref();
    let draft = events::about(&entry.event);
    let case = draft.case.clone().ok_or(EngineError::Kind)?;
    let from = entry.circle.as_deref().map_or(Ok(None), |id| circles::by_id(ctx, id))?;
    let to = match from.map(|group| group.kind) {
        Some(GroupKind::HostLink) => cases::home(ctx, &case)?,
        _ => link_of(ctx, &said.offer)?,
    };
    // Where a bed is does not go to a device that is in other hands.
    if cases::is_held(ctx, &case)? {
        return Err(EngineError::Held);
    }
    let body = Match { hold_until: None, carries: Some(*word), ..said.clone() };
    write_match(ctx, &to, &draft, body)
}

/// How far the case's match is that is furthest, with its offer.
pub fn stage_of(ctx: &Ctx<'_>, case: &CaseId) -> Result<Option<(EventId, Stage)>, EngineError> {
    let shelter = shelter(ctx)?;
    let mut best: Option<(EventId, Stage)> = None;
    for entry in views::case_log(ctx, case)? {
        if !matches!(entry.event.body(), Body::ShelterRequest(_)) {
            continue;
        }
        let request = entry.event.id();
        let stages = shelter.matches.iter().filter(|((asked, _), _)| *asked == request);
        for (offer, stage) in stages.filter_map(|((_, offer), stage)| Some((*offer, (*stage)?))) {
            if best.is_none_or(|(_, far)| far < stage) {
                best = Some((offer, stage));
            }
        }
    }
    Ok(best)
}

/// Says where to meet, to those in the case's group alone: shown once, gone after `hours`.
pub fn hand_over(ctx: &mut Ctx<'_>, case: &CaseId, text: Text<300>, hours: u64) -> Result<EventId, EngineError> {
    if cases::is_held(ctx, case)? {
        return Err(EngineError::Held);
    }
    let group = cases::home(ctx, case)?;
    if group.kind != GroupKind::Case {
        return Err(EngineError::NoCaseGroup);
    }
    let hours = hours.clamp(1, HANDOVER_MINUTES_MAX / 60);
    let draft = Draft { expires_hours: Some(hours), ..cases::draft(ctx, case)? };
    events::say(ctx, &group, HandoverNote { text }, &draft)
}

/// The handover notes of a case that others wrote: each is shown once, by whoever reads what this gives.
pub fn take_notes(ctx: &mut Ctx<'_>, case: &CaseId) -> Result<Vec<views::Entry>, EngineError> {
    let minute = ctx.now / 60;
    let notes: Vec<views::Entry> = views::case_log(ctx, case)?
        .into_iter()
        .filter(|entry| matches!(entry.event.body(), Body::HandoverNote(_)) && !entry.own)
        .collect();
    for note in &notes {
        retention::destroy(ctx, &note.event.id())?;
    }
    Ok(notes.into_iter().filter(|note| note.event.content().expires.is_none_or(|end| minute < end)).collect())
}

/// The guest leaves the place.
pub fn depart(ctx: &mut Ctx<'_>, case: &CaseId) -> Result<EventId, EngineError> {
    let words = views::case_log(ctx, case)?;
    let refs: BTreeSet<EventId> = words
        .iter()
        .filter(|entry| matches!(entry.event.body(), Body::Match(said) if said.state != MatchState::Declined))
        .map(|entry| entry.event.id())
        .collect();
    let group = cases::home(ctx, case)?;
    if refs.is_empty() {
        return Err(EngineError::NotAsked);
    }
    let draft = cases::draft(ctx, case)?;
    events::say(ctx, &group, StandDown { refs, reason: None }, &draft)
}
