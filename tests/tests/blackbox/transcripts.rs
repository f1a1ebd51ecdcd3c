//! What people read: transcripts of commands and all that they print, in `transcripts/*.txt`.
//!
//! ```text
//! $ dilan circle new home            who, and the command; CARD, ID and LINK stand for the newest ones printed
//! The circle home is ready.          the standard output
//! ! The relay cannot be reached.     the standard error
//! [0]                                the exit code
//! # relay stops                      something that is no command: `relay stops`, `relay starts`, or a note
//! ```
//!
//! What differs in every run is written as what it is: ID, CARD, LINK, WORDS, TIME, DATE, HOME; QR codes are left out.
//! `HIMAYA_TRANSCRIPTS=write` writes the files anew, for a person to read the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::Home;
use himaya_tests::page::words;

use crate::scene::Scene;

/// Isolates around what other people wrote (Unicode Standard Annex 9); not shown in the files.
const ISOLATES: [char; 2] = ['\u{2068}', '\u{2069}'];

struct Play {
    scene: Scene,
    people: BTreeMap<String, Home>,
    /// The newest of what differs in every run, by the word that stands for it.
    newest: BTreeMap<&'static str, String>,
}

impl Play {
    fn new() -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        let newest = BTreeMap::from([("LINK", scene.relay.link().to_owned())]);
        Ok(Self { scene, people: BTreeMap::new(), newest })
    }

    /// Plays a transcript; what it would look like now.
    fn play(&mut self, transcript: &str) -> anyhow::Result<String> {
        let mut now = String::new();
        for line in transcript.lines().filter(|line| line.starts_with(['$', '#'])) {
            writeln!(now, "{line}")?;
            match line {
                "# relay stops" => drop(self.scene.relay.terminate()?),
                "# relay starts" => self.scene.relay.serve()?,
                _ => (),
            }
            if let Some(command) = line.strip_prefix("$ ") {
                now.push_str(&self.command(command)?);
            }
        }
        Ok(now)
    }

    fn command(&mut self, line: &str) -> anyhow::Result<String> {
        let mut words = words(line);
        let who = words.remove(0);
        let root = self.scene.root.path();
        if !self.people.contains_key(&who) {
            self.people.insert(who.clone(), Home::new(root, &who)?);
        }
        for word in &mut words {
            if let Some(newest) = self.newest.get(word.as_str()) {
                newest.clone_into(word);
            }
        }
        let home = &self.people[&who];
        let answer = home.command(words.iter().map(String::as_str)).for_people().run()?;
        let (out, err) = (self.settle(&answer.out)?, self.settle(&answer.err)?);
        let mut said = String::new();
        out.lines().try_for_each(|line| writeln!(said, "{line}"))?;
        err.lines().try_for_each(|line| writeln!(said, "{}", format!("! {line}").trim_end()))?;
        writeln!(said, "[{}]\n", answer.code.context("the command ends by itself")?)?;
        Ok(said)
    }

    /// Names what differs in every run, and remembers it.
    fn settle(&mut self, text: &str) -> anyhow::Result<String> {
        let mut lines = Vec::new();
        let root = self.scene.root.path().to_string_lossy().into_owned();
        for line in text.lines().filter(|line| !line.contains(['█', '▄', '▀'])) {
            let line = line.replace(ISOLATES, "").replace(&root, "HOME");
            let trimmed = line.trim();
            let indent = &line[..line.len() - line.trim_start().len()];
            if trimmed.starts_with("himaya-card:") && trimmed.len() > 100 {
                self.newest.insert("CARD", trimmed.to_owned());
                lines.push(format!("{indent}CARD"));
            } else if trimmed.len() == 8 && trimmed.chars().all(|c| c.is_ascii_hexdigit()) {
                self.newest.insert("ID", trimmed.to_owned());
                lines.push(format!("{indent}ID"));
            } else if is_words(trimmed) && !indent.is_empty() {
                lines.push(format!("{indent}WORDS"));
            } else {
                lines.push(timeless(&line));
            }
        }
        Ok(lines.join("\n"))
    }
}

/// Four words to compare.
fn is_words(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let short = |word: &&str| (3..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.len() == 4 && words.iter().all(short) && words[0] != "himaya"
}

/// Replaces times that depend on how fast the test runs, and dates.
fn timeless(line: &str) -> String {
    let mut line = line.replace("just now", "TIME").replace("a minute ago", "TIME");
    if let Some((before, after)) = line.split_once(" minutes ago") {
        line = format!("{}TIME{after}", before.trim_end_matches(|c: char| c.is_ascii_digit()));
    }
    let Some(utc) = line.find(" UTC") else { return line };
    let start = utc.saturating_sub("2026-03-01 14:30".len());
    match line.get(start..utc) {
        Some(date) if date.starts_with("20") => line.replace(date, "DATE"),
        Some(_) | None => line,
    }
}

/// Plays a file and holds it to what is printed now.
fn transcript(name: &str) -> anyhow::Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/blackbox/transcripts/{name}.txt"));
    let written = std::fs::read_to_string(&path)?;
    let now = Play::new()?.play(&written)?;
    if std::env::var_os("HIMAYA_TRANSCRIPTS").is_some_and(|wish| wish == "write") {
        return Ok(std::fs::write(&path, &now)?);
    }
    let differ = now.lines().zip(written.lines()).find(|(now, written)| now != written);
    ensure!(
        differ.is_none(),
        "{name}.txt has {:?}, but now it is {:?}:\n{now}",
        differ.map(|d| d.1),
        differ.map(|d| d.0)
    );
    ensure!(now == written, "{name}.txt is longer or shorter than what is printed now:\n{now}");
    Ok(())
}

#[test]
fn people_meet() -> anyhow::Result<()> {
    transcript("meeting")
}

#[test]
fn an_alert_is_raised_answered_and_cleared() -> anyhow::Result<()> {
    transcript("alert")
}

#[test]
fn the_relay_is_away() -> anyhow::Result<()> {
    transcript("offline")
}

#[test]
fn mistakes_are_explained_with_the_next_step() -> anyhow::Result<()> {
    transcript("mistakes")
}

#[test]
fn what_differs_in_every_run_is_named() {
    assert_eq!(timeless("  Expires: 2026-11-25 04:26 UTC"), "  Expires: DATE UTC");
    for time in ["just now", "a minute ago", "12 minutes ago"] {
        assert_eq!(timeless(&format!("Acting: Sara, {time}.")), "Acting: Sara, TIME.");
    }
    assert!(is_words("gap year offer junk") && !is_words("himaya card new now") && !is_words("three words only"));
}
