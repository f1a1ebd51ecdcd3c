//! Figures: how often the best guess is right, with an upper bound, the area under the curve, the anonymity set.

use rand::{Rng, RngCore};

/// One question put to the adversary: scores of the right answer and of the others.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the question belongs to; questions about one thing are not independent.
    pub cluster: usize,
    /// The score of the right answer.
    pub right: f64,
    /// The scores of the others.
    pub others: Vec<f64>,
}

/// What came of many questions.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// How many questions.
    pub questions: usize,
    /// In which share of them the best guess is right.
    pub top1: f64,
    /// The upper end of the two-sided 95 % interval of that: the higher of Wilson's and of the bootstrap over clusters.
    pub upper: f64,
    /// What guessing gives.
    pub random: f64,
    /// The probability that the right answer scores higher than another one.
    pub auc: f64,
    /// Two to the entropy of the adversary's belief: among how many the right answer hides.
    pub hidden_among: f64,
}

impl Outcome {
    /// How many times better than guessing it may be.
    pub fn lift(&self) -> f64 {
        self.upper / self.random
    }

    /// Counts. `None` without questions.
    pub fn of(answers: &[Answer], rng: &mut impl RngCore) -> Option<Self> {
        let (first, count) = (answers.first()?, number(answers.len()));
        let hits: Vec<f64> = answers.iter().map(Answer::hit).collect();
        let top1 = hits.iter().sum::<f64>() / count;
        Some(Self {
            questions: answers.len(),
            top1,
            upper: wilson(top1, count).max(bootstrap(answers, &hits, rng)),
            random: 1.0 / number(first.others.len() + 1),
            auc: answers.iter().map(Answer::above).sum::<f64>() / count,
            hidden_among: answers.iter().map(Answer::hidden_among).sum::<f64>() / count,
        })
    }
}

impl Answer {
    /// 1 if the best guess is right; with several best ones, the chance to take the right one.
    fn hit(&self) -> f64 {
        if self.others.iter().any(|other| *other > self.right) {
            return 0.0;
        }
        1.0 / number(1 + self.others.iter().filter(|other| same(**other, self.right)).count())
    }

    fn above(&self) -> f64 {
        let below = self.others.iter().filter(|other| **other < self.right).count();
        let same = self.others.iter().filter(|other| same(**other, self.right)).count();
        (number(below) + number(same) / 2.0) / number(self.others.len().max(1))
    }

    /// Scores are logarithms of likelihood ratios, so the belief is proportional to their exponentials.
    fn hidden_among(&self) -> f64 {
        let scores = || self.others.iter().copied().chain([self.right]);
        let most = scores().fold(f64::MIN, f64::max);
        let total: f64 = scores().map(|score| (score - most).exp()).sum();
        let entropy: f64 = scores().map(|score| (score - most).exp() / total).map(|p| -p * p.max(1e-300).log2()).sum();
        entropy.exp2()
    }
}

/// Whether two scores are the same: they are sums of the same figures from one table.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

/// The upper end of Wilson's 95 % interval.
fn wilson(share: f64, count: f64) -> f64 {
    let z = 1.96;
    let middle = share + z * z / (2.0 * count);
    let half = z * (share * (1.0 - share) / count + z * z / (4.0 * count * count)).sqrt();
    (middle + half) / (1.0 + z * z / count)
}

/// The upper end of the 95 % interval of the mean by drawing clusters with replacement.
fn bootstrap(answers: &[Answer], hits: &[f64], rng: &mut impl RngCore) -> f64 {
    const DRAWS: usize = 400;
    let mut clusters = std::collections::BTreeMap::<usize, (f64, f64)>::new();
    for (answer, hit) in answers.iter().zip(hits) {
        let cluster = clusters.entry(answer.cluster).or_default();
        *cluster = (cluster.0 + hit, cluster.1 + 1.0);
    }
    let clusters: Vec<(f64, f64)> = clusters.into_values().collect();
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn = (0..clusters.len()).map(|_| clusters[rng.random_range(0..clusters.len())]);
            let (hits, count) = drawn.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            hits / count
        })
        .collect();
    means.sort_by(f64::total_cmp);
    means[DRAWS * 975 / 1_000]
}

#[expect(clippy::cast_precision_loss, reason = "counts of things in memory")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn who_knows_is_told_from_who_guesses() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let knows: Vec<Answer> =
            (0..100).map(|cluster| Answer { cluster, right: 20.0, others: vec![0.0; 49] }).collect();
        let known = Outcome::of(&knows, &mut rng).unwrap();
        assert!(known.top1 > 0.999 && known.auc > 0.999 && known.lift() > 49.0 && known.hidden_among < 3.0);
        let ties: Vec<Answer> = (0..100).map(|cluster| Answer { cluster, right: 0.0, others: vec![0.0; 49] }).collect();
        let tied = Outcome::of(&ties, &mut rng).unwrap();
        assert!((tied.top1 - 0.02).abs() < 1e-9 && (tied.auc - 0.5).abs() < 1e-9 && tied.hidden_among > 49.9);
        let mut guess = |_| rng.random::<f64>();
        let guesses: Vec<Answer> = (0..4_000)
            .map(|cluster| Answer { cluster, right: guess(0), others: (0..49).map(&mut guess).collect() })
            .collect();
        let guessed = Outcome::of(&guesses, &mut ChaCha20Rng::seed_from_u64(2)).unwrap();
        assert!(guessed.lift() < 1.6 && guessed.upper > guessed.top1, "{guessed:?}");
    }
}
