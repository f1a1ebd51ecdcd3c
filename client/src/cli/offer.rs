//! `himaya offer`: a host says what place there is. There is no field for where exactly.

use himaya_protocol::content::body::Offer;
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::Place;
use himaya_protocol::content::vocabulary::{Need, OfferState};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{self, state};
use super::{need, render};
use crate::engine::{self, EngineError};
use crate::text::Text;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    New(New),
    List,
    Change(Change),
}

#[derive(Debug, clap::Args)]
pub(super) struct New {
    #[arg(value_name = "REGION", value_parser = need::place)]
    place: Place,
    #[arg(long, value_name = "N", default_value_t = 1)]
    slots: u64,
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=366))]
    days: u64,
    #[arg(long = "has", value_name = "FEATURE", value_parser = need::need)]
    features: Vec<Need>,
    #[arg(long, value_name = "N")]
    max_nights: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Change {
    #[arg(value_name = "OFFER")]
    offer: String,
    #[arg(long, value_name = "N")]
    slots: Option<u64>,
    #[arg(long, value_name = "STATE", value_parser = offer_state)]
    state: Option<OfferState>,
}

fn offer_state(text: &str) -> Result<OfferState, String> {
    text.parse::<OfferState>().map_err(|error| error.to_string())
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::New(new) => make(app, new).await,
        Command::List => list(app).await,
        Command::Change(change) => alter(app, &change).await,
    }
}

async fn make(app: &mut App, new: New) -> Result<Exit, CliError> {
    let from = app.now() / 60;
    let offer = Offer {
        slots: new.slots,
        from,
        until: from + new.days * 1_440,
        place: new.place,
        features: new.features,
        max_nights: new.max_nights,
        notice_h: himaya_protocol::content::body::NOTICE_HOURS,
        state: OfferState::Open,
    };
    let mut driver = app.open()?;
    let ids = driver.transact(|ctx| engine::put_up_offer(ctx, &offer))?;
    let sent = app.send(&mut driver).await?;
    let ids: Vec<String> = ids.iter().map(|id| id.to_hex()).collect();
    app.object(&json!({ "offers": ids, "state": state(sent) }))?;
    app.say(Text::OfferMade, &[])?;
    app.exit(&mut driver, sent)
}

/// A host's own places; on a desk, all that are offered to it.
async fn list(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let offers = driver.transact(|ctx| {
        let own = engine::own_places(ctx)?.into_iter().map(|place| (place.first, place.offer.slots, place.offer));
        let mut offers: Vec<_> = own.collect();
        if offers.is_empty() {
            let places = engine::shelter(ctx)?.places;
            offers.extend(places.into_iter().map(|(id, place)| (id, place.free, place.offer)));
        }
        Ok(offers)
    })?;
    if offers.is_empty() {
        app.say(Text::OffersNone, &[])?;
    }
    for (id, free, offer) in &offers {
        app.object(&output::offer(id, *free, offer, None))?;
        if !app.json() {
            render::offer(app, id, *free, offer)?;
        }
    }
    app.exit(&mut driver, true)
}

async fn alter(app: &mut App, change: &Change) -> Result<Exit, CliError> {
    let prefix: IdPrefix = change.offer.parse()?;
    let mut driver = app.open()?;
    let id = driver.transact(|ctx| {
        let unknown = || EngineError::Unknown { what: "offer", name: prefix.as_str().to_owned() };
        let own = engine::own_places(ctx)?.into_iter().find(|place| prefix.matches(&place.first));
        let first = own.ok_or_else(unknown)?.first;
        engine::change_offer(ctx, &first, |offer| {
            offer.slots = change.slots.unwrap_or(offer.slots);
            offer.state = change.state.clone().unwrap_or_else(|| offer.state.clone());
        })?;
        Ok(first)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "offers": [id.to_hex()], "state": state(sent) }))?;
    app.say(Text::OfferChanged, &[])?;
    app.exit(&mut driver, sent)
}
