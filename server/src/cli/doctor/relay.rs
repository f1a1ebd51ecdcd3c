//! The certificate, and whether the relay answers with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::Finding;
use crate::cli::day::Day;
use crate::cli::link::{certificate, link_to};
use crate::cli::{CliError, Layout, read, unix_seconds};
use crate::config::{Access, Config};
use crate::http::{Answered, Certificate, ProbeError, Shown, probe};

/// How long the relay may take to answer itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// From when on a certificate is about to run out, in seconds: 14 days.
const SOON: i64 = 14 * 86_400;
const LISTENING: &str = "listening";

/// Whether the certificate counts, the link leads somewhere, and something listens that shows this key.
pub(super) fn certificate_and_listening(layout: &Layout, config: &Config) -> Result<Vec<Finding>, CliError> {
    let found = match pair(layout, config) {
        Ok(found) => found,
        Err(error) => {
            let next = "put both files back from your backup, or name others under [tls] in relay.toml";
            return Ok(vec![
                Finding::failed("certificate", error.to_string(), next),
                Finding::failed(LISTENING, "not looked at: it takes the certificate", "see the certificate"),
            ]);
        }
    };
    Ok(vec![validity(&found), link(config, &found), listening(config, &found)?])
}

/// Key and certificate, if they belong together.
fn pair(layout: &Layout, config: &Config) -> Result<Certificate, CliError> {
    let key = zeroize::Zeroizing::new(read(layout.below(&config.tls.key))?);
    Shown::new(&key, &read(layout.below(&config.tls.certificate))?)?;
    certificate(layout, config)
}

fn validity(found: &Certificate) -> Finding {
    const NAME: &str = "certificate";
    let now = i64::try_from(unix_seconds()).unwrap_or(i64::MAX);
    let day = Day::of(u64::try_from(found.not_after).unwrap_or(0));
    // Himaya's clients look at the key alone; whoever else looks (a firewall, a person) takes an expired one for broken.
    let next = "renew it with the same key; the relay takes it up by itself";
    if now < found.not_before {
        return Finding::failed("certificate", "it does not count yet", "look at the clock");
    }
    if now >= found.not_after {
        return Finding::failed(NAME, format!("it ran out on {day}"), next);
    }
    if found.not_after - now < SOON {
        return Finding::warning(NAME, format!("it runs out on {day}"), next);
    }
    Finding::ok(NAME, format!("it and its key belong together; it counts until {day}"))
}

fn link(config: &Config, found: &Certificate) -> Finding {
    const NAME: &str = "link";
    match link_to(&config.link_host, found.pin) {
        Ok(link) => Finding::ok(NAME, format!("clients are sent to {}", link.endpoint())),
        Err(error) => {
            Finding::failed(NAME, error.to_string(), "set `link_host` in relay.toml, then hand out the new link")
        }
    }
}

fn listening(config: &Config, found: &Certificate) -> Result<Finding, CliError> {
    if config.listen.port() == 0 {
        return Ok(Finding::warning(
            LISTENING,
            "the port is left to the system, so it cannot be asked",
            "name a port in `listen` in relay.toml",
        ));
    }
    let address = reachable(config.listen);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(probe(address, found.pin, PATIENCE)) {
        Ok(answered) => answer(config, address, &answered),
        Err(ProbeError::Connection(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Finding::failed(LISTENING, format!("nothing listens at {address}"), "start it with `himaya-relay serve`")
        }
        Err(error) => Finding::failed(
            LISTENING,
            format!("{address}: {error}"),
            "restart the relay; if another program has this port, give the relay another one in `listen`",
        ),
    })
}

fn answer(config: &Config, address: SocketAddr, answered: &Answered) -> Finding {
    let relay = &answered.descriptor;
    let running = (u64::from(relay.window_seconds), relay.retention);
    if running != (config.window.as_secs(), config.retention) {
        let says = "it runs with another `window` or `retention` than relay.toml has now";
        return Finding::warning(
            LISTENING,
            says,
            "restart it, or set them back: a changed `window` costs every member what is kept",
        );
    }
    let keys = if answered.post_quantum { "X25519MLKEM768" } else { "no post-quantum key exchange" };
    Finding::ok(LISTENING, format!("it answers at {address} with the key of the relay link, TLS 1.3, {keys}"))
}

/// Where a relay that listens everywhere is reached from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Who may write.
pub(super) fn access(config: &Config) -> Finding {
    match config.access {
        Access::Open => Finding::warning(
            "access",
            "open: anybody who reaches the relay may fill its disk",
            "fine behind a filter or on an onion address that few know; not on the open internet",
        ),
        Access::Tokens => Finding::ok("access", "tokens: only whom you have invited can write".to_owned()),
    }
}
