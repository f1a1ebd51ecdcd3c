//! The command line: one file a subcommand.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand};
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

mod audit;
mod catch_up;
mod census;
mod day;
mod doctor;
mod error;
mod forward;
mod init;
mod invite;
mod layout;
mod letter;
mod link;
mod log;
mod pages;
mod renewal;
mod serve;
mod sunset;
mod upkeep;

use error::CliError;
use layout::{Layout, read, write_anew};

use crate::service::CheckedClock;
use crate::tokens::NoRandomness;

/// What the program is called.
const NAME: &str = "himaya-relay";

/// The relay of Himaya: a write-once store of fixed-size cells.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a relay's folder: configuration and TLS key. Prints the relay link.
    Init(init::Arguments),
    /// Invite people to a relay with access = "tokens". Works while the relay runs.
    Invite(invite::Arguments),
    /// Print the relay link again.
    Link(link::Arguments),
    /// Run the relay. Prints one line when it listens.
    Serve(serve::Arguments),
    /// Hand other people's encapsulated requests to one relay, so that it does not see who asks.
    Forward(forward::Arguments),
    /// After a stop so long that everything kept is too old: destroy it, and let the relay start again.
    CatchUp(catch_up::Arguments),
    /// Look whether all is well: listening, certificate, clock, disk, permissions. Fails when something is not.
    Doctor(doctor::Arguments),
    /// Announce the relay's end: read only after a day, then everything is destroyed.
    Sunset(sunset::Arguments),
    /// Print every stored field, with counts and sizes; with --letter, a page to hand over.
    Audit(audit::Arguments),
    /// Print what a shell needs to complete commands when you press the tabulator key.
    Completions(pages::Completions),
    /// Write the manual pages.
    Man(pages::Manual),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    forbid_core_dumps();
    let mut out = io::stdout();
    let done = match Arguments::parse().command {
        Command::Init(arguments) => init::run(&arguments, &mut out),
        Command::Invite(arguments) => invite::run(&arguments, &mut out),
        Command::Link(arguments) => link::run(&arguments, &mut out),
        Command::Serve(arguments) => serve::run(&arguments, &mut out),
        Command::Forward(arguments) => forward::run(&arguments, &mut out),
        Command::CatchUp(arguments) => catch_up::run(&arguments, &mut out),
        Command::Doctor(arguments) => doctor::run(&arguments, &mut out),
        Command::Sunset(arguments) => sunset::run(&arguments, &mut out),
        Command::Audit(arguments) => audit::run(&arguments, &mut out),
        Command::Completions(arguments) => pages::completions(&arguments, &mut out),
        Command::Man(arguments) => pages::manual(&arguments, &mut out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a standard error there is nobody to tell.
            let _ = writeln!(io::stderr(), "himaya-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a relay holds in memory (keys, who is connected) is never written to a disk by a crash, and no other process of the
/// same user can read it.
fn forbid_core_dumps() {
    // A system that refuses still has the other of the two, and the service's LimitCORE.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Random bytes that tell this process's cursors from another's.
fn boot_id() -> Result<[u8; 8], CliError> {
    let mut boot = [0; 8];
    random(&mut boot)?;
    Ok(boot)
}

/// Fills bytes with fresh randomness.
fn random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the relay asks the system for randomness")]
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

/// The clock that a relay goes by.
type SystemClock = CheckedClock<fn() -> u64, fn() -> u64>;

/// Seconds since the machine was started, sleep included. Nobody can set them.
fn steady_seconds() -> u64 {
    u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0)
}

/// What the system's clock says, in seconds since the Unix epoch.
fn unix_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place where the relay reads the clock")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
