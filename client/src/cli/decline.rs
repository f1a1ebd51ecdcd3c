//! `himaya decline`: forget a request. Nobody is told.

use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "ID")]
    id: u64,
}

pub(super) fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let name = driver.transact(|ctx| engine::decline(ctx, arguments.id))?;
    app.object(&json!({ "id": arguments.id, "name": name }))?;
    app.say(Text::Declined, &[("name", Arg::theirs(&name))])?;
    Ok(Exit::Done)
}
