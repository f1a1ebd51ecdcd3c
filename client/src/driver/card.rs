//! Finding the key that lies under a card, so that nobody sees which cell it was.

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::card::{Card, CardKind};
use himaya_protocol::wire::lane::{Chain, card_key_slot};
use himaya_protocol::wire::relay::{CurrentHead, Descriptor};
use himaya_protocol::wire::{Address, Cell};

use super::read::LIE;
use super::{Driver, DriverError};
use crate::engine;
use crate::transport::{Refusal, Transport, TransportError};

/// What is looked for.
struct Wanted {
    /// Where the card's key lies.
    key: Address,
    /// Where a hello lies if the card has been used, for one that is used once.
    hello: Option<Address>,
}

/// What one window says.
#[derive(Default)]
struct Found {
    key: Option<Cell>,
    used: bool,
}

impl<T: Transport> Driver<T> {
    /// Finds the key that lies under a card, by reading every cell the relay has, or by indexes and one list.
    ///
    /// Whoever holds a card that was used learns it here, without writing anything and so without a token.
    /// Fails with [`DriverError::CardUsed`] or [`DriverError::NoCardKey`].
    pub async fn card_key(&mut self, card: &Card) -> Result<Vec<u8>, DriverError> {
        let (hello, _) = Chain::card(&card.secret).step();
        let hello = (card.kind == CardKind::Single).then_some(hello.address);
        let wanted = Wanted { key: card_key_slot(&card.secret).address, hello };
        let relay = self.look_at_relay().await?;
        let found = if self.sweeps()? {
            self.sweep_for(&relay, &wanted).await?
        } else {
            self.pick_for(&relay, &wanted).await?
        };
        if found.used {
            return Err(DriverError::CardUsed);
        }
        Ok(engine::open_card_key(card, &found.key.ok_or(DriverError::NoCardKey)?)?)
    }

    /// Reads all cells, the newest window first. A hello comes after the key, so it lies where the key does or was read before.
    async fn sweep_for(&mut self, relay: &Descriptor, wanted: &Wanted) -> Result<Found, DriverError> {
        let Some((head, cells)) = self.transport.current_cells(None).await? else {
            return Err(TransportError::Malformed(LIE).into());
        };
        let mut found = Found::default();
        found.look(wanted, cells);
        for window in closed(relay, &head)?.rev() {
            if found.key.is_some() {
                break;
            }
            if let Some(cells) = kept(self.transport.window_cells(window).await)? {
                found.look(wanted, cells);
            }
        }
        Ok(found)
    }

    /// Looks through the indexes, the newest window first, and asks for the key among decoys of its window.
    async fn pick_for(&mut self, relay: &Descriptor, wanted: &Wanted) -> Result<Found, DriverError> {
        let Some((head, mut index)) = self.transport.current_index(None).await? else {
            return Err(TransportError::Malformed(LIE).into());
        };
        let (mut windows, mut window) = (closed(relay, &head)?.rev(), head.window);
        let (mut used, mut cells) = (false, 0usize);
        let lists = |index: &[Prefix], address: &Address| index.contains(&address.prefix());
        loop {
            cells = cells.saturating_add(index.len());
            used |= wanted.hello.is_some_and(|hello| lists(&index, &hello));
            if used {
                return Ok(Found { key: None, used });
            }
            if lists(&index, &wanted.key) {
                break;
            }
            let Some(earlier) = windows.next() else { return Ok(Found::default()) };
            (window, index) = (earlier, kept(self.transport.window_index(earlier).await)?.unwrap_or_default());
        }
        if self.may_sweep(cells)? {
            return self.sweep_for(relay, wanted).await;
        }
        let key = wanted.key.prefix();
        if let Some(list) = self.transact(|ctx| engine::pick_one(ctx, window, &index, key))? {
            let picked = self.transport.pick_cells(&list).await?;
            let key = picked.into_iter().flatten().find(|(address, _)| *address == wanted.key);
            if let Some((_, cell)) = key {
                return Ok(Found { key: Some(cell), used });
            }
        }
        // A list would tell too much, or somebody else's cell lies under the same prefix.
        let mut found = Found::default();
        if window < head.window {
            found.look(wanted, kept(self.transport.window_cells(window).await)?.unwrap_or_default());
        } else if let Some((_, cells)) = self.transport.current_cells(None).await? {
            found.look(wanted, cells);
        }
        Ok(found)
    }
}

impl Found {
    fn look(&mut self, wanted: &Wanted, cells: Vec<(Address, Cell)>) {
        self.used |= cells.iter().any(|(address, _)| Some(*address) == wanted.hello);
        let key = cells.into_iter().find(|(address, _)| *address == wanted.key);
        self.key = self.key.take().or(key.map(|(_, cell)| cell));
    }
}

/// The closed windows, when the current one is that of this head: it may have turned since the relay described itself.
fn closed(relay: &Descriptor, head: &CurrentHead) -> Result<std::ops::Range<u32>, DriverError> {
    if head.window.saturating_sub(1) > relay.current_window {
        return Err(TransportError::Malformed(LIE).into());
    }
    Ok(relay.oldest_window..head.window)
}

/// What a window holds; `None` when it went meanwhile.
fn kept<V>(answer: Result<V, TransportError>) -> Result<Option<V>, TransportError> {
    match answer {
        Err(TransportError::Refused(Refusal::NotFound | Refusal::Gone)) => Ok(None),
        answer => answer.map(Some),
    }
}
