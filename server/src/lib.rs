//! The relay of Himaya: a write-once store of fixed-size cells.
//!
//! It knows no users, groups, queues or senders. Its whole vocabulary is: put this cell if the address is free, give
//! me what arrived in this window, tell me what arrives from now on, forget the windows that are too old.
//!
//! * [`service`]: the use cases, without any network.
//! * [`store`]: where cells and chunks lie: one trait, several engines.
//! * [`tokens`]: who may write, without anybody knowing who they are.
//! * [`gateway`]: requests that come encapsulated, so that nobody sees both who asks and what.
//! * [`http`]: the calls over TLS; the only place that knows axum, hyper and rustls.
//! * [`schema`]: the one declaration of what is stored.
//! * [`config`]: the file `relay.toml`.
//! * [`cli`]: one file a subcommand.

pub mod cli;
pub mod config;
pub mod crash;
pub mod gateway;
pub mod http;
pub mod schema;
pub mod service;
pub mod store;
pub mod tokens;
