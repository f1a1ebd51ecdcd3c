//! Following a circle, and losing it: why this client is out of sync, what it says then, what tells it that all is well.
//!
//! | reason | what happened | what ends it |
//! |---|---|---|
//! | `missed` | windows went by unread, perhaps with a commit | the proof that none was missed, an owner's commit, being added again |
//! | `commit` | a commit that this client cannot follow, or whose chunks nobody has | the next commit that it can follow, somebody heard in the epoch after it, being added again |
//! | `again` | a commit removed and added this client, and its Welcome has not come | being added again |
//! | `split` | this client followed a commit that an owner could not follow | an owner's commit, being added again |
//!
//! When an owner cannot follow, the owner's way is the circle's: the owner says so where everybody still reads, and
//! whoever went the other way asks to be added again.

use himaya_protocol::wire::member::{Standing, StandingKind};
use himaya_protocol::wire::policy::Role;

use super::circles::{self, Circle, CircleState, DAY, READ_WINDOW};
use super::error::EngineError;
use super::lanes::{self, Lane, stored};
use super::mls::PAST_EPOCHS;
use super::receive::{self, News};
use super::{commit, events, gateway, suspicion, terms, tokens};
use crate::store::{Ctx, Seconds};

/// How long a commit that cannot be judged is waited for.
const COMMIT_WAIT: Seconds = DAY;
/// The setting that says how long the relay's windows are, in seconds.
pub(super) const WINDOW_SECONDS: &str = "window seconds";

/// Why this client is out of sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It has missed windows.
    Missed,
    /// It could not follow the commit at this slot of the newest epoch.
    Commit(u64),
    /// It was added again, and waits for its Welcome.
    Again,
    /// It followed a commit that an owner could not follow.
    Split,
}

impl Reason {
    fn text(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Commit(_) => "commit",
            Self::Again => "again",
            Self::Split => "split",
        }
    }
}

/// This client's standing; `None` before it has read anything.
pub(super) fn standing(ctx: &Ctx<'_>, circle: &[u8]) -> Result<Option<Standing>, EngineError> {
    let Some(window) = ctx.number(READ_WINDOW)?.and_then(|window| u32::try_from(window).ok()) else {
        return Ok(None);
    };
    let kind = if let Some(slot) = lost_slot(ctx, circle)? {
        StandingKind::Lost(slot)
    } else if up_to_date(ctx, circle)? && lanes::waiting_commit(ctx, circle)?.is_none() {
        StandingKind::MissedNothing
    } else {
        StandingKind::Unsure
    };
    let stored = suspicion::slots_stored(ctx, circle)?;
    let (token_key, gateway_key) = (tokens::newest_key(ctx)?, gateway::newest_key(ctx)?);
    let terms = terms::newest_terms(ctx)?;
    Ok(Some(Standing { kind, window, stored, token_key, gateway_key, terms }))
}

/// Notes what the relay says of its windows.
pub fn note_window_length(ctx: &Ctx<'_>, seconds: u32) -> Result<(), EngineError> {
    if ctx.number(WINDOW_SECONDS)? != Some(u64::from(seconds)) {
        ctx.set_number(WINDOW_SECONDS, u64::from(seconds))?;
    }
    Ok(())
}

/// Windows before `oldest` are gone from the relay that this client has not read: it may have missed commits in every
/// circle.
pub fn missed_windows(ctx: &mut Ctx<'_>, oldest: u32) -> Result<Vec<News>, EngineError> {
    let mut news = Vec::new();
    suspicion::forget_echoes(ctx)?;
    for circle in circles::list(ctx)?.into_iter().filter(|circle| circle.state == CircleState::Active) {
        if circle.members > 1 {
            news.extend(missed(ctx, &circle, oldest)?);
        }
    }
    Ok(news)
}

