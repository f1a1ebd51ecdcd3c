//! What is due goes, in one transaction, on every client (docs/protocol.md section 12.8).
//!
//! An event goes with everything that was derived from it: its receipts, its place among the heads, jobs that would still
//! send it. Its id is remembered, so that a late copy is not taken in and another's naming of it is no gap. Of a case
//! there stays one row that names nobody.

use std::collections::BTreeMap;

use himaya_protocol::case::retention::{CaseEnd, Lifetime, Remnant, event_end, lifetime};
use himaya_protocol::case::statistics::{Table, tabulate};
use himaya_protocol::case::{Case, Entry, case_of, reduce};
use himaya_protocol::content::vocabulary::{CaseStatus, Priority, Purpose};
use himaya_protocol::content::{Body, CaseId, Event, EventId};

use super::error::EngineError;
use super::lanes::{loaded, stored};
use super::{cases, heads, outbox};
use crate::store::{Ctx, Seconds, StoreError};

/// How often this client looks for what is due.
const EVERY: Seconds = 3_600;
/// How long the ids of what went are remembered, in days.
const REMEMBERED_DAYS: u64 = 366;
/// How long what a newer version wrote waits for that version.
const NEWER_MOST: Seconds = 30 * 86_400;
const LAST: &str = "retention looked";

/// Destroys what is due, at most once an hour; how many events went.
pub fn destroy_due(ctx: &mut Ctx<'_>) -> Result<usize, EngineError> {
    let last = ctx.number(LAST)?;
    // A clock that was put back must not stop this.
    if last.is_some_and(|last| last <= ctx.now && ctx.now < last.saturating_add(EVERY)) {
        return Ok(0);
    }
    ctx.set_number(LAST, ctx.now)?;
    let now = ctx.now / 60;
    let mut cases: BTreeMap<CaseId, Vec<Entry>> = BTreeMap::new();
    let mut others: Vec<Entry> = Vec::new();
    for entry in cases::entries(ctx)? {
        match case_of(&entry.event) {
            Some(case) => cases.entry(case).or_default().push(entry),
            None => others.push(entry),
        }
    }
    let mut gone = 0;
    for (id, entries) in &cases {
        gone += destroy_of_case(ctx, id, entries, now)?;
    }
    for entry in &others {
        let replaced = replaced_at(ctx, entry)?;
        if event_end(entry, CaseEnd::None, None, replaced).is_some_and(|end| end <= now) {
            destroy(ctx, &entry.id())?;
            gone += 1;
        }
    }
    let before = stored(ctx.now.saturating_sub(NEWER_MOST));
    gone += ctx.execute("DELETE FROM newer WHERE received <= ?1", &[&before])?;
    let forgotten = stored((ctx.now / 86_400).saturating_sub(REMEMBERED_DAYS));
    ctx.execute("DELETE FROM purged WHERE day < ?1", &[&forgotten])?;
    Ok(gone)
}

/// When this client looks next.
pub(super) fn next_look(ctx: &Ctx<'_>) -> Result<Option<Seconds>, StoreError> {
    Ok(ctx.number(LAST)?.map(|last| last.saturating_add(EVERY)))
}

fn destroy_of_case(ctx: &mut Ctx<'_>, id: &CaseId, entries: &[Entry], now: u64) -> Result<usize, EngineError> {
    let case = reduce(entries);
    let Lifetime { case: end, events, remnant } = lifetime(&case, &entries.iter().collect::<Vec<_>>());
    let due: Vec<EventId> =
        events.iter().filter(|(_, end)| end.is_some_and(|end| end <= now)).map(|(id, _)| *id).collect();
    if let (CaseEnd::At(end), Some(remnant)) = (end, remnant)
        && end <= now
        && !case.exercise
    {
        keep(ctx, &remnant, consented(&case, entries))?;
    }
    for event in &due {
        destroy(ctx, event)?;
    }
    if due.len() == entries.len() {
        ctx.execute("DELETE FROM case_head WHERE case_id = ?1", &[&id.as_bytes()])?;
    }
    Ok(due.len())
}

