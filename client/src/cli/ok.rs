//! `himaya ok`: all is well, or so it seems.

use super::answer::{self, Says};
use super::app::{App, Exit};
use super::error::CliError;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let words = arguments.words.join(" ");
    answer::say(app, &mut driver, Says::Ok, &words).await?.ok_or(CliError::NoPlan)
}
