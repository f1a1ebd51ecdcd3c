//! `himaya sync`: send what waits and fetch what is new.

use super::app::{App, Exit};
use super::error::CliError;
use super::news;
use super::output::Synced;
use super::render;
use crate::driver::{Driver, DriverError};
use crate::engine::{self, CircleState, News, Pace};
use crate::text::{Arg, Text, day};
use crate::transport::TransportError;
use crate::transport::https::Https;

pub(super) async fn run(app: &mut App) -> Result<Exit, CliError> {
    if app.offline() {
        return Err(CliError::NeedsRelay);
    }
    let mut driver = app.open()?;
    let news = match driver.sync().await {
        Ok(news) => news,
        Err(DriverError::Transport(error)) => return unreachable(app, &mut driver, error),
        Err(error) => return Err(error.into()),
    };
    let new_events = news.iter().filter(|news| matches!(news, News::Event(_))).count();
    let (circles, (waiting, _), sunset, starved) = driver.transact(|ctx| {
        Ok((
            engine::list(ctx)?,
            engine::waiting(ctx)?,
            engine::relay_sunset(ctx)?,
            engine::waits_for_token(ctx, Pace::All)?,
        ))
    })?;
    let out_of_sync: Vec<String> = circles
        .into_iter()
        .filter(|circle| circle.state == CircleState::Active && circle.adrift.is_some())
        .map(|circle| circle.name)
        .collect();
    app.object(&Synced {
        new_events: u64::try_from(new_events).unwrap_or(u64::MAX),
        waiting,
        out_of_sync: out_of_sync.clone(),
        relay_sunset: sunset.map(day),
        at: driver.now(),
    })?;
    if !app.json() {
        for other in news.iter().filter(|news| !matches!(news, News::Event(_))) {
            news::tell(app, &mut driver, other)?;
        }
    }
    render::relay_sunset(app, sunset)?;
    app.say(Text::SyncNew, &[("count", new_events.into())])?;
    if waiting > 0 {
        app.say(Text::SyncWaiting, &[("count", waiting.into())])?;
    }
    if starved {
        render::no_tokens(app, &mut driver)?;
    }
    for circle in &out_of_sync {
        app.say(Text::OutOfStep, &[("circle", Arg::theirs(circle))])?;
    }
    if new_events > 0 {
        app.say(Text::SyncInbox, &[])?;
    }
    app.exit(&mut driver, waiting == 0)
}

/// The relay is out of reach, or refuses: what waits is what matters then.
fn unreachable(app: &mut App, driver: &mut Driver<Https>, error: TransportError) -> Result<Exit, CliError> {
    let ((waiting, _), sunset) = driver.transact(|ctx| Ok((engine::waiting(ctx)?, engine::relay_sunset(ctx)?)))?;
    render::relay_sunset(app, sunset)?;
    if waiting == 0 {
        return Err(error.into());
    }
    app.complain(&error.into());
    app.say(Text::SyncWaiting, &[("count", waiting.into())])?;
    Ok(Exit::Queued)
}
