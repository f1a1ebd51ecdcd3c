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

/// What makes a simulated process die inside a test, and keeps it dead. Without effect outside debug builds.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    #[cfg(debug_assertions)]
    armed: Option<(u64, Moment)>,
    #[cfg(debug_assertions)]
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

    /// Whether the process is dead.
    pub(crate) fn is_burnt(&self) -> bool {
        self.burnt
    }

    /// A commit that changes something is about to happen; whether the process dies before it.
    pub(crate) fn before_commit(&mut self) -> bool {
        self.burnt = self.armed == Some((0, Moment::BeforeCommit));
        self.burnt
    }

    /// A commit that changed something has happened; whether the process dies after it.
    pub(crate) fn after_commit(&mut self) -> bool {
        self.burnt = self.armed == Some((0, Moment::AfterCommit));
        if let Some((commits, _)) = &mut self.armed {
            *commits = commits.saturating_sub(1);
        }
        self.burnt
    }
}

#[cfg(not(debug_assertions))]
impl Fuse {
    pub(crate) fn is_burnt(&self) -> bool {
        false
    }

    pub(crate) fn before_commit(&mut self) -> bool {
        false
    }

    pub(crate) fn after_commit(&mut self) -> bool {
        false
    }
}
