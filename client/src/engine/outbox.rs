//! The outbox: what has to reach the relay, byte for byte as it will be sent however often that takes.
//!
//! A job is the chunks of a long payload, if any, and the cell that is put after them. The bytes are made once, in the
//! transaction that advanced the ratchet. When somebody else's bytes already lie at the cell's address, the same MLS
//! message is sealed again for the next slot; it is never encrypted anew.

use himaya_protocol::wire::cell::{Frame, INLINE_MAX, seal_cell};
use himaya_protocol::wire::lane::Slot;
use himaya_protocol::wire::parts::Parts;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::{SPILL_MAX, Spill};
use himaya_protocol::wire::{Address, Cell, Chunk};

use super::adrift::WINDOW_SECONDS;
use super::error::EngineError;
use super::lanes::{self, loaded, stored as number};
use super::receive::News;
use super::schedule::{self, Next, Pace, Supply, Waiting};
use super::tokens;
use super::{commit, events, parts, suspicion};
use crate::store::{Ctx, Seconds, StoreError};

/// What a job carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An event.
    Event,
    /// Nothing but how the sender stands.
    Standing,
    /// What members say to each other that is no event.
    Aside,
    /// A commit.
    Commit,
    /// A part of a commit that does not fit one cell.
    Part,
    /// A hello to the owner of a card.
    Hello,
    /// A message to a contact: a Welcome or a request.
    Contact,
    /// The key of a card.
    CardKey,
    /// Nothing: noise, so that writing tells nothing.
    Cover,
}

impl Purpose {
    const ALL: [Self; 9] = [
        Self::Event,
        Self::Standing,
        Self::Aside,
        Self::Commit,
        Self::Part,
        Self::Hello,
        Self::Contact,
        Self::CardKey,
        Self::Cover,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Standing => "standing",
            Self::Aside => "aside",
            Self::Commit => "commit",
            Self::Part => "part",
            Self::Hello => "hello",
            Self::Contact => "contact",
            Self::CardKey => "card key",
            Self::Cover => "cover",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.text() == text)
    }
}

/// What is to be put, chunks first.
#[derive(Debug, Clone)]
pub struct Job {
    /// Names the job in the outbox.
    pub id: i64,
    /// What it carries.
    pub purpose: Purpose,
    /// Whether somebody waits for it.
    pub urgent: bool,
    /// Whether the cover schedule has let it leave: one box at a time.
    pub released: bool,
    /// Whether it may use the tokens that are kept for alerts.
    pub reserve: bool,
    /// How often it failed to reach the relay.
    pub attempts: u32,
    /// Chunks, to be put before the cell.
    pub chunks: Vec<QueuedChunk>,
    /// Where the cell goes.
    pub address: Address,
    /// The cell.
    pub cell: Cell,
}

/// A chunk of a job.
#[derive(Debug, Clone)]
pub struct QueuedChunk {
    /// Where it goes.
    pub address: Address,
    /// The chunk.
    pub chunk: Chunk,
    /// Whether the relay has said that it has it. It is put again with its job all the same, as a box of the present window.
    pub stored: bool,
    /// Whether it lies in the relay's present window, as far as this client knows.
    pub present: bool,
}

/// What follows when other bytes lie at a job's address.
#[derive(Debug)]
pub enum Taken {
    /// The job was moved to its lane's next slot: put it again.
    Moved,
    /// Somebody else's commit may have won: hand the cell that is there to [`super::receive`].
    Receive,
    /// The card was accepted by somebody else, or spoiled; the job is given up.
    CardUsed,
    /// The job is gone already.
    Gone,
}

/// A job before it has bytes.
pub(super) struct NewJob<'a> {
    pub(super) purpose: Purpose,
    pub(super) lane: Option<i64>,
    pub(super) payload: &'a [u8],
    pub(super) circle: Option<&'a [u8]>,
    pub(super) event: Option<&'a [u8]>,
    pub(super) epoch: Option<u64>,
    pub(super) urgent: bool,
    pub(super) reserve: bool,
    /// From when a client that watches lets it leave, if nobody waits for it.
    pub(super) spread: Seconds,
}

