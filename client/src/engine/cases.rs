//! Cases: from the log to the board, and from a case to the group in which one writes about it.

use std::collections::BTreeSet;

use himaya_protocol::case::{Board, Entry, Role, reduce};
use himaya_protocol::content::body::Snapshot;
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::vocabulary::{AckLevel, CaseStatus, Status};
use himaya_protocol::content::{Ack, Body, CaseId, Event, EventId};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy::{self, GroupKind};
use rusqlite::ToSql;

use super::circles::{self, Circle, CircleId, CircleState};
use super::desks::desk_of_case;
use super::error::EngineError;
use super::events::{self, Draft};
use super::lanes::loaded;
use super::{duress, heads, retention, views};
use crate::store::{Ctx, StoreError};

/// Every case that this client knows.
pub fn board(ctx: &Ctx<'_>) -> Result<Board, EngineError> {
    let mut board = Board::new();
    for entry in entries(ctx)? {
        board.add(entry);
    }
    retention::purged(ctx)?.into_iter().for_each(|id| board.remember(id));
    Ok(board)
}

/// Every event of the log, with what its author was and the kind of group it came in.
pub fn entries(ctx: &Ctx<'_>) -> Result<Vec<Entry>, EngineError> {
    entries_after(ctx, 0)
}

/// As [`entries`], of those that were logged after a number.
pub fn entries_after(ctx: &Ctx<'_>, number: i64) -> Result<Vec<Entry>, EngineError> {
    select(ctx, "event.number > ?1", &[&number])
}

/// What was said on each desk about no case after a number: rosters and policies are among it.
pub fn desk_words_after(ctx: &Ctx<'_>, number: i64) -> Result<Vec<(CircleId, Entry)>, EngineError> {
    let mut words = Vec::new();
    for desk in circles::list(ctx)? {
        if desk.kind == GroupKind::Desk && desk.state == CircleState::Active {
            let condition = "event.number > ?1 AND event.circle = ?2 AND event.case_id IS NULL";
            let said = select(ctx, condition, &[&number, &desk.id])?;
            words.extend(said.into_iter().map(|entry| (desk.id.clone(), entry)));
        }
    }
    Ok(words)
}

/// The events that a condition takes. What this client said under duress is what it seems to be.
fn select(ctx: &Ctx<'_>, condition: &str, values: &[&dyn ToSql]) -> Result<Vec<Entry>, EngineError> {
    // What was logged by an older version, or before there was a group, has the role that its author has now.
    let sql = format!(
        "SELECT event.bytes, event.received, circle.kind, event.own, iif(event.role <> '', event.role, coalesce(
             (SELECT role FROM member WHERE member.circle = event.circle AND member.fingerprint = event.author),
             iif(event.own, 'owner', 'contact')))
         FROM event LEFT JOIN circle ON circle.id = event.circle WHERE {condition} ORDER BY event.number"
    );
    let rows = ctx.rows(&sql, values, |row| {
        let (bytes, received, kind) = (row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, row.get(2)?);
        Ok((bytes, received, kind, row.get::<_, bool>(3)?, row.get::<_, String>(4)?))
    })?;
    let hidden = duress::hidden(ctx)?;
    let entries = rows.into_iter().map(|(bytes, received, kind, own, role): (_, _, Option<String>, _, _)| {
        let event = Event::decode(&bytes).map_err(|_| StoreError::Damaged("event"))?;
        let event = if own { event.as_it_seems() } else { event };
        let kind = kind.as_deref().map_or(GroupKind::Circle, circles::kind_from_text);
        let member = circles::role_from_text(&role).unwrap_or(policy::Role::Contact);
        let role = Role::of(member, kind, event.body());
        Ok(Entry { event, role, group: kind.into(), received: loaded(received) / 60 })
    });
    entries
        .filter(|entry: &Result<Entry, EngineError>| !entry.as_ref().is_ok_and(|entry| hidden.contains(&entry.id())))
        .collect()
}

/// Whether a case is held because its defender is under duress: whoever has the defender's device reads what is said
/// where the defender is. The defender's own client knows of nothing.
pub fn is_held(ctx: &Ctx<'_>, case: &CaseId) -> Result<bool, EngineError> {
    let entries = select(ctx, "event.case_id = ?1", &[&case.as_bytes()])?;
    let duress = entries.iter().any(|entry| matches!(entry.body(), Body::Duress(_)));
    Ok(duress && reduce(&entries).status == Some(CaseStatus::DuressHold))
}

