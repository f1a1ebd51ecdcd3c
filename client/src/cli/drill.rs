//! `himaya drill`: an alert that is practice, marked as such everywhere.

use himaya_protocol::content::vocabulary::Status;

use super::alert::{Strict, raise};
use super::app::{App, Exit};
use super::error::CliError;
use super::sos::{Arguments, compose};
use crate::engine::Draft;
use crate::text::Text;

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let alert = compose(app, arguments)?;
    let draft = Draft { status: Status::Exercise, ..Draft::default() };
    app.say(Text::EventExercise, &[])?;
    // Practice can be tried again: a circle that is mistyped is worth knowing.
    raise(app, alert, &draft, arguments.circle.as_deref(), Strict::Yes).await
}
