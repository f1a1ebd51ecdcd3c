//! Events: writing them, logging them, receipts, and getting own ones out whatever the group does meanwhile.
//!
//! An own event is logged first and encrypted when there is somebody to read it. It stays *unsettled* until a completed
//! sync shows that the epoch it was written in is one that members in sync still read; if that epoch is too old it is
//! encrypted again in the newest one. Receivers know an event by its id, so it is logged once however often it comes.

use std::collections::BTreeSet;

use himaya_protocol::case::case_of;
use himaya_protocol::content::body::{ALERT_EXPIRY_HOURS, REFS_MAX};
use himaya_protocol::content::value::{Lang, Note};
use himaya_protocol::content::vocabulary::{AckLevel, Status, Tlp};
use himaya_protocol::content::{Ack, AllClear, Body, CaseId, Content, Event, EventError, EventId, ThreatAlert};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::contact::ContactMessage;
use himaya_protocol::wire::member::Standing;
use openmls::prelude::tls_codec::Serialize as _;

use super::adrift;
use super::circles::{self, Circle, CircleId};
use super::commit::{self, Wish};
use super::error::EngineError;
use super::lanes::{self, loaded, stored};
use super::mls::{self, PAST_EPOCHS};
use super::outbox::{self, NewJob, Purpose};
use super::receive::News;
use super::schedule::Matter;
use super::{backup, cases, heads, plans, retention, upkeep};
use crate::store::{Ctx, Seconds, StoreError};

/// How long after its expiry an event that never left is still sent, in minutes: 30 days.
const LATE_MINUTES: u64 = 30 * 24 * 60;

/// What stands around an event's body.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Whether it is meant in earnest.
    pub status: Status,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// The language of its texts; `None` is the profile's.
    pub lang: Option<Lang>,
    /// How long it stands, in hours; `None` for ever.
    pub expires_hours: Option<u64>,
    /// Which case it belongs to, if it does not open one.
    pub case: Option<CaseId>,
    /// The own event that it takes the place of.
    pub replaces: Option<EventId>,
}

impl Default for Draft {
    fn default() -> Self {
        Self { status: Status::Actual, tlp: Tlp::Red, lang: None, expires_hours: None, case: None, replaces: None }
    }
}

/// Raises an alert in a circle, or with `None` in the first circle that has somebody to read it.
pub fn raise(
    ctx: &mut Ctx<'_>,
    circle: Option<&Circle>,
    alert: ThreatAlert,
    draft: &Draft,
) -> Result<EventId, EngineError> {
    let draft = Draft { expires_hours: draft.expires_hours.or(Some(ALERT_EXPIRY_HOURS)), ..draft.clone() };
    if let Some(circle) = circle {
        circles::require_active(circle)?;
    }
    let id = write(ctx, circle.map(|circle| circle.id.as_slice()), alert.into(), &draft)?;
    if let Some(line) = circle {
        backup::consent(ctx, line, &id, &draft.status, false)?;
    }
    Ok(id)
}

/// A person acknowledges an event: leaves at once.
pub fn acknowledge(
    ctx: &mut Ctx<'_>,
    event: &EventId,
    level: AckLevel,
    note: Option<Note>,
) -> Result<EventId, EngineError> {
    let (circle, own, bytes) = place(ctx, event)?;
    if own {
        return Err(EngineError::OwnEvent);
    }
    let draft = about(&Event::decode(&bytes).map_err(|_| StoreError::Damaged("event"))?);
    let held = draft.case.as_ref().map_or(Ok(false), |case| cases::is_held(ctx, case))?;
    let circle = match &draft.case {
        Some(case) if held => cases::workplace(ctx, case)?.id,
        Some(_) | None => circle.ok_or(EngineError::Kind)?,
    };
    send(ctx, &circle, Ack { refs: [*event].into(), level, note }.into(), &draft)
}

/// Says that the danger of an own alert is over, or that whoever asked for shelter is there and well: reaches everybody
/// whom the alert or the request reached.
pub fn clear(ctx: &mut Ctx<'_>, event: &EventId, note: Option<Note>) -> Result<EventId, EngineError> {
    let (circle, own, bytes) = place(ctx, event)?;
    let alert = Event::decode(&bytes).map_err(|_| StoreError::Damaged("event"))?;
    if !matches!(alert.body(), Body::ThreatAlert(_) | Body::ShelterRequest(_)) {
        return Err(EngineError::Kind);
    }
    if !own {
        return Err(EngineError::NotAuthor);
    }
    let draft = about(&alert);
    let body = AllClear { refs: [*event].into(), note }.into();
    write(ctx, circle.as_deref(), body, &draft)
}

