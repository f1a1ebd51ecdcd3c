//! Plan B: what the defender's own device says when nobody has answered in time. By the own clock, without any network.

use std::collections::BTreeMap;

use himaya_protocol::case::{Board, Entry, case_of, deadline};
use himaya_protocol::content::vocabulary::{Kind, Status};
use himaya_protocol::content::{Body, EventId};
use himaya_protocol::wire::policy::GroupKind;

use super::circles::{self, CircleId};
use super::error::EngineError;
use super::{cases, views};
use crate::store::{Ctx, StoreError};

/// The setting that holds the person's own plan.
const OWN: &str = "plan b";

/// Whose number, and the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helpline {
    /// Whose.
    pub name: String,
    /// The number.
    pub number: String,
}

/// No human has answered: what to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanB {
    /// The own alerts that nobody has answered in time.
    pub alerts: Vec<EventId>,
    /// Whether all of them are practice.
    pub exercise: bool,
    /// The numbers that the organisation has set.
    pub helplines: Vec<Helpline>,
    /// What the person has noted for themselves; asked for when the organisation has set nothing.
    pub own: Option<String>,
}

/// Notes what the person wants to be told when nobody answers; `None` takes it away.
pub fn set_plan_b(ctx: &Ctx<'_>, text: Option<&str>) -> Result<(), EngineError> {
    match text {
        Some(text) => ctx.set(OWN, text.as_bytes())?,
        None => ctx.unset(OWN)?,
    }
    Ok(())
}

/// What is to be said now, if anything, and the next minute at which that may change by itself.
pub fn plan_b(ctx: &Ctx<'_>) -> Result<(Option<PlanB>, Option<u64>), EngineError> {
    let (log, now) = (views::log(ctx)?, ctx.now / 60);
    let mut board: Option<Board> = None;
    let (mut next, mut found): (Option<u64>, Vec<&views::Entry>) = (None, Vec::new());
    // One cry for help goes to each circle as an event of its own; who answers one of them has answered the cry.
    let mut answered: BTreeMap<(u64, Kind), bool> = BTreeMap::new();
    for entry in log.iter().filter(|entry| entry.own) {
        let Body::ThreatAlert(alert) = entry.event.body() else { continue };
        let over = entry.event.content().expires.is_some_and(|expires| expires <= now);
        if over || views::status(ctx, entry)?.cleared.is_some() {
            continue;
        }
        if board.is_none() {
            board = Some(cases::board(ctx)?);
        }
        let (Some(board), Some(id)) = (&mut board, case_of(&entry.event)) else { continue };
        let written: BTreeMap<EventId, u64> =
            board.events(&id).map(|entry| (entry.id(), Entry::written(entry))).collect();
        let Some(case) = board.case(&id) else { continue };
        let human = answered.entry((entry.event.content().sent, alert.kind.clone())).or_default();
        *human |= case.milestones.human.is_some();
        let Some(standing) = deadline::standing(case, |id| written.get(id).copied(), now) else { continue };
        next = next.into_iter().chain(standing.next).min();
        if standing.plan_b {
            found.push(entry);
        }
    }
    let unanswered = |entry: &&views::Entry| {
        let Body::ThreatAlert(alert) = entry.event.body() else { return false };
        answered.get(&(entry.event.content().sent, alert.kind.clone())) == Some(&false)
    };
    let found: Vec<&views::Entry> = found.into_iter().filter(unanswered).collect();
    if found.is_empty() {
        return Ok((None, next));
    }
    let helplines = helplines(ctx, &log)?;
    let plan = PlanB {
        alerts: found.iter().map(|entry| entry.event.id()).collect(),
        exercise: found.iter().all(|entry| entry.event.content().status == Status::Exercise),
        own: if helplines.is_empty() { own(ctx)? } else { None },
        helplines,
    };
    Ok((Some(plan), next))
}

fn own(ctx: &Ctx<'_>) -> Result<Option<String>, EngineError> {
    let stored = ctx.setting(OWN)?;
    stored.map(|bytes| String::from_utf8(bytes).map_err(|_| StoreError::Damaged("plan b").into())).transpose()
}

/// The numbers of the newest policy that a desk has said in a line. What somebody else calls a policy, elsewhere, is none.
fn helplines(ctx: &Ctx<'_>, log: &[views::Entry]) -> Result<Vec<Helpline>, EngineError> {
    let lines = circles::list(ctx)?.into_iter().filter(|circle| circle.kind == GroupKind::Line);
    let lines: Vec<CircleId> = lines.map(|line| line.id).collect();
    let of_desk = |entry: &&views::Entry| !entry.own && entry.circle.as_ref().is_some_and(|id| lines.contains(id));
    let policies = log.iter().filter(of_desk).filter_map(|entry| {
        let Body::DeskPolicy(policy) = entry.event.body() else { return None };
        Some(((entry.event.content().lamport, entry.event.id()), policy))
    });
    let newest = policies.max_by_key(|(place, _)| *place).map(|(_, policy)| policy);
    let line = |line: &himaya_protocol::content::body::Helpline| Helpline {
        name: line.name.raw().to_owned(),
        number: line.number.raw().to_owned(),
    };
    Ok(newest.map(|policy| policy.plan_b.iter().map(line).collect()).unwrap_or_default())
}
