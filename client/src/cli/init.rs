//! `himaya init`: make a profile.

use himaya_protocol::wire::link::RelayLink;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::hex;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "LINK")]
    relay: String,
    #[arg(long, value_name = "NAME")]
    name: String,
}

pub(super) fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let relay: RelayLink = arguments.relay.parse()?;
    // Before anything is made on the disk.
    engine::valid_name(&arguments.name)?;
    let identity = app.create(|ctx| engine::found(ctx, &arguments.name, &relay))?;
    app.object(&json!({
        "name": identity.name, "fingerprint": hex(&identity.fingerprint), "relay": identity.relay.to_string(),
    }))?;
    app.say(Text::InitDone, &[("name", Arg::theirs(&identity.name))])?;
    app.say(Text::InitRemember, &[])?;
    app.say(Text::InitNext, &[])?;
    Ok(Exit::Done)
}