/// When another DeskPolicy took the place of this one in its group.
fn replaced_at(ctx: &Ctx<'_>, entry: &Entry) -> Result<Option<u64>, EngineError> {
    if !matches!(entry.body(), Body::DeskPolicy(_)) {
        return Ok(None);
    }
    let rows = ctx.rows(
        "SELECT later.bytes, later.received FROM event JOIN event AS later
             ON later.circle IS event.circle AND later.number > event.number
         WHERE event.id = ?1 ORDER BY later.number",
        &[&&entry.id().as_bytes()[..]],
        |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let policy = |bytes: &[u8]| Event::decode(bytes).ok().filter(|event| matches!(event.body(), Body::DeskPolicy(_)));
    let next = rows.into_iter().find_map(|(bytes, received)| Some((policy(&bytes)?, loaded(received) / 60)));
    Ok(next.map(|(event, received)| event.content().sent.min(received)))
}

/// Destroys an event and all that was derived from it, and remembers its id.
pub(super) fn destroy(ctx: &mut Ctx<'_>, id: &EventId) -> Result<(), EngineError> {
    let event = &id.as_bytes()[..];
    heads::outlive(ctx, event)?;
    for job in ctx.rows("SELECT id FROM job WHERE event = ?1", &[&event], |row| row.get::<_, i64>(0))? {
        outbox::drop_job(ctx, job)?;
    }
    for sql in [
        "DELETE FROM event WHERE id = ?1",
        "DELETE FROM head WHERE event = ?1",
        "DELETE FROM case_head WHERE event = ?1",
        "DELETE FROM case_past WHERE event = ?1",
        "DELETE FROM outgoing WHERE event = ?1",
        "DELETE FROM ack WHERE event = ?1",
        "DELETE FROM receipt WHERE event = ?1",
        "DELETE FROM plan WHERE event = ?1",
    ] {
        ctx.execute(sql, &[&event])?;
    }
    ctx.execute("INSERT OR IGNORE INTO purged (event, day) VALUES (?1, ?2)", &[&event, &stored(ctx.now / 86_400)])?;
    Ok(())
}

/// Whether an event was here and went when its time had come.
pub fn was_purged(ctx: &Ctx<'_>, id: &EventId) -> Result<bool, EngineError> {
    Ok(ctx.row("SELECT 1 FROM purged WHERE event = ?1", &[&&id.as_bytes()[..]], |_| Ok(()))?.is_some())
}

/// The ids of all that went.
pub fn purged(ctx: &Ctx<'_>) -> Result<Vec<EventId>, EngineError> {
    let rows = ctx.rows("SELECT event FROM purged", &[], |row| row.get::<_, Vec<u8>>(0))?;
    Ok(rows.iter().filter_map(|id| EventId::from_slice(id)).collect())
}

/// What stays of a case.
fn keep(ctx: &Ctx<'_>, remnant: &Remnant, consented: bool) -> Result<(), EngineError> {
    let priority = remnant.priority.as_ref().map(|priority| priority.as_str());
    ctx.execute(
        "INSERT INTO remnant (month, priority, outcome, consented) VALUES (?1, ?2, ?3, ?4)",
        &[&stored(remnant.month), &priority, &remnant.outcome.as_str(), &consented],
    )?;
    Ok(())
}

/// Whether the defender let the case be counted. It is counted at its end, when a consent of 90 days may have run out:
/// one that was not withdrawn counts.
fn consented(case: &Case, entries: &[Entry]) -> bool {
    let grants = entries.iter().filter(|entry| case.consents.contains_key(&entry.id()));
    grants
        .into_iter()
        .any(|entry| matches!(entry.body(), Body::Consent(consent) if consent.purpose == Purpose::Statistics))
}

/// Numbers of cases that have ended, those that went and those that are still here, by month, priority and outcome.
#[derive(Debug)]
pub struct Statistics {
    /// By the month they began, in months since January 1970.
    pub months: Table<u64>,
    /// By how urgent they were.
    pub priorities: Table<Option<Priority>>,
    /// By how they ended.
    pub outcomes: Table<CaseStatus>,
}

/// Counts the cases whose defenders let them be counted. Drills do not count.
pub fn statistics(ctx: &Ctx<'_>) -> Result<Statistics, EngineError> {
    let rows = ctx.rows("SELECT month, priority, outcome, consented FROM remnant", &[], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, String>(2)?, row.get(3)?))
    })?;
    let damaged = || EngineError::Store(StoreError::Damaged("remnant"));
    let mut counted: Vec<(Remnant, bool)> = Vec::new();
    for (month, priority, outcome, consented) in rows {
        let outcome = outcome.parse().map_err(|_| damaged())?;
        let priority = priority.map(|priority| priority.parse()).transpose().map_err(|_| damaged())?;
        counted.push((Remnant { month: loaded(month), priority, outcome }, consented));
    }
    let mut cases: BTreeMap<CaseId, Vec<Entry>> = BTreeMap::new();
    for entry in cases::entries(ctx)? {
        if let Some(case) = case_of(&entry.event) {
            cases.entry(case).or_default().push(entry);
        }
    }
    for entries in cases.values() {
        let case = reduce(entries);
        let remnant = lifetime(&case, &entries.iter().collect::<Vec<_>>()).remnant;
        counted.extend(remnant.filter(|_| !case.exercise).map(|remnant| (remnant, consented(&case, entries))));
    }
    let cases = || counted.iter().map(|(remnant, consented)| (remnant, *consented));
    Ok(Statistics {
        months: tabulate(cases(), |remnant| remnant.month),
        priorities: tabulate(cases(), |remnant| remnant.priority.clone()),
        outcomes: tabulate(cases(), |remnant| remnant.outcome.clone()),
    })
}

#[cfg(test)]
mod tests;
