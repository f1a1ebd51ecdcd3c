//! `himaya clear`: tell everyone that an own alert is over.

use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::Note;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use crate::engine;
use crate::text::Text;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let prefix: IdPrefix = arguments.id.parse()?;
    let note = arguments.note.as_deref().map(Note::new).transpose()?;
    let mut driver = app.open()?;
    let (of, id) = driver.transact(|ctx| {
        let entry = engine::entry(ctx, &prefix)?;
        let id = match engine::status(ctx, &entry)?.cleared {
            Some(_) => None,
            None => Some(engine::clear(ctx, &entry.event.id(), note)?),
        };
        Ok((entry.event.id(), id))
    })?;
    let Some(id) = id else {
        app.object(&json!({ "id": null, "of": of.to_hex(), "state": "cleared" }))?;
        app.say(Text::EventOver, &[])?;
        return Ok(Exit::Done);
    };
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "id": id.to_hex(), "of": of.to_hex(), "state": state(sent) }))?;
    app.say(if sent { Text::ClearSent } else { Text::ClearSaved }, &[])?;
    app.exit(&mut driver, sent)
}
