//! Snapshot.

use std::collections::BTreeSet;

use super::Rules;
use crate::content::event::{EventError, EventId};
use crate::content::value::{NoticeText, Place};
use crate::content::vocabulary::{CaseStatus, Certainty, Kind, Priority, Severity, Urgency};
use crate::wire::card::Fingerprint;

layout! {
    /// Where a case stands, for those who were not there. Newcomers get this, not the history.
    Snapshot {
        /// The newest events that it takes account of, 1 to [`REFS_MAX`](super::REFS_MAX).
        0 heads: BTreeSet<EventId> where 1..=64,
        /// Where the case stands.
        1 status: CaseStatus,
        /// How urgent it is.
        2 priority: Option<Priority>,
        /// Who leads.
        3 lead: Option<Fingerprint>,
        /// Who else works on it.
        4 backups: BTreeSet<Fingerprint> where 0..=16,
        /// Whom it is about.
        5 defender: Option<Fingerprint>,
        /// When it began, in Unix minutes.
        6 opened: Option<u64>,
        /// What happened.
        7 kind: Option<Kind>,
        /// How soon.
        8 urgency: Option<Urgency>,
        /// How bad.
        9 severity: Option<Severity>,
        /// How sure.
        10 certainty: Option<Certainty>,
        /// In which region.
        11 place: Option<Place>,
        /// What a newcomer has to know.
        12 summary: Option<NoticeText>,
    }
}

impl Rules for Snapshot {
    fn rules(&self) -> Result<(), EventError> {
        if self.status == CaseStatus::Purged { Err(EventError::Limit("status")) } else { Ok(()) }
    }

    fn named(&self) -> Vec<EventId> {
        self.heads.iter().copied().collect()
    }

    fn words(&self) -> Option<&str> {
        self.summary.as_ref().map(|summary| summary.raw())
    }
}
