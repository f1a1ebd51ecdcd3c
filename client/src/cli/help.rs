//! `himaya help`: help, at a check-in; without check-ins an alert, for whoever types this is in danger.

use himaya_protocol::content::sos;
use himaya_protocol::content::vocabulary::Kind;

use super::alert::{Strict, raise_with};
use super::answer::{self, Says};
use super::app::{App, Exit};
use super::error::CliError;
use crate::engine::Draft;

pub(super) async fn run(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    match answer::say(app, &mut driver, Says::Help, "").await? {
        Some(exit) => Ok(exit),
        None => {
            raise_with(app, driver, sos::of_kind(Kind::Unspecified), &Draft::default(), None, Strict::No, None).await
        }
    }
}
