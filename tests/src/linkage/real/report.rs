//! What is run with real clients, and the tables that come of it.

use std::fmt::Write as _;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::super::alike::{Alike, compare};
use super::super::attack::attack;
use super::super::life::script;
use super::super::play::{Played, play};
use super::super::population::Population;
use super::super::report::{Amount, Row, Scale, questions, table};
use super::super::setting::Setting;
use super::Company;

/// The groups of docs/metadata.md, with real clients.
pub const WHOLE: Scale = Scale { groups: 200, largest: 200, days: 2, seed: 5 };

/// What is played with them, one after the other: the client as it is, without cover, and by lists; and the weakening that needs
/// other clients and not only another view of them.
pub fn settings() -> Vec<Setting> {
    let all = [Setting::switched(), Setting::by_lists(), Setting::weakened()].concat();
    let played = ["cover 1 h", "receipt on arrival", "lists, cover 1 h", "cover off"];
    played.into_iter().filter_map(|name| all.iter().find(|setting| setting.name == name).cloned()).collect()
}

/// Plays settings one after the other with the same clients and tells each table when it is there.
pub async fn run(
    scale: Scale,
    settings: &[Setting],
    mut tell: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut rng = ChaCha20Rng::seed_from_u64(scale.seed);
    let population = Population::new(scale.groups, scale.largest, &mut rng);
    let mut company = Company::assemble(&population, scale.seed).await;
    let days = scale.days;
    for setting in settings {
        let script = script(&population, days, &mut rng);
        let (real, counted) = company.play(&script, setting, days).await;
        let model = play(&population, &script, setting, days, &mut rng);
        let mut text = format!(
            "\n## {}, {days} days, up to {} members\n\n{} alerts were to reach {} devices, and reached {}. Real clients put {} chunks \
             and asked for chunks {} times.\n",
            setting.name,
            scale.largest,
            counted.alerts,
            counted.expected,
            counted.arrived,
            real.view.chunks.len(),
            real.view.picks.len()
        );
        for (who, played) in [("Real clients", &real), ("The model", &model)] {
            let (amount, rows) = ask(&population, played, setting, days, &mut rng);
            text.push_str(&table(who, amount, &rows));
        }
        text.push_str(&likeness(&compare(&real, &model, population.people.len())));
        tell(&text)?;
    }
    Ok(())
}

fn ask(
    population: &Population,
    played: &Played,
    setting: &Setting,
    days: u64,
    rng: &mut ChaCha20Rng,
) -> (Amount, Vec<Row>) {
    let rows = questions().map(|(task, traffic, ips)| Row {
        setting: setting.name,
        ips,
        task,
        traffic,
        outcome: attack(population, played, task, traffic, ips, rng),
    });
    (Amount::of(population, played, days), rows.collect())
}

fn likeness(alike: &[Alike]) -> String {
    let mut out = "\n### How alike both are\n\n| counted | real clients: median | model: median | \
        largest difference of the distributions | chance explains |\n|---|---:|---:|---:|---:|\n"
        .to_owned();
    for one in alike {
        let _infallible = writeln!(
            out,
            "| {} | {:.0} | {:.0} | {:.3} | {:.3} |",
            one.what, one.one, one.other, one.distance, one.chance
        );
    }
    out
}
