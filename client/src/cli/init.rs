//! `himaya init`: make a profile.

use himaya_protocol::wire::card::Card;
use himaya_protocol::wire::invite::Kit;
use himaya_protocol::wire::link::{ForwardLink, RelayLink};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{hex, state};
use super::{card, net};
use crate::driver::Driver;
use crate::engine;
use crate::text::{Arg, Explain, Text};
use crate::transport::https::Https;
use crate::transport::route::ProxyAddress;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "LINK", required_unless_present = "kit", conflicts_with = "kit")]
    relay: Option<String>,
    #[arg(long, value_name = "KIT")]
    kit: Option<String>,
    #[arg(long, value_name = "NAME")]
    name: String,
    #[arg(long, value_name = "PROXY")]
    proxy: Option<String>,
    #[arg(long, value_name = "FORWARDER")]
    via: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let kit: Option<Kit> = arguments.kit.as_deref().map(str::parse).transpose()?;
    let relay: RelayLink = match &kit {
        Some(kit) => kit.card.relay.clone(),
        None => arguments.relay.as_deref().unwrap_or_default().parse()?,
    };
    let proxy: Option<ProxyAddress> = arguments.proxy.as_deref().map(str::parse).transpose()?;
    let via = arguments.via.as_deref().map(str::parse::<ForwardLink>).transpose().map_err(CliError::Forward)?;
    // Before anything is made on the disk.
    engine::valid_name(&arguments.name)?;
    let (identity, mut driver) = app.create(|ctx| {
        let identity = engine::found(ctx, &arguments.name, &relay)?;
        net::set_proxy(ctx, proxy.as_ref())?;
        net::set_via(ctx, via.as_ref())?;
        if let Some(kit) = &kit {
            engine::add_invite(ctx, &kit.invite())?;
        }
        Ok(identity)
    })?;
    app.say(Text::InitDone, &[("name", Arg::theirs(&identity.name))])?;
    app.say(Text::InitRemember, &[])?;
    let (request, exit) = match &kit {
        None => ("none", Exit::Done),
        Some(kit) => match ask(app, &mut driver, &kit.card).await? {
            Some(sent) => (state(sent), if sent { Exit::Done } else { Exit::Queued }),
            None => ("open", Exit::Queued),
        },
    };
    app.object(&json!({
        "name": identity.name, "fingerprint": hex(&identity.fingerprint), "relay": identity.relay.to_string(),
        "request": request,
    }))?;
    if kit.is_none() {
        app.say(Text::InitNext, &[])?;
    }
    Ok(exit)
}

/// Asks whoever made the kit; whether the relay has the request. `None` when it could not be made: the profile is there, and
/// the card is good for another try.
async fn ask(app: &mut App, driver: &mut Driver<Https>, of: &Card) -> Result<Option<bool>, CliError> {
    let made = if app.offline() { Err(CliError::NeedsRelay) } else { card::ask(app, driver, of, None, false).await };
    match made {
        Ok(Some(sent)) => {
            card::asked(app, sent)?;
            Ok(Some(sent))
        }
        // Sending has told people already.
        Ok(None) => Ok(None),
        // Another try would end the same.
        Err(error @ CliError::CardUsed) => {
            let said = error.explain(&app.texts);
            app.note(&said)?;
            Ok(None)
        }
        Err(error) => {
            let said = error.explain(&app.texts);
            app.note(&said)?;
            app.say(Text::InitKitLater, &[])?;
            if !app.json() {
                app.screen().machine(&of.to_string())?;
            }
            Ok(None)
        }
    }
}
