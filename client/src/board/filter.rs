//! Which cases are shown.

use himaya_protocol::content::display;

use super::render::what;
use super::row::Row;
use crate::text::{Text, Texts};

/// The word that lets ended cases in.
const ALL: &str = "all";

/// Words that a case must have, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    words: Vec<String>,
    ended: bool,
}

impl Filter {
    /// Reads what somebody typed.
    pub fn new(typed: &str) -> Self {
        let words: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
        Self { ended: words.iter().any(|word| word == ALL), words: words.into_iter().filter(|w| w != ALL).collect() }
    }

    /// Whether everything open is shown.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.ended
    }

    /// The words as they were read.
    pub fn typed(&self) -> String {
        let all = self.ended.then_some(ALL);
        self.words.iter().map(String::as_str).chain(all).collect::<Vec<_>>().join(" ")
    }

    /// Whether a case is shown.
    pub fn takes(&self, row: &Row, texts: &Texts) -> bool {
        if row.ended && !self.ended {
            return false;
        }
        if self.words.is_empty() {
            return true;
        }
        let text = haystack(row, texts).to_lowercase();
        self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// All that a row says, in words and in those of the wire.
fn haystack(row: &Row, texts: &Texts) -> String {
    let mut text = vec![
        row.priority.to_string(),
        texts.word(&row.priority),
        row.status.to_string(),
        texts.word(&row.status),
        data_encoding::HEXLOWER.encode(row.id.as_bytes()),
    ];
    text.push(what(row, texts));
    text.extend(row.place.clone());
    text.extend(row.grade.clone());
    text.extend(row.exercise.then(|| texts.say(Text::BoardExercise, &[])));
    let people = row.lead.iter().chain(&row.backups).chain(&row.defender);
    text.extend(people.map(|name| display::clean(name)));
    text.join(" ")
}
