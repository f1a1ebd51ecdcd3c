//! `himaya ack`: say that a person has read an event, or is acting on it.

use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::Note;
use himaya_protocol::content::vocabulary::AckLevel;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(long)]
    acting: bool,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let prefix: IdPrefix = arguments.id.parse()?;
    let note = arguments.note.as_deref().map(Note::new).transpose()?;
    let level = if arguments.acting { AckLevel::Acting } else { AckLevel::Human };
    let mut driver = app.open()?;
    let (entry, id) = driver.transact(|ctx| {
        let entry = engine::entry(ctx, &prefix)?;
        let id = engine::acknowledge(ctx, &entry.event.id(), level.clone(), note)?;
        Ok((entry, id))
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({
        "id": id.to_hex(), "of": entry.event.id().to_hex(), "level": level.as_str(), "state": state(sent),
    }))?;
    let text = match (sent, arguments.acting) {
        (false, _) => Text::AckSaved,
        (true, false) => Text::AckSent,
        (true, true) => Text::AckSentActing,
    };
    let name = [("name", Arg::theirs(&entry.author_name))];
    app.say(text, if sent { &name } else { &[] })?;
    app.exit(&mut driver, sent)
}