/// What stands around a word about an event: its case, and whether it is in earnest.
pub(super) fn about(event: &Event) -> Draft {
    Draft { case: case_of(event), status: event.content().status.clone(), ..Draft::default() }
}

/// Writes an event of any type into a group: it is stored and on its way when this returns.
pub fn say(ctx: &mut Ctx<'_>, circle: &Circle, body: impl Into<Body>, draft: &Draft) -> Result<EventId, EngineError> {
    circles::require_active(circle)?;
    send(ctx, &circle.id, body.into(), draft)
}

/// Writes an event into a circle.
pub(super) fn send(ctx: &mut Ctx<'_>, circle: &[u8], body: Body, draft: &Draft) -> Result<EventId, EngineError> {
    write(ctx, Some(circle), body, draft)
}

/// Logs an own event and gets it on its way.
fn write(ctx: &mut Ctx<'_>, circle: Option<&[u8]>, body: Body, draft: &Draft) -> Result<EventId, EngineError> {
    let identity = super::identity(ctx)?;
    let minutes = ctx.now / 60;
    let lang = match &draft.lang {
        Some(lang) => lang.clone(),
        None => profile_lang(ctx)?,
    };
    let content = Content {
        nonce: ctx.random(),
        case: draft.case.clone(),
        prev: match &draft.case {
            Some(case) => heads::of_case(ctx, case, circle)?,
            None => heads::of_circle(ctx, circle)?,
        },
        lamport: heads::next_lamport(ctx)?,
        sent: minutes,
        expires: draft.expires_hours.map(|hours| minutes + hours * 60),
        status: draft.status.clone(),
        tlp: draft.tlp.clone(),
        lang,
        replaces: draft.replaces,
        body,
        author: identity.fingerprint,
    };
    let event = Event::new(content)?;
    log(ctx, circle, &identity.fingerprint, &identity.name, true, &event)?;
    if let Body::Ack(ack) = event.body() {
        note_acks(ctx, &identity.fingerprint, ack)?;
    }
    let urgent = Matter::Event(event.body()).is_urgent();
    ctx.execute("INSERT INTO outgoing (event, urgent) VALUES (?1, ?2)", &[&&event.id().as_bytes()[..], &urgent])?;
    issue_waiting(ctx)?;
    Ok(event.id())
}

fn profile_lang(ctx: &Ctx<'_>) -> Result<Lang, EngineError> {
    let stored = ctx.setting("lang")?.and_then(|bytes| String::from_utf8(bytes).ok());
    let tag = stored.as_deref().unwrap_or("en");
    tag.parse().map_err(|_| StoreError::Damaged("language").into())
}

/// Puts an event into the log; `false` when it is there already.
fn log(
    ctx: &Ctx<'_>,
    circle: Option<&[u8]>,
    author: &Fingerprint,
    name: &str,
    own: bool,
    event: &Event,
) -> Result<bool, EngineError> {
    let id = event.id();
    let added = ctx.execute(
        "INSERT OR IGNORE INTO event (id, circle, author, name, own, bytes, received, lamport, case_id, role)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
             coalesce((SELECT role FROM member WHERE circle = ?2 AND fingerprint = ?3), ''))",
        &[
            &&id.as_bytes()[..],
            &circle,
            &&author.as_bytes()[..],
            &name,
            &own,
            &event.as_bytes(),
            &stored(ctx.now),
            &stored(event.content().lamport),
            &case_of(event).as_ref().map(CaseId::as_bytes),
        ],
    )?;
    if added == 0 {
        return Ok(false);
    }
    if let Some(circle) = circle {
        for prev in &event.content().prev {
            ctx.execute("DELETE FROM head WHERE circle = ?1 AND event = ?2", &[&circle, &&prev.as_bytes()[..]])?;
        }
        ctx.execute("INSERT OR IGNORE INTO head (circle, event) VALUES (?1, ?2)", &[&circle, &&id.as_bytes()[..]])?;
    }
    heads::advance(ctx, circle, event)?;
    plans::note(ctx, event)?;
    Ok(true)
}

