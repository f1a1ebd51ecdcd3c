//! Check-in plans and plan B, as people read them.

use himaya_protocol::case::check_in::{self, Light};
use himaya_protocol::content::vocabulary::LadderAct;

use super::app::App;
use super::error::CliError;
use super::render;
use crate::engine::{Plan, PlanB};
use crate::text::{Arg, Text, utc};

/// A plan in a few lines: whose, how it stands, and what to do.
pub(super) fn show(app: &mut App, plan: &Plan) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    render::gap(app)?;
    if plan.exercise {
        app.say(Text::EventExercise, &[])?;
    }
    let circle = ("circle", Arg::theirs(&plan.circle.name));
    match plan.own {
        true => app.say(Text::CheckinOwn, &[circle])?,
        false => app.say(Text::CheckinOf, &[("name", Arg::theirs(&plan.author_name)), circle])?,
    }
    let (text, minute) = said(plan);
    let time = utc(minute);
    render::detail(app, text, &[("name", Arg::theirs(&plan.author_name)), ("time", Arg::ours(&time))])?;
    if !plan.own && !plan.ended {
        steps(app, plan)?;
    }
    if let (true, false, Some(sealed)) = (plan.is_plan_open, plan.own, &plan.content.sealed_plan) {
        app.say(Text::CheckinOpened, &[("name", Arg::theirs(&plan.author_name))])?;
        app.screen().quote(sealed.raw())?;
    }
    Ok(app.screen().machine(&plan.id.short())?)
}

/// What the light says, and the minute that it says it of.
fn said(plan: &Plan) -> (Text, u64) {
    if plan.ended {
        return (Text::LightEnded, 0);
    }
    match plan.light {
        Light::Over => (Text::LightOver, 0),
        Light::Waiting { due } => (Text::LightWaiting, due),
        Light::Remind { due } => (Text::LightRemind, due),
        Light::Due { until } => (if plan.own { Text::LightDueOwn } else { Text::LightDue }, until),
        Light::Help => (if plan.own { Text::LightHelpOwn } else { Text::LightHelp }, 0),
        Light::Missed { since, .. } => (if plan.own { Text::LightMissedOwn } else { Text::LightMissed }, since),
        Light::Unknown { since } => (Text::LightUnknown, since),
    }
}

/// What the steps that have come ask of whoever reads this.
fn steps(app: &mut App, plan: &Plan) -> Result<(), CliError> {
    if let Some(step) = check_in::steps(&plan.content, &plan.light).last() {
        let text = match step.act {
            LadderAct::Ask => Text::StepAsk,
            LadderAct::Alert | LadderAct::OpenCase => Text::StepAlert,
            LadderAct::OpenPlan | LadderAct::Other(_) => return Ok(()),
        };
        render::detail(app, text, &[("name", Arg::theirs(&plan.author_name))])?;
    }
    Ok(())
}

/// That nobody has answered, and what to do now.
pub(super) fn plan_b(app: &mut App, plan: &PlanB) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    render::gap(app)?;
    if plan.exercise {
        app.say(Text::EventExercise, &[])?;
    }
    app.say(Text::PlanB, &[])?;
    for line in &plan.helplines {
        render::detail(
            app,
            Text::PlanBLine,
            &[("name", Arg::theirs(&line.name)), ("value", Arg::theirs(&line.number))],
        )?;
    }
    match (&plan.own, plan.helplines.is_empty()) {
        (Some(own), _) => Ok(app.screen().quote(own)?),
        (None, true) => app.say(Text::PlanBNone, &[]),
        (None, false) => Ok(()),
    }
}
