//! `himaya shelter`: bring a request and an offer together, and say yes or no to it.

use himaya_protocol::case::shelter::Misfit;
use himaya_protocol::content::Body;
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::Text as Words;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{self, state};
use super::render;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Search {
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    Propose {
        #[arg(value_name = "REQUEST")]
        request: String,
        #[arg(value_name = "OFFER")]
        offer: String,
        #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=48))]
        hold: Option<u64>,
    },
    List,
    Yes {
        #[arg(value_name = "MATCH")]
        id: String,
    },
    No {
        #[arg(value_name = "MATCH")]
        id: String,
    },
    Pass {
        #[arg(value_name = "MATCH")]
        id: String,
    },
    Handover {
        #[arg(value_name = "CASE")]
        case: String,
        #[arg(value_name = "TEXT")]
        text: String,
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=24))]
        hours: u64,
    },
    Note {
        #[arg(value_name = "CASE")]
        case: String,
    },
    Leave {
        #[arg(value_name = "CASE")]
        case: String,
    },
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Search { request } => search(app, &request).await,
        Command::Propose { request, offer, hold } => propose(app, &request, &offer, hold).await,
        Command::List => list(app).await,
        Command::Yes { id } => answer(app, &id, true).await,
        Command::No { id } => answer(app, &id, false).await,
        Command::Pass { id } => pass(app, &id).await,
        Command::Handover { case, text, hours } => handover(app, &case, &text, hours).await,
        Command::Note { case } => note(app, &case).await,
        Command::Leave { case } => leave(app, &case).await,
    }
}

async fn search(app: &mut App, request: &str) -> Result<Exit, CliError> {
    let prefix: IdPrefix = request.parse()?;
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let found = driver.transact(|ctx| {
        let request = engine::entry(ctx, &prefix)?.event.id();
        engine::search(ctx, &request)
    })?;
    if found.is_empty() {
        app.say(Text::OffersNone, &[])?;
    }
    for (id, place, against) in &found {
        app.object(&output::offer(id, place.free, &place.offer, Some(against)))?;
        if app.json() {
            continue;
        }
        render::offer(app, id, place.free, &place.offer)?;
        if against.is_empty() {
            render::detail(app, Text::OfferFits, &[])?;
        }
        for misfit in against {
            match misfit {
                Misfit::Full => render::detail(app, Text::MisfitFull, &[])?,
                Misfit::Time => render::detail(app, Text::MisfitTime, &[])?,
                Misfit::Area => render::detail(app, Text::MisfitArea, &[])?,
                Misfit::Lacks(need) => {
                    let need = app.texts.word(need);
                    render::detail(app, Text::OfferMisfit, &[("what", Arg::ours(&need))])?;
                }
            }
        }
    }
    app.exit(&mut driver, true)
}

async fn propose(app: &mut App, request: &str, offer: &str, hold: Option<u64>) -> Result<Exit, CliError> {
    let (request, offer): (IdPrefix, IdPrefix) = (request.parse()?, offer.parse()?);
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let id = driver.transact(|ctx| {
        let request = engine::entry(ctx, &request)?.event.id();
        let offer = engine::entry(ctx, &offer)?.event.id();
        engine::propose(ctx, &request, &offer, hold)
    })?;
    said(app, &mut driver, &id, Text::MatchProposed).await
}

async fn said(
    app: &mut App,
    driver: &mut crate::driver::Driver<crate::transport::https::Https>,
    id: &himaya_protocol::content::EventId,
    text: Text,
) -> Result<Exit, CliError> {
    let sent = app.send(driver).await?;
    app.object(&json!({ "id": id.to_hex(), "state": state(sent) }))?;
    app.say(text, &[])?;
    app.exit(driver, sent)
}

/// What was said of matches, newest last: what waits for an answer is what the other side said last.
async fn list(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let mut log = driver.transact(|ctx| engine::log(ctx))?;
    // What came together was read in any order; an answer counts higher than what it answers.
    log.sort_by_key(|entry| entry.event.content().lamport);
    let mut any = false;
    for entry in &log {
        let Body::Match(matched) = entry.event.body() else { continue };
        any = true;
        app.object(&output::matched(entry, matched))?;
        if !app.json() {
            let status = app.texts.word(&matched.state);
            render::gap(app)?;
            app.say(Text::MatchLine, &[("status", Arg::ours(&status))])?;
            let place = entry.circle_name.clone().unwrap_or_default();
            render::detail(app, Text::CaseWhere, &[("circle", Arg::theirs(&place))])?;
            app.screen().machine(&entry.event.id().short())?;
        }
    }
    if !any {
        app.say(Text::MatchesNone, &[])?;
    }
    app.exit(&mut driver, true)
}

async fn answer(app: &mut App, id: &str, yes: bool) -> Result<Exit, CliError> {
    let prefix: IdPrefix = id.parse()?;
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let id = driver.transact(|ctx| {
        let of = engine::entry(ctx, &prefix)?.event.id();
        engine::answer_match(ctx, &of, yes)
    })?;
    said(app, &mut driver, &id, if yes { Text::MatchYesSaid } else { Text::MatchNoSaid }).await
}

async fn pass(app: &mut App, id: &str) -> Result<Exit, CliError> {
    let prefix: IdPrefix = id.parse()?;
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let id = driver.transact(|ctx| {
        let of = engine::entry(ctx, &prefix)?.event.id();
        engine::carry(ctx, &of)
    })?;
    said(app, &mut driver, &id, Text::MatchCarried).await
}

async fn handover(app: &mut App, case: &str, text: &str, hours: u64) -> Result<Exit, CliError> {
    let text = Words::<300>::new(text)?;
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let id = driver.transact(|ctx| {
        let case = engine::pick_case(ctx, case)?;
        engine::hand_over(ctx, &case, text, hours)
    })?;
    said(app, &mut driver, &id, Text::NoteWritten).await
}

/// Shows notes and destroys them in the same transaction: after this nobody reads them on this device.
async fn note(app: &mut App, case: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let notes = driver.transact(|ctx| {
        let case = engine::pick_case(ctx, case)?;
        engine::take_notes(ctx, &case)
    })?;
    if notes.is_empty() {
        app.say(Text::NotesNone, &[])?;
    }
    for entry in &notes {
        let Body::HandoverNote(note) = entry.event.body() else { continue };
        app.object(&json!({ "author": entry.author_name, "text": note.text.raw() }))?;
        if !app.json() {
            app.screen().quote(note.text.raw())?;
            app.say(Text::NoteOnce, &[])?;
        }
    }
    app.exit(&mut driver, true)
}

async fn leave(app: &mut App, case: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let id = driver.transact(|ctx| {
        let case = engine::pick_case(ctx, case)?;
        engine::depart(ctx, &case)
    })?;
    said(app, &mut driver, &id, Text::ShelterLeft).await
}