impl<'a> NewJob<'a> {
    pub(super) fn outside(purpose: Purpose, lane: Option<i64>, payload: &'a [u8]) -> Self {
        Self { purpose, lane, payload, circle: None, event: None, epoch: None, urgent: true, reserve: false, spread: 0 }
    }
}

/// Seals a payload for a slot and queues it.
pub(super) fn enqueue(ctx: &mut Ctx<'_>, new: &NewJob<'_>, slot: &Slot) -> Result<i64, EngineError> {
    let (frame, chunks) = frame(ctx, new.payload)?;
    let id = enqueue_frame(ctx, new, slot, &frame)?;
    for (n, (address, chunk)) in (0i64..).zip(chunks) {
        ctx.execute(
            "INSERT INTO chunk (job, n, address, bytes) VALUES (?1, ?2, ?3, ?4)",
            &[&id, &n, &&address.as_bytes()[..], &chunk.as_bytes()],
        )?;
    }
    Ok(id)
}

/// Seals a frame for a slot and queues it; what the job says of a payload is not used.
pub(super) fn enqueue_frame(
    ctx: &mut Ctx<'_>,
    new: &NewJob<'_>,
    slot: &Slot,
    frame: &Frame,
) -> Result<i64, EngineError> {
    let cell = seal(ctx, slot, frame)?;
    suspicion::expect_echo(ctx, &slot.address)?;
    let sql = "INSERT INTO job (purpose, lane, frame, address, cell, circle, event, epoch, urgent, not_before, reserve,
            spread, place)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, coalesce((SELECT next FROM lane WHERE id = ?2), 0))";
    let id = ctx.insert(
        sql,
        &[
            &new.purpose.text(),
            &new.lane,
            &frame_bytes(frame),
            &&slot.address.as_bytes()[..],
            &cell.as_bytes(),
            &new.circle,
            &new.event,
            &new.epoch.map(number),
            &new.urgent,
            &0i64,
            &new.reserve,
            &number(new.spread),
        ],
    )?;
    Ok(id)
}

/// Queues a message to a contact, in every lane to it; the jobs.
pub(super) fn to_contact(ctx: &mut Ctx<'_>, fingerprint: &[u8], message: &[u8]) -> Result<Vec<i64>, EngineError> {
    let mut jobs = Vec::new();
    for lane in lanes::to_contact(ctx, fingerprint)? {
        let slot = lanes::take(ctx, lane)?;
        jobs.push(enqueue(ctx, &NewJob::outside(Purpose::Contact, Some(lane), message), &slot)?);
    }
    Ok(jobs)
}

/// Lets a job use the tokens that are kept for alerts.
pub(super) fn may_use_reserve(ctx: &Ctx<'_>, job: i64) -> Result<(), EngineError> {
    ctx.execute("UPDATE job SET reserve = 1 WHERE id = ?1", &[&job])?;
    Ok(())
}

/// Cuts a payload into chunks that are queued with a job of their own cell elsewhere: gives the record to send.
pub(super) fn spill(ctx: &mut Ctx<'_>, payload: &[u8]) -> Result<(Spill, Vec<(Address, Chunk)>), EngineError> {
    let seed = Secret::new(ctx.random());
    Spill::cut(seed, payload, || ctx.random())
        .map_err(|_| EngineError::Mls { step: "cutting a payload", cause: format!("over {SPILL_MAX} bytes") })
}

/// Queues a cell that says nothing, to leave now.
pub(super) fn enqueue_noise(ctx: &Ctx<'_>, address: &Address, cell: &[u8], as_word: bool) -> Result<(), EngineError> {
    suspicion::expect_echo(ctx, address)?;
    ctx.execute(
        "INSERT INTO job (purpose, frame, address, cell, urgent, reserve, not_before, released)
         VALUES (?1, x'', ?2, ?3, ?4, ?4, 0, 1)",
        &[&Purpose::Cover.text(), &&address.as_bytes()[..], &cell, &as_word],
    )?;
    Ok(())
}

/// The setting that is 1 when the last box that the cover schedule let leave was a chunk.
const CHUNK_LAST: &str = "cover chunk last";

/// Lets a job leave that is not urgent, or its next chunk.
pub(super) fn release(ctx: &Ctx<'_>, job: i64) -> Result<(), EngineError> {
    ctx.set_number(CHUNK_LAST, 0)?;
    ctx.execute("UPDATE job SET released = 1 WHERE id = ?1", &[&job])?;
    Ok(())
}

