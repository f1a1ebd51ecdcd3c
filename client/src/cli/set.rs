//! `himaya set`: choices that stay.

use himaya_protocol::content::value::{Lang, Note};
use himaya_protocol::content::vocabulary::ConsentField;
use serde_json::{Value, json};

use super::app::{App, Exit};
use super::error::CliError;
use super::recipient::{Names, To};
use crate::driver::Driver;
use crate::engine::{self, Backup};
use crate::text::{Arg, Text};
use crate::transport::https::Https;

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
    Backup {
        #[arg(value_name = "CLASS:WHO", required_unless_present = "none")]
        to: Option<To>,
        #[arg(long, value_name = "FIELDS", required_unless_present = "none", value_delimiter = ',')]
        fields: Vec<ConsentField>,
        #[arg(long, conflicts_with_all = ["to", "fields"])]
        none: bool,
    },
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
        Command::Backup { to, fields, none: _ } => {
            let recipient = backup(&mut driver, to.as_ref(), fields)?;
            app.object(&json!({ "backup": recipient, "fields": words(fields) }))?;
            match to {
                Some(to) => app.say(Text::SetBackup, &[("name", Arg::theirs(to.who()))])?,
                None => app.say(Text::SetBackupNone, &[])?,
            }
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

/// Notes who may be asked, and what they may be told, in the vocabulary's order.
fn backup(driver: &mut Driver<Https>, to: Option<&To>, fields: &[ConsentField]) -> Result<Value, CliError> {
    to.map_or(Ok(()), To::check)?;
    let (mut fields, mut object) = (fields.to_vec(), Value::Null);
    fields.sort();
    fields.dedup();
    driver.transact(|ctx| {
        let Some(to) = to else { return engine::set_backup(ctx, None) };
        let to = to.find(ctx)?;
        object = Names::load(ctx)?.json(&to);
        engine::set_backup(ctx, Some(&Backup { to, fields: fields.clone() }))
    })?;
    Ok(object)
}

fn words(fields: &[ConsentField]) -> Vec<String> {
    fields.iter().map(ToString::to_string).collect()
}
