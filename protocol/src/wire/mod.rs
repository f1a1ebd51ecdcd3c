//! What the relay and the clients exchange.

pub mod address;
pub mod card;
pub mod cell;
pub mod contact;
pub mod invite;
pub mod lane;
pub mod link;
pub mod member;
pub mod oblivious;
pub mod parts;
pub mod policy;
pub mod relay;
pub mod secret;
pub mod spill;
pub mod terms;
pub mod token;

mod text;

pub use address::Address;
pub use cell::{Cell, Chunk};
