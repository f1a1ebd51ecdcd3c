//! `himaya verify`: compare words with somebody, record that they matched.

use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::hex;
use super::render;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "CONTACT")]
    contact: String,
    #[arg(long)]
    matches: bool,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let (contact, words) = driver.transact(|ctx| {
        let contact = engine::person(ctx, &arguments.contact)?;
        let words = engine::words(ctx, &contact.fingerprint)?;
        if arguments.matches {
            engine::mark_verified(ctx, &contact)?;
        }
        Ok((contact, words))
    })?;
    let verified = contact.verified || arguments.matches;
    app.object(&json!({
        "name": contact.name, "fingerprint": hex(&contact.fingerprint), "words": words, "verified": verified,
    }))?;
    let name = Arg::theirs(&contact.name);
    if arguments.matches {
        app.say(Text::VerifyRecorded, &[("name", name)])?;
        return Ok(Exit::Done);
    }
    if contact.verified {
        app.say(Text::VerifyAlready, &[("name", name.clone())])?;
    }
    app.say(Text::VerifyRead, &[("name", name)])?;
    render::words(app, &words)?;
    app.say(Text::VerifyNext, &[])?;
    app.say(Text::VerifyDiffer, &[])?;
    Ok(Exit::Done)
}
