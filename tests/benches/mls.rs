//! What a group costs by its size: time in the engine over both kinds of profile, bytes on the wire.

use std::path::Path;
use std::time::Duration;

use himaya::engine;

use crate::Effort;
use crate::group::{Group, Growth, Tree};
use crate::limits::{Cryptography, Disk};
use crate::measure::{Samples, head, ms, ratio, row, timed};
use crate::people::folder;
use crate::person::{CIRCLE, Person, Storage};

/// Groups up to this size are made more than once.
const SMALL: usize = 10;
/// How often that is done which leaves a group's size as it is.
const TIMES: usize = 10;

/// What is measured at one size of one group.
#[derive(Debug, Clone, Default)]
struct Costs {
    growth: Growth,
    update: Samples,
    update_bytes: usize,
    follow: Samples,
    send: Samples,
    send_bytes: usize,
    receive: Samples,
}

/// One group that grows, and what it costs at each size.
struct Track<'a> {
    name: &'static str,
    storage: Storage<'a>,
    tree: Tree,
    group: Option<Group<'a>>,
    costs: Vec<(usize, Costs)>,
}

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let sizes: &[usize] = effort.pick(&[2, 10], &[2, 10, 50, 200]);
    let folder = folder()?;
    let folder = folder.path();
    let mut limits = Limits {
        disk: Disk::new(folder),
        flush: Samples::default(),
        crypto: Cryptography::default(),
        person: Person::new(Storage::Memory, 0),
    };
    let mut tracks = [
        Track::new("file, bare", Storage::File(folder), Tree::Bare, sizes),
        Track::new("memory, bare", Storage::Memory, Tree::Bare, sizes),
        Track::new("file, keyed", Storage::File(folder), Tree::Keyed, sizes),
    ];
    // Small groups are grown again and again, so that each size has about as many samples; the last one grows on.
    let rounds = effort.pick(1, 10);
    for round in 1..=rounds {
        for (track, first) in tracks.iter_mut().zip([100_000, 200_000, 300_000]) {
            track.restart(first + round * 1_000);
        }
        for size in sizes.iter().copied().filter(|size| round == rounds || *size <= SMALL) {
            side_by_side(&mut tracks, size, &mut limits);
        }
    }
    let created = creating(folder, effort.pick(3, 20));
    report(&tracks, &created, &limits);
    Ok(())
}

