//! The relay's terms (who may write, how long it keeps what it has, when it ends) as its descriptors said them, and what members
//! say of theirs (docs/protocol.md section 5.10).
//!
//! Terms may honestly change while some have read the old ones and some the new ones. Two facts of time need no clock but the
//! relay's: a window of a greater number is later, and what is read after a member's word came is later than what the member
//! read. So this is certain: the own terms stood before, others in between, and the own ones again.
//!
//! | own terms since the last return | a member says | the next reading brings | |
//! |---|---|---|---|
//! | stood up to a window | others, of a later window | others | it was changed: begin anew |
//! | | | the own ones | a *return*: from now on it counts what stood in later windows |
//! | | others, of that window or before | | nothing: one change explains it |
//! | returned twice, not long between | | | suspect |
//!
//! One return may be an operator who took a change back.

use himaya_protocol::wire::relay::Descriptor;
use himaya_protocol::wire::terms::{SeenTerms, TERMS_SIZE, Terms};

use super::EngineError;
use super::suspicion::{self, Reason};
use super::tokens::{KEY_AHEAD, WINDOW};
use crate::store::{Ctx, Seconds, StoreError};

/// The [`Run`].
const TERMS: &str = "relay terms";
/// How many returns make the relay suspect.
const RETURNS: u8 = 2;
/// A return that is longer ago than this, in seconds, when others are seen again, is forgotten.
const REMEMBERED: Seconds = 31 * 86_400;

/// What is remembered while the relay shows this client the same terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    terms: Terms,
    /// The end of the window in which they began, or returned last, in seconds since the Unix epoch: what stood in windows from
    /// then on stood later than that reading.
    stood: Seconds,
    /// How often they have returned.
    returns: u8,
    /// The beginning of a window in which a member saw others, until they are read again.
    doubt: Option<Seconds>,
}

/// Since when a member's word about the terms waits for a reading that begins now; for [`note_relay_terms`].
pub fn doubted_terms(ctx: &Ctx<'_>) -> Result<Option<Seconds>, EngineError> {
    Ok(load(ctx)?.and_then(|run| run.doubt))
}

/// Notes the terms that a descriptor shows. `doubt`: what [`doubted_terms`] said before it was asked for.
pub fn note_relay_terms(ctx: &Ctx<'_>, relay: &Descriptor, doubt: Option<Seconds>) -> Result<(), EngineError> {
    let terms = Terms::of(relay);
    let stood = (u64::from(relay.current_window) + 1) * u64::from(relay.window_seconds);
    let Some(run) = load(ctx)?.filter(|run| run.terms == terms) else {
        return store(ctx, &Run { terms, stood, returns: 0, doubt: None });
    };
    let Some(others) = doubt.filter(|_| run.doubt == doubt) else { return Ok(()) };
    let before = if others.saturating_sub(run.stood) > REMEMBERED { 0 } else { run.returns };
    let returns = before.saturating_add(1).min(RETURNS);
    if returns == RETURNS {
        suspicion::suspect(ctx, Reason::TermsDiffer, Some(relay.current_window), None)?;
    }
    store(ctx, &Run { terms, stood, returns, doubt: None })
}

/// The terms that the relay has shown last, for others to compare.
pub(super) fn newest_terms(ctx: &Ctx<'_>) -> Result<Option<SeenTerms>, EngineError> {
    let window = ctx.number(WINDOW)?.and_then(|window| u32::try_from(window).ok());
    Ok(load(ctx)?.zip(window).map(|(run, window)| SeenTerms { window, terms: run.terms }))
}

/// A member says which terms the relay has shown it. Others, in a later window, are to be seen at the next reading.
pub(super) fn heard_terms(ctx: &Ctx<'_>, theirs: &SeenTerms) -> Result<(), EngineError> {
    let (Some(run), Some(current)) = (load(ctx)?, ctx.number(WINDOW)?) else { return Ok(()) };
    let from = u64::from(theirs.window) * u64::from(theirs.terms.window_seconds());
    // No honest member is further ahead than this, and a word about a far future would keep others from counting.
    let ahead = current.saturating_add(KEY_AHEAD).saturating_mul(u64::from(run.terms.window_seconds()));
    if run.terms == theirs.terms || run.doubt.is_some() || from < run.stood || from > ahead {
        return Ok(());
    }
    store(ctx, &Run { doubt: Some(from), ..run })
}

/// What was seen has been explained: it has to be seen anew.
pub(super) fn forget_returns(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    match load(ctx)?.filter(|run| run.returns > 0 || run.doubt.is_some()) {
        Some(run) => store(ctx, &Run { returns: 0, doubt: None, ..run }),
        None => Ok(()),
    }
}

/// Terms 11 ‖ stood 8 ‖ returns 1 ‖ doubt 8, 0 for none.
fn load(ctx: &Ctx<'_>) -> Result<Option<Run>, EngineError> {
    let read = |bytes: &[u8]| {
        let (terms, rest) = bytes.split_first_chunk::<TERMS_SIZE>()?;
        let (stood, rest) = rest.split_first_chunk::<8>()?;
        let (&returns, doubt) = rest.split_first()?;
        let doubt = u64::from_be_bytes(doubt.try_into().ok()?);
        let stood = u64::from_be_bytes(*stood);
        Some(Run { terms: Terms::from_bytes(*terms), stood, returns, doubt: (doubt > 0).then_some(doubt) })
    };
    let Some(bytes) = ctx.setting(TERMS)? else { return Ok(None) };
    Ok(Some(read(&bytes).ok_or(StoreError::Damaged(TERMS))?))
}

fn store(ctx: &Ctx<'_>, run: &Run) -> Result<(), EngineError> {
    let doubt = run.doubt.unwrap_or_default();
    let bytes = [&run.terms.as_bytes()[..], &run.stood.to_be_bytes(), &[run.returns], &doubt.to_be_bytes()].concat();
    Ok(ctx.set(TERMS, &bytes)?)
}
