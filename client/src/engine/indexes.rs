//! What indexes have listed, so that it is downloaded once, and what was named in lists, so that it is named once.
//!
//! | a prefix is | it came | it may stand in a list |
//! |---|---|---|
//! | fresh | since its window was looked through last | yes; what is wanted is among these |
//! | passed over | before that | as a decoy, when there is too little that is fresh |
//! | barred | stood in a list, or several cells share it | never again; if it is wanted, all that came is read instead |
//!
//! All of this is of everybody's cells; only that it was named says something of this client, and that is said of decoys too.
//! It goes with its window.

use std::collections::BTreeSet;

use himaya_protocol::wire::address::{PREFIX_SIZE, Prefix};
use himaya_protocol::wire::relay::{CellList, PICK_CELLS};

use super::error::EngineError;
use super::pick::plan_pick;
use super::suspicion;
use crate::store::{Ctx, StoreError};

/// What to do next about what is fresh in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextPick {
    /// Nothing: it has been looked through.
    Done,
    /// Read all that came.
    Sweep,
    /// Ask for this list, which is on the disk now.
    List(Box<CellList>),
}

/// What an index covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covers {
    /// All of a closed window.
    Closed,
    /// All of the current window so far.
    Current,
    /// What came after a cursor.
    Since,
}

/// Whether the index of a closed window is here.
pub fn has_index(ctx: &Ctx<'_>, window: u32) -> Result<bool, EngineError> {
    Ok(ctx.row("SELECT 1 FROM index_held WHERE window = ?1", &[&window], |_| Ok(()))?.is_some())
}

/// Takes in an index, which is sorted.
pub fn take_index(ctx: &Ctx<'_>, window: u32, prefixes: &[Prefix], covers: Covers) -> Result<(), EngineError> {
    suspicion::note_listed(ctx, prefixes)?;
    for run in prefixes.chunk_by(|a, b| a == b) {
        let Some(prefix) = run.first() else { continue };
        let several = run.len() > 1;
        let new = ctx.execute(
            "INSERT OR IGNORE INTO indexed (prefix, window, barred, twice) VALUES (?1, ?2, ?3, ?3)",
            &[&&prefix[..], &window, &several],
        )?;
        // What is known and comes again is a second cell under one prefix, or the same cell told of twice.
        if new == 0 && (several || covers == Covers::Since) {
            ctx.execute(
                "UPDATE indexed SET fresh = 1, barred = 1, twice = max(twice, ?2)
                 WHERE prefix = ?1 AND (fresh = 0 OR (?2 AND NOT barred))",
                &[&&prefix[..], &several],
            )?;
        }
    }
    if covers == Covers::Closed {
        ctx.execute("INSERT OR IGNORE INTO index_held (window) VALUES (?1)", &[&window])?;
    }
    Ok(())
}

/// What to do next in a window. `first`: nothing was asked for yet in this reading, so a list is sent even when nothing is
/// wanted.
pub fn next_pick(ctx: &mut Ctx<'_>, window: u32, first: bool) -> Result<NextPick, EngineError> {
    // What is held is wanted no more.
    let wanted = "SELECT indexed.prefix, barred FROM slot JOIN indexed ON indexed.prefix = substr(slot.address, 1, ?2)
        WHERE window = ?1 AND fresh AND slot.address NOT IN (SELECT address FROM held)";
    let size = i64::try_from(PREFIX_SIZE).unwrap_or(i64::MAX);
    let wanted = ctx.rows(wanted, &[&window, &size], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, bool>(1)?)))?;
    if wanted.iter().any(|(_, barred)| *barred) {
        return Ok(NextPick::Sweep);
    }
    let wanted = wanted.iter().map(|(prefix, _)| read(prefix)).collect::<Result<BTreeSet<_>, _>>()?;
    let fresh = of_window(ctx, window, true)?;
    let asks = if first { !fresh.is_empty() } else { fresh.iter().any(|prefix| wanted.contains(prefix)) };
    if !asks {
        return Ok(NextPick::Done);
    }
    let earlier = of_window(ctx, window, false)?;
    let Some(list) = plan_pick(&fresh, &earlier, &wanted, ctx.rng) else { return Ok(NextPick::Sweep) };
    ctx.execute(
        "INSERT OR REPLACE INTO pick_list (only, list, window) VALUES (1, ?1, ?2)",
        &[&list.as_flattened(), &window],
    )?;
    for prefix in &list {
        ctx.execute("UPDATE indexed SET fresh = 0, barred = 1 WHERE prefix = ?1", &[&&prefix[..]])?;
    }
    Ok(NextPick::List(Box::new(list)))
}

