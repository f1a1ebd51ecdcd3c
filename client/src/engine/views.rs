//! What people look at: the log, and how far an event got. Reads only.

use std::collections::BTreeMap;

use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::{Body, CaseId, Event, EventId};
use himaya_protocol::wire::card::Fingerprint;
use rusqlite::Row;

use super::circles::{self, Circle, CircleId};
use super::error::EngineError;
use super::lanes::loaded;
use super::{duress, mls};
use crate::store::{Ctx, Seconds, StoreError};

/// One event of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event.
    pub event: Event,
    /// The circle it belongs to; `None` while there is none.
    pub circle: Option<CircleId>,
    /// What the circle is called.
    pub circle_name: Option<String>,
    /// Who wrote it.
    pub author: Fingerprint,
    /// What the author is called.
    pub author_name: String,
    /// Whether this profile wrote it.
    pub own: bool,
    /// When it was logged here.
    pub received: Seconds,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who answered.
    pub name: String,
    /// When the answer arrived here.
    pub at: Seconds,
}

/// How far an own event got: the five truths.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Since when the relay has it.
    pub relayed: Option<Seconds>,
    /// How many devices of others said that they have it.
    pub devices: u64,
    /// How many others it was written for: the circle's other members when it was last encrypted.
    pub others: u64,
    /// Which persons answered, in order.
    pub answered: Vec<Answer>,
    /// Which persons are acting, in order.
    pub acting: Vec<Answer>,
    /// When its author said that the danger is over.
    pub cleared: Option<Seconds>,
}

const COLUMNS: &str = "event.bytes, event.circle, circle.name, event.author, event.name, event.own, event.received
     FROM event LEFT JOIN circle ON circle.id = event.circle";

/// The log, oldest first, without acknowledgements.
pub fn inbox(ctx: &Ctx<'_>) -> Result<Vec<Entry>, EngineError> {
    Ok(log(ctx)?.into_iter().filter(|entry| !matches!(entry.event.body(), Body::Ack(_))).collect())
}

/// The whole log, oldest first.
pub fn log(ctx: &Ctx<'_>) -> Result<Vec<Entry>, EngineError> {
    shown(ctx, ctx.rows(&format!("SELECT {COLUMNS} ORDER BY event.number"), &[], columns)?)
}

/// What belongs to a case, oldest first.
pub fn case_log(ctx: &Ctx<'_>, case: &CaseId) -> Result<Vec<Entry>, EngineError> {
    let sql = format!("SELECT {COLUMNS} WHERE event.case_id = ?1 ORDER BY event.number");
    shown(ctx, ctx.rows(&sql, &[&case.as_bytes()], columns)?)
}

/// What people may see of it.
fn shown(ctx: &Ctx<'_>, entries: Vec<Columns>) -> Result<Vec<Entry>, EngineError> {
    let hidden = duress::hidden(ctx)?;
    let entries = entries.into_iter().map(read);
    entries.filter(|entry| !entry.as_ref().is_ok_and(|entry| hidden.contains(&entry.event.id()))).collect()
}

/// What the authors of the log were called when they last wrote.
pub fn authors(ctx: &Ctx<'_>) -> Result<Vec<(Fingerprint, String)>, EngineError> {
    let sql = "SELECT author, name, max(number) FROM event GROUP BY author";
    let rows = ctx.rows(sql, &[], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))?;
    Ok(rows.into_iter().filter_map(|(who, name)| Some((Fingerprint::from_slice(&who)?, name))).collect())
}

/// The number of the newest event of the log; 0 when there is none.
pub fn last_event(ctx: &Ctx<'_>) -> Result<i64, EngineError> {
    Ok(ctx.row("SELECT max(number) FROM event", &[], |row| row.get::<_, Option<i64>>(0))?.flatten().unwrap_or(0))
}

/// The number of the newest event of the log, and how many there are: fewer than before when something was purged.
pub fn log_size(ctx: &Ctx<'_>) -> Result<(i64, u64), EngineError> {
    let count = ctx.row("SELECT count(*) FROM event", &[], |row| row.get(0))?;
    Ok((last_event(ctx)?, loaded(count.unwrap_or_default())))
}

/// What everybody calls themselves of whom this client has heard: as members now, else as they wrote last.
pub fn names(ctx: &Ctx<'_>) -> Result<BTreeMap<Fingerprint, String>, EngineError> {
    let written = "SELECT author, name, max(number) FROM event GROUP BY author";
    let members = "SELECT fingerprint, name FROM member";
    let mut names = BTreeMap::new();
    for sql in [written, members] {
        let rows = ctx.rows(sql, &[], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))?;
        names.extend(rows.into_iter().filter_map(|(who, name)| Some((Fingerprint::from_slice(&who)?, name))));
    }
    Ok(names)
}

