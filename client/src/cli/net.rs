//! `himaya net`: how this device reaches the relay.

use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use crate::engine::{self, COVER_MEAN_MOST, EngineError};
use crate::store::{Ctx, Seconds, StoreError};
use crate::text::{Arg, Text};
use crate::transport::route::ProxyAddress;

/// The setting that holds the proxy.
const PROXY: &str = "proxy";
/// The shortest mean that can be asked for: below it the stock of tokens does not last a day, in seconds.
const COVER_MEAN_LEAST: Seconds = 60;
/// What is given instead of a proxy or a mean when there shall be none.
const OFF: &str = "off";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "PROXY")]
    proxy: Option<String>,
    #[arg(long, value_name = "SECONDS", value_parser = cover)]
    cover: Option<Seconds>,
}

/// Seconds, or `off`.
fn cover(text: &str) -> Result<Seconds, String> {
    let expected = format!("{OFF}, or {COVER_MEAN_LEAST} to {COVER_MEAN_MOST}");
    match text {
        OFF => Ok(0),
        seconds => {
            let seconds = seconds.parse().ok().filter(|seconds| (COVER_MEAN_LEAST..=COVER_MEAN_MOST).contains(seconds));
            seconds.ok_or(expected)
        }
    }
}

pub(super) fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    // Before the passphrase is asked for.
    let wanted = match arguments.proxy.as_deref() {
        None => None,
        Some(OFF) => Some(None),
        Some(proxy) => Some(Some(proxy.parse::<ProxyAddress>()?)),
    };
    let mut profile = app.open_profile()?;
    let (proxy, onion, cover) = app.transact(&mut profile, |ctx| {
        if let Some(wanted) = &wanted {
            set_proxy(ctx, wanted.as_ref())?;
        }
        if let Some(mean) = arguments.cover {
            engine::set_cover_mean(ctx, mean)?;
        }
        Ok((proxy(ctx)?, engine::identity(ctx)?.relay.is_onion(), engine::cover_mean(ctx)?))
    })?;
    let address = proxy.as_ref().map(ToString::to_string);
    app.object(&json!({ "proxy": address, "onion": onion, "cover": cover }))?;
    match &address {
        Some(address) => app.say(Text::NetProxy, &[("proxy", Arg::machine(address))])?,
        None if onion => app.say(Text::RelayOnion, &[])?,
        None => app.say(Text::NetDirect, &[])?,
    }
    match cover {
        0 => app.say(Text::NetCoverOff, &[])?,
        seconds => app.say(Text::NetCover, &[("seconds", seconds.into())])?,
    }
    Ok(Exit::Done)
}

/// The proxy through which everything goes, if there is one. What cannot be read is an error: nothing leaves without it.
pub(super) fn proxy(ctx: &Ctx<'_>) -> Result<Option<ProxyAddress>, EngineError> {
    let stored = ctx.setting(PROXY)?;
    let read = |bytes: Vec<u8>| String::from_utf8(bytes).ok()?.parse().ok();
    stored.map(|bytes| read(bytes).ok_or(StoreError::Damaged("proxy").into())).transpose()
}

/// Has everything go through a proxy from now on, or nothing.
pub(super) fn set_proxy(ctx: &Ctx<'_>, proxy: Option<&ProxyAddress>) -> Result<(), EngineError> {
    match proxy {
        Some(proxy) => ctx.set(PROXY, proxy.to_string().as_bytes())?,
        None => {
            ctx.execute("DELETE FROM setting WHERE name = ?1", &[&PROXY])?;
        }
    }
    Ok(())
}
