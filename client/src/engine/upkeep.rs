//! What happens without anybody asking: receipts in their time, key updates in turn, asking to be added again.

use himaya_protocol::content::EventId;
use himaya_protocol::wire::contact::ContactMessage;
use himaya_protocol::wire::member;
use himaya_protocol::wire::policy::Role;

use super::circles::{self, Circle, CircleState, DAY};
use super::commit::{self, Wish};
use super::error::EngineError;
use super::lanes::{self, loaded, stored};
use super::outbox;
use super::receive::{News, oldest_held};
use super::schedule::{self, Pace, RECEIPT_MEAN};
use super::{adrift, asides, desks, events, ladder, mls, plans, retention, shelter};
use crate::store::{Ctx, Seconds};

/// How long whoever has joined waits on average before its leaf gets a key of its own.
pub(super) const JOINER_UPDATE_MEAN: Seconds = 3_600;
/// The longest that anything is planned ahead: ten means of the longest, a receipt's mean that a person chose aside.
const PLANNED_MOST: Seconds = 7 * DAY;

/// Plans the device receipt for an event: it waits for its circle's next batch.
pub(super) fn plan_receipt(ctx: &mut Ctx<'_>, circle: &[u8], event: &EventId) -> Result<(), EngineError> {
    let mean = ctx.number("receipt mean")?.unwrap_or(RECEIPT_MEAN);
    if mean == 0 {
        return Ok(());
    }
    ctx.execute("INSERT OR IGNORE INTO receipt (circle, event) VALUES (?1, ?2)", &[&circle, &&event.as_bytes()[..]])?;
    let planned =
        ctx.row("SELECT receipt_due FROM circle WHERE id = ?1", &[&circle], |row| row.get::<_, Option<i64>>(0))?;
    let due = schedule::receipts_due(planned.flatten().map(loaded), ctx.now, mean, ctx.rng);
    ctx.execute("UPDATE circle SET receipt_due = ?2 WHERE id = ?1", &[&circle, &stored(due)])?;
    Ok(())
}

/// Does whatever is due now.
pub fn tick(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    lanes::prune(ctx)?;
    retention::destroy_due(ctx)?;
    desks::tend(ctx)?;
    for circle in circles::list(ctx)?.into_iter().filter(|circle| circle.state == CircleState::Active) {
        if due(ctx, &circle, "receipt_due")? {
            ctx.execute("UPDATE circle SET receipt_due = NULL WHERE id = ?1", &[&circle.id])?;
            events::write_receipts(ctx, &circle.id)?;
        }
        if circle.adrift.is_some() {
            ask_to_be_added_again(ctx, &circle)?;
        } else if circle.members > 1 && !adrift::waits_in_vain(ctx, &circle)? {
            take_turn(ctx, &circle)?;
            asides::offer_if_due(ctx, &circle)?;
        }
    }
    ladder::climb(ctx)?;
    shelter::carry_all(ctx)?;
    plans::climb(ctx)?;
    events::issue_waiting(ctx)
}

/// When [`tick`] next has something to do, or a job may be tried again.
pub fn next_due(ctx: &Ctx<'_>, pace: Pace) -> Result<Option<Seconds>, EngineError> {
    // A key update that waits in the outbox is due there, and one of a group that is left or lost is never.
    let sql = "SELECT min(at) FROM (
        SELECT receipt_due AS at FROM circle WHERE state = 'active'
        UNION ALL SELECT update_due FROM circle WHERE state = 'active' AND adrift IS NULL
            AND (SELECT count(*) FROM member WHERE member.circle = circle.id) > 1
            AND NOT EXISTS (SELECT 1 FROM intent WHERE intent.circle = circle.id AND kind = 'update')
        UNION ALL SELECT offer_due FROM circle WHERE state = 'active' AND adrift IS NULL
        UNION ALL SELECT rejoin_at FROM circle WHERE adrift IS NOT NULL)";
    let planned = ctx.row(sql, &[], |row| row.get::<_, Option<i64>>(0))?.flatten().map(loaded);
    let others = retention::next_look(ctx)?.into_iter().chain(ladder::next_due(ctx)?);
    Ok(planned.into_iter().chain(outbox::next_due(ctx, pace)?).chain(others).min())
}

/// Everything the relay has was read: what was sent in an epoch that is too old now goes out again.
pub fn synced(ctx: &mut Ctx<'_>) -> Result<Vec<News>, EngineError> {
    let last = ctx.number("last sync")?.unwrap_or(ctx.now);
    let news = events::settle(ctx, ctx.now.saturating_sub(last))?;
    ctx.set_number("last sync", ctx.now)?;
    Ok(news)
}

/// The window from which everything has to be read again, because others may have written to this client before it
/// could know, or because a cell that was held is used now.
pub fn unread_from(ctx: &Ctx<'_>, window_seconds: u32) -> Result<Option<u32>, EngineError> {
    let since = ctx.row("SELECT min(unread_since) FROM circle", &[], |row| row.get::<_, Option<i64>>(0))?;
    let joined = since.flatten().map(|since| loaded(since) / u64::from(window_seconds.max(1)));
    let held = ctx.number(lanes::READ_AGAIN)?;
    Ok(joined.into_iter().chain(held).min().map(|window| u32::try_from(window).unwrap_or(u32::MAX)))
}

