//! All cases of a replica, kept up to date one event at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, case_of};
use super::reduce::{Case, reduce_once};
use crate::content::{CaseId, EventId};

/// All cases of a replica. Only cases that something was added to are reduced again.
#[derive(Debug, Default)]
pub struct Board {
    events: BTreeMap<CaseId, BTreeMap<EventId, Entry>>,
    reduced: BTreeMap<CaseId, Case>,
    gone: BTreeSet<EventId>,
}

impl Board {
    /// A board without cases.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an event in, and gives the case that it belongs to, if it belongs to one. Repeats change nothing.
    pub fn add(&mut self, entry: Entry) -> Option<CaseId> {
        let case = case_of(&entry.event)?;
        let events = self.events.entry(case.clone()).or_default();
        let known = events.get(&entry.id()).cloned();
        events.entry(entry.id()).and_modify(|known| known.merge(&entry)).or_insert(entry);
        if known.as_ref() != known.as_ref().and_then(|known| events.get(&known.id())) || known.is_none() {
            self.reduced.remove(&case);
        }
        Some(case)
    }

    /// Takes note of an event that was here and went when its time had come: that others name it is no gap.
    pub fn remember(&mut self, id: EventId) {
        if self.gone.insert(id) {
            self.reduced.retain(|_, case| !case.gaps.contains_key(&id));
        }
    }

    /// Forgets an event, as retention wants it. What is left may reduce to something else: purge whole cases.
    pub fn purge(&mut self, case: &CaseId) {
        self.events.remove(case);
        self.reduced.remove(case);
    }

    /// A case as it stands.
    pub fn case(&mut self, id: &CaseId) -> Option<&Case> {
        let events = self.events.get(id)?;
        let gone = &self.gone;
        Some(self.reduced.entry(id.clone()).or_insert_with(|| without(gone, reduce_once(events))))
    }

    /// The events of a case, by id.
    pub fn events(&self, id: &CaseId) -> impl Iterator<Item = &Entry> {
        self.events.get(id).into_iter().flat_map(BTreeMap::values)
    }

    /// All cases, by id.
    pub fn cases(&mut self) -> impl Iterator<Item = (&CaseId, &Case)> {
        for (id, events) in &self.events {
            let gone = &self.gone;
            self.reduced.entry(id.clone()).or_insert_with(|| without(gone, reduce_once(events)));
        }
        self.reduced.iter()
    }
}

fn without(gone: &BTreeSet<EventId>, mut case: Case) -> Case {
    case.gaps.retain(|id, _| !gone.contains(id));
    case
}
