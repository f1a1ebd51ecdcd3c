//! `himaya watch`: stay connected and show what arrives.

use std::ops::ControlFlow;

use himaya_protocol::content::Body;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output;
use super::render;
use crate::driver::{Driver, Watched};
use crate::engine::{self, News};
use crate::text::{Arg, Explain, Text};
use crate::transport::https::Https;

pub(super) async fn run(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.say(Text::WatchBegan, &[])?;
    let mut lost = false;
    let mut failure = None;
    {
        let watching = driver.watch(|driver, watched| match tell(app, driver, watched, &mut lost) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        });
        tokio::select! {
            ended = watching => ended?,
            () = interrupted() => (),
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    app.say(Text::WatchEnded, &[])?;
    app.exit(&mut driver, true)
}

fn tell(app: &mut App, driver: &mut Driver<Https>, watched: Watched, lost: &mut bool) -> Result<(), CliError> {
    match watched {
        Watched::Connected => {
            app.object(&json!({ "news": "connected" }))?;
            if std::mem::take(lost) {
                app.say(Text::WatchBack, &[])?;
            }
            Ok(())
        }
        Watched::Lost(error) => {
            if !std::mem::replace(lost, true) {
                app.object(&json!({ "news": "lost" }))?;
                app.say(Text::WatchLost, &[])?;
                let why = CliError::from(error).explain(&app.texts);
                if !app.json() {
                    app.screen().detail(&why)?;
                }
            }
            Ok(())
        }
        Watched::News(news) => tell_news(app, driver, &news),
    }
}

fn tell_news(app: &mut App, driver: &mut Driver<Https>, news: &News) -> Result<(), CliError> {
    let name_of = |driver: &mut Driver<Https>, id: &[u8]| -> Result<String, CliError> {
        let circles = driver.transact(|ctx| engine::list(ctx))?;
        Ok(circles.into_iter().find(|circle| circle.id == id).map(|circle| circle.name).unwrap_or_default())
    };
    match news {
        News::Event(id) => {
            let entry = driver.transact(|ctx| engine::by_id(ctx, id))?;
            app.object(&json!({ "news": "event", "event": output::entry(&entry) }))?;
            render::arrived(app, driver, &entry)?;
            let alert = matches!(entry.event.body(), Body::ThreatAlert(_)) && !entry.own;
            if alert { app.say(Text::EventAnswerNext, &[]) } else { Ok(()) }
        }
        News::Relayed(id) => app.object(&json!({ "news": "relayed", "id": id.to_hex() })),
        News::Hello { request } => {
            app.object(&json!({ "news": "request", "id": request }))?;
            app.say(Text::StRequests, &[("count", 1usize.into())])
        }
        News::Joined { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "joined", "circle": name }))?;
            app.say(Text::YouJoined, &[("circle", Arg::theirs(&name))])
        }
        News::Removed { circle } | News::Left { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "removed", "circle": name }))?;
            app.say(Text::EventYouRemoved, &[("circle", Arg::theirs(&name))])
        }
        News::OutOfSync { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "out_of_sync", "circle": name }))?;
            app.say(Text::OutOfStep, &[("circle", Arg::theirs(&name))])
        }
        News::Epoch { circle } | News::Rejoin { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "circle_changed", "circle": name }))
        }
        News::UpdateNeeded => {
            app.object(&json!({ "news": "update_needed" }))?;
            app.say(Text::EventUpdateNeeded, &[])
        }
    }
}

/// Ctrl-C or SIGTERM.
async fn interrupted() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => (),
        _ = terminate.recv() => (),
    }
}
