//! `himaya sos`: ask for help now, without any question.

use himaya_protocol::content::value::Note;
use himaya_protocol::content::vocabulary::Kind;
use himaya_protocol::content::{ThreatAlert, sos};

use super::alert::{Strict, raise};
use super::app::{App, Exit};
use super::error::CliError;
use crate::engine::Draft;
use crate::text::{Arg, Text};

/// The most characters of an alert's note.
const NOTE_CHARACTERS: usize = 500;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[arg(long, value_name = "NAME")]
    pub(super) circle: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let alert = compose(app, arguments)?;
    raise(app, alert, &Draft::default(), arguments.circle.as_deref(), Strict::No).await
}

/// The alert that a few words make. A slip of the finger must not cost anybody the alert: it goes out, and the word with it.
pub(super) fn compose(app: &mut App, arguments: &Arguments) -> Result<ThreatAlert, CliError> {
    let (mut alert, unknown) = match sos::alert(arguments.kind.as_deref()) {
        Ok(alert) => (alert, None),
        Err(unknown) => (sos::of_kind(Kind::Unspecified), Some(unknown.given)),
    };
    let words: Vec<&str> = [unknown.as_deref(), arguments.note.as_deref()].into_iter().flatten().collect();
    if let Some(word) = &unknown {
        let said = app.texts.say(Text::SosWordUnknown, &[("given", Arg::theirs(word))]);
        app.note(&said)?;
    }
    alert.note = note(app, &words.join(": "))?;
    Ok(alert)
}

/// As much of a text as a note may carry; says so when something was cut off.
pub(super) fn note(app: &mut App, text: &str) -> Result<Option<Note>, CliError> {
    let (note, cut) = fitting(text);
    if cut {
        let said = app.texts.say(Text::SosNoteCut, &[]);
        app.note(&said)?;
    }
    Ok(note)
}

/// As much of a note as an alert may carry, without control characters; whether something was cut off.
fn fitting(text: &str) -> (Option<Note>, bool) {
    let cleaned: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    let fits: String = cleaned.chars().take(NOTE_CHARACTERS).collect();
    (Note::new(&fits).ok(), fits.len() < cleaned.len())
}
