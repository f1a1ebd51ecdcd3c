//! What a hook is told of: new cases of P1, steps of the ladder, missed check-ins. A kind and a case, never contents.
//!
//! Who is told follows the ladder (docs/protocol.md section 12.6): first whoever is on shift, from step 1 on the whole
//! desk, from step 2 on the duty lead by name. With nobody on shift everybody is. The screen shows everything to everybody.

use std::collections::BTreeMap;

use himaya_protocol::case::check_in::Light;
use himaya_protocol::content::CaseId;

use super::facts::Facts;
use super::model::is_urgent;
use super::row::Row;

/// The step of the ladder at which the duty lead is asked.
const DUTY_STEP: u64 = 2;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// A case is P1 that was not, or was not there, or its clocks have begun anew.
    Urgent,
    /// The ladder has come to its next step.
    Escalation,
    /// It has come to where the duty lead is asked, and this is whoever that is.
    Duty,
    /// A check-in is missed, or its defender asks for help.
    Missed,
}

impl Told {
    /// As the hook is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Urgent => "p1",
            Self::Escalation => "escalation",
            Self::Duty => "duty",
            Self::Missed => "missed",
        }
    }
}

/// What was true of a case.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    urgent: bool,
    step: u64,
    missed: bool,
    since: u64,
}

/// What was true of the cases when it was last looked.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Option<BTreeMap<CaseId, Seen>>,
}

impl Watch {
    /// What has happened since the last look; nothing at the first. Practice is not told: nobody is to run for it.
    pub fn look(&mut self, rows: &BTreeMap<CaseId, Row>, facts: &Facts) -> Vec<(Told, CaseId)> {
        let state =
            |row: &Row| Seen { urgent: is_urgent(row), step: row.step, missed: is_missed(row), since: row.since };
        let earnest = rows.iter().filter(|(_, row)| !row.exercise && !row.ended);
        let now: BTreeMap<_, _> = earnest.map(|(id, row)| (id.clone(), state(row))).collect();
        let mut told = Vec::new();
        if let Some(seen) = &self.seen {
            for (id, row) in &now {
                let before = seen.get(id).copied().unwrap_or_default();
                let called = facts.is_on_shift() || row.step > 0;
                let anew = !before.urgent || row.since > before.since;
                told.extend((row.urgent && anew && called).then(|| (Told::Urgent, id.clone())));
                let duty = row.step >= DUTY_STEP && facts.is_duty_lead();
                let further = if duty { Told::Duty } else { Told::Escalation };
                told.extend((row.step > before.step).then(|| (further, id.clone())));
                told.extend((row.missed && !before.missed).then(|| (Told::Missed, id.clone())));
            }
        }
        self.seen = Some(now);
        told
    }
}

fn is_missed(row: &Row) -> bool {
    matches!(row.light, Some(Light::Missed { .. } | Light::Help))
}
