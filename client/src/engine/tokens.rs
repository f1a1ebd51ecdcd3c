//! Rights to write: drawn a batch a window, kept here, each shown with one address and no other (docs/protocol.md 5.9).
//!
//! | what happened | draw | token |
//! |---|---|---|
//! | about to be sent | stored with the exact bytes | bound to the address of the box |
//! | no answer, or busy | the same bytes later | stays bound: the same token with the same box |
//! | done: 200 to a draw; 201, 200, 409 to a put | becomes tokens, in one transaction | destroyed |
//! | 401 | | destroyed, another one is bound |
//! | 403, 422 | dropped; after 403 the invite is used no more | |
//! | its key is no longer accepted | dropped | destroyed |

use himaya_protocol::wire::Address;
use himaya_protocol::wire::invite::Invite;
use himaya_protocol::wire::member::SeenKey;
use himaya_protocol::wire::relay::{Access, Descriptor};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::token::{BatchResponse, Draw, IssueRequest, Token, TokenError, TokenKey};
use rand::Rng;
use rusqlite::types::ToSql;

use super::adrift::WINDOW_SECONDS;
use super::error::EngineError;
use super::lanes::loaded;
use super::outbox::{Job, Purpose};
use super::schedule::Supply;
use super::suspicion::{self, Reason};
use crate::store::{Ctx, Seconds, StoreError};

/// How many tokens are kept for alerts, answers of people and removals: a quarter of a draw.
pub const RESERVE: u64 = 32;
/// What the parts of long removals leave of it to alerts and answers.
const RESERVE_HALF: u64 = RESERVE / 2;

/// 1 when the relay asks for tokens.
const ACCESS: &str = "relay access";
/// The relay's window when its descriptor was read last.
pub(super) const WINDOW: &str = "relay window";
/// The secret of the invite that is drawn with.
const INVITE: &str = "invite";
/// 1 when the relay refused that invite.
const INVITE_REFUSED: &str = "invite refused";
/// The first window in which the next batch may be drawn.
const NEXT_DRAW: &str = "next draw window";
/// The time in it from which it is drawn.
const DRAW_AT: &str = "next draw at";
/// No draw before this time: the last try failed.
const DRAW_RETRY: &str = "draw retry";

/// How many windows ahead of the relay's, as it was last seen, a member's key may be.
pub(super) const KEY_AHEAD: u64 = 2;
/// How many different keys of others are kept for one window until the own one is seen: two are proof enough.
const KEYS_HEARD: i64 = 2;

/// How long nothing is drawn when the relay's window was not what this client took it to be.
const WINDOW_WRONG: Seconds = 300;
/// The longest wait after a draw that failed.
const DRAW_WAIT_MOST: Seconds = 300;
/// How long to wait, at least, when the invite has nothing left in this window.
const ALLOTMENT_WAIT: Seconds = 3_600;

/// What may be shown with a put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// Nothing is asked for, as far as this client knows.
    Open,
    /// This token, which is bound to the address on disk.
    Token(Token),
    /// Something is asked for, and nothing is there for this job.
    Wait,
}

/// What became of an answered draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// There are tokens.
    Tokens,
    /// The relay used another key than it announced: none of the tokens may be used, and the draw was dropped.
    Marked,
    /// It was finished by another process.
    Gone,
}

/// Why a draw yielded nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawFailure {
    /// The relay knows no such invite.
    Invite,
    /// The relay issues under another key now.
    Key,
    /// The relay is busy, or the invite has nothing left in this window.
    Busy,
    /// The relay was not reached, or did not make sense.
    Line,
}

/// How it stands with the invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteState {
    /// There is none.
    Missing,
    /// There is one.
    Good,
    /// The relay does not know it, or no longer.
    Refused,
}

/// The rights to write that are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// Tokens that are bound to nothing yet.
    pub left: u64,
    /// The invite that more are drawn with.
    pub invite: InviteState,
    /// The relay has shown two keys for one window: it may be telling people apart.
    pub key_changed: bool,
    /// Somebody in a circle saw another key for a window than this client: the relay may be telling people apart.
    pub key_differs: bool,
}

