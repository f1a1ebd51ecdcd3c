//! `himaya-relay forward init|serve|link DIR`: hands encapsulated requests to one relay, so that it does not see who asks.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use himaya_protocol::wire::link::{ForwardLink, RelayLink};

use super::link::link_to;
use super::serve::{allow_files, limits, stop_signal};
use super::{CliError, Layout, init, log, read};
use crate::config::{ConfigError, Forward};
use crate::http::{Certificate, Identity, Server, Shown};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a forwarder's folder: configuration and TLS key. Prints the forward link.
    Init(Init),
    /// Run the forwarder. Prints one line when it listens.
    Serve(Folder),
    /// Print the forward link again.
    Link(Folder),
}

#[derive(Debug, clap::Args)]
struct Init {
    /// The forwarder's folder; made if it is missing.
    dir: PathBuf,
    /// The link of the one relay that requests are handed to.
    #[arg(long, value_name = "RELAY LINK")]
    to: RelayLink,
    /// Where to listen, ADDRESS:PORT.
    #[arg(long, default_value = "127.0.0.1:7453")]
    listen: SocketAddr,
    /// What clients connect to, HOST:PORT, if it differs from --listen.
    #[arg(long)]
    link_host: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Folder {
    /// The forwarder's folder.
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    match &arguments.command {
        Command::Init(arguments) => make(arguments, out),
        Command::Serve(folder) => serve(&Layout::new(&folder.dir), out),
        Command::Link(folder) => {
            let layout = Layout::new(&folder.dir);
            let config = read_config(&layout)?;
            let pin = Certificate::read(&read(layout.below(&config.tls.certificate))?)?.pin;
            writeln!(out, "{}", forward_link(&config.link_host, pin)?)?;
            Ok(())
        }
    }
}

fn make(arguments: &Init, out: &mut impl Write) -> Result<(), CliError> {
    if arguments.to.is_onion() {
        return Err(CliError::ForwardOnion);
    }
    let layout = Layout::new(&arguments.dir);
    let link_host = arguments.link_host.clone().unwrap_or_else(|| arguments.listen.to_string());
    let identity = Identity::make()?;
    let link = forward_link(&link_host, identity.pin)?;
    let config = Forward::template(arguments.listen, &link_host, &arguments.to);
    init::make_folder(&layout, &layout.forward_config(), &identity, &config)?;
    writeln!(out, "{link}")?;
    Ok(())
}

fn forward_link(host: &str, pin: [u8; 32]) -> Result<ForwardLink, CliError> {
    let link = link_to(host, pin)?;
    ForwardLink::new(link.endpoint(), pin).map_err(|_| CliError::Link(host.to_owned()))
}

fn read_config(layout: &Layout) -> Result<Forward, CliError> {
    let path = layout.forward_config();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Forward::parse(&text).map_err(ConfigError::Forward)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(CliError::ForwardNotMade(layout.folder().to_owned()))
        }
        Err(source) => Err(CliError::File { path, source }),
    }
}

fn serve(layout: &Layout, out: &mut impl Write) -> Result<(), CliError> {
    let config = read_config(layout)?;
    log::start(config.log);
    layout.insist_on_owner()?;
    // Each request takes a connection on either side.
    allow_files(config.limits.connections.get().saturating_mul(2));
    let shown = Shown::new(&read(layout.below(&config.tls.key))?, &read(layout.below(&config.tls.certificate))?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let stop = stop_signal()?;
        let server = Server::forward(config.listen, Arc::new(shown), config.relay, limits(&config.limits)).await?;
        writeln!(out, "listening on {}", server.address()?)?;
        out.flush()?;
        server.run(stop).await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    tracing::info!("stopped");
    done
}
