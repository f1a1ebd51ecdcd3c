//! What stands for a `{ $name }` in a message.

use fluent_bundle::FluentValue;
use himaya_protocol::content::display;

/// A value for a message, by whose it is.
#[derive(Debug, Clone)]
pub struct Arg<'a>(pub(super) FluentValue<'a>);

impl<'a> Arg<'a> {
    /// What another person wrote, or the user as others will see it: names, notes. Cleaned, on one line, isolated.
    pub fn theirs(text: &str) -> Self {
        Self(display::isolate(text).into())
    }

    /// What machines read: ids, cards, links, commands, paths. Cleaned; nothing is added that copying would take along.
    pub fn machine(text: &str) -> Self {
        Self(display::clean(text).into())
    }

    /// What this program says itself: words, times, other messages. As it is.
    pub fn ours(text: &'a str) -> Self {
        Self(text.into())
    }
}

impl From<usize> for Arg<'_> {
    fn from(number: usize) -> Self {
        Self(number.into())
    }
}

impl From<u64> for Arg<'_> {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}
