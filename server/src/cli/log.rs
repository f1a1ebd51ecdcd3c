//! The log: on standard error, for people or for programs, about the relay itself and never about a peer.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogForm;

/// The one target that can ever be heard. The HTTP and TLS libraries write what peers send into their traces.
const OURS: &str = "himaya_relay";

/// Starts the log at the level that `RUST_LOG` asks for our own target, `info` without one.
///
/// A panic is logged by its place alone: the words of a panic in a library may hold a key or a value.
pub(super) fn start(form: LogForm) {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic; please report it");
    }));
    let wish = std::env::var("RUST_LOG").unwrap_or_default();
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let to_stderr = match form {
        LogForm::Human => to_stderr.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogForm::Json => to_stderr.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    // A second start in one process (a test's) keeps the first log.
    let _ = tracing_subscriber::registry().with(to_stderr.with_filter(filter(&wish))).try_init();
}

/// Takes the level for our own target out of a filter and drops everything else that it asks for.
fn filter(wish: &str) -> Targets {
    let wished = Some(wish).filter(|wish| !wish.is_empty()).and_then(|wish| Targets::from_str(wish).ok());
    let every = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
    let level = match wished {
        None => LevelFilter::INFO,
        Some(wished) => every
            .into_iter()
            .find(|level| wished.would_enable(OURS, level))
            .map_or(LevelFilter::ERROR, LevelFilter::from_level),
    };
    Targets::new().with_target(OURS, level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_our_own_target_is_ever_heard() {
        for wish in ["", "trace", "trace,hyper=trace,h2=trace", "hyper=trace", "himaya_relay=debug", "%&/("] {
            let filter = filter(wish);
            for target in ["hyper", "hyper_util", "h2", "rustls", "tungstenite", "axum", "sled", "tokio", "mio"] {
                assert!(!filter.would_enable(target, &Level::ERROR), "{target} is heard at {wish:?}");
            }
            assert!(filter.would_enable("himaya_relay::store", &Level::ERROR), "{wish:?} silences our errors");
        }
    }

    #[test]
    fn the_level_is_the_one_asked_for() {
        assert!(filter("trace").would_enable(OURS, &Level::TRACE));
        assert!(filter("himaya_relay=debug,hyper=trace").would_enable(OURS, &Level::DEBUG));
        assert!(!filter("himaya_relay=debug,hyper=trace").would_enable(OURS, &Level::TRACE));
        assert!(filter("").would_enable(OURS, &Level::INFO));
        assert!(!filter("").would_enable(OURS, &Level::DEBUG));
    }
}
