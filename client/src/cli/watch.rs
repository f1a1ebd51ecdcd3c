//! `himaya watch`: stay connected and show what arrives.

use std::ops::ControlFlow;

use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::{news, signals};
use crate::driver::{Driver, Watched};
use crate::text::{Explain, Text};
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
        Watched::News(news) => news::tell(app, driver, &news),
        Watched::Signal(signal) => signals::tell(app, driver, signal),
    }
}

/// Ctrl-C or SIGTERM.
pub(super) async fn interrupted() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => (),
        _ = terminate.recv() => (),
    }
}
