//! `himaya man`: writes the manual pages, one for each command.

use std::path::PathBuf;

use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use crate::text::{Arg, Text};

/// The page that leads to all others.
const FIRST: &str = "himaya.1";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let folder = &arguments.folder;
    let failed = |cause| CliError::Written { path: folder.clone(), cause };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(super::command(&app.texts), folder).map_err(failed)?;
    app.object(&json!({ "folder": folder.to_string_lossy() }))?;
    app.say(Text::ManWritten, &[("path", Arg::machine(&folder.join(FIRST).to_string_lossy()))])?;
    Ok(Exit::Done)
}