/// Windows before `oldest` were missed, and with them, it may be, the commit that ended the epoch.
pub(super) fn missed(ctx: &mut Ctx<'_>, circle: &Circle, oldest: u32) -> Result<Option<News>, EngineError> {
    ctx.execute("UPDATE circle SET missed_to = max(coalesce(missed_to, 0), ?2) WHERE id = ?1", &[&circle.id, &oldest])?;
    ctx.execute("DELETE FROM heard WHERE circle = ?1", &[&circle.id])?;
    suspicion::overlook(ctx, &circle.id)?;
    if circle.adrift.is_some() {
        return Ok(None);
    }
    lose(ctx, &circle.id, Reason::Missed)?;
    Ok(Some(News::OutOfSync { circle: circle.id.clone() }))
}

/// A commit has been waited for too long. If it was read when it was new, nobody has its chunks: it is passed over. If it
/// was read late, others may have followed it while they were there.
pub(super) fn waits_in_vain(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<bool, EngineError> {
    let Some(waiting) = lanes::waiting_commit(ctx, &circle.id)? else { return Ok(false) };
    if ctx.now < waiting.since.saturating_add(COMMIT_WAIT) {
        return Ok(false);
    }
    let window_seconds = ctx.number(WINDOW_SECONDS)?.unwrap_or(DAY).max(1);
    let read_late = waiting.since / window_seconds > u64::from(waiting.window) + 1;
    if read_late || !receive::pass_over(ctx, &waiting.address)? {
        let read = ctx.number(READ_WINDOW)?.and_then(|window| u32::try_from(window).ok()).unwrap_or_default();
        missed(ctx, circle, read.saturating_add(1))?;
    }
    Ok(true)
}

/// This client does not follow a circle any more: says so, and sends what is not settled to the members one by one. An
/// owner tells everybody who did follow.
pub(super) fn lose(ctx: &mut Ctx<'_>, circle: &[u8], reason: Reason) -> Result<(), EngineError> {
    let followed = in_sync(ctx, circle)?;
    // A Welcome is on its way already; it is asked for again when it has not come by then.
    let ask = if reason == Reason::Again { ctx.now.saturating_add(DAY) } else { ctx.now };
    let slot = if let Reason::Commit(slot) = reason { Some(stored(slot)) } else { None };
    ctx.execute(
        "UPDATE circle SET adrift = coalesce(adrift, ?2), adrift_epoch = epoch, rejoin_at = coalesce(rejoin_at, ?3),
             adrift_slot = ?4
         WHERE id = ?1 AND state = 'active'",
        &[&circle, &reason.text(), &stored(ask), &slot],
    )?;
    if lost_slot(ctx, circle)?.is_some() {
        events::tell_standing(ctx, circle)?;
    }
    // After windows that were missed it may have been put already, and won.
    if reason != Reason::Missed && !may_commit(ctx, circle)? {
        commit::withdraw(ctx, circle)?;
    }
    if followed { events::tell_contacts(ctx, circle) } else { Ok(()) }
}

/// A member wrote in a lane of an epoch.
///
/// If it is ours, somebody is where we are. After a commit that could not be followed, an epoch after it tells that all
/// is well again. After windows that were missed, that no commit was among them is certain when the owner says so who
/// missed nothing (somebody who was removed meanwhile would say it too), or when everybody else says to be in this epoch
/// still; one other who was away as well proves nothing.
pub(super) fn heard(
    ctx: &mut Ctx<'_>,
    circle: &[u8],
    lane: &Lane,
    standing: Option<Standing>,
) -> Result<Vec<News>, EngineError> {
    if let Some(Standing { kind: StandingKind::Lost(slot), .. }) = standing {
        return owner_lost(ctx, circle, lane, slot);
    }
    let adrift = ctx.row(
        "SELECT adrift, epoch > adrift_epoch, coalesce(missed_to, 0) FROM circle
         WHERE id = ?1 AND epoch = ?2 AND adrift IN ('missed', 'commit')",
        &[&circle, &stored(lane.epoch)],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, u32>(2)?)),
    )?;
    let Some((reason, later, window)) = adrift else { return Ok(Vec::new()) };
    if reason != Reason::Missed.text() {
        if later {
            all_is_well(ctx, circle)?;
        }
        return Ok(Vec::new());
    }
    let Some(standing) = standing.filter(|standing| standing.window >= window) else { return Ok(Vec::new()) };
    if !(standing.kind == StandingKind::MissedNothing && vouches(ctx, circle, lane.leaf)?) {
        ctx.execute("INSERT OR IGNORE INTO heard (circle, leaf) VALUES (?1, ?2)", &[&circle, &lane.leaf])?;
        let sql = "SELECT (SELECT count(*) FROM heard WHERE circle = ?1) + 1
                       >= (SELECT count(*) FROM member WHERE circle = ?1)";
        if !ctx.row(sql, &[&circle], |row| row.get::<_, bool>(0))?.unwrap_or(false) {
            return Ok(Vec::new());
        }
    }
    all_is_well(ctx, circle)?;
    Ok(Vec::new())
}