/// Notes what a descriptor says of tokens, and forgets tokens whose time is over.
pub fn note_relay_tokens(ctx: &Ctx<'_>, relay: &Descriptor) -> Result<(), EngineError> {
    note(ctx, ACCESS, u64::from(relay.access == Access::Token))?;
    note(ctx, WINDOW, u64::from(relay.current_window))?;
    for key in &relay.token_keys {
        note_key(ctx, key)?;
    }
    let current = i64::from(relay.current_window);
    for table in
        ["token WHERE last_window", "draw WHERE last_window", "token_key WHERE last", "key_heard WHERE first + 255"]
    {
        ctx.execute(&format!("DELETE FROM {table} < ?1"), &[&current])?;
    }
    // Bound to boxes that are not put any more.
    ctx.execute(
        "DELETE FROM token WHERE address IS NOT NULL
         AND address NOT IN (SELECT address FROM job UNION ALL SELECT address FROM chunk)",
        &[],
    )?;
    Ok(())
}

fn note(ctx: &Ctx<'_>, name: &str, value: u64) -> Result<(), EngineError> {
    if ctx.number(name)? != Some(value) {
        ctx.set_number(name, value)?;
    }
    Ok(())
}

fn note_key(ctx: &Ctx<'_>, key: &TokenKey) -> Result<(), EngineError> {
    let (first, last, id) = (i64::from(key.first), i64::from(key.last_accepted), key.key.id());
    let seen = ctx.row("SELECT id FROM token_key WHERE first = ?1", &[&first], |row| row.get::<_, Vec<u8>>(0))?;
    match seen {
        Some(seen) if seen == id => (),
        Some(_) => {
            let new = ctx.execute("UPDATE token_key SET changed = 1 WHERE first = ?1 AND NOT changed", &[&first])?;
            if new > 0 {
                suspicion::suspect(ctx, Reason::KeyChanged, Some(key.first), None)?;
            }
        }
        None => {
            let row: [&dyn ToSql; 3] = [&first, &last, &&id[..]];
            ctx.execute(
                "INSERT INTO token_key (first, last, id, differs)
                 VALUES (?1, ?2, ?3, EXISTS (SELECT 1 FROM key_heard WHERE first = ?1 AND id <> ?3))",
                &row,
            )?;
            if ctx.execute("DELETE FROM key_heard WHERE first = ?1 AND id <> ?2", &[&first, &&id[..]])? > 0 {
                suspicion::suspect(ctx, Reason::KeyDiffers, Some(key.first), None)?;
            }
            ctx.execute("DELETE FROM key_heard WHERE first = ?1", &[&first])?;
        }
    }
    Ok(())
}

/// The newest token key that the relay has shown, for others to compare; `None` when it asks for no tokens.
pub(super) fn newest_key(ctx: &Ctx<'_>) -> Result<Option<SeenKey>, EngineError> {
    if !needs_tokens(ctx)? {
        return Ok(None);
    }
    let sql = "SELECT first, id FROM token_key ORDER BY first DESC LIMIT 1";
    let row = ctx.row(sql, &[], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, [u8; 32]>(1)?)))?;
    Ok(row.map(|(first, id)| SeenKey { first, id }))
}

/// A member says which token key the relay has shown it. It is compared now, or when the own one for that window is seen.
pub(super) fn heard_key(ctx: &Ctx<'_>, theirs: &SeenKey) -> Result<(), EngineError> {
    let (first, id) = (i64::from(theirs.first), &theirs.id[..]);
    let own = ctx.row("SELECT id FROM token_key WHERE first = ?1", &[&first], |row| row.get::<_, Vec<u8>>(0))?;
    match own {
        Some(own) if own == id => (),
        Some(_) => {
            let new = ctx.execute("UPDATE token_key SET differs = 1 WHERE first = ?1 AND NOT differs", &[&first])?;
            if new > 0 {
                suspicion::suspect(ctx, Reason::KeyDiffers, Some(theirs.first), None)?;
            }
        }
        // Of a key that this client never saw and never will, because its window has gone by, nothing can be said.
        None if key_is_to_come(ctx, theirs.first)? => {
            ctx.execute(
                "INSERT OR IGNORE INTO key_heard (first, id)
                 SELECT ?1, ?2 WHERE (SELECT count(*) FROM key_heard WHERE first = ?1) < ?3",
                &[&first, &id, &KEYS_HEARD],
            )?;
        }
        None => (),
    }
    Ok(())
}

