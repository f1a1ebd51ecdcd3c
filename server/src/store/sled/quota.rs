//! How much of the disk all windows may take together.
//!
//! Only the writer makes windows grow, and only the newest one, so the others are measured when windows begin and end.

use std::io;
use std::sync::Arc;

use super::Shared;
use super::window::Window;

/// What the windows may take, and what those before the newest take.
#[derive(Debug)]
pub(super) struct Quota {
    limit: u64,
    closed: u64,
    /// The window in which the operator was last told that there is no room.
    told: Option<u32>,
}

/// Why nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// All windows take as much as they may.
    Quota,
    /// The disk has no more than its reserve.
    Reserve,
}

impl Quota {
    /// Nothing is measured yet.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, closed: 0, told: None }
    }

    /// Measures all windows but the newest: one has begun or some have gone.
    pub(super) fn recount(&mut self, shared: &Shared) -> io::Result<()> {
        // Not while one lies there twice.
        let _held = shared.hold_folders();
        let closed = shared.all_windows();
        self.closed = closed.iter().skip(1).map(|(_, window)| window.size_on_disk()).sum::<io::Result<u64>>()?;
        Ok(())
    }

    /// Whether a group may be written. The last one may reach over the limit.
    pub(super) fn has_room(&self, newest: Option<&Arc<Window>>) -> io::Result<bool> {
        let newest = newest.map_or(Ok(0), |window| window.size_on_disk())?;
        Ok(self.closed.saturating_add(newest) < self.limit)
    }

    /// Tells the operator, once a window.
    pub(super) fn alarm(&mut self, full: Full, newest: u32) {
        if self.told == Some(newest) {
            return;
        }
        self.told = Some(newest);
        match full {
            Full::Quota => tracing::error!(
                "all windows together take the quota: nothing more is written until one expires; \
                 raise quota in relay.toml, or keep fewer windows"
            ),
            Full::Reserve => tracing::error!(
                "the disk has reached its reserve: nothing more is written until there is room; \
                 free some of it, or keep fewer windows"
            ),
        }
    }
}
