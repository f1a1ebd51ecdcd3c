//! The relay's keys for requests through a forwarder, as its descriptors said them: the first that was seen for a window
//! counts for ever.

use himaya_protocol::wire::relay::Descriptor;

use super::EngineError;
use crate::store::{Ctx, StoreError};

/// First window 4 ‖ hash 32, for each key that was seen, oldest first.
const GATEWAY_KEYS: &str = "gateway keys";
const RECORD: usize = 36;
/// How many are remembered, so that a relay that shows new ones without end fills no disk.
const REMEMBERED: usize = 256;

/// Notes the keys that a descriptor shows. One that differs from what was seen for its window changes nothing.
pub fn note_gateway_keys(ctx: &Ctx<'_>, relay: &Descriptor) -> Result<(), EngineError> {
    let mut seen = gateway_keys(ctx)?;
    let before = seen.len();
    for key in &relay.gateway_keys {
        if !seen.iter().any(|(first, _)| *first == key.first) {
            seen.push((key.first, key.hash()));
        }
    }
    if seen.len() > before {
        let bytes: Vec<u8> = seen
            .iter()
            .skip(seen.len().saturating_sub(REMEMBERED))
            .flat_map(|(first, hash)| first.to_be_bytes().into_iter().chain(*hash))
            .collect();
        ctx.set(GATEWAY_KEYS, &bytes)?;
    }
    Ok(())
}

/// First window and hash of each key that was seen.
pub fn gateway_keys(ctx: &Ctx<'_>) -> Result<Vec<(u32, [u8; 32])>, EngineError> {
    let bytes = ctx.setting(GATEWAY_KEYS)?.unwrap_or_default();
    let (records, odd) = bytes.as_chunks::<RECORD>();
    let read = |record: &[u8; RECORD]| {
        let (first, hash) = record.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*first), hash.try_into().ok()?))
    };
    let keys: Option<Vec<_>> = records.iter().map(read).collect();
    Ok(keys.filter(|_| odd.is_empty()).ok_or(StoreError::Damaged(GATEWAY_KEYS))?)
}