/// Somebody could not follow the commit at this slot. If it is the owner, that commit counts for nobody: whoever has
/// followed it goes back, and whoever has not read it finds it void.
fn owner_lost(ctx: &mut Ctx<'_>, circle: &[u8], lane: &Lane, slot: u32) -> Result<Vec<News>, EngineError> {
    let sql = "SELECT 1 FROM circle JOIN member ON member.circle = circle.id
               WHERE circle.id = ?1 AND circle.state = 'active' AND member.fingerprint = ?2 AND member.role = 'owner'";
    if ctx.row(sql, &[&circle, &lane.fingerprint], |_| Ok(()))?.is_some() {
        ctx.execute(
            "INSERT INTO passed (circle, epoch, lost) VALUES (?1, ?2, ?3)
             ON CONFLICT (circle, epoch) DO UPDATE SET lost = max(coalesce(lost, 0), ?3)",
            &[&circle, &stored(lane.epoch), &slot],
        )?;
        let sql = "SELECT id FROM lane WHERE circle = ?1 AND kind = 'commit' AND epoch = ?2";
        if let Some(commits) = ctx.row(sql, &[&circle, &stored(lane.epoch)], |row| row.get::<_, i64>(0))? {
            lanes::retry_lane(ctx, commits)?;
        }
    }
    check_split(ctx, circle, lane.epoch)
}

/// Whether an owner has said that it could not follow the commit at this slot.
pub(super) fn counts_for_nobody(ctx: &Ctx<'_>, circle: &[u8], epoch: u64, slot: u64) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM passed WHERE circle = ?1 AND epoch = ?2 AND lost >= ?3";
    Ok(ctx.row(sql, &[&circle, &stored(epoch), &stored(slot)], |_| Ok(()))?.is_some())
}

/// An epoch was left by the commit at this slot.
pub(super) fn left_epoch(ctx: &mut Ctx<'_>, circle: &[u8], epoch: u64, slot: u64) -> Result<Vec<News>, EngineError> {
    ctx.execute(
        "INSERT INTO passed (circle, epoch, slot) VALUES (?1, ?2, ?3)
         ON CONFLICT (circle, epoch) DO UPDATE SET slot = ?3",
        &[&circle, &stored(epoch), &stored(slot)],
    )?;
    let oldest = stored(epoch.saturating_sub(PAST_EPOCHS));
    ctx.execute("DELETE FROM passed WHERE circle = ?1 AND epoch < ?2", &[&circle, &oldest])?;
    check_split(ctx, circle, epoch)
}

/// Whether this client has left an epoch by a commit that the owner could not follow.
fn check_split(ctx: &mut Ctx<'_>, circle: &[u8], epoch: u64) -> Result<Vec<News>, EngineError> {
    // The owner says it with every message; once is enough.
    let sql = "SELECT 1 FROM passed JOIN circle ON circle.id = passed.circle
               WHERE passed.circle = ?1 AND passed.epoch = ?2 AND slot <= lost AND circle.adrift IS NOT 'split'";
    let split = ctx.row(sql, &[&circle, &stored(epoch)], |_| Ok(()))?.is_some();
    if !split || circles::role(ctx, circle)? == Some(Role::Owner) {
        return Ok(Vec::new());
    }
    lose(ctx, circle, Reason::Split)?;
    let sql = "UPDATE circle SET adrift = ?2, adrift_epoch = ?3 WHERE id = ?1";
    ctx.execute(sql, &[&circle, &Reason::Split.text(), &stored(epoch)])?;
    Ok(vec![News::OutOfSync { circle: circle.to_vec() }])
}

