//! What a machine may ask about its own relay: whether it is well, and totals. Plain HTTP on loopback.
//!
//! Totals carry no labels. What changes with a write is looked at once an hour, so that nobody who reads this learns the
//! time of one.

use std::fmt::Write;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The media type of OpenMetrics 1.0.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How a relay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether storage has failed, so that the relay is about to end.
    pub failed: bool,
    /// Whether the clock has jumped ahead and is not believed.
    pub clock_ahead: bool,
    /// Whether the disk's reserve or the quota is reached, so that writes are refused.
    pub full: bool,
    /// Whether either is near.
    pub nearly_full: bool,
    /// How many bytes all windows may take on disk.
    pub quota: u64,
    /// When the certificate runs out, in seconds since the Unix epoch.
    pub certificate_expires: i64,
    /// What there was at the last full hour, or at the start.
    pub totals: Totals,
}

/// Totals that change with writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Windows that are kept.
    pub windows: u64,
    /// Cells in them.
    pub cells: u64,
    /// Chunks in them.
    pub chunks: u64,
    /// Bytes that they take on disk.
    pub store_bytes: u64,
    /// Bytes that are free on the disk.
    pub disk_free_bytes: u64,
}

/// Listens for questions about health.
pub struct Health {
    listener: TcpListener,
    standing: watch::Receiver<Standing>,
}

impl Health {
    /// Listens on an address, which must be one of loopback.
    pub async fn bind(address: SocketAddr, standing: watch::Receiver<Standing>) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "health is told on loopback alone"));
        }
        Ok(Self { listener: TcpListener::bind(address).await?, standing })
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers as long as it is let.
    pub fn run(self) -> impl Future<Output = io::Result<()>> + Send {
        let router =
            Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(self.standing);
        async move { axum::serve(self.listener, router).await }
    }
}

async fn health(State(standing): State<watch::Receiver<Standing>>) -> (StatusCode, &'static str) {
    verdict(&standing.borrow())
}

/// The worst thing that there is to say, and what to do about it.
fn verdict(standing: &Standing) -> (StatusCode, &'static str) {
    const UNWELL: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    if standing.failed {
        (
            UNWELL,
            "failed: storage has failed and the relay ends; look at its log and at the disk, then start it again\n",
        )
    } else if standing.full {
        (
            UNWELL,
            "full: writes are refused, reading goes on; make room on the disk, or raise quota, or keep fewer windows\n",
        )
    } else if standing.clock_ahead {
        (UNWELL, "clock: it has jumped ahead and is not believed; set it, or restart the relay if it is right\n")
    } else if standing.nearly_full {
        (StatusCode::OK, "degraded: nearly full; make room on the disk, or raise quota, or keep fewer windows\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(standing): State<watch::Receiver<Standing>>) -> Response {
    let text = to_openmetrics(&standing.borrow());
    ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response()
}

fn to_openmetrics(standing: &Standing) -> String {
    let totals = &standing.totals;
    let gauges: [(&str, &str, &str, i128); 9] = [
        ("windows", "", "Windows that are kept, at the last full hour.", totals.windows.into()),
        ("cells", "", "Cells that are kept, at the last full hour.", totals.cells.into()),
        ("chunks", "", "Chunks that are kept, at the last full hour.", totals.chunks.into()),
        ("store_bytes", "bytes", "What they take on disk, at the last full hour.", totals.store_bytes.into()),
        ("disk_free_bytes", "bytes", "What is free on the disk, at the last full hour.", totals.disk_free_bytes.into()),
        ("quota_bytes", "bytes", "What they may take on disk.", standing.quota.into()),
        ("full", "", "1 when writes are refused because the reserve or the quota is reached.", standing.full.into()),
        ("clock_ahead", "", "1 when the clock has jumped ahead and is not believed.", standing.clock_ahead.into()),
        (
            "certificate_expiry_timestamp_seconds",
            "seconds",
            "When the certificate runs out, Unix time.",
            standing.certificate_expires.into(),
        ),
    ];
    let mut text = String::new();
    for (name, unit, help, value) in gauges {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# TYPE himaya_relay_{name} gauge");
        if !unit.is_empty() {
            let _ = writeln!(text, "# UNIT himaya_relay_{name} {unit}");
        }
        let _ = writeln!(text, "# HELP himaya_relay_{name} {help}\nhimaya_relay_{name} {value}");
    }
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_are_openmetrics_without_labels() {
        let totals = Totals { windows: 14, cells: 22_400, chunks: 3, store_bytes: 92_000_000, disk_free_bytes: 7 };
        let standing = Standing { full: true, certificate_expires: 1_927_584_000, totals, ..Standing::default() };
        let text = to_openmetrics(&standing);
        assert!(text.ends_with("# EOF\n") && !text.contains('{') && !text.contains("\n\n"), "{text}");
        let mut typed = None;
        for line in text.lines().filter(|line| *line != "# EOF") {
            match line.strip_prefix("# ").map(|rest| rest.split(' ').collect::<Vec<_>>()) {
                Some(words) if words[0] == "TYPE" => typed = Some(words[1].to_owned()),
                Some(words) => {
                    assert_eq!(Some(words[1]), typed.as_deref(), "{line}");
                    // OpenMetrics 1.0, "Unit": a metric with a unit ends with it.
                    assert!(words[0] != "UNIT" || words[1].ends_with(&format!("_{}", words[2])), "{line}");
                }
                None => {
                    let (name, value) = line.split_once(' ').unwrap();
                    assert_eq!(Some(name), typed.as_deref());
                    assert!(value.parse::<i64>().is_ok(), "{line}");
                }
            }
        }
        assert!(text.contains("\nhimaya_relay_cells 22400\n") && text.contains("\nhimaya_relay_full 1\n"), "{text}");
    }

    #[test]
    fn the_worst_is_said_first() {
        let mut standing = Standing::default();
        let mut said = vec![verdict(&standing)];
        for worse in [
            |standing: &mut Standing| standing.nearly_full = true,
            |standing: &mut Standing| standing.clock_ahead = true,
            |standing: &mut Standing| standing.full = true,
            |standing: &mut Standing| standing.failed = true,
        ] {
            worse(&mut standing);
            said.push(verdict(&standing));
        }
        let word = |(_, text): &(StatusCode, &'static str)| text.split([':', '\n']).next().map(str::to_owned);
        let words: Vec<_> = said.iter().filter_map(word).collect();
        assert_eq!(words, ["ok", "degraded", "clock", "full", "failed"]);
        assert!(said.iter().skip(2).all(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE));
        assert!(said.iter().take(2).all(|(status, _)| *status == StatusCode::OK));
    }

    #[tokio::test]
    async fn no_address_but_loopback_is_listened_on() {
        let (_tell, standing) = watch::channel(Standing::default());
        let refused = Health::bind("0.0.0.0:0".parse().unwrap(), standing).await;
        assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::InvalidInput));
    }
}