/// An event of somebody else arrived, authenticated as `author`'s. The inner error: it is not one.
pub(super) fn received(
    ctx: &mut Ctx<'_>,
    circle: &[u8],
    author: &Fingerprint,
    name: &str,
    bytes: &[u8],
) -> Result<Result<Vec<News>, EventError>, EngineError> {
    let event = match Event::decode(bytes) {
        Ok(event) => event,
        Err(EventError::Version(_)) => {
            keep_newer(ctx, circle, author, name, bytes)?;
            return Ok(Ok(vec![News::UpdateNeeded]));
        }
        Err(error) => return Ok(Err(error)),
    };
    if event.content().author != *author {
        return Ok(Err(EventError::Limit("author")));
    }
    // Somebody's late copy of what went here when its time had come.
    if retention::was_purged(ctx, &event.id())? {
        return Ok(Ok(Vec::new()));
    }
    if !log(ctx, Some(circle), author, name, false, &event)? {
        return Ok(Ok(Vec::new()));
    }
    match event.body() {
        Body::Ack(ack) => note_acks(ctx, author, ack)?,
        Body::ThreatAlert(_)
        | Body::AllClear(_)
        | Body::Notice(_)
        | Body::ShelterRequest(_)
        | Body::Offer(_)
        | Body::Match(_)
        | Body::HandoverNote(_)
        | Body::CheckInPlan(_)
        | Body::CheckIn(_)
        | Body::Triage(_)
        | Body::Assignment(_)
        | Body::Referral(_)
        | Body::Consent(_)
        | Body::Verification(_)
        | Body::Evidence(_)
        | Body::StandDown(_)
        | Body::Duress(_)
        | Body::Snapshot(_)
        | Body::DeskPolicy(_)
        | Body::ShiftRoster(_)
        | Body::Escalation(_) => upkeep::plan_receipt(ctx, circle, &event.id())?,
        Body::Leave => remove_leaver(ctx, circle, author)?,
        Body::Unknown { .. } => (),
    }
    Ok(Ok(vec![News::Event(event.id())]))
}

/// An event whose envelope is of a newer version is kept as it came, for the version that can read it.
fn keep_newer(ctx: &Ctx<'_>, circle: &[u8], author: &Fingerprint, name: &str, bytes: &[u8]) -> Result<(), EngineError> {
    ctx.execute(
        "INSERT OR IGNORE INTO newer (id, circle, author, name, bytes, received) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[&&EventId::of(bytes).as_bytes()[..], &circle, &&author.as_bytes()[..], &name, &bytes, &stored(ctx.now)],
    )?;
    Ok(())
}

/// How many events wait for a newer version of this program.
pub fn newer(ctx: &Ctx<'_>) -> Result<u64, EngineError> {
    Ok(loaded(ctx.row("SELECT count(*) FROM newer", &[], |row| row.get(0))?.unwrap_or_default()))
}

fn note_acks(ctx: &Ctx<'_>, author: &Fingerprint, ack: &Ack) -> Result<(), EngineError> {
    for event in &ack.refs {
        ctx.execute(
            "INSERT OR IGNORE INTO ack (event, fingerprint, level, at) VALUES (?1, ?2, ?3, ?4)",
            &[&&event.as_bytes()[..], &&author.as_bytes()[..], &ack.level.as_str(), &stored(ctx.now)],
        )?;
    }
    Ok(())
}

/// Whoever asks to leave is removed by the client of whoever may.
fn remove_leaver(ctx: &mut Ctx<'_>, circle: &[u8], who: &Fingerprint) -> Result<(), EngineError> {
    let kind = circles::by_id(ctx, circle)?.map(|circle| circle.kind);
    let role = circles::role(ctx, circle)?;
    let manages = kind.zip(role).is_some_and(|(kind, role)| role.manages(kind));
    if manages && !commit::wished(ctx, circle, "remove", Some(who))? {
        commit::wish_if_possible(ctx, circle, &Wish::Remove { who: *who })?;
    }
    Ok(())
}

/// Writes the batched device receipts of a circle.
pub(super) fn write_receipts(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    let most = i64::try_from(REFS_MAX).unwrap_or(1);
    loop {
        let rows = ctx.rows("SELECT event FROM receipt WHERE circle = ?1 LIMIT ?2", &[&circle, &most], |row| {
            row.get::<_, Vec<u8>>(0)
        })?;
        let refs: BTreeSet<EventId> = rows.iter().filter_map(|id| EventId::from_slice(id)).collect();
        for event in &rows {
            ctx.execute("DELETE FROM receipt WHERE circle = ?1 AND event = ?2", &[&circle, event])?;
        }
        if refs.is_empty() {
            return Ok(());
        }
        let body = Ack { refs, level: AckLevel::Device, note: None }.into();
        write(ctx, Some(circle), body, &Draft::default())?;
    }
}

