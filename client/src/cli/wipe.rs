//! `himaya wipe`: takes this profile off the device.

use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use crate::text::Text;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long)]
    yes: bool,
}

/// Asks for no passphrase: whoever holds the device can destroy it anyhow, and there may be no time.
pub(super) fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    if !arguments.yes {
        if !app.asks() {
            return Err(CliError::NeedsYes);
        }
        let word = app.texts.say(Text::WipeWord, &[]);
        let typed = app.line(Text::AskWipe)?;
        if typed.trim().to_lowercase() != word.to_lowercase() {
            app.say(Text::WipeNot, &[])?;
            return Ok(Exit::Done);
        }
    }
    app.wipe()?;
    app.object(&json!({ "wiped": true }))?;
    app.say(Text::Wiped, &[])?;
    Ok(Exit::Done)
}
