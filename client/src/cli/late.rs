//! `himaya late`: all is well, but it takes longer.

use super::answer::{self, Says};
use super::app::{App, Exit};
use super::error::CliError;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    minutes: u64,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    answer::say(app, &mut driver, Says::Late(arguments.minutes), "").await?.ok_or(CliError::NoPlan)
}
