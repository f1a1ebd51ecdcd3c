//! docs/defender.md, line by line as a new user types it, with the real programs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{Answer, Home, RelayProcess};

const PAGE: &str = include_str!("../../docs/defender.md");

/// The commands of the page: who types them, and their words.
fn lines() -> Vec<(String, Vec<String>)> {
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let lines = blocks.flat_map(|(block, _)| block.lines());
    lines
        .map(|line| match line.split_once(": himaya ") {
            Some((who, command)) => (who.to_owned(), words(command)),
            None => ("dilan".to_owned(), words(line.strip_prefix("himaya ").unwrap_or(line))),
        })
        .collect()
}

/// Words as a shell divides them; quotes keep what is between them together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// A reader: whose devices there are, and what was copied out of what was printed.
struct Reader {
    people: BTreeMap<String, Home>,
    copied: BTreeMap<&'static str, String>,
}

impl Reader {
    fn types(&mut self, at: &Path, who: &str, words: &[String]) -> anyhow::Result<Answer> {
        if !self.people.contains_key(who) {
            self.people.insert(who.to_owned(), Home::new(at, who)?);
        }
        let home = self.people.get(who).context("somebody has a device")?;
        let words: Vec<String> = words
            .iter()
            .map(|word| match word.as_str() {
                "plan.txt" | "pages" => at.join(word).to_string_lossy().into_owned(),
                word => self.copied.get(word).cloned().unwrap_or_else(|| word.to_owned()),
            })
            .collect();
        let run = home.command(words.iter().map(String::as_str)).for_people();
        // The one command that asks; Enter alone takes the first answer of each question.
        let answer = if words == ["alert"] { run.at_terminal("\n\n\n\n")? } else { run.run()? };
        let answer = answer.ended(0).with_context(|| format!("{who}: himaya {}", words.join(" ")))?;
        self.copy(&words, &answer.out);
        Ok(answer)
    }

    /// Remembers what the next commands need: the last card, the number of the last alert, that of check-ins.
    fn copy(&mut self, words: &[String], out: &str) {
        let plan = words.first().is_some_and(|word| word == "checkin");
        for word in out.split_whitespace() {
            if word.starts_with("himaya-card:") {
                self.copied.insert("CARD", word.to_owned());
            }
            if word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
                self.copied.insert(if plan { "PLAN" } else { "ID" }, word.to_owned());
            }
        }
    }
}

#[test]
fn the_defenders_page_works_as_it_is_printed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let mut relay = RelayProcess::init(&at.join("relay"))?;
    relay.serve()?;
    std::fs::write(at.join("plan.txt"), "the road to the north\n")?;
    let copied = BTreeMap::from([("LINK", relay.link().to_owned())]);
    let mut reader = Reader { people: BTreeMap::new(), copied };
    let lines = lines();
    ensure!(lines.len() > 25, "the page has its commands: {lines:?}");
    for (number, (who, words)) in lines.iter().enumerate() {
        let answer = reader.types(at, who, words)?;
        let line = words.join(" ");
        let expected = match (who.as_str(), line.as_str()) {
            (_, "sos") => "The relay has it.",
            (_, "drill raid") => "EXERCISE",
            ("sara", "inbox") if number < 15 => "EXERCISE",
            ("dilan", "st") if number < 15 => "Someone is acting",
            (_, "alert") => "is queued",
            ("dilan", "ok") => "The relay has it.",
            ("sara", "checkin list") => "Check-ins of",
            (_, "st") => "Last in touch",
            _ => continue,
        };
        ensure!(answer.out.contains(expected), "himaya {line} does not say {expected:?}: {}", answer.out);
        ensure!(!answer.out.contains("the road to the north"), "what is sealed is shown: {}", answer.out);
    }
    ensure!(at.join("pages/himaya-sos.1").exists());
    Ok(())
}
