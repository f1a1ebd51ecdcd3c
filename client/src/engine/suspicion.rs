//! What a relay has done that an honest one does not, and how a client comes to see it (docs/protocol.md section 5.10).
//!
//! | seen | an honest relay never does it, because |
//! |---|---|
//! | a slot is empty that its writer, or whoever judged it, was told is taken | 201, 200 and 409 speak of what is durable and shown to everybody |
//! | a closed window is not what it was | it never changes |
//! | two token keys, or keys for forwarders, for one window, shown to this client or to two members | there is one of each, the same for everybody |
//! | twice other terms for a member between two readings of the same ones | they are the same for everybody; it may change them, and take that back once |
//! | something of our own, cover included, that it acknowledged and does not show | the same as the first |
//!
//! Nothing here is judged while something has still to be read, nor of what lay in windows that were missed. A member can
//! write and say what makes the relay look guilty of the first and of what members compare; what people are told says so.

use std::collections::BTreeSet;

use himaya_protocol::wire::address::{PREFIX_SIZE, Prefix};
use himaya_protocol::wire::{Address, Cell};
use sha2::{Digest, Sha256};

use super::circles::{CircleId, READ_WINDOW};
use super::error::EngineError;
use super::lanes::{Expected, loaded, stored};
use super::receive::News;
use super::{terms, upkeep};
use crate::store::{Ctx, Seconds};

/// How often reading has begun: what was acknowledged before must be seen by the time it ends.
const READINGS: &str = "readings";
/// How long something of our own is looked for, in seconds: no relay keeps it longer.
const LOOKED_FOR: Seconds = 31 * 86_400;

/// What a relay is suspected of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A slot of a lane is empty that its writer was told is taken.
    Gap,
    /// A closed window is not what it was.
    WindowChanged,
    /// It has shown this client two keys for one window.
    KeyChanged,
    /// It has shown a member another key than this client.
    KeyDiffers,
    /// It acknowledged something of our own and does not show it.
    Silent,
    /// It has shown members other terms than this client, again and again.
    TermsDiffer,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Gap, Self::WindowChanged, Self::KeyChanged, Self::KeyDiffers, Self::Silent, Self::TermsDiffer];

    /// How it stands in the store and in what programs read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::WindowChanged => "window_changed",
            Self::KeyChanged => "key_changed",
            Self::KeyDiffers => "key_differs",
            Self::Silent => "silent",
            Self::TermsDiffer => "terms_differ",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

/// Something that the relay did, the first time that it was seen to do so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// What it did.
    pub reason: Reason,
    /// When this client saw it.
    pub since: Seconds,
    /// In which window, if it was in one.
    pub window: Option<u32>,
    /// The name of the circle that it was seen in, if it was one.
    pub circle: Option<String>,
}

/// What the relay is suspected of, until somebody says that it is explained.
pub fn suspicions(ctx: &Ctx<'_>) -> Result<Vec<Suspicion>, EngineError> {
    let sql =
        "SELECT reason, since, window, circle.name FROM suspicion LEFT JOIN circle ON circle.id = suspicion.circle
               ORDER BY since, reason";
    let rows = ctx.rows(sql, &[], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<u32>>(2)?, row.get(3)?))
    })?;
    let suspicion = |(word, since, window, circle): (String, i64, Option<u32>, Option<String>)| {
        Some(Suspicion { reason: Reason::from_word(&word)?, since: loaded(since), window, circle })
    };
    Ok(rows.into_iter().filter_map(suspicion).collect())
}

/// Somebody has looked into it: the relay is trusted as before, until it does something again. How many were forgotten.
pub fn forget_suspicions(ctx: &Ctx<'_>) -> Result<usize, EngineError> {
    // What was seen to be missing has been told of; it is not told of again.
    ctx.execute("DELETE FROM promised", &[])?;
    forget_echoes(ctx)?;
    terms::forget_returns(ctx)?;
    ctx.execute("UPDATE token_key SET changed = 0, differs = 0", &[])?;
    Ok(ctx.execute("DELETE FROM suspicion", &[])?)
}

/// The relay has done something. Of each kind the first time is kept.
pub(super) fn suspect(
    ctx: &Ctx<'_>,
    reason: Reason,
    window: Option<u32>,
    circle: Option<&[u8]>,
) -> Result<(), EngineError> {
    ctx.execute(
        "INSERT OR IGNORE INTO suspicion (reason, since, window, circle) VALUES (?1, ?2, ?3, ?4)",
        &[&reason.word(), &stored(ctx.now), &window, &circle],
    )?;
    Ok(())
}