fn key_is_to_come(ctx: &Ctx<'_>, first: u32) -> Result<bool, EngineError> {
    let Some(current) = ctx.number(WINDOW)? else { return Ok(false) };
    let newest = ctx.row("SELECT max(first) FROM token_key", &[], |row| row.get::<_, Option<u32>>(0))?.flatten();
    let first = u64::from(first);
    Ok(first <= current.saturating_add(KEY_AHEAD) && newest.is_none_or(|newest| first > u64::from(newest)))
}

/// Takes an invite up. What the one before it yielded stays.
///
/// Fails with [`EngineError::InviteRelay`] when it is for another relay.
pub fn add_invite(ctx: &Ctx<'_>, invite: &Invite) -> Result<(), EngineError> {
    if invite.relay != super::identity(ctx)?.relay {
        return Err(EngineError::InviteRelay);
    }
    let known = ctx.setting(INVITE)?.is_some_and(|secret| secret == invite.secret.expose());
    if !known {
        ctx.set(INVITE, invite.secret.expose())?;
        ctx.execute("DELETE FROM setting WHERE name IN (?1, ?2)", &[&NEXT_DRAW, &DRAW_AT])?;
    }
    ctx.execute("DELETE FROM setting WHERE name IN (?1, ?2)", &[&INVITE_REFUSED, &DRAW_RETRY])?;
    Ok(())
}

/// Whether the relay asked for tokens when its descriptor was read last.
pub fn needs_tokens(ctx: &Ctx<'_>) -> Result<bool, EngineError> {
    Ok(ctx.number(ACCESS)? == Some(1))
}

/// The rights to write that are here; `None` when the relay asks for none.
pub fn stock(ctx: &Ctx<'_>) -> Result<Option<Stock>, EngineError> {
    if !needs_tokens(ctx)? {
        return Ok(None);
    }
    let invite = match ctx.setting(INVITE)? {
        None => InviteState::Missing,
        Some(_) if ctx.number(INVITE_REFUSED)? == Some(1) => InviteState::Refused,
        Some(_) => InviteState::Good,
    };
    let sql = "SELECT max(changed), max(differs) FROM token_key";
    let row = ctx.row(sql, &[], |row| Ok((row.get::<_, Option<bool>>(0)?, row.get::<_, Option<bool>>(1)?)))?;
    let (changed, differs) = row.unwrap_or_default();
    let (key_changed, key_differs) = (changed.unwrap_or(false), differs.unwrap_or(false));
    Ok(Some(Stock { left: left(ctx)?, invite, key_changed, key_differs }))
}

fn left(ctx: &Ctx<'_>) -> Result<u64, EngineError> {
    let count = ctx.row("SELECT count(*) FROM token WHERE address IS NULL", &[], |row| row.get::<_, i64>(0))?;
    Ok(loaded(count.unwrap_or_default()))
}

pub(super) fn supply(ctx: &Ctx<'_>) -> Result<Supply, EngineError> {
    if !needs_tokens(ctx)? {
        return Ok(Supply::Ample);
    }
    Ok(match left(ctx)? {
        0 => Supply::Out,
        1..=RESERVE_HALF => Supply::Low,
        left if left <= RESERVE => Supply::Reserve,
        _ => Supply::Ample,
    })
}

