//! A command that is run when something happens that somebody must hear of.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use himaya_protocol::content::CaseId;

use crate::board::row::short_id;
use crate::board::told::Told;

/// A command, and those of its runs that have not ended.
pub(super) struct Hook {
    command: Option<PathBuf>,
    running: Vec<Child>,
}

impl Hook {
    pub(super) fn new(command: Option<PathBuf>) -> Self {
        Self { command, running: Vec::new() }
    }

    /// Runs the command, without a shell, with what happened and the beginning of the case's id. Nobody waits for it.
    pub(super) fn tell(&mut self, told: Told, case: &CaseId) -> io::Result<()> {
        let Some(command) = &self.command else { return Ok(()) };
        let mut command = Command::new(command);
        command.arg(told.word()).arg(short_id(case));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.running.push(command.spawn()?);
        Ok(())
    }

    /// Lets go of the runs that have ended.
    pub(super) fn reap(&mut self) {
        self.running.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}
