//! The command line: one file a command, each with its arguments and one `run`.
//!
//! Exit codes: 0 done, 1 error, 2 usage, 3 queued but not yet on the relay, 4 out of sync with a circle.

mod ack;
mod alert;
mod answer;
mod app;
mod approve;
mod ask;
mod board;
mod card;
mod case;
mod checkin;
mod circle;
mod clear;
mod completions;
mod consent;
mod decided;
mod decline;
mod desk;
mod drill;
mod error;
mod export;
mod grade;
mod help;
mod inbox;
mod init;
mod invite;
mod kit;
mod late;
mod man;
mod need;
mod net;
mod news;
mod offer;
mod ok;
mod output;
mod plans;
mod recipient;
mod refer;
mod referrals;
mod render;
mod requests;
mod set;
mod shelter;
mod show;
mod signals;
mod sos;
mod st;
mod stats;
mod suspicions;
mod sync;
mod times;
mod verify;
mod watch;
mod wipe;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::text::{Explain, Texts};
use app::App;
pub use app::{Environment, Exit};
pub use error::CliError;

/// What the program is called.
const NAME: &str = "himaya";

/// The arguments that every command takes, and the command.
#[derive(Debug, Parser)]
#[command(name = NAME, version, disable_help_subcommand = true)]
struct Arguments {
    #[arg(long, global = true, env = "HIMAYA_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    #[arg(long, global = true, env = "HIMAYA_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[arg(long, global = true)]
    json: bool,
    #[arg(long, global = true)]
    offline: bool,
    #[arg(long, global = true, env = "HIMAYA_LANG", value_name = "TAG")]
    lang: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Arguments),
    #[command(subcommand)]
    Invite(invite::Command),
    #[command(subcommand)]
    Card(card::Command),
    #[command(subcommand)]
    Kit(kit::Command),
    Requests,
    Approve(approve::Arguments),
    Board(board::Arguments),
    Decline(decline::Arguments),
    #[command(subcommand)]
    Circle(circle::Command),
    #[command(subcommand)]
    Desk(desk::Command),
    #[command(subcommand)]
    Case(case::Command),
    #[command(subcommand)]
    Need(need::Command),
    #[command(subcommand)]
    Offer(offer::Command),
    #[command(subcommand)]
    Shelter(shelter::Command),
    #[command(subcommand)]
    Consent(consent::Command),
    Export(export::Arguments),
    Refer(refer::Arguments),
    Referrals(referrals::Arguments),
    Grade(grade::Arguments),
    Stats,
    Verify(verify::Arguments),
    Sos(sos::Arguments),
    Alert(alert::Arguments),
    Drill(sos::Arguments),
    Ok(ok::Arguments),
    Late(late::Arguments),
    Help,
    #[command(subcommand)]
    Checkin(checkin::Command),
    Sync,
    Watch,
    Inbox(inbox::Arguments),
    Show(show::Arguments),
    Ack(ack::Arguments),
    Clear(clear::Arguments),
    St(st::Arguments),
    Net(net::Arguments),
    #[command(subcommand)]
    Set(set::Command),
    Wipe(wipe::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Runs the command that `words` spell; the exit code.
pub fn run(words: Vec<OsString>, mut environment: Environment) -> u8 {
    let texts = Texts::load(environment.languages(&words).iter().map(String::as_str));
    let json = words.iter().any(|word| word == "--json");
    let command = command(&texts);
    let command = if environment.asks && !json { command } else { unasked(command) };
    let arguments = match command.try_get_matches_from(words).and_then(|m| Arguments::from_arg_matches(&m)) {
        Ok(arguments) => arguments,
        Err(usage) => return environment.usage(&usage, json),
    };
    let json = arguments.json;
    let command = arguments.command;
    let mut app = App::new(
        app::Options {
            home: arguments.home,
            passphrase_file: arguments.passphrase_file,
            json,
            offline: arguments.offline,
        },
        texts,
        environment,
    );
    let outcome = match app.runtime() {
        Ok(runtime) => runtime.block_on(dispatch(&mut app, command)),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(exit) => exit.code(),
        Err(error) => {
            app.complain(&error);
            Exit::Error.code()
        }
    }
}

/// Every command and argument with its texts.
fn command(texts: &Texts) -> clap::Command {
    crate::text::help::fill(Arguments::command(), texts)
}

/// Where nobody can be asked, what would be asked for has to be given.
fn unasked(command: clap::Command) -> clap::Command {
    command.mut_subcommand("alert", |alert| alert.mut_arg("file", |file| file.required(true)))
}

async fn dispatch(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Init(arguments) => init::run(app, &arguments).await,
        Command::Invite(command) => invite::run(app, &command).await,
        Command::Card(command) => card::run(app, command).await,
        Command::Kit(command) => kit::run(app, &command).await,
        Command::Requests => requests::run(app).await,
        Command::Approve(arguments) => approve::run(app, &arguments).await,
        Command::Board(arguments) => board::run(app, arguments).await,
        Command::Decline(arguments) => decline::run(app, &arguments),
        Command::Circle(command) => circle::run(app, command).await,
        Command::Desk(command) => desk::run(app, command).await,
        Command::Case(command) => case::run(app, command).await,
        Command::Need(command) => need::run(app, &command).await,
        Command::Offer(command) => offer::run(app, command).await,
        Command::Shelter(command) => shelter::run(app, command).await,
        Command::Consent(command) => consent::run(app, command).await,
        Command::Export(arguments) => export::run(app, &arguments).await,
        Command::Refer(arguments) => refer::run(app, &arguments).await,
        Command::Referrals(arguments) => referrals::run(app, arguments).await,
        Command::Grade(arguments) => grade::run(app, &arguments).await,
        Command::Stats => stats::run(app).await,
        Command::Verify(arguments) => verify::run(app, &arguments).await,
        Command::Sos(arguments) => sos::run(app, &arguments).await,
        Command::Alert(arguments) => alert::run(app, &arguments).await,
        Command::Drill(arguments) => drill::run(app, &arguments).await,
        Command::Ok(arguments) => ok::run(app, &arguments).await,
        Command::Late(arguments) => late::run(app, &arguments).await,
        Command::Help => help::run(app).await,
        Command::Checkin(command) => checkin::run(app, command).await,
        Command::Sync => sync::run(app).await,
        Command::Watch => watch::run(app).await,
        Command::Inbox(arguments) => inbox::run(app, &arguments).await,
        Command::Show(arguments) => show::run(app, &arguments).await,
        Command::Ack(arguments) => ack::run(app, &arguments).await,
        Command::Clear(arguments) => clear::run(app, &arguments).await,
        Command::St(arguments) => st::run(app, &arguments).await,
        Command::Net(arguments) => net::run(app, &arguments),
        Command::Set(command) => set::run(app, &command),
        Command::Wipe(arguments) => wipe::run(app, &arguments),
        Command::Completions(arguments) => completions::run(app, &arguments),
        Command::Man(arguments) => man::run(app, &arguments),
    }
}

impl Explain for CliError {
    fn explain(&self, texts: &Texts) -> String {
        error::explain(self, texts)
    }
}

/// The ids of every text that `--help` needs, for the test that holds them to the files.
#[cfg(test)]
pub(crate) fn help_ids() -> std::collections::BTreeSet<String> {
    crate::text::help::ids(&Arguments::command())
}
