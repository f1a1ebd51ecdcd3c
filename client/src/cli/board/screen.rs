//! The terminal: a screen of its own while the board is open, and keys as they come.

use std::io::{BufWriter, Write};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::super::error::CliError;
use crate::board::render::{Look, draw};
use crate::board::{Key, Model};
use crate::terminal::TerminalError;
use crate::text::Texts;

type Out<'a> = &'a mut (dyn Write + Send);

/// The terminal while the board is open. Dropping it gives the terminal back as it was.
pub(super) struct Screen<'a> {
    terminal: Terminal<CrosstermBackend<BufWriter<Out<'a>>>>,
    look: Look,
}

impl<'a> Screen<'a> {
    pub(super) fn open(out: Out<'a>, colour: bool) -> Result<Self, CliError> {
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(out))).map_err(TerminalError::Output)?;
        // From here on what is changed is changed back, whatever fails.
        let mut screen = Self { terminal, look: Look { colour } };
        enable_raw_mode().map_err(TerminalError::Output)?;
        let backend = screen.terminal.backend_mut();
        execute!(backend, EnterAlternateScreen, EnableBracketedPaste).map_err(TerminalError::Output)?;
        Ok(screen)
    }

    pub(super) fn draw(&mut self, model: &mut Model, texts: &Texts) -> Result<(), CliError> {
        let look = self.look;
        self.terminal.draw(|frame| draw(frame, model, texts, look)).map_err(TerminalError::Output)?;
        Ok(())
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // Nothing is left to do when the terminal is gone.
        let _gone = execute!(self.terminal.backend_mut(), DisableBracketedPaste, LeaveAlternateScreen);
        let _gone = self.terminal.show_cursor();
        let _gone = disable_raw_mode();
    }
}

/// A key as the board knows it; `None` for what means nothing here.
pub(super) fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
        return None;
    }
    if let KeyCode::Char(c) = event.code {
        return match (control, c) {
            (false, c) => Some(Key::Char(c)),
            (true, 'c') => Some(Key::Interrupt),
            (true, 'w') => Some(Key::BackspaceWord),
            (true, 'n') => Some(Key::Down),
            (true, 'p') => Some(Key::Up),
            (true, _) => None,
        };
    }
    let keys = [
        (KeyCode::Enter, Key::Enter),
        (KeyCode::Esc, Key::Esc),
        (KeyCode::Down, Key::Down),
        (KeyCode::Up, Key::Up),
        (KeyCode::Left, Key::Left),
        (KeyCode::Right, Key::Right),
        (KeyCode::PageDown, Key::PageDown),
        (KeyCode::PageUp, Key::PageUp),
        (KeyCode::Home, Key::Home),
        (KeyCode::End, Key::End),
        (KeyCode::Backspace, Key::Backspace),
        (KeyCode::Delete, Key::Delete),
    ];
    keys.into_iter().find(|(code, _)| *code == event.code).map(|(_, key)| key)
}
