//! `himaya completions`: what a shell needs to complete commands by the tabulator key.

use clap_complete::{Shell, generate};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut super::command(&app.texts), super::NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    app.object(&json!({ "shell": arguments.shell.to_string(), "script": script }))?;
    app.print(&script)?;
    Ok(Exit::Done)
}
