//! `himaya card`: make and accept cards.

use himaya_protocol::content::value::TextError;
use himaya_protocol::wire::card::{Card, CardKind};
use himaya_protocol::wire::contact::NOTE_MAX;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use crate::driver::Driver;
use crate::engine;
use crate::terminal::Ground;
use crate::text::Text;
use crate::transport::https::Https;

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
    show(app, &card, if intake { Text::CardNewIntake } else { Text::CardNew }, Text::CardHandingOver)?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "card": card, "kind": if intake { "intake" } else { "single" }, "state": state(sent) }))?;
    app.say(if sent { Text::CardNext } else { Text::CardNotYet }, &[])?;
    app.exit(&mut driver, sent)
}

/// Shows what is to be handed over, as a code and as text.
pub(super) fn show(app: &mut App, secret: &str, what: Text, handing_over: Text) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    app.say(what, &[])?;
    let ground = if app.at_terminal() { Ground::Terminal } else { Ground::Plain };
    let mut screen = app.screen();
    screen.gap()?;
    screen.qr(secret, ground)?;
    screen.gap()?;
    screen.machine(secret)?;
    screen.gap()?;
    app.say(handing_over, &[])
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
    let Some(sent) = ask(app, &mut driver, &card, note, in_person).await? else {
        // Sending has told people already.
        return if app.json() { Err(CliError::CardUsed) } else { Ok(Exit::Error) };
    };
    app.object(&json!({ "state": state(sent) }))?;
    asked(app, sent)?;
    app.exit(&mut driver, sent)
}

/// Asks the owner of a card; whether the relay has the request. `None` when the card was used by somebody else.
pub(super) async fn ask(
    app: &mut App,
    driver: &mut Driver<Https>,
    card: &Card,
    note: Option<&str>,
    in_person: bool,
) -> Result<Option<bool>, CliError> {
    // Before anything is asked of the relay: is it a card this profile can use at all?
    driver.transact(|ctx| engine::check_card(ctx, card))?;
    let key = driver.card_key(card).await?;
    let accepted = driver.transact(|ctx| {
        let accepted = engine::accept_card(ctx, card, &key, note)?;
        if in_person {
            engine::mark_fingerprint_verified(ctx, &card.fingerprint)?;
        }
        Ok(accepted)
    })?;
    let sent = app.send(driver).await?;
    Ok((!driver.transact(|ctx| engine::was_given_up(ctx, &accepted))?).then_some(sent))
}

/// Says how far a request got, and what comes next.
pub(super) fn asked(app: &mut App, sent: bool) -> Result<(), CliError> {
    app.say(if sent { Text::CardAccepted } else { Text::CardAcceptedQueued }, &[])?;
    app.say(Text::CardAcceptedNext, &[])
}
