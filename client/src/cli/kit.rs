//! `himaya kit`: a card and an invite in one string, for somebody new.

use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::invite::{Invite, Kit};
use serde_json::json;

use super::app::{App, Exit};
use super::card::show;
use super::error::CliError;
use super::output::state;
use crate::engine::{self, EngineError};
use crate::text::Text;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    New {
        #[arg(long, value_name = "CODE")]
        invite: String,
    },
}

pub(super) async fn run(app: &mut App, command: &Command) -> Result<Exit, CliError> {
    let Command::New { invite } = command;
    let invite: Invite = invite.parse()?;
    let mut driver = app.open()?;
    let kit = driver.transact(|ctx| {
        let card = engine::new_card(ctx, CardKind::Single)?;
        Kit::new(&invite, &card).ok_or(EngineError::InviteRelay)
    })?;
    let kit = kit.to_string();
    show(app, &kit, Text::KitNew, Text::KitHandingOver)?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "kit": kit, "state": state(sent) }))?;
    app.say(if sent { Text::CardNext } else { Text::CardNotYet }, &[])?;
    app.exit(&mut driver, sent)
}