/// What to show with a box of a job. A token is bound to the box's address for good: the relay would know two addresses
/// that were shown the same token as one person's.
pub fn right_for(ctx: &Ctx<'_>, job: &Job, address: &Address) -> Result<Right, EngineError> {
    if !needs_tokens(ctx)? {
        return Ok(Right::Open);
    }
    let address = &address.as_bytes()[..];
    let bound = ctx.row("SELECT bytes FROM token WHERE address = ?1", &[&address], |row| row.get::<_, Vec<u8>>(0))?;
    let bytes = match (bound, supply(ctx)?) {
        (Some(bytes), _) => bytes,
        (None, Supply::Out) => return Ok(Right::Wait),
        (None, Supply::Reserve | Supply::Low) if !job.reserve => return Ok(Right::Wait),
        (None, Supply::Low) if job.purpose == Purpose::Part => return Ok(Right::Wait),
        (None, Supply::Reserve | Supply::Low | Supply::Ample) => {
            let free = "SELECT bytes FROM token WHERE address IS NULL ORDER BY bytes LIMIT 1";
            let Some(bytes) = ctx.row(free, &[], |row| row.get::<_, Vec<u8>>(0))? else { return Ok(Right::Wait) };
            ctx.execute("UPDATE token SET address = ?2 WHERE bytes = ?1", &[&bytes, &address])?;
            bytes
        }
    };
    Ok(Right::Token(Token::from_bytes(&bytes).map_err(|_| StoreError::Damaged("token"))?))
}

/// The relay did not take the token that was shown with an address.
pub fn token_refused(ctx: &Ctx<'_>, address: &Address) -> Result<(), EngineError> {
    destroy(ctx, address)
}

/// Destroys the token that is bound to an address.
pub(super) fn destroy(ctx: &Ctx<'_>, address: &Address) -> Result<(), EngineError> {
    ctx.execute("DELETE FROM token WHERE address = ?1", &[&&address.as_bytes()[..]])?;
    Ok(())
}

/// Destroys the tokens that are bound to where a job puts.
pub(super) fn destroy_of(ctx: &Ctx<'_>, job: i64) -> Result<(), EngineError> {
    ctx.execute(
        "DELETE FROM token WHERE address IN
         (SELECT address FROM job WHERE id = ?1 UNION ALL SELECT address FROM chunk WHERE job = ?1)",
        &[&job],
    )?;
    Ok(())
}

/// Whether a draw may be sent now, as far as can be told without the relay. `waiting`: something waits for a token, so it
/// is not waited for the random time of this window.
pub fn may_draw(ctx: &Ctx<'_>, waiting: bool) -> Result<bool, EngineError> {
    if !needs_tokens(ctx)? || ctx.number(DRAW_RETRY)?.is_some_and(|at| is_ahead(ctx, at, 2 * ALLOTMENT_WAIT)) {
        return Ok(false);
    }
    if pending(ctx)?.is_some() {
        return Ok(true);
    }
    if ctx.setting(INVITE)?.is_none() || ctx.number(INVITE_REFUSED)? == Some(1) {
        return Ok(false);
    }
    let length = ctx.number(WINDOW_SECONDS)?.unwrap_or(1).max(1);
    let window = ctx.number(WINDOW)?.unwrap_or_default().max(ctx.now / length);
    let planned = ctx.number(DRAW_AT)?.is_some_and(|at| is_ahead(ctx, at, length.saturating_mul(2)));
    Ok(ctx.number(NEXT_DRAW)?.is_none_or(|next| window >= next) && (waiting || !planned))
}

/// Whether a planned time is still to come. What lies further ahead than is ever planned was planned by a clock that has
/// been put back since.
fn is_ahead(ctx: &Ctx<'_>, at: Seconds, most: Seconds) -> bool {
    at > ctx.now && at - ctx.now <= most
}

