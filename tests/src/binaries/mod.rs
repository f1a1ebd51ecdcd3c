//! The two real binaries, as processes: a relay, people with clients, and a line between them that can be cut.
//!
//! Nothing here waits for a length of time to pass: every wait is for something to happen and ends as soon as it does.
//! The limits of these waits are generous, so that only what never happens reaches them.

mod build;
mod forward;
mod home;
mod poll;
pub mod proxy;
mod relay;
pub mod socks;
mod terminal;
mod tmux;
mod watch;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::Context as _;

pub use build::{Binaries, binaries};
pub use forward::ForwardProcess;
pub use home::{Answer, Home, Run, string};
pub use poll::{LIMIT, until};
pub use proxy::Proxy;
pub use relay::RelayProcess;
pub use socks::SocksProxy;
pub use terminal::END;
pub use tmux::Tmux;
pub use watch::WatchProcess;

/// A listener on a loopback address of its own, or on 127.0.0.1 where the system has no other.
///
/// An address of its own keeps the port free when the listener is closed and opened again: no outgoing connection of
/// this machine takes it in between.
fn loopback() -> anyhow::Result<TcpListener> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let last = NEXT.fetch_add(1, Ordering::Relaxed) % 250 + 2;
    let own = IpAddr::V4(Ipv4Addr::new(127, 64 + high % 64, low, last));
    let listener = TcpListener::bind(SocketAddr::new(own, 0));
    let listener = listener.or_else(|_| TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)));
    listener.context("no loopback address can be listened on")
}