/// Whether a member's word tells this client that it missed nothing. Whoever was removed meanwhile still has the keys of
/// the epoch that this client is in, and would say so too; the owner cannot have been removed.
fn vouches(ctx: &Ctx<'_>, circle: &[u8], leaf: u32) -> Result<bool, EngineError> {
    Ok(is_owner(ctx, circle, leaf)? || circles::role(ctx, circle)? == Some(Role::Owner))
}

fn is_owner(ctx: &Ctx<'_>, circle: &[u8], leaf: u32) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM member WHERE circle = ?1 AND leaf = ?2 AND role = 'owner'";
    Ok(ctx.row(sql, &[&circle, &leaf], |_| Ok(()))?.is_some())
}

/// A commit of the member at this leaf could be followed. After windows that were missed it may be one of a group that
/// others have left, unless it is the owner's; the same after a split.
pub(super) fn followed(ctx: &Ctx<'_>, circle: &[u8], leaf: u32) -> Result<(), EngineError> {
    let reason: Option<String> =
        ctx.row("SELECT adrift FROM circle WHERE id = ?1", &[&circle], |row| row.get(0))?.flatten();
    let Some(reason) = reason else { return Ok(()) };
    let well = if reason == Reason::Missed.text() {
        vouches(ctx, circle, leaf)?
    } else {
        reason != Reason::Split.text() || is_owner(ctx, circle, leaf)?
    };
    if well { all_is_well(ctx, circle) } else { Ok(()) }
}

fn all_is_well(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    ctx.execute("UPDATE circle SET adrift = NULL, rejoin_at = NULL, missed_to = NULL WHERE id = ?1", &[&circle])?;
    ctx.execute("DELETE FROM heard WHERE circle = ?1", &[&circle])?;
    Ok(())
}

/// Whether this client follows a circle and has nothing to read again first.
pub(super) fn up_to_date(ctx: &Ctx<'_>, circle: &[u8]) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM circle WHERE id = ?1 AND state = 'active' AND adrift IS NULL AND unread_since IS NULL
                   AND NOT EXISTS (SELECT 1 FROM setting WHERE name = ?2)";
    Ok(ctx.row(sql, &[&circle, &lanes::READ_AGAIN], |_| Ok(()))?.is_some())
}

/// Whether this client may change a circle: it follows it, or it owns it and is adrift because of a commit that it
/// could not follow. Then its next commit is what brings everybody together again.
pub(super) fn may_commit(ctx: &Ctx<'_>, circle: &[u8]) -> Result<bool, EngineError> {
    Ok(up_to_date(ctx, circle)? || is_lost_owner(ctx, circle)?)
}

/// Whether this client owns the circle and could not follow a commit of it.
fn is_lost_owner(ctx: &Ctx<'_>, circle: &[u8]) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM circle WHERE id = ?1 AND state = 'active' AND adrift = 'commit'";
    let unfollowable = ctx.row(sql, &[&circle], |_| Ok(()))?.is_some();
    Ok(unfollowable && circles::role(ctx, circle)? == Some(Role::Owner))
}

/// The slot of the commit that this client, the owner, could not follow, as long as it is in the epoch of that commit.
fn lost_slot(ctx: &Ctx<'_>, circle: &[u8]) -> Result<Option<u32>, EngineError> {
    let sql = "SELECT adrift_slot FROM circle WHERE id = ?1 AND epoch = adrift_epoch";
    let slot = ctx.row(sql, &[&circle], |row| row.get::<_, Option<u32>>(0))?.flatten();
    Ok(if is_lost_owner(ctx, circle)? { slot } else { None })
}

/// Whether a circle is active and this client follows it.
pub(super) fn in_sync(ctx: &Ctx<'_>, circle: &[u8]) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM circle WHERE id = ?1 AND state = 'active' AND adrift IS NULL";
    Ok(ctx.row(sql, &[&circle], |_| Ok(()))?.is_some())
}
