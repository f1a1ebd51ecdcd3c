//! What the adversary makes of a view before it is asked anything.

use std::collections::BTreeMap;

use himaya::engine::schedule::LISTS_MOST;

use super::measure::number;
use super::named::{Named, Readers};
use super::play::SYNC;
use super::view::{Session, View};

/// Puts this close to each other are of one burst, in seconds.
const BURST: u64 = 5;
/// The width of the bins in which the activity of two IP addresses is compared, in seconds.
const BIN: u64 = 600;

/// What a pair or a thing looks like: which bin of each feature it falls into.
pub(super) type Features = Vec<usize>;

/// A view, put in order.
pub(super) struct Evidence<'a> {
    pub(super) view: &'a View,
    /// For each put that came with a chunk, how often that was picked.
    picked: Vec<Option<usize>>,
    pairs: Option<Pairs>,
    named: Option<Named>,
}

impl<'a> Evidence<'a> {
    /// `people`: how many IP addresses there are, if the relay sees them.
    pub(super) fn of(view: &'a View, people: Option<usize>) -> Self {
        let mut count = BTreeMap::<u64, usize>::new();
        for pick in &view.picks {
            *count.entry(pick.address).or_default() += 1;
        }
        let mut picked = vec![None; view.puts.len()];
        for chunk in &view.chunks {
            let picks = count.get(&chunk.address).copied().unwrap_or_default();
            let with = view.puts.partition_point(|put| put.at < chunk.at);
            if let Some(one) = picked.get_mut(with) {
                *one = Some(picks);
            }
        }
        Self { view, picked, pairs: people.map(|people| Pairs::of(view, people)), named: Named::of(view) }
    }

    /// How many puts arrived in the so many seconds after one.
    fn following(&self, put: usize, seconds: u64) -> usize {
        let at = self.view.puts[put].at;
        self.view.puts.partition_point(|other| other.at <= at + seconds) - put - 1
    }

    /// How often somebody read windows in the second of a time.
    fn reads_at(&self, at: u64) -> usize {
        let reads = &self.view.reads;
        reads.partition_point(|read| read.at <= at) - reads.partition_point(|read| read.at < at)
    }

    /// Two puts, the second after the first.
    pub(super) fn of_pair(&self, first: usize, second: usize) -> Features {
        let (one, other) = (self.view.puts[first], self.view.puts[second]);
        let channel = match (one.channel, other.channel) {
            (Some(one), Some(other)) if one == other => 2,
            (Some(_), Some(_)) => 1,
            (None, _) | (_, None) => 0,
        };
        let chunks = match (self.picked[first], self.picked[second]) {
            (None, None) => 0,
            (Some(_), None) => 1,
            (None, Some(_)) => 2,
            (Some(one), Some(other)) => 3 + usize::from(one.abs_diff(other) > 1),
        };
        let mut features = vec![
            logarithm(other.at - one.at),
            usize::from(one.connection == other.connection),
            channel,
            chunks,
            logarithm(wide(self.following(second, BURST))),
            self.reads_at(other.at).min(7),
        ];
        features.extend(self.named.iter().flat_map(|named| named.of_pair(first, second)));
        if let Some(pairs) = &self.pairs {
            features.push(usize::from(one.from == other.from));
            features.extend(pairs.features(one.from, other.from));
        }
        features
    }

    /// Two IP addresses.
    pub(super) fn of_people(&self, one: usize, other: usize) -> Option<Features> {
        self.pairs.as_ref().map(|pairs| pairs.features(one, other))
    }

    /// A put and a feed that was open then.
    pub(super) fn of_sender(&self, put: usize, session: &Session) -> Features {
        let seen = self.view.puts[put];
        let since = seen.at.saturating_sub(session.opened);
        vec![
            usize::from(seen.connection == session.connection),
            // Whoever holds this feed open syncs about now.
            logarithm(since % SYNC),
            logarithm(since / 60),
            usize::from(self.pairs.is_some() && seen.from == session.from),
        ]
    }

    /// What follows a put, as far as it may tell how many read it.
    pub(super) fn of_size(&self, put: usize) -> Features {
        let span = 2 * 3_600;
        let rate = number(self.following(put, span)) / 7_200.0;
        let burst = |seconds: u32| {
            let expected = (rate * f64::from(seconds)).max(0.05);
            deviation((number(self.following(put, u64::from(seconds))) - expected) / expected.sqrt())
        };
        let picks = match self.picked[put] {
            None => 0,
            Some(0..=3) => 1,
            Some(4..=11) => 2,
            Some(_) => 3,
        };
        let named = self.named.as_ref().map(|named| named.of_put(put));
        [burst(5), burst(60), burst(900), picks].into_iter().chain(named).collect()
    }
}

