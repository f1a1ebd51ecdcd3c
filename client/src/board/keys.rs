//! Keys, whatever terminal they come from.

use crate::text::Text;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Down.
    Down,
    /// Up.
    Up,
    /// Left.
    Left,
    /// Right.
    Right,
    /// Page down.
    PageDown,
    /// Page up.
    PageUp,
    /// Home.
    Home,
    /// End.
    End,
    /// Backspace.
    Backspace,
    /// Ctrl-W: the word before the cursor.
    BackspaceWord,
    /// Delete.
    Delete,
    /// Ctrl-C, or the end of the terminal.
    Interrupt,
}

/// What the help says: keys, and what they do.
pub(super) const HELP: &[(&str, Text)] = &[
    ("j k ↓ ↑", Text::BoardKeyMove),
    ("Enter", Text::BoardKeyOpen),
    ("a", Text::BoardKeyAck),
    ("t", Text::BoardKeyTake),
    ("1 2 3 4", Text::BoardKeyPriority),
    ("s", Text::BoardKeyStatus),
    ("r", Text::BoardKeyReply),
    ("n", Text::BoardKeyNote),
    ("v", Text::BoardKeyVerify),
    ("m", Text::BoardKeyMatch),
    ("f", Text::BoardKeyRefer),
    ("h", Text::BoardKeyHand),
    ("/", Text::BoardKeyFilter),
    ("Space", Text::BoardKeyLetIn),
    ("u", Text::BoardKeyUndo),
    ("q", Text::BoardKeyQuit),
];
