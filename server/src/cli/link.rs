//! `himaya-relay link DIR`

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use himaya_protocol::wire::link::RelayLink;

use super::{CliError, Layout, read};
use crate::config::Config;
use crate::http::Certificate;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder.
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let config = layout.read_config()?;
    let certificate = certificate(&layout, &config)?;
    writeln!(out, "{}", link_to(&config.link_host, certificate.pin)?)?;
    Ok(())
}

/// What the relay's certificate says.
pub(super) fn certificate(layout: &Layout, config: &Config) -> Result<Certificate, CliError> {
    Ok(Certificate::read(&read(layout.below(&config.tls.certificate))?)?)
}

/// The relay link, if clients can make something of where it leads.
pub(super) fn link_to(host: &str, pin: [u8; 32]) -> Result<RelayLink, CliError> {
    let address = host.rsplit_once(':').map_or(host, |(address, _)| address).trim_matches(['[', ']']);
    if address.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) {
        return Err(CliError::Nowhere(host.to_owned()));
    }
    RelayLink::new(host, pin).map_err(|_| CliError::Link(host.to_owned()))
}
