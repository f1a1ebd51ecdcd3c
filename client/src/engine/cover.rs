//! The cover schedule: while a client watches, it writes at random times whether or not it has something to say.
//!
//! The times are those of a Poisson process, so one says nothing of the next. What is not urgent (receipts, notes, key
//! updates) waits for one of them and takes the place of noise, one box at a time: a long payload goes chunk by chunk. Alerts
//! and the answers of people leave at once. Noise is a cell like any other: random bytes at a random address, with a token if
//! the relay asks for one, stored before it is sent and repeated as others are.

use himaya_protocol::wire::Address;
use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_protocol::wire::parts::PARTS_MAX;

use super::error::EngineError;
use super::outbox;
use super::schedule::{self, COVER_MEAN, Turn};
use super::tokens::{self, RESERVE};
use crate::store::{Ctx, Seconds};

/// The longest mean that makes sense, in seconds: a day.
pub const COVER_MEAN_MOST: Seconds = 86_400;

/// The mean that the person chose; 0 is never.
const MEAN: &str = "cover mean";
/// When the next write is due.
const AT: &str = "cover at";
/// How many tokens noise leaves beside the reserve, for what is not urgent and real: a key update with all of its parts.
const SPARE: u64 = PARTS_MAX as u64 + 1;

/// The mean time between two writes while this client watches, in seconds; 0 when there is no schedule.
pub fn cover_mean(ctx: &Ctx<'_>) -> Result<Seconds, EngineError> {
    Ok(ctx.number(MEAN)?.unwrap_or(COVER_MEAN))
}

/// Chooses the mean; 0 ends the schedule.
pub fn set_cover_mean(ctx: &Ctx<'_>, mean: Seconds) -> Result<(), EngineError> {
    Ok(ctx.set_number(MEAN, mean.min(COVER_MEAN_MOST))?)
}

/// Begins the schedule anew, which a Poisson process does not mind; whether there is one.
pub fn begin_cover(ctx: &mut Ctx<'_>) -> Result<bool, EngineError> {
    let mean = cover_mean(ctx)?;
    if mean > 0 {
        plan(ctx, mean)?;
    }
    Ok(mean > 0)
}

fn plan(ctx: &mut Ctx<'_>, mean: Seconds) -> Result<(), EngineError> {
    let at = schedule::next_cover(ctx.now, mean, ctx.rng);
    Ok(ctx.set_number(AT, at)?)
}

/// If a write is due now: lets the oldest job that is not urgent leave, or noise if none waits, and plans the next.
/// Whether it was due.
pub fn cover(ctx: &mut Ctx<'_>) -> Result<bool, EngineError> {
    let mean = cover_mean(ctx)?;
    let now = ctx.now;
    if !ctx.number(AT)?.is_some_and(|at| schedule::cover_is_due(at, mean, now)) {
        return Ok(false);
    }
    plan(ctx, mean)?;
    match schedule::cover_turn(&outbox::queue(ctx)?, now, may_spend(ctx)?, outbox::chunk_was_last(ctx)?) {
        Turn::Job(job) => outbox::release(ctx, job)?,
        Turn::Noise => noise(ctx, false)?,
        Turn::Nothing => (),
    }
    Ok(true)
}

/// Noise uses no token that something real may need before the next draw, chunks that wait for their turn included.
fn may_spend(ctx: &Ctx<'_>) -> Result<bool, EngineError> {
    let kept = (RESERVE + SPARE).saturating_add(outbox::trickling(ctx)?);
    Ok(tokens::stock(ctx)?.is_none_or(|stock| stock.left > kept))
}

/// Queues a cell that says nothing, to leave now; `as_word` has it count, wait and be paid for as what somebody says.
pub(super) fn noise(ctx: &mut Ctx<'_>, as_word: bool) -> Result<(), EngineError> {
    let address = Address::new(ctx.random());
    let mut cell = vec![0; CELL_SIZE];
    ctx.rng.fill_bytes(&mut cell);
    outbox::enqueue_noise(ctx, &address, &cell, as_word)
}
