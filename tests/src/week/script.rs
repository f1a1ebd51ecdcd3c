//! The script: one line is one thing that somebody does, or that must be true then.

use anyhow::{Context as _, bail};

/// One line.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) what: What,
}

/// What a line says.
pub(super) enum What {
    /// Somebody does something, at a minute of the week.
    Does { minute: u64, name: String, words: Vec<String> },
    /// Something must be true.
    Expect { minute: Option<u64>, words: Vec<String> },
    /// So many days go by.
    Later(u64),
}

/// Reads a script; what is no line of it is an error with its number.
pub(super) fn parse(script: &str) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (n, text) in script.lines().enumerate() {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let what = line(text).with_context(|| format!("line {}: {text}", n + 1))?;
        lines.push(Line { number: n + 1, text: text.to_owned(), what });
    }
    Ok(lines)
}

fn line(text: &str) -> anyhow::Result<What> {
    let words = words(text);
    let of = |words: &[String]| words.to_vec();
    match words.as_slice() {
        [later, days, _] if later == "later" => Ok(What::Later(days.parse()?)),
        [expect, rest @ ..] if expect == "expect" => Ok(What::Expect { minute: None, words: of(rest) }),
        [day, time, expect, rest @ ..] if expect == "expect" => {
            Ok(What::Expect { minute: Some(minute(day, time)?), words: of(rest) })
        }
        [day, time, name, rest @ ..] => {
            Ok(What::Does { minute: minute(day, time)?, name: name.clone(), words: of(rest) })
        }
        _ => bail!("this is no line of a script"),
    }
}

/// Words; quotes keep what is between them together.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in text.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The minute of the week.
fn minute(day: &str, time: &str) -> anyhow::Result<u64> {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let day = days.iter().position(|known| *known == day).with_context(|| format!("{day} is no day"))?;
    Ok(u64::try_from(day)? * 1_440 + self::time(time)?)
}

/// The minute of the day.
pub(super) fn time(time: &str) -> anyhow::Result<u64> {
    let (hours, minutes) = time.split_once(':').with_context(|| format!("{time} is no time"))?;
    let (hours, minutes): (u64, u64) = (hours.parse()?, minutes.parse()?);
    Ok(hours * 60 + minutes)
}
