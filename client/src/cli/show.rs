//! `himaya show`: one event with all that is known of it.

use himaya_protocol::content::event::IdPrefix;

use super::app::{App, Exit};
use super::error::CliError;
use super::{output, render};
use crate::engine;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let prefix: IdPrefix = arguments.id.parse()?;
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (entry, reach) = driver.transact(|ctx| {
        let entry = engine::entry(ctx, &prefix)?;
        let reach = engine::status(ctx, &entry)?;
        Ok((entry, reach))
    })?;
    app.object(&output::entry_with_reach(&entry, &reach))?;
    render::whole(app, &entry, &reach)?;
    app.exit(&mut driver, true)
}
