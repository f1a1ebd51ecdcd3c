//! `himaya need shelter`: a defender asks the desk for a place to stay.

use himaya_protocol::content::body::ShelterRequest;
use himaya_protocol::content::value::{Note, Place};
use himaya_protocol::content::vocabulary::{Need, NeededBy, Status};
use serde_json::json;

use super::app::{App, Exit};
use super::ask;
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
    #[arg(value_name = "WHEN", value_parser = when)]
    by: Option<NeededBy>,
    #[arg(long, value_name = "N")]
    adults: Option<u64>,
    #[arg(long, value_name = "N")]
    children: Option<u64>,
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
    let known = text.parse::<NeededBy>().ok().filter(|known| *known != NeededBy::Date);
    known.ok_or_else(|| "tonight, 48h or 7d".to_owned())
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
    let (by, adults, children) = party(app, asked)?;
    let (id, line) = driver.transact(|ctx| {
        let line = engine::own_line(ctx, asked.line.as_deref())?;
        let status = if asked.drill { Status::Exercise } else { Status::Actual };
        let id = engine::ask_for_shelter(ctx, &line, status, |consent| ShelterRequest {
            adults,
            children,
            needs: asked.needs.clone(),
            area_ok: asked.area_ok.clone(),
            area_avoid: asked.area_avoid.clone(),
            note,
            ..ShelterRequest::new(by.clone(), consent)
        })?;
        Ok((id, line.name))
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "id": id.to_hex(), "line": line, "state": state(sent) }))?;
    app.say(Text::ShelterAsked, &[])?;
    app.say(Text::CaseId, &[("id", Arg::machine(&id.short()))])?;
    app.exit(&mut driver, sent)
}

/// How soon, how many adults and how many children. Without a word about how soon, a person at a terminal is asked; what is
/// asked is what finding a place takes, and nothing about who they are.
fn party(app: &mut App, asked: &Shelter) -> Result<(NeededBy, u64, u64), CliError> {
    let said = (asked.adults.unwrap_or(1), asked.children.unwrap_or(0));
    let (None, true) = (&asked.by, app.asks()) else {
        return Ok((asked.by.clone().unwrap_or(NeededBy::Tonight), said.0, said.1));
    };
    ask::begin(app)?;
    let times = [
        (Text::AskTonight, NeededBy::Tonight),
        (Text::AskTwoDays, NeededBy::TwoDays),
        (Text::AskSevenDays, NeededBy::Week),
    ];
    let times = times.into_iter().map(|(text, by)| (app.texts.say(text, &[]), by)).collect();
    let by = ask::one_of(app, Text::AskShelterWhen, times)?;
    let adults = match asked.adults {
        Some(adults) => adults,
        None => ask::how_many(app, Text::AskAdults, 1)?,
    };
    let children = match asked.children {
        Some(children) => children,
        None => ask::how_many(app, Text::AskChildren, 0)?,
    };
    Ok((by, adults, children))
}
