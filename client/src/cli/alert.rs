//! `himaya alert`: send an alert from a JSON file, or from the answers to a few questions.

use std::path::PathBuf;

use himaya_protocol::content::vocabulary::{Affected, Kind, Urgency};
use himaya_protocol::content::{ThreatAlert, alert_json, sos};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::{ask, output, render};
use crate::driver::Driver;
use crate::engine::{self, CircleState, Draft, EngineError, Entry, Reach};
use crate::store::Ctx;
use crate::text::{Arg, Text};
use crate::transport::https::Https;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[arg(long, value_name = "NAME")]
    circle: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let circle = arguments.circle.as_deref();
    let Some(file) = &arguments.file else { return asked(app, circle).await };
    let text = app.read(file)?;
    let file = alert_json::parse(&text).map_err(CliError::AlertFile)?;
    let draft = Draft {
        status: file.status,
        tlp: file.tlp,
        lang: file.lang,
        expires_hours: Some(file.expires_hours),
        ..Draft::default()
    };
    raise(app, file.alert, &draft, circle, Strict::Yes).await
}

/// The kinds that are asked for, the likeliest first; every other can stand in a file, or behind `sos`.
const KINDS: [Kind; 9] = [
    Kind::Unspecified,
    Kind::Arrest,
    Kind::HomeRaid,
    Kind::Surveillance,
    Kind::Threat,
    Kind::Assault,
    Kind::Disappearance,
    Kind::DeviceLost,
    Kind::DeviceOrAccountSuspicious,
];

/// An alert by questions. None of them asks for what could harm somebody if it were read: names, places, what exactly was done.
async fn asked(app: &mut App, circle: Option<&str>) -> Result<Exit, CliError> {
    // The passphrase first: answers are not to be lost over it.
    let driver = app.open()?;
    ask::begin(app)?;
    let kinds = KINDS.into_iter().map(|kind| (app.texts.word(&kind), kind)).collect();
    let mut alert = sos::of_kind(ask::one_of(app, Text::AskKind, kinds)?);
    let times = [
        (Text::AskWhenNow, Urgency::Immediate),
        (Text::AskWhenSoon, Urgency::Expected),
        (Text::AskWhenPast, Urgency::Past),
    ];
    alert.urgency = ask::one_of(app, Text::AskWhen, said(app, times))?;
    let people = [
        (Text::AskWhoSelf, Affected::Myself),
        (Text::AskWhoFamily, Affected::Family),
        (Text::AskWhoColleague, Affected::Colleague),
        (Text::AskWhoGroup, Affected::Group),
    ];
    alert.affected = Some(ask::one_of(app, Text::AskWho, said(app, people))?);
    alert.note = ask::words(app, Text::AskWords)?;
    render::gap(app)?;
    let exit = raise_with(app, driver, alert, &Draft::default(), circle, Strict::No, Some(Text::AlertQueued)).await?;
    app.say(Text::AlertOver, &[])?;
    Ok(exit)
}

fn said<V, const N: usize>(app: &App, answers: [(Text, V); N]) -> Vec<(String, V)> {
    answers.into_iter().map(|(text, value)| (app.texts.say(text, &[]), value)).collect()
}

/// Whether a circle that does not exist stops the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strict {
    /// It does: a file can be sent again.
    Yes,
    /// It goes to every circle instead: somebody is in danger and cannot type.
    No,
}

/// Queues an alert durably, says so, then sends it and says how far it got.
pub(super) async fn raise(
    app: &mut App,
    alert: ThreatAlert,
    draft: &Draft,
    circle: Option<&str>,
    strict: Strict,
) -> Result<Exit, CliError> {
    let driver = app.open()?;
    raise_with(app, driver, alert, draft, circle, strict, None).await
}