/// What waits, as far as it matters to the schedule. Commits wait for their parts, and while this client may have missed
/// something: the slot may have been won by a commit that the relay has forgotten.
pub(super) fn queue(ctx: &Ctx<'_>) -> Result<Vec<Waiting>, EngineError> {
    let sql = "SELECT id, lane, place, urgent, released, reserve, purpose = 'commit',
            purpose = 'commit' AND (coalesce(circle IN (SELECT id FROM circle WHERE adrift = 'missed'), 1)
                OR EXISTS (SELECT 1 FROM job AS part WHERE part.purpose = 'part' AND part.circle = job.circle)),
            EXISTS (SELECT 1 FROM token WHERE token.address = job.address), not_before,
            EXISTS (SELECT 1 FROM chunk WHERE chunk.job = job.id AND NOT chunk.stored), spread, purpose = 'part'
        FROM job ORDER BY id";
    let jobs = ctx.rows(sql, &[], |row| {
        let place = row.get(2)?;
        Ok(Waiting {
            id: row.get(0)?,
            lane: row.get::<_, Option<i64>>(1)?.map(|lane| (lane, place)),
            urgent: row.get(3)?,
            released: row.get(4)?,
            reserve: row.get(5)?,
            commit: row.get(6)?,
            stopped: row.get(7)?,
            paid: row.get(8)?,
            not_before: loaded(row.get(9)?),
            chunks: row.get(10)?,
            spread: loaded(row.get(11)?),
            part: row.get(12)?,
        })
    })?;
    Ok(jobs)
}

/// Whether the last box that the cover schedule let leave was a chunk.
pub(super) fn chunk_was_last(ctx: &Ctx<'_>) -> Result<bool, EngineError> {
    Ok(ctx.number(CHUNK_LAST)? == Some(1))
}

/// A chunk of a job that the cover schedule had let leave is at the relay: what is left of the job waits for its next turn.
pub fn hold_back(ctx: &Ctx<'_>, job: i64) -> Result<(), EngineError> {
    ctx.set_number(CHUNK_LAST, 1)?;
    ctx.execute("UPDATE job SET released = 0 WHERE id = ?1", &[&job])?;
    Ok(())
}

/// How many boxes wait for the cover schedule that belong to jobs with chunks.
pub(super) fn trickling(ctx: &Ctx<'_>) -> Result<u64, EngineError> {
    let chunks = "SELECT count(*) FROM chunk JOIN job ON job.id = chunk.job WHERE NOT job.urgent AND NOT chunk.stored";
    let jobs = "SELECT count(*) FROM job WHERE NOT urgent AND id IN (SELECT job FROM chunk)";
    let count = |sql| ctx.row(sql, &[], |row| row.get::<_, i64>(0)).map(|count| loaded(count.unwrap_or_default()));
    Ok(count(chunks)?.saturating_add(count(jobs)?))
}

/// The relay's window when it was seen last: no later than what is put now is filed under.
fn window_seen(ctx: &Ctx<'_>) -> Result<Option<u64>, EngineError> {
    Ok(ctx.number(tokens::WINDOW)?)
}

/// The latest window that the relay may be in, by what was seen of it and by this client's clock.
fn window_now(ctx: &Ctx<'_>) -> Result<Option<u64>, EngineError> {
    let by_clock = ctx.number(WINDOW_SECONDS)?.and_then(|length| ctx.now.checked_div(length));
    Ok(window_seen(ctx)?.into_iter().chain(by_clock).max())
}

/// Adds chunks to a queued job, to be put before its cell.
pub(super) fn add_chunks(ctx: &Ctx<'_>, job: i64, chunks: &[(Address, Chunk)]) -> Result<(), EngineError> {
    for (address, chunk) in chunks {
        ctx.execute(
            "INSERT INTO chunk (job, n, address, bytes)
             SELECT ?1, 1 + coalesce(max(n), -1), ?2, ?3 FROM chunk WHERE job = ?1",
            &[&job, &&address.as_bytes()[..], &chunk.as_bytes()],
        )?;
    }
    Ok(())
}