/// Reading begins that goes to the end: names it for [`end_reading`].
pub fn begin_reading(ctx: &Ctx<'_>) -> Result<u64, EngineError> {
    let reading = ctx.number(READINGS)?.unwrap_or_default().saturating_add(1);
    ctx.set_number(READINGS, reading)?;
    Ok(reading)
}

/// Everything the relay has was read since [`begin_reading`]: what should have been there and was not makes it suspect.
pub fn end_reading(ctx: &mut Ctx<'_>, reading: u64) -> Result<Vec<News>, EngineError> {
    look_for_gaps(ctx)?;
    look_for_echoes(ctx, reading)?;
    let sql = "SELECT reason FROM suspicion WHERE NOT told ORDER BY since, reason";
    let new = ctx.rows(sql, &[], |row| row.get::<_, String>(0))?;
    ctx.execute("UPDATE suspicion SET told = 1 WHERE NOT told", &[])?;
    Ok(new.iter().filter_map(|word| Reason::from_word(word)).map(News::RelaySuspect).collect())
}

/// A closed window was read whole, in any order and with repeats. It must be what it was the last time.
pub fn note_window(ctx: &Ctx<'_>, oldest: u32, window: u32, cells: &[(Address, Cell)]) -> Result<(), EngineError> {
    let mut sorted: Vec<_> = cells.iter().map(|(address, cell)| (address.as_bytes(), cell.as_bytes())).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut hash = Sha256::new_with_prefix(b"himaya closed window");
    for (address, cell) in sorted {
        hash.update(address);
        hash.update(cell);
    }
    let digest = hash.finalize().to_vec();
    ctx.execute("DELETE FROM window_read WHERE window < ?1", &[&oldest])?;
    ctx.execute("INSERT OR IGNORE INTO window_read (window, digest) VALUES (?1, ?2)", &[&window, &digest])?;
    let sql = "SELECT digest = ?2 FROM window_read WHERE window = ?1";
    if ctx.row(sql, &[&window, &digest], |row| row.get::<_, bool>(0))? == Some(false) {
        suspect(ctx, Reason::WindowChanged, Some(window), None)?;
    }
    Ok(())
}

/// Cells have come: those of our own are not waited for any more.
pub fn note_seen<'a>(ctx: &Ctx<'_>, came: impl Iterator<Item = &'a Address>) -> Result<(), EngineError> {
    let own = not_seen(ctx)?;
    if own.is_empty() {
        return Ok(());
    }
    let own: BTreeSet<_> = own.into_iter().collect();
    for address in came.map(|address| &address.as_bytes()[..]).filter(|address| own.contains(*address)) {
        ctx.execute("UPDATE echo SET seen = 1 WHERE address = ?1", &[&address])?;
    }
    Ok(())
}

/// An index has come: whoever reads by lists looks for its own cells there, since it asks for none of them.
pub(super) fn note_listed(ctx: &Ctx<'_>, listed: &[Prefix]) -> Result<(), EngineError> {
    let own = not_seen(ctx)?;
    if own.is_empty() {
        return Ok(());
    }
    let listed: BTreeSet<&[u8]> = listed.iter().map(|prefix| &prefix[..]).collect();
    let came = |address: &&Vec<u8>| address.get(..PREFIX_SIZE).is_some_and(|prefix| listed.contains(prefix));
    for address in own.iter().filter(came) {
        ctx.execute("UPDATE echo SET seen = 1 WHERE address = ?1", &[address])?;
    }
    Ok(())
}

/// Where something of our own has not been seen yet.
fn not_seen(ctx: &Ctx<'_>) -> Result<Vec<Vec<u8>>, EngineError> {
    Ok(ctx.rows("SELECT address FROM echo WHERE NOT seen", &[], |row| row.get::<_, Vec<u8>>(0))?)
}

/// Something of our own will be put here.
pub(super) fn expect_echo(ctx: &Ctx<'_>, address: &Address) -> Result<(), EngineError> {
    ctx.execute("INSERT OR IGNORE INTO echo (address) VALUES (?1)", &[&&address.as_bytes()[..]])?;
    Ok(())
}

/// The relay says that it has what is here. It has to be in what is read from now on, unless it came already.
pub(super) fn acknowledged(ctx: &Ctx<'_>, address: &[u8]) -> Result<(), EngineError> {
    let reading = stored(ctx.number(READINGS)?.unwrap_or_default());
    ctx.execute("DELETE FROM echo WHERE address = ?1 AND seen", &[&address])?;
    let sql = "UPDATE echo SET acknowledged = ?2, since = ?3 WHERE address = ?1 AND acknowledged IS NULL";
    ctx.execute(sql, &[&address, &reading, &stored(ctx.now)])?;
    Ok(())
}

