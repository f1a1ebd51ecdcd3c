//! Reading: sweep what arrived, keep what is expected.

use std::collections::BTreeMap;

use himaya_protocol::wire::relay::{Descriptor, LayoutError};
use himaya_protocol::wire::{Address, Cell};

use super::pick::Source;
use super::{Driver, DriverError, Position};
use crate::engine::{self, Fetched, News, Received, Turn};
use crate::transport::{Refusal, Transport, TransportError};

/// What a relay is told that answers with what cannot be.
pub(super) const LIE: LayoutError = LayoutError("what was put there");

/// How often reading may have to go on from elsewhere: windows turn and other processes read too, but more than this
/// is a relay that never lets us finish.
const TURNS_MOST: u32 = 16;

impl<T: Transport> Driver<T> {
    /// Reads everything that arrived since the last time.
    pub(super) async fn read_all(&mut self) -> Result<Vec<News>, DriverError> {
        let mut news = self.retry_held().await?;
        let read = self.read_and_go_back(&mut news).await;
        self.note_traffic()?;
        read.map(|()| news)
    }

    async fn read_and_go_back(&mut self, news: &mut Vec<News>) -> Result<(), DriverError> {
        news.extend(self.finish_list().await?);
        self.read_to_end(news).await?;
        while self.go_back(news).await? {
            self.read_to_end(news).await?;
        }
        Ok(())
    }

    /// What made other cells expected that were passed over makes them worth reading again.
    async fn go_back(&mut self, news: &mut Vec<News>) -> Result<bool, DriverError> {
        if self.transact(|ctx| engine::unread_from(ctx, 1))?.is_none() {
            return Ok(false);
        }
        let relay = self.transport.descriptor().await?;
        let stored = self.position(&relay)?.window;
        news.extend(self.transact(|ctx| {
            let first = engine::unread_from(ctx, relay.window_seconds)?.unwrap_or(stored);
            let window = first.min(stored).max(relay.oldest_window);
            Position { window, cursor: None }.store(ctx)?;
            engine::look_again(ctx, window, relay.oldest_window)?;
            engine::read_again(ctx, relay.oldest_window, relay.window_seconds)
        })?);
        Ok(true)
    }

    async fn read_to_end(&mut self, news: &mut Vec<News>) -> Result<(), DriverError> {
        // A window may turn while we read; the one that has just closed is then read whole.
        for _ in 0..TURNS_MOST {
            if self.read_on(news).await? {
                self.transact(|ctx| engine::drop_doomed(ctx))?;
                return Ok(());
            }
        }
        Err(TransportError::Malformed(LIE).into())
    }

    /// Reads from the stored position to the end; `false` when the window turned or another process moved it meanwhile.
    async fn read_on(&mut self, news: &mut Vec<News>) -> Result<bool, DriverError> {
        let mut at = self.stored_position()?;
        if let Some(relay) = self.known_relay(at) {
            let read = self.read_since(&relay, &mut at, news).await?;
            if let Some(read) = read {
                return Ok(read);
            }
        }
        let relay = self.look_at_relay().await?;
        self.transact(|ctx| engine::forget_indexes(ctx, relay.oldest_window))?;
        let mut position = self.position(&relay)?;
        if at.is_some_and(|at| at.window > relay.current_window) {
            news.extend(self.transact(|ctx| engine::missed_windows(ctx, relay.oldest_window))?);
        }
        if let Some(read) = self.read_since(&relay, &mut at, news).await? {
            return Ok(read);
        }
        if position.window < relay.oldest_window {
            position = Position { window: relay.oldest_window, cursor: None };
            news.extend(self.transact(|ctx| engine::missed_windows(ctx, relay.oldest_window))?);
        }
        for window in position.window..relay.current_window {
            match self.take_closed(relay.oldest_window, window).await {
                Ok(more) => news.extend(more),
                // It went while we read the ones before it.
                Err(DriverError::Transport(TransportError::Refused(Refusal::NotFound | Refusal::Gone))) => {
                    news.extend(self.transact(|ctx| engine::missed_windows(ctx, window + 1))?);
                }
                Err(error) => return Err(error),
            }
            if !self.advance(&mut at, Position { window: window + 1, cursor: None })? {
                return Ok(false);
            }
        }
        let Some((head, batch)) = self.current(None).await? else {
            return Err(TransportError::Malformed(LIE).into());
        };
        if head.window < relay.current_window {
            return Err(TransportError::Malformed(LIE).into());
        }
        if head.window > relay.current_window {
            return Ok(false);
        }
        news.extend(self.take(head.window, Source::Current, batch).await?);
        self.advance(&mut at, Position { window: head.window, cursor: Some(head.cursor) })
    }

