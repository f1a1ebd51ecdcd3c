//! `himaya case`: what a coordinator does with a case, and what a defender sees of it.

mod act;
mod group;
mod list;
mod view;

use himaya_protocol::content::vocabulary::{CaseStatus, Priority, VerifiedBy};

use super::app::{App, Exit};
use super::error::CliError;
use view::{CaseView, names, view};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::List),
    Show(list::Show),
    Take(act::Part),
    Triage(act::Triage),
    Close(act::Close),
    Reopen(act::Reason),
    Note(act::Words),
    Reply(act::Words),
    Assign(act::Member),
    Accept(act::Part),
    Release(act::Part),
    Handover(act::Member),
    Withdraw(act::Withdraw),
    Group(group::Open),
    Bring(group::Bring),
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::List(arguments) => list::list(app, &arguments).await,
        Command::Show(arguments) => list::show(app, &arguments).await,
        Command::Take(arguments) => act::take(app, &arguments).await,
        Command::Triage(arguments) => act::triage(app, &arguments).await,
        Command::Close(arguments) => act::close(app, &arguments).await,
        Command::Reopen(arguments) => act::reopen(app, &arguments).await,
        Command::Note(arguments) => act::note(app, &arguments).await,
        Command::Reply(arguments) => act::reply(app, &arguments).await,
        Command::Assign(arguments) => act::assign(app, &arguments).await,
        Command::Accept(arguments) => act::accept(app, &arguments).await,
        Command::Release(arguments) => act::release(app, &arguments).await,
        Command::Handover(arguments) => act::handover(app, &arguments).await,
        Command::Withdraw(arguments) => act::withdraw(app, &arguments).await,
        Command::Group(arguments) => group::open(app, &arguments).await,
        Command::Bring(arguments) => group::bring(app, &arguments).await,
    }
}

/// A status as it is typed: `monitor`, `active`.
fn status(text: &str) -> Result<CaseStatus, String> {
    let word = text.to_ascii_uppercase().replace('-', "_");
    word.parse::<CaseStatus>().map_err(|error| error.to_string())
}

/// A priority as it is typed: `1`, `p1`, `P1`.
fn priority(text: &str) -> Result<Priority, String> {
    let word = text.trim_start_matches(['p', 'P']);
    format!("P{word}").parse::<Priority>().map_err(|error| error.to_string())
}

/// How somebody was reached another way: `call`, `in_person`.
fn verified(text: &str) -> Result<VerifiedBy, String> {
    text.parse::<VerifiedBy>().map_err(|error| error.to_string())
}
