//! Lanes in the store: which cells are expected where, and which slot this client writes to next.

use himaya_protocol::wire::Address;
use himaya_protocol::wire::lane::{COMMIT_LANE, Chain, Slot};
use himaya_protocol::wire::parts::PART_SLOTS;
use himaya_protocol::wire::secret::Secret;
use rusqlite::Row;

use super::error::EngineError;
use super::mls::{Leaf, PAST_EPOCHS};
use crate::store::{Ctx, Seconds, StoreError};

/// How many slots past the last one seen a reader is ready for, in every lane.
pub(super) const LOOKAHEAD: u64 = 8;
/// How long a lane is read after its epoch has ended, in seconds: 7 days.
pub(super) const PAST_SECONDS: Seconds = 7 * 86_400;

/// What kind of lane it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A member's, in one epoch of a circle.
    Member,
    /// A circle's commits, in one epoch.
    Commit,
    /// The parts of a member's commits, in one epoch of a circle.
    Part,
    /// The inbox of a card this person handed out.
    Card,
    /// To or from a contact.
    Contact,
    /// The inbox of a card somebody else handed out.
    Hello,
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Commit => "commit",
            Self::Part => "part",
            Self::Card => "card",
            Self::Contact => "contact",
            Self::Hello => "hello",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let all = [Self::Member, Self::Commit, Self::Part, Self::Card, Self::Contact, Self::Hello];
        all.into_iter().find(|kind| kind.text() == text)
    }
}

/// A lane as it stands in the store.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) id: i64,
    pub(super) kind: Kind,
    pub(super) circle: Option<Vec<u8>>,
    pub(super) epoch: u64,
    pub(super) leaf: u32,
    pub(super) fingerprint: Option<Vec<u8>>,
    pub(super) card: Option<i64>,
}

/// A lane before it is stored.
pub(super) struct NewLane<'a> {
    pub(super) kind: Kind,
    pub(super) own: bool,
    pub(super) chain: Chain,
    pub(super) circle: Option<&'a [u8]>,
    pub(super) epoch: u64,
    pub(super) leaf: u32,
    pub(super) fingerprint: Option<&'a [u8]>,
    pub(super) card: Option<i64>,
}

impl<'a> NewLane<'a> {
    /// A lane outside groups.
    pub(super) fn outside(kind: Kind, own: bool, chain: Chain) -> Self {
        Self { kind, own, chain, circle: None, epoch: 0, leaf: 0, fingerprint: None, card: None }
    }

    /// A lane of a circle.
    fn inside(kind: Kind, circle: &'a [u8], epoch: u64, leaf: u32, own: bool, chain: Chain) -> Self {
        Self { kind, own, chain, circle: Some(circle), epoch, leaf, fingerprint: None, card: None }
    }
}

/// A cell that is expected.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) lane: Lane,
    pub(super) n: u64,
    pub(super) slot: Slot,
}

/// Stores a lane. One that others write to gets its first slots derived.
pub(super) fn open(ctx: &Ctx<'_>, new: &NewLane<'_>) -> Result<i64, EngineError> {
    let id = ctx.insert(
        "INSERT INTO lane (kind, own, circle, epoch, leaf, fingerprint, card, chain, next)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
        &[
            &new.kind.text(),
            &new.own,
            &new.circle,
            &stored(new.epoch),
            &new.leaf,
            &new.fingerprint,
            &new.card,
            &&new.chain.secret().expose()[..],
        ],
    )?;
    if !new.own {
        extend(ctx, id, LOOKAHEAD)?;
    }
    Ok(id)
}

/// Opens every lane of an epoch: the commit lane and two for each leaf.
pub(super) fn open_epoch(
    ctx: &Ctx<'_>,
    circle: &[u8],
    epoch: u64,
    root: &Secret,
    leaves: &[Leaf],
    own_leaf: u32,
) -> Result<(), EngineError> {
    for Leaf { index, fingerprint, .. } in leaves {
        for (kind, chain) in [(Kind::Member, Chain::group(root, *index)), (Kind::Part, Chain::parts(root, *index))] {
            let lane = NewLane::inside(kind, circle, epoch, *index, *index == own_leaf, chain);
            open(ctx, &NewLane { fingerprint: Some(fingerprint.as_bytes()), ..lane })?;
        }
    }
    let commits = Chain::group(root, COMMIT_LANE);
    open(ctx, &NewLane::inside(Kind::Commit, circle, epoch, COMMIT_LANE, false, commits))?;
    Ok(())
}

