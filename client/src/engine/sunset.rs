//! The announced end of the relay, as its descriptor said it last.

use super::EngineError;
use crate::store::Ctx;

/// One more than the last day, counted from 1970-01-01 UTC; 0 when no end is announced.
const RELAY_SUNSET: &str = "relay sunset";

/// Notes the last day on which the relay takes anything new, or that no end is announced.
pub fn note_relay_sunset(ctx: &Ctx<'_>, last_day: Option<u32>) -> Result<(), EngineError> {
    let noted = last_day.map_or(0, |day| u64::from(day) + 1);
    if ctx.number(RELAY_SUNSET)?.unwrap_or(0) != noted {
        ctx.set_number(RELAY_SUNSET, noted)?;
    }
    Ok(())
}

/// The last day on which the relay takes anything new, in days since 1970-01-01 UTC, if its end is announced.
pub fn relay_sunset(ctx: &Ctx<'_>) -> Result<Option<u64>, EngineError> {
    Ok(ctx.number(RELAY_SUNSET)?.and_then(|noted| noted.checked_sub(1)))
}
