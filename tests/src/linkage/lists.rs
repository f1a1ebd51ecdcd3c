//! Clients that read by lists: what each asks for, planned by the client's own function (`himaya::engine::plan_pick`).
//!
//! A reading lists what came since the last one, by day, because an index is of one window. What came is asked for with decoys
//! from it, in as many lists as what is wanted needs; where there is too little to hide among, all that came is read.

use std::collections::{BTreeMap, BTreeSet};

use himaya::engine::schedule::COVER_MEAN;
use himaya::engine::{WANTED_MOST, plan_pick};
use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::relay::PICK_CELLS;
use rand::RngCore;

use super::DAY;
use super::play::Played;
use super::population::Population;
use super::setting::{Receipts, Setting};
use super::view::ListSeen;

/// How many cells that were passed over are kept to fill lists with.
const PASSED_MOST: usize = 1_024;

/// How clients read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Everything, and the feed.
    Sweep,
    /// By lists, as the client does it.
    Lists,
    /// By lists of what is wanted and nothing else: a weakening.
    Bare,
}

impl Setting {
    /// What people may switch where everybody reads by lists.
    pub fn by_lists() -> Vec<Self> {
        let usual = Self { name: "lists, cover 1 h", reading: Reading::Lists, cover_mean: COVER_MEAN, ..Self::usual() };
        let quiet = Self { receipts: Receipts::Off, ..usual.clone() };
        vec![
            usual.clone(),
            Self { name: "lists, cover off", cover_mean: 0, ..usual },
            Self { name: "lists, cover 1 h, receipts off", ..quiet.clone() },
            Self { name: "lists, cover off, receipts off", cover_mean: 0, ..quiet },
        ]
    }

    /// The weakening of lists: an adversary that does not succeed against this makes nothing of lists.
    pub fn bare_lists() -> Self {
        Self { name: "lists without decoys", reading: Reading::Bare, ..Self::usual() }
    }
}

/// What each client knows of what came.
#[derive(Debug)]
pub(super) struct Readers {
    /// The groups of each person.
    groups: Vec<BTreeSet<usize>>,
    /// How many puts each has seen in an index.
    read: Vec<usize>,
    /// Puts of one day that each has passed over and named in no list.
    passed: Vec<(u64, Vec<usize>)>,
}

impl Readers {
    pub(super) fn of(population: &Population) -> Self {
        let mut groups = vec![BTreeSet::new(); population.people.len()];
        for (number, group) in population.groups.iter().enumerate() {
            group.members.iter().for_each(|member| _ = groups[*member].insert(number));
        }
        let people = groups.len();
        Self { groups, read: vec![0; people], passed: vec![(0, Vec::new()); people] }
    }

    /// What somebody asks for now, list by list. Nothing where all that came is read instead.
    pub(super) fn lists(
        &mut self,
        who: usize,
        played: &Played,
        reading: Reading,
        rng: &mut impl RngCore,
    ) -> Vec<BTreeSet<usize>> {
        let puts = &played.view.puts;
        let first = std::mem::replace(&mut self.read[who], puts.len());
        let mut days = BTreeMap::<u64, Vec<usize>>::new();
        (first..puts.len()).for_each(|put| days.entry(puts[put].at / DAY).or_default().push(put));
        let mut lists = Vec::new();
        for (day, fresh) in days {
            let expects = |put: &usize| {
                let truth = played.truths[*put];
                truth.who != who && truth.group.is_some_and(|group| self.groups[who].contains(&group))
            };
            let wanted: BTreeSet<usize> = fresh.iter().copied().filter(expects).collect();
            let (of, passed) = std::mem::take(&mut self.passed[who]);
            let earlier = if of == day { passed } else { Vec::new() };
            let (more, rest) = match reading {
                Reading::Sweep => (Vec::new(), Vec::new()),
                Reading::Lists => with_decoys(fresh, earlier, wanted, rng),
                Reading::Bare => (bare(&wanted), Vec::new()),
            };
            lists.extend(more);
            self.passed[who] = (day, rest);
        }
        lists
    }
}

/// Lists as the client makes them, and what they pass over.
fn with_decoys(
    mut fresh: Vec<usize>,
    mut earlier: Vec<usize>,
    mut wanted: BTreeSet<usize>,
    rng: &mut impl RngCore,
) -> (Vec<BTreeSet<usize>>, Vec<usize>) {
    let mut lists = Vec::new();
    while !fresh.is_empty() && (lists.is_empty() || !wanted.is_empty()) {
        let names: BTreeSet<Prefix> = wanted.iter().map(|put| prefix(*put)).collect();
        // Only what is missing is taken from what came earlier.
        let older =
            if fresh.len() < PICK_CELLS { earlier.iter().map(|put| prefix(*put)).collect() } else { Vec::new() };
        let all: Vec<Prefix> = fresh.iter().map(|put| prefix(*put)).collect();
        // Too few to hide among: all that came is read.
        let Some(list) = plan_pick(&all, &older, &names, rng) else { break };
        let list: BTreeSet<usize> = list.into_iter().map(put_of).collect();
        let unnamed = |put: &usize| !list.contains(put);
        fresh.retain(unnamed);
        earlier.retain(unnamed);
        wanted.retain(unnamed);
        lists.push(list);
    }
    earlier.extend(fresh);
    let old = earlier.len().saturating_sub(PASSED_MOST);
    (lists, earlier.split_off(old))
}

fn bare(wanted: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
    let wanted: Vec<usize> = wanted.iter().copied().collect();
    wanted.chunks(WANTED_MOST).map(|some| some.iter().copied().collect()).collect()
}

/// A put's prefix: its number says as much as random bytes would.
fn prefix(put: usize) -> Prefix {
    u64::try_from(put).unwrap_or(u64::MAX).to_be_bytes()
}

fn put_of(prefix: Prefix) -> usize {
    usize::try_from(u64::from_be_bytes(prefix)).expect("it was a put's number")
}

/// Lists as they are when only some of the puts are looked at.
pub(super) fn kept(lists: &mut [ListSeen], kept: &[bool]) {
    let mut next = 0;
    let numbers: Vec<Option<usize>> = kept
        .iter()
        .map(|kept| {
            let number = kept.then_some(next);
            next += usize::from(*kept);
            number
        })
        .collect();
    for list in lists {
        list.named = list.named.iter().filter_map(|put| numbers[*put]).collect();
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn lists_are_of_one_length_and_name_all_that_is_wanted_once() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let wanted: BTreeSet<usize> = (0..40).collect();
        let (lists, passed) = with_decoys((0..200).collect(), Vec::new(), wanted.clone(), &mut rng);
        assert!(lists.len() >= 3 && lists.iter().all(|list| list.len() == PICK_CELLS));
        let named: Vec<usize> = lists.iter().flatten().copied().collect();
        let once: BTreeSet<usize> = named.iter().copied().collect();
        assert!(once.len() == named.len() && wanted.is_subset(&once));
        assert!(passed.iter().all(|put| !once.contains(put)) && passed.len() + once.len() == 200);
        // Nothing wanted is one list; too little to hide among is none.
        assert_eq!(with_decoys((0..200).collect(), Vec::new(), BTreeSet::new(), &mut rng).0.len(), 1);
        assert_eq!(with_decoys((0..20).collect(), (20..60).collect(), [3].into(), &mut rng).0.len(), 1);
        assert!(with_decoys((0..20).collect(), (20..31).collect(), [3].into(), &mut rng).0.is_empty());
    }
}
