//! What `ok`, `late` and `help` have in common: an answer to the check-in that is due.

use himaya_protocol::case::check_in;
use himaya_protocol::content::EventId;
use himaya_protocol::content::vocabulary::CheckInAnswer;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use crate::driver::Driver;
use crate::engine::{self, EngineError, Plan};
use crate::text::{Arg, Text, utc};
use crate::transport::https::Https;

/// What somebody says at a check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// All is well.
    Ok,
    /// All is well, but it takes so many minutes longer.
    Late(u64),
    /// Help.
    Help,
}

/// What came of it.
enum Came {
    /// It is said.
    Said(EventId, Plan),
    /// Nothing is due: the next time.
    NotYet(Plan, Option<u64>),
    /// There is no plan.
    NoPlan,
}

/// Answers the check-in that is due, durably, then sends it. `None` when there is no plan.
///
/// `words` are what was typed after it. They mean nothing, but for the duress word.
pub(super) async fn say(
    app: &mut App,
    driver: &mut Driver<Https>,
    says: Says,
    words: &str,
) -> Result<Option<Exit>, CliError> {
    let now = app.now() / 60;
    let came = driver.transact(|ctx| {
        let plans = engine::plans(ctx)?;
        let Some(plan) = engine::own_plan(&plans).cloned() else {
            if says == Says::Ok {
                engine::say_when_none_is_due(ctx, None, words)?;
            }
            return Ok(Came::NoPlan);
        };
        let next = check_in::open(&plan.content, &plan.answers).next();
        let seq = check_in::answerable(&plan.content, &plan.answers, now);
        let (answer, seq, late) = match (says, seq, next) {
            (Says::Ok, Some(seq), _) => (CheckInAnswer::Ok, seq, None),
            (Says::Ok, None, next) => {
                engine::say_when_none_is_due(ctx, Some(&plan), words)?;
                return Ok(Came::NotYet(plan, next.map(|(_, due)| due)));
            }
            (Says::Late(minutes), seq, Some((open, _))) => {
                let seq = seq.unwrap_or(open).max(open);
                (CheckInAnswer::Delay, seq, Some(delay(&plan, seq, minutes, now)))
            }
            (Says::Late(_), _, None) => return Ok(Came::NotYet(plan, None)),
            (Says::Help, seq, next) => {
                let last = plan.answers.keys().next_back().copied().unwrap_or_default();
                (CheckInAnswer::Help, seq.or(next.map(|(seq, _)| seq)).unwrap_or(last), None)
            }
        };
        let freely = !engine::is_duress_word(ctx, words)?;
        let id = engine::check_in(ctx, &plan, seq, answer, late, freely)?;
        Ok::<_, EngineError>(Came::Said(id, plan))
    })?;
    match came {
        Came::NoPlan => {
            quietly(app, driver).await;
            Ok(None)
        }
        Came::NotYet(plan, due) => {
            quietly(app, driver).await;
            app.object(&json!({ "id": null, "plan": plan.id.to_hex(), "state": "not_due", "due_minutes": due }))?;
            match due {
                Some(due) => app.say(Text::CheckNotDue, &[("time", Arg::ours(&utc(due)))])?,
                None => app.say(Text::LightOver, &[])?,
            }
            Ok(Some(Exit::Done))
        }
        Came::Said(id, plan) => told(app, driver, says, id, &plan).await.map(Some),
    }
}

/// Sends what there may be, once; whatever comes of it, nothing is said that would tell what it was.
async fn quietly(app: &App, driver: &mut Driver<Https>) {
    if !app.offline() {
        drop(driver.flush().await);
    }
}

/// `late 30` means 30 minutes from now, or later than it is due if that is still to come.
fn delay(plan: &Plan, seq: u64, minutes: u64, now: u64) -> u64 {
    let due = (0..).zip(plan.content.times()).find(|(number, _)| *number == seq).map_or(now, |(_, due)| due);
    now.saturating_sub(due).saturating_add(minutes).clamp(1, 1_440)
}

async fn told(
    app: &mut App,
    driver: &mut Driver<Https>,
    says: Says,
    id: EventId,
    plan: &Plan,
) -> Result<Exit, CliError> {
    if plan.exercise {
        app.say(Text::EventExercise, &[])?;
    }
    app.say(Text::TruthSaved, &[])?;
    let sent = app.send(driver).await?;
    let plans = driver.transact(|ctx| engine::plans(ctx))?;
    let next = plans
        .iter()
        .find(|known| known.id == plan.id)
        .and_then(|plan| check_in::open(&plan.content, &plan.answers).next());
    let due = next.map(|(_, due)| due);
    app.object(&json!({ "id": id.to_hex(), "plan": plan.id.to_hex(), "state": state(sent), "due_minutes": due }))?;
    app.say(if sent { Text::TruthRelay } else { Text::TruthRelayNot }, &[])?;
    match (says, due) {
        (Says::Help, _) => app.say(Text::CheckHelp, &[])?,
        (Says::Ok | Says::Late(_), Some(due)) => app.say(Text::LightWaiting, &[("time", Arg::ours(&utc(due)))])?,
        (Says::Ok | Says::Late(_), None) => app.say(Text::CheckLast, &[])?,
    }
    if !sent {
        app.say(Text::AlertKeepTrying, &[])?;
    }
    app.exit(driver, sent)
}
