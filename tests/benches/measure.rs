//! Time, what many times have in common, and tables.

use std::time::{Duration, Instant};

/// Now, for measuring only.
#[expect(clippy::disallowed_methods, reason = "measuring time is what this is for")]
pub fn now() -> Instant {
    Instant::now()
}

/// Runs something and adds how long it took to `samples`.
pub fn timed<T>(samples: &mut Samples, act: impl FnOnce() -> T) -> T {
    let start = now();
    let value = act();
    samples.push(start.elapsed());
    value
}

/// Measured times of one thing.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that half of all samples do not exceed.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The time that 99 of 100 samples do not exceed.
    pub fn p99(&self) -> Duration {
        self.percentile(99)
    }

    /// By nearest rank; nothing at all is no time.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

/// A time in milliseconds, to three digits; a dash for what was not measured.
pub fn ms(time: Duration) -> String {
    if time.is_zero() {
        return "–".to_owned();
    }
    let value = time.as_secs_f64() * 1e3;
    let digits = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// How many times one time holds another.
pub fn ratio(of: Duration, to: Duration) -> String {
    if of.is_zero() || to.is_zero() {
        return "–".to_owned();
    }
    let ratio = of.as_secs_f64() / to.as_secs_f64();
    let digits = if ratio < 1.0 { 2 } else { 1 };
    format!("{ratio:.digits$}")
}

/// Prints the head of a table in Markdown.
pub fn head(title: &str, columns: &[&str]) {
    println!("\n{title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

/// Prints one line of a table in Markdown.
pub fn row<T: AsRef<str>>(cells: &[T]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}