/// Events of others that were logged after a number, with theirs.
pub fn events_after(ctx: &Ctx<'_>, number: i64) -> Result<Vec<(i64, EventId)>, EngineError> {
    let sql = "SELECT number, id FROM event WHERE number > ?1 AND own = 0 ORDER BY number";
    let rows = ctx.rows(sql, &[&number], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let damaged = || EngineError::Store(StoreError::Damaged("event"));
    rows.into_iter().map(|(number, id)| Ok((number, EventId::from_slice(&id).ok_or_else(damaged)?))).collect()
}

/// The one event whose id begins so.
pub fn entry(ctx: &Ctx<'_>, prefix: &IdPrefix) -> Result<Entry, EngineError> {
    let ids = ctx.rows("SELECT id FROM event", &[], |row| row.get::<_, Vec<u8>>(0))?;
    let mut matching: Vec<EventId> =
        ids.iter().filter_map(|id| EventId::from_slice(id)).filter(|id| prefix.matches(id)).collect();
    let name = || prefix.as_str().to_owned();
    let id = matching.pop().ok_or_else(|| EngineError::Unknown { what: "event", name: name() })?;
    if !matching.is_empty() {
        return Err(EngineError::Ambiguous { what: "events", name: name() });
    }
    by_id(ctx, &id)
}

/// The event with this id.
pub fn by_id(ctx: &Ctx<'_>, id: &EventId) -> Result<Entry, EngineError> {
    let sql = format!("SELECT {COLUMNS} WHERE event.id = ?1");
    let found = ctx.row(&sql, &[&&id.as_bytes()[..]], columns)?;
    read(found.ok_or_else(|| EngineError::Unknown { what: "event", name: id.short() })?)
}

/// The epoch authenticator of a circle (RFC 9420 section 8.7): members with the same one agree on everything before.
pub fn authenticator(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<Vec<u8>, EngineError> {
    circles::require_active(circle)?;
    let provider = ctx.mls();
    Ok(mls::load(&provider, &circle.id)?.epoch_authenticator().as_slice().to_vec())
}

/// How far an event got.
pub fn status(ctx: &Ctx<'_>, entry: &Entry) -> Result<Reach, EngineError> {
    let id = entry.event.id();
    let id = &id.as_bytes()[..];
    let me = super::identity(ctx)?.fingerprint;
    let me = &me.as_bytes()[..];
    let sent = ctx.row("SELECT relayed, audience FROM outgoing WHERE event = ?1", &[&id], |row| {
        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    let (relayed, audience) = sent.unwrap_or_default();
    let count = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> Result<u64, EngineError> {
        Ok(loaded(ctx.row(sql, params, |row| row.get(0))?.unwrap_or_default()))
    };
    let devices = count(
        "SELECT count(DISTINCT fingerprint) FROM ack WHERE event = ?1 AND fingerprint <> ?2",
        &[&id, &&entry.author.as_bytes()[..]],
    )?;
    let members = count("SELECT count(*) FROM member WHERE circle IS ?1 AND fingerprint <> ?2", &[&entry.circle, &me])?;
    Ok(Reach {
        relayed: relayed.map(loaded),
        others: audience.map_or(members, loaded).max(devices),
        devices,
        answered: answers(ctx, entry, "human")?,
        acting: answers(ctx, entry, "acting")?,
        cleared: cleared(ctx, entry)?,
    })
}

fn answers(ctx: &Ctx<'_>, entry: &Entry, level: &str) -> Result<Vec<Answer>, EngineError> {
    Ok(ctx.rows(
        "SELECT coalesce((SELECT name FROM event WHERE author = ack.fingerprint ORDER BY number DESC LIMIT 1), ''), at
         FROM ack WHERE event = ?1 AND level = ?2 AND fingerprint <> ?3 ORDER BY at, fingerprint",
        &[&&entry.event.id().as_bytes()[..], &level, &&entry.author.as_bytes()[..]],
        |row| Ok(Answer { name: row.get(0)?, at: loaded(row.get(1)?) }),
    )?)
}

/// Only its author can clear an alert.
fn cleared(ctx: &Ctx<'_>, entry: &Entry) -> Result<Option<Seconds>, EngineError> {
    let later = ctx.rows(
        "SELECT bytes, received FROM event WHERE author = ?1 AND circle IS ?2 ORDER BY number",
        &[&&entry.author.as_bytes()[..], &entry.circle],
        |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let clears = |bytes: &[u8]| {
        let names = |body: &Body| matches!(body, Body::AllClear(clear) if clear.refs.contains(&entry.event.id()));
        Event::decode(bytes).is_ok_and(|event| names(event.body()))
    };
    Ok(later.into_iter().find(|(bytes, _)| clears(bytes)).map(|(_, at)| loaded(at)))
}

type Columns = (Vec<u8>, Option<Vec<u8>>, Option<String>, Vec<u8>, String, bool, i64);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

fn read((bytes, circle, circle_name, author, author_name, own, received): Columns) -> Result<Entry, EngineError> {
    let event = Event::decode(&bytes).map_err(|_| StoreError::Damaged("event"))?;
    Ok(Entry {
        event: if own { event.as_it_seems() } else { event },
        circle,
        circle_name,
        author: Fingerprint::from_slice(&author).ok_or(StoreError::Damaged("event"))?,
        author_name,
        own,
        received: loaded(received),
    })
}
