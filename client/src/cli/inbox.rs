//! `himaya inbox`: what has arrived.

use super::app::{App, Exit};
use super::error::CliError;
use super::{output, render};
use crate::engine;
use crate::text::Text;

pub(super) async fn run(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let entries = driver.transact(|ctx| engine::inbox(ctx))?;
    if entries.is_empty() {
        app.say(Text::InboxEmpty, &[])?;
    }
    for entry in &entries {
        app.object(&output::entry(entry))?;
        render::line(app, entry)?;
    }
    app.exit(&mut driver, true)
}