/// The next job whose time has come: [`schedule::next`] says which.
pub fn next_job(ctx: &Ctx<'_>, pace: Pace) -> Result<Option<Job>, EngineError> {
    match schedule::next(&queue(ctx)?, tokens::supply(ctx)?, pace, ctx.now) {
        Some(next) => load(ctx, next).map(Some),
        None => Ok(None),
    }
}

/// Whether a job that is due waits for nothing but a token.
pub fn waits_for_token(ctx: &Ctx<'_>, pace: Pace) -> Result<bool, EngineError> {
    let supply = tokens::supply(ctx)?;
    if supply == Supply::Ample {
        return Ok(false);
    }
    let queue = queue(ctx)?;
    Ok(schedule::next(&queue, supply, pace, ctx.now).is_none()
        && schedule::next(&queue, Supply::Ample, pace, ctx.now).is_some())
}

/// When the next job may be tried that does not wait for a token or for its circle.
pub(super) fn next_due(ctx: &Ctx<'_>, pace: Pace) -> Result<Option<Seconds>, EngineError> {
    Ok(schedule::next_due(&queue(ctx)?, tokens::supply(ctx)?, pace))
}

fn load(ctx: &Ctx<'_>, next: Next) -> Result<Job, EngineError> {
    let sql = "SELECT purpose, attempts, address, cell, urgent, released FROM job WHERE id = ?1";
    let row = ctx.row(sql, &[&next.id], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, u32>(1)?,
            row.get::<_, Vec<u8>>(2)?,
            row.get::<_, Vec<u8>>(3)?,
            row.get::<_, bool>(4)?,
            row.get::<_, bool>(5)?,
        ))
    })?;
    let (purpose, attempts, address, cell, urgent, released) = row.ok_or(StoreError::Damaged("job"))?;
    let sql = "SELECT address, bytes, stored, stored AND coalesce(window = ?2, 0) FROM chunk WHERE job = ?1 ORDER BY n";
    let chunks = ctx.rows(sql, &[&next.id, &window_now(ctx)?.map(number)], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, bool>(2)?, row.get::<_, bool>(3)?))
    })?;
    let chunks = chunks
        .into_iter()
        .map(|(address, bytes, stored, present)| {
            let (address, chunk) = (Address::from_slice(&address)?, Chunk::from_bytes(bytes)?);
            Some(QueuedChunk { address, chunk, stored, present })
        })
        .collect::<Option<Vec<_>>>();
    let job = |chunks| {
        Some(Job {
            id: next.id,
            purpose: Purpose::from_text(&purpose)?,
            urgent,
            released,
            reserve: next.reserve,
            attempts,
            chunks,
            address: Address::from_slice(&address)?,
            cell: Cell::from_bytes(cell)?,
        })
    };
    Ok(chunks.and_then(job).ok_or(StoreError::Damaged("job"))?)
}

/// Whether a commit waits because this client may have missed something in its circle.
pub fn waits_for_circle(ctx: &Ctx<'_>, job: i64) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM job JOIN circle ON circle.id = job.circle WHERE job.id = ?1 AND adrift = 'missed'";
    Ok(ctx.row(sql, &[&job], |_| Ok(()))?.is_some())
}

/// Whether a job still waits to be put at this address.
pub fn waits_at(ctx: &Ctx<'_>, job: i64, address: &Address) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM job WHERE id = ?1 AND address = ?2";
    Ok(ctx.row(sql, &[&job, &&address.as_bytes()[..]], |_| Ok(()))?.is_some())
}

/// How many jobs wait that say something, and when the next of them may be tried.
pub fn waiting(ctx: &Ctx<'_>) -> Result<(u64, Option<Seconds>), EngineError> {
    let sql = "SELECT count(*), min(not_before) FROM job
        WHERE purpose NOT IN ('cover', 'part') OR (purpose = 'cover' AND urgent)";
    let row = ctx.row(sql, &[], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))?;
    let (count, next) = row.unwrap_or_default();
    Ok((loaded(count), next.map(loaded)))
}

