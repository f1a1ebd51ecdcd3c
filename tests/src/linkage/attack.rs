//! The adversary: questions with one right answer among several, and a likelihood for each learned in advance.
//!
//! It is a naive Bayes classifier over the bins of the features that `evidence` draws from the view. It learns from
//! questions about the first half of the time, with the answers, and is asked about the second half.

use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, RngCore};

use super::DAY;
use super::evidence::{Evidence, Features};
use super::measure::{Answer, Outcome};
use super::play::Played;
use super::population::Population;

/// Of how many answers one is right.
pub const CHOICES: usize = 50;
/// How far two puts of one group lie apart at most: the span over which the design spreads receipts, in seconds.
pub const SPAN: u64 = 4 * 3_600;
/// How often one group or person is asked about at most, so that none makes up the whole.
const ASKED: usize = 60;

/// What the adversary is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Which of 50 later puts is of the same group as this one?
    Linking,
    /// Which of 50 later puts was written by another member of the same group?
    CoMembership,
    /// The same, when nothing is seen but what is not urgent: what leaves at once tells who has something in common, and is all that
    /// cover cannot hide. Asked of a relay that sees IP addresses; without them it is [`Self::CoMembership`].
    CoveredAlone,
    /// Which of 50 IP addresses is of a member of a group with this one?
    Acquaintance,
    /// Whose of 50 open feeds belongs to the client that put this?
    Sender,
    /// Is the group of this put of 2 to 4, of 5 to 12, or of more members?
    Size,
}

impl Task {
    /// In the order of the tables.
    pub const ALL: [Self; 6] =
        [Self::Linking, Self::CoMembership, Self::CoveredAlone, Self::Acquaintance, Self::Sender, Self::Size];

    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linking => "linking",
            Self::CoMembership => "co-membership, by puts",
            Self::CoveredAlone => "co-membership, by puts, of covered ones alone",
            Self::Acquaintance => "co-membership, by IP",
            Self::Sender => "sender",
            Self::Size => "group size",
        }
    }

    /// Whether it is asked only of a relay that sees IP addresses.
    pub fn takes_ips(self) -> bool {
        matches!(self, Self::CoveredAlone | Self::Acquaintance)
    }
}

/// Which puts the adversary is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// All that belong to a group.
    All,
    /// Those that are not urgent: receipts, notes, key updates.
    Covered,
}

/// A question: what the right answer looks like, and the others.
struct Question {
    cluster: usize,
    right: Features,
    others: Vec<Features>,
}

/// Asks one thing about what was played; `None` when there is nothing to ask.
pub fn attack(
    population: &Population,
    played: &Played,
    task: Task,
    traffic: Traffic,
    ips: bool,
    rng: &mut impl RngCore,
) -> Option<Outcome> {
    let covered;
    let played = match (task, traffic) {
        (Task::CoveredAlone, Traffic::All) => return None,
        // What two people have in common is seen in all that they write, so the rest is taken away.
        (Task::CoveredAlone | Task::Acquaintance, Traffic::Covered) => {
            covered = only_covered(played);
            &covered
        }
        (_, Traffic::All | Traffic::Covered) => played,
    };
    let evidence = Evidence::of(&played.view, ips.then_some(population.people.len()));
    let asked = Asked { population, played, evidence, traffic };
    let last = played.view.puts.last()?.at;
    let (learned, tested) = ((DAY / 2, last / 2), (last / 2, last));
    match task {
        Task::Linking | Task::CoMembership | Task::CoveredAlone => {
            let mut ask = |half| asked.about_puts(half, task != Task::Linking, rng);
            let (learn, test) = (ask(learned), ask(tested));
            judge(&learn, &test, rng)
        }
        Task::Sender => {
            let mut ask = |half| asked.about_senders(half, rng);
            let (learn, test) = (ask(learned), ask(tested));
            judge(&learn, &test, rng)
        }
        Task::Acquaintance => {
            // What is known of people is known for the whole time: it learns from one half of them.
            let mut ask = |odd| asked.about_people(odd, rng);
            let (learn, test) = (ask(0), ask(1));
            judge(&learn, &test, rng)
        }
        Task::Size => {
            let mut ask = |half| asked.about_sizes(half, rng);
            let (learn, test) = (ask(learned), ask(tested));
            classify(&learn, &test, rng)
        }
    }
}

