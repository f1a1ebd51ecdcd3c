//! `himaya-relay invite new|list|revoke DIR`: who may draw tokens. Beside a running relay as well as without one.

use std::io::Write;
use std::path::{Path, PathBuf};

use himaya_protocol::wire::invite::{Invite, InviteHash};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::token::TOKEN_BATCH;

use super::day::Day;
use super::{CliError, Layout, link, random, unix_seconds};
use crate::config::{Access, Config};
use crate::tokens::{Book, Invites, Record};

/// How long an invite is good for unless said otherwise, in seconds: a year.
const YEAR: u64 = 365 * 86_400;
/// Letters of a short name.
const SHORT: usize = 8;
/// The fewest letters that revoke an invite.
const SHORT_MIN: usize = 4;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make invites and print their codes, one a line. A code is shown this once and for one person.
    New(New),
    /// Print what is kept of each invite.
    List {
        /// The relay's folder.
        dir: PathBuf,
    },
    /// Forget an invite at once. Tokens that were drawn with it stay good until their key retires.
    Revoke {
        /// The relay's folder.
        dir: PathBuf,
        /// Its short name in `list`.
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct New {
    /// The relay's folder.
    dir: PathBuf,
    /// How many invites.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    count: u32,
    /// How many tokens each may draw in a window, in whole draws of 128; one token writes one cell or chunk.
    #[arg(long, default_value_t = 128)]
    per_window: u32,
    /// The last day, YYYY-MM-DD (UTC); a year from now unless said otherwise.
    #[arg(long)]
    expires: Option<Day>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    match &arguments.command {
        Command::New(new) => make(new, out),
        Command::List { dir } => list(dir, out),
        Command::Revoke { dir, name } => revoke(dir, name, out),
    }
}

fn open(dir: &Path) -> Result<(Layout, Config, Invites), CliError> {
    let layout = Layout::new(dir);
    let config = layout.read_config()?;
    layout.insist_on_owner()?;
    let invites = Invites::in_folder(&layout.invites())?;
    Ok((layout, config, invites))
}

fn window_of(config: &Config, unix_seconds: u64) -> u32 {
    u32::try_from(unix_seconds / config.window.as_secs().max(1)).unwrap_or(u32::MAX)
}

fn make(new: &New, out: &mut impl Write) -> Result<(), CliError> {
    let (layout, config, invites) = open(&new.dir)?;
    if config.access == Access::Open {
        return Err(CliError::NoInvitesNeeded);
    }
    let batch = u32::try_from(TOKEN_BATCH).unwrap_or(u32::MAX);
    if new.per_window == 0 || !new.per_window.is_multiple_of(batch) {
        return Err(CliError::PerWindow(new.per_window));
    }
    let relay = link::link_to(&config.link_host, link::certificate(&layout, &config)?.pin)?;
    let now = unix_seconds();
    let last_second = new.expires.map_or(now.saturating_add(YEAR), Day::last_second);
    let (today, expires) = (window_of(&config, now), window_of(&config, last_second));
    if expires < today {
        return Err(CliError::Past);
    }
    let mut codes = Vec::new();
    for _ in 0..new.count {
        let mut secret = [0; 32];
        random(&mut secret)?;
        codes.push(Invite { secret: Secret::new(secret), relay: relay.clone() });
    }
    invites.change(|book| {
        book.forget_expired(today);
        codes.iter().for_each(|code| book.add(InviteHash::of(&code.secret), new.per_window, expires));
    })?;
    for code in codes {
        writeln!(out, "{code}")?;
    }
    Ok(())
}

fn list(dir: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let (_, config, invites) = open(dir)?;
    let book = invites.read()?;
    let today = window_of(&config, unix_seconds());
    writeln!(out, "{:<SHORT$}  {:>10}  {:>10}  last day", "name", "per window", "this one")?;
    for (invite, record) in book.all() {
        let drawn = if record.last_window == today { record.drawn } else { 0 };
        let name = short(invite);
        writeln!(out, "{name}  {:>10}  {drawn:>10}  {}", record.allotment, last_day(&config, record))?;
    }
    Ok(())
}

fn last_day(config: &Config, record: &Record) -> Day {
    let end = u64::from(record.expires).saturating_add(1).saturating_mul(config.window.as_secs());
    Day::of(end.saturating_sub(1))
}

fn revoke(dir: &Path, name: &str, out: &mut impl Write) -> Result<(), CliError> {
    let (_, _, invites) = open(dir)?;
    let name = name.to_ascii_lowercase();
    let revoked = invites.change(|book| {
        let found: Vec<_> = named(book, &name);
        match found[..] {
            [invite] => book.revoke(&invite),
            _ => false,
        }
    })?;
    if !revoked {
        return Err(CliError::NoSuchInvite(name));
    }
    writeln!(out, "{name} is revoked; tokens drawn with it stay good until their key retires")?;
    Ok(())
}

fn named(book: &Book, name: &str) -> Vec<InviteHash> {
    let all = book.all().map(|(invite, _)| *invite).filter(|invite| hex(invite).starts_with(name));
    if name.len() < SHORT_MIN { Vec::new() } else { all.collect() }
}

fn short(invite: &InviteHash) -> String {
    hex(invite).chars().take(SHORT).collect()
}

fn hex(invite: &InviteHash) -> String {
    invite.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
