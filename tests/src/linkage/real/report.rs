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

/// The groups of docs/metadata.md, with real clients. Every cell for a group of 200 costs each of its members some milliseconds, so
/// there is one of these.
pub const WHOLE: Scale = Scale { groups: 200, largest: 200, others: 40, days: 2, seed: 5 };

/// What is played with them, one after the other: first the client as it is and the weakenings, then what people may switch. A
/// client that puts its key updates in chunks is none of these; neither is one that names wanted cells alone.
pub fn settings() -> Vec<Setting> {
    let all = [Setting::switched(), Setting::by_lists(), Setting::weakened()].concat();
    let played = [
        "cover 1 h",
        "one connection for all",
        "a channel an epoch",
        "receipt on arrival",
        "lists, cover 1 h",
        "cover off",
        "cover 1 h, receipts off",
        "cover 10 min",
    ];
    played.into_iter().filter_map(|name| all.iter().find(|setting| setting.name == name).cloned()).collect()
}

/// Plays settings one after the other with the same clients and tells each table when it is there.
pub async fn run(
    scale: Scale,
    settings: &[Setting],
    mut tell: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut rng = ChaCha20Rng::seed_from_u64(scale.seed);
    let population = Population::new(scale.groups, scale.largest, scale.others, &mut rng);
    let mut company = Company::assemble(&population, scale.seed).await;
    let days = scale.days;
    let mut last = Both::default();
    for setting in settings {
        let mut text = format!("\n## {}\n", setting.name);
        if setting.is_view() {
            text.push_str("\nThe puts of the table before, seen by another relay.\n");
        } else {
            let script = script(&population, days, &mut rng);
            let (real, counted) = company.play(&script, setting, days).await;
            let _infallible = writeln!(
                text,
                "\n{days} days, the largest group with {} members, other networks with up to {}. {} alerts were to reach {} devices, \
                 and reached {}. Real clients put {} chunks and asked for chunks {} times.",
                scale.largest,
                scale.others,
                counted.alerts,
                counted.expected,
                counted.arrived,
                real.view.chunks.len(),
                real.view.picks.len()
            );
            last = Both { real, model: play(&population, &script, setting, days, &mut rng) };
        }
        let seen = Both { real: last.real.clone().seen_under(setting), model: last.model.clone().seen_under(setting) };
        for (who, played) in [("Real clients", &seen.real), ("The model", &seen.model)] {
            let (amount, rows) = ask(&population, played, setting, days, &mut rng);
            text.push_str(&table(who, amount, &rows));
        }
        if !setting.is_view() {
            text.push_str(&likeness(&compare(&seen.real, &seen.model, population.people.len())));
        }
        tell(&text)?;
    }
    Ok(())
}

/// One script, played twice.
#[derive(Default)]
struct Both {
    real: Played,
    model: Played,
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
