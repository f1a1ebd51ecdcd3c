//! `himaya net`: how this device reaches the relay, how it reads, and what that takes.

use std::str::FromStr;

use himaya_protocol::wire::link::ForwardLink;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use crate::engine::{self, COVER_MEAN_MOST, Costs, EngineError, Mode};
use crate::store::{Ctx, Seconds, StoreError};
use crate::text::{Arg, Text};
use crate::transport::route::ProxyAddress;

/// The setting that holds the proxy.
const PROXY: &str = "proxy";
/// The setting that holds the forwarder.
const VIA: &str = "via";
/// The shortest mean that can be asked for: below it the stock of tokens does not last a day, in seconds.
const COVER_MEAN_LEAST: Seconds = 60;
/// The busy days that a person is told the traffic of, in cells.
const DAYS: [u64; 3] = [200, 1_600, 10_000];
/// The budgets that can be set, in megabytes a day.
const BUDGETS: std::ops::RangeInclusive<u64> = 1..=100_000;
const MEGABYTE: u64 = 1_000_000;
/// What is given instead of a proxy or a mean when there shall be none.
const OFF: &str = "off";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "PROXY")]
    proxy: Option<String>,
    #[arg(long, value_name = "FORWARDER")]
    via: Option<String>,
    #[arg(long, value_name = "SECONDS", value_parser = cover)]
    cover: Option<Seconds>,
    #[arg(long, value_name = "sweep|pick|auto", value_parser = mode, requires_if("auto", "budget"))]
    mode: Option<Mode>,
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(BUDGETS), requires = "mode")]
    budget: Option<u64>,
}

fn mode(name: &str) -> Result<Mode, String> {
    Mode::named(name).ok_or_else(|| "sweep, pick or auto".to_owned())
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
    let forwarder = match arguments.via.as_deref() {
        None => None,
        Some(OFF) => Some(None),
        Some(link) => Some(Some(link.parse::<ForwardLink>().map_err(CliError::Forward)?)),
    };
    let mut profile = app.open_profile()?;
    let Shown { proxy, via, onion, cover, mode, budget, today, costs } = app.transact(&mut profile, |ctx| {
        if let Some(wanted) = &wanted {
            set_proxy(ctx, wanted.as_ref())?;
        }
        if let Some(forwarder) = &forwarder {
            set_via(ctx, forwarder.as_ref())?;
        }
        if let Some(mean) = arguments.cover {
            engine::set_cover_mean(ctx, mean)?;
        }
        if let Some(mode) = arguments.mode {
            engine::set_mode(ctx, mode)?;
        }
        if let Some(budget) = arguments.budget {
            engine::set_budget(ctx, budget.saturating_mul(MEGABYTE))?;
        }
        let (mode, budget) = engine::mode(ctx)?;
        let via = via(ctx)?;
        let costs = engine::costs(ctx)?;
        Ok(Shown {
            proxy: proxy(ctx)?,
            // What has to be reached from here.
            onion: via.as_ref().map_or(engine::identity(ctx)?.relay.is_onion(), ForwardLink::is_onion),
            costs: if via.is_some() { costs.without_feed() } else { costs },
            via,
            cover: engine::cover_mean(ctx)?,
            mode,
            budget: budget.filter(|_| mode == Mode::Auto),
            today: engine::spent_today(ctx)?,
        })
    })?;
    let address = proxy.as_ref().map(ToString::to_string);
    let via = via.as_ref().map(ToString::to_string);
    let days: Vec<_> = DAYS.iter().map(|cells| Day::of(&costs, *cells, budget)).collect();
    app.object(&json!({
        "proxy": address, "via": via, "onion": onion, "cover": cover, "mode": mode.name(), "budget": budget, "today": today,
        "days": days, "sweep_measured": costs.sweep_measured, "pick_measured": costs.pick_measured,
    }))?;
    match &address {
        Some(address) => app.say(Text::NetProxy, &[("proxy", Arg::machine(address))])?,
        None if onion => app.say(Text::RelayOnion, &[])?,
        None if via.is_some() => {}
        None => app.say(Text::NetDirect, &[])?,
    }
    if let Some(via) = &via {
        app.say(Text::NetVia, &[("via", Arg::machine(via))])?;
    }
    match cover {
        0 => app.say(Text::NetCoverOff, &[])?,
        seconds => app.say(Text::NetCover, &[("seconds", seconds.into())])?,
    }
    match (mode, budget) {
        (Mode::Auto, Some(budget)) => app.say(Text::NetAuto, &[("budget", Arg::ours(&megabytes(budget)))])?,
        (Mode::Pick, _) => app.say(Text::NetPick, &[])?,
        (Mode::Sweep | Mode::Auto, _) => app.say(Text::NetSweep, &[])?,
    }
    app.say(Text::NetToday, &[("today", Arg::ours(&megabytes(today)))])?;
    let measured = |measured| if measured { Text::NetMeasured } else { Text::NetCalculated };
    let (sweep, pick) = (measured(costs.sweep_measured), measured(costs.pick_measured));
    let (sweep, pick) = (app.texts.say(sweep, &[]), app.texts.say(pick, &[]));
    app.say(Text::NetDays, &[("sweep", Arg::ours(&sweep)), ("pick", Arg::ours(&pick))])?;
    for day in days {
        let (sweep, pick) = (megabytes(day.sweep), megabytes(day.pick));
        let said = [("cells", day.cells.into()), ("sweep", Arg::ours(&sweep)), ("pick", Arg::ours(&pick))];
        app.say(Text::NetDay, &said)?;
    }
    Ok(Exit::Done)
}

