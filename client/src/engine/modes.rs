//! How this client reads: everything, or what it wants among decoys, or as much of the former as a daily budget allows; and what
//! that costs, from what was measured.

use himaya_protocol::wire::address::PREFIX_SIZE;
use himaya_protocol::wire::relay::{PICK_CELLS, PICKED_CELL_SIZE, RECORD_SIZE};

use super::circles::DAY;
use super::error::EngineError;
use super::schedule::LISTS_MEAN;
use crate::store::{Ctx, Seconds};

/// How often a watcher that follows the feed sweeps besides, in seconds.
const SWEEP_EVERY: Seconds = 3_600;

const MODE: &str = "receive mode";
const BUDGET: &str = "receive budget";
/// Which day it was when something went over the line last.
const TODAY: &str = "traffic day";
/// What went over the line on that day, in bytes.
const SPENT: &str = "traffic spent";

/// What a connection takes before anything is asked, in bytes, until it is measured.
const CONNECTION: u64 = 4_000;
/// What a request and the head of its answer take, in bytes, until it is measured.
const HEADS: u64 = 500;

/// How often a watcher asks what is new where there is no feed, on the average, in seconds.
const POLL_EVERY: Seconds = 30;
/// What that takes at least, in bytes: a sealed request and a sealed answer of 8,704 each, heads, TLS, a handshake (docs/benchmarks.md).
const POLL: u64 = 22_000;

/// How this client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything that arrives.
    Sweep,
    /// Indexes, and what is wanted among as many decoys.
    Pick,
    /// Everything as long as a budget for the day allows, and then by lists.
    Auto,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Sweep, Self::Pick, Self::Auto];

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Pick => "pick",
            Self::Auto => "auto",
        }
    }

    /// Reads a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// What went over the line for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// How many calls.
    pub calls: u64,
    /// How many cells, prefixes or lists they brought.
    pub units: u64,
    /// Bytes, both ways.
    pub bytes: u64,
}

/// For what something went over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Cells of windows.
    Sweep,
    /// Cells of the feed.
    Feed,
    /// Indexes.
    Index,
    /// Lists of cells.
    Pick,
    /// Everything else.
    Other,
}

impl Purpose {
    fn setting(self) -> &'static str {
        match self {
            Self::Sweep => "traffic sweep",
            Self::Feed => "traffic feed",
            Self::Index => "traffic index",
            Self::Pick => "traffic pick",
            Self::Other => "traffic other",
        }
    }
}

/// What reading takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// A cell, as it arrives.
    cell: u64,
    /// A sweep, beside its cells.
    sweep: u64,
    /// An index, beside its prefixes.
    index: u64,
    /// A list and its answer.
    list: u64,
    /// How often is asked what is new, in seconds.
    every: Seconds,
    /// Whether this client has measured what sweeping takes.
    pub sweep_measured: bool,
    /// Whether it has measured what indexes and lists take.
    pub pick_measured: bool,
}

impl Costs {
    /// The same through a forwarder: there is no feed.
    pub fn without_feed(self) -> Self {
        Self { sweep: self.sweep.max(POLL), every: POLL_EVERY, ..self }
    }

    /// What a day of so many cells takes when everything is read: by the feed, with a sweep an hour, or by asking twice a minute.
    pub fn sweep_day(&self, cells: u64) -> u64 {
        let asked = (DAY / self.every).saturating_mul(self.sweep);
        cells.saturating_mul(self.cell).saturating_add(asked)
    }

    /// What a day of so many cells takes by lists, one each time; or by sweeps, where so little came that all of it is read.
    pub fn pick_day(&self, cells: u64) -> u64 {
        let readings = DAY / LISTS_MEAN;
        let (each, list) = (cells / readings, u64::try_from(PICK_CELLS).unwrap_or(u64::MAX));
        let read = if each < list { each.saturating_mul(self.cell).saturating_add(self.sweep) } else { self.list };
        cells.saturating_mul(prefix()).saturating_add(readings.saturating_mul(self.index.saturating_add(read)))
    }

    /// What a day of so many cells takes with a budget: all is read while that leaves enough for lists, so the budget is kept
    /// unless lists alone take more.
    pub fn auto_day(&self, cells: u64, budget: u64) -> u64 {
        let (sweep, pick) = (self.sweep_day(cells), self.pick_day(cells));
        budget.clamp(pick.min(sweep), sweep.max(pick))
    }
}

fn prefix() -> u64 {
    u64::try_from(PREFIX_SIZE).unwrap_or(u64::MAX)
}