/// What IP addresses have in common.
struct Pairs {
    people: usize,
    puts: Vec<f64>,
    bursts: Vec<f64>,
    expected: f64,
    activity: Vec<Vec<f32>>,
    picks: BTreeMap<(usize, usize), usize>,
    readers: Option<Readers>,
}

impl Pairs {
    fn of(view: &View, people: usize) -> Self {
        let mut puts = vec![0.0; people];
        let mut bursts = vec![0.0; people * people];
        for (number, put) in view.puts.iter().enumerate() {
            puts[put.from] += 1.0;
            for other in view.puts[number + 1..].iter().take_while(|other| other.at <= put.at + BURST) {
                bursts[put.from * people + other.from] += 1.0;
                bursts[other.from * people + put.from] += 1.0;
            }
        }
        let all: f64 = puts.iter().sum();
        let expected = bursts.iter().sum::<f64>() / (all * all).max(1.0);
        let mut readers = BTreeMap::<u64, Vec<usize>>::new();
        for chunk in &view.chunks {
            readers.entry(chunk.address).or_default().push(chunk.from);
        }
        for pick in &view.picks {
            readers.entry(pick.address).or_default().push(pick.from);
        }
        let mut picks = BTreeMap::new();
        for readers in readers.into_values() {
            for one in &readers {
                readers.iter().for_each(|other| *picks.entry((*one, *other)).or_default() += 1);
            }
        }
        Self {
            people,
            puts,
            bursts,
            expected,
            activity: activity(view, people),
            picks,
            readers: Readers::of(view, people),
        }
    }

    fn features(&self, one: usize, other: usize) -> Features {
        let expected = (self.expected * self.puts[one] * self.puts[other]).max(0.02);
        let burst = (self.bursts[one * self.people + other] - expected) / expected.sqrt();
        let alike: f32 = self.activity[one].iter().zip(&self.activity[other]).map(|(one, other)| one * other).sum();
        let bins = number(self.activity[one].len());
        let picks = self.picks.get(&(one, other)).copied().unwrap_or_default();
        let mut features = vec![deviation(burst), deviation(f64::from(alike) * bins.sqrt()), picks.min(3)];
        features.extend(self.readers.iter().flat_map(|readers| readers.features(one, other)));
        features
    }
}

/// For each IP address how much more it wrote in each bin than usual while its feed was open, scaled to length 1.
fn activity(view: &View, people: usize) -> Vec<Vec<f32>> {
    let end = view.puts.last().map_or(0, |put| put.at);
    let bins = index(end / BIN) + 1;
    let mut wrote = vec![vec![0.0f64; bins]; people];
    let mut open = vec![vec![0.0f64; bins]; people];
    for put in &view.puts {
        wrote[put.from][index(put.at / BIN)] += 1.0;
    }
    for session in &view.sessions {
        let watched = index(session.opened / BIN)..=index(session.closed / BIN).min(bins - 1);
        watched.for_each(|bin| open[session.from][bin] = 1.0);
    }
    for list in &view.lists {
        // It has watched since the list before, as far as anybody can tell.
        let watched = index(list.at.saturating_sub(LISTS_MOST) / BIN)..=index(list.at / BIN).min(bins - 1);
        watched.for_each(|bin| open[list.from][bin] = 1.0);
    }
    let mut rows = Vec::new();
    for (wrote, open) in wrote.into_iter().zip(open) {
        let rate = wrote.iter().sum::<f64>() / open.iter().sum::<f64>().max(1.0);
        let more: Vec<f64> = wrote.iter().zip(&open).map(|(wrote, open)| wrote - rate * open).collect();
        let length = more.iter().map(|more| more * more).sum::<f64>().sqrt().max(1e-9);
        #[expect(clippy::cast_possible_truncation, reason = "a figure for a correlation")]
        rows.push(more.into_iter().map(|more| (more / length) as f32).collect());
    }
    rows
}

/// The bin of a number by its size: 0, 1, 2 to 3, 4 to 7, …
fn logarithm(value: u64) -> usize {
    value.checked_ilog2().map_or(0, |log| index(u64::from(log)) + 1)
}

/// The bin of a number of standard deviations, 0 to 12.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped just before")]
pub(super) fn deviation(z: f64) -> usize {
    (z.round().clamp(-3.0, 9.0) + 3.0) as usize
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn index(value: u64) -> usize {
    usize::try_from(value).expect("what is counted here fits the memory")
}
