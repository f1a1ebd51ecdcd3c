//! `himaya card`: make and accept cards.

use himaya_protocol::content::value::TextError;
use himaya_protocol::wire::card::{Card, CardKind};
use himaya_protocol::wire::contact::NOTE_MAX;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use crate::engine;
use crate::terminal::Ground;
use crate::text::Text;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    New {
        #[arg(long)]
        intake: bool,
    },
    Accept {
        /// A card that was copied with its line breaks comes as several words.
        #[arg(value_name = "CARD", required = true)]
        card: Vec<String>,
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[arg(long)]
        in_person: bool,
    },
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::New { intake } => new(app, intake).await,
        Command::Accept { card, note, in_person } => accept(app, &card.concat(), note.as_deref(), in_person).await,
    }
}

async fn new(app: &mut App, intake: bool) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let kind = if intake { CardKind::Intake } else { CardKind::Single };
    let card = driver.transact(|ctx| engine::new_card(ctx, kind))?.to_string();
    if !app.json() {
        app.say(if intake { Text::CardNewIntake } else { Text::CardNew }, &[])?;
        let ground = if app.at_terminal() { Ground::Terminal } else { Ground::Plain };
        let mut screen = app.screen();
        screen.gap()?;
        screen.qr(&card, ground)?;
        screen.gap()?;
        screen.machine(&card)?;
        screen.gap()?;
        app.say(Text::CardHandingOver, &[])?;
    }
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "card": card, "kind": if intake { "intake" } else { "single" }, "state": state(sent) }))?;
    app.say(if sent { Text::CardNext } else { Text::CardNotYet }, &[])?;
    app.exit(&mut driver, sent)
}

async fn accept(app: &mut App, card: &str, note: Option<&str>, in_person: bool) -> Result<Exit, CliError> {
    let card: Card = card.parse()?;
    if let Some(note) = note
        && note.len() > NOTE_MAX
    {
        return Err(TextError::TooLong { max: NOTE_MAX, found: note.len() }.into());
    }
    if app.offline() {
        return Err(CliError::NeedsRelay);
    }
    let mut driver = app.open()?;
    // Before anything is asked of the relay: is it a card this profile can use at all?
    driver.transact(|ctx| engine::check_card(ctx, &card))?;
    let key = driver.card_key(&card).await?;
    let accepted = driver.transact(|ctx| {
        let accepted = engine::accept_card(ctx, &card, &key, note)?;
        if in_person {
            engine::mark_fingerprint_verified(ctx, &card.fingerprint)?;
        }
        Ok(accepted)
    })?;
    let sent = app.send(&mut driver).await?;
    if driver.transact(|ctx| engine::was_given_up(ctx, &accepted))? {
        // Sending has told people already.
        return if app.json() { Err(CliError::CardUsed) } else { Ok(Exit::Error) };
    }
    app.object(&json!({ "state": state(sent) }))?;
    app.say(if sent { Text::CardAccepted } else { Text::CardAcceptedQueued }, &[])?;
    app.say(Text::CardAcceptedNext, &[])?;
    app.exit(&mut driver, sent)
}