/// Encrypts every own event that has not been and that somebody can read now.
pub(super) fn issue_waiting(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    adopt_homeless(ctx)?;
    let minutes = ctx.now / 60;
    let waiting = ctx.rows(
        "SELECT event.id, event.circle, event.bytes, outgoing.urgent FROM outgoing
         JOIN event ON event.id = outgoing.event JOIN circle ON circle.id = event.circle
         WHERE outgoing.epoch IS NULL AND outgoing.settled = 0 AND circle.state = 'active'
           AND (SELECT count(*) FROM member WHERE circle = event.circle) > 1
         ORDER BY event.number",
        &[],
        |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, bool>(3)?,
            ))
        },
    )?;
    for (id, circle, bytes, urgent) in waiting {
        let event = Event::decode(&bytes).map_err(|_| StoreError::Damaged("event"))?;
        // What a device could not send in time is late, not worthless; what is a month old is.
        if event.content().expires.is_some_and(|expires| expires.saturating_add(LATE_MINUTES) <= minutes) {
            ctx.execute("UPDATE outgoing SET settled = 1 WHERE event = ?1", &[&id])?;
            continue;
        }
        encrypt(ctx, &circle, &id, &bytes, urgent)?;
    }
    Ok(())
}

/// Alerts that were raised before there was a circle go to the first one that has somebody to read them.
fn adopt_homeless(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    ctx.execute(
        "UPDATE event SET circle = (SELECT id FROM circle WHERE state = 'active'
             AND (kind = 'circle' OR kind = 'line' AND EXISTS (SELECT 1 FROM member WHERE member.circle = circle.id
                 AND member.role = 'defender' AND member.fingerprint = ?1))
             AND (SELECT count(*) FROM member WHERE circle = circle.id) > 1 ORDER BY joined LIMIT 1)
         WHERE circle IS NULL AND own = 1",
        &[&&super::identity(ctx)?.fingerprint.as_bytes()[..]],
    )?;
    Ok(())
}

/// Encrypts an event in the circle's newest epoch and queues it; when this client is adrift, for every contact too.
fn encrypt(ctx: &mut Ctx<'_>, circle: &[u8], id: &[u8], bytes: &[u8], urgent: bool) -> Result<(), EngineError> {
    let (epoch, _) = write_in_lane(ctx, circle, Purpose::Event, Some(id), bytes, urgent)?;
    ctx.execute(
        "UPDATE outgoing SET epoch = ?2, audience = (SELECT count(*) - 1 FROM member WHERE circle = ?3)
         WHERE event = ?1",
        &[&id, &stored(epoch), &circle],
    )?;
    if urgent && !adrift::in_sync(ctx, circle)? {
        let me = super::identity(ctx)?.fingerprint;
        to_contacts(ctx, circle, &me, bytes)?;
    }
    Ok(())
}

/// Says nothing but how this client stands: an empty message, which is no event.
pub(super) fn tell_standing(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    write_in_lane(ctx, circle, Purpose::Standing, None, &[], Matter::Standing.is_urgent()).map(|_| ())
}

/// Encrypts bytes in the circle's newest epoch and queues them for the next slot of the own lane; the epoch, and the job.
pub(super) fn write_in_lane(
    ctx: &mut Ctx<'_>,
    circle: &[u8],
    purpose: Purpose,
    event: Option<&[u8]>,
    bytes: &[u8],
    urgent: bool,
) -> Result<(u64, i64), EngineError> {
    let signer = super::identity(ctx)?.signer(ctx)?;
    let provider = ctx.mls();
    let mut group = mls::load(&provider, circle)?;
    let epoch = group.epoch().as_u64();
    let own = group.own_leaf_index().u32();
    group.set_aad(adrift::standing(ctx, circle)?.map(Standing::to_bytes).unwrap_or_default());
    let message = group
        .create_message(&provider, &signer, bytes)
        .map_err(EngineError::mls("encrypting an event"))?
        .tls_serialize_detached()
        .map_err(EngineError::mls("encoding an event"))?;
    let lane = lanes::of_epoch(ctx, circle, epoch, own)?;
    let slot = lanes::take(ctx, lane)?;
    let job = NewJob {
        purpose,
        lane: Some(lane),
        payload: &message,
        circle: Some(circle),
        event,
        epoch: Some(epoch),
        urgent,
        reserve: urgent && purpose == Purpose::Event,
        spread: 0,
    };
    let job = outbox::enqueue(ctx, &job, &slot)?;
    Ok((epoch, job))
}

