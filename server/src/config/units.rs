//! Durations, sizes and addresses as people write them: `24h`, `256MiB`.

use std::net::SocketAddr;
use std::path::PathBuf;
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

/// `off`, or an address that only this machine reaches.
pub(super) fn loopback<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "off" {
        return Ok(None);
    }
    let address = text.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
    address.map(Some).ok_or_else(|| {
        D::Error::custom("expected \"off\" or a loopback address with a port, such as 127.0.0.1:9464; from elsewhere it is reached through a tunnel, such as SSH's")
    })
}

/// `off`, or an address that begins with `https://`.
pub(super) fn https<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    match text.as_str() {
        "off" => Ok(None),
        address if address.starts_with("https://") => Ok(Some(text)),
        _ => Err(D::Error::custom("expected \"off\" or an address that begins with https://")),
    }
}

/// `system`, or a path.
pub(super) fn unless_system<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(if text == "system" { None } else { Some(text.into()) })
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
