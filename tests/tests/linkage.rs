//! The linkage experiment, small: the adversary is not blind, and what docs/metadata.md says of the bar holds.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use himaya::engine;
use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_tests::linkage::alike::{Alike, compare};
use himaya_tests::linkage::attack::{Task, Traffic, attack};
use himaya_tests::linkage::life::script;
use himaya_tests::linkage::measure::Outcome;
use himaya_tests::linkage::play::Played;
use himaya_tests::linkage::population::Population;
use himaya_tests::linkage::real::Company;
use himaya_tests::linkage::report::{Scale, ask};
use himaya_tests::linkage::setting::{Setting, update_parts};
use himaya_tests::sim::{World, play};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const SMALL: Scale = Scale { groups: 80, largest: 40, others: 40, days: 8, seed: 7 };

/// Asks one thing of one setting.
fn asked(setting: &Setting, task: Task, traffic: Traffic, ips: bool) -> Outcome {
    let (_, rows) = ask(SMALL, setting, &[(task, traffic, ips)]);
    rows.first().and_then(|row| row.outcome).expect("there is something to ask")
}

/// The setting of that name.
fn named(settings: Vec<Setting>, name: &str) -> Setting {
    settings.into_iter().find(|setting| setting.name == name).expect("the setting is there")
}

#[test]
fn receipts_on_arrival_link_puts_and_members() {
    let weak = named(Setting::weakened(), "receipt on arrival");
    assert!(asked(&weak, Task::Linking, Traffic::All, false).top1 > 0.2);
    assert!(asked(&weak, Task::Acquaintance, Traffic::All, true).top1 > 0.8);
}

#[test]
fn one_connection_names_the_sender() {
    let weak = named(Setting::weakened(), "one connection for all");
    assert!(asked(&weak, Task::Sender, Traffic::All, false).top1 > 0.99);
}

#[test]
fn a_channel_an_epoch_links_everything() {
    let weak = named(Setting::weakened(), "a channel an epoch");
    assert!(asked(&weak, Task::Linking, Traffic::Covered, false).top1 > 0.9);
}

#[test]
fn chunks_of_key_updates_name_the_members_to_who_sees_ips() {
    let weak = named(Setting::weakened(), "key updates in chunks");
    assert!(asked(&weak, Task::Acquaintance, Traffic::Covered, true).top1 > 0.5);
}

#[test]
fn the_bar_of_twice_random_holds_with_sweep_and_cover() {
    for name in ["cover 1 h", "cover 10 min"] {
        let setting = named(Setting::switched(), name);
        for task in [Task::Linking, Task::CoMembership, Task::Acquaintance] {
            // So few people give no narrow bound; docs/metadata.md has it for more.
            let outcome = asked(&setting, task, Traffic::Covered, task.takes_ips());
            assert!(outcome.top1 <= 2.0 * outcome.random && outcome.auc < 0.6, "{name}, {}: {outcome:?}", task.name());
        }
        let outcome = asked(&setting, Task::Sender, Traffic::Covered, false);
        assert!(outcome.top1 <= 2.0 * outcome.random, "{name}: {outcome:?}");
    }
}

/// Real clients in groups of several sizes in which everybody has updated their keys: the model's key updates are theirs.
#[test]
fn key_updates_take_as_many_cells_as_in_the_model() {
    play(|| async {
        for members in [2, 3, 5, 9, 17] {
            let mut world = World::new(1_100 + u64::try_from(members).expect("a few"));
            let mut people = world.circle_of(members).await;
            for number in 0..=members {
                let before = people[number % members].line.written().len();
                let person = &mut people[number % members];
                person.run(|ctx| Ok(ctx.execute("UPDATE circle SET update_due = 0", &[])?));
                person.run(engine::tick);
                person.driver.flush().await;
                if number == members {
                    let sizes: Vec<usize> =
                        person.line.written().iter().skip(before).map(|written| written.bytes.len()).collect();
                    assert_eq!(sizes, vec![CELL_SIZE; 1 + update_parts(members)], "{members} members");
                }
                for person in &mut people {
                    person.sync().await;
                }
            }
        }
    });
}

#[test]
fn lists_without_decoys_link_puts_and_name_the_members() {
    let weak = Setting::bare_lists();
    assert!(asked(&weak, Task::Linking, Traffic::All, false).top1 > 0.2);
    assert!(asked(&weak, Task::Acquaintance, Traffic::All, true).top1 > 0.8);
}

#[test]
fn lists_name_the_members_to_who_sees_ips() {
    // The bar does not hold here, and docs/metadata.md says so: sweeping is the default, and does not (see the test above).
    let lists = named(Setting::by_lists(), "lists, cover 1 h");
    assert!(asked(&lists, Task::Acquaintance, Traffic::Covered, true).top1 > 0.1);
}

#[test]
fn decoys_hide_more_than_half_of_what_lists_tell() {
    let (lists, bare) = (named(Setting::by_lists(), "lists, cover 1 h"), Setting::bare_lists());
    for traffic in [Traffic::Covered, Traffic::All] {
        let beyond = |setting: &Setting| {
            let outcome = asked(setting, Task::Linking, traffic, false);
            outcome.top1 - outcome.random
        };
        assert!(beyond(&lists) * 2.0 < beyond(&bare), "{traffic:?}");
    }
}

/// Plays a setting with real clients and with models.
async fn both(company: &mut Company<'_>, population: &Population, setting: &Setting, days: u64) -> (Played, Played) {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let script = script(population, days, &mut rng);
    let (real, counted) = company.play(&script, setting, days).await;
    assert!(counted.alerts > 0 && counted.arrived == counted.expected, "{counted:?}");
    assert!(counted.unsaid * 20 <= script.len(), "{counted:?} of {} lines", script.len());
    (real, himaya_tests::linkage::play::play(population, &script, setting, days, &mut rng))
}

#[test]
fn real_clients_put_as_the_model_does_and_the_adversary_sees_a_weakening_of_them() {
    play(|| async {
        let population = Population::new(30, 12, 12, &mut ChaCha20Rng::seed_from_u64(11));
        let mut company = Company::assemble(&population, 11).await;
        let people = population.people.len();
        let (real, model) = both(&mut company, &population, &Setting::usual(), 3).await;
        for Alike { what, one, other, distance, chance } in compare(&real, &model, people) {
            assert!(distance < chance + 0.05, "{what}: {one} and {other}, {distance} apart, chance explains {chance}");
        }
        // So few people give no bound for the bar; that real clients are seen at all is what can be shown here.
        let weak = named(Setting::weakened(), "receipt on arrival");
        let (real, _) = both(&mut company, &population, &weak, 3).await;
        let linked =
            attack(&population, &real, Task::Linking, Traffic::All, false, &mut ChaCha20Rng::seed_from_u64(13));
        assert!(linked.is_some_and(|linked| linked.top1 > 0.2), "{linked:?}");
    });
}
