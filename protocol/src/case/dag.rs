//! The order of events: what their authors had seen, and one order of all that every replica finds alike.
//!
//! An event comes after what it names: in `prev`, in `replaces`, in its body. The order is built from the beginning: of
//! the events whose known predecessors all stand, the one with the least (lamport, id) is next. Names that are
//! hashes make a cycle impossible.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;
use crate::content::{Body, EventId};
use crate::wire::card::Fingerprint;

/// A set of events by their places in the order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(Vec<u64>);

impl Places {
    pub(super) fn holds(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    pub(super) fn insert(&mut self, place: usize) {
        if self.0.len() <= place / 64 {
            self.0.resize(place / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(super) fn both(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let bits = |(at, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit)
        };
        self.0.iter().enumerate().flat_map(bits)
    }
}

/// Events in their order, each with its causal past.
#[derive(Debug)]
pub struct Dag<'a> {
    order: Vec<&'a Entry>,
    past: Vec<Places>,
    places: BTreeMap<EventId, usize>,
}

impl<'a> Dag<'a> {
    /// Puts events in order; each stands once.
    pub fn new(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let entries: BTreeMap<EventId, &Entry> = entries.into_iter().map(|entry| (entry.id(), entry)).collect();
        let mut waits: BTreeMap<EventId, usize> = BTreeMap::new();
        let mut after: BTreeMap<EventId, Vec<EventId>> = BTreeMap::new();
        for (id, entry) in &entries {
            let before: BTreeSet<_> = named(entry).into_iter().filter(|before| entries.contains_key(before)).collect();
            waits.insert(*id, before.len());
            for before in before {
                after.entry(before).or_default().push(*id);
            }
        }
        let key = |entry: &Entry| (entry.event.content().lamport, entry.id());
        let free = entries.values().filter(|entry| waits.get(&entry.id()) == Some(&0));
        let mut ready: BTreeMap<_, &Entry> = free.map(|entry| (key(entry), *entry)).collect();
        let mut dag = Self { order: Vec::new(), past: Vec::new(), places: BTreeMap::new() };
        while let Some((_, entry)) = ready.pop_first() {
            dag.push(entry);
            for next in after.remove(&entry.id()).unwrap_or_default() {
                let left = waits.entry(next).and_modify(|left| *left -= 1).or_default();
                if *left == 0
                    && let Some(next) = entries.get(&next)
                {
                    ready.insert(key(next), next);
                }
            }
        }
        dag
    }

    fn push(&mut self, entry: &'a Entry) {
        let mut past = Places::default();
        for before in named(entry) {
            if let Some(place) = self.places.get(&before) {
                past.insert(*place);
                if let Some(further) = self.past.get(*place) {
                    past.join(further);
                }
            }
        }
        self.places.insert(entry.id(), self.order.len());
        self.order.push(entry);
        self.past.push(past);
    }

    /// The events in their order.
    pub fn order(&self) -> impl Iterator<Item = &'a Entry> + '_ {
        self.order.iter().copied()
    }

    /// Whether the author of `later` had seen `earlier`.
    pub fn precedes(&self, earlier: &EventId, later: &EventId) -> bool {
        let places = self.places.get(earlier).zip(self.places.get(later));
        places.is_some_and(|(earlier, later)| self.before(*earlier, *later))
    }

    /// Whether neither author had seen the other's event.
    pub fn concurrent(&self, a: &EventId, b: &EventId) -> bool {
        a != b && !self.precedes(a, b) && !self.precedes(b, a)
    }

    /// The events that are missing, each with those who name it. An event of a case names events of its case in `prev`,
    /// so only those count; what a snapshot takes account of is not missing.
    pub fn gaps(&self) -> BTreeMap<EventId, BTreeSet<Fingerprint>> {
        let mut covered = BTreeSet::new();
        let mut gaps: BTreeMap<EventId, BTreeSet<Fingerprint>> = BTreeMap::new();
        for entry in &self.order {
            if let Body::Snapshot(snapshot) = entry.body() {
                covered.extend(snapshot.heads.iter().copied());
            }
            let content = entry.event.content();
            for id in content.prev.iter().filter(|id| content.case.is_some() && !self.places.contains_key(id)) {
                gaps.entry(*id).or_default().insert(entry.author());
            }
        }
        gaps.retain(|id, _| !covered.contains(id));
        gaps
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn at(&self, place: usize) -> Option<&'a Entry> {
        self.order.get(place).copied()
    }

    pub(super) fn place(&self, id: &EventId) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(super) fn past(&self, place: usize) -> Places {
        self.past.get(place).cloned().unwrap_or_default()
    }

    pub(super) fn before(&self, earlier: usize, later: usize) -> bool {
        self.past.get(later).is_some_and(|past| past.holds(earlier))
    }
}

/// What an event names: its author had seen all of it.
fn named(entry: &Entry) -> Vec<EventId> {
    let content = entry.event.content();
    let mut named = entry.body().named();
    named.extend(&content.prev);
    named.extend(content.replaces);
    named
}
