//! Two worlds in which equally many people write equally much: in one they are a single circle, in the other pairs. Whoever
//! takes the relay's disk shall not be able to say in which of them it stood (I7).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use himaya_relay::store::SledStore;
use himaya_tests::sim::{Person, World, play};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

use crate::classify::{Sample, cross_validate, interval, quantile};

/// How long a window is, so that many fit between two key updates.
const WINDOW: u32 = 600;
/// How many people there are in each world.
const PEOPLE: usize = 6;
/// How often each writes in a window.
const WRITES: usize = 3;
/// A cell's record in a flat file.
const RECORD: usize = 32 + 4_096;

/// How many worlds of each kind, and how many windows of each.
fn size() -> (u64, u64) {
    if std::env::var_os("HIMAYA_LONG").is_some() { (8, 60) } else { (3, 16) }
}

/// People in circles of so many each, who have all updated their keys and will not do so again today.
async fn settled(world: &mut World, circle_size: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for _ in 0..PEOPLE / circle_size {
        people.extend(world.circle_of(circle_size).await);
    }
    // Device receipts ride on cover, of which both worlds have equally much; commits are one a circle and day, of which
    // they have not, and are kept out of the windows that are compared.
    for person in &mut people {
        person.run(|ctx| {
            ctx.set_number("receipt mean", 0)?;
            ctx.execute("UPDATE circle SET receipt_due = NULL, update_due = NULL, update_day = 1000000", &[])?;
            Ok(())
        });
    }
    people
}

/// One window: everybody writes equally often, in any order, and reads.
async fn window(world: &World, people: &mut [Person], rng: &mut ChaCha20Rng) {
    let mut turns: Vec<usize> = (0..people.len()).flat_map(|person| [person; WRITES]).collect();
    turns.shuffle(rng);
    for turn in turns {
        people[turn].sos("home");
        people[turn].driver.flush().await;
        world.clock.advance(7);
    }
    for person in people.iter_mut() {
        person.sync().await;
    }
    let next = u64::from(WINDOW) - world.clock.seconds() % u64::from(WINDOW);
    world.clock.advance(next);
}

/// The cells files of the windows in which people wrote, oldest first, of a world of circles of so many.
fn dumps(seed: u64, circle_size: usize, windows: u64, folder: PathBuf) -> Vec<Vec<u8>> {
    let (tell, told) = std::sync::mpsc::channel();
    play(move || async move {
        let store = SledStore::open(&folder, 1 << 20, seed.to_be_bytes()).expect("there is room");
        let store = Arc::new(store);
        let mut world = World::on_store(seed, store.clone(), WINDOW);
        let mut people = settled(&mut world, circle_size).await;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        world.clock.advance(u64::from(WINDOW));
        let first = world.relay.descriptor().await.current_window;
        for _ in 0..windows {
            window(&world, &mut people, &mut rng).await;
        }
        world.relay.descriptor().await;
        store.wait_for_flat_files();
        let last = first + u32::try_from(windows).expect("few");
        for number in first..last {
            tell.send(read(&folder, number)).expect("somebody listens");
        }
    });
    told.try_iter().collect()
}

fn read(store: &Path, window: u32) -> Vec<u8> {
    let flat = store.join(format!("windows/{window:010}/flat"));
    assert_eq!(std::fs::metadata(flat.join("chunks")).expect("there is one").len(), 32, "no chunks were written");
    std::fs::read(flat.join("cells")).expect("the window is closed")
}

/// Addresses and cells of a dump.
fn records(dump: &[u8]) -> Vec<(&[u8], &[u8])> {
    let count = u64::from_be_bytes(dump[16..24].try_into().expect("eight bytes"));
    let count = usize::try_from(count).expect("few");
    dump[32..32 + count * RECORD].chunks(RECORD).map(|record| record.split_at(32)).collect()
}

