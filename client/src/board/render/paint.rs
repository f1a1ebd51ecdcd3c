//! Text on the screen: cleaned, cut to its place, broken into lines.

use himaya_protocol::content::display;
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::Span;

use super::Look;

/// What is drawn on.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    pub(super) look: Look,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, look: Look) -> Self {
        Self { buffer, look }
    }

    /// Writes on one line, cut to `width` columns with an ellipsis; gives the column behind it. Outside of the screen
    /// nothing is written.
    pub(super) fn put(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let area = *self.buffer.area();
        let width = width.min(area.right().saturating_sub(x));
        if x < area.x || y < area.y || y >= area.bottom() || width == 0 {
            return x;
        }
        let text = fit(&clean(text), usize::from(width));
        self.buffer.set_stringn(x, y, &text, usize::from(width), style).0
    }

    /// Gives a stretch of a line a style.
    pub(super) fn style(&mut self, x: u16, y: u16, width: u16, style: Style) {
        let line = ratatui::layout::Rect { x, y, width, height: 1 };
        self.buffer.set_style(line.intersection(*self.buffer.area()), style);
    }
}

/// Other people's text on one line: nothing in it moves, hides or recolours anything.
pub(super) fn clean(text: &str) -> String {
    display::clean(text)
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text in at most `room` columns, with an ellipsis where it was cut.
pub(super) fn fit(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut cut = String::new();
    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
        if width(&cut) + width(grapheme.symbol) + 1 > room {
            break;
        }
        cut.push_str(grapheme.symbol);
    }
    cut.push('…');
    cut
}

/// A text in lines of at most `room` columns, broken between words where that is possible.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let Some(line) = lines.last_mut() else { break };
        if width(line) + width(word.trim_end()) <= room {
            line.push_str(word);
            continue;
        }
        let mut pieces = break_up(word, room).into_iter();
        if line.is_empty() {
            line.push_str(&pieces.next().unwrap_or_default());
        }
        lines.extend(pieces);
    }
    let indented = lines.iter().enumerate().map(|(at, line)| if at == 0 { line } else { line.trim_start() });
    indented.map(|line| line.trim_end().to_owned()).collect()
}

/// A text in pieces of at most `room` columns, broken anywhere.
pub(super) fn break_up(text: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
        let full = pieces.last().is_some_and(|piece| width(piece) + width(grapheme.symbol) > room.max(1));
        if full {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(grapheme.symbol);
        }
    }
    pieces
}
