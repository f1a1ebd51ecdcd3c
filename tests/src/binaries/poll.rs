//! Waiting for something to happen.

use std::time::Duration;

use anyhow::bail;

/// The longest that anything is waited for. Only what never happens takes this long.
pub const LIMIT: Duration = Duration::from_secs(120);
/// The wait between two looks.
const STEP: Duration = Duration::from_millis(10);

/// Looks again and again until `look` has something, an error at once if it fails, or after [`LIMIT`].
pub fn until<T>(what: &str, mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    for _ in 0..LIMIT.as_millis() / STEP.as_millis() {
        if let Some(found) = look()? {
            return Ok(found);
        }
        std::thread::sleep(STEP);
    }
    bail!("waited {} s in vain for {what}", LIMIT.as_secs())
}
