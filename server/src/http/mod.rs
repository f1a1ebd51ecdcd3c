//! The relay's calls over HTTP: the only place that knows axum, hyper and rustls.

mod acme;
mod body;
mod calls;
mod closed;
mod feed;
mod forward;
mod gateway;
mod health;
mod limits;
mod patient;
mod pinned;
mod probe;
mod problem;
mod puts;
mod server;
mod tls;
mod tokens;
mod visit;

pub use acme::{AcmeError, Authority};
pub use health::{Health, Standing, Totals};
pub use limits::Limits;
pub use probe::{Answered, ProbeError, probe};
pub use server::{Server, ServerError};
pub use tls::{Certificate, Identity, Shown, TlsError};
