//! Nobody has answered a case: tell the next, each client by its own clock (docs/protocol.md section 12.6).
//!
//! Every coordinator's client in a line or a case's group computes the same ladder. Whose turn it is writes the
//! Escalation; the others wait longer, and hold back when it has come.

use himaya_protocol::case::deadline::{self, Due};
use himaya_protocol::case::status::has_ended;
use himaya_protocol::case::{Board, Case, Entry};
use himaya_protocol::content::body::Escalation;
use himaya_protocol::content::vocabulary::{EscalationReason, Status};
use himaya_protocol::content::{CaseId, EventId};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy::{GroupKind, Role};

use super::cases;
use super::circles::{self, Circle};
use super::error::EngineError;
use super::events::{self, Draft};
use super::{adrift, backup, identity, views};
use crate::store::{Ctx, Seconds};

/// When a ladder moves next, if nothing comes meanwhile.
const AT: &str = "ladder at";
/// The newest event that was looked at.
const SEEN: &str = "ladder seen";

/// Tells every step that is due and that nobody has told, as far as it is this client's turn.
pub(super) fn climb(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let newest = u64::try_from(views::last_event(ctx)?).unwrap_or_default();
    let due = ctx.number(AT)?.is_some_and(|at| at <= ctx.now);
    if !due && ctx.number(SEEN)? == Some(newest) {
        return Ok(());
    }
    let mut board = cases::board(ctx)?;
    // Of what has been answered or has ended there is nothing to tell.
    let waits = |case: &Case| case.milestones.ack.is_none() && !case.status.as_ref().is_none_or(has_ended);
    let ids: Vec<CaseId> = board.cases().filter(|(_, case)| waits(case)).map(|(id, _)| id.clone()).collect();
    let mut next: Option<u64> = None;
    for id in ids {
        let Some((home, members)) = place(ctx, &id)? else { continue };
        let at = step(ctx, &mut board, &id, &home, &members)?;
        next = next.into_iter().chain(at).min();
    }
    match next {
        Some(minute) => ctx.set_number(AT, minute.saturating_mul(60))?,
        None => ctx.unset(AT)?,
    }
    let newest = u64::try_from(views::last_event(ctx)?).unwrap_or_default();
    Ok(ctx.set_number(SEEN, newest)?)
}

/// When [`climb`] next has something to do.
pub(super) fn next_due(ctx: &Ctx<'_>) -> Result<Option<Seconds>, EngineError> {
    Ok(ctx.number(AT)?)
}

/// Where a case's ladder is told, and the coordinators there; `None` where this client has no part in it.
fn place(ctx: &Ctx<'_>, id: &CaseId) -> Result<Option<(Circle, Vec<Fingerprint>)>, EngineError> {
    let Ok(home) = cases::workplace(ctx, id) else { return Ok(None) };
    let works = |role| matches!(role, Some(Role::Owner | Role::Coordinator));
    let members = circles::members(ctx, &home.id)?;
    let mine = members.iter().any(|member| member.me && works(member.role));
    if !matches!(home.kind, GroupKind::Line | GroupKind::Case | GroupKind::Desk)
        || !mine
        || !adrift::in_sync(ctx, &home.id)?
    {
        return Ok(None);
    }
    let members = members.into_iter().filter(|member| works(member.role)).map(|member| member.fingerprint);
    Ok(Some((home, members.collect())))
}

/// Tells the steps of one case; the minute at which there is something to do again.
fn step(
    ctx: &mut Ctx<'_>,
    board: &mut Board,
    id: &CaseId,
    home: &Circle,
    members: &[Fingerprint],
) -> Result<Option<u64>, EngineError> {
    let now = ctx.now / 60;
    let written: std::collections::BTreeMap<EventId, u64> =
        board.events(id).map(|entry| (entry.id(), Entry::written(entry))).collect();
    let Some(case) = board.case(id) else { return Ok(None) };
    let Some(standing) = deadline::standing(case, |event| written.get(event).copied(), now) else { return Ok(None) };
    let (Some(about), Some(from), Due::Open { .. }) =
        (case.since, case.since.and_then(|since| written.get(&since).copied()), standing.ack)
    else {
        return Ok(None);
    };
    let me = identity::identity(ctx)?.fingerprint;
    let times = case.priority.as_ref().map(|priority| deadline::deadlines(priority).escalate).unwrap_or_default();
    let status = if case.exercise { Status::Exercise } else { Status::Actual };
    let mut next: Option<u64> = None;
    let mut told = Vec::new();
    for (step, after) in (1_u64..).zip(times) {
        if deadline::is_told(case, step) {
            continue;
        }
        // The jitter is one's own, and the same however often this is asked.
        let jitter = deadline::rank(&me, id, u64::MAX - step);
        let Some(wait) = deadline::wait(members, &me, id, step, jitter) else { continue };
        let turn = from.saturating_add(*after).saturating_add(wait);
        if turn <= now { told.push(step) } else { next = next.into_iter().chain([turn]).min() }
    }
    for step in told {
        let body = Escalation { step, reason: EscalationReason::NoAck, about };
        let draft = Draft { case: Some(id.clone()), status: status.clone(), ..Draft::default() };
        events::say(ctx, home, body, &draft)?;
    }
    if let Some(after) = times.get(1) {
        let asks = backup::ask(ctx, board, id, home, members, from.saturating_add(*after))?;
        next = next.into_iter().chain(asks).min();
    }
    Ok(next)
}
