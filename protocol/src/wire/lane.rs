//! Lanes: the sequences of one-time addresses and keys (docs/protocol.md section 4).
//!
//! ```text
//! group lane:  chain_0 = Expand(root_e, "himaya lane" ‖ u32(l), 32)      l = leaf index; 0xFFFFFFFF = commit lane
//! part lane:   chain_0 = Expand(root_e, "himaya part lane" ‖ u32(l), 32)
//! card inbox:  chain_0 = Expand(card secret, "himaya card inbox", 32)
//! contact:     chain_0 = Expand(reply secret, "himaya contact" ‖ u8(d), 32)   d = 0 from the card's owner, 1 to him
//! slot n:      address = Expand(chain_n, "address", 32)
//!              key     = Expand(chain_n, "key", 32)
//!              chain_{n+1} = Expand(chain_n, "next", 32)
//! ```

use super::address::Address;
use super::secret::Secret;

/// The lane number of the commit lane.
pub const COMMIT_LANE: u32 = u32::MAX;

/// One place of a lane: where a cell lies and the key that opens it.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Where the cell lies.
    pub address: Address,
    /// What opens it.
    pub key: Secret,
}

/// Which way a contact's lane runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the owner of the card to the one who accepted it.
    FromOwner,
    /// From the one who accepted the card to its owner.
    ToOwner,
}

/// The state of a lane before slot n. Stepping consumes it, so that a consumed slot cannot be located again.
#[derive(Debug, Clone)]
pub struct Chain(Secret);

impl Chain {
    /// The lane of one leaf, or with [`COMMIT_LANE`] the commit lane, in the epoch whose exported root this is.
    pub fn group(root: &Secret, lane: u32) -> Self {
        Self(root.expand(&[b"himaya lane", &lane.to_be_bytes()]))
    }

    /// The lane for the parts of one leaf's commits, in the epoch whose exported root this is.
    pub fn parts(root: &Secret, leaf: u32) -> Self {
        Self(root.expand(&[b"himaya part lane", &leaf.to_be_bytes()]))
    }

    /// The inbox of a card.
    pub fn card(card_secret: &Secret) -> Self {
        Self(card_secret.expand(&[b"himaya card inbox"]))
    }

    /// One direction between two contacts.
    pub fn contact(reply_secret: &Secret, direction: Direction) -> Self {
        let direction = match direction {
            Direction::FromOwner => 0u8,
            Direction::ToOwner => 1,
        };
        Self(reply_secret.expand(&[b"himaya contact", &[direction]]))
    }

    /// Takes up a stored chain.
    pub fn from_secret(secret: Secret) -> Self {
        Self(secret)
    }

    /// The chain's secret, for storing it.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// The next slot, and the chain after it.
    pub fn step(self) -> (Slot, Chain) {
        let slot =
            Slot { address: Address::new(*self.0.expand(&[b"address"]).expose()), key: self.0.expand(&[b"key"]) };
        (slot, Chain(self.0.expand(&[b"next"])))
    }
}

/// The one slot under which a card's HPKE key lies.
pub fn card_key_slot(card_secret: &Secret) -> Slot {
    let address = Address::new(*card_secret.expand(&[b"himaya card key address"]).expose());
    Slot { address, key: card_secret.expand(&[b"himaya card key"]) }
}
