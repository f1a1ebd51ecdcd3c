//! `himaya need shelter`: a defender asks the desk for a place to stay.

use himaya_protocol::content::body::ShelterRequest;
use himaya_protocol::content::value::{Note, Place};
use himaya_protocol::content::vocabulary::{Need, NeededBy, Status};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Shelter(Shelter),
}

#[derive(Debug, clap::Args)]
pub(super) struct Shelter {
    #[arg(value_name = "WHEN", value_parser = when, default_value = "tonight")]
    by: NeededBy,
    #[arg(long, value_name = "N", default_value_t = 1)]
    adults: u64,
    #[arg(long, value_name = "N", default_value_t = 0)]
    children: u64,
    #[arg(long = "needs", value_name = "NEED", value_parser = need)]
    needs: Vec<Need>,
    #[arg(long = "area", value_name = "REGION", value_parser = place)]
    area_ok: Vec<Place>,
    #[arg(long = "not-area", value_name = "REGION", value_parser = place)]
    area_avoid: Vec<Place>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[arg(long, value_name = "NAME")]
    line: Option<String>,
    #[arg(long)]
    drill: bool,
}

/// `tonight`, `48h` or `7d`.
fn when(text: &str) -> Result<NeededBy, String> {
    let known = text.parse::<NeededBy>().map_err(|error| error.to_string())?;
    if known == NeededBy::Date { Err("tonight, 48h or 7d".to_owned()) } else { Ok(known) }
}

pub(super) fn need(text: &str) -> Result<Need, String> {
    text.parse::<Need>().map_err(|error| error.to_string())
}

pub(super) fn place(text: &str) -> Result<Place, String> {
    text.parse::<Place>().map_err(|error| error.to_string())
}

pub(super) async fn run(app: &mut App, command: &Command) -> Result<Exit, CliError> {
    let Command::Shelter(asked) = command;
    let note = asked.note.as_deref().map(Note::new).transpose()?;
    let mut driver = app.open()?;
    let (id, line) = driver.transact(|ctx| {
        let line = engine::own_line(ctx, asked.line.as_deref())?;
        let status = if asked.drill { Status::Exercise } else { Status::Actual };
        let id = engine::ask_for_shelter(ctx, &line, status, |consent| ShelterRequest {
            adults: asked.adults,
            children: asked.children,
            needs: asked.needs.clone(),
            area_ok: asked.area_ok.clone(),
            area_avoid: asked.area_avoid.clone(),
            note,
            ..ShelterRequest::new(asked.by.clone(), consent)
        })?;
        Ok((id, line.name))
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "id": id.to_hex(), "line": line, "state": state(sent) }))?;
    app.say(Text::ShelterAsked, &[])?;
    app.say(Text::CaseId, &[("id", Arg::machine(&id.short()))])?;
    app.exit(&mut driver, sent)
}
