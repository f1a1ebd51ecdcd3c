//! `himaya set`: choices that stay.

use himaya_protocol::content::value::{Lang, Note};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Receipts {
        #[arg(value_name = "SECONDS")]
        mean: u64,
    },
    PlanB {
        #[arg(value_name = "TEXT")]
        text: String,
    },
    DuressWord,
    Lang {
        #[arg(value_name = "TAG")]
        tag: String,
    },
}

pub(super) fn run(app: &mut App, command: &Command) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    match command {
        Command::Receipts { mean } => {
            driver.transact(|ctx| Ok(ctx.set_number("receipt mean", *mean)?))?;
            app.object(&json!({ "receipts": mean }))?;
            match *mean {
                0 => app.say(Text::SetReceiptsOff, &[])?,
                seconds => app.say(Text::SetReceipts, &[("seconds", seconds.into())])?,
            }
        }
        Command::PlanB { text } => {
            let note = (!text.trim().is_empty()).then(|| Note::new(text)).transpose()?;
            driver.transact(|ctx| engine::set_plan_b(ctx, note.as_ref().map(|note| note.raw())))?;
            app.object(&json!({ "plan_b": note.as_ref().map(|note| note.raw()) }))?;
            app.say(if note.is_some() { Text::SetPlanB } else { Text::SetPlanBNone }, &[])?;
        }
        Command::DuressWord => {
            // Typed, and not an argument: a shell keeps those.
            let word = app.line(Text::AskDuressWord)?;
            driver.transact(|ctx| engine::set_duress_word(ctx, &word))?;
            let set = !word.trim().is_empty();
            app.object(&json!({ "duress_word": set }))?;
            app.say(if set { Text::SetDuressWord } else { Text::SetDuressWordNone }, &[])?;
        }
        Command::Lang { tag } => {
            let lang: Lang = tag.parse()?;
            driver.transact(|ctx| Ok(ctx.set("lang", lang.as_str().as_bytes())?))?;
            app.object(&json!({ "lang": lang.as_str() }))?;
            app.say(Text::SetLang, &[("lang", Arg::machine(lang.as_str()))])?;
        }
    }
    Ok(Exit::Done)
}