/// A job did not reach the relay: it is tried again, the same bytes, not before `at`, and its lane with it.
pub fn postpone(ctx: &Ctx<'_>, job: i64, at: Seconds) -> Result<(), EngineError> {
    ctx.execute("UPDATE job SET attempts = attempts + 1 WHERE id = ?1", &[&job])?;
    ctx.execute(
        "UPDATE job SET not_before = max(not_before, ?2)
         WHERE id = ?1 OR lane = (SELECT lane FROM job WHERE id = ?1)",
        &[&job, &number(at)],
    )?;
    Ok(())
}

/// Jobs that failed are due again at once: a person is waiting.
pub fn retry_now(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    ctx.execute("UPDATE job SET not_before = 0", &[])?;
    tokens::retry_now(ctx)?;
    Ok(())
}

/// The relay has a chunk of a job. The token that was shown with it is never shown again.
pub fn chunk_stored(ctx: &Ctx<'_>, job: i64, address: &Address) -> Result<(), EngineError> {
    tokens::destroy(ctx, address)?;
    ctx.execute(
        "UPDATE chunk SET stored = 1, window = ?3 WHERE job = ?1 AND address = ?2",
        &[&job, &&address.as_bytes()[..], &window_seen(ctx)?.map(number)],
    )?;
    Ok(())
}

/// The relay has a job's cell. Twice for one job is the same as once.
pub fn stored(ctx: &mut Ctx<'_>, job: i64) -> Result<Vec<News>, EngineError> {
    let row = ctx.row("SELECT purpose, event, circle, address FROM job WHERE id = ?1", &[&job], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, Option<Vec<u8>>>(1)?,
            row.get::<_, Option<Vec<u8>>>(2)?,
            row.get::<_, Vec<u8>>(3)?,
        ))
    })?;
    let Some((purpose, event, circle, address)) = row else {
        return Ok(Vec::new());
    };
    suspicion::acknowledged(ctx, &address)?;
    erase(ctx, job)?;
    match Purpose::from_text(&purpose) {
        Some(Purpose::Commit) => commit::won(ctx, &circle.ok_or(StoreError::Damaged("job"))?, job),
        Some(Purpose::Event) => events::relayed(ctx, &event.ok_or(StoreError::Damaged("job"))?),
        Some(
            Purpose::Standing
            | Purpose::Aside
            | Purpose::Part
            | Purpose::Hello
            | Purpose::Contact
            | Purpose::CardKey
            | Purpose::Cover,
        ) => Ok(Vec::new()),
        None => Err(StoreError::Damaged("job").into()),
    }
}

/// Other bytes lie at a job's address.
pub fn taken(ctx: &mut Ctx<'_>, job: i64) -> Result<Taken, EngineError> {
    let row = ctx.row("SELECT purpose, lane, circle FROM job WHERE id = ?1", &[&job], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<Vec<u8>>>(2)?))
    })?;
    let Some((purpose, lane, circle)) = row else {
        return Ok(Taken::Gone);
    };
    match (Purpose::from_text(&purpose), lane) {
        (Some(Purpose::Commit), _) => Ok(Taken::Receive),
        (Some(Purpose::Hello), _) if super::contacts::single_hello(ctx, job)? => {
            super::contacts::give_up_hello(ctx, job)?;
            Ok(Taken::CardUsed)
        }
        // A member has filled the lane: the commit is made anew, and goes in chunks.
        (Some(Purpose::Part), Some(lane)) if !parts::may_move(ctx, lane)? => {
            commit::stage_anew(ctx, &circle.ok_or(StoreError::Damaged("job"))?)?;
            Ok(Taken::Gone)
        }
        (Some(_), Some(lane)) => {
            let slot = lanes::take(ctx, lane)?;
            move_job(ctx, job, &slot)?;
            Ok(Taken::Moved)
        }
        (Some(Purpose::Cover), _) => {
            drop_job(ctx, job)?;
            Ok(Taken::Gone)
        }
        // The key of a card: the address is as random as the card, so only a relay that lies answers so.
        (_, None) | (None, _) => {
            drop_job(ctx, job)?;
            Ok(Taken::CardUsed)
        }
    }
}

