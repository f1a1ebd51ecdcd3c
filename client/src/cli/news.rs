//! What happened, as `watch` and `sync` tell it.

use himaya_protocol::content::Body;
use serde_json::json;

use super::app::App;
use super::error::CliError;
use super::{output, render, suspicions};
use crate::driver::Driver;
use crate::engine::{self, News};
use crate::text::{Arg, Text};
use crate::transport::https::Https;

/// Tells one thing: a few lines for people, or an object for programs.
pub(super) fn tell(app: &mut App, driver: &mut Driver<Https>, news: &News) -> Result<(), CliError> {
    let name_of = |driver: &mut Driver<Https>, id: &[u8]| -> Result<String, CliError> {
        let circles = driver.transact(|ctx| engine::list(ctx))?;
        Ok(circles.into_iter().find(|circle| circle.id == id).map(|circle| circle.name).unwrap_or_default())
    };
    match news {
        News::Event(id) => {
            let entry = driver.transact(|ctx| engine::by_id(ctx, id))?;
            app.object(&json!({ "news": "event", "event": output::entry(&entry) }))?;
            render::arrived(app, driver, &entry)?;
            let alert = matches!(entry.event.body(), Body::ThreatAlert(_)) && !entry.own;
            if alert { app.say(Text::EventAnswerNext, &[]) } else { Ok(()) }
        }
        News::Relayed(id) => app.object(&json!({ "news": "relayed", "id": id.to_hex() })),
        News::Hello { request } => {
            app.object(&json!({ "news": "request", "id": request }))?;
            app.say(Text::StRequests, &[("count", 1usize.into())])
        }
        News::Joined { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "joined", "circle": name }))?;
            app.say(Text::YouJoined, &[("circle", Arg::theirs(&name))])
        }
        News::Removed { circle } | News::Left { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "removed", "circle": name }))?;
            app.say(Text::EventYouRemoved, &[("circle", Arg::theirs(&name))])
        }
        News::OutOfSync { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "out_of_sync", "circle": name }))?;
            app.say(Text::OutOfStep, &[("circle", Arg::theirs(&name))])
        }
        News::Epoch { circle } | News::Rejoin { circle } => {
            let name = name_of(driver, circle)?;
            app.object(&json!({ "news": "circle_changed", "circle": name }))
        }
        News::UpdateNeeded => {
            app.object(&json!({ "news": "update_needed" }))?;
            app.say(Text::EventUpdateNeeded, &[])
        }
        News::RelaySuspect(reason) => {
            let known = driver.transact(|ctx| engine::suspicions(ctx))?;
            app.object(&json!({ "news": "relay_suspect", "reason": reason.word() }))?;
            render::gap(app)?;
            match known.iter().find(|suspicion| suspicion.reason == *reason) {
                Some(suspicion) => suspicions::show(app, std::slice::from_ref(suspicion)),
                None => Ok(()),
            }
        }
    }
}
