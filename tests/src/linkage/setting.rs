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

/// How key updates of groups of three and more travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updates {
    /// As the client does it: in parts that everybody sweeps.
    Parts,
    /// In a chunk that the group alone picks, with reading before and after: a weakening.
    Chunks,
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
    /// How key updates travel.
    pub updates: Updates,
    /// How clients read.
    pub reading: Reading,
    /// Whether everything a client puts goes over its feed's connection: a weakening.
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
            updates: Updates::Parts,
            reading: Reading::Sweep,
            one_connection: false,
            channels: false,
        }
    }

    /// Whether it is another view of what clients do as they are.
    pub fn is_view(&self) -> bool {
        self.one_connection || self.channels
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

    /// Weakenings of what does best: an adversary that does not succeed against these is blind.
    pub fn weakened() -> Vec<Self> {
        let usual = Self::usual();
        vec![
            Self { name: "receipt on arrival", receipts: Receipts::OnArrival, ..usual.clone() },
            Self { name: "one connection for all", one_connection: true, ..usual.clone() },
            Self { name: "a channel an epoch", channels: true, ..usual.clone() },
            Self { name: "key updates in chunks", updates: Updates::Chunks, ..usual },
        ]
    }
}

/// How many parts a key update has beside its cell, in a group of so many whose members have all updated their keys. Each level
/// of the group's tree adds a public key of X-Wing and a secret sealed to one: about 2.4 kB.
pub fn update_parts(members: usize) -> usize {
    match members {
        0..=2 => 0,
        3..=4 => 1,
        5..=16 => 2,
        17..=64 => 3,
        65..=128 => 4,
        _ => 5,
    }
}
