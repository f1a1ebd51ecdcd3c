//! The relay's keys for requests through a forwarder, as its descriptors said them: the first that was seen for a window
//! counts for ever, and members compare theirs (docs/protocol.md sections 5.10 and 5.12).

use himaya_protocol::wire::member::SeenKey;
use himaya_protocol::wire::relay::Descriptor;

use super::EngineError;
use super::suspicion::{self, Reason};
use super::tokens::{KEY_AHEAD, WINDOW};
use crate::store::{Ctx, StoreError};

/// First window 4 ‖ hash 32, for each key that was seen, oldest first.
const GATEWAY_KEYS: &str = "gateway keys";
/// The same of keys that members saw and that the relay may yet show.
const HEARD: &str = "gateway keys heard";
/// The oldest window that the relay kept when its descriptor was read last.
const OLDEST: &str = "relay oldest window";
const RECORD: usize = 36;
/// How many are remembered, so that a relay that shows new ones without end fills no disk.
const REMEMBERED: usize = 256;
/// How many different keys of members are kept for one window: two are proof enough.
const HEARD_EACH: usize = 2;

/// The window of a key, and its hash.
type Key = (u32, [u8; 32]);

/// What a key that a member saw says of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    /// Nothing: it is the own one, or of a time of which this client has seen nothing.
    Nothing,
    /// It may yet be shown to this client too.
    Later,
    /// This client was shown another one, or none where this one stands.
    Differs,
}

/// Notes the keys that a descriptor shows. One that differs from what was seen for its window, here or by a member, makes the
/// relay suspect; what was seen here first goes on to count.
pub fn note_gateway_keys(ctx: &Ctx<'_>, relay: &Descriptor) -> Result<(), EngineError> {
    let (mut seen, mut heard) = (gateway_keys(ctx)?, load(ctx, HEARD)?);
    let before = (seen.len(), heard.len());
    for key in &relay.gateway_keys {
        match seen.iter().find(|(first, _)| *first == key.first) {
            Some((_, own)) if *own == key.hash() => {}
            Some(_) => suspicion::suspect(ctx, Reason::KeyChanged, Some(key.first), None)?,
            None => seen.push((key.first, key.hash())),
        }
    }
    let (oldest, current) = (u64::from(relay.oldest_window), u64::from(relay.current_window));
    for theirs in &heard {
        if compare(&seen, theirs, oldest, current) == Compared::Differs {
            suspicion::suspect(ctx, Reason::KeyDiffers, Some(theirs.0), None)?;
        }
    }
    heard.retain(|theirs| compare(&seen, theirs, oldest, current) == Compared::Later);
    if seen.len() > before.0 {
        store(ctx, GATEWAY_KEYS, &seen)?;
    }
    if heard.len() < before.1 {
        store(ctx, HEARD, &heard)?;
    }
    if ctx.number(OLDEST)? != Some(oldest) {
        ctx.set_number(OLDEST, oldest)?;
    }
    Ok(())
}

/// First window and hash of each key that was seen.
pub fn gateway_keys(ctx: &Ctx<'_>) -> Result<Vec<(u32, [u8; 32])>, EngineError> {
    load(ctx, GATEWAY_KEYS)
}

/// The relay shows another key than before, so that nothing was sent through the forwarder.
pub fn gateway_key_changed(ctx: &Ctx<'_>) -> Result<(), EngineError> {
    suspicion::suspect(ctx, Reason::KeyChanged, None, None)
}

/// The newest key that the relay has shown, for others to compare.
pub(super) fn newest_key(ctx: &Ctx<'_>) -> Result<Option<SeenKey>, EngineError> {
    let newest = gateway_keys(ctx)?.into_iter().max_by_key(|(first, _)| *first);
    Ok(newest.map(|(first, id)| SeenKey { first, id }))
}

/// A member says which key the relay has shown it. It is compared now, or when the own one for that window is seen.
pub(super) fn heard_key(ctx: &Ctx<'_>, theirs: &SeenKey) -> Result<(), EngineError> {
    let (Some(oldest), Some(current)) = (ctx.number(OLDEST)?, ctx.number(WINDOW)?) else { return Ok(()) };
    let theirs = (theirs.first, theirs.id);
    match compare(&gateway_keys(ctx)?, &theirs, oldest, current) {
        Compared::Nothing => Ok(()),
        Compared::Differs => suspicion::suspect(ctx, Reason::KeyDiffers, Some(theirs.0), None),
        Compared::Later => {
            let mut heard = load(ctx, HEARD)?;
            let of_window = heard.iter().filter(|(first, _)| *first == theirs.0).count();
            if of_window < HEARD_EACH && !heard.contains(&theirs) {
                heard.push(theirs);
                store(ctx, HEARD, &heard)?;
            }
            Ok(())
        }
    }
}

/// A relay shows every key of a window that it keeps to everybody, so one that is missing here says as much as another one.
/// `oldest` and `current` are of the last descriptor; a key of either may come or go in the moment in which it is read.
fn compare(seen: &[Key], theirs: &Key, oldest: u64, current: u64) -> Compared {
    let first = u64::from(theirs.0);
    match seen.iter().find(|(window, _)| *window == theirs.0) {
        Some((_, own)) if *own == theirs.1 => Compared::Nothing,
        Some(_) => Compared::Differs,
        None if first > current.saturating_add(KEY_AHEAD) => Compared::Nothing,
        None if first >= current || seen.is_empty() => Compared::Later,
        None if first > oldest => Compared::Differs,
        None => Compared::Nothing,
    }
}

fn load(ctx: &Ctx<'_>, name: &'static str) -> Result<Vec<Key>, EngineError> {
    let bytes = ctx.setting(name)?.unwrap_or_default();
    let (records, odd) = bytes.as_chunks::<RECORD>();
    let read = |record: &[u8; RECORD]| {
        let (first, hash) = record.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*first), hash.try_into().ok()?))
    };
    let keys: Option<Vec<_>> = records.iter().map(read).collect();
    Ok(keys.filter(|_| odd.is_empty()).ok_or(StoreError::Damaged(name))?)
}

fn store(ctx: &Ctx<'_>, name: &str, keys: &[Key]) -> Result<(), EngineError> {
    let newest = keys.iter().skip(keys.len().saturating_sub(REMEMBERED));
    let bytes: Vec<u8> = newest.flat_map(|(first, hash)| first.to_be_bytes().into_iter().chain(*hash)).collect();
    Ok(ctx.set(name, &bytes)?)
}
