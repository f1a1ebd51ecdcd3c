//! Numbers that tell of nobody (docs/protocol.md section 12.9).
//!
//! Only cases whose defender consented count. A cell of one to four is not told, and neither is anything from which it
//! could be worked out: if it stood alone in its table, the least of the others is held back too, and so is the total
//! unless it hides in a sum of at least [`CELL_MIN`].

use std::collections::BTreeMap;

use super::retention::Remnant;

/// The least number that is told.
pub const CELL_MIN: u64 = 5;

/// One number of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// The number.
    Told(u64),
    /// A number that would tell of somebody, or would help to work one out.
    Held,
}

/// Numbers by what they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<K> {
    /// The cells that are not empty.
    pub cells: BTreeMap<K, Cell>,
    /// All together.
    pub total: Cell,
}

/// Counts what is left of cases, each with whether its defender consented to statistics, by what `key` says of it.
pub fn tabulate<'a, K: Ord>(
    cases: impl IntoIterator<Item = (&'a Remnant, bool)>,
    key: impl Fn(&Remnant) -> K,
) -> Table<K> {
    let mut counts: BTreeMap<K, u64> = BTreeMap::new();
    for (case, _) in cases.into_iter().filter(|(_, consented)| *consented) {
        *counts.entry(key(case)).or_default() += 1;
    }
    let mut held: Vec<bool> = counts.values().map(|count| *count < CELL_MIN).collect();
    if held.iter().filter(|held| **held).count() == 1 {
        let told = counts.values().zip(&held).enumerate().filter(|(_, (_, held))| !**held);
        let least = told.min_by_key(|(_, (count, _))| **count).map(|(at, _)| at);
        if let Some(held) = least.and_then(|at| held.get_mut(at)) {
            *held = true;
        }
    }
    let (total, hidden) = (counts.values().sum(), counts.values().zip(&held).filter(|(_, held)| **held));
    let hidden: Vec<u64> = hidden.map(|(count, _)| *count).collect();
    let safe = hidden.is_empty() || (hidden.len() > 1 && hidden.iter().sum::<u64>() >= CELL_MIN);
    let cell = |(count, held): (u64, bool)| if held { Cell::Held } else { Cell::Told(count) };
    Table {
        cells: counts.into_iter().zip(held).map(|((key, count), held)| (key, cell((count, held)))).collect(),
        total: cell((total, !safe)),
    }
}
