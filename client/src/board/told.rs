//! What a hook is told of: new cases of P1, steps of the ladder, missed check-ins. A kind and a case, never contents.

use std::collections::BTreeMap;

use himaya_protocol::case::check_in::Light;
use himaya_protocol::content::CaseId;

use super::model::is_urgent;
use super::row::Row;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// A case is P1 that was not, or was not there.
    Urgent,
    /// The ladder has come to its next step.
    Escalation,
    /// A check-in is missed, or its defender asks for help.
    Missed,
}

impl Told {
    /// As the hook is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Urgent => "p1",
            Self::Escalation => "escalation",
            Self::Missed => "missed",
        }
    }
}

/// What was true of the cases when it was last looked.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Option<BTreeMap<CaseId, (bool, u64, bool)>>,
}

impl Watch {
    /// What has happened since the last look; nothing at the first. Practice is not told: nobody is to run for it.
    pub fn look(&mut self, rows: &BTreeMap<CaseId, Row>) -> Vec<(Told, CaseId)> {
        let state = |row: &Row| (is_urgent(row), row.step, is_missed(row));
        let earnest = rows.iter().filter(|(_, row)| !row.exercise && !row.ended);
        let now: BTreeMap<_, _> = earnest.map(|(id, row)| (id.clone(), state(row))).collect();
        let mut told = Vec::new();
        if let Some(seen) = &self.seen {
            for (id, (urgent, step, missed)) in &now {
                let before = seen.get(id).copied().unwrap_or_default();
                told.extend((*urgent && !before.0).then(|| (Told::Urgent, id.clone())));
                told.extend((*step > before.1).then(|| (Told::Escalation, id.clone())));
                told.extend((*missed && !before.2).then(|| (Told::Missed, id.clone())));
            }
        }
        self.seen = Some(now);
        told
    }
}

fn is_missed(row: &Row) -> bool {
    matches!(row.light, Some(Light::Missed { .. } | Light::Help))
}
