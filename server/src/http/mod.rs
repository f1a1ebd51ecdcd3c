//! The relay's calls over HTTP: the only place that knows axum, hyper and rustls.

mod body;
mod calls;
mod feed;
mod patient;
mod probe;
mod problem;
mod server;
mod tls;

pub use probe::{Answered, ProbeError, probe};
pub use server::{Limits, Server, ServerError};
pub use tls::{Certificate, Identity, Shown, TlsError};