fn only_covered(played: &Played) -> Played {
    let mut view = played.view.clone();
    let mut kept = played.truths.iter().map(|truth| truth.covered);
    view.puts.retain(|_| kept.next().unwrap_or(false));
    let kept: Vec<bool> = played.truths.iter().map(|truth| truth.covered).collect();
    super::lists::kept(&mut view.lists, &kept);
    Played { view, truths: played.truths.iter().filter(|truth| truth.covered).copied().collect() }
}

/// What is asked about.
struct Asked<'a> {
    population: &'a Population,
    played: &'a Played,
    evidence: Evidence<'a>,
    traffic: Traffic,
}

impl Asked<'_> {
    fn counts(&self, put: usize) -> bool {
        let truth = self.played.truths[put];
        truth.group.is_some() && (self.traffic == Traffic::All || truth.covered)
    }

    /// The puts of each group from a time until another.
    fn of_groups(&self, (from, until): (u64, u64)) -> Vec<Vec<usize>> {
        let puts = &self.played.view.puts;
        let mut groups = vec![Vec::new(); self.population.groups.len()];
        for put in puts.partition_point(|put| put.at < from)..puts.partition_point(|put| put.at < until) {
            if let Some(group) = self.played.truths[put].group.filter(|_| self.counts(put)) {
                groups[group].push(put);
            }
        }
        groups
    }

    /// One put of each question's group is among 49 others of the next hours.
    fn about_puts(&self, half: (u64, u64), by_another: bool, rng: &mut impl RngCore) -> Vec<Question> {
        let (puts, truths) = (&self.played.view.puts, &self.played.truths);
        let mut questions = Vec::new();
        for (group, own) in self.of_groups(half).into_iter().enumerate() {
            for first in own.choose_multiple(rng, ASKED).copied() {
                let until = (puts[first].at + SPAN).min(half.1);
                let end = puts.partition_point(|put| put.at <= until);
                let later = own.iter().copied().filter(|put| *put > first && *put < end);
                let fits = |put: &usize| !by_another || truths[*put].who != truths[first].who;
                let Some(right) = later.filter(fits).choose(rng) else { continue };
                let strange = |put: usize| match truths[put].group {
                    Some(other) => other != group && (!by_another || truths[put].who != truths[first].who),
                    None => true,
                };
                let Some(others) = draw(first + 1..end, strange, rng) else { continue };
                questions.push(Question {
                    cluster: group,
                    right: self.evidence.of_pair(first, right),
                    others: others.into_iter().map(|other| self.evidence.of_pair(first, other)).collect(),
                });
            }
        }
        questions
    }

    /// The sender's feed is among 49 others that were open then.
    fn about_senders(&self, half: (u64, u64), rng: &mut impl RngCore) -> Vec<Question> {
        let (view, truths) = (&self.played.view, &self.played.truths);
        let mut questions = Vec::new();
        for (group, own) in self.of_groups(half).into_iter().enumerate() {
            for put in own.choose_multiple(rng, ASKED / 2).copied() {
                let at = view.puts[put].at;
                let open: Vec<usize> = (0..view.sessions.len())
                    .filter(|number| view.sessions[*number].opened <= at && at < view.sessions[*number].closed)
                    .collect();
                let is_right = |number: &usize| view.sessions[*number].from == truths[put].who;
                let Some(right) = open.iter().copied().find(is_right) else { continue };
                let Some(others) = draw(0..open.len(), |place| open[place] != right, rng) else { continue };
                let look = |number: usize| self.evidence.of_sender(put, &view.sessions[number]);
                let others = others.into_iter().map(|place| look(open[place])).collect();
                questions.push(Question { cluster: group, right: look(right), others });
            }
        }
        questions
    }

    /// Somebody who shares a group with each second person is among 49 others who do not.
    fn about_people(&self, odd: usize, rng: &mut impl RngCore) -> Vec<Question> {
        let people = self.population.people.len();
        let mut questions = Vec::new();
        for one in (0..people).filter(|one| one % 2 == odd) {
            let shared = self.population.groups.iter().filter(|group| group.members.contains(&one));
            let known: std::collections::BTreeSet<usize> =
                shared.flat_map(|group| group.members.iter().copied()).filter(|other| *other != one).collect();
            for _ in 0..10 {
                let Some(right) = known.iter().copied().choose(rng) else { break };
                let Some(others) = draw(0..people, |other| other != one && !known.contains(&other), rng) else { break };
                let others = others.into_iter().filter_map(|other| self.evidence.of_people(one, other)).collect();
                let Some(right) = self.evidence.of_people(one, right) else { break };
                questions.push(Question { cluster: one, right, others });
            }
        }
        questions
    }

    /// Puts of small, middling and large groups, as many of each; `cluster` says which group, the last place which size.
    fn about_sizes(&self, half: (u64, u64), rng: &mut impl RngCore) -> [Vec<(usize, Features)>; 3] {
        let mut sizes = [Vec::new(), Vec::new(), Vec::new()];
        for (group, own) in self.of_groups(half).into_iter().enumerate() {
            let size = match self.population.groups[group].members.len() {
                0..=4 => 0,
                5..=12 => 1,
                _ => 2,
            };
            sizes[size].extend(own.into_iter().map(|put| (group, put)));
        }
        let least = sizes.iter().map(Vec::len).min().unwrap_or_default().min(3_000);
        sizes.map(|puts| {
            puts.choose_multiple(rng, least).map(|(group, put)| (*group, self.evidence.of_size(*put))).collect()
        })
    }
}

