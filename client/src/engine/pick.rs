//! What a pick names: cells this client wants among others that it does not, so that the relay cannot tell which are which.
//!
//! Every list has the same length, also when nothing is wanted. At most half of it is there because it is wanted; the rest is
//! drawn evenly from what came since the last reading, which is where wanted cells lie too: an older one would be known for a
//! decoy. A list that holds all that came tells no more than a sweep.
//!
//! What was named once is named in no other list (the caller sees to it): of two lists that differ, what stands in both would
//! stand out.

use std::collections::BTreeSet;

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::relay::{CellList, PICK_CELLS};
use rand::Rng;
use rand::seq::SliceRandom;

/// How many cells a list names because they are wanted, at most.
pub const WANTED_MOST: usize = PICK_CELLS / 2;

/// Plans one list. `None` when there are too few to hide among: then all that came is read, which costs no more than a list.
///
/// What is wanted and does not stand in the list goes into the next one.
///
/// `fresh` is what came since the last reading, `earlier` what came before it in the same windows; neither holds anything that
/// was named before or that two cells share. `wanted` may hold anything.
pub fn plan_pick<R: Rng + ?Sized>(
    fresh: &[Prefix],
    earlier: &[Prefix],
    wanted: &BTreeSet<Prefix>,
    rng: &mut R,
) -> Option<CellList> {
    let fresh: BTreeSet<Prefix> = fresh.iter().copied().collect();
    let (mut list, mut others): (Vec<Prefix>, Vec<Prefix>) = fresh.iter().partition(|prefix| wanted.contains(*prefix));
    list.shuffle(rng);
    others.extend(list.split_off(list.len().min(WANTED_MOST)));
    others.shuffle(rng);
    let mut earlier: Vec<Prefix> = earlier.iter().copied().filter(|prefix| !fresh.contains(prefix)).collect();
    earlier.shuffle(rng);
    let missing = PICK_CELLS - list.len();
    list.extend(others.into_iter().chain(earlier).take(missing));
    // Nothing in the order of a list says what is what.
    list.shuffle(rng);
    list.try_into().ok()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn prefixes(numbers: impl IntoIterator<Item = u64>) -> Vec<Prefix> {
        numbers.into_iter().map(u64::to_be_bytes).collect()
    }

    fn list(plan: Option<CellList>) -> Vec<u64> {
        plan.expect("there is enough to hide among").into_iter().map(u64::from_be_bytes).collect()
    }

    /// How often each of `fresh` stands in a list, and how often in its first half.
    fn counts(fresh: u64, wanted: &[u64], rounds: u64) -> Vec<(u64, u64)> {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let (all, wanted) = (prefixes(0..fresh), prefixes(wanted.iter().copied()).into_iter().collect());
        let mut counts = vec![(0, 0); usize::try_from(fresh).unwrap()];
        for _ in 0..rounds {
            for (place, number) in list(plan_pick(&all, &[], &wanted, &mut rng)).into_iter().enumerate() {
                let count = &mut counts[usize::try_from(number).unwrap()];
                count.0 += 1;
                count.1 += u64::from(place < PICK_CELLS / 2);
            }
        }
        counts
    }

    #[test]
    fn every_list_has_one_length_and_names_nothing_twice() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for wanted in 0..200 {
            let plan = plan_pick(&prefixes(0..200), &[], &prefixes(0..wanted).into_iter().collect(), &mut rng);
            let named: BTreeSet<u64> = list(plan).into_iter().collect();
            assert_eq!(named.len(), PICK_CELLS);
            let hits = u64::try_from(named.range(..wanted).count()).unwrap();
            assert!(hits >= wanted.min(16), "{hits} of {wanted}");
        }
    }

    #[test]
    fn decoys_are_drawn_evenly_and_hits_stand_anywhere() {
        let rounds = 4_000;
        let counts = counts(100, &[3, 50, 97], rounds);
        for (number, (named, early)) in counts.into_iter().enumerate() {
            if [3, 50, 97].contains(&number) {
                assert_eq!(named, rounds, "what is wanted is named");
            } else {
                // 29 of 97 each: 1,196 on average, with a standard deviation of 29.
                assert!((1_050..1_350).contains(&named), "{number}: {named}");
            }
            // Half of them in the first half of the list.
            let half = named / 2;
            assert!(early.abs_diff(half) * 8 < half, "{number}: {early} of {named}");
        }
    }

    #[test]
    fn nothing_wanted_looks_like_anything_else() {
        // 32 of 100 each: 1,280 on average.
        let even = counts(100, &[], 4_000);
        assert!(even.iter().all(|(named, _)| (1_130..1_430).contains(named)), "{even:?}");
    }

    #[test]
    fn a_list_holds_all_that_came_before_anything_older() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let plan = plan_pick(&prefixes(0..20), &prefixes(10..90), &prefixes([4, 60]).into_iter().collect(), &mut rng);
        let named: BTreeSet<u64> = list(plan).into_iter().collect();
        assert_eq!(named.range(..20).count(), 20);
        assert_eq!(named.range(20..90).count(), 12);
    }

    #[test]
    fn too_few_to_hide_among_are_all_read() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for (fresh, earlier) in [(0, 0), (31, 0), (20, 11)] {
            let plan = plan_pick(&prefixes(0..fresh), &prefixes(100..100 + earlier), &BTreeSet::new(), &mut rng);
            assert!(plan.is_none(), "{fresh} and {earlier}");
        }
        assert!(plan_pick(&prefixes(0..32), &[], &BTreeSet::new(), &mut rng).is_some());
    }
}
