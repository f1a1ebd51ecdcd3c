//! Texts: who wrote last, what stood there before, and what was taken back.

use std::collections::BTreeMap;

use super::view::View;
use crate::content::EventId;

/// The texts of an event and of those that replaced it. The words are the events' own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextHistory {
    /// Every version, in order, the newest last.
    pub versions: Vec<EventId>,
    /// Whether its author took the text back: then no version is shown, whatever else was written meanwhile.
    pub redacted: bool,
}

impl TextHistory {
    /// The version to show.
    pub fn shown(&self) -> Option<EventId> {
        self.versions.last().copied().filter(|_| !self.redacted)
    }
}

/// Every text of the case, by the first event of each. A version without words takes the text back.
pub(super) fn texts(view: &View<'_>) -> BTreeMap<EventId, TextHistory> {
    let mut first: BTreeMap<EventId, EventId> = BTreeMap::new();
    let mut texts: BTreeMap<EventId, TextHistory> = BTreeMap::new();
    for (_, entry) in view.entries() {
        let replaces = entry.event.content().replaces;
        let root = replaces.map_or(entry.id(), |id| first.get(&id).copied().unwrap_or(id));
        first.insert(entry.id(), root);
        let wordless = entry.body().words().is_none();
        if wordless && replaces.is_none() {
            continue;
        }
        let history = texts.entry(root).or_default();
        history.versions.push(entry.id());
        // The version it replaces had words, or is not here and may have had some.
        history.redacted |= wordless && (history.versions.len() > 1 || view.entry(&root).is_none());
    }
    texts.retain(|_, history| history.redacted || history.versions.len() > 1 || !history.versions.is_empty());
    texts
}
