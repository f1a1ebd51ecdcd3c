//! A program in a real terminal: tmux with a server of its own, whose screen is read as text.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, ensure};

use super::until;

/// A program in a terminal of its own. Its tmux server is ended when this is dropped.
#[derive(Debug)]
pub struct Tmux {
    socket: String,
}

impl Tmux {
    /// Whether tmux can be run here.
    pub fn is_here() -> bool {
        Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success())
    }

    /// Starts a program in a terminal of this size, with these variables beside those of this process.
    pub fn start(size: (u16, u16), program: &Path, words: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let tmux = Self { socket: format!("himaya-test-{}-{number}", std::process::id()) };
        let mut command = tmux.command();
        command.args(["-f", "/dev/null", "new-session", "-d", "-s", "board"]);
        command.args(["-x", &size.0.to_string(), "-y", &size.1.to_string()]);
        for (name, value) in variables {
            command.arg("-e").arg(format!("{name}={value}"));
        }
        // More than one word is run as it is, without a shell. What the program leaves behind is read too.
        command.arg(program).args(words).args([";", "set-option", "-g", "remain-on-exit", "on"]);
        run(command)?;
        Ok(tmux)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", &self.socket]);
        command
    }

    /// What stands on the screen, line by line, after what has scrolled off it.
    pub fn screen(&self) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(["capture-pane", "-p", "-S", "-", "-t", "board"]);
        run(command)
    }

    /// What stands on the screen now, line by line.
    pub fn visible(&self) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(["capture-pane", "-p", "-t", "board"]);
        run(command)
    }

    /// Types a text as it is.
    pub fn type_in(&self, text: &str) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["send-keys", "-t", "board", "-l", text]);
        run(command).map(drop)
    }

    /// Presses a key by the name that tmux has for it, such as `Enter`.
    pub fn press(&self, key: &str) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["send-keys", "-t", "board", key]);
        run(command).map(drop)
    }

    /// Gives the terminal another size.
    pub fn resize(&self, (width, height): (u16, u16)) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["resize-window", "-t", "board", "-x", &width.to_string(), "-y", &height.to_string()]);
        run(command).map(drop)
    }

    /// Waits until the screen has all of these; the screen.
    pub fn shows(&self, wanted: &[&str]) -> anyhow::Result<String> {
        self.shows_that(&wanted.join(", "), |screen| wanted.iter().all(|text| screen.contains(text)))
    }

    /// Waits until the screen is as it has to be; the screen.
    pub fn shows_that(&self, what: &str, wanted: impl Fn(&str) -> bool) -> anyhow::Result<String> {
        let mut last = String::new();
        let found = until(what, || {
            last = self.screen()?;
            Ok(wanted(&last).then(|| last.clone()))
        });
        found.with_context(|| format!("the screen was:\n{last}"))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.command().arg("kill-server").output();
    }
}

fn run(mut command: Command) -> anyhow::Result<String> {
    let output = command.output().context("tmux cannot be run")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
