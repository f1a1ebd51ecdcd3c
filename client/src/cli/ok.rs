//! `himaya ok`: all is well.

use super::answer::{self, Says};
use super::app::{App, Exit};
use super::error::CliError;

pub(super) async fn run(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    answer::say(app, &mut driver, Says::Ok).await?.ok_or(CliError::NoPlan)
}
