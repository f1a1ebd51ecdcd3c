//! What a device says by itself, by its own clock: reminders, misses, plan B.

use std::collections::BTreeSet;

use himaya_protocol::case::check_in::Light;
use himaya_protocol::content::EventId;

use super::error::EngineError;
use super::{plan_b, plans};
use crate::store::{Ctx, Seconds};

/// Something that time alone has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// An own check-in is due soon: at this minute.
    Remind(EventId, u64),
    /// An own check-in is due: it is late from this minute on.
    Due(EventId, u64),
    /// A check-in was missed, one's own or somebody else's; so many steps of its ladder have come.
    Missed(EventId, u64, usize),
    /// Somebody's check-in should have come, but this device was offline.
    Unknown(EventId, u64),
    /// Several lines are silent together: it may be the relay.
    RelaySuspect,
    /// No human has answered an own alert in time.
    PlanB(EventId),
}

/// Everything that is so now, and when to look again; `None` when nothing changes by itself.
pub fn signals(ctx: &Ctx<'_>) -> Result<(BTreeSet<Signal>, Option<Seconds>), EngineError> {
    let (mut signals, now) = (BTreeSet::new(), ctx.now / 60);
    let plans = plans::plans(ctx)?;
    let (found, mut next) = plan_b::plan_b(ctx)?;
    let mut look = |minute: u64| next = Some(next.map_or(minute, |next| next.min(minute)));
    for plan in plans.iter().filter(|plan| !plan.is_over()) {
        match plan.light {
            Light::Waiting { due } => look(due.saturating_sub(plan.content.remind).max(now + 1)),
            Light::Remind { due } => {
                look(due);
                if plan.own {
                    signals.insert(Signal::Remind(plan.id, due));
                }
            }
            Light::Due { until } => {
                look(until + 1);
                if plan.own {
                    signals.insert(Signal::Due(plan.id, until));
                }
            }
            // Steps of the ladder come, and turns to take them.
            Light::Missed { since, steps, .. } => {
                look(now + 1);
                signals.insert(Signal::Missed(plan.id, since, steps));
            }
            Light::Unknown { since } => {
                look(now + 1);
                signals.insert(Signal::Unknown(plan.id, since));
            }
            Light::Help | Light::Over => (),
        }
    }
    if plans::is_relay_suspect(&plans) {
        signals.insert(Signal::RelaySuspect);
    }
    signals.extend(found.into_iter().flat_map(|plan| plan.alerts).map(Signal::PlanB));
    Ok((signals, next.map(|minute| minute.saturating_mul(60))))
}