/// Step by step in turn, so that a busy minute is busy for all of them and for the limits too.
fn side_by_side(tracks: &mut [Track<'_>], size: usize, limits: &mut Limits) {
    let mut grows = true;
    while grows {
        grows = false;
        for track in &mut *tracks {
            grows |= track.grow_towards(size);
        }
    }
    for _ in 0..TIMES {
        limits.measure();
        for track in &mut *tracks {
            track.measure(size);
        }
    }
}

struct Limits {
    disk: Disk,
    flush: Samples,
    crypto: Cryptography,
    person: Person,
}

impl Limits {
    fn measure(&mut self) {
        self.disk.flush(&mut self.flush);
        self.crypto.measure(&mut self.person);
    }
}

impl<'a> Track<'a> {
    fn new(name: &'static str, storage: Storage<'a>, tree: Tree, sizes: &[usize]) -> Self {
        let costs = sizes.iter().map(|size| (*size, Costs::default())).collect();
        Self { name, storage, tree, group: None, costs }
    }

    fn restart(&mut self, first: u64) {
        let mut growth = Growth::default();
        let group = Group::of_two(self.storage, self.tree, first, &mut growth);
        if let Some((_, costs)) = self.costs.first_mut() {
            merge(&mut costs.growth, growth);
        }
        self.group = Some(group);
    }

    /// Adds one member if there are fewer than `size`; the last tenth of the way counts.
    fn grow_towards(&mut self, size: usize) -> bool {
        let (Some(group), costs) = (&mut self.group, &mut self.costs) else { return false };
        if group.size >= size {
            return false;
        }
        let counts = group.size >= size - size / 10;
        match costs.iter_mut().find(|(of, _)| counts && *of == size) {
            Some((_, costs)) => group.grow(&mut costs.growth, true),
            None => group.grow(&mut Growth::default(), false),
        }
        true
    }

    /// What leaves the group's size as it is, once.
    fn measure(&mut self, size: usize) {
        let Some(group) = &mut self.group else { return };
        let Some((_, costs)) = self.costs.iter_mut().find(|(of, _)| *of == size) else { return };
        costs.update_bytes = group.update_reader(&mut costs.update, &mut costs.follow).bytes();
        let event = timed(&mut costs.send, || group.reader.alert());
        costs.send_bytes = event.bytes();
        assert!(timed(&mut costs.receive, || group.owner.take_in(&event)), "nobody else wrote there");
    }

    fn at(&self, size: usize) -> Option<&Costs> {
        self.costs.iter().find(|(of, _)| *of == size).map(|(_, costs)| costs)
    }
}

fn merge(into: &mut Growth, from: Growth) {
    into.add.extend(from.add);
    into.process.extend(from.process);
    into.join.extend(from.join);
    (into.commit_bytes, into.welcome_bytes) = (from.commit_bytes, from.welcome_bytes);
}

/// Making a group of one, over a file and in memory.
fn creating(folder: &Path, times: usize) -> [Samples; 2] {
    let mut person = [Person::new(Storage::File(folder), 1), Person::new(Storage::Memory, 2)];
    let mut created = [Samples::default(), Samples::default()];
    for number in 0..times {
        for (person, created) in person.iter_mut().zip(&mut created) {
            timed(created, || person.run(|ctx| engine::create(ctx, &format!("{CIRCLE} {number}"))));
        }
    }
    created
}

fn report(tracks: &[Track<'_>], created: &[Samples; 2], limits: &Limits) {
    let Cryptography { seal, open, sign, verify } = &limits.crypto;
    head("What the machine can do, milliseconds", &["limit", "p50", "p99", "samples"]);
    for (name, samples) in [
        ("append 4 KiB and fdatasync", &limits.flush),
        ("X-Wing HPKE, seal to one key", seal),
        ("X-Wing HPKE, open", open),
        ("Ed25519, sign", sign),
        ("Ed25519, verify", verify),
    ] {
        row(&[name, &ms(samples.median()), &ms(samples.p99()), &samples.count().to_string()]);
    }
    let [file, memory] = created.each_ref().map(Samples::median);
    println!("\nMaking a group: file {} ms, memory {} ms, ratio {}.", ms(file), ms(memory), ratio(file, memory));

    let names: Vec<&str> = tracks.iter().map(|track| track.name).collect();
    let columns =
        [&["members", "what"], names.as_slice(), &["file/memory", "bare/keyed", "file, bare: limit", "samples"]];
    head("Time in the engine, median, milliseconds", &columns.concat());
    for (size, costs) in tracks.first().into_iter().flat_map(|track| &track.costs) {
        for (what, pick) in STEPS {
            let medians: Vec<Duration> =
                tracks.iter().filter_map(|track| track.at(*size)).map(|costs| pick(costs).median()).collect();
            let [bare, memory, keyed] = medians[..] else { continue };
            let floor = floor(what, *size, limits);
            let cells = [
                size.to_string(),
                (*what).to_owned(),
                ms(bare),
                ms(memory),
                ms(keyed),
                ratio(bare, memory),
                ratio(bare, keyed),
                ms(floor),
                pick(costs).count().to_string(),
            ];
            row(&cells);
        }
    }
    head("Bytes on the wire, cells and chunks", &["members", "what", "bare", "keyed"]);
    for (size, bare) in tracks.first().into_iter().flat_map(|track| &track.costs) {
        let Some(keyed) = tracks.last().and_then(|track| track.at(*size)) else { continue };
        for (what, pick) in BYTES {
            row(&[size.to_string(), (*what).to_owned(), pick(bare).to_string(), pick(keyed).to_string()]);
        }
    }
}

type Step = (&'static str, fn(&Costs) -> &Samples);

const STEPS: &[Step] = &[
    ("add one member", |costs| &costs.growth.add),
    ("take the add in", |costs| &costs.growth.process),
    ("join by Welcome", |costs| &costs.growth.join),
    ("update the own key", |costs| &costs.update),
    ("take the update in", |costs| &costs.follow),
    ("send an event", |costs| &costs.send),
    ("receive an event", |costs| &costs.receive),
];

type Bytes = (&'static str, fn(&Costs) -> usize);

const BYTES: &[Bytes] = &[
    ("commit that adds one", |costs| costs.growth.commit_bytes),
    ("Welcome with the tree", |costs| costs.growth.welcome_bytes),
    ("commit that updates a key", |costs| costs.update_bytes),
    ("event", |costs| costs.send_bytes),
];

/// What the mathematics and the disk alone would take in a bare group: the seals or the one opening, the signatures,
/// and one flush for each transaction that changes something.
fn floor(what: &str, size: usize, limits: &Limits) -> Duration {
    let others = u32::try_from(size.saturating_sub(1)).unwrap_or(u32::MAX);
    let flush = limits.flush.median();
    let (seal, open) = (limits.crypto.seal.median(), limits.crypto.open.median());
    let (sign, verify) = (limits.crypto.sign.median(), limits.crypto.verify.median());
    match what {
        // Approve, merge, Welcome sent; a leaf, a commit and a GroupInfo signed, a KeyPackage verified.
        "add one member" => seal * others + sign * 3 + verify * 2 + flush * 3,
        "take the add in" => open + verify * 4 + flush,
        "join by Welcome" => open + verify * (others + 2) + flush,
        "update the own key" => seal * others + sign * 2 + flush * 2,
        "take the update in" => open + verify * 2 + flush,
        "send an event" => sign + flush * 2,
        "receive an event" => verify + flush,
        _ => Duration::ZERO,
    }
}
