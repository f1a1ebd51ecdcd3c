//! Actions wait before they are written, so that they can be undone.

use super::action::Proposal;
use crate::store::Seconds;

/// How long an action can be undone, in seconds.
pub const HOLD: Seconds = 10;

/// Actions that are not written yet, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Held {
    waiting: Vec<(Proposal, Seconds)>,
}

impl Held {
    /// Takes an action in.
    pub fn add(&mut self, proposal: Proposal, now: Seconds) {
        self.waiting.push((proposal, now.saturating_add(HOLD)));
    }

    /// Takes the last action back.
    pub fn undo(&mut self) -> Option<Proposal> {
        self.waiting.pop().map(|(proposal, _)| proposal)
    }

    /// The actions whose time has come. One that was made later never overtakes one that was made before.
    pub fn due(&mut self, now: Seconds) -> Vec<Proposal> {
        let count = self.waiting.iter().take_while(|(_, due)| *due <= now).count();
        self.waiting.drain(..count).map(|(proposal, _)| proposal).collect()
    }

    /// All of them, at once.
    pub fn all(&mut self) -> Vec<Proposal> {
        self.waiting.drain(..).map(|(proposal, _)| proposal).collect()
    }

    /// Every action with the seconds that are left.
    pub fn left(&self, now: Seconds) -> impl DoubleEndedIterator<Item = (&Proposal, Seconds)> {
        // A clock that was set back leaves no action waiting for longer than it was to.
        self.waiting.iter().map(move |(proposal, due)| (proposal, due.saturating_sub(now).min(HOLD)))
    }

    /// Sees to it that no action waits longer than it was to, whatever was done to the clock.
    pub fn notice(&mut self, now: Seconds) {
        for (_, due) in &mut self.waiting {
            *due = (*due).min(now.saturating_add(HOLD));
        }
    }

    /// The actions themselves.
    pub fn proposals(&self) -> Vec<&Proposal> {
        self.waiting.iter().map(|(proposal, _)| proposal).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
