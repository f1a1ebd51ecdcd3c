//! Deadlines and the ladder: who has to act by when, and who is told if nobody does (docs/protocol.md section 12.6).
//!
//! | | human ack | lead | first reply | escalate |
//! |---|---|---|---|---|
//! | P1 | 15 min | 1 h | 1 h | 15, 30, 45 min |
//! | P2 | 60 min | 3 h | 2 h | 60, 90, 120 min |
//! | P3 | 3 h | 12 h | 24 h | 3, 6, 12 h |
//! | P4 | 24 h | 48 h | 72 h | 24, 48 h |
//!
//! Every client computes it by its own clock. The shift hears of a case at once; each step tells the next: the whole desk,
//! the duty lead and the backup organisation, and in the end the defender's own client: plan B. Where there are two steps
//! the second is the last two at once.

use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::reduce::Case;
use super::status::has_ended;
use crate::content::vocabulary::Priority;
use crate::content::{CaseId, EventId};
use crate::wire::card::Fingerprint;

/// How far the clock of somebody else may be ahead before it is said, in minutes.
pub const SKEW_MINUTES: u64 = 10;
/// How long each further client waits before it tells a step itself, in minutes; the jitter is less than that.
pub const TURN_MINUTES: u64 = 3;

const HOUR: u64 = 60;

/// When what is due, in minutes from when the clocks of a case run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// A coordinator answers.
    pub ack: u64,
    /// Somebody leads.
    pub lead: u64,
    /// A coordinator writes to the defender.
    pub reply: u64,
    /// The next of the ladder are told.
    pub escalate: &'static [u64],
}

/// The deadlines of a priority. One of a newer version has those of P1: too soon is better than too late.
pub fn deadlines(priority: &Priority) -> Deadlines {
    match priority {
        Priority::P1 | Priority::Other(_) => Deadlines { ack: 15, lead: HOUR, reply: HOUR, escalate: &[15, 30, 45] },
        Priority::P2 => Deadlines { ack: 60, lead: 3 * HOUR, reply: 2 * HOUR, escalate: &[60, 90, 120] },
        Priority::P3 => Deadlines { ack: 3 * HOUR, lead: 12 * HOUR, reply: 24 * HOUR, escalate: &[180, 360, 720] },
        Priority::P4 => Deadlines { ack: 24 * HOUR, lead: 48 * HOUR, reply: 72 * HOUR, escalate: &[1_440, 2_880] },
    }
}

/// Whom a step of the ladder tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Who is on shift; from the beginning.
    Shift,
    /// The whole desk.
    Desk,
    /// The duty lead, and the backup organisation if the defender agreed to it beforehand.
    DutyLead,
    /// The defender: "No human has answered; open your plan B".
    PlanB,
}

/// Whom a step tells; step 0 is the beginning.
pub fn rungs(priority: &Priority, step: u64) -> &'static [Rung] {
    let short = deadlines(priority).escalate.len() == 2;
    match step {
        0 => &[Rung::Shift],
        1 => &[Rung::Desk],
        2 if short => &[Rung::DutyLead, Rung::PlanB],
        2 => &[Rung::DutyLead],
        _ => &[Rung::PlanB],
    }
}

/// One deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It was done at this minute.
    Met {
        /// When.
        at: u64,
        /// Whether it was too late.
        late: bool,
    },
    /// It is due at this minute.
    Open {
        /// When.
        due: u64,
        /// Whether that is over.
        overdue: bool,
    },
}

/// How a case stands against the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// A coordinator's answer.
    pub ack: Due,
    /// A lead.
    pub lead: Due,
    /// A reply to the defender.
    pub reply: Due,
    /// The step of the ladder that the time has reached, 0 when nobody is to be told yet or a coordinator has answered.
    pub step: u64,
    /// Whether the defender's own client says that no human has answered.
    pub plan_b: bool,
    /// The next minute at which any of this changes by itself.
    pub next: Option<u64>,
}

/// Reads the clock of a case that has not ended. `written` gives the minute of an event as this device can tell
/// ([`Entry::written`]); `None` when nothing has opened the case.
pub fn standing(case: &Case, written: impl Fn(&EventId) -> Option<u64>, now: u64) -> Option<Standing> {
    let from = case.since.as_ref().and_then(&written)?;
    let priority = case.priority.as_ref().filter(|_| case.status.as_ref().is_some_and(|status| !has_ended(status)))?;
    let times = deadlines(priority);
    let due = |after: u64, met: Option<EventId>| {
        let due = from.saturating_add(after);
        match met.as_ref().and_then(&written) {
            Some(at) => Due::Met { at, late: at > due },
            None => Due::Open { due, overdue: now > due },
        }
    };
    let ack = due(times.ack, case.milestones.ack);
    let waits = matches!(ack, Due::Open { .. });
    let passed = times.escalate.iter().filter(|after| waits && now >= from.saturating_add(**after)).count();
    let step = u64::try_from(passed).unwrap_or_default();
    let (lead, reply) = (due(times.lead, case.milestones.lead), due(times.reply, case.milestones.reply));
    let steps = times.escalate.iter().filter(|_| waits).map(|after| from.saturating_add(*after));
    let open =
        [ack, lead, reply].into_iter().filter_map(|due| if let Due::Open { due, .. } = due { Some(due) } else { None });
    Some(Standing {
        ack,
        lead,
        reply,
        step,
        plan_b: rungs(priority, step).contains(&Rung::PlanB),
        next: open.chain(steps).filter(|minute| *minute > now).min(),
    })
}

/// The turn of a member: `first 8 bytes of SHA-256(member ‖ case ‖ u64(step))`; the least speaks first.
pub fn rank(member: &Fingerprint, case: &CaseId, step: u64) -> u64 {
    let hash = Sha256::new().chain_update(member.as_bytes()).chain_update(case.as_bytes());
    let hash = hash.chain_update(step.to_be_bytes()).finalize();
    hash.iter().take(8).fold(0, |rank, byte| rank << 8 | u64::from(*byte))
}

/// How many minutes a member waits before it tells a step itself: nobody before the first, then one after the other. With
/// `jitter` random, so that two clients with the same list do not speak at once. `None` for whoever is not a member.
///
/// Whoever waits looks at [`is_told`] before it speaks.
pub fn wait(members: &[Fingerprint], me: &Fingerprint, case: &CaseId, step: u64, jitter: u64) -> Option<u64> {
    let own = rank(me, case, step);
    members.contains(me).then_some(())?;
    let before = members.iter().filter(|other| (rank(other, case, step), *other) < (own, me)).count();
    let before = u64::try_from(before).unwrap_or(u64::MAX / TURN_MINUTES);
    Some(if before == 0 { 0 } else { before.saturating_mul(TURN_MINUTES).saturating_add(jitter % TURN_MINUTES) })
}

/// Whether somebody has told this step already since the clocks run: one is enough.
pub fn is_told(case: &Case, step: u64) -> bool {
    case.escalated.contains_key(&step)
}

/// Whether an event says to be from later than it came: its author's clock is wrong, or this one's.
pub fn is_skewed(entry: &Entry) -> bool {
    entry.sent() > entry.received.saturating_add(SKEW_MINUTES)
}
