//! What a terminal is good and bad for: lines that are safe to print, QR codes, passphrases, JSON for programs.
//!
//! Nothing here opens the standard output: the binary passes writers in.

mod json;
mod passphrase;
mod qr;
mod question;
mod screen;

use std::io;
use std::path::PathBuf;

pub use json::JsonLines;
pub use passphrase::{PASSPHRASE_MAX, Passphrase, ask, ask_new, prompt, read_file};
pub use qr::{Ground, draw};
pub use question::{number, read_line};
pub use screen::Screen;

/// Why something could not be shown or asked.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// There is no terminal to ask at.
    #[error("there is no terminal to ask for the passphrase")]
    NoTerminal,
    /// There is no terminal to draw on.
    #[error("there is no terminal to draw on")]
    NoScreen,
    /// A new passphrase was typed differently the second time.
    #[error("the two passphrases differ")]
    Differs,
    /// The passphrase file cannot be opened or read.
    #[error("{path}: {cause}")]
    FileUnreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The passphrase file may be read or written by others.
    #[error("{0}: others have access to the passphrase file")]
    FileOpen(PathBuf),
    /// The first line of the passphrase file is empty, longer than [`PASSPHRASE_MAX`] or not UTF-8.
    #[error("{0}: the first line is no passphrase")]
    FileBad(PathBuf),
    /// The output cannot be written.
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
    /// The text does not fit a QR code.
    #[error("the text does not fit a QR code")]
    QrTooLong,
}

#[cfg(test)]
mod tests;