/// How this client reads, and the budget for a day, in bytes.
pub fn mode(ctx: &Ctx<'_>) -> Result<(Mode, Option<u64>), EngineError> {
    let name = ctx.setting(MODE)?.and_then(|name| String::from_utf8(name).ok());
    let mode = name.and_then(|name| Mode::named(&name)).unwrap_or(Mode::Sweep);
    Ok((mode, ctx.number(BUDGET)?))
}

/// Chooses how this client reads.
pub fn set_mode(ctx: &Ctx<'_>, mode: Mode) -> Result<(), EngineError> {
    Ok(ctx.set(MODE, mode.name().as_bytes())?)
}

/// Sets the budget for a day, in bytes.
pub fn set_budget(ctx: &Ctx<'_>, budget: u64) -> Result<(), EngineError> {
    Ok(ctx.set_number(BUDGET, budget)?)
}

/// Whether everything may be read when `cells` have come: always, never, or while the budget then still pays for lists until the
/// day is over.
pub fn may_sweep(ctx: &Ctx<'_>, cells: u64) -> Result<bool, EngineError> {
    let (Mode::Auto, budget) = mode(ctx)? else { return Ok(mode(ctx)?.0 == Mode::Sweep) };
    let costs = costs(ctx)?;
    let lists = (DAY - ctx.now % DAY).div_ceil(LISTS_MEAN).saturating_mul(costs.index.saturating_add(costs.list));
    let now = cells.saturating_mul(costs.cell).saturating_add(costs.sweep);
    let spent = spent_today(ctx)?.saturating_add(now).saturating_add(lists);
    Ok(budget.is_none_or(|budget| spent <= budget))
}

/// Notes what went over the line.
pub fn note_traffic(ctx: &Ctx<'_>, traffic: &[(Purpose, Flow)]) -> Result<(), EngineError> {
    let mut spent = spent_today(ctx)?;
    for (purpose, more) in traffic.iter().filter(|(_, more)| *more != Flow::default()) {
        let Flow { calls, units, bytes } = flow(ctx, *purpose)?;
        let sum =
            [calls.saturating_add(more.calls), units.saturating_add(more.units), bytes.saturating_add(more.bytes)];
        ctx.set(purpose.setting(), sum.map(u64::to_be_bytes).as_flattened())?;
        spent = spent.saturating_add(more.bytes);
    }
    ctx.set_number(TODAY, ctx.now / DAY)?;
    Ok(ctx.set_number(SPENT, spent)?)
}

/// What has gone over the line since the day began (UTC), in bytes.
pub fn spent_today(ctx: &Ctx<'_>) -> Result<u64, EngineError> {
    let today = ctx.number(TODAY)? == Some(ctx.now / DAY);
    Ok(if today { ctx.number(SPENT)?.unwrap_or_default() } else { 0 })
}

fn flow(ctx: &Ctx<'_>, purpose: Purpose) -> Result<Flow, EngineError> {
    let stored = ctx.setting(purpose.setting())?.unwrap_or_default();
    let mut numbers = stored.as_chunks::<8>().0.iter().map(|number| u64::from_be_bytes(*number));
    let mut next = || numbers.next().unwrap_or_default();
    Ok(Flow { calls: next(), units: next(), bytes: next() })
}

/// What reading takes: from what this client measured, and from the sizes of the format where it has measured nothing.
pub fn costs(ctx: &Ctx<'_>) -> Result<Costs, EngineError> {
    let of = |purpose| flow(ctx, purpose);
    let (sweep, feed, index, pick) = (of(Purpose::Sweep)?, of(Purpose::Feed)?, of(Purpose::Index)?, of(Purpose::Pick)?);
    let size = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    // What its units are is known; the rest of a flow is what its calls take.
    let beside = |flow: Flow, unit: u64| {
        let rest = flow.bytes.saturating_sub(flow.units.saturating_mul(unit));
        rest.checked_div(flow.calls)
    };
    let record = size(RECORD_SIZE);
    let list = size(PICK_CELLS).saturating_mul(size(PICKED_CELL_SIZE) + prefix());
    Ok(Costs {
        cell: feed.bytes.checked_div(feed.units).unwrap_or(record),
        sweep: beside(sweep, record).unwrap_or(HEADS),
        index: beside(index, prefix()).unwrap_or(CONNECTION + HEADS),
        list: pick.bytes.checked_div(pick.calls).unwrap_or(list + CONNECTION + HEADS),
        every: SWEEP_EVERY,
        sweep_measured: sweep.calls > 0 || feed.units > 0,
        pick_measured: index.calls > 0 && pick.calls > 0,
    })
}
