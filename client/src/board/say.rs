//! What the board says, before it is in a language.

use crate::text::{Arg, Text, Texts};

/// A message with what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    text: Text,
    args: Vec<(&'static str, Part)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Theirs(String),
    Ours(Message),
    Plain(String),
    Number(u64),
}

impl Message {
    /// A message without anything in it.
    pub fn new(text: Text) -> Self {
        Self { text, args: Vec::new() }
    }

    /// With what another person wrote.
    #[must_use]
    pub fn theirs(mut self, name: &'static str, text: &str) -> Self {
        self.args.push((name, Part::Theirs(text.to_owned())));
        self
    }

    /// With a message of ours.
    #[must_use]
    pub fn ours(mut self, name: &'static str, message: Self) -> Self {
        self.args.push((name, Part::Ours(message)));
        self
    }

    /// With a word of ours that is in its language already.
    #[must_use]
    pub fn plain(mut self, name: &'static str, word: String) -> Self {
        self.args.push((name, Part::Plain(word)));
        self
    }

    /// With a number.
    #[must_use]
    pub fn number(mut self, name: &'static str, number: u64) -> Self {
        self.args.push((name, Part::Number(number)));
        self
    }

    /// In a language.
    pub fn say(&self, texts: &Texts) -> String {
        let inner: Vec<String> = self.args.iter().map(|(_, part)| part.said(texts)).collect();
        let args: Vec<(&str, Arg<'_>)> = self
            .args
            .iter()
            .zip(&inner)
            .map(|((name, part), said)| match part {
                Part::Theirs(text) => (*name, Arg::theirs(text)),
                Part::Ours(_) | Part::Plain(_) => (*name, Arg::ours(said)),
                Part::Number(number) => (*name, (*number).into()),
            })
            .collect();
        texts.say(self.text, &args)
    }
}

impl Part {
    fn said(&self, texts: &Texts) -> String {
        match self {
            Self::Ours(message) => message.say(texts),
            Self::Plain(word) => word.clone(),
            Self::Theirs(_) | Self::Number(_) => String::new(),
        }
    }
}