    /// Reads from a cursor to the end, if there is one and the relay still knows it; whether the position is where it was left.
    ///
    /// The cursor says by itself that nothing was missed. What it leads to may lie in the window that was stored or in later
    /// ones.
    async fn read_since(
        &mut self,
        relay: &Descriptor,
        at: &mut Option<Position>,
        news: &mut Vec<News>,
    ) -> Result<Option<bool>, DriverError> {
        let Position { window, cursor: Some(cursor) } = self.position(relay)? else { return Ok(None) };
        let Some((head, batch)) = self.current(Some(cursor)).await? else { return Ok(None) };
        if head.window.saturating_sub(1) > relay.current_window {
            return Err(TransportError::Malformed(LIE).into());
        }
        news.extend(self.take(window, Source::Since(cursor), batch).await?);
        self.advance(at, Position { window: head.window, cursor: Some(head.cursor) }).map(Some)
    }

    async fn take_closed(&mut self, oldest: u32, window: u32) -> Result<Vec<News>, DriverError> {
        let batch = self.closed(window).await?;
        self.take(window, Source::Closed { oldest }, batch).await
    }

    /// Cells that were held may be usable now.
    pub(super) async fn retry_held(&mut self) -> Result<Vec<News>, DriverError> {
        let mut news = Vec::new();
        for (window, address, cell) in self.transact(engine::retry_held)? {
            news.extend(self.hand_in(window, &address, &cell).await?.unwrap_or_default());
        }
        Ok(news)
    }

    /// Takes in a batch of cells in any order: a commit in it may be what makes others expected, or what ends them.
    pub(super) async fn take_in(&mut self, window: u32, cells: Vec<(Address, Cell)>) -> Result<Vec<News>, DriverError> {
        let mut news = Vec::new();
        let mut rest = cells;
        self.transact(|ctx| engine::note_seen(ctx, rest.iter().map(|(address, _)| address)))?;
        loop {
            let turns: BTreeMap<Address, Turn> = self.transact(|ctx| {
                let mut turns = BTreeMap::new();
                for (address, _) in &rest {
                    turns.extend(engine::turn(ctx, address)?.map(|turn| (*address, turn)));
                }
                Ok(turns)
            })?;
            let before = rest.len();
            for turn in Turn::ALL {
                let mut kept = Vec::new();
                for (address, cell) in rest {
                    let its_turn = turns.get(&address) == Some(&turn);
                    match if its_turn { self.hand_in(window, &address, &cell).await? } else { None } {
                        Some(more) => news.extend(more),
                        None => kept.push((address, cell)),
                    }
                }
                rest = kept;
                // Everything that can be read in this turn is read before the next one ends its lanes.
                if rest.len() < before {
                    break;
                }
            }
            if rest.len() == before {
                return Ok(news);
            }
        }
    }

    /// Hands one cell in, fetching the chunks it names. `None` when it changed nothing.
    pub(super) async fn hand_in(
        &mut self,
        window: u32,
        address: &Address,
        cell: &Cell,
    ) -> Result<Option<Vec<News>>, DriverError> {
        let mut fetched = Fetched::new();
        loop {
            match self.transact(|ctx| engine::receive(ctx, window, address, cell, &fetched))? {
                Received::Ignored | Received::Held => return Ok(None),
                Received::Void => return Ok(Some(Vec::new())),
                Received::Used(news) => return Ok(Some(news)),
                Received::Needs(addresses) => {
                    let chunks = self.transport.pick_chunks(&addresses).await?;
                    if chunks.len() != addresses.len() {
                        return Err(TransportError::Malformed(LIE).into());
                    }
                    fetched.extend(addresses.into_iter().zip(chunks));
                }
            }
        }
    }

    /// Where reading goes on; at first, one window before the profile was made.
    pub(super) fn position(&mut self, relay: &Descriptor) -> Result<Position, DriverError> {
        let stored = self.transact(|ctx| Ok((Position::load(ctx)?, ctx.number("founded")?)))?;
        let (position, founded) = stored;
        let first = founded.unwrap_or_default() / u64::from(relay.window_seconds);
        let first = u32::try_from(first).unwrap_or(u32::MAX).saturating_sub(1);
        Ok(match position {
            Some(position) if position.window <= relay.current_window => position,
            // The relay's clock went back behind what was read, or it is a new relay: read everything.
            Some(_) => Position { window: relay.oldest_window, cursor: None },
            None => Position { window: first.clamp(relay.oldest_window, relay.current_window), cursor: None },
        })
    }

    /// Moves the reading position on from where this process last knew it to be. `false` when another process has moved
    /// it since, perhaps back because something has to be read again: then reading goes on from there.
    pub(super) fn advance(&mut self, at: &mut Option<Position>, to: Position) -> Result<bool, DriverError> {
        let from = *at;
        let (moved, now) = self.transact(|ctx| {
            let stored = Position::load(ctx)?;
            if stored == from {
                to.store(ctx)?;
                return Ok((true, Some(to)));
            }
            Ok((false, stored))
        })?;
        *at = now;
        Ok(moved)
    }

    /// The stored reading position; `None` before anything was read.
    pub(super) fn stored_position(&mut self) -> Result<Option<Position>, DriverError> {
        Ok(self.transact(|ctx| Ok(Position::load(ctx)?))?)
    }

    /// The window that reading has reached.
    pub(super) fn window(&mut self) -> Result<u32, DriverError> {
        Ok(self.stored_position()?.map_or(0, |position| position.window))
    }
}
