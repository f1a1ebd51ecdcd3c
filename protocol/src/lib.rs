//! Wire forms and event content of Himaya.
//!
//! Nothing here does IO, reads a clock, draws randomness or knows MLS: bytes go in, values come out, and the other
//! way round. `docs/protocol.md` is the normative text; `protocol/vectors` holds its test vectors.
//!
//! * [`wire`]: what the relay and the clients exchange: cells, addresses, lanes, links, cards, relay calls.
//! * [`content`]: what clients say to each other inside MLS: events.
//! * [`case`]: from a log of events to the cases that a desk works on.
//! * [`cbor`]: the one deterministic CBOR encoding that both use.

pub mod case;
pub mod cbor;
pub mod content;
pub mod wire;