/// Derives slots of a lane until `upto` of them have been.
fn extend(ctx: &Ctx<'_>, lane: i64, upto: u64) -> Result<(), EngineError> {
    let (mut chain, next) = chain_of(ctx, lane)?;
    if next >= upto {
        return Ok(());
    }
    for n in next..upto {
        let (slot, rest) = chain.step();
        chain = rest;
        ctx.execute(
            "INSERT INTO slot (address, lane, n, key) VALUES (?1, ?2, ?3, ?4)",
            &[&&slot.address.as_bytes()[..], &lane, &stored(n), &&slot.key.expose()[..]],
        )?;
    }
    save(ctx, lane, &chain, upto)
}

/// The expected slot at an address, if there is one.
pub(super) fn expected(ctx: &Ctx<'_>, address: &Address) -> Result<Option<Expected>, EngineError> {
    let found = ctx.row(
        "SELECT lane.id, kind, circle, epoch, leaf, fingerprint, card, slot.n, slot.key
         FROM slot JOIN lane ON lane.id = slot.lane WHERE address = ?1",
        &[&&address.as_bytes()[..]],
        |row| Ok((read_lane(row)?, row.get::<_, i64>(7)?, row.get::<_, Vec<u8>>(8)?)),
    )?;
    found
        .map(|(lane, n, key)| {
            let key = Secret::from_slice(&key).ok_or(StoreError::Damaged("slot"))?;
            Ok(Expected { lane, n: loaded(n), slot: Slot { address: *address, key } })
        })
        .transpose()
}

/// A commit that waits to be judged.
pub(super) struct WaitingCommit {
    pub(super) address: Address,
    /// The window it lies in.
    pub(super) window: u32,
    /// When it was first read.
    pub(super) since: Seconds,
}

/// In which order cells of one sweep are handed in, so that none makes another unreadable before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Whatever ends nothing.
    Message,
    /// A commit: it ends an epoch, and in time its lanes.
    Commit,
    /// Something from a contact: a Welcome ends the group's state as it was.
    Contact,
}

impl Turn {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Message, Self::Commit, Self::Contact];
}

/// Whose turn a cell at this address is; `None` when it is not expected.
pub fn turn(ctx: &Ctx<'_>, address: &Address) -> Result<Option<Turn>, EngineError> {
    let sql = "SELECT kind FROM slot JOIN lane ON lane.id = slot.lane WHERE address = ?1";
    let kind = ctx.row(sql, &[&&address.as_bytes()[..]], |row| row.get::<_, String>(0))?;
    Ok(kind.as_deref().and_then(Kind::from_text).map(|kind| match kind {
        Kind::Member | Kind::Part | Kind::Card | Kind::Hello => Turn::Message,
        Kind::Commit => Turn::Commit,
        Kind::Contact => Turn::Contact,
    }))
}

/// The first cell that waits in the commit lane of a circle, if one does.
pub(super) fn waiting_commit(ctx: &Ctx<'_>, circle: &[u8]) -> Result<Option<WaitingCommit>, EngineError> {
    let sql = "SELECT held.address, held.window, held.since FROM held JOIN slot ON slot.address = held.address
               JOIN lane ON lane.id = slot.lane WHERE lane.circle = ?1 AND lane.kind = 'commit' ORDER BY slot.n LIMIT 1";
    let row =
        ctx.row(sql, &[&circle], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, u32>(1)?, row.get::<_, i64>(2)?)))?;
    row.map(|(address, window, since)| {
        let address = Address::from_slice(&address).ok_or(StoreError::Damaged("held cell"))?;
        Ok(WaitingCommit { address, window, since: loaded(since) })
    })
    .transpose()
}

/// Whether an address is expected, without reading more.
pub fn is_expected(ctx: &Ctx<'_>, address: &Address) -> Result<bool, EngineError> {
    Ok(ctx.row("SELECT 1 FROM slot WHERE address = ?1", &[&&address.as_bytes()[..]], |_| Ok(()))?.is_some())
}

/// The setting that says from which window on everything is to be read again, because a cell there was held and is
/// used now: what it makes expected was passed over then.
pub(super) const READ_AGAIN: &str = "read again";

