//! `himaya net`: how this device reaches the relay.

use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use crate::engine::EngineError;
use crate::store::{Ctx, StoreError};
use crate::text::{Arg, Text};
use crate::transport::route::ProxyAddress;

/// The setting that holds the proxy.
const PROXY: &str = "proxy";
/// What is given instead of a proxy when there shall be none.
const OFF: &str = "off";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "PROXY")]
    proxy: Option<String>,
}

pub(super) fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    // Before the passphrase is asked for.
    let wanted = match arguments.proxy.as_deref() {
        None => None,
        Some(OFF) => Some(None),
        Some(proxy) => Some(Some(proxy.parse::<ProxyAddress>()?)),
    };
    let mut profile = app.open_profile()?;
    let (proxy, onion) = app.transact(&mut profile, |ctx| {
        if let Some(wanted) = &wanted {
            set_proxy(ctx, wanted.as_ref())?;
        }
        Ok((proxy(ctx)?, crate::engine::identity(ctx)?.relay.is_onion()))
    })?;
    let address = proxy.as_ref().map(ToString::to_string);
    app.object(&json!({ "proxy": address, "onion": onion }))?;
    match &address {
        Some(address) => app.say(Text::NetProxy, &[("proxy", Arg::machine(address))])?,
        None if onion => app.say(Text::RelayOnion, &[])?,
        None => app.say(Text::NetDirect, &[])?,
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
