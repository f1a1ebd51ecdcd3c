//! Questions to a person at a terminal: numbered, each with an answer that Enter alone takes.

use himaya_protocol::content::value::Note;

use super::app::App;
use super::error::CliError;
use super::{render, sos};
use crate::terminal;
use crate::text::{Arg, Text};

/// How often somebody may mistype a number before the first answer is taken: an alert must not depend on typing well.
const SLIPS: usize = 3;

/// Says how questions are answered.
pub(super) fn begin(app: &mut App) -> Result<(), CliError> {
    app.say(Text::AskBegin, &[])
}

/// Asks for one of several; Enter takes the first.
pub(super) fn one_of<V>(app: &mut App, question: Text, answers: Vec<(String, V)>) -> Result<V, CliError> {
    render::gap(app)?;
    app.say(question, &[])?;
    for (number, (answer, _)) in (1_usize..).zip(&answers) {
        render::detail(app, Text::AskOption, &[("count", number.into()), ("value", Arg::ours(answer))])?;
    }
    let count = answers.len();
    let mut taken = None;
    for _ in 0..SLIPS {
        taken = app.choose(Text::AskNumber, count)?;
        if taken.is_some() {
            break;
        }
        app.say(Text::AskAgain, &[("max", count.into())])?;
    }
    let place = match taken {
        Some(number) => number - 1,
        None => {
            let first = answers.first().map(|(answer, _)| answer.clone()).unwrap_or_default();
            app.say(Text::AskTaken, &[("value", Arg::ours(&first))])?;
            0
        }
    };
    // The place lies among the answers: a number is from 1 to their count, and no question is asked without answers.
    answers.into_iter().nth(place).map(|(_, value)| value).ok_or(CliError::Unanswered)
}

/// Asks how many, up to nine; Enter takes `usual`, and so do a few slips.
pub(super) fn how_many(app: &mut App, question: Text, usual: u64) -> Result<u64, CliError> {
    const MOST: usize = 9;
    render::gap(app)?;
    for _ in 0..SLIPS {
        let typed = app.line(question)?;
        let typed = typed.trim();
        if typed.is_empty() {
            return Ok(usual);
        }
        // Nought is a number here, though it is no answer of a list.
        let number = if matches!(typed, "0" | "٠" | "۰") { Some(0) } else { terminal::number(typed, MOST) };
        match number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number >= usual.min(1)) {
            Some(number) => return Ok(number),
            None => app.say(Text::AskAgain, &[("max", MOST.into())])?,
        }
    }
    app.say(Text::AskTaken, &[("value", Arg::ours(&usual.to_string()))])?;
    Ok(usual)
}

/// Asks for a few words; Enter alone is none.
pub(super) fn words(app: &mut App, question: Text) -> Result<Option<Note>, CliError> {
    render::gap(app)?;
    let line = app.line(question)?;
    sos::note(app, &line)
}
