//! A group that grows by one member at a time, with two members who are watched.

use himaya::engine;
use himaya_protocol::wire::policy::Role;

use crate::measure::{Samples, timed};
use crate::person::{CIRCLE, Parcel, Person, Storage};

/// Which members have ever committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Only the owner: every new key is sealed to nearly every member. The worst case.
    Bare,
    /// Everybody, soon after joining, as the engine has it: a new key is sealed to a few nodes of the tree.
    Keyed,
}

/// What growing by one member cost.
#[derive(Debug, Clone, Default)]
pub struct Growth {
    /// At the owner: approve, commit, merge, Welcome.
    pub add: Samples,
    /// At another member: take the commit in.
    pub process: Samples,
    /// At the newcomer: take the Welcome in.
    pub join: Samples,
    /// Bytes of the last commit.
    pub commit_bytes: usize,
    /// Bytes of the last Welcome with its tree.
    pub welcome_bytes: usize,
}

/// A group with its owner and one other member; the rest are there by their keys only.
pub struct Group<'a> {
    pub owner: Person,
    pub reader: Person,
    storage: Storage<'a>,
    tree: Tree,
    numbers: std::ops::RangeFrom<u64>,
    pub size: usize,
}

impl<'a> Group<'a> {
    /// A group of two. Its people are numbered from `first`. What the second member cost goes to `growth`.
    pub fn of_two(storage: Storage<'a>, tree: Tree, first: u64, growth: &mut Growth) -> Self {
        let mut numbers = first..;
        let mut next = || Person::new(storage, numbers.next().unwrap_or_default());
        let (mut owner, mut reader) = (next(), next());
        owner.run(|ctx| engine::create(ctx, CIRCLE));
        owner.meet(&mut reader);
        let sent = timed(&mut growth.add, || approve(&mut owner));
        note_bytes(growth, &sent);
        let (_, welcome) = split(&sent);
        assert!(timed(&mut growth.join, || reader.join(welcome)), "the Welcome is for the reader");
        let mut group = Self { owner, reader, storage, tree, numbers, size: 2 };
        if tree == Tree::Keyed {
            group.update_reader(&mut Samples::default(), &mut Samples::default());
        }
        group
    }

    /// Adds one member whose profile lies where the others' do if its joining is to be measured, else in memory.
    pub fn grow(&mut self, growth: &mut Growth, measure_joining: bool) {
        let storage = if measure_joining { self.storage } else { Storage::Memory };
        let mut newcomer = self.newcomer(storage);
        self.add(&mut newcomer, growth, measure_joining);
    }

    /// Somebody who is not in the group.
    pub fn newcomer(&mut self, storage: Storage<'_>) -> Person {
        Person::new(storage, self.numbers.next().unwrap_or_default())
    }

    /// Adds somebody; in a bare group the newcomer joins only if that is to be measured.
    pub fn add(&mut self, newcomer: &mut Person, growth: &mut Growth, joins: bool) {
        self.owner.meet(newcomer);
        let sent = timed(&mut growth.add, || approve(&mut self.owner));
        note_bytes(growth, &sent);
        let (commit, welcome) = split(&sent);
        assert!(timed(&mut growth.process, || self.reader.take_in(commit)), "the commit is the epoch's first");
        self.size += 1;
        if joins || self.tree == Tree::Keyed {
            assert!(timed(&mut growth.join, || newcomer.join(welcome)), "the Welcome is for the newcomer");
        }
        if self.tree == Tree::Keyed {
            newcomer.update_is_due();
            let commit = newcomer.update();
            assert!(self.owner.take_in(&commit) && self.reader.take_in(&commit), "it is the epoch's first");
        }
    }

    /// The reader gives its leaf a fresh key and the owner takes that in; what the others have to take in.
    pub fn update_reader(&mut self, update: &mut Samples, process: &mut Samples) -> Parcel {
        self.reader.update_is_due();
        let commit = timed(update, || self.reader.update());
        assert!(timed(process, || self.owner.take_in(&commit)), "it is the epoch's first");
        commit
    }
}

/// Approves the only request and sends what comes of it: the commit, then the Welcome.
fn approve(owner: &mut Person) -> Vec<Parcel> {
    owner.run(|ctx| {
        let circle = engine::named(ctx, CIRCLE)?;
        let request = engine::requests(ctx)?.pop().expect("somebody waits").id;
        engine::approve(ctx, request, &circle, Role::Contact)
    });
    owner.send()
}

fn split(sent: &[Parcel]) -> (&Parcel, &Parcel) {
    let [commit, welcome] = sent else { panic!("adding somebody is a commit and a Welcome") };
    (commit, welcome)
}

fn note_bytes(growth: &mut Growth, sent: &[Parcel]) {
    let (commit, welcome) = split(sent);
    (growth.commit_bytes, growth.welcome_bytes) = (commit.bytes(), welcome.bytes());
}
