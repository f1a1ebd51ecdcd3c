//! Twenty people, five hundred random operations, everything that goes wrong at once; then the line heals, and all who
//! are in the circle agree (I3), have what was sent while they were in it (I4), and nobody who was removed has more (I8).
//!
//! One seed by default; `HIMAYA_STORM_SEEDS=7,8,9` or `HIMAYA_STORM_SEEDS=100..120` plays others. A failure prints its
//! seed and what was done. MLS draws keys of its own, and what follows from their order (whose turn it is, which cell is
//! read first) differs from run to run: one seed is a family of storms, and a failure may take some runs to come again.
#![cfg(debug_assertions)]

mod model;
mod play;

use himaya_tests::sim;

/// Which seeds to play.
fn seeds() -> Vec<u64> {
    let Ok(wanted) = std::env::var("HIMAYA_STORM_SEEDS") else { return vec![1] };
    let number = |text: &str| text.trim().parse::<u64>().expect("seeds are numbers");
    match wanted.split_once("..") {
        Some((first, last)) => (number(first)..number(last)).collect(),
        None => wanted.split(',').map(number).collect(),
    }
}

#[test]
fn after_any_storm_the_circle_is_whole() {
    for seed in seeds() {
        sim::play(move || play::storm(seed));
    }
}
