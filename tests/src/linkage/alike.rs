//! Whether two plays of one script look alike to the relay: what each client puts, compared as distributions.

use super::DAY;
use super::measure::number;
use super::play::Played;

/// One thing, counted in both plays.
#[derive(Debug, Clone, Copy)]
pub struct Alike {
    /// What was counted.
    pub what: &'static str,
    /// The middle one of the first play.
    pub one: f64,
    /// The middle one of the second.
    pub other: f64,
    /// The largest difference between the two distribution functions (Kolmogorov, Smirnov), 0 to 1.
    pub distance: f64,
    /// What chance explains in 999 of 1,000 pairs of independent samples of these sizes.
    pub chance: f64,
}

/// What is counted in a play with so many people.
type Count = fn(&Played, usize) -> Vec<f64>;

/// Compares what clients put.
pub fn compare(one: &Played, other: &Played, people: usize) -> Vec<Alike> {
    let kinds: [(&'static str, Count); 4] = [
        ("seconds between two puts of a client while its feed is open", gaps),
        ("seconds from the opening of a feed to its client's first put", firsts),
        ("puts of a client in a day", |played, people| a_day(played, people, false)),
        ("puts of a client in a day that belong to a group", |played, people| a_day(played, people, true)),
    ];
    kinds.into_iter().map(|(what, count)| Alike::of(what, count(one, people), count(other, people))).collect()
}

impl Alike {
    fn of(what: &'static str, mut one: Vec<f64>, mut other: Vec<f64>) -> Self {
        one.sort_by(f64::total_cmp);
        other.sort_by(f64::total_cmp);
        let below = |sample: &[f64], value: f64| {
            number(sample.partition_point(|seen| *seen <= value)) / number(sample.len()).max(1.0)
        };
        let apart = |value: &f64| (below(&one, *value) - below(&other, *value)).abs();
        let distance = one.iter().chain(&other).map(apart).fold(0.0, f64::max);
        let (n, m) = (number(one.len()).max(1.0), number(other.len()).max(1.0));
        let middle = |sample: &[f64]| sample.get(sample.len() / 2).copied().unwrap_or_default();
        Self { what, one: middle(&one), other: middle(&other), distance, chance: 1.95 * ((n + m) / (n * m)).sqrt() }
    }
}

/// The times of each client's puts.
fn times(played: &Played, people: usize) -> Vec<Vec<u64>> {
    let mut times = vec![Vec::new(); people];
    for put in &played.view.puts {
        times[put.from].push(put.at);
    }
    times
}

fn gaps(played: &Played, people: usize) -> Vec<f64> {
    let times = times(played, people);
    let mut gaps = Vec::new();
    for session in &played.view.sessions {
        let own = &times[session.from];
        let own = &own[own.partition_point(|at| *at < session.opened)..own.partition_point(|at| *at < session.closed)];
        gaps.extend(own.windows(2).map(|pair| seconds(pair[1] - pair[0])));
    }
    gaps
}

fn firsts(played: &Played, people: usize) -> Vec<f64> {
    let times = times(played, people);
    let first = |session: &super::view::Session| {
        let own = &times[session.from];
        let at = own.get(own.partition_point(|at| *at < session.opened)).filter(|at| **at < session.closed)?;
        Some(seconds(at - session.opened))
    };
    played.view.sessions.iter().filter_map(first).collect()
}

fn a_day(played: &Played, people: usize, of_groups: bool) -> Vec<f64> {
    let last = played.view.puts.last().map_or(0, |put| put.at / DAY);
    let days = usize::try_from(last).unwrap_or_default() + 1;
    let mut counts = vec![0.0; people * days];
    for (put, truth) in played.view.puts.iter().zip(&played.truths) {
        let day = usize::try_from(put.at / DAY).unwrap_or_default();
        if truth.group.is_some() || !of_groups {
            counts[put.from * days + day] += 1.0;
        }
    }
    counts
}

#[expect(clippy::cast_precision_loss, reason = "seconds of some days")]
fn seconds(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_alike_and_what_is_not_is_not() {
        let even: Vec<f64> = (0..1_000).map(|at| number(at % 100)).collect();
        let same = Alike::of("", even.clone(), even.iter().rev().copied().collect());
        assert!(same.distance == 0.0 && same.one == same.other);
        let later = Alike::of("", even.clone(), even.iter().map(|value| value + 20.0).collect());
        assert!((later.distance - 0.2).abs() < 0.011 && later.distance > later.chance, "{later:?}");
    }
}
