//! `himaya-relay completions SHELL` and `himaya-relay man DIR`

use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use super::CliError;

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// Which shell.
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct Manual {
    /// The folder to write them to.
    dir: PathBuf,
}

pub(super) fn completions(arguments: &Completions, out: &mut impl Write) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), super::NAME, &mut script);
    Ok(out.write_all(&script)?)
}

pub(super) fn manual(arguments: &Manual, out: &mut impl Write) -> Result<(), CliError> {
    let dir = &arguments.dir;
    let failed = |source| CliError::File { path: dir.clone(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(super::Arguments::command(), dir).map_err(failed)?;
    Ok(writeln!(out, "To read the first: man -l {}", dir.join(super::NAME).with_extension("1").display())?)
}
