//! Reading by indexes and lists, where everything would be too much.
//!
//! An index says what came, eight bytes a cell. From it one list is asked for in every reading, wanted or not; more follow only
//! when more is wanted than fits one. Where a list could hide nothing, all that came is read.

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::relay::{CellList, CurrentHead, Cursor};
use himaya_protocol::wire::{Address, Cell};

use super::read::LIE;
use super::{Driver, DriverError};
use crate::engine::{self, Covers, EngineError, Mode, News, NextPick, TrafficFlow, TrafficPurpose};
use crate::transport::{Flow, Refusal, Transport, TransportError};

/// From where something came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A closed window, of a relay whose oldest window is this.
    Closed { oldest: u32 },
    /// The current window, all of it so far.
    Current,
    /// What came after a cursor.
    Since(Cursor),
}

/// What came.
pub(super) enum Batch {
    /// All of it.
    Cells(Vec<(Address, Cell)>),
    /// What of it is new here, by its prefixes.
    Index(Vec<Prefix>),
}

impl<T: Transport> Driver<T> {
    /// What a closed window holds.
    pub(super) async fn closed(&mut self, window: u32) -> Result<Batch, DriverError> {
        if self.sweeps()? {
            return Ok(Batch::Cells(self.transport.window_cells(window).await?));
        }
        if self.transact(|ctx| engine::has_index(ctx, window))? {
            return Ok(Batch::Index(Vec::new()));
        }
        let index = self.transport.window_index(window).await?;
        if self.may_sweep(index.len())? {
            return Ok(Batch::Cells(self.transport.window_cells(window).await?));
        }
        Ok(Batch::Index(index))
    }

    /// What came in the current window, or after a cursor. `None` when the relay does not know the cursor.
    pub(super) async fn current(&mut self, after: Option<Cursor>) -> Result<Option<(CurrentHead, Batch)>, DriverError> {
        if !self.sweeps()? {
            let Some((head, index)) = self.transport.current_index(after).await? else { return Ok(None) };
            if !self.may_sweep(index.len())? {
                return Ok(Some((head, Batch::Index(index))));
            }
        }
        let cells = self.transport.current_cells(after).await?;
        Ok(cells.map(|(head, cells)| (head, Batch::Cells(cells))))
    }

    /// Takes in what came.
    pub(super) async fn take(&mut self, window: u32, source: Source, batch: Batch) -> Result<Vec<News>, DriverError> {
        let index = match batch {
            Batch::Cells(cells) => return self.take_whole(window, source, cells).await,
            Batch::Index(index) => index,
        };
        let covers = match source {
            Source::Closed { .. } => Covers::Closed,
            Source::Current => Covers::Current,
            Source::Since(_) => Covers::Since,
        };
        self.transact(|ctx| engine::take_index(ctx, window, &index, covers))?;
        let (mut news, mut first) = (Vec::new(), true);
        loop {
            match self.transact(|ctx| engine::next_pick(ctx, window, first))? {
                NextPick::Done => break,
                NextPick::List(list) => news.extend(self.pick(window, &list).await?),
                NextPick::Sweep => {
                    news.extend(self.sweep_instead(window, source).await?);
                    break;
                }
            }
            first = false;
        }
        self.transact(|ctx| engine::index_read(ctx, window))?;
        Ok(news)
    }

    /// Takes in all that came. A closed window that was read whole must be what it was.
    async fn take_whole(
        &mut self,
        window: u32,
        source: Source,
        cells: Vec<(Address, Cell)>,
    ) -> Result<Vec<News>, DriverError> {
        if let Source::Closed { oldest } = source {
            self.transact(|ctx| engine::note_window(ctx, oldest, window, &cells))?;
        }
        self.take_in(window, cells).await
    }

    /// Sends the list again that was not answered, unless everything is read now.
    pub(super) async fn finish_list(&mut self) -> Result<Vec<News>, DriverError> {
        let Some((window, list)) = self.transact(|ctx| engine::unanswered_list(ctx))? else {
            return Ok(Vec::new());
        };
        if self.sweeps()? {
            self.transact(|ctx| engine::list_answered(ctx))?;
            return Ok(Vec::new());
        }
        self.pick(window, &list).await
    }

    /// Asks for a list that is on the disk. What is not expected there is a decoy, or somebody else's under the same prefix.
    async fn pick(&mut self, window: u32, list: &CellList) -> Result<Vec<News>, DriverError> {
        let picked = self.transport.pick_cells(list).await?;
        let news = self.take_in(window, picked.into_iter().flatten().collect()).await?;
        self.transact(|ctx| engine::list_answered(ctx))?;
        Ok(news)
    }

    async fn sweep_instead(&mut self, window: u32, source: Source) -> Result<Vec<News>, DriverError> {
        let gone = TransportError::Refused(Refusal::Gone);
        let cells = match source {
            Source::Closed { .. } => self.transport.window_cells(window).await?,
            Source::Current => self.transport.current_cells(None).await?.ok_or(gone)?.1,
            Source::Since(cursor) => self.transport.current_cells(Some(cursor)).await?.ok_or(gone)?.1,
        };
        let twice = self.transact(|ctx| engine::told_twice(ctx, window))?;
        let count = |prefix| cells.iter().filter(|(address, _)| address.prefix() == prefix).count();
        let lied = twice.into_iter().any(|prefix| count(prefix) < 2);
        let news = self.take_whole(window, source, cells).await?;
        // Whoever has one sweep by naming a prefix twice that is there once learns that it is wanted.
        if lied { Err(TransportError::Malformed(LIE).into()) } else { Ok(news) }
    }

    /// Whether everything is read, whatever it takes.
    pub(super) fn sweeps(&mut self) -> Result<bool, EngineError> {
        Ok(self.transact(|ctx| engine::mode(ctx))?.0 == Mode::Sweep)
    }

    /// Whether so many cells may all be read.
    pub(super) fn may_sweep(&mut self, cells: usize) -> Result<bool, EngineError> {
        self.note_traffic()?;
        let cells = u64::try_from(cells).unwrap_or(u64::MAX);
        self.transact(|ctx| engine::may_sweep(ctx, cells))
    }

    /// Whether the feed is followed, on which everything comes.
    pub(super) fn listens(&mut self) -> Result<bool, EngineError> {
        Ok(self.transport.has_feed() && self.may_sweep(0)?)
    }

    /// Notes what went over the line.
    pub(super) fn note_traffic(&mut self) -> Result<(), EngineError> {
        let traffic = self.transport.traffic();
        if traffic.bytes() == 0 {
            return Ok(());
        }
        let flow = |Flow { calls, units, bytes }: Flow| TrafficFlow { calls, units, bytes };
        let flows = [
            (TrafficPurpose::Sweep, flow(traffic.sweep)),
            (TrafficPurpose::Feed, flow(traffic.feed)),
            (TrafficPurpose::Index, flow(traffic.index)),
            (TrafficPurpose::Pick, flow(traffic.pick)),
            (TrafficPurpose::Other, flow(traffic.other)),
        ];
        self.transact(|ctx| engine::note_traffic(ctx, &flows))
    }
}
