//! `himaya invite`: take up invites.

use himaya_protocol::wire::invite::Invite;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::{output, render};
use crate::engine::{self, InviteState};
use crate::text::Text;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Add {
        /// An invite that was copied with its line breaks comes as several words.
        #[arg(value_name = "CODE", required = true)]
        code: Vec<String>,
    },
}

pub(super) async fn run(app: &mut App, command: &Command) -> Result<Exit, CliError> {
    let Command::Add { code } = command;
    let invite: Invite = code.concat().parse()?;
    let mut driver = app.open()?;
    driver.transact(|ctx| engine::add_invite(ctx, &invite))?;
    app.refresh(&mut driver).await?;
    let (stock, (waiting, _)) = driver.transact(|ctx| Ok((engine::stock(ctx)?, engine::waiting(ctx)?)))?;
    if stock.is_some_and(|stock| stock.invite == InviteState::Refused) {
        return Err(CliError::InviteRefused);
    }
    app.say(Text::InviteAdded, &[])?;
    app.object(&json!({ "tokens": output::stock(stock), "waiting": waiting }))?;
    render::stock(app, stock)?;
    app.exit(&mut driver, true)
}
