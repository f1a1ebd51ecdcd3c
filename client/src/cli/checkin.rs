//! `himaya checkin`: plans by which others notice when somebody falls silent.

use std::path::PathBuf;

use himaya_protocol::content::body::{CheckInPlan, GRACE_MINUTES, LADDER_MAX, LadderStep, REMIND_MINUTES};
use himaya_protocol::content::value::{FormError, NoticeText};
use himaya_protocol::content::vocabulary::{LadderAct, LadderWho, Status};
use himaya_protocol::wire::policy::GroupKind;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{self, state};
use super::{plans, render, times};
use crate::engine::{self, Circle, EngineError};
use crate::store::Ctx;
use crate::text::{Arg, Text, utc};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    New(Box<New>),
    List,
    End {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct New {
    #[arg(long, value_name = "RULE")]
    every: String,
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: String,
    #[arg(long, value_name = "COUNT", default_value_t = times::TIMES, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    times: u64,
    #[arg(long, value_name = "MINUTES", default_value_t = GRACE_MINUTES, value_parser = clap::value_parser!(u64).range(15..=720))]
    grace: u64,
    #[arg(long, value_name = "MINUTES", default_value_t = REMIND_MINUTES, value_parser = clap::value_parser!(u64).range(0..=720))]
    remind: u64,
    #[arg(long, value_name = "FILE")]
    sealed_plan: Option<PathBuf>,
    #[arg(long, value_name = "STEP")]
    ladder: Vec<String>,
    #[arg(long, value_name = "NAME")]
    circle: Option<String>,
    #[arg(long)]
    drill: bool,
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::New(arguments) => new(app, &arguments).await,
        Command::List => list(app).await,
        Command::End { id } => end(app, &id).await,
    }
}

async fn new(app: &mut App, arguments: &New) -> Result<Exit, CliError> {
    // Before the passphrase is asked for.
    let plan = read(app, arguments)?;
    let (mut times, mut count) = (plan.times(), 0_usize);
    let first = times.next().ok_or(CliError::Form(FormError("a rule that gives a time")))?;
    let mut last = first;
    for time in times {
        (last, count) = (time, count + 1);
    }
    let status = if arguments.drill { Status::Exercise } else { Status::Actual };
    let sealed = plan.sealed_plan.is_some();
    let mut driver = app.open()?;
    let (id, circle) = driver.transact(|ctx| {
        let circle = group(ctx, arguments.circle.as_deref())?;
        Ok((engine::make_plan(ctx, &circle, plan.clone(), status)?, circle))
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({
        "id": id.to_hex(), "circle": circle.name, "rule": plan.rrule.as_str(), "times": count + 1,
        "first_minutes": first, "last_minutes": last, "state": state(sent),
    }))?;
    if arguments.drill {
        app.say(Text::EventExercise, &[])?;
    }
    let (first, last) = (utc(first), utc(last));
    let args = [("count", (count + 1).into()), ("time", Arg::ours(&first)), ("value", Arg::ours(&last))];
    app.say(Text::CheckinNew, &args)?;
    app.say(if sent { Text::TruthRelay } else { Text::TruthRelayNot }, &[])?;
    if sealed {
        app.say(Text::CheckinSealed, &[])?;
    }
    app.say(Text::CheckinNext, &[])?;
    app.say(Text::CheckinEnd, &[("id", Arg::machine(&id.short()))])?;
    app.exit(&mut driver, sent)
}

/// The plan that the arguments ask for.
fn read(app: &mut App, arguments: &New) -> Result<CheckInPlan, CliError> {
    let rrule = times::every(&arguments.every, arguments.times)?;
    let (start, offset) = times::start(&arguments.start, app.now() / 60)?;
    let mut ladder: Vec<LadderStep> =
        arguments.ladder.iter().map(|step| times::step(step)).collect::<Result<_, _>>()?;
    if ladder.is_empty() {
        ladder = usual_ladder();
    }
    ladder.sort_by_key(|step| step.after_min);
    let repeats = ladder.windows(2).any(|pair| matches!(pair, [a, b] if a.after_min == b.after_min));
    if ladder.len() > LADDER_MAX || repeats {
        return Err(FormError("at most four steps, each at a minute of its own").into());
    }
    let sealed_plan = match &arguments.sealed_plan {
        None => None,
        Some(file) => {
            let text = app.read(file)?.replace('\r', "");
            Some(NoticeText::new(text.trim())?)
        }
    };
    Ok(CheckInPlan { start, rrule, grace: arguments.grace, remind: arguments.remind, ladder, sealed_plan, offset })
}

/// At once somebody asks; after half an hour it is an alert.
fn usual_ladder() -> Vec<LadderStep> {
    let step = |after_min, act| LadderStep { after_min, who: LadderWho::Everybody, act };
    vec![step(0, LadderAct::Ask), step(30, LadderAct::Alert)]
}

/// The group of a name, or the only one that protects this person. The group of a case is none: it ends with the case.
fn group(ctx: &Ctx<'_>, name: Option<&str>) -> Result<Circle, EngineError> {
    if let Some(name) = name {
        return engine::named(ctx, name);
    }
    let mut own = Vec::new();
    for circle in engine::list(ctx)? {
        if circle.kind != GroupKind::Case && engine::protects_me(ctx, &circle)? {
            own.push(circle);
        }
    }
    let circle = own.pop().ok_or(EngineError::NotDefender)?;
    if own.is_empty() { Ok(circle) } else { Err(EngineError::Ambiguous { what: "who notices", name: circle.name }) }
}

async fn list(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let plans = driver.transact(|ctx| engine::plans(ctx))?;
    if plans.is_empty() {
        app.say(Text::CheckinsNone, &[])?;
    }
    for plan in &plans {
        app.object(&output::plan(plan))?;
        plans::show(app, plan)?;
    }
    if engine::is_relay_suspect(&plans) {
        render::gap(app)?;
        app.say(Text::RelaySuspect, &[])?;
    }
    app.exit(&mut driver, true)
}

async fn end(app: &mut App, id: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let plan = driver.transact(|ctx| {
        let plan = engine::plan(ctx, id)?;
        if !plan.ended {
            engine::end_plan(ctx, &plan)?;
        }
        Ok(plan)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "id": plan.id.to_hex(), "state": state(sent) }))?;
    app.say(if sent { Text::CheckinEnded } else { Text::CheckinEndedSaved }, &[])?;
    app.exit(&mut driver, sent)
}