/// How this device reaches the relay and reads.
struct Shown {
    proxy: Option<ProxyAddress>,
    via: Option<ForwardLink>,
    onion: bool,
    cover: Seconds,
    mode: Mode,
    budget: Option<u64>,
    today: u64,
    costs: Costs,
}

/// What a day takes, in bytes.
#[derive(serde::Serialize)]
struct Day {
    cells: u64,
    sweep: u64,
    pick: u64,
    auto: Option<u64>,
}

impl Day {
    fn of(costs: &Costs, cells: u64, budget: Option<u64>) -> Self {
        let auto = budget.map(|budget| costs.auto_day(cells, budget));
        Self { cells, sweep: costs.sweep_day(cells), pick: costs.pick_day(cells), auto }
    }
}

/// Bytes as megabytes, with one digit after the point.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_add(MEGABYTE / 20) / (MEGABYTE / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The forwarder through which everything goes, if there is one. What cannot be read is an error: nothing goes around it.
pub(super) fn via(ctx: &Ctx<'_>) -> Result<Option<ForwardLink>, EngineError> {
    kept(ctx, VIA, "forwarder")
}

/// Has everything go through a forwarder from now on, or nothing.
pub(super) fn set_via(ctx: &Ctx<'_>, forwarder: Option<&ForwardLink>) -> Result<(), EngineError> {
    keep(ctx, VIA, forwarder)
}

/// The proxy through which everything goes, if there is one. What cannot be read is an error: nothing leaves without it.
pub(super) fn proxy(ctx: &Ctx<'_>) -> Result<Option<ProxyAddress>, EngineError> {
    kept(ctx, PROXY, "proxy")
}

/// Has everything go through a proxy from now on, or nothing.
pub(super) fn set_proxy(ctx: &Ctx<'_>, proxy: Option<&ProxyAddress>) -> Result<(), EngineError> {
    keep(ctx, PROXY, proxy)
}

fn kept<V: FromStr>(ctx: &Ctx<'_>, setting: &str, what: &'static str) -> Result<Option<V>, EngineError> {
    let read = |bytes: Vec<u8>| String::from_utf8(bytes).ok()?.parse().ok();
    ctx.setting(setting)?.map(|bytes| read(bytes).ok_or(StoreError::Damaged(what).into())).transpose()
}

fn keep(ctx: &Ctx<'_>, setting: &str, value: Option<&impl ToString>) -> Result<(), EngineError> {
    match value {
        Some(value) => ctx.set(setting, value.to_string().as_bytes())?,
        None => ctx.unset(setting)?,
    }
    Ok(())
}
