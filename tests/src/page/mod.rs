//! A page of the documentation, followed as a reader follows it: each command as it is printed, in the page's order.
//!
//! Commands stand in blocks of `sh`, one a line, with a comment behind ` # `. Somebody else's begin with a name, as in
//! `sara: himaya inbox`. A block of `text` behind them is what the last of them prints; `…` in it stands for lines that are
//! left out. Words in capitals are what a reader copies out of what was printed before.

mod copied;
mod reader;

pub use copied::{Copied, Which};
pub use reader::Reader;

/// One command of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who types it, where the page names somebody.
    pub who: Option<String>,
    /// Which program.
    pub program: String,
    /// Its words.
    pub words: Vec<String>,
    /// What the page quotes of what it prints, line by line.
    pub quoted: Vec<String>,
}

/// The commands of a page, or of a part of one.
pub fn lines(page: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut block = None;
    for text in page.lines() {
        match (block, text.strip_prefix("```")) {
            (None, Some(kind)) => block = Some(kind),
            (Some(_), Some(_)) => block = None,
            (Some("sh"), None) => lines.extend(line(text)),
            (Some("text"), None) => {
                if let Some(last) = lines.last_mut() {
                    last.quoted.push(text.to_owned());
                }
            }
            (Some(_) | None, None) => (),
        }
    }
    lines
}

fn line(text: &str) -> Option<Line> {
    let text = text.split_once(" # ").map_or(text, |(command, _)| command);
    let named = text.split_once(": ").filter(|(who, _)| who.bytes().all(|b| b.is_ascii_lowercase()));
    let (who, command) = named.map_or((None, text), |(who, command)| (Some(who.to_owned()), command));
    let mut words = words(command).into_iter();
    Some(Line { who, program: words.next()?, words: words.collect(), quoted: Vec::new() })
}

/// Words as a shell divides them; quotes keep what is between them together.
pub fn words(line: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Type:\n\n```sh\nhimaya card new  # one\nsara: himaya ack ID --note \"at once: I come\"\n```\n\n\
                        ```text\nIt is said.\n…\n```\n\n```json\n{}\n```\n";

    #[test]
    fn a_page_is_its_commands_and_what_it_quotes() {
        let found = lines(PAGE);
        let said: Vec<_> = found.iter().map(|line| (line.who.as_deref(), line.words.join("|"))).collect();
        assert_eq!(said, [(None, "card|new".to_owned()), (Some("sara"), "ack|ID|--note|at once: I come".to_owned())]);
        assert!(found.iter().all(|line| line.program == "himaya"));
        assert_eq!(found.last().map(|line| line.quoted.join("|")).as_deref(), Some("It is said.|…"));
    }
}
