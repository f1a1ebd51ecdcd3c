//! Named points at which a test can make the process die, to prove what a crash leaves behind. Only in debug builds.

/// Aborts the process when `HIMAYA_CRASH_AT` names this point; `name:3` means the third pass.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSES: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("HIMAYA_CRASH_AT") else { return };
    let (wanted, pass) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if wanted == name && PASSES.fetch_add(1, Ordering::SeqCst) + 1 == pass.parse().unwrap_or(1) {
        std::process::abort();
    }
}

/// Nothing, outside debug builds.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