/// Plans a list for one cell that no lane expects, among others of its window's index, which is sorted. `None` when a list
/// would tell too much: then all of the window is read.
///
/// What it names stands in no other list. If some of it is wanted and was not read yet, all that came is read instead.
pub fn pick_one(
    ctx: &mut Ctx<'_>,
    window: u32,
    index: &[Prefix],
    wanted: Prefix,
) -> Result<Option<Box<CellList>>, EngineError> {
    let barred = ctx.rows("SELECT prefix FROM indexed WHERE barred", &[], |row| row.get::<_, Vec<u8>>(0))?;
    let barred = barred.iter().map(|prefix| read(prefix)).collect::<Result<BTreeSet<_>, _>>()?;
    let single = index.chunk_by(|a, b| a == b).filter(|run| run.len() == 1).flatten().copied();
    let open: Vec<Prefix> = single.filter(|prefix| !barred.contains(prefix)).collect();
    if !open.contains(&wanted) {
        return Ok(None);
    }
    let Some(list) = plan_pick(&open, &[], &BTreeSet::from([wanted]), ctx.rng) else { return Ok(None) };
    for prefix in &list {
        ctx.execute(
            "INSERT INTO indexed (prefix, window, barred) VALUES (?1, ?2, 1) ON CONFLICT (prefix) DO UPDATE SET barred = 1",
            &[&&prefix[..], &window],
        )?;
    }
    Ok(Some(Box::new(list)))
}

/// What may stand in a list of a window.
fn of_window(ctx: &Ctx<'_>, window: u32, fresh: bool) -> Result<Vec<Prefix>, EngineError> {
    let sql = "SELECT prefix FROM indexed WHERE window = ?1 AND fresh = ?2 AND NOT barred";
    let rows = ctx.rows(sql, &[&window, &fresh], |row| row.get::<_, Vec<u8>>(0))?;
    Ok(rows.iter().map(|prefix| read(prefix)).collect::<Result<_, _>>()?)
}

fn read(prefix: &[u8]) -> Result<Prefix, StoreError> {
    prefix.try_into().map_err(|_| StoreError::Damaged("index"))
}

/// The list that was not answered yet, and the window it is for: it is sent again as it is, or not at all.
pub fn unanswered_list(ctx: &Ctx<'_>) -> Result<Option<(u32, Box<CellList>)>, EngineError> {
    let sql = "SELECT window, list FROM pick_list";
    let row = ctx.row(sql, &[], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    row.map(|(window, list)| {
        let (prefixes, _) = list.as_chunks::<PREFIX_SIZE>();
        let list = <&[Prefix; PICK_CELLS]>::try_from(prefixes).map_err(|_| StoreError::Damaged("list"))?;
        Ok((window, Box::new(*list)))
    })
    .transpose()
}

/// The list was answered, and what came of it has taken effect; or everything is read without it.
pub fn list_answered(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    ctx.execute("DELETE FROM pick_list", &[])?;
    Ok(())
}

/// A window has been looked through.
pub fn index_read(ctx: &Ctx<'_>, window: u32) -> Result<(), EngineError> {
    ctx.execute("UPDATE indexed SET fresh = 0 WHERE window = ?1 AND fresh", &[&window])?;
    Ok(())
}

/// Prefixes that stood twice in an index of this window and were not looked through: two cells lie there, if the relay said
/// the truth.
pub fn told_twice(ctx: &Ctx<'_>, window: u32) -> Result<Vec<Prefix>, EngineError> {
    let sql = "SELECT prefix FROM indexed WHERE window = ?1 AND fresh AND twice";
    let rows = ctx.rows(sql, &[&window], |row| row.get::<_, Vec<u8>>(0))?;
    Ok(rows.iter().map(|prefix| read(prefix)).collect::<Result<_, _>>()?)
}

/// Everything from a window on is looked through again; what went with the relay's old windows is forgotten.
pub fn look_again(ctx: &Ctx<'_>, first: u32, oldest: u32) -> Result<(), EngineError> {
    ctx.execute("UPDATE indexed SET fresh = 1 WHERE window >= ?1", &[&first])?;
    forget_indexes(ctx, oldest)
}

/// Forgets the indexes of windows that the relay does not keep any more.
pub fn forget_indexes(ctx: &Ctx<'_>, oldest: u32) -> Result<(), EngineError> {
    ctx.execute("DELETE FROM indexed WHERE window < ?1", &[&oldest])?;
    ctx.execute("DELETE FROM index_held WHERE window < ?1", &[&oldest])?;
    Ok(())
}
