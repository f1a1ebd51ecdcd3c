//! A classifier, and what its hits are worth.

/// Something seen, of one of two classes.
pub(crate) struct Sample {
    /// What was counted in it.
    pub(crate) features: Vec<f64>,
    /// Which of the two it is.
    pub(crate) class: bool,
    /// What it was made together with: all of that is held back when it is judged.
    pub(crate) fold: u64,
}

const STEPS: usize = 300;
const RATE: f64 = 0.1;
/// Keeps weights small where there are more features than samples.
const DECAY: f64 = 0.02;

/// How many samples a logistic regression gets right that has seen only other folds.
pub(crate) fn cross_validate(samples: &[Sample]) -> usize {
    let mut folds: Vec<u64> = samples.iter().map(|sample| sample.fold).collect();
    folds.sort_unstable();
    folds.dedup();
    let right = |fold: u64| {
        let seen: Vec<&Sample> = samples.iter().filter(|sample| sample.fold != fold).collect();
        let judge = Judge::train(&seen);
        samples.iter().filter(|sample| sample.fold == fold && judge.says(&sample.features) == sample.class).count()
    };
    folds.into_iter().map(right).sum()
}

/// A logistic regression on standardised features.
struct Judge {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    weights: Vec<f64>,
    bias: f64,
}

impl Judge {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
    fn train(samples: &[&Sample]) -> Self {
        let (count, width) = (samples.len() as f64, samples[0].features.len());
        let sum = |of: &dyn Fn(&Sample, usize) -> f64| -> Vec<f64> {
            (0..width).map(|at| samples.iter().map(|sample| of(sample, at)).sum::<f64>() / count).collect()
        };
        let mean = sum(&|sample, at| sample.features[at]);
        let variance = sum(&|sample, at| (sample.features[at] - mean[at]).powi(2));
        let deviation = variance.into_iter().map(|variance| variance.sqrt().max(1e-9)).collect();
        let mut judge = Self { mean, deviation, weights: vec![0.0; width], bias: 0.0 };
        let scaled: Vec<Vec<f64>> = samples.iter().map(|sample| judge.scale(&sample.features)).collect();
        for _ in 0..STEPS {
            let (mut slope, mut lift) = (vec![0.0; width], 0.0);
            for (features, sample) in scaled.iter().zip(samples) {
                let error = judge.probability(features) - f64::from(u8::from(sample.class));
                lift += error / count;
                slope.iter_mut().zip(features).for_each(|(slope, feature)| *slope += error * feature / count);
            }
            judge.bias -= RATE * lift;
            judge.weights.iter_mut().zip(slope).for_each(|(weight, slope)| *weight -= RATE * (slope + DECAY * *weight));
        }
        judge
    }

    fn scale(&self, features: &[f64]) -> Vec<f64> {
        let places = features.iter().zip(&self.mean).zip(&self.deviation);
        // What never varied says nothing, however far a new value lies from it.
        places.map(|((feature, mean), deviation)| ((feature - mean) / deviation).clamp(-10.0, 10.0)).collect()
    }

    fn probability(&self, scaled: &[f64]) -> f64 {
        let sum: f64 = self.weights.iter().zip(scaled).map(|(weight, feature)| weight * feature).sum();
        1.0 / (1.0 + (-(sum + self.bias)).exp())
    }

    fn says(&self, features: &[f64]) -> bool {
        self.probability(&self.scale(features)) > 0.5
    }
}

/// Clopper and Pearson's 95 % interval for the share of which `right` of `tries` is a sample.
pub(crate) fn interval(right: usize, tries: usize) -> (f64, f64) {
    // The share at which as many or more are had with this probability; found by halving.
    let solve = |probability: &dyn Fn(f64) -> f64, wanted: f64| {
        let (mut low, mut high) = (0.0f64, 1.0f64);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if probability(middle) < wanted { low = middle } else { high = middle }
        }
        (low + high) / 2.0
    };
    let low = if right == 0 { 0.0 } else { solve(&|share| at_least(right, tries, share), 0.025) };
    let high = if right == tries { 1.0 } else { solve(&|share| at_least(right + 1, tries, share), 0.975) };
    (low, high)
}

/// The most that somebody who guesses gets right with this probability.
pub(crate) fn quantile(tries: usize, probability: f64) -> usize {
    (0..=tries).find(|right| at_least(right + 1, tries, 0.5) <= 1.0 - probability).unwrap_or(tries)
}

/// The probability of so many or more hits.
#[expect(clippy::cast_precision_loss, reason = "a few thousand tries")]
fn at_least(right: usize, tries: usize, share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return if right == 0 || share >= 1.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum) = (tries as f64 * (1.0 - share).ln(), 0.0);
    for hits in 0..=tries {
        if hits >= right {
            sum += term.exp();
        }
        term += ((tries - hits) as f64 / (hits + 1) as f64).ln() + (share / (1.0 - share)).ln();
    }
    sum.min(1.0)
}

#[test]
fn the_classifier_finds_what_is_there_and_nothing_else() {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    for (difference, found) in [(2.0, true), (0.0, false)] {
        let sample = |at: u64| {
            let class = at.is_multiple_of(2);
            let mut features: Vec<f64> = (0..30).map(|_| rng.random()).collect();
            features[3] += if class { difference } else { 0.0 };
            Sample { features, class, fold: at / 20 }
        };
        let samples: Vec<_> = (0..200).map(sample).collect();
        assert_eq!(cross_validate(&samples) > quantile(samples.len(), 0.9999), found);
    }
}

#[test]
fn bounds_are_those_of_the_books() {
    // Clopper and Pearson, exact values: 5 of 10 is 18.7 to 81.3 %, 0 of 20 at most 16.8 %.
    let (low, high) = interval(5, 10);
    assert!((low - 0.1871).abs() < 5e-4 && (high - 0.8129).abs() < 5e-4, "{low} {high}");
    let (low, high) = interval(0, 20);
    assert!(low == 0.0 && (high - 0.1684).abs() < 5e-4, "{high}");
    // Of 10 fair coins 9 or more are heads in 1.07 %.
    assert!((at_least(9, 10, 0.5) - 0.010_742).abs() < 1e-5);
    assert_eq!(quantile(10, 0.98), 8);
}