/// Where a coordinator works on a case: [`home`], but the desk as long as it is held for duress.
pub fn workplace(ctx: &Ctx<'_>, case: &CaseId) -> Result<Circle, EngineError> {
    if is_held(ctx, case)? { desk_of_case(ctx, case).map_err(|_| EngineError::Held) } else { home(ctx, case) }
}

/// The one case whose id, or the id of one of whose events, begins so.
pub fn pick_case(ctx: &Ctx<'_>, text: &str) -> Result<CaseId, EngineError> {
    let unknown = || EngineError::Unknown { what: "case", name: text.to_owned() };
    let prefix: IdPrefix = text.parse().map_err(|_| unknown())?;
    let rows = ctx.rows("SELECT id, case_id FROM event WHERE case_id IS NOT NULL", &[], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    let mut found: BTreeSet<CaseId> = BTreeSet::new();
    for (id, case) in rows {
        let Some((id, case)) = EventId::from_slice(&id).zip(CaseId::from_slice(&case)) else { continue };
        if prefix.matches_case(&case) || prefix.matches(&id) {
            found.insert(case);
        }
    }
    let case = found.pop_first().ok_or_else(unknown)?;
    if found.is_empty() { Ok(case) } else { Err(EngineError::Ambiguous { what: "cases", name: text.to_owned() }) }
}

/// The group in which one writes about a case: its own if it has one, else the line or the circle it came from.
pub fn home(ctx: &Ctx<'_>, case: &CaseId) -> Result<Circle, EngineError> {
    let sql = "SELECT DISTINCT circle FROM event WHERE case_id = ?1 AND circle IS NOT NULL";
    let mut best: Option<Circle> = None;
    for id in ctx.rows(sql, &[&case.as_bytes()], |row| row.get::<_, Vec<u8>>(0))? {
        let Some(group) = circles::by_id(ctx, &id)? else { continue };
        let rank = |group: &Circle| (group.state == CircleState::Active, home_rank(group.kind));
        if home_rank(group.kind) > 0 && best.as_ref().is_none_or(|best| rank(best) < rank(&group)) {
            best = Some(group);
        }
    }
    best.ok_or_else(|| EngineError::Unknown { what: "case", name: case.short() })
}

/// Where a decision about a case is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where everybody of the case reads it.
    Home,
    /// On the desk, where its coordinators alone do.
    Desk,
}

/// Writes a decision about a case, if it holds: what the rules refuse is refused here, with the next step, and not sent.
pub fn decide(ctx: &mut Ctx<'_>, case: &CaseId, body: impl Into<Body>, place: Place) -> Result<EventId, EngineError> {
    decide_until(ctx, case, body, place, None)
}

/// As [`decide`], for what ends to hold after so many hours.
pub fn decide_until(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    body: impl Into<Body>,
    place: Place,
    hours: Option<u64>,
) -> Result<EventId, EngineError> {
    let group = match place {
        Place::Home => workplace(ctx, case)?,
        Place::Desk => desk_of_case(ctx, case)?,
    };
    decide_in(ctx, case, body, &group, hours)
}

/// As [`decide_until`], in a group of one's choice.
pub fn decide_in(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    body: impl Into<Body>,
    group: &Circle,
    hours: Option<u64>,
) -> Result<EventId, EngineError> {
    let held = is_held(ctx, case)?;
    let draft = Draft { expires_hours: hours, ..draft(ctx, case)? };
    let id = events::say(ctx, group, body, &draft)?;
    // The caller's transaction goes back with the error, and with it the event.
    if let Some(refusal) = board(ctx)?.case(case).and_then(|case| case.refused.get(&id).copied()) {
        return Err(EngineError::Refused(refusal));
    }
    if held && !is_held(ctx, case)? {
        // What is said where the defender is names nothing that was said on the desk: this leads from there to here.
        let ended = Ack { refs: [id].into(), level: AckLevel::Human, note: None };
        events::say(
            ctx,
            &home(ctx, case)?,
            ended,
            &Draft { case: draft.case, status: draft.status, ..Draft::default() },
        )?;
    }
    Ok(id)
}

