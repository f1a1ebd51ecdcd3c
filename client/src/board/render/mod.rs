//! The screen, drawn whole each time; only the cases that are on it are looked at.
//!
//! From 80 columns and 24 lines on everything can be read; on less it is cut off, never broken.

mod cells;
mod detail;
mod list;
mod paint;

pub(super) use cells::what;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::keys::HELP;
use super::model::{Mode, Model};
use crate::text::{Text, Texts};
use paint::Canvas;

/// From how many columns on a case takes one line instead of two.
pub const WIDE: u16 = 132;
/// From how many lines on, on a wide screen, an open case stands below the others instead of in their place.
const TALL: u16 = 40;

/// How the screen may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colours may be used. What they say is also said by a word or a sign.
    pub colour: bool,
}

impl Look {
    fn tint(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }

    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn marked(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn alarm(self) -> Style {
        self.tint(self.strong(), Color::Red)
    }

    fn practice(self) -> Style {
        self.tint(self.strong(), Color::Cyan)
    }

    fn notice(self) -> Style {
        self.tint(self.strong(), Color::Yellow)
    }
}

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, model: &mut Model, texts: &Texts, look: Look) {
    let area = frame.area();
    if area.width == 0 || area.height == 0 {
        return;
    }
    let mut cursor = None;
    let mut canvas = Canvas::new(frame.buffer_mut(), look);
    if model.mode == Mode::Help {
        help(&mut canvas, area, texts);
        return;
    }
    let below = footer(&mut canvas, area, model, texts, &mut cursor);
    let above = header(&mut canvas, area, model, texts);
    let middle = Rect {
        y: area.y.saturating_add(above),
        height: area.height.saturating_sub(above).saturating_sub(below),
        ..area
    };
    let both = area.width >= WIDE && area.height >= TALL;
    match model.selected().cloned().filter(|_| model.detail) {
        Some(_) if both => {
            let top = middle.height.saturating_mul(2) / 5;
            list::draw(&mut canvas, Rect { height: top, ..middle }, model, texts);
            let rest = Rect { y: middle.y.saturating_add(top), height: middle.height.saturating_sub(top), ..middle };
            detail::draw(&mut canvas, rest, model, texts);
        }
        Some(_) => detail::draw(&mut canvas, middle, model, texts),
        None => list::draw(&mut canvas, middle, model, texts),
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// The head; how many lines it takes.
fn header(canvas: &mut Canvas<'_>, area: Rect, model: &Model, texts: &Texts) -> u16 {
    let minute = model.now / 60;
    // While the feed is open, what is on the relay is here.
    let synced = if model.connected { Some(minute) } else { model.facts.synced };
    let time = synced.map_or_else(|| texts.say(Text::BoardNever, &[]), |synced| texts.ago(minute, synced));
    let said = texts.say(
        Text::BoardHead,
        &[
            ("count", model.open().into()),
            ("found", model.open_urgent().into()),
            ("max", model.facts.free.into()),
            ("time", crate::text::Arg::ours(&time)),
        ],
    );
    let style = canvas.look.strong();
    canvas.put(area.x, area.y, area.width, &said, style);
    let shift: Vec<String> = model.facts.shift.iter().map(|who| model.facts.name(who)).collect();
    let said = if shift.is_empty() {
        texts.say(Text::BoardShiftNone, &[])
    } else {
        texts.say(Text::BoardShift, &[("name", crate::text::Arg::theirs(&shift.join(", ")))])
    };
    canvas.put(area.x, area.y.saturating_add(1), area.width, &said, Style::new());
    2
}

/// What stands below, from the last line upwards; how many lines it takes.
fn footer(canvas: &mut Canvas<'_>, area: Rect, model: &Model, texts: &Texts, cursor: &mut Option<(u16, u16)>) -> u16 {
    let lines = footer_lines(canvas.look, area.width, model, texts);
    // Whoever chooses has to see every choice.
    let most = if let Mode::Choosing(_) = model.mode { area.height.saturating_sub(4) } else { area.height / 2 };
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(most);
    let top = area.y.saturating_add(area.height.saturating_sub(height));
    let skipped = lines.len().saturating_sub(usize::from(height));
    for (y, line) in (top..).zip(lines.into_iter().skip(skipped)) {
        let end = canvas.put(area.x, y, area.width, &line.text, line.style);
        if line.typed {
            // The cursor stands behind what is before it; what is behind it is drawn on.
            *cursor = Some((end.min(area.right().saturating_sub(1)), y));
            canvas.put(end, y, area.right().saturating_sub(end), &line.rest, line.style);
        }
    }
    height
}

struct Line {
    text: String,
    style: Style,
    typed: bool,
    rest: String,
}

impl Line {
    fn new(text: String, style: Style) -> Self {
        Self { text, style, typed: false, rest: String::new() }
    }
}

fn footer_lines(look: Look, width: u16, model: &Model, texts: &Texts) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut say = |said: String, style: Style| {
        for line in said.lines().flat_map(|line| paint::wrap(line, usize::from(width))) {
            lines.push(Line::new(line, style));
        }
    };
    if !model.connected {
        say(texts.say(Text::BoardOffline, &[]), look.notice());
    }
    let banner = model.banner();
    if banner.new > 0 {
        let args = [("count", banner.new.into()), ("found", banner.urgent.into())];
        say(texts.say(Text::BoardNew, &args), look.marked());
    } else if banner.reordered {
        say(texts.say(Text::BoardReorder, &[]), look.faint());
    }
    if !model.filter.is_empty() {
        let args = [("name", crate::text::Arg::theirs(&model.filter.typed()))];
        say(texts.say(Text::BoardFilterOn, &args), look.faint());
    }
    for (proposal, seconds) in model.held.left(model.now).rev().take(2).collect::<Vec<_>>().into_iter().rev() {
        let practice = if proposal.exercise { texts.say(Text::BoardExercise, &[]) + " " } else { String::new() };
        let what = practice + &proposal.what.say(texts);
        let args = [("what", crate::text::Arg::ours(&what)), ("seconds", seconds.into())];
        say(texts.say(Text::BoardHeld, &args), look.strong());
    }
    if let Some(message) = &model.message {
        say(message.say(texts), look.notice());
    }
    match &model.mode {
        Mode::Cases | Mode::Help => {
            let hints = if model.detail { Text::BoardHintsDetail } else { Text::BoardHints };
            say(texts.say(hints, &[]), look.faint());
        }
        Mode::Leaving => say(texts.say(Text::BoardAskLeave, &[("count", model.held.len().into())]), look.marked()),
        Mode::Filtering(editor) => {
            say(texts.say(Text::BoardAskFilter, &[]), look.marked());
            lines.extend(typed(editor, width));
        }
        Mode::Typing(question, editor) => {
            say(question.ask.prompt(texts).say(texts), look.marked());
            lines.extend(typed(editor, width));
        }
        Mode::Choosing(question) => {
            say(question.ask.prompt(texts).say(texts), look.marked());
            for (place, choice) in question.ask.choices(texts).iter().enumerate() {
                let label = super::model::label(place);
                lines.push(Line::new(format!("  {label}  {}", paint::clean(choice)), Style::new()));
            }
        }
    }
    lines
}

/// What is being typed, in lines; the one with the cursor is the last that is shown whole.
fn typed(editor: &super::editor::Editor, width: u16) -> Vec<Line> {
    let room = usize::from(width.saturating_sub(3));
    let mut before = paint::break_up(&paint::clean(editor.before()), room);
    let last = before.pop().unwrap_or_default();
    let mut lines: Vec<Line> = before.into_iter().map(|line| Line::new(format!("> {line}"), Style::new())).collect();
    let rest = paint::clean(editor.after());
    lines.push(Line { text: format!("> {last}"), style: Style::new(), typed: true, rest });
    lines
}

fn help(canvas: &mut Canvas<'_>, area: Rect, texts: &Texts) {
    let mut y = area.y;
    let mut line = |canvas: &mut Canvas<'_>, keys: &str, said: &str, style: Style| {
        canvas.put(area.x, y, 12, keys, canvas.look.strong());
        let x = if keys.is_empty() { area.x } else { area.x.saturating_add(12) };
        canvas.put(x, y, area.right().saturating_sub(x), said, style);
        y = y.saturating_add(1);
    };
    let marked = canvas.look.marked();
    line(canvas, "", &texts.say(Text::BoardHelpTitle, &[]), marked);
    for (keys, text) in HELP {
        line(canvas, keys, &texts.say(*text, &[]), Style::new());
    }
    for text in [Text::BoardHelpOrder, Text::BoardHelpLate] {
        line(canvas, "", &texts.say(text, &[]), Style::new());
    }
}
