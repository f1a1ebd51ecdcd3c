//! Check-ins: due, late, missed, or not known (docs/protocol.md section 12.7).
//!
//! A check-in is missed only if this client completed a sync after it was due and the grace had run out: whoever was
//! offline does not know. Several lines that fall silent together say more about the relay than about their defenders.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, Role};
use crate::content::body::{CheckInPlan, LadderStep};
use crate::content::vocabulary::{CheckInAnswer, EscalationReason, LadderAct};
use crate::content::{Body, EventId};

/// From how many silent lines on the relay is suspected.
pub const SUSPECT_LINES: usize = 2;

/// What a plan looks like at a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Light {
    /// Nothing is due any more.
    Over,
    /// The next is due at this minute.
    Waiting {
        /// When.
        due: u64,
    },
    /// It is time to remind the defender.
    Remind {
        /// When it is due.
        due: u64,
    },
    /// It is due, and not late yet.
    Due {
        /// Until when it is not late.
        until: u64,
    },
    /// The defender asked for help.
    Help,
    /// It is missed.
    Missed {
        /// Since when.
        since: u64,
        /// Which of the plan's times.
        seq: u64,
        /// How many steps of the plan's ladder have come.
        steps: usize,
    },
    /// It should have come by now, but this client has been offline since: "UNKNOWN, we were offline".
    Unknown {
        /// Since when.
        since: u64,
    },
}

/// What the defender answered, by the plan's times. The last word about each counts; a check-in under duress is one too,
/// for the others see that it is more.
pub fn answers<'a>(
    plan: &EventId,
    in_order: impl IntoIterator<Item = &'a Entry>,
) -> BTreeMap<u64, (CheckInAnswer, u64)> {
    let mut answers = BTreeMap::new();
    for entry in in_order.into_iter().filter(|entry| entry.role == Role::Defender) {
        let said = if let Body::CheckIn(said) = entry.body() {
            Some((said.plan, said.seq, &said.answer, said.late))
        } else if let Body::Duress(said) = entry.body() {
            Some((said.plan, said.seq, &said.answer, said.late))
        } else {
            None
        };
        if let Some((of, seq, answer, late)) = said
            && of == *plan
        {
            answers.insert(seq, (answer.clone(), late.unwrap_or_default()));
        }
    }
    answers
}

/// What a plan looks like. `synced` is when this client last completed a sync, if it ever did.
pub fn light(
    plan: &CheckInPlan,
    answers: &BTreeMap<u64, (CheckInAnswer, u64)>,
    synced: Option<u64>,
    now: u64,
) -> Light {
    let last = answers.iter().next_back();
    if last.is_some_and(|(_, (answer, _))| *answer == CheckInAnswer::Help) {
        return Light::Help;
    }
    let Some((seq, due)) = open(plan, answers).next() else { return Light::Over };
    let until = due.saturating_add(plan.grace);
    if now < due.saturating_sub(plan.remind) {
        Light::Waiting { due }
    } else if now < due {
        Light::Remind { due }
    } else if now <= until {
        Light::Due { until }
    } else if synced.is_some_and(|synced| synced > until) {
        let steps = plan.ladder.iter().filter(|step| now >= until.saturating_add(step.after_min)).count();
        Light::Missed { since: until, seq, steps }
    } else {
        Light::Unknown { since: until }
    }
}

/// The times that nobody has answered yet, with the minutes at which they are due, delays counted.
///
/// What comes after an answer says more than what was before it; only a delay leaves its own time open.
pub fn open(plan: &CheckInPlan, answers: &BTreeMap<u64, (CheckInAnswer, u64)>) -> impl Iterator<Item = (u64, u64)> {
    let from = answers.iter().next_back().map_or(0, |(seq, (answer, _))| match answer {
        CheckInAnswer::Delay => *seq,
        CheckInAnswer::Ok | CheckInAnswer::Help | CheckInAnswer::Other(_) => seq.saturating_add(1),
    });
    let late = |seq: u64| answers.get(&seq).map_or(0, |(_, late)| *late);
    let open = (0..).zip(plan.times()).filter(move |(seq, _)| *seq >= from);
    open.map(move |(seq, due)| (seq, due.saturating_add(late(seq))))
}

/// Which time a check-in answers that is made now: the last that has come, reminder included. `None` when none has: a
/// check-in too many must not stand for one to come. A call for help stays to be answered until then.
pub fn answerable(plan: &CheckInPlan, answers: &BTreeMap<u64, (CheckInAnswer, u64)>, now: u64) -> Option<u64> {
    let come = open(plan, answers).take_while(|(_, due)| due.saturating_sub(plan.remind) <= now).last();
    let called = answers.iter().next_back().filter(|(_, (answer, _))| *answer == CheckInAnswer::Help);
    come.map(|(seq, _)| seq).or(called.map(|(seq, _)| *seq))
}

/// The steps of the plan's ladder that somebody has told, counted from 1. The desk's own ladder is another one.
pub fn told<'a>(plan: &EventId, in_order: impl IntoIterator<Item = &'a Entry>) -> BTreeSet<u64> {
    let step = |entry: &Entry| {
        let Body::Escalation(said) = entry.body() else { return None };
        (said.reason == EscalationReason::MissedCheckIn && said.about == *plan).then_some(said.step)
    };
    in_order.into_iter().filter_map(step).collect()
}

/// The steps of the plan's ladder that have come.
pub fn steps<'a>(plan: &'a CheckInPlan, light: &Light) -> &'a [LadderStep] {
    let Light::Missed { steps, .. } = light else { return &[] };
    plan.ladder.get(..*steps).unwrap_or_default()
}

/// Whether the sealed plan may be shown now: at the step that opens it, or, if none does, with the miss.
pub fn is_plan_open(plan: &CheckInPlan, light: &Light) -> bool {
    let opens = |step: &LadderStep| step.act == LadderAct::OpenPlan;
    let missed = matches!(light, Light::Missed { .. });
    missed && (!plan.ladder.iter().any(opens) || steps(plan, light).iter().any(opens))
}

/// A line as the question about the relay sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Since when its check-in is missed, if it is.
    pub missed_since: Option<u64>,
    /// When anything of its defender last came.
    pub heard: Option<u64>,
}

/// Whether it is the relay that is silent: several lines miss their check-ins, and nothing of any came since the first.
pub fn is_relay_suspect(lines: &[Line]) -> bool {
    let missed: Vec<u64> = lines.iter().filter_map(|line| line.missed_since).collect();
    let Some(first) = missed.iter().min() else { return false };
    missed.len() >= SUSPECT_LINES && !lines.iter().any(|line| line.heard.is_some_and(|heard| heard > *first))
}