/// Forgets a slot for good and looks further ahead.
pub(super) fn consume(ctx: &Ctx<'_>, expected: &Expected) -> Result<(), EngineError> {
    let sql = "SELECT window FROM held WHERE address = ?1";
    if let Some(window) = ctx.row(sql, &[&&expected.slot.address.as_bytes()[..]], |row| row.get::<_, u32>(0))? {
        let earlier = ctx.number(READ_AGAIN)?.unwrap_or(u64::MAX);
        ctx.set_number(READ_AGAIN, earlier.min(u64::from(window)))?;
    }
    ctx.execute("DELETE FROM slot WHERE address = ?1", &[&&expected.slot.address.as_bytes()[..]])?;
    ctx.execute("DELETE FROM held WHERE address = ?1", &[&&expected.slot.address.as_bytes()[..]])?;
    if expected.lane.kind == Kind::Commit {
        retry_lane(ctx, expected.lane.id)?;
    }
    look_past(ctx, expected)
}

/// Cells of a lane that were held are tried again with the next reading.
pub(super) fn retry_lane(ctx: &Ctx<'_>, lane: i64) -> Result<(), EngineError> {
    ctx.execute("UPDATE held SET retry_at = 0 WHERE address IN (SELECT address FROM slot WHERE lane = ?1)", &[&lane])?;
    Ok(())
}

/// Looks as far ahead in a lane as one does who has seen this slot.
pub(super) fn look_past(ctx: &Ctx<'_>, expected: &Expected) -> Result<(), EngineError> {
    let upto = expected.n + 1 + LOOKAHEAD;
    extend(ctx, expected.lane.id, if expected.lane.kind == Kind::Part { upto.min(PART_SLOTS) } else { upto })
}

/// Takes the next slot of a lane that this client writes to.
pub(super) fn take(ctx: &Ctx<'_>, lane: i64) -> Result<Slot, EngineError> {
    let (chain, next) = chain_of(ctx, lane)?;
    let (slot, chain) = chain.step();
    save(ctx, lane, &chain, next + 1)?;
    Ok(slot)
}

