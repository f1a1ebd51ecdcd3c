//! The page that an operator hands over: what there is, in plain words, dated.

use std::fmt::{self, Write};

use super::audit::Report;
use super::day::Day;
use crate::schema;

/// Columns of a page.
const WIDTH: usize = 78;

/// The page.
pub(super) fn write(report: &Report) -> String {
    let mut page = Page::default();
    // Writing into a string cannot fail.
    let _ = compose(report, &mut page);
    page.0
}

fn compose(report: &Report, page: &mut Page) -> fmt::Result {
    let (host, today) = (&report.config.link_host, report.today);
    let version = env!("CARGO_PKG_VERSION");
    writeln!(page.0, "{today:>WIDTH$}\n")?;
    page.say(&format!("What the relay at {host} holds"))?;
    page.say("To whom it may concern,")?;
    page.say(&format!(
        "this page says everything that this relay stores. The counts are those of {today} (UTC). It was written by the \
         relay's own program, himaya-relay {version}, from the same list by which it stores. The program's source is open: \
         anybody can check that there is nothing beside it."
    ))?;
    page.say(
        "The relay is a post box. People put in sealed boxes of two fixed sizes and others take copies. It does not know who \
         they are, keeps no accounts, and has no key to any box.",
    )?;
    page.say("1. WHAT IS STORED")?;
    for record in &schema::STORED {
        page.say(&format!("{}: {} at present, each kept {}.", record.name, report.count(record), record.kept))?;
        for field in record.fields {
            page.item(&format!("{}, {} bytes: {}", field.name, field.size, field.purpose))?;
        }
        page.gap()?;
    }
    page.say(&lifetime(report))?;
    page.say("2. HOW MUCH THERE IS")?;
    writeln!(page.0, "   {:<24} {:>10} {:>10} {:>16}", "window that begins on", "cells", "chunks", "bytes on disk")?;
    for held in &report.held {
        let begins = u64::from(held.window).saturating_mul(report.config.window.as_secs());
        let (cells, chunks, bytes) = (held.cells, held.chunks, held.bytes);
        writeln!(page.0, "   {:<24} {cells:>10} {chunks:>10} {bytes:>16}", Day::of(begins).to_string())?;
    }
    page.gap()?;
    page.say("3. FILES IN THE RELAY'S FOLDER")?;
    for place in &schema::PLACES {
        page.item(&format!("{}: {}", place.path, place.holds))?;
    }
    page.gap()?;
    page.say("4. WHAT IS NOT STORED")?;
    for absent in [
        "names, accounts, telephone numbers or e-mail addresses",
        "network (IP) addresses, devices or programs of those who connect",
        "who put a box there, who read it, or whether anybody did",
        "which boxes belong to one conversation, or that there is one",
        "times of writing or reading, but for the window in which a box arrived",
        "a log of requests",
    ] {
        page.item(absent)?;
    }
    page.gap()?;
    page.say("5. WHAT THE OPERATOR CANNOT DO")?;
    page.say(
        "The operator cannot open a box: the keys are on the devices of those who write to each other and nowhere else. The \
         operator cannot say which boxes are somebody's: the address of a box is used once and looks random. The operator \
         cannot bring back what has expired. Handing over the TLS key would open no recorded connection; it would let its \
         holder pose as this relay from then on, towards everybody who uses it.",
    )?;
    page.say(
        "Whoever runs the network or the machine around the relay may record more than the relay does. That is not part of \
         this page.",
    )?;
    page.say("Place, date, name, signature:")?;
    writeln!(page.0, "\n\n{}", "_".repeat(WIDTH / 2))
}

/// How long a box is kept, in days if it comes out even.
fn lifetime(report: &Report) -> String {
    let (window, kept) = (report.config.window.as_secs(), u64::from(report.config.retention));
    let hours = |seconds: u64| match (seconds.is_multiple_of(86_400), seconds.is_multiple_of(3_600)) {
        (true, _) => format!("{} days", seconds / 86_400),
        (false, true) => format!("{} hours", seconds / 3_600),
        (false, false) => format!("{seconds} seconds"),
    };
    format!(
        "A window lasts {}; {kept} windows are kept, the present one included, and then dropped as a whole. So a box is kept \
         for at most {}.",
        hours(window),
        hours(window.saturating_mul(kept)),
    )
}

#[derive(Default)]
struct Page(String);

impl Page {
    /// A paragraph and an empty line.
    fn say(&mut self, text: &str) -> fmt::Result {
        self.wrap("", "", text)?;
        self.gap()
    }

    fn item(&mut self, text: &str) -> fmt::Result {
        self.wrap("  - ", "    ", text)
    }

    fn gap(&mut self) -> fmt::Result {
        writeln!(self.0)
    }

    fn wrap(&mut self, first: &str, next: &str, text: &str) -> fmt::Result {
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                writeln!(self.0, "{line}")?;
                next.clone_into(&mut line);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        writeln!(self.0, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Access, Config};
    use crate::store::Census;

    #[test]
    fn the_letter_names_every_field_and_file_with_the_counts_and_the_day() {
        let config =
            Config::parse(&Config::template("127.0.0.1:1".parse().unwrap(), "relay.example.org:443", Access::Open))
                .unwrap();
        let held = vec![
            Census { window: 20_779, cells: 1_200, chunks: 3, spent: 1_203, bytes: 5_000_000 },
            Census { window: 20_780, cells: 34, chunks: 4, spent: 38, bytes: 70_000 },
        ];
        let letter = write(&Report { config, held, invites: 3, today: "2026-11-23".parse().unwrap() });
        let flowing = letter.split_whitespace().collect::<Vec<_>>().join(" ");
        for record in &schema::STORED {
            for field in record.fields {
                assert!(flowing.contains(&format!("{}, {} bytes: {}", field.name, field.size, field.purpose)));
            }
        }
        for place in &schema::PLACES {
            assert!(flowing.contains(&format!("{}: {}", place.path, place.holds)), "{}", place.path);
        }
        for said in
            ["2026-11-23", "cells: 1234 at present", "chunks: 7 at present", "for at most 14 days", "relay.example.org"]
        {
            assert!(flowing.contains(said), "{said}: {letter}");
        }
        assert!(flowing.contains("2026-11-22 1200 3 5000000 2026-11-23 34 4 70000"), "{letter}");
        assert!(letter.lines().all(|line| line.chars().count() <= WIDTH), "{letter}");
    }
}
