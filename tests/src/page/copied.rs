//! What a reader copies out of what was printed.

use std::collections::BTreeMap;

/// Which of the numbers in an output is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one that stands first.
    First,
    /// The one that stands second.
    Second,
    /// The one that stands last.
    Last,
}

/// What a reader copied, by the word in capitals that stands for it on the page.
#[derive(Debug, Clone)]
pub struct Copied {
    values: BTreeMap<&'static str, String>,
    /// The beginning of a command, and what its output gives.
    rules: &'static [(&'static str, &'static str, Which)],
}

impl Copied {
    /// Has a relay link. `rules`: the beginning of a command, the word for what its output shows, and which number of
    /// the output that is.
    pub fn new(link: &str, rules: &'static [(&'static str, &'static str, Which)]) -> Self {
        Self { values: BTreeMap::from([("LINK", link.to_owned())]), rules }
    }

    /// Has something that no command prints.
    pub fn put(&mut self, word: &'static str, value: &str) {
        self.values.insert(word, value.to_owned());
    }

    /// A word of the page with what was copied in its place.
    pub fn fill(&self, word: &str) -> String {
        self.values.get(word).cloned().unwrap_or_else(|| word.to_owned())
    }

    /// Looks at what a command printed: a card, and the numbers of things.
    pub fn look(&mut self, words: &[String], printed: &str) {
        let command = words.join(" ");
        let mut numbers = Vec::new();
        for word in printed.split_whitespace() {
            if word.starts_with("himaya-card:") {
                self.put("CARD", word);
            }
            if word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
                numbers.push(word);
            }
        }
        for (beginning, word, which) in self.rules {
            let number = match which {
                Which::First => numbers.first(),
                Which::Second => numbers.get(1),
                Which::Last => numbers.last(),
            };
            if let Some(number) = number.filter(|_| command.starts_with(beginning)) {
                self.put(word, number);
            }
        }
    }
}
