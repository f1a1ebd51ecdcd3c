//! `himaya drill`: an alert that is practice, marked as such everywhere.

use himaya_protocol::content::sos;
use himaya_protocol::content::vocabulary::{Kind, Status};

use super::alert::{Strict, raise};
use super::app::{App, Exit};
use super::error::CliError;
use super::sos::note;
use crate::engine::Draft;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[arg(long, value_name = "NAME")]
    circle: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let (mut alert, unknown) = match sos::alert(arguments.kind.as_deref()) {
        Ok(alert) => (alert, None),
        Err(unknown) => (sos::of_kind(Kind::Unspecified), Some(unknown.given)),
    };
    if let Some(word) = &unknown {
        let said = app.texts.say(Text::SosWordUnknown, &[("given", Arg::theirs(word))]);
        app.note(&said)?;
    }
    let words: Vec<&str> = [unknown.as_deref(), arguments.note.as_deref()].into_iter().flatten().collect();
    alert.note = note(app, &words.join(": "))?;
    let draft = Draft { status: Status::Exercise, ..Draft::default() };
    app.say(Text::EventExercise, &[])?;
    // Practice can be tried again: a circle that is mistyped is worth knowing.
    raise(app, alert, &draft, arguments.circle.as_deref(), Strict::Yes).await
}
