//! A clock that does not believe every jump.
//!
//! Windows end and expire by the time of day, and a clock that jumps ahead would expire them all at once: a machine with a
//! dead battery, a typing error, a time server that lies. So the time of day is held against a clock that only runs, and that
//! nobody can set.
//!
//! | the time of day is | what counts |
//! |---|---|
//! | behind, or as far as time has passed | the time of day |
//! | ahead by no more than the leeway | the time of day |
//! | further ahead | the last time that counted, and what has passed since then, until the time of day comes back |

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Clock;

/// A clock of the time of day beside one that only runs.
pub struct CheckedClock<W, S> {
    wall: W,
    steady: S,
    leeway: u64,
    latest: Mutex<Latest>,
}

/// The latest time that can be right.
#[derive(Debug, Clone, Copy)]
struct Latest {
    /// What it was, in seconds since the Unix epoch.
    wall: u64,
    /// When it was that, by the clock that only runs.
    steady: u64,
}

impl<W: Fn() -> u64, S: Fn() -> u64> CheckedClock<W, S> {
    /// Joins the time of day, in seconds since the Unix epoch, and a clock in seconds since whenever. No time up to `latest`
    /// is a jump now, and afterwards none that is ahead by no more than `leeway` seconds.
    pub fn new(wall: W, steady: S, leeway: u64, latest: u64) -> Self {
        let latest = Mutex::new(Latest { wall: latest, steady: steady() });
        Self { wall, steady, leeway, latest }
    }

    /// How many seconds the time of day is ahead of the time that counts, while it is not believed.
    pub fn ahead(&self) -> Option<u64> {
        let (now, counts) = self.look();
        now.checked_sub(counts).filter(|ahead| *ahead > 0)
    }

    /// Believes the time of day as it is now.
    pub fn believe(&self) {
        let (now, steady) = ((self.wall)(), (self.steady)());
        *self.latest() = Latest { wall: now, steady };
    }

    /// The time of day, and the time that counts.
    fn look(&self) -> (u64, u64) {
        let (now, steady) = ((self.wall)(), (self.steady)());
        let mut latest = self.latest();
        let expected = latest.wall.saturating_add(steady.saturating_sub(latest.steady));
        if now > expected.saturating_add(self.leeway) {
            return (now, expected);
        }
        if now > expected {
            *latest = Latest { wall: now, steady };
        }
        (now, now)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W, S> Clock for CheckedClock<W, S>
where
    W: Fn() -> u64 + Send + Sync + 'static,
    S: Fn() -> u64 + Send + Sync + 'static,
{
    fn unix_seconds(&self) -> u64 {
        self.look().1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const DAY: u64 = 86_400;
    const START: u64 = 20_000 * DAY;

    /// Two clocks to set by hand, and a day of leeway.
    fn clocks(wall: u64, latest: u64) -> (Arc<AtomicU64>, Arc<AtomicU64>, impl Clock, impl Fn() -> Option<u64>) {
        let (day, steady) = (Arc::new(AtomicU64::new(wall)), Arc::new(AtomicU64::new(7)));
        let read = |from: &Arc<AtomicU64>| {
            let from = from.clone();
            move || from.load(Ordering::SeqCst)
        };
        let checked = Arc::new(CheckedClock::new(read(&day), read(&steady), DAY, latest));
        let clock = checked.clone();
        (day, steady, move || clock.unix_seconds(), move || checked.ahead())
    }

    #[test]
    fn time_that_passes_is_believed_however_long_nobody_looked() {
        let (day, steady, clock, ahead) = clocks(START, START);
        for passed in [1, 3_600, DAY, 300 * DAY] {
            day.fetch_add(passed, Ordering::SeqCst);
            steady.fetch_add(passed, Ordering::SeqCst);
            assert_eq!((clock.unix_seconds(), ahead()), (day.load(Ordering::SeqCst), None));
        }
    }

    #[test]
    fn after_a_jump_time_goes_on_as_it_passes_until_the_clock_is_back() {
        let (day, steady, clock, ahead) = clocks(START, START);
        day.store(START + 30 * DAY, Ordering::SeqCst);
        assert_eq!((clock.unix_seconds(), ahead()), (START, Some(30 * DAY)));
        for passed in 1..40 {
            day.fetch_add(DAY, Ordering::SeqCst);
            steady.fetch_add(DAY, Ordering::SeqCst);
            assert_eq!((clock.unix_seconds(), ahead()), (START + passed * DAY, Some(30 * DAY)));
        }
        day.store(START + 39 * DAY + 5, Ordering::SeqCst);
        assert_eq!((clock.unix_seconds(), ahead()), (START + 39 * DAY + 5, None));
    }

    #[test]
    fn a_clock_that_goes_back_and_comes_back_has_not_jumped() {
        let (day, _, clock, ahead) = clocks(START, START);
        for time in [START - 10 * DAY, 0, START, START + DAY] {
            day.store(time, Ordering::SeqCst);
            assert_eq!((clock.unix_seconds(), ahead()), (time, None));
        }
        day.store(START + 2 * DAY + 1, Ordering::SeqCst);
        assert_eq!(clock.unix_seconds(), START + DAY);
    }

    #[test]
    fn a_clock_that_is_set_after_the_start_is_believed_up_to_a_limit() {
        let (day, _, clock, ahead) = clocks(0, START + 13 * DAY);
        assert_eq!(clock.unix_seconds(), 0);
        day.store(START + 13 * DAY, Ordering::SeqCst);
        assert_eq!((clock.unix_seconds(), ahead()), (START + 13 * DAY, None));
        day.store(START + 15 * DAY, Ordering::SeqCst);
        assert_eq!((clock.unix_seconds(), ahead()), (START + 13 * DAY, Some(2 * DAY)));
    }
}
