//! What goes over the line, counted, so that a person who pays for it can see it and set a limit.

use std::ops::AddAssign;

/// Calls of one kind: how many, what they brought, and what all of it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// How many calls.
    pub calls: u64,
    /// How many cells, prefixes or lists they brought.
    pub units: u64,
    /// Bytes of requests and answers, both ways, with TLS and the heads of HTTP; without TCP and IP.
    pub bytes: u64,
}

/// What went over the line, by what it was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Cells of windows. The units are cells.
    pub sweep: Flow,
    /// Cells of the feed.
    pub feed: Flow,
    /// Indexes. The units are prefixes.
    pub index: Flow,
    /// Picks of cells. The units are lists.
    pub pick: Flow,
    /// Everything else: what was put, chunks, descriptors, draws, and what broke off.
    pub other: Flow,
}

impl Flow {
    /// One call and what it brought.
    pub fn call(units: usize, bytes: u64) -> Self {
        Self { calls: 1, units: u64::try_from(units).unwrap_or(u64::MAX), bytes }
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, more: Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.units = self.units.saturating_add(more.units);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        self.sweep += more.sweep;
        self.feed += more.feed;
        self.index += more.index;
        self.pick += more.pick;
        self.other += more.other;
    }
}

impl Traffic {
    /// All bytes.
    pub fn bytes(&self) -> u64 {
        let flows = [self.sweep, self.feed, self.index, self.pick, self.other];
        flows.iter().fold(0, |bytes, flow| flow.bytes.saturating_add(bytes))
    }
}
