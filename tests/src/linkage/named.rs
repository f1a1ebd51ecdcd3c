//! What the adversary makes of lists: how often a cell is named, by whom, and what is named together.
//!
//! Decoys are drawn evenly, so what more lists name than chance explains is wanted; and members of a group want the same.

use himaya::engine::schedule::LISTS_MOST;

use super::evidence::{Features, deviation};
use super::measure::number;
use super::view::View;

/// How many puts before and after one say how often a put of that time is named.
const NEIGHBOURS: usize = 50;

/// Lists, by what they name.
pub(super) struct Named {
    /// For each put, the lists that name it, in order.
    by: Vec<Vec<usize>>,
    /// For each put, how many lists name it beyond what is usual, in standard deviations.
    excess: Vec<f64>,
    /// For each put, how many lists are made in the time in which it is new to everybody who watches.
    lists: Vec<usize>,
}

impl Named {
    /// `None` where nobody reads by lists.
    pub(super) fn of(view: &View) -> Option<Self> {
        if view.lists.is_empty() {
            return None;
        }
        let by = named_by(view);
        let mut sums = vec![0.0];
        by.iter().for_each(|lists| sums.push(sums.last().copied().unwrap_or_default() + number(lists.len())));
        let excess = (0..by.len())
            .map(|put| {
                let (from, to) = (put.saturating_sub(NEIGHBOURS), (put + NEIGHBOURS + 1).min(by.len()));
                let usual = ((sums[to] - sums[from]) / number(to - from)).max(0.05);
                (number(by[put].len()) - usual) / usual.sqrt()
            })
            .collect();
        let until = |at: u64| view.lists.partition_point(|list| list.at < at);
        let lists = view.puts.iter().map(|put| until(put.at + LISTS_MOST) - until(put.at)).collect();
        Some(Self { by, excess, lists })
    }

    /// Two puts, the second after the first: how often they are named together, and how often each.
    pub(super) fn of_pair(&self, first: usize, second: usize) -> Features {
        let (one, other) = (&self.by[first], &self.by[second]);
        let chance = number(one.len()) * number(other.len()) / number(self.lists[second].max(1));
        let together = (number(common(one, other)) - chance) / chance.max(0.05).sqrt();
        vec![deviation(together), self.of_put(first), self.of_put(second)]
    }

    /// How often a put is named.
    pub(super) fn of_put(&self, put: usize) -> usize {
        deviation(self.excess[put])
    }
}

/// What lists say of IP addresses.
pub(super) struct Readers {
    people: usize,
    /// How often two named the same.
    common: Vec<f64>,
    /// How often one named what the other put.
    heard: Vec<f64>,
    /// How much each named, and how much of what each put was named.
    named: Vec<f64>,
    put: Vec<f64>,
}

impl Readers {
    /// `None` where nobody reads by lists.
    pub(super) fn of(view: &View, people: usize) -> Option<Self> {
        if view.lists.is_empty() {
            return None;
        }
        let mut found = Self {
            people,
            common: vec![0.0; people * people],
            heard: vec![0.0; people * people],
            named: vec![0.0; people],
            put: vec![0.0; people],
        };
        for (put, lists) in named_by(view).into_iter().enumerate() {
            let (from, count) = (view.puts[put].from, number(lists.len()));
            let readers: Vec<usize> = lists.into_iter().map(|list| view.lists[list].from).collect();
            found.put[from] += count;
            // A put that few name says more of those who do.
            let weight = 1.0 / count.max(1.0);
            for one in &readers {
                found.named[*one] += 1.0;
                found.heard[from * people + one] += 1.0;
                readers.iter().for_each(|other| found.common[one * people + other] += weight);
            }
        }
        Some(found)
    }

    /// Two people.
    pub(super) fn features(&self, one: usize, other: usize) -> Features {
        let all = self.named.iter().sum::<f64>().max(1.0);
        let beyond = |seen: f64, chance: f64| (seen - chance) / chance.max(0.05).sqrt();
        // Each naming has a weight of one among all who named the same.
        let common = beyond(self.common[one * self.people + other], self.named[one] * self.named[other] / all);
        let heard =
            |by: usize, of: usize| beyond(self.heard[of * self.people + by], self.named[by] * self.put[of] / all);
        let heard = (heard(one, other) + heard(other, one)) / 2f64.sqrt();
        vec![deviation(common), deviation(heard)]
    }
}

/// For each put, the lists that name it, in order.
fn named_by(view: &View) -> Vec<Vec<usize>> {
    let mut by = vec![Vec::new(); view.puts.len()];
    for (number, list) in view.lists.iter().enumerate() {
        list.named.iter().for_each(|put| by[*put].push(number));
    }
    by
}

/// How many of two ordered rows are in both.
fn common(one: &[usize], other: &[usize]) -> usize {
    one.iter().filter(|list| other.binary_search(list).is_ok()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_both_rows_is_counted() {
        assert_eq!(common(&[1, 3, 5, 9], &[2, 3, 4, 9, 11]), 2);
        assert_eq!(common(&[], &[1]), 0);
    }
}
