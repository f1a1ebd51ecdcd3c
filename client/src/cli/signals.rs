//! What time alone brings, as `watch` tells it.

use serde_json::json;

use super::app::App;
use super::error::CliError;
use super::{plans, render};
use crate::driver::Driver;
use crate::engine::{self, Signal};
use crate::text::Text;
use crate::transport::https::Https;

/// Tells one thing: a few lines for people, or an object for programs.
pub(super) fn tell(app: &mut App, driver: &mut Driver<Https>, signal: Signal) -> Result<(), CliError> {
    let (id, word, minute) = match signal {
        Signal::Remind(id, due) => (id, "remind", due),
        Signal::Due(id, until) => (id, "due", until),
        Signal::Missed(id, since, _) => (id, "missed", since),
        Signal::Unknown(id, since) => (id, "unknown", since),
        Signal::RelaySuspect => {
            app.object(&json!({ "news": "relay_suspect", "reason": "lines" }))?;
            render::gap(app)?;
            return app.say(Text::RelaySuspect, &[]);
        }
        Signal::PlanB(id) => {
            app.object(&json!({ "news": "plan_b", "id": id.to_hex() }))?;
            return match driver.transact(|ctx| engine::plan_b(ctx))? {
                (Some(plan), _) => plans::plan_b(app, &plan),
                (None, _) => Ok(()),
            };
        }
    };
    app.object(&json!({ "news": "check_in", "id": id.to_hex(), "signal": word, "at_minutes": minute }))?;
    let known = driver.transact(|ctx| engine::plans(ctx))?;
    known.iter().find(|plan| plan.id == id).map_or(Ok(()), |plan| plans::show(app, plan))
}