/// This client may not be able to reach the circle: tell its members one by one, as far as they are contacts.
fn to_contacts(ctx: &mut Ctx<'_>, circle: &[u8], me: &Fingerprint, event: &[u8]) -> Result<(), EngineError> {
    for member in circles::members(ctx, circle)? {
        if member.fingerprint == *me {
            continue;
        }
        let message = ContactMessage::Event { group: circle.to_vec(), event: event.to_vec() }.to_bytes();
        for job in outbox::to_contact(ctx, member.fingerprint.as_bytes(), &message)? {
            outbox::may_use_reserve(ctx, job)?;
        }
    }
    Ok(())
}

/// The relay has an own event.
pub(super) fn relayed(ctx: &mut Ctx<'_>, event: &[u8]) -> Result<Vec<News>, EngineError> {
    let sql = "UPDATE outgoing SET relayed = coalesce(relayed, ?2), last_put = ?2 WHERE event = ?1";
    ctx.execute(sql, &[&event, &stored(ctx.now)])?;
    let id = EventId::from_slice(event).ok_or(StoreError::Damaged("event"))?;
    let mut news = vec![News::Relayed(id)];
    // Who does not follow the circle cannot learn whether the Leave was read there: the relay has it, that is all.
    if let (Some(circle), ..) = place(ctx, &id)?
        && !adrift::in_sync(ctx, &circle)?
    {
        news.extend(leave_if_said(ctx, &circle)?);
    }
    Ok(news)
}

/// The Leave in a circle that is on its way, with whether the relay has it.
fn leave_of(ctx: &Ctx<'_>, circle: &[u8]) -> Result<Option<(Vec<u8>, bool)>, EngineError> {
    let rows = ctx.rows(
        "SELECT outgoing.event, event.bytes, outgoing.relayed IS NOT NULL FROM outgoing
         JOIN event ON event.id = outgoing.event WHERE event.circle = ?1 AND outgoing.settled = 0",
        &[&circle],
        |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, bool>(2)?)),
    )?;
    let leaves = |bytes: &[u8]| Event::decode(bytes).is_ok_and(|event| matches!(event.body(), Body::Leave));
    Ok(rows.into_iter().find(|(_, bytes, _)| leaves(bytes)).map(|(event, _, relayed)| (event, relayed)))
}

