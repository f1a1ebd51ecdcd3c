//! Notices when a flush does not come back.
//!
//! When the disk fails while one of its own threads writes, sled's `flush` can wait for ever for an answer that nobody
//! gives any more (seen in power-cut tests: `make_stable` waits, its writers are idle). Whoever waits for the relay then
//! waits too, so a flush that takes too long counts as a failed disk: the process ends, and its supervisor starts it again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Shared;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(5);
/// After how many looks at one and the same flush it counts as stuck: a minute.
const LOOKS: u32 = 12;

/// Counts flushes: odd while one is under way.
#[derive(Debug, Default)]
pub(super) struct Flushes(AtomicU64);

impl Flushes {
    /// Does what must come back, and says so while it has not.
    pub(super) fn during<T>(&self, act: impl FnOnce() -> T) -> T {
        self.0.fetch_add(1, Ordering::SeqCst);
        let done = act();
        self.0.fetch_add(1, Ordering::SeqCst);
        done
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Watches a store from a thread of its own until the store is closed.
pub(super) fn watch(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared: Weak<Shared> = Arc::downgrade(shared);
    let watch = move || {
        let mut stuck = Stuck::default();
        loop {
            std::thread::sleep(LOOK);
            let Some(shared) = shared.upgrade() else { return };
            if stuck.look(shared.flushes.count()) {
                tracing::error!("storage does not answer; nothing more is written until the next start");
                shared.failed.send_replace(true);
                return;
            }
        }
    };
    std::thread::Builder::new().name("store-watch".into()).spawn(watch).map(drop)
}

/// What was seen so far.
#[derive(Default)]
struct Stuck {
    last: u64,
    looks: u32,
}

impl Stuck {
    /// Takes one more look; whether one flush has been under way for too many of them.
    fn look(&mut self, count: u64) -> bool {
        let same = count == self.last && !count.is_multiple_of(2);
        self.looks = if same { self.looks + 1 } else { 0 };
        self.last = count;
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_flush_that_lasts_is_stuck() {
        let mut stuck = Stuck::default();
        assert!((0..100).all(|_| !stuck.look(4)), "nothing is under way");
        assert!((0..100).all(|count| !stuck.look(2 * count + 1)), "another flush each time");
        let looks = (0..100).position(|_| stuck.look(301));
        assert_eq!(looks, Some(usize::try_from(LOOKS).unwrap()));
    }

    #[test]
    fn a_flush_is_odd_while_it_is_under_way() {
        let flushes = Flushes::default();
        assert_eq!(flushes.during(|| flushes.count()), 1);
        assert_eq!(flushes.count(), 2);
    }
}
