//! `himaya watch` as a process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::relay::terminate;
use super::{LIMIT, until};

/// A running `himaya --json watch`. Killed when dropped.
#[derive(Debug)]
pub struct WatchProcess {
    child: Child,
    lines: Receiver<String>,
}

impl WatchProcess {
    pub(super) fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.spawn().context("himaya cannot be run")?;
        let (Some(out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("a piped process has pipes");
        };
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        // Read, so that the process never waits for a reader.
        std::thread::spawn(move || err.read_to_end(&mut Vec::new()));
        Ok(Self { child, lines })
    }

    /// The next object that `wanted` accepts; others are passed over.
    pub fn next(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        loop {
            let Ok(line) = self.lines.recv_timeout(LIMIT) else { bail!("watch never told of {what}") };
            let object: Value = serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))?;
            if wanted(&object) {
                return Ok(object);
            }
        }
    }

    /// The next object whose `news` is this word.
    pub fn news(&self, word: &str) -> anyhow::Result<Value> {
        self.next(word, |object| object.get("news").and_then(Value::as_str) == Some(word))
    }

    /// The process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        terminate(&self.child)?;
        self.wait()
    }

    /// Waits until it ends by itself, as at a named crash point.
    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let child = &mut self.child;
        until("watch to end", || Ok(child.try_wait()?))
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for WatchProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
