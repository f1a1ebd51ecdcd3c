//! What is run, and the tables that come of it.

use std::fmt::Write as _;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::attack::{Task, Traffic, attack};
use super::life::script;
use super::measure::Outcome;
use super::play::{Played, play};
use super::population::Population;
use super::setting::Setting;

/// How large the experiment is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// How many groups.
    pub groups: usize,
    /// How many members the largest has.
    pub largest: usize,
    /// How many members the other networks have at most.
    pub others: usize,
    /// How many days.
    pub days: u64,
    /// Where everything random comes from.
    pub seed: u64,
}

impl Scale {
    /// The one of docs/metadata.md.
    pub fn whole() -> Self {
        Self { groups: 200, largest: 200, others: 200, days: 14, seed: 5 }
    }
}

/// One line of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The setting.
    pub setting: &'static str,
    /// Whether the relay sees IP addresses.
    pub ips: bool,
    /// What was asked.
    pub task: Task,
    /// About which puts.
    pub traffic: Traffic,
    /// What came of it; `None` when there was nothing to ask.
    pub outcome: Option<Outcome>,
}

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// People.
    pub people: usize,
    /// Puts a day.
    pub puts: usize,
    /// Those of them that belong to a group.
    pub real: usize,
}

/// Everything that is asked: what, about which puts, and whether the relay sees IP addresses.
pub fn questions() -> impl Iterator<Item = (Task, Traffic, bool)> {
    [false, true].into_iter().flat_map(|ips| {
        let tasks = Task::ALL.into_iter().filter(move |task| ips || !task.takes_ips());
        tasks.flat_map(move |task| [Traffic::Covered, Traffic::All].map(|traffic| (task, traffic, ips)))
    })
}

impl Amount {
    /// Counts.
    pub fn of(population: &Population, played: &Played, days: u64) -> Self {
        let days = usize::try_from(days).unwrap_or(1).max(1);
        let real = played.truths.iter().filter(|truth| truth.group.is_some()).count() / days;
        Self { people: population.people.len(), puts: played.truths.len() / days, real }
    }
}

/// Plays one setting and asks everything about it.
pub fn run(scale: Scale, setting: &Setting) -> (Amount, Vec<Row>) {
    ask(scale, setting, &questions().collect::<Vec<_>>())
}

/// Plays one setting and asks some things about it: what, about which puts, and whether the relay sees IP addresses.
pub fn ask(scale: Scale, setting: &Setting, questions: &[(Task, Traffic, bool)]) -> (Amount, Vec<Row>) {
    let mut rng = ChaCha20Rng::seed_from_u64(scale.seed);
    let population = Population::new(scale.groups, scale.largest, scale.others, &mut rng);
    let script = script(&population, scale.days, &mut rng);
    let played = play(&population, &script, setting, scale.days, &mut rng);
    let mut rows = Vec::new();
    for (task, traffic, ips) in questions.iter().copied() {
        let outcome = attack(&population, &played, task, traffic, ips, &mut rng);
        rows.push(Row { setting: setting.name, ips, task, traffic, outcome });
    }
    (Amount::of(&population, &played, scale.days), rows)
}

/// The rows of one setting as a table under a heading.
pub fn table(heading: &str, amount: Amount, rows: &[Row]) -> String {
    let mut out = String::new();
    if !rows.is_empty() {
        let _infallible = write!(
            out,
            "\n### {heading}\n\n{} people, {} puts a day, {} of them belong to a group.\n\n\
             | the relay sees IPs | asked | covered: right | at most | × random | AUC | hidden among | all: right | at most | × random | AUC | hidden among |\n\
             |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
            amount.people, amount.puts, amount.real
        );
    }
    for pair in rows.chunks(2) {
        let [covered, all] = pair else { continue };
        let _infallible = writeln!(
            out,
            "| {} | {} | {} | {} |",
            if covered.ips { "yes" } else { "no" },
            covered.task.name(),
            cells(covered.outcome),
            cells(all.outcome)
        );
    }
    out
}

fn cells(outcome: Option<Outcome>) -> String {
    let Some(outcome) = outcome else { return "– | – | – | – | –".to_owned() };
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    format!(
        "{} | {} | {:.1} | {:.2} | {:.1} of {:.0}",
        percent(outcome.top1),
        percent(outcome.upper),
        outcome.lift(),
        outcome.auc,
        outcome.hidden_among,
        (1.0 / outcome.random).round()
    )
}
