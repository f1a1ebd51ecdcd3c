//! Passphrases: from the terminal without echo, or from a file that only its owner may read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::TerminalError;

/// A passphrase, wiped from memory when dropped.
pub type Passphrase = Zeroizing<String>;

/// The longest passphrase, in bytes.
pub const PASSPHRASE_MAX: usize = 1_024;

/// Shows a prompt on the terminal and reads a line without echo. The terminal itself, never the standard input.
pub fn prompt(prompt: &str) -> io::Result<Passphrase> {
    rpassword::prompt_password(prompt).map(Zeroizing::new)
}

/// Asks for a passphrase by way of [`prompt`] or, in tests, of something like it.
pub fn ask(mut read: impl FnMut(&str) -> io::Result<Passphrase>, question: &str) -> Result<Passphrase, TerminalError> {
    read(question).map_err(|_| TerminalError::NoTerminal)
}

/// Asks for a new passphrase twice and takes it when both are the same.
pub fn ask_new(
    mut read: impl FnMut(&str) -> io::Result<Passphrase>,
    question: &str,
    again: &str,
) -> Result<Passphrase, TerminalError> {
    let first = ask(&mut read, question)?;
    let second = ask(&mut read, again)?;
    if *first == *second { Ok(first) } else { Err(TerminalError::Differs) }
}

/// Reads the first line of a file, without its line break. What follows it is not looked at.
///
/// On Unix a file to which anybody but its owner has any access is refused: whoever can read it has the profile.
pub fn read_file(path: &Path) -> Result<Passphrase, TerminalError> {
    let unreadable = |cause| TerminalError::FileUnreadable { path: path.to_owned(), cause };
    let bad = || TerminalError::FileBad(path.to_owned());
    let mut file = File::open(path).map_err(unreadable)?;
    if is_open_to_others(&file).map_err(unreadable)? {
        return Err(TerminalError::FileOpen(path.to_owned()));
    }
    // Room for the longest passphrase and CR LF, allocated once, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSPHRASE_MAX + 2));
    let mut byte = Zeroizing::new([0]);
    while file.read(&mut *byte).map_err(unreadable)? == 1 {
        let [byte] = *byte;
        if byte == b'\n' {
            break;
        }
        if bytes.len() > PASSPHRASE_MAX {
            return Err(bad());
        }
        bytes.push(byte);
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    if bytes.is_empty() || bytes.len() > PASSPHRASE_MAX {
        return Err(bad());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| bad())?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Asks the opened file, not the path, so that it cannot be exchanged in between.
#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_file: &File) -> io::Result<bool> {
    Ok(false)
}