/// 49 different numbers of a range that fit, `None` when there are too few.
fn draw(range: std::ops::Range<usize>, fits: impl Fn(usize) -> bool, rng: &mut impl RngCore) -> Option<Vec<usize>> {
    let mut drawn = Vec::with_capacity(CHOICES - 1);
    for _ in 0..CHOICES * 8 {
        if range.is_empty() || drawn.len() == CHOICES - 1 {
            break;
        }
        let number = rng.random_range(range.clone());
        if fits(number) && !drawn.contains(&number) {
            drawn.push(number);
        }
    }
    (drawn.len() == CHOICES - 1).then_some(drawn)
}

/// How often each bin of each feature was seen, smoothed, as logarithms of shares.
struct Shares(Vec<Vec<f64>>);

impl Shares {
    fn of<'a>(seen: impl Iterator<Item = &'a Features>) -> Self {
        const BINS: usize = 24;
        let mut counts: Vec<Vec<f64>> = Vec::new();
        let mut all = 0.5 * super::measure::number(BINS);
        for features in seen {
            counts.resize(features.len(), vec![0.5; BINS]);
            features.iter().zip(&mut counts).for_each(|(bin, counts)| counts[*bin] += 1.0);
            all += 1.0;
        }
        Self(counts.into_iter().map(|counts| counts.into_iter().map(|count| (count / all).ln()).collect()).collect())
    }

    fn score(&self, features: &Features) -> f64 {
        features.iter().zip(&self.0).map(|(bin, shares)| shares[*bin]).sum()
    }
}

/// Learns from one half and answers the other.
fn judge(learn: &[Question], test: &[Question], rng: &mut impl RngCore) -> Option<Outcome> {
    let right = Shares::of(learn.iter().map(|question| &question.right));
    let wrong = Shares::of(learn.iter().flat_map(|question| &question.others));
    let score = |features: &Features| right.score(features) - wrong.score(features);
    let answers: Vec<Answer> = test
        .iter()
        .map(|question| Answer {
            cluster: question.cluster,
            right: score(&question.right),
            others: question.others.iter().map(score).collect(),
        })
        .collect();
    Outcome::of(&answers, rng)
}

/// Learns what puts of each size look like and names the size of others.
fn classify(
    learn: &[Vec<(usize, Features)>; 3],
    test: &[Vec<(usize, Features)>; 3],
    rng: &mut impl RngCore,
) -> Option<Outcome> {
    let shares = learn.each_ref().map(|seen| Shares::of(seen.iter().map(|(_, features)| features)));
    let answers: Vec<Answer> = test
        .iter()
        .enumerate()
        .flat_map(|(size, seen)| seen.iter().map(move |seen| (size, seen)))
        .map(|(size, (group, features))| {
            let mut scores: Vec<f64> = shares.iter().map(|shares| shares.score(features)).collect();
            let right = scores.swap_remove(size);
            Answer { cluster: *group, right, others: scores }
        })
        .collect();
    Outcome::of(&answers, rng)
}
