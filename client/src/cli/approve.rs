//! `himaya approve`: let somebody who asks into a circle.

use himaya_protocol::wire::policy::Role;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{hex, state};
use super::render::role_word;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "ID")]
    id: u64,
    #[arg(long, value_name = "NAME")]
    circle: String,
    #[arg(long = "as", value_name = "ROLE", default_value = "contact")]
    role: As,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum As {
    Contact,
    Coordinator,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let role = match arguments.role {
        As::Contact => Role::Contact,
        As::Coordinator => Role::Coordinator,
    };
    let contact = driver.transact(|ctx| {
        let circle = engine::named(ctx, &arguments.circle)?;
        engine::approve(ctx, arguments.id, &circle, role)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({
        "name": contact.name, "fingerprint": hex(&contact.fingerprint), "circle": arguments.circle,
        "role": role_word(role), "state": state(sent),
    }))?;
    app.say(
        if sent { Text::Approved } else { Text::ApprovedQueued },
        &[("name", Arg::theirs(&contact.name)), ("circle", Arg::theirs(&arguments.circle))],
    )?;
    app.say(Text::ApprovedNext, &[])?;
    app.exit(&mut driver, sent)
}
