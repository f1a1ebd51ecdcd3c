//! Output for programs: JSON (RFC 8259), one object a line.

use std::io::{self, Write};

use himaya_protocol::content::display;
use serde::Serialize;

use super::TerminalError;

/// Writes one JSON object a line and flushes after each, so that whoever reads a pipe sees it at once.
///
/// Strings hold what people wrote, unchanged; characters that could disturb a terminal are written as JSON escapes, such
/// as `\u202e`.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes one object.
    pub fn write(&mut self, object: &impl Serialize) -> Result<(), TerminalError> {
        let mut line = escape(&serde_json::to_string(object).map_err(io::Error::from)?);
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// Only strings hold anything but visible ASCII in compact JSON, so an escape is valid wherever one is needed.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        let mut utf8 = [0; 4];
        let utf8 = c.encode_utf8(&mut utf8);
        if c.is_ascii_graphic() || c == ' ' || display::clean(utf8) == *utf8 {
            escaped.push(c);
        } else {
            let mut utf16 = [0; 2];
            c.encode_utf16(&mut utf16).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
    }
    escaped
}