/// Seals a job's frame again for another slot.
pub(super) fn move_job(ctx: &mut Ctx<'_>, job: i64, slot: &Slot) -> Result<(), EngineError> {
    let frame: Option<Vec<u8>> = ctx.row("SELECT frame FROM job WHERE id = ?1", &[&job], |row| row.get(0))?;
    let frame = frame.as_deref().and_then(read_frame).ok_or(StoreError::Damaged("job"))?;
    let cell = seal(ctx, slot, &frame)?;
    suspicion::expect_echo(ctx, &slot.address)?;
    // The token that was shown with the old address is never shown with another.
    tokens::destroy_of(ctx, job)?;
    ctx.execute(
        "UPDATE job SET address = ?2, cell = ?3, not_before = 0,
             place = coalesce((SELECT next FROM lane WHERE id = job.lane), 0) WHERE id = ?1",
        &[&job, &&slot.address.as_bytes()[..], &cell.as_bytes()],
    )?;
    Ok(())
}

/// The commit job that is queued for an address, with its cell.
pub(super) fn commit_at(ctx: &Ctx<'_>, address: &Address) -> Result<Option<(i64, Vec<u8>)>, EngineError> {
    Ok(ctx.row(
        "SELECT id, cell FROM job WHERE address = ?1 AND purpose = 'commit'",
        &[&&address.as_bytes()[..]],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?)
}

/// Takes a job out of the outbox that the relay may not have. Its slot may stay empty, so nobody may be told that it does not.
pub(super) fn drop_job(ctx: &Ctx<'_>, job: i64) -> Result<(), EngineError> {
    ctx.execute(
        "UPDATE lane SET empty_from = min(coalesce(empty_from, job.place - 1), job.place - 1)
         FROM job WHERE job.id = ?1 AND lane.id = job.lane",
        &[&job],
    )?;
    erase(ctx, job)
}

fn erase(ctx: &Ctx<'_>, job: i64) -> Result<(), EngineError> {
    tokens::destroy_of(ctx, job)?;
    ctx.execute("DELETE FROM chunk WHERE job = ?1", &[&job])?;
    ctx.execute("DELETE FROM job WHERE id = ?1", &[&job])?;
    Ok(())
}

/// Takes every job of a circle out of the outbox.
pub(super) fn drop_circle(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    drop_where(ctx, "circle = ?1", circle)
}

/// Takes the commits of a circle out of the outbox, with their parts.
pub(super) fn drop_commits(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    drop_where(ctx, "circle = ?1 AND purpose IN ('commit', 'part')", circle)
}

fn drop_where(ctx: &Ctx<'_>, which: &'static str, circle: &[u8]) -> Result<(), EngineError> {
    ctx.execute(&format!("DELETE FROM chunk WHERE job IN (SELECT id FROM job WHERE {which})"), &[&circle])?;
    ctx.execute(&format!("DELETE FROM job WHERE {which}"), &[&circle])?;
    Ok(())
}

fn frame(ctx: &mut Ctx<'_>, payload: &[u8]) -> Result<(Frame, Vec<(Address, Chunk)>), EngineError> {
    if payload.len() <= INLINE_MAX {
        return Ok((Frame::Inline(payload.to_vec()), Vec::new()));
    }
    let (record, chunks) = spill(ctx, payload)?;
    Ok((Frame::Spill(record), chunks))
}

fn seal(ctx: &mut Ctx<'_>, slot: &Slot, frame: &Frame) -> Result<Cell, EngineError> {
    let nonce = ctx.random();
    seal_cell(&slot.key, &slot.address, nonce, frame).map_err(EngineError::mls("sealing a cell"))
}

/// How a frame stands in the outbox: 0 and the payload, 1 and the spill record, or 2 and the record of parts.
fn frame_bytes(frame: &Frame) -> Vec<u8> {
    match frame {
        Frame::Inline(payload) => [&[0], payload.as_slice()].concat(),
        Frame::Spill(spill) => [&[1], &spill.to_bytes()[..]].concat(),
        Frame::Parts(parts) => [&[2], parts.to_bytes().as_slice()].concat(),
    }
}

fn read_frame(bytes: &[u8]) -> Option<Frame> {
    match bytes.split_first()? {
        (0, payload) => Some(Frame::Inline(payload.to_vec())),
        (1, record) => Spill::from_bytes(record).map(Frame::Spill),
        (2, record) => Parts::from_bytes(record).map(Frame::Parts),
        _ => None,
    }
}
