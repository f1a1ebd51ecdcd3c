//! Somebody who follows a page with the real programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::{Copied, Line};
use crate::binaries::{Answer, Home};

/// Somebody who follows a page, at the devices of everybody whom it names.
#[derive(Debug)]
pub struct Reader {
    at: PathBuf,
    /// Whose page it is.
    me: &'static str,
    people: BTreeMap<String, Home>,
    copied: Copied,
    /// What is typed at the terminal, by the first word of the command that asks.
    typed: &'static [(&'static str, &'static str)],
}

impl Reader {
    /// Reads in the folder `at`, where files are looked for and written. `me` types what the page gives nobody else.
    pub fn new(at: &Path, me: &'static str, copied: Copied, typed: &'static [(&'static str, &'static str)]) -> Self {
        Self { at: at.to_owned(), me, people: BTreeMap::new(), copied, typed }
    }

    /// Types a command, which must end well and print what the page quotes.
    pub fn types(&mut self, line: &Line) -> anyhow::Result<Answer> {
        let who = line.who.as_deref().unwrap_or(self.me).to_owned();
        let said = format!("{who}: {} {}", line.program, line.words.join(" "));
        ensure!(line.program == "himaya", "{said}: another program");
        if !self.people.contains_key(&who) {
            self.people.insert(who.clone(), Home::new(&self.at, &who)?);
        }
        let home = self.people.get(&who).context("everybody has a device")?;
        let words: Vec<String> = line.words.iter().map(|word| self.copied.fill(word)).collect();
        let run = home.command(words.iter().map(String::as_str)).in_folder(&self.at).for_people();
        let typed = self.typed.iter().find(|(first, _)| line.words.first().is_some_and(|word| word == first));
        let answer = match typed {
            Some((_, keys)) => run.at_terminal(keys)?,
            None => run.run()?,
        };
        let answer = answer.ended(0).with_context(|| said.clone())?;
        self.copied.look(&line.words, &answer.out);
        self.compare(line, &answer.out).with_context(|| said)?;
        Ok(answer)
    }

    /// Every line that the page quotes must stand in the output, in the page's order.
    fn compare(&self, line: &Line, out: &str) -> anyhow::Result<()> {
        let mut printed = out.lines().map(plain);
        for quoted in line.quoted.iter().filter(|quoted| quoted.trim() != "…") {
            let filled: Vec<String> = quoted.split_whitespace().map(|word| self.copied.fill(word)).collect();
            let filled = filled.join(" ");
            ensure!(printed.any(|line| line == filled), "the page says {filled:?}, and what is printed is\n{out}");
        }
        Ok(())
    }
}

/// A line without its indentation and without the characters that keep directions apart, which nobody sees.
fn plain(line: &str) -> String {
    let shown: String = line.chars().filter(|c| !matches!(c, '\u{2068}' | '\u{2069}')).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}