/// The first slot of a lane that has not been consumed, with its number: where the next commit belongs.
pub(super) fn first_open(ctx: &Ctx<'_>, lane: i64) -> Result<(u64, Slot), EngineError> {
    let (n, address, key) = ctx
        .row("SELECT n, address, key FROM slot WHERE lane = ?1 ORDER BY n LIMIT 1", &[&lane], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?
        .ok_or(StoreError::Damaged("lane"))?;
    let address = Address::from_slice(&address).ok_or(StoreError::Damaged("slot"))?;
    Ok((loaded(n), Slot { address, key: Secret::from_slice(&key).ok_or(StoreError::Damaged("slot"))? }))
}

/// This client's lane, or the commit lane, in an epoch.
pub(super) fn of_epoch(ctx: &Ctx<'_>, circle: &[u8], epoch: u64, leaf: u32) -> Result<i64, EngineError> {
    ctx.row(
        "SELECT id FROM lane WHERE circle = ?1 AND epoch = ?2 AND leaf = ?3 AND kind <> 'part'",
        &[&circle, &stored(epoch), &leaf],
        |row| row.get(0),
    )?
    .ok_or(StoreError::Damaged("lane").into())
}

/// This client's part lane in an epoch, and how many slots of it are left; `None` in an epoch that an older version entered.
pub(super) fn of_parts(ctx: &Ctx<'_>, circle: &[u8], epoch: u64, leaf: u32) -> Result<Option<(i64, u64)>, EngineError> {
    let sql = "SELECT id, next FROM lane WHERE circle = ?1 AND epoch = ?2 AND leaf = ?3 AND kind = 'part'";
    let row = ctx.row(sql, &[&circle, &stored(epoch), &leaf], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    Ok(row.map(|(id, next)| (id, PART_SLOTS.saturating_sub(loaded(next)))))
}

/// How many slots of a lane that this client writes to have been taken.
pub(super) fn taken(ctx: &Ctx<'_>, lane: i64) -> Result<u64, EngineError> {
    chain_of(ctx, lane).map(|(_, next)| next)
}

/// A part has come: a commit of its epoch that waits may have waited for it.
pub(super) fn retry_commits(ctx: &Ctx<'_>, parts: &Lane) -> Result<(), EngineError> {
    let sql = "SELECT id FROM lane WHERE circle = ?1 AND epoch = ?2 AND kind = 'commit'";
    match ctx.row(sql, &[&parts.circle, &stored(parts.epoch)], |row| row.get(0))? {
        Some(commits) => retry_lane(ctx, commits),
        None => Ok(()),
    }
}

/// Every lane to a contact: people who exchanged two cards have two, and only one of them may be read.
pub(super) fn to_contact(ctx: &Ctx<'_>, fingerprint: &[u8]) -> Result<Vec<i64>, EngineError> {
    Ok(ctx.rows(
        "SELECT id FROM lane WHERE kind = 'contact' AND own = 1 AND fingerprint = ?1 ORDER BY id DESC",
        &[&fingerprint],
        |row| row.get(0),
    )?)
}

/// Marks the lanes of earlier epochs as ended, drops those that are too old, and dooms those of leaves that are gone.
pub(super) fn end_epochs(ctx: &Ctx<'_>, circle: &[u8], epoch: u64, gone: &[u32]) -> Result<(), EngineError> {
    let now = stored(ctx.now);
    ctx.execute(
        "UPDATE lane SET ended = ?1 WHERE circle = ?2 AND epoch < ?3 AND ended IS NULL",
        &[&now, &circle, &stored(epoch)],
    )?;
    for leaf in gone {
        ctx.execute(
            "UPDATE lane SET doomed = 1 WHERE circle = ?1 AND leaf = ?2 AND epoch < ?3",
            &[&circle, leaf, &stored(epoch)],
        )?;
    }
    // Commits and their parts have done their work when their epoch has ended.
    let sql = "DELETE FROM lane WHERE circle = ?1 AND kind IN ('commit', 'part') AND epoch < ?2";
    ctx.execute(sql, &[&circle, &stored(epoch)])?;
    ctx.execute(
        "DELETE FROM lane WHERE circle = ?1 AND epoch < ?2",
        &[&circle, &stored(epoch.saturating_sub(PAST_EPOCHS))],
    )?;
    sweep_slots(ctx)
}

/// Everything from before the last removals has been read: the lanes of those who were removed go.
pub fn drop_doomed(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    if ctx.execute("DELETE FROM lane WHERE doomed = 1", &[])? > 0 {
        sweep_slots(ctx)?;
    }
    Ok(())
}

/// Drops lanes whose epoch ended more than [`PAST_SECONDS`] ago.
pub(super) fn prune(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    let oldest = stored(ctx.now.saturating_sub(PAST_SECONDS));
    if ctx.execute("DELETE FROM lane WHERE ended IS NOT NULL AND ended < ?1", &[&oldest])? > 0 {
        sweep_slots(ctx)?;
    }
    Ok(())
}

/// Drops every lane of a circle.
pub(super) fn close_circle(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    ctx.execute("DELETE FROM lane WHERE circle = ?1", &[&circle])?;
    sweep_slots(ctx)
}

/// Drops the inbox of a card.
pub(super) fn close_card(ctx: &Ctx<'_>, card: i64) -> Result<(), EngineError> {
    ctx.execute("DELETE FROM lane WHERE kind = 'card' AND card = ?1", &[&card])?;
    sweep_slots(ctx)
}

fn sweep_slots(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    ctx.execute("DELETE FROM slot WHERE lane NOT IN (SELECT id FROM lane)", &[])?;
    ctx.execute("DELETE FROM held WHERE address NOT IN (SELECT address FROM slot)", &[])?;
    ctx.execute("DELETE FROM part WHERE lane NOT IN (SELECT id FROM lane)", &[])?;
    Ok(())
}

fn chain_of(ctx: &Ctx<'_>, lane: i64) -> Result<(Chain, u64), EngineError> {
    let (chain, next) = ctx
        .row("SELECT chain, next FROM lane WHERE id = ?1", &[&lane], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
        })?
        .ok_or(StoreError::Damaged("lane"))?;
    let chain = Secret::from_slice(&chain).ok_or(StoreError::Damaged("lane"))?;
    Ok((Chain::from_secret(chain), loaded(next)))
}

fn save(ctx: &Ctx<'_>, lane: i64, chain: &Chain, next: u64) -> Result<(), EngineError> {
    ctx.execute(
        "UPDATE lane SET chain = ?1, next = ?2 WHERE id = ?3",
        &[&&chain.secret().expose()[..], &stored(next), &lane],
    )?;
    Ok(())
}

fn read_lane(row: &Row<'_>) -> rusqlite::Result<Lane> {
    let kind: String = row.get(1)?;
    Ok(Lane {
        id: row.get(0)?,
        kind: Kind::from_text(&kind).ok_or(rusqlite::Error::InvalidQuery)?,
        circle: row.get(2)?,
        epoch: loaded(row.get(3)?),
        leaf: row.get(4)?,
        fingerprint: row.get(5)?,
        card: row.get(6)?,
    })
}

/// SQLite's integers are signed; nothing here counts that far.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back from [`stored`].
pub(super) fn loaded(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