/// Leaves a circle if the relay has the Leave and everything else that was written there.
fn leave_if_said(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<Option<News>, EngineError> {
    let sql = "SELECT 1 FROM job WHERE circle = ?1 AND purpose = 'event' AND urgent = 1";
    let waits = ctx.row(sql, &[&circle], |_| Ok(()))?.is_some();
    match leave_of(ctx, circle)? {
        Some((_, true)) if !waits => {
            circles::left(ctx, circle)?;
            Ok(Some(News::Left { circle: circle.to_vec() }))
        }
        Some(_) | None => Ok(None),
    }
}

/// This client is not in a circle any more: whoever is invited again must not leave again because of an old wish.
pub(super) fn forget_leave(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    while let Some((event, _)) = leave_of(ctx, circle)? {
        ctx.execute("UPDATE outgoing SET settled = 1 WHERE event = ?1", &[&event])?;
    }
    Ok(())
}

/// Whether a Leave is on its way.
pub(super) fn is_leaving(ctx: &Ctx<'_>, circle: &[u8]) -> Result<bool, EngineError> {
    Ok(leave_of(ctx, circle)?.is_some())
}

/// A sync has been completed: own events whose epoch was too old when they were sent are sent again. While a commit waits
/// for its chunks nothing is settled: others may have followed it, and more after it.
pub(super) fn settle(ctx: &mut Ctx<'_>, since_last_sync: Seconds) -> Result<Vec<News>, EngineError> {
    let mut news = Vec::new();
    let rows = ctx.rows(
        "SELECT outgoing.event, outgoing.epoch, circle.epoch, coalesce((SELECT ended FROM lane
                 WHERE lane.circle = event.circle AND lane.epoch = outgoing.epoch AND lane.own = 1), 0),
             CASE WHEN EXISTS (SELECT 1 FROM job WHERE job.event = outgoing.event) THEN NULL ELSE outgoing.last_put END,
             EXISTS (SELECT 1 FROM member WHERE member.circle = event.circle AND since > outgoing.epoch)
         FROM outgoing JOIN event ON event.id = outgoing.event JOIN circle ON circle.id = event.circle
         WHERE outgoing.settled = 0 AND outgoing.epoch IS NOT NULL AND circle.state = 'active' AND circle.adrift IS NULL
             AND NOT EXISTS (SELECT 1 FROM held JOIN slot ON slot.address = held.address JOIN lane ON lane.id = slot.lane
                 WHERE lane.circle = circle.id AND lane.kind = 'commit')
         ORDER BY event.number",
        &[],
        |row| {
            let (epoch, newest, ended) = (loaded(row.get(1)?), loaded(row.get(2)?), loaded(row.get(3)?));
            let put = row.get::<_, Option<i64>>(4)?.map(loaded);
            Ok((row.get::<_, Vec<u8>>(0)?, epoch, newest, ended, put, row.get::<_, bool>(5)?))
        },
    )?;
    for (event, epoch, newest, ended, put, newcomers) in rows {
        // Its epoch ended so long ago that others may have dropped its lanes before it got out: as this client has seen
        // itself, or because it has learnt only now of what they knew before.
        let since_ended = put.unwrap_or(ctx.now).saturating_sub(ended);
        let long_ago = epoch < newest && since_last_sync.max(since_ended) > lanes::PAST_SECONDS - circles::DAY;
        // Whoever was added while this client was behind cannot read what it wrote in the epoch before.
        if newest.saturating_sub(epoch) > PAST_EPOCHS || long_ago || newcomers {
            reissue(ctx, &event)?;
        } else if put.is_some() {
            let id = EventId::from_slice(&event).ok_or(StoreError::Damaged("event"))?;
            let (circle, _, bytes) = place(ctx, &id)?;
            let leaves = Event::decode(&bytes).is_ok_and(|event| matches!(event.body(), Body::Leave));
            match circle.filter(|_| leaves) {
                Some(circle) => news.extend(leave_if_said(ctx, &circle)?),
                None => {
                    ctx.execute("UPDATE outgoing SET settled = 1 WHERE event = ?1", &[&event])?;
                }
            }
        }
    }
    issue_waiting(ctx)?;
    Ok(news)
}

/// This client has just lost its circle: own events of older epochs go out again in the newest one it knows. Those of
/// that one are on their way already, and their slots must not stay empty: they go to the contacts as well.
pub(super) fn tell_contacts(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    let me = super::identity(ctx)?.fingerprint;
    let rows = ctx.rows(
        "SELECT outgoing.event, event.bytes, outgoing.urgent, outgoing.epoch = circle.epoch FROM outgoing
         JOIN event ON event.id = outgoing.event JOIN circle ON circle.id = event.circle
         WHERE event.circle = ?1 AND outgoing.settled = 0 AND outgoing.epoch IS NOT NULL ORDER BY event.number",
        &[&circle],
        |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, bool>(2)?, row.get::<_, bool>(3)?))
        },
    )?;
    for (event, bytes, urgent, newest) in rows {
        if !newest {
            reissue(ctx, &event)?;
        } else if urgent {
            to_contacts(ctx, circle, &me, &bytes)?;
        }
    }
    issue_waiting(ctx)
}

/// The circle was entered anew: own events that are not settled go out again.
pub(super) fn reissue_circle(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    let rows = ctx.rows(
        "SELECT outgoing.event FROM outgoing JOIN event ON event.id = outgoing.event
         WHERE event.circle = ?1 AND outgoing.settled = 0",
        &[&circle],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    rows.iter().try_for_each(|event| reissue(ctx, event))
}

fn reissue(ctx: &Ctx<'_>, event: &[u8]) -> Result<(), EngineError> {
    for job in ctx.rows("SELECT id FROM job WHERE event = ?1", &[&event], |row| row.get::<_, i64>(0))? {
        outbox::drop_job(ctx, job)?;
    }
    ctx.execute("UPDATE outgoing SET epoch = NULL WHERE event = ?1", &[&event])?;
    Ok(())
}

/// Where an event belongs, whether it is an own one, and its bytes.
fn place(ctx: &Ctx<'_>, event: &EventId) -> Result<(Option<CircleId>, bool, Vec<u8>), EngineError> {
    ctx.row("SELECT circle, own, bytes FROM event WHERE id = ?1", &[&&event.as_bytes()[..]], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?
    .ok_or_else(|| EngineError::Unknown { what: "event", name: event.short() })
}
