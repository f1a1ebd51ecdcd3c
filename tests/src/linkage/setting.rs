//! What is varied: the design as it is, what people may switch, and weakenings of the design.

use himaya::engine::schedule::COVER_MEAN;

use super::lists::Reading;

/// When clients say that an event has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// Never.
    Off,
    /// As the client does it.
    Spread,
    /// Within five seconds: a weakening.
    OnArrival,
}

/// What is varied.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What it is called in tables.
    pub name: &'static str,
    /// When receipts are written.
    pub receipts: Receipts,
    /// The mean of the cover schedule in seconds; 0 is off.
    pub cover_mean: u64,
    /// Whether key updates take chunks and reading, as they do, and not a cell alone.
    pub commit_traces: bool,
    /// How clients read.
    pub reading: Reading,
    /// Whether everything a client does goes over one connection: a weakening.
    pub one_connection: bool,
    /// Whether a group's puts of one day are filed under one name: a weakening.
    pub channels: bool,
}

impl Setting {
    /// The client as it is.
    pub fn usual() -> Self {
        Self {
            name: "cover 1 h",
            receipts: Receipts::Spread,
            cover_mean: COVER_MEAN,
            commit_traces: true,
            reading: Reading::Sweep,
            one_connection: false,
            channels: false,
        }
    }

    /// What people may switch, as the client is.
    pub fn switched() -> Vec<Self> {
        let usual = Self::usual();
        let quiet = Self { receipts: Receipts::Off, ..usual.clone() };
        vec![
            usual.clone(),
            Self { name: "cover 10 min", cover_mean: 600, ..usual.clone() },
            Self { name: "cover off", cover_mean: 0, ..usual },
            Self { name: "cover 1 h, receipts off", ..quiet.clone() },
            Self { name: "cover 10 min, receipts off", cover_mean: 600, ..quiet.clone() },
            Self { name: "cover off, receipts off", cover_mean: 0, ..quiet },
        ]
    }

    /// The same, if key updates took a cell and nothing else: what cells alone tell.
    pub fn cells() -> Vec<Self> {
        let cells = Self { name: "cells alone, cover 1 h", commit_traces: false, ..Self::usual() };
        let quiet = Self { receipts: Receipts::Off, ..cells.clone() };
        vec![
            cells.clone(),
            Self { name: "cells alone, cover 10 min", cover_mean: 600, ..cells.clone() },
            Self { name: "cells alone, cover off", cover_mean: 0, ..cells },
            Self { name: "cells alone, cover 1 h, receipts off", ..quiet.clone() },
            Self { name: "cells alone, cover off, receipts off", cover_mean: 0, ..quiet },
        ]
    }

    /// Weakenings of what does best: an adversary that does not succeed against these is blind.
    pub fn weakened() -> Vec<Self> {
        let cells = Self { commit_traces: false, ..Self::usual() };
        vec![
            Self { name: "receipt on arrival", receipts: Receipts::OnArrival, ..cells.clone() },
            Self { name: "one connection for all", one_connection: true, ..cells.clone() },
            Self { name: "a channel an epoch", channels: true, ..cells },
        ]
    }
}
