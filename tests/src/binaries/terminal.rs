//! A terminal of its own for a command, with somebody who types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::Answer;

/// The end of the input, as a terminal knows it: Ctrl-D on an empty line.
pub const END: &str = "\u{4}";

/// Runs a command at a terminal where `typed` is typed; what the terminal showed, echo included.
pub(super) fn run(mut command: Command, typed: &str) -> anyhow::Result<Answer> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("there are no terminals here")?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    let mut child = command.spawn().context("himaya cannot be run")?;
    // Only the child holds its end from here on, so that reading ends with it.
    drop(command);
    let mut keyboard = File::from(ours.try_clone()?);
    keyboard.write_all(typed.as_bytes())?;
    let shown = read_to_end(ours);
    let status = child.wait()?;
    Ok(Answer {
        code: status.code(),
        signal: status.signal(),
        objects: Vec::new(),
        out: String::from_utf8_lossy(&shown).replace("\r\n", "\n"),
        err: String::new(),
    })
}

/// Reads until nobody holds the other end any more, which a terminal reports as an error.
fn read_to_end(terminal: OwnedFd) -> Vec<u8> {
    let mut screen = File::from(terminal);
    let (mut shown, mut part) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = screen.read(&mut part) {
        shown.extend(part.iter().take(count));
    }
    shown
}
