//! What people do, whatever their clients make of it: a script of who says what, where and when.
//!
//! The rates are a quiet protection network's: an alert a fortnight for each defender, answers within minutes, some talk,
//! a check-in a day for half of the defenders, the desk's notes. Nobody says anything while asleep, alerts aside: whoever
//! raises one is awake.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngCore};

use super::DAY;
use super::population::{Group, Kind, Population};

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// An alert.
    Alert,
    /// A person's acknowledgement of an alert.
    Answer,
    /// Free words.
    Talk,
    /// A check-in.
    CheckIn,
    /// A desk's note on a case.
    Note,
    /// How a desk works.
    Policy,
}

/// One line of the script.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// When, in seconds from midnight of day 0.
    pub at: u64,
    /// Who.
    pub who: usize,
    /// In which group.
    pub group: usize,
    /// What.
    pub what: Said,
}

/// How often things begin in a group, a day.
struct Rates {
    alerts: f64,
    talks: f64,
    notes: f64,
    policies: f64,
    check_in: bool,
}

impl Rates {
    fn of(kind: Kind, number: usize) -> Self {
        let none = Self { alerts: 0.0, talks: 0.0, notes: 0.0, policies: 0.0, check_in: false };
        match kind {
            Kind::Circle | Kind::Line => {
                Self { alerts: 1.0 / 14.0, talks: 0.5, check_in: number.is_multiple_of(2), ..none }
            }
            Kind::Desk => Self { talks: 3.0, notes: 4.0, policies: 0.05, ..none },
            Kind::Case => Self { talks: 2.0, notes: 2.0, ..none },
            Kind::Bridge => Self { talks: 0.5, ..none },
            Kind::Network => Self { alerts: 0.1, talks: 1.0, ..none },
        }
    }
}

/// Everything that is said on so many days, in order.
pub fn script(population: &Population, days: u64, rng: &mut impl RngCore) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, group) in population.groups.iter().enumerate() {
        let rates = Rates::of(group.kind, number);
        for begin in times(rates.alerts, days, rng) {
            alert(&mut lines, population, number, group, begin, rng);
        }
        for begin in times(rates.talks, days, rng) {
            talk(&mut lines, number, group, daytime(begin, rng), rng);
        }
        for (rate, what) in [(rates.notes, Said::Note), (rates.policies, Said::Policy)] {
            for at in times(rate, days, rng) {
                say(&mut lines, number, group.members.choose(rng), what, daytime(at, rng));
            }
        }
        if rates.check_in {
            let due = rng.random_range(8 * 3_600..20 * 3_600);
            for day in 0..days {
                say(&mut lines, number, group.members.first(), Said::CheckIn, day * DAY + due + wait(600.0, rng));
            }
        }
    }
    for line in &mut lines {
        if line.what != Said::Alert
            && let Some(person) = population.people.get(line.who)
            && !person.watches(line.at)
        {
            line.at = person.watches_from(line.at) + wait(600.0, rng);
        }
    }
    lines.retain(|line| line.at < days * DAY);
    lines.sort_by_key(|line| line.at);
    lines
}

/// An alert, the answers of people, some words about it, the end of it.
fn alert(
    lines: &mut Vec<Line>,
    population: &Population,
    number: usize,
    group: &Group,
    at: u64,
    rng: &mut impl RngCore,
) {
    let Some((defender, others)) = group.members.split_first() else { return };
    let at = population.people.get(*defender).map_or(at, |person| person.watches_from(at));
    say(lines, number, Some(defender), Said::Alert, at);
    // In a crowd everybody leaves it to others.
    let answers = (6.0 / size(others.len())).min(0.6);
    for other in others {
        if rng.random_bool(answers) {
            say(lines, number, Some(other), Said::Answer, at + wait(15.0 * 60.0, rng) + 30);
        }
    }
    let mut then = at;
    for _ in 0..rng.random_range(2..=6) {
        then += wait(1_200.0, rng) + 60;
        say(lines, number, group.members.iter().take(8).collect::<Vec<_>>().choose(rng).copied(), Said::Talk, then);
    }
    say(lines, number, Some(defender), Said::Talk, at + wait(6.0 * 3_600.0, rng) + 3_600);
}

/// Somebody begins, some reply, a quarter of an hour apart.
fn talk(lines: &mut Vec<Line>, number: usize, group: &Group, at: u64, rng: &mut impl RngCore) {
    let mut speakers: Vec<usize> = group.members.clone();
    speakers.shuffle(rng);
    speakers.truncate(4);
    let mut then = at;
    say(lines, number, speakers.first(), Said::Talk, then);
    while rng.random_bool(0.6) {
        then += wait(900.0, rng) + 20;
        say(lines, number, speakers.choose(rng), Said::Talk, then);
    }
}

fn say(lines: &mut Vec<Line>, group: usize, who: Option<&usize>, what: Said, at: u64) {
    lines.extend(who.map(|who| Line { at, who: *who, group, what }));
}

/// The times of a Poisson process with so many a day.
fn times(rate: f64, days: u64, rng: &mut impl RngCore) -> Vec<u64> {
    let mut times = Vec::new();
    if rate <= 0.0 {
        return times;
    }
    let mut at = wait(86_400.0 / rate, rng);
    while at < days * DAY {
        times.push(at);
        at += wait(86_400.0 / rate, rng);
    }
    times
}

/// The same day, when people are up.
fn daytime(at: u64, rng: &mut impl RngCore) -> u64 {
    at / DAY * DAY + rng.random_range(8 * 3_600..21 * 3_600)
}

/// An exponential waiting time in seconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most ten means of some days")]
fn wait(mean: f64, rng: &mut impl RngCore) -> u64 {
    let uniform: f64 = rng.random();
    (-(1.0 - uniform).ln()).min(10.0).mul_add(mean, 0.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "a group has at most 200 members")]
fn size(count: usize) -> f64 {
    count.max(1) as f64
}
