//! Which events of a case the next one names as its past: the newest that everybody who reads it can have.
//!
//! A case goes on in several groups. An event names only what its readers can have seen, or its past would be missing for
//! them for ever, and with it what makes it hold.
//!
//! | an event in | names the newest among |
//! |---|---|
//! | a circle, a line, a case's group | what was said in groups of these kinds: where the defender is |
//! | a desk | everything: a desk reads all of its lines |
//! | a host link, a bridge | what was said in the same group |

use std::collections::BTreeSet;

use himaya_protocol::case::{case_of, goes_first};
use himaya_protocol::content::event::PREV_MAX;
use himaya_protocol::content::{CaseId, Event, EventId};
use himaya_protocol::wire::policy::GroupKind;

use super::circles;
use super::error::EngineError;
use super::lanes::loaded;
use crate::store::Ctx;

/// The setting that holds the largest lamport of what was destroyed.
const LAMPORT: &str = "lamport";
/// The scope of everything that this client has.
const ALL: &[u8] = b"all";
/// The scope of what the defender reads.
const HOME: &[u8] = b"home";

/// The scope of what is written in a group.
fn scope(ctx: &Ctx<'_>, circle: Option<&[u8]>) -> Result<Vec<u8>, EngineError> {
    let Some(circle) = circle else { return Ok(HOME.to_vec()) };
    let kind = ctx.row("SELECT kind FROM circle WHERE id = ?1", &[&circle], |row| row.get::<_, String>(0))?;
    Ok(match kind.map_or(GroupKind::Circle, |kind| circles::kind_from_text(&kind)) {
        GroupKind::Circle | GroupKind::Line | GroupKind::Case => HOME.to_vec(),
        GroupKind::Desk => ALL.to_vec(),
        GroupKind::HostLink | GroupKind::Bridge => circle.to_vec(),
    })
}

/// The newest events of a circle that no other names, at most [`PREV_MAX`] of them.
pub(super) fn of_circle(ctx: &Ctx<'_>, circle: Option<&[u8]>) -> Result<BTreeSet<EventId>, EngineError> {
    let Some(circle) = circle else { return Ok(BTreeSet::new()) };
    let most = i64::try_from(PREV_MAX).unwrap_or(1);
    let rows = ctx.rows(
        "SELECT head.event FROM head JOIN event ON event.id = head.event WHERE head.circle = ?1
         ORDER BY event.number DESC LIMIT ?2",
        &[&circle, &most],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    Ok(rows.iter().filter_map(|id| EventId::from_slice(id)).collect())
}

/// What an event of a case in a group names, at most [`PREV_MAX`].
pub(super) fn of_case(ctx: &Ctx<'_>, case: &CaseId, circle: Option<&[u8]>) -> Result<BTreeSet<EventId>, EngineError> {
    let most = i64::try_from(PREV_MAX).unwrap_or(1);
    let rows = ctx.rows(
        "SELECT case_head.event FROM case_head JOIN event ON event.id = case_head.event
         WHERE case_head.case_id = ?1 AND case_head.scope = ?2 ORDER BY event.number DESC LIMIT ?3",
        &[&case.as_bytes(), &scope(ctx, circle)?, &most],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    Ok(rows.iter().filter_map(|id| EventId::from_slice(id)).collect())
}

/// An event was logged: it is one of the newest of its case, and what it names is not any more.
pub(super) fn advance(ctx: &Ctx<'_>, circle: Option<&[u8]>, event: &Event) -> Result<(), EngineError> {
    // Receipts belong to no case; and what goes before its case must not be what the rest hangs on.
    let Some(case) = case_of(event).filter(|_| !goes_first(event.body())) else { return Ok(()) };
    let own = scope(ctx, circle)?;
    advance_in(ctx, ALL, &case, event)?;
    if own == ALL { Ok(()) } else { advance_in(ctx, &own, &case, event) }
}

fn advance_in(ctx: &Ctx<'_>, scope: &[u8], case: &CaseId, event: &Event) -> Result<(), EngineError> {
    let id = event.id();
    for prev in &event.content().prev {
        let prev = &prev.as_bytes()[..];
        ctx.execute(
            "DELETE FROM case_head WHERE case_id = ?1 AND scope = ?2 AND event = ?3",
            &[&case.as_bytes(), &scope, &prev],
        )?;
        ctx.execute("INSERT OR IGNORE INTO case_past (scope, event) VALUES (?1, ?2)", &[&scope, &prev])?;
    }
    ctx.execute(
        "INSERT OR IGNORE INTO case_head (case_id, scope, event) SELECT ?1, ?2, ?3
         WHERE NOT EXISTS (SELECT 1 FROM case_past WHERE scope = ?2 AND event = ?3)",
        &[&case.as_bytes(), &scope, &&id.as_bytes()[..]],
    )?;
    Ok(())
}

/// One more than the largest lamport known, also of what was destroyed since.
pub(super) fn next_lamport(ctx: &Ctx<'_>) -> Result<u64, EngineError> {
    let largest: Option<i64> = ctx.row("SELECT max(lamport) FROM event", &[], |row| row.get(0))?.flatten();
    let largest = largest.map_or(0, loaded).max(ctx.number(LAMPORT)?.unwrap_or_default());
    Ok(largest.saturating_add(1))
}

/// An event is about to be destroyed: what is written from now on comes after it all the same.
pub(super) fn outlive(ctx: &Ctx<'_>, event: &[u8]) -> Result<(), EngineError> {
    let sql = "SELECT lamport FROM event WHERE id = ?1";
    let gone = ctx.row(sql, &[&event], |row| row.get::<_, i64>(0))?.map_or(0, loaded);
    if ctx.number(LAMPORT)?.unwrap_or_default() < gone {
        ctx.set_number(LAMPORT, gone)?;
    }
    Ok(())
}
