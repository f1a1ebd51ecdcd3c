//! Lines that are safe to print, whoever wrote them.

use std::io::Write;

use himaya_protocol::content::display::{self, FSI, PDI};

use super::TerminalError;

const INDENT: &str = "  ";

/// Writes for a person, line by line.
///
/// A terminal that shows right-to-left text turns a whole line around, ids included, so the three kinds of line never
/// mix: what we [`say`](Screen::say), what is [`machine`](Screen::machine) text, what other people wrote
/// ([`quote`](Screen::quote)).
#[derive(Debug)]
pub struct Screen<W> {
    out: W,
}

impl<W: Write> Screen<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// A text of ours, as [`crate::text::Texts`] made it; one line or more.
    ///
    /// Control characters are neutralised once more in case a value was not; the isolates that the texts put around
    /// other people's words stay.
    pub fn say(&mut self, text: &str) -> Result<(), TerminalError> {
        self.lines("", text, ours)
    }

    /// As [`Self::say`], but what is typed next stands behind it.
    pub fn ask(&mut self, text: &str) -> Result<(), TerminalError> {
        let text = ours(text);
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// As [`Self::say`], indented: what belongs to the line before.
    pub fn detail(&mut self, text: &str) -> Result<(), TerminalError> {
        self.lines(INDENT, text, ours)
    }

    /// An id, a card, a command, a path: indented, on a line of its own, with nothing in it that copying would take
    /// along.
    pub fn machine(&mut self, text: &str) -> Result<(), TerminalError> {
        self.lines(INDENT, text, display::clean)
    }

    /// What another person wrote, every line of it cleaned, indented and isolated.
    pub fn quote(&mut self, text: &str) -> Result<(), TerminalError> {
        self.lines(INDENT, &display::clean_lines(text), display::isolate)
    }

    /// A card as a QR code, see [`super::draw`].
    pub fn qr(&mut self, text: &str, ground: super::Ground) -> Result<(), TerminalError> {
        self.out.write_all(super::draw(text, ground)?.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// An empty line.
    pub fn gap(&mut self) -> Result<(), TerminalError> {
        Ok(self.out.write_all(b"\n")?)
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn lines(&mut self, indent: &str, text: &str, safe: impl Fn(&str) -> String) -> Result<(), TerminalError> {
        for line in text.split('\n') {
            let line = safe(line);
            let indent = if line.is_empty() { "" } else { indent };
            self.out.write_all(format!("{indent}{line}\n").as_bytes())?;
        }
        Ok(self.out.flush()?)
    }
}

/// Cleans the parts between isolates and keeps the isolates.
fn ours(line: &str) -> String {
    let parts = line.split_inclusive([FSI, PDI]);
    parts
        .map(|part| match part.strip_suffix([FSI, PDI]) {
            Some(before) => format!("{}{}", display::clean(before), part.strip_prefix(before).unwrap_or_default()),
            None => display::clean(part),
        })
        .collect()
}
