//! Durations and sizes as people write them: `24h`, `256MiB`.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Whole seconds, minutes, hours or days.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = scaled(from, &[("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)])?;
    Ok(Duration::from_secs(seconds))
}

/// Whole KiB, MiB or GiB, in bytes.
pub(super) fn size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    scaled(from, &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)])
}

fn scaled<'de, D: Deserializer<'de>>(from: D, units: &[(&str, u64)]) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    let value = units.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?;
        let plain = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<u64>().ok().filter(|_| plain)?.checked_mul(*factor)
    });
    value.filter(|value| *value > 0).ok_or_else(|| {
        let names: Vec<_> = units.iter().map(|(unit, _)| *unit).collect();
        D::Error::custom(format!("expected a whole number above zero with one of {}", names.join(", ")))
    })
}