/// What is written about a case that is practice is practice too.
pub fn draft(ctx: &Ctx<'_>, case: &CaseId) -> Result<Draft, EngineError> {
    let entries = select(ctx, "event.case_id = ?1", &[&case.as_bytes()])?;
    let known = reduce(&entries);
    // A host was never told what the case began with.
    let told = || entries.iter().any(|entry| entry.event.content().status == Status::Exercise);
    let exercise = known.exercise || (known.opened_by.is_none() && told());
    let status = if exercise { Status::Exercise } else { Status::Actual };
    Ok(Draft { case: Some(case.clone()), status, ..Draft::default() })
}

/// How much a group is the one in which a case is talked about; 0 is never: not everybody of the case is there.
fn home_rank(kind: GroupKind) -> u8 {
    match kind {
        GroupKind::Case => 3,
        GroupKind::Line => 2,
        GroupKind::Circle => 1,
        GroupKind::Desk | GroupKind::HostLink | GroupKind::Bridge => 0,
    }
}

/// Tells whoever has just come to a group where its cases stand. Newcomers get this, not the history.
pub(super) fn tell_newcomer(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<(), EngineError> {
    let mut board = board(ctx)?;
    let ids: Vec<CaseId> = board.cases().map(|(id, _)| id.clone()).collect();
    for id in ids {
        let here = workplace(ctx, &id).is_ok_and(|home| home.id == circle.id);
        if here && !summed_up(ctx, &id, circle)? {
            snapshot(ctx, &mut board, &id, circle)?;
        }
    }
    Ok(())
}

/// Whether the newest word about a case is an own Snapshot that has just been written for whoever comes first.
fn summed_up(ctx: &Ctx<'_>, id: &CaseId, circle: &Circle) -> Result<bool, EngineError> {
    let newest = views::case_log(ctx, id)?.pop();
    let own = |entry: &views::Entry| entry.own && entry.circle.as_ref() == Some(&circle.id);
    let Some(entry) = newest.filter(|entry| own(entry) && matches!(entry.event.body(), Body::Snapshot(_))) else {
        return Ok(false);
    };
    let sql = "SELECT 1 FROM outgoing WHERE event = ?1 AND relayed IS NULL";
    Ok(ctx.row(sql, &[&&entry.event.id().as_bytes()[..]], |_| Ok(()))?.is_some())
}

/// Writes into a group where a case stands; nothing when it stands nowhere.
pub(super) fn snapshot(
    ctx: &mut Ctx<'_>,
    board: &mut Board,
    id: &CaseId,
    circle: &Circle,
) -> Result<Option<EventId>, EngineError> {
    let opened = board.case(id).and_then(|case| case.opened_by);
    let opened = opened.and_then(|opener| board.events(id).find(|entry| entry.id() == opener).map(Entry::written));
    let Some(case) = board.case(id) else { return Ok(None) };
    let Some(stands) = case.status.clone() else { return Ok(None) };
    let what = &case.assessment;
    let body = Snapshot {
        heads: heads::of_case(ctx, id, Some(&circle.id))?,
        status: stands,
        priority: case.priority.clone(),
        lead: case.lead,
        backups: case.backups.iter().copied().take(16).collect(),
        defender: case.defender.or_else(|| defender_of(ctx, circle)),
        opened,
        kind: what.kind.clone(),
        urgency: what.urgency.clone(),
        severity: what.severity.clone(),
        certainty: what.certainty.clone(),
        place: what.place.clone(),
        summary: None,
    };
    let status = if case.exercise { Status::Exercise } else { Status::Actual };
    let draft = Draft { case: Some(id.clone()), status, ..Draft::default() };
    events::say(ctx, circle, Body::from(body), &draft).map(Some)
}

/// Whom a group protects.
pub(super) fn defender_of(ctx: &Ctx<'_>, circle: &Circle) -> Option<Fingerprint> {
    let protects = if circle.kind == GroupKind::Circle { policy::Role::Owner } else { policy::Role::Defender };
    let members = circles::members(ctx, &circle.id).ok()?;
    members.into_iter().find(|member| member.role == Some(protects)).map(|member| member.fingerprint)
}
