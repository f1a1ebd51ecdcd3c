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

/// When a simulated process dies, seen from a commit.
#[cfg(debug_assertions)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The transaction is lost.
    BeforeCommit,
    /// The transaction is on disk, but nobody learns of it.
    AfterCommit,
}

/// What makes a simulated process die inside a test, and keeps it dead.
#[cfg(debug_assertions)]
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    armed: Option<(u64, Moment)>,
    burnt: bool,
}

#[cfg(debug_assertions)]
impl Fuse {
    /// Dies at the `commit`-th commit from now that changes something; 0 is the next.
    pub(crate) fn arm(&mut self, commit: u64, moment: Moment) {
        self.armed = Some((commit, moment));
    }

    /// Lives again, with what is on disk; whether it had died.
    pub(crate) fn mend(&mut self) -> bool {
        self.armed = None;
        std::mem::take(&mut self.burnt)
    }

    /// Whether the process is dead at this moment of a commit.
    pub(crate) fn burns(&mut self, moment: Moment) -> bool {
        match &mut self.armed {
            _ if self.burnt => (),
            Some((0, when)) if *when == moment => self.burnt = true,
            Some((commits, _)) if moment == Moment::AfterCommit => *commits = commits.saturating_sub(1),
            Some(_) | None => (),
        }
        self.burnt
    }

    /// Whether the process is dead.
    pub(crate) fn is_burnt(&self) -> bool {
        self.burnt
    }
}