/// The bytes to send for a draw: those of the one that was not answered, or of a new one, which is stored first.
pub fn draw(ctx: &mut Ctx<'_>, relay: &Descriptor) -> Result<Option<Vec<u8>>, EngineError> {
    if let Some((request, _)) = pending(ctx)? {
        return Ok(Some(request));
    }
    let secret = ctx.setting(INVITE)?.and_then(|secret| Secret::from_slice(&secret));
    let due = ctx.number(NEXT_DRAW)?.is_none_or(|next| u64::from(relay.current_window) >= next);
    let (Some(invite), Some(key), true) = (secret, relay.issuing_key().copied(), due) else {
        ctx.set_number(DRAW_RETRY, ctx.now.saturating_add(WINDOW_WRONG))?;
        return Ok(None);
    };
    let made = Draw::new(key.key, |bytes| ctx.rng.fill_bytes(bytes)).map_err(EngineError::mls("making a draw"))?;
    let request = IssueRequest { invite, batch: made.request() }.to_bytes();
    let state = made.to_bytes();
    let row: [&dyn ToSql; 3] = [&state.as_slice(), &request, &i64::from(key.last_accepted)];
    ctx.execute("INSERT INTO draw (only, state, request, last_window) VALUES (1, ?1, ?2, ?3)", &row)?;
    Ok(Some(request))
}

/// The exact bytes of the draw that was not answered, and how often it failed.
fn pending(ctx: &Ctx<'_>) -> Result<Option<(Vec<u8>, u32)>, EngineError> {
    Ok(ctx.row("SELECT request, attempts FROM draw", &[], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// A draw was answered: its tokens are there, and the next window's draw gets its random time.
pub fn drawn(
    ctx: &mut Ctx<'_>,
    request: &[u8],
    response: &BatchResponse,
    relay: &Descriptor,
) -> Result<Drawn, EngineError> {
    let sql = "SELECT state, last_window FROM draw WHERE request = ?1";
    let row = ctx.row(sql, &[&request], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)))?;
    let Some((state, last_window)) = row else { return Ok(Drawn::Gone) };
    ctx.execute("DELETE FROM draw", &[])?;
    plan(ctx, relay)?;
    let made = Draw::from_bytes(&state).map_err(|_: TokenError| StoreError::Damaged("draw"))?;
    let Ok(tokens) = made.finish(response) else { return Ok(Drawn::Marked) };
    for token in tokens {
        let row: [&dyn ToSql; 2] = [&&token.to_bytes()[..], &last_window];
        ctx.execute("INSERT INTO token (bytes, last_window) VALUES (?1, ?2)", &row)?;
    }
    Ok(Drawn::Tokens)
}

/// Plans the next draw: in the next window, at a time that says nothing.
fn plan(ctx: &mut Ctx<'_>, relay: &Descriptor) -> Result<(), EngineError> {
    let (next, length) = (u64::from(relay.current_window) + 1, u64::from(relay.window_seconds.max(1)));
    let at = next.saturating_mul(length).saturating_add(ctx.rng.random_range(0..length));
    ctx.set_number(NEXT_DRAW, next)?;
    ctx.set_number(DRAW_AT, at)?;
    Ok(())
}

/// A draw yielded nothing.
pub fn draw_failed(ctx: &mut Ctx<'_>, request: &[u8], why: DrawFailure) -> Result<(), EngineError> {
    let Some((pending, attempts)) = pending(ctx)? else { return Ok(()) };
    if pending != request {
        return Ok(());
    }
    let most = DRAW_WAIT_MOST.min(1 << attempts.min(16));
    let wait = match why {
        DrawFailure::Line | DrawFailure::Key | DrawFailure::Invite => ctx.rng.random_range(1..=most.max(2)),
        DrawFailure::Busy => ALLOTMENT_WAIT + ctx.rng.random_range(0..ALLOTMENT_WAIT),
    };
    ctx.set_number(DRAW_RETRY, ctx.now.saturating_add(wait))?;
    match why {
        DrawFailure::Line | DrawFailure::Busy => {
            ctx.execute("UPDATE draw SET attempts = attempts + 1", &[])?;
        }
        DrawFailure::Key => {
            ctx.execute("DELETE FROM draw", &[])?;
        }
        DrawFailure::Invite => {
            ctx.execute("DELETE FROM draw", &[])?;
            // It may have been of an invite that was replaced since.
            if ctx.setting(INVITE)?.is_some_and(|secret| request.starts_with(&secret)) {
                ctx.set_number(INVITE_REFUSED, 1)?;
            }
        }
    }
    Ok(())
}

/// A draw that failed is due again at once: a person is waiting.
pub(super) fn retry_now(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    Ok(ctx.unset(DRAW_RETRY)?)
}