/// A member says of how many first slots of its lane the relay says that they are taken. `expected` is where that lay.
pub(super) fn promised(ctx: &Ctx<'_>, window: u32, expected: &Expected, slots: u32) -> Result<(), EngineError> {
    // A message says this of the slots before its own.
    let slots = stored(u64::from(slots).min(expected.n));
    ctx.execute(
        "INSERT OR IGNORE INTO promised (address, window) SELECT address, ?3 FROM slot WHERE lane = ?1 AND n < ?2",
        &[&expected.lane.id, &slots, &window],
    )?;
    Ok(())
}

/// Windows were missed in which what this client wrote may have lain: it is not looked for any more.
pub(super) fn forget_echoes(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    ctx.execute("DELETE FROM echo WHERE acknowledged IS NOT NULL", &[])?;
    Ok(())
}

/// Windows were missed in which what others wrote in a circle may have lain: slots of the lanes that are open now may
/// rightly stay empty.
pub(super) fn overlook(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    ctx.execute("UPDATE lane SET unsure = 1 WHERE circle = ?1 AND own = 0", &[&circle])?;
    Ok(())
}

/// How many first slots of this client's own lane the relay has said to be taken.
pub(super) fn slots_stored(ctx: &Ctx<'_>, circle: &[u8]) -> Result<u32, EngineError> {
    let sql = "SELECT min(next, coalesce(empty_from, next),
                   coalesce((SELECT min(place) - 1 FROM job WHERE job.lane = lane.id), next))
               FROM lane WHERE circle = ?1 AND own = 1 AND kind = 'member' ORDER BY epoch DESC LIMIT 1";
    Ok(ctx.row(sql, &[&circle], |row| row.get(0))?.unwrap_or_default())
}

/// Slots that should hold something, in windows that have been read to their end.
fn look_for_gaps(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let sql = "DELETE FROM promised WHERE address NOT IN (SELECT address FROM slot)
                   OR address IN (SELECT address FROM held)";
    ctx.execute(sql, &[])?;
    let Some(read) = ctx.number(READ_WINDOW)? else { return Ok(()) };
    if upkeep::unread_from(ctx, 1)?.is_some() {
        return Ok(());
    }
    // In the commit lane nobody writes to a slot before having judged the one before it.
    let sql = "SELECT lane.circle, promised.window FROM promised JOIN slot ON slot.address = promised.address
               JOIN lane ON lane.id = slot.lane JOIN circle ON circle.id = lane.circle
               WHERE promised.window < ?1 AND NOT lane.unsure AND circle.state = 'active' AND circle.adrift IS NULL
               UNION ALL
               SELECT lane.circle, held.window FROM held JOIN slot ON slot.address = held.address
               JOIN lane ON lane.id = slot.lane JOIN circle ON circle.id = lane.circle
               WHERE held.window < ?1 AND lane.kind = 'commit' AND NOT lane.unsure AND circle.state = 'active'
                   AND circle.adrift IS NULL AND EXISTS (SELECT 1 FROM slot AS earlier WHERE earlier.lane = slot.lane
                       AND earlier.n < slot.n AND earlier.address NOT IN (SELECT address FROM held))
               ORDER BY 2 LIMIT 1";
    let gap = ctx.row(sql, &[&stored(read)], |row| Ok((row.get::<_, CircleId>(0)?, row.get::<_, u32>(1)?)))?;
    if let Some((circle, window)) = gap {
        suspect(ctx, Reason::Gap, Some(window), Some(&circle))?;
    }
    Ok(())
}

/// What of our own was acknowledged before everything was read, and did not come.
fn look_for_echoes(ctx: &Ctx<'_>, reading: u64) -> Result<(), EngineError> {
    // What was given up before it was sent, what has come, and what no relay would keep any more.
    let oldest = stored(ctx.now.saturating_sub(LOOKED_FOR));
    ctx.execute(
        "DELETE FROM echo WHERE (acknowledged IS NULL AND address NOT IN (SELECT address FROM job))
             OR (acknowledged IS NOT NULL AND (seen OR since < ?1))",
        &[&oldest],
    )?;
    let sql = "SELECT 1 FROM echo WHERE acknowledged < ?1";
    if ctx.row(sql, &[&stored(reading)], |_| Ok(()))?.is_some() {
        suspect(ctx, Reason::Silent, None, None)?;
    }
    Ok(())
}