/// What can be counted in a dump: how bytes are spread in addresses and cells, how far addresses lie apart, what repeats.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn features(dump: &[u8]) -> Vec<f64> {
    let records = records(dump);
    let mut counts = vec![0.0; 64];
    for (address, cell) in &records {
        for byte in *address {
            counts[usize::from(byte >> 4)] += 1.0;
            counts[16 + usize::from(byte & 15)] += 1.0;
        }
        for byte in *cell {
            counts[32 + usize::from(byte >> 4)] += 1.0;
            counts[48 + usize::from(byte & 15)] += 1.0;
        }
    }
    let heads: Vec<f64> = records
        .iter()
        .map(|(address, _)| f64::from(u32::from_be_bytes(address[..4].try_into().expect("four"))))
        .collect();
    let mut gaps: Vec<f64> = heads.windows(2).map(|pair| (pair[1] - pair[0]) / f64::from(u32::MAX)).collect();
    gaps.sort_by(f64::total_cmp);
    counts.extend([gaps[0], gaps[gaps.len() / 2], gaps[gaps.len() - 1], gaps.iter().map(|gap| gap * gap).sum()]);
    let repeats = |part: fn(&(&[u8], &[u8])) -> u8| {
        let mut seen = [0.0f64; 256];
        records.iter().for_each(|record| seen[usize::from(part(record))] += 1.0);
        seen.iter().map(|count| count * count).sum::<f64>()
    };
    counts.extend([repeats(|record| record.0[0]), repeats(|record| record.0[31]), repeats(|record| record.1[0])]);
    counts.extend([repeats(|record| record.1[24]), dump.len() as f64]);
    counts
}

/// The same dump of a relay that files cells under the group they belong to: of equal circles, in equal parts.
fn with_groups(dump: &[u8], groups: usize) -> Vec<u8> {
    let mut weak = dump.to_vec();
    let count = records(dump).len();
    for record in 0..count {
        // As if the first byte came from the group.
        let group = u8::try_from(record * groups / count).expect("few groups");
        weak[32 + record * RECORD] = group.wrapping_mul(41).wrapping_add(7);
    }
    weak
}

/// The same dump of a relay that keeps with each cell a pseudonym of its group.
fn with_pseudonyms(dump: &[u8], groups: usize) -> Vec<u8> {
    let mut weak = dump.to_vec();
    for record in 0..records(dump).len() {
        let group = u8::try_from(record % groups).expect("few groups");
        weak[32 + record * RECORD + 31] = group.wrapping_mul(83).wrapping_add(3);
    }
    weak
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
fn a_taken_disk_does_not_tell_one_circle_from_pairs() {
    let (worlds, windows) = size();
    let scratch = tempfile::tempdir().expect("there is room");
    let kinds = [PEOPLE, 2];
    let mut all: Vec<(usize, u64, Vec<u8>)> = Vec::new();
    for fold in 0..worlds {
        for (kind, circle_size) in kinds.into_iter().enumerate() {
            let folder = scratch.path().join(format!("{fold} {kind}"));
            let found = dumps(fold * 2 + 1_000 + u64::try_from(kind).expect("two"), circle_size, windows, folder);
            assert_eq!(u64::try_from(found.len()).expect("few"), windows);
            for dump in &found {
                assert_eq!(records(dump).len(), PEOPLE * WRITES, "equally much was written");
            }
            all.extend(found.into_iter().map(|dump| (kind, fold, dump)));
        }
    }
    let tries = all.len();
    // Somebody who guesses is right no oftener than this in 9,999 of 10,000 runs.
    let chance = quantile(tries, 0.9999);
    let score = |change: &dyn Fn(&[u8], usize) -> Vec<u8>| {
        let sample = |(kind, fold, dump): &(usize, u64, Vec<u8>)| {
            let groups = PEOPLE / kinds[*kind];
            Sample { features: features(&change(dump, groups)), class: *kind == 1, fold: *fold }
        };
        cross_validate(&all.iter().map(sample).collect::<Vec<_>>())
    };
    let right = score(&|dump, _| dump.to_vec());
    let (low, high) = interval(right, tries);
    println!(
        "two worlds: {right} of {tries} windows told right ({:.1} %), 95 % interval {:.1} to {:.1} %; at most {chance} by chance",
        100.0 * right as f64 / tries as f64,
        100.0 * low,
        100.0 * high
    );
    for (name, change) in
        [("the group in the address", with_groups as fn(&[u8], usize) -> _), ("a pseudonym", with_pseudonyms)]
    {
        let control = score(&change);
        println!("control, {name}: {control} of {tries}");
        assert!(control > chance, "the classifier is blind to {name}: {control} of {tries}");
    }
    assert!(right <= chance, "the worlds are told apart: {right} of {tries}");
}
