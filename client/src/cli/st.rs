//! `himaya st`: how things stand.

use himaya_protocol::case::case_of;
use himaya_protocol::case::status::has_ended;
use himaya_protocol::content::Body;
use himaya_protocol::content::vocabulary::CaseStatus;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::{output, plans, render, suspicions};
use crate::engine::{self, CircleState, EngineError, Entry, Reach};
use crate::store::{Ctx, Seconds};
use crate::text::{Arg, Text, day};

/// The alerts, requests for shelter and words under duress that still stand: not expired, not cleared, and no desk has ended their case.
fn open(ctx: &Ctx<'_>, now: Seconds) -> Result<Vec<(Entry, Reach)>, EngineError> {
    let mut board = engine::board(ctx)?;
    let mut open = Vec::new();
    for entry in engine::inbox(ctx)? {
        let expired = entry.event.content().expires.is_some_and(|expires| expires <= now / 60);
        let status = case_of(&entry.event).and_then(|case| board.case(&case)?.status.clone());
        // Until two coordinators have made sure of the defender, a word under duress asks for everything.
        let held = matches!(entry.event.body(), Body::Duress(_)) && status == Some(CaseStatus::DuressHold);
        let asks = held || matches!(entry.event.body(), Body::ThreatAlert(_) | Body::ShelterRequest(_));
        if asks && !expired && !status.as_ref().is_some_and(has_ended) {
            let reach = engine::status(ctx, &entry)?;
            if reach.cleared.is_none() {
                open.push((entry, reach));
            }
        }
    }
    Ok(open)
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long)]
    forget_suspicions: bool,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    if arguments.forget_suspicions {
        driver.transact(|ctx| engine::forget_suspicions(ctx))?;
    }
    app.refresh(&mut driver).await?;
    let now = app.now();
    let (open, circles, requests, (waiting, _), last, newer, sunset, stock, known, plan_b, suspected) = driver
        .transact(|ctx| {
            let open = open(ctx, now)?;
            let last = ctx.number("last sync")?;
            Ok((
                open,
                engine::list(ctx)?,
                engine::requests(ctx)?,
                engine::waiting(ctx)?,
                last,
                engine::newer(ctx)?,
                engine::relay_sunset(ctx)?,
                engine::stock(ctx)?,
                engine::plans(ctx)?,
                engine::plan_b(ctx)?.0,
                engine::suspicions(ctx)?,
            ))
        })?;
    let (own, theirs): (Vec<_>, Vec<_>) = open.into_iter().partition(|(entry, _)| entry.own);
    let objects = |open: &[(Entry, Reach)]| -> Vec<serde_json::Value> {
        open.iter().map(|(entry, reach)| output::entry_with_reach(entry, reach)).collect()
    };
    let expected = known.iter().filter(|plan| !plan.is_over());
    let suspect = engine::is_relay_suspect(&known);
    app.object(&json!({
        "last_sync": last, "waiting": waiting, "requests": requests.len(), "newer": newer, "alerts": objects(&own),
        "relay_sunset": sunset.map(day), "tokens": output::stock(stock), "theirs": objects(&theirs),
        "check_ins": expected.clone().map(output::plan).collect::<Vec<_>>(), "relay_suspect": suspect || !suspected.is_empty(),
        "suspicions": suspected.iter().map(output::suspicion).collect::<Vec<_>>(),
        "plan_b": plan_b.as_ref().map(output::plan_b), "circles": circles.iter().map(output::circle).collect::<Vec<_>>(),
    }))?;
    if app.json() {
        return app.exit(&mut driver, true);
    }
    match own.len() {
        0 => app.say(Text::StAlertsNone, &[])?,
        count => app.say(Text::StAlerts, &[("count", count.into())])?,
    }
    for (entry, reach) in &own {
        render::line(app, entry)?;
        render::truths(app, reach)?;
        let gone = circles.iter().any(|c| Some(&c.id) == entry.circle.as_ref() && c.state != CircleState::Active);
        if let (true, Some(name)) = (gone, &entry.circle_name) {
            app.say(Text::AlertGone, &[("circle", Arg::theirs(name))])?;
        }
    }
    if let Some(plan_b) = &plan_b {
        plans::plan_b(app, plan_b)?;
    }
    for plan in expected {
        plans::show(app, plan)?;
    }
    if suspect {
        app.say(Text::RelaySuspect, &[])?;
    }
    suspicions::show(app, &suspected)?;
    if !theirs.is_empty() {
        app.say(Text::StTheirs, &[("count", theirs.len().into())])?;
        for (entry, reach) in &theirs {
            render::line(app, entry)?;
            render::answers(app, reach)?;
        }
    }
    if waiting > 0 {
        app.say(Text::SyncWaiting, &[("count", waiting.into())])?;
    }
    render::stock(app, stock)?;
    if !requests.is_empty() {
        app.say(Text::StRequests, &[("count", requests.len().into())])?;
    }
    for circle in circles.iter().filter(|circle| circle.state == CircleState::Active && circle.adrift.is_some()) {
        app.say(Text::OutOfStep, &[("circle", Arg::theirs(&circle.name))])?;
    }
    if newer > 0 {
        app.say(Text::EventUpdateNeeded, &[])?;
    }
    render::relay_sunset(app, sunset)?;
    match last {
        Some(last) => {
            let time = app.texts.ago(now / 60, last / 60);
            app.say(Text::StSynced, &[("time", Arg::ours(&time))])?;
        }
        None => app.say(Text::StSyncedNever, &[])?,
    }
    app.exit(&mut driver, true)
}
