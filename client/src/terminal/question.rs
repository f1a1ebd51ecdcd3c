//! Questions that are answered by a number: what was typed, and what it means.

use std::io::{self, Read};

/// The most bytes of a line that are kept.
const LINE_MAX: usize = 4_096;

/// The number that somebody typed, from 1 to `count`; 1 for an empty line, `None` for anything else.
///
/// Digits of Arabic and Persian keyboards count like others.
pub fn number(typed: &str, count: usize) -> Option<usize> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Some(1).filter(|_| count > 0);
    }
    let digits: String = typed.chars().map(plain_digit).collect();
    let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    (1..=count).contains(&number).then_some(number)
}

/// A line without its end; `None` at the end of the input. What is longer than a line may be is cut off.
pub fn read_line(input: &mut dyn Read) -> io::Result<Option<String>> {
    let (mut line, mut ended) = (Vec::new(), true);
    let mut byte = [0];
    while input.read(&mut byte)? == 1 {
        let [byte] = byte;
        ended = false;
        if byte == b'\n' {
            break;
        }
        if line.len() < LINE_MAX {
            line.push(byte);
        }
    }
    Ok((!ended).then(|| String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()))
}

/// `٣` and `۳` are 3.
fn plain_digit(c: char) -> char {
    let digit = match c {
        '\u{660}'..='\u{669}' => u32::from(c) - 0x660,
        '\u{6F0}'..='\u{6F9}' => u32::from(c) - 0x6F0,
        _ => return c,
    };
    char::from_digit(digit, 10).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_number_in_every_script() {
        for (typed, expected) in [("", Some(1)), (" 3 ", Some(3)), ("٣", Some(3)), ("۳", Some(3)), ("۱۰", None)] {
            assert_eq!(number(typed, 9), expected, "{typed:?}");
        }
        for typed in ["0", "10", "+3", "-1", "x", "3.", "1 2", "99999999999999999999999"] {
            assert_eq!(number(typed, 9), None, "{typed:?}");
        }
        assert_eq!(number("", 0), None);
    }

    #[test]
    fn lines_end_where_they_end() {
        let mut input: &[u8] = b"one\r\n\n\xFFtwo";
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "", "\u{FFFD}two"]);
        let long = "x".repeat(LINE_MAX + 5);
        assert_eq!(read_line(&mut long.as_bytes()).unwrap().map(|line| line.len()), Some(LINE_MAX));
    }
}