/// Reading begins again at [`unread_from`], or at the relay's oldest window if that is later: whoever asked before that
/// to be added may have missed what came after the Welcome's epoch.
pub fn read_again(ctx: &mut Ctx<'_>, oldest: u32, window_seconds: u32) -> Result<Vec<News>, EngineError> {
    let mut news = Vec::new();
    let kept = u64::from(oldest) * u64::from(window_seconds);
    ctx.unset(lanes::READ_AGAIN)?;
    for circle in circles::list(ctx)?.into_iter().filter(|circle| circle.state == CircleState::Active) {
        let id = circle.id.clone();
        let sql = "SELECT unread_since FROM circle WHERE id = ?1";
        let since = ctx.row(sql, &[&id], |row| row.get::<_, Option<i64>>(0))?.flatten();
        ctx.execute("UPDATE circle SET unread_since = NULL WHERE id = ?1", &[&id])?;
        if since.is_some_and(|since| loaded(since) < kept) {
            news.extend(adrift::missed(ctx, &circle, oldest)?);
        }
        commit::stage_next(ctx, &id)?;
    }
    Ok(news)
}

/// The window from which reading has to start again because a cell there could not be used before.
pub fn oldest_unread(ctx: &Ctx<'_>) -> Result<Option<u32>, EngineError> {
    oldest_held(ctx)
}

/// About one key update a circle and day: whoever's turn the hash of circle and day says.
fn take_turn(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<(), EngineError> {
    let today = ctx.now / DAY;
    let seen = ctx.row("SELECT update_day FROM circle WHERE id = ?1", &[&circle.id], |row| row.get::<_, i64>(0))?;
    if loaded(seen.unwrap_or_default()) < today {
        ctx.execute("UPDATE circle SET update_day = ?2 WHERE id = ?1", &[&circle.id, &stored(today)])?;
        if my_turn(ctx, circle, today)? {
            let due = schedule::update_due(ctx.now, ctx.rng);
            ctx.execute(
                "UPDATE circle SET update_due = coalesce(update_due, ?2) WHERE id = ?1",
                &[&circle.id, &stored(due)],
            )?;
        }
    }
    if due(ctx, circle, "update_due")?
        && !commit::wished(ctx, &circle.id, "update", None)?
        && !commit::wish_if_possible(ctx, &circle.id, &Wish::Update)?
    {
        circles::updated(ctx, &circle.id)?;
    }
    Ok(())
}

fn my_turn(ctx: &Ctx<'_>, circle: &Circle, day: u64) -> Result<bool, EngineError> {
    let mut members = circles::members(ctx, &circle.id)?;
    members.sort_by_key(|member| member.fingerprint);
    let turn = member::turn(&circle.id, day, u64::try_from(members.len()).unwrap_or(1));
    let turn = usize::try_from(turn).unwrap_or_default();
    Ok(members.get(turn).is_some_and(|member| member.me))
}

/// Asks one of those who may: the owner first, then one coordinator after the other, once a day.
fn ask_to_be_added_again(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<(), EngineError> {
    if !due(ctx, circle, "rejoin_at")? {
        return Ok(());
    }
    ctx.execute("UPDATE circle SET rejoin_at = ?2 WHERE id = ?1", &[&circle.id, &stored(ctx.now + DAY)])?;
    let mut able = Vec::new();
    for member in circles::members(ctx, &circle.id)? {
        let may = member.role.is_some_and(Role::adds_again) && !member.me;
        if may && asides::reaches(ctx, &member.fingerprint, &circle.id)? {
            able.push((member.role, member.fingerprint));
        }
    }
    able.sort();
    let asked = ctx.number("rejoins asked")?.unwrap_or_default();
    ctx.set_number("rejoins asked", asked + 1)?;
    let count = u64::try_from(able.len()).unwrap_or(1).max(1);
    let Some((_, who)) = able.get(usize::try_from(asked % count).unwrap_or_default()).copied() else {
        return Ok(());
    };
    let key_package = mls::key_package(ctx, &who, Some(&circle.id))?;
    let message = ContactMessage::Rejoin { group: circle.id.clone(), key_package }.to_bytes();
    asides::tell(ctx, &who, &message, &circle.id)?;
    Ok(())
}

pub(super) fn due(ctx: &Ctx<'_>, circle: &Circle, column: &'static str) -> Result<bool, EngineError> {
    // What lies further ahead than anything is ever planned was planned by a clock that has been put back since.
    let sql = format!("SELECT 1 FROM circle WHERE id = ?1 AND ({column} <= ?2 OR {column} > ?2 + ?3)");
    Ok(ctx.row(&sql, &[&circle.id, &stored(ctx.now), &stored(PLANNED_MOST)], |_| Ok(()))?.is_some())
}
