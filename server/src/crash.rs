//! Named places where a debug build can be made to die, so that tests prove what survives.
//!
//! `HIMAYA_CRASH_AT=name` aborts the process when it first comes to the point; `name:3` when it comes there for the
//! third time. In a build without debug assertions a point is nothing.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        /// How many more times the point is passed before it kills.
        left: AtomicU64,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    fn read_environment() -> Option<Armed> {
        let wish = std::env::var("HIMAYA_CRASH_AT").ok()?;
        let (name, pass) = wish.split_once(':').unwrap_or((&wish, "1"));
        Some(Armed { name: name.to_owned(), left: AtomicU64::new(pass.parse().unwrap_or(1)) })
    }

    pub(super) fn reached(name: &str) {
        let Some(armed) = ARMED.get_or_init(read_environment) else { return };
        if armed.name == name && armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}

/// Every point there is, for tests that go through all of them.
pub const POINTS: &[&str] = &[
    "put-queued",
    "group-before-apply",
    "group-applied",
    "group-flushed",
    "group-synced",
    "group-answered",
    "window-made",
    "boxes-made",
    "boxes-whole",
    "window-condemned",
    "window-gone",
    "flat-step",
    "flat-written",
    "flat-named",
    "flat-synced",
    "flat-alone",
];

/// The points that only a relay with tokens comes to, besides those above.
pub const TOKEN_POINTS: &[&str] =
    &["token-key-written", "token-key-made", "invites-written", "invites-changed", "tokens-issued"];

/// The points at which a key for encapsulated requests is made.
pub const GATEWAY_POINTS: &[&str] = &["gateway-key-written", "gateway-key-made"];

/// Dies here if the environment says so.
#[inline]
pub(crate) fn point(name: &str) {
    #[cfg(debug_assertions)]
    armed::reached(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}
