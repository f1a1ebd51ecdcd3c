//! The client of Himaya: alerts and shelter requests, end-to-end encrypted, through a relay that learns nothing.
//!
//! * [`store`]: one SQLCipher database a profile; [`store::Profile::transact`] is the only way to change it, and what
//!   an operation returns is handed out only after its transaction is on disk.
//! * [`engine`]: the protocol over that store, without network, clock or randomness of its own.
//! * [`transport`]: the relay's calls over TLS.
//! * [`driver`]: wait, hand to the engine, commit, send.
//! * [`export`]: what a consent lets out of a case, pure.
//! * [`board`]: the desk at a glance, without terminal, profile or network.
//! * [`cli`]: one file a command. [`text`], [`terminal`]: what people read.

pub mod board;
pub mod cli;
pub mod driver;
pub mod engine;
pub mod export;
pub mod store;
pub mod terminal;
pub mod text;
pub mod transport;

mod crash;
