//! Commits that fit a few cells travel in parts, which everybody sweeps (docs/protocol.md section 3.4).
//!
//! A chunk has to be asked for, and only the members of the group ask: whoever sees the picks sees the group. So a commit is
//! cut into chunks only when it does not fit the parts that a record can name. Parts lie in a lane of their own, one for each
//! leaf and epoch; they are jobs like any other, so they leave one at a time in the cover schedule, and the cell that names
//! them waits in the outbox until the relay has them all.
//!
//! What somebody else wrote into a part lane is kept like a part, because only the record tells which are: at most as many
//! as the lane has slots, until the epoch ends.

use himaya_protocol::wire::cell::Frame;
use himaya_protocol::wire::lane::Slot;
use himaya_protocol::wire::parts::{PART_SLOTS, PartName, Parts, part_name};

use super::error::EngineError;
use super::lanes::{self, Lane};
use super::outbox::{self, NewJob, Purpose};
use super::schedule;
use crate::store::{Ctx, Seconds};

/// Queues a commit for a slot of the commit lane: in one cell, in parts, or in chunks, the first of these that it fits. The
/// job of its cell.
pub(super) fn enqueue(ctx: &mut Ctx<'_>, commit: &NewJob<'_>, slot: &Slot, leaf: u32) -> Result<i64, EngineError> {
    let circle = commit.circle.unwrap_or_default();
    let lane = lanes::of_parts(ctx, circle, commit.epoch.unwrap_or_default(), leaf)?;
    let (Some((lane, left)), Some((record, parts))) = (lane, Parts::cut(commit.payload)) else {
        return outbox::enqueue(ctx, commit, slot);
    };
    if left < u64::try_from(parts.len()).unwrap_or(u64::MAX) {
        return outbox::enqueue(ctx, commit, slot);
    }
    let mut after = ctx.now;
    for part in &parts {
        after = spread(ctx, after, commit.urgent);
        let job = NewJob { purpose: Purpose::Part, lane: Some(lane), payload: part, spread: after, ..*commit };
        let slot = lanes::take(ctx, lane)?;
        outbox::enqueue(ctx, &job, &slot)?;
        keep(ctx, lane, part)?;
    }
    let commit = NewJob { spread: spread(ctx, after, commit.urgent), ..*commit };
    outbox::enqueue_frame(ctx, &commit, slot, &Frame::Parts(record))
}

fn spread(ctx: &mut Ctx<'_>, after: Seconds, urgent: bool) -> Seconds {
    if urgent { ctx.now } else { schedule::spread(after, ctx.rng) }
}

/// Whether a part may go to another slot of its lane.
pub(super) fn may_move(ctx: &Ctx<'_>, lane: i64) -> Result<bool, EngineError> {
    Ok(lanes::taken(ctx, lane)? < PART_SLOTS)
}

/// Keeps what lay in a part lane until the commit that names it is read, or the epoch ends.
pub(super) fn keep(ctx: &Ctx<'_>, lane: i64, part: &[u8]) -> Result<(), EngineError> {
    ctx.execute(
        "INSERT OR IGNORE INTO part (lane, name, bytes) VALUES (?1, ?2, ?3)",
        &[&lane, &&part_name(part)[..], &part],
    )?;
    Ok(())
}

/// The commit that a record names. The inner `None`: a part of it has not been read.
pub(super) fn gather(ctx: &Ctx<'_>, commits: &Lane, record: &Parts) -> Result<Option<Vec<u8>>, EngineError> {
    let sql = "SELECT part.bytes FROM part JOIN lane ON lane.id = part.lane
               WHERE lane.circle = ?1 AND lane.epoch = ?2 AND part.name = ?3";
    let find = |name: &PartName| {
        ctx.row(sql, &[&commits.circle, &lanes::stored(commits.epoch), &&name[..]], |row| row.get::<_, Vec<u8>>(0))
    };
    let parts = record.names().iter().map(find).collect::<Result<Option<Vec<_>>, _>>()?;
    Ok(parts.and_then(|parts| record.join(&parts)))
}
