//! The figures of docs/benchmarks.md that need both sides, or MLS.
//!
//! ```text
//! cargo bench -p himaya-tests --bench figures                 everything
//! cargo bench -p himaya-tests --bench figures -- mls          one of: mls, past, latency, sos, feeds, sweep,
//!                                                             handshakes, board
//! cargo bench -p himaya-tests --bench figures -- --quick      does it still run; the figures mean little
//! ```
//!
//! Every table stands beside the limit that the machine set in the same minute. Nothing here passes or fails by time.

#![allow(clippy::print_stdout, reason = "a measurement talks")]
#![allow(unreachable_pub, reason = "everything here is one program")]

mod bare;
mod board;
mod feeds;
mod group;
mod handshakes;
mod latency;
mod limits;
mod measure;
mod mls;
mod past;
mod people;
mod person;
mod server;
mod sos;
mod sweep;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effort {
    Quick,
    Full,
}

impl Effort {
    fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

type Measurement = fn(Effort) -> anyhow::Result<()>;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let given = |wanted: &str| words.iter().any(|word| word == wanted);
    // Cargo says --bench when it is asked to measure, and nothing when it only tries out all targets.
    let effort = if given("--quick") || !given("--bench") { Effort::Quick } else { Effort::Full };
    let asked: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let measurements: [(&str, Measurement); 8] = [
        ("mls", mls::run),
        ("past", past::run),
        ("latency", latency::run),
        ("sos", sos::run),
        ("feeds", feeds::run),
        ("sweep", sweep::run),
        ("handshakes", handshakes::run),
        ("board", board::run),
    ];
    for (name, run) in measurements {
        if asked.is_empty() || asked.contains(&name) {
            let before = load();
            run(effort)?;
            println!("\n{name}: load average {before} before, {} after.", load());
        }
    }
    Ok(())
}

/// How busy the machine is: a quiet one shows less than 1 before.
fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}