/// As [`raise`], with a profile that is open already, and something to say once the alert is queued.
pub(super) async fn raise_with(
    app: &mut App,
    mut driver: Driver<Https>,
    alert: ThreatAlert,
    draft: &Draft,
    circle: Option<&str>,
    strict: Strict,
    queued: Option<Text>,
) -> Result<Exit, CliError> {
    let (saved, missing) = driver.transact(|ctx| queue(ctx, &alert, draft, circle, strict))?;
    if let (Some(name), true) = (circle, missing) {
        let said = app.texts.say(Text::SosCircleUnknown, &[("circle", Arg::theirs(name))]);
        app.note(&said)?;
    }
    app.say(queued.unwrap_or(Text::TruthSaved), &[])?;
    if !app.offline() {
        app.say(Text::SendingNow, &[])?;
    }
    app.send(&mut driver).await?;

    let mut told = Vec::new();
    for entry in saved {
        let reach = driver.transact(|ctx| engine::status(ctx, &entry))?;
        told.push((entry, reach));
    }
    let objects: Vec<_> = told.iter().map(|(entry, reach)| output::entry_with_reach(entry, reach)).collect();
    app.object(&json!({ "alerts": objects }))?;
    if !app.json() {
        tell(app, &mut driver, &told)?;
    }
    // Circles in which nobody is yet do not make an alert late that others have.
    let relayed = told.iter().any(|(_, reach)| reach.relayed.is_some());
    let late = told.iter().any(|(_, reach)| reach.relayed.is_none() && reach.others > 0);
    app.exit(&mut driver, relayed && !late)
}

/// One event for every circle, or one without a home when there is no circle; whether the circle asked for is missing.
fn queue(
    ctx: &mut Ctx<'_>,
    alert: &ThreatAlert,
    draft: &Draft,
    circle: Option<&str>,
    strict: Strict,
) -> Result<(Vec<Entry>, bool), EngineError> {
    let asked = match circle.map(|name| engine::named(ctx, name)) {
        None => None,
        Some(Ok(circle)) if strict == Strict::Yes || circle.state == CircleState::Active => Some(circle),
        Some(Ok(_)) => None,
        Some(Err(EngineError::Unknown { .. } | EngineError::Ambiguous { .. })) if strict == Strict::No => None,
        Some(Err(error)) => return Err(error),
    };
    let missing = circle.is_some() && asked.is_none();
    let circles = match asked {
        Some(circle) => vec![circle],
        None => {
            let mut all = Vec::new();
            for circle in engine::list(ctx)? {
                if engine::hears_alerts(ctx, &circle)? {
                    all.push(circle);
                }
            }
            all
        }
    };
    let mut ids = Vec::new();
    for circle in &circles {
        ids.push(engine::raise(ctx, Some(circle), alert.clone(), draft)?);
    }
    if circles.is_empty() {
        ids.push(engine::raise(ctx, None, alert.clone(), draft)?);
    }
    let saved = engine::inbox(ctx)?.into_iter().filter(|entry| ids.contains(&entry.event.id())).collect();
    Ok((saved, missing))
}

fn tell(app: &mut App, driver: &mut Driver<Https>, told: &[(Entry, Reach)]) -> Result<(), CliError> {
    let mut late = false;
    for (entry, reach) in told {
        if let (Some(circle), true) = (&entry.circle_name, told.len() > 1) {
            app.say(Text::InCircle, &[("circle", Arg::theirs(circle))])?;
        }
        match (reach.relayed, reach.others, &entry.circle_name) {
            (Some(_), ..) => app.say(Text::TruthRelay, &[])?,
            (None, 0, None) => app.say(Text::AlertNoCircle, &[])?,
            (None, 0, Some(_)) => app.say(Text::AlertNobody, &[])?,
            (None, ..) => {
                late = true;
                app.say(Text::TruthRelayNot, &[])?;
            }
        }
        app.say(Text::AlertId, &[("id", Arg::machine(&entry.event.id().short()))])?;
    }
    if late {
        app.say(Text::AlertKeepTrying, &[])?;
    }
    let circles = driver.transact(|ctx| engine::list(ctx))?;
    for circle in circles.iter().filter(|circle| circle.state == CircleState::Active && circle.adrift.is_some()) {
        app.say(Text::OutOfStep, &[("circle", Arg::theirs(&circle.name))])?;
    }
    render::gap(app)?;
    app.say(Text::AlertSee, &[])
}
